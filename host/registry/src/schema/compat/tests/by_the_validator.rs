//! What is told is compared with what a validator lets pass.

use super::*;
use proptest::prelude::*;

fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        (0..4).prop_map(|n| json!(n)),
        Just(json!(1.5)),
        prop::sample::select(vec!["", "a", "ab"]).prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
    .boxed()
}

fn name() -> impl Strategy<Value = String> + Clone {
    prop::sample::select(vec!["a", "b", "ab"]).prop_map(str::to_owned)
}

fn schema() -> BoxedStrategy<Value> {
    let kinds = prop::sample::select(vec![
        json!("string"),
        json!("integer"),
        json!("number"),
        json!("null"),
        json!("object"),
        json!("array"),
        json!(["string", "null"]),
        json!(["object", "integer"]),
    ]);
    let number = prop::sample::select(vec![json!(0), json!(1), json!(2), json!(1.5)]);
    let keyword = prop_oneof![
        kinds.prop_map(|kind| ("type", kind)),
        number.clone().prop_map(|n| ("minimum", n)),
        number.prop_map(|n| ("exclusiveMaximum", n)),
        (0..3).prop_map(|n| ("maxLength", json!(n))),
        (0..2).prop_map(|n| ("minItems", json!(n))),
        (0..2).prop_map(|n| ("minProperties", json!(n))),
        prop::collection::vec(value(), 1..3).prop_map(|all| ("enum", Value::from(all))),
        value().prop_map(|value| ("const", value)),
        Just(("pattern", json!("a"))),
        Just(("uniqueItems", json!(true))),
        prop::collection::btree_set(name(), 0..2).prop_map(|all| ("required", json!(all))),
    ];
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(Value::from),
        8 => prop::collection::vec(keyword.clone(), 0..3).prop_map(object),
    ];
    leaf.prop_recursive(3, 24, 3, move |inner| {
        let list = prop::collection::vec(inner.clone(), 1..3).prop_map(Value::from);
        let map = prop::collection::btree_map(name(), inner.clone(), 1..3).prop_map(|map| json!(map));
        let nested = prop_oneof![
            3 => map.clone().prop_map(|map| ("properties", map)),
            2 => inner.clone().prop_map(|one| ("additionalProperties", one)),
            1 => map.clone().prop_map(|map| ("patternProperties", map)),
            1 => Just(("unevaluatedProperties", json!(false))),
            2 => inner.clone().prop_map(|one| ("items", one)),
            1 => list.clone().prop_map(|list| ("prefixItems", list)),
            2 => list.clone().prop_map(|list| ("anyOf", list)),
            2 => list.clone().prop_map(|list| ("oneOf", list)),
            1 => list.prop_map(|list| ("allOf", list)),
            1 => inner.clone().prop_map(|one| ("not", one)),
            1 => inner.clone().prop_map(|one| ("if", one)),
            1 => inner.clone().prop_map(|one| ("then", one)),
            1 => inner.clone().prop_map(|one| ("else", one)),
            1 => inner.clone().prop_map(|one| ("contains", one)),
            1 => inner.clone().prop_map(|one| ("propertyNames", one)),
            1 => map.prop_map(|map| ("dependentSchemas", map)),
            6 => keyword.clone(),
        ];
        prop::collection::vec(nested, 0..4).prop_map(object)
    })
    .boxed()
}

fn object(keywords: Vec<(&'static str, Value)>) -> Value {
    Value::Object(
        keywords
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

/// A schema, and one that was made of it by a few changes, so that they have much in common.
fn pair() -> impl Strategy<Value = (Value, Value)> {
    (schema(), schema(), any::<prop::sample::Index>(), any::<bool>()).prop_map(|(old, other, at, graft)| {
        let mut places = Vec::new();
        collect(&old, String::new(), &mut places);
        let mut new = old.clone();
        if graft && let Some(place) = new.pointer_mut(&places[at.index(places.len())]) {
            match (place, &other) {
                // Some keywords more, or others.
                (Value::Object(map), Value::Object(other)) if at.index(2) == 0 => {
                    map.extend(other.clone());
                }
                (place, other) => *place = other.clone(),
            }
        } else if !graft {
            new = other;
        }
        (old, new)
    })
}

/// The places of subschemas.
fn collect(schema: &Value, at: String, places: &mut Vec<String>) {
    places.push(at.clone());
    let Value::Object(map) = schema else { return };
    for (key, value) in map {
        let at = format!("{at}/{key}");
        match (key.as_str(), value) {
            ("properties" | "patternProperties" | "dependentSchemas", Value::Object(inner)) => {
                for (name, value) in inner {
                    collect(value, format!("{at}/{name}"), places);
                }
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(list)) => {
                for (n, value) in list.iter().enumerate() {
                    collect(value, format!("{at}/{n}"), places);
                }
            }
            ("const" | "enum" | "type" | "required", _) => {}
            (_, value @ Value::Object(_)) => collect(value, at, places),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compatible_is_true((old, new) in pair(), values in prop::collection::vec(value(), 1..40)) {
        let (Ok(before), Ok(after)) = (jsonschema::validator_for(&old), jsonschema::validator_for(&new)) else {
            return Ok(());
        };
        let told = compare(&old, &new, Direction::Input);
        // The one thing that is judged as people do.
        let lenient = told.iter().any(|change| change.what.contains("it is new, and optional"));
        let (callers, readers) = means(&old, &new);
        for value in &values {
            let (fitted, fits) = (before.is_valid(value), after.is_valid(value));
            if callers == Verdict::Compatible && !lenient {
                prop_assert!(!fitted || fits, "{} to {}: {} does not fit any more", old, new, value);
            }
            if readers == Verdict::Compatible && !lenient {
                prop_assert!(fitted || !fits, "{} to {}: {} fits now", old, new, value);
            }
        }
    }
}
