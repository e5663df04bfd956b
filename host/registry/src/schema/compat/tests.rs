//! What breaks whom, and that nothing ends the comparison.

use super::*;
use serde_json::json;

/// What a change means for those who send such values, and for those who read them.
type Means = (Verdict, Verdict);

const NOBODY: Means = (Verdict::Compatible, Verdict::Compatible);
const CALLERS: Means = (Verdict::Breaking, Verdict::Compatible);
const READERS: Means = (Verdict::Compatible, Verdict::Breaking);
const BOTH: Means = (Verdict::Breaking, Verdict::Breaking);
const UNSURE: Means = (Verdict::Unknown, Verdict::Unknown);
/// It may be narrower, and is not wider.
const PERHAPS_CALLERS: Means = (Verdict::Unknown, Verdict::Compatible);
const PERHAPS_READERS: Means = (Verdict::Compatible, Verdict::Unknown);

fn means(old: &Value, new: &Value) -> Means {
    let worst = |direction| {
        compare(old, new, direction)
            .iter()
            .map(|change| change.verdict)
            .max()
            .unwrap_or(Verdict::Compatible)
    };
    (worst(Direction::Input), worst(Direction::Output))
}

/// Checks a change, and the same one backwards.
fn check(old: Value, new: Value, there: Means, back: Means) {
    assert_eq!(means(&old, &new), there, "{old} to {new}");
    assert_eq!(means(&new, &old), back, "{new} to {old}");
    let told = compare(&old, &new, Direction::Input);
    assert!(!told.is_empty(), "{old} to {new}");
    for change in told {
        assert!(!change.what.is_empty() && change.what.len() < 1000, "{change:?}");
    }
}

#[test]
fn bounds_of_a_value() {
    for (wide, narrow) in [
        (json!({}), json!({ "type": "string" })),
        (json!({ "type": ["string", "null"] }), json!({ "type": "string" })),
        (json!({ "type": "number" }), json!({ "type": "integer" })),
        (json!({ "enum": ["a", "b"] }), json!({ "enum": ["b"] })),
        (json!({ "enum": ["a", "b"] }), json!({ "const": "b" })),
        (json!({}), json!({ "const": 1 })),
        (json!({ "minimum": 1 }), json!({ "minimum": 2 })),
        (json!({ "minimum": 1 }), json!({ "minimum": 1.5 })),
        (
            json!({ "minimum": 9_007_199_254_740_992u64 }),
            json!({ "minimum": 9_007_199_254_740_993u64 }),
        ),
        (json!({}), json!({ "maximum": 2 })),
        (json!({ "exclusiveMaximum": 3 }), json!({ "exclusiveMaximum": 2 })),
        (json!({ "maxLength": 3 }), json!({ "maxLength": 2 })),
        (json!({ "minItems": 0 }), json!({ "minItems": 1 })),
        (json!({ "multipleOf": 2 }), json!({ "multipleOf": 4 })),
        (json!({}), json!({ "multipleOf": 0.1 })),
        (json!({}), json!({ "pattern": "^a" })),
        (json!({}), json!({ "allOf": [{ "minimum": 1 }] })),
        (json!({ "enum": [1, 2] }), json!({ "enum": [1.0] })),
        (json!({ "minLength": 0 }), json!({ "minLength": 1 })),
        (json!({ "type": "string" }), json!({ "enum": ["a"] })),
        (json!({ "uniqueItems": false }), json!({ "uniqueItems": true })),
        (
            json!({ "items": { "type": "number" } }),
            json!({ "items": { "type": "integer" } }),
        ),
        (json!({}), json!({ "items": { "type": "integer" } })),
        (
            json!({ "prefixItems": [true] }),
            json!({ "prefixItems": [{ "type": "string" }] }),
        ),
        (
            json!({ "allOf": [{ "minimum": 1 }] }),
            json!({ "allOf": [{ "minimum": 2 }] }),
        ),
        (
            json!({ "anyOf": [{ "type": "null" }, { "type": "string" }] }),
            json!({ "anyOf": [{ "type": "null" }] }),
        ),
        (
            json!({ "anyOf": [{ "minimum": 1 }] }),
            json!({ "anyOf": [{ "minimum": 2 }] }),
        ),
        (json!(true), json!(false)),
        (json!({ "type": "string" }), json!(false)),
    ] {
        check(wide, narrow, CALLERS, READERS);
    }
}

#[test]
fn members_of_an_object() {
    let closed = |properties: Value| json!({ "properties": properties, "additionalProperties": false });
    for (old, new, there, back) in [
        // New, and needed.
        (
            json!({}),
            json!({ "properties": { "a": {} }, "required": ["a"] }),
            CALLERS,
            READERS,
        ),
        (
            closed(json!({})),
            json!({ "properties": { "a": {} }, "required": ["a"], "additionalProperties": false }),
            BOTH,
            BOTH,
        ),
        // New, and optional.
        (
            json!({}),
            json!({ "properties": { "a": { "type": "string" } } }),
            NOBODY,
            READERS,
        ),
        (closed(json!({})), closed(json!({ "a": {} })), READERS, CALLERS),
        // There all along.
        (
            json!({ "properties": { "a": {} } }),
            json!({ "properties": { "a": {} }, "required": ["a"] }),
            CALLERS,
            READERS,
        ),
        (
            json!({ "required": [] }),
            json!({ "required": ["a"] }),
            CALLERS,
            READERS,
        ),
        (
            json!({ "properties": { "a": { "type": "number" } } }),
            json!({ "properties": { "a": { "type": "integer" } } }),
            CALLERS,
            READERS,
        ),
        // The others.
        (
            json!({}),
            json!({ "additionalProperties": false }),
            CALLERS,
            READERS,
        ),
        (
            json!({}),
            json!({ "additionalProperties": { "type": "string" } }),
            CALLERS,
            READERS,
        ),
        (
            json!({ "additionalProperties": { "type": "string" } }),
            json!({ "properties": { "a": { "type": "integer" } }, "additionalProperties": { "type": "string" } }),
            BOTH,
            BOTH,
        ),
        (
            json!({ "additionalProperties": { "type": "number" } }),
            json!({ "properties": { "a": { "type": "integer" } }, "additionalProperties": { "type": "number" } }),
            CALLERS,
            READERS,
        ),
    ] {
        check(old, new, there, back);
    }
}

#[test]
fn what_is_for_readers_breaks_nobody() {
    for (old, new) in [
        (json!({ "description": "a" }), json!({ "description": "b" })),
        (json!({}), json!({ "title": "b" })),
        (json!({ "default": 1 }), json!({ "default": 2 })),
        (
            json!({ "oneOf": [{ "const": 1, "description": "a" }] }),
            json!({ "oneOf": [{ "const": 1, "description": "b" }] }),
        ),
        (
            json!({ "not": { "const": 1, "title": "a" } }),
            json!({ "not": { "const": 1, "title": "b" } }),
        ),
    ] {
        check(old, new, NOBODY, NOBODY);
    }
    // A property may have the name of a keyword.
    let named = |kind: &str| json!({ "properties": { "description": { "type": kind } } });
    check(named("string"), named("integer"), BOTH, BOTH);
}

#[test]
fn what_can_not_be_told_is_unknown() {
    for (old, new) in [
        (json!({ "type": "string" }), json!({ "type": 5 })),
        (
            json!({ "minimum": 9_007_199_254_740_993u64 }),
            json!({ "minimum": 9_007_199_254_740_992.0 }),
        ),
        (json!({ "format": "date" }), json!({ "format": "time" })),
        (
            json!({ "properties": { "a": { "$id": "x" } }, "minimum": 1 }),
            json!({ "properties": { "a": { "$id": "x" } } }),
        ),
        // What is said of names by their form counts for new and old ones.
        (
            json!({ "patternProperties": { "a": {} }, "additionalProperties": false }),
            json!({ "patternProperties": { "a": {} }, "additionalProperties": false, "properties": { "ab": {} } }),
        ),
        (
            json!({ "patternProperties": {} }),
            json!({ "patternProperties": { "a": {} } }),
        ),
        // What looks at all beside it.
        (
            json!({ "unevaluatedProperties": false }),
            json!({ "unevaluatedProperties": false, "properties": { "a": {} } }),
        ),
        (
            json!({ "unevaluatedProperties": false, "$ref": "#/$defs/a", "$defs": { "a": {} } }),
            json!({ "unevaluatedProperties": false, "$ref": "#/$defs/a", "$defs": { "a": { "minimum": 1 } } }),
        ),
        // A property that is new is no harmless addition below `not`.
        (
            json!({ "not": { "properties": {} } }),
            json!({ "not": { "properties": { "a": { "type": "string" } } } }),
        ),
        (json!({}), json!({ "contains": {} })),
        (json!({ "pattern": "a" }), json!({ "pattern": "b" })),
        (json!({ "multipleOf": 2 }), json!({ "multipleOf": 3 })),
        (json!({ "minimum": "text" }), json!({ "minimum": 3 })),
        (
            json!({ "oneOf": [{ "minimum": 1 }, { "maximum": 9 }] }),
            json!({ "oneOf": [{ "minimum": 2 }, { "maximum": 9 }] }),
        ),
        (
            json!({ "oneOf": [{ "minimum": 1 }] }),
            json!({ "oneOf": [{ "minimum": 1 }, { "type": "string" }] }),
        ),
        (json!({ "not": { "type": "string" } }), json!({ "not": {} })),
        (
            json!({ "patternProperties": { "a": {} } }),
            json!({ "patternProperties": { "b": {} } }),
        ),
        (
            json!({ "if": { "minimum": 1 } }),
            json!({ "if": { "minimum": 2 } }),
        ),
        (json!({ "minContains": 1 }), json!({ "minContains": 2 })),
        (
            json!({ "prefixItems": [true] }),
            json!({ "prefixItems": [true, true] }),
        ),
        (json!({ "items": [{}] }), json!({ "items": {} })),
        (
            json!({ "unevaluatedProperties": true }),
            json!({ "unevaluatedProperties": false }),
        ),
        (json!({}), json!({ "madeUp": 1 })),
        (json!({ "$schema": "a" }), json!({ "$schema": "b" })),
        (json!({}), json!(5)),
        (
            json!({ "$ref": "#/$defs/a" }),
            json!({ "$ref": "https://example.com/a" }),
        ),
    ] {
        check(old, new, UNSURE, UNSURE);
    }
}

#[test]
fn references_are_followed() {
    let uses = |target: Value| {
        json!({
            "properties": { "a": { "$ref": "#/$defs/a" } },
            "$defs": { "a": target, "unused": true },
        })
    };
    check(
        uses(json!({ "type": "number" })),
        uses(json!({ "type": "integer" })),
        CALLERS,
        READERS,
    );
    // The same, written out.
    let inline = json!({ "properties": { "a": { "type": "number" } } });
    assert!(compare(&inline, &uses(json!({ "type": "number" })), Direction::Input).is_empty());
    check(inline, uses(json!({ "type": "integer" })), CALLERS, READERS);
    // In what is entangled, all that differs counts.
    let not = |kind: &str| json!({ "not": { "$ref": "#/$defs/a" }, "$defs": { "a": { "type": kind } } });
    check(not("number"), not("integer"), UNSURE, UNSURE);
    // What stands beside a reference counts too.
    let beside =
        |least: u8| json!({ "$ref": "#/$defs/a", "minimum": least, "$defs": { "a": { "type": "number" } } });
    check(beside(1), beside(2), CALLERS, READERS);
    // Only what is used counts.
    let mut other = uses(json!({}));
    other["$defs"]["unused"] = json!(false);
    assert!(compare(&uses(json!({})), &other, Direction::Input).is_empty());
}

#[test]
fn the_place_and_the_change_are_told() {
    let old =
        json!({ "properties": { "list": { "items": { "properties": { "a/b": { "maxLength": 5 } } } } } });
    let new =
        json!({ "properties": { "list": { "items": { "properties": { "a/b": { "maxLength": 4 } } } } } });
    let [change] = compare(&old, &new, Direction::Input).try_into().unwrap();
    assert_eq!(
        (change.path.as_str(), change.what.as_str()),
        ("/list/*/a~1b", "`maxLength` is 4, and was 5")
    );
    for (old, new, what) in [
        (
            json!({ "type": ["integer", "null"] }),
            json!({ "type": "integer" }),
            "it is a whole number, and was a whole number or null",
        ),
        (
            json!({ "enum": ["a"] }),
            json!({ "enum": ["b"] }),
            "it may not be \"a\" any more; it may be \"b\"",
        ),
        (
            json!({ "default": 1 }),
            json!({ "default": 2 }),
            "where it is left out, 2 is meant, and no longer 1",
        ),
    ] {
        assert_eq!(compare(&old, &new, Direction::Input)[0].what, what);
    }
}

#[test]
fn nothing_makes_it_endless() {
    // Recursive ones, in step and out of step.
    let list = |kind: &str| {
        json!({
            "$ref": "#/$defs/node",
            "$defs": { "node": { "properties": { "value": { "type": kind }, "next": { "$ref": "#/$defs/node" } } } },
        })
    };
    let told = compare(&list("number"), &list("integer"), Direction::Input);
    assert_eq!(told.len(), 1, "{told:?}");
    let circle = json!({ "$ref": "#" });
    assert!(means(&circle, &json!({ "$ref": "#", "minimum": 1 })) != NOBODY);
    let out_of_step = json!({
        "$ref": "#/$defs/a",
        "$defs": { "a": { "items": { "$ref": "#/$defs/b" } }, "b": { "items": { "$ref": "#/$defs/a" } }, "c": 1 },
    });
    let written = json!({ "items": { "$ref": "#" } });
    compare(&out_of_step, &written, Direction::Input);
    // References that multiply.
    let bomb = |end: &str| {
        let mut defs = serde_json::Map::new();
        for n in 0..50 {
            let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
            defs.insert(
                format!("d{n}"),
                json!({ "not": { "allOf": [next.clone(), next.clone(), next] } }),
            );
        }
        defs.insert("d50".to_owned(), json!({ "type": end }));
        json!({ "$ref": "#/$defs/d0", "$defs": defs })
    };
    check(bomb("string"), bomb("integer"), UNSURE, UNSURE);
    // Deep, and wide.
    let deep = |end: &str| (0..1000).fold(json!({ "type": end }), |inner, _| json!({ "items": inner }));
    check(deep("string"), deep("integer"), UNSURE, UNSURE);
    let wide = |kind: &str| {
        let all: serde_json::Map<_, _> = (0..5000)
            .map(|n| (format!("p{n}"), json!({ "type": kind })))
            .collect();
        json!({ "properties": all })
    };
    let told = compare(&wide("string"), &wide("integer"), Direction::Input);
    assert_eq!(told.len(), MAX_CHANGES + 1);
    let (last, told) = told.split_last().unwrap();
    assert!(told.iter().all(|change| change.verdict == Verdict::Breaking));
    assert_eq!(last.verdict, Verdict::Unknown);
}

#[test]
fn the_same_is_no_change() {
    let schema = json!({ "properties": { "a": { "type": "string" } }, "required": ["a"] });
    assert!(compare(&schema, &schema, Direction::Input).is_empty());
    let turned = json!({ "required": ["a"], "properties": { "a": { "type": ["string"] } }, "additionalProperties": true });
    assert!(compare(&schema, &turned, Direction::Output).is_empty());
}

#[test]
fn alternatives_are_told_apart() {
    let tagged = |names: &[&str]| -> Value {
        names
            .iter()
            .map(|name| {
                json!({ "type": "object", "properties": { "kind": { "const": name } }, "required": ["kind"] })
            })
            .collect()
    };
    for key in ["anyOf", "oneOf"] {
        let of = |alternatives: Value| json!({ key: alternatives });
        for (wide, narrow) in [
            (
                json!([{ "type": "string" }, { "type": "null" }]),
                json!([{ "type": "string" }]),
            ),
            (
                json!([{ "type": "string" }, { "type": "null" }]),
                json!([{ "type": "null" }, { "type": "string", "maxLength": 3 }]),
            ),
            (
                json!([{ "const": "a" }, { "const": "b" }]),
                json!([{ "const": "b" }]),
            ),
            (tagged(&["a", "b", "c"]), tagged(&["c", "a"])),
        ] {
            check(of(wide), of(narrow), CALLERS, READERS);
        }
        let turned = [of(tagged(&["a", "b"])), of(tagged(&["b", "a"]))];
        assert_eq!(compare(&turned[0], &turned[1], Direction::Input), []);
    }
    for (old, new, there, back) in [
        // What one lost another one has.
        (
            json!({ "anyOf": [{ "type": ["integer", "null"] }, { "type": "string" }] }),
            json!({ "anyOf": [{ "type": "integer" }, { "type": ["string", "null"] }] }),
            UNSURE,
            UNSURE,
        ),
        (
            json!({ "anyOf": [{ "minimum": 1 }, { "maximum": 9 }] }),
            json!({ "anyOf": [{ "minimum": 2 }, { "maximum": 9 }] }),
            PERHAPS_CALLERS,
            PERHAPS_READERS,
        ),
        (
            json!({}),
            json!({ "anyOf": [{ "type": "null" }] }),
            PERHAPS_CALLERS,
            PERHAPS_READERS,
        ),
        (json!({}), json!({ "not": {} }), PERHAPS_CALLERS, PERHAPS_READERS),
        (
            json!({}),
            json!({ "format": "date" }),
            PERHAPS_CALLERS,
            PERHAPS_READERS,
        ),
        (
            json!({ "type": "string" }),
            json!({ "type": "integer" }),
            BOTH,
            BOTH,
        ),
        (
            json!({ "enum": ["a", "b"] }),
            json!({ "enum": ["b", "c"] }),
            BOTH,
            BOTH,
        ),
    ] {
        check(old, new, there, back);
    }
    // One that is a reference, to what has changed.
    let nullable = |kind: &str| json!({ "anyOf": [{ "$ref": "#/$defs/a" }, { "type": "null" }], "$defs": { "a": { "type": kind } } });
    check(nullable("number"), nullable("integer"), CALLERS, READERS);
    // A recursive one, changed elsewhere.
    let tree = |about: &str| {
        json!({
            "description": about,
            "oneOf": [{ "type": "string" }, { "minLength": 3 }, { "items": { "$ref": "#" } }],
        })
    };
    check(tree("a"), tree("b"), NOBODY, NOBODY);
}

#[test]
fn numbers_that_are_the_same_are_no_change() {
    for (old, new) in [
        (json!({ "minimum": 1 }), json!({ "minimum": 1.0 })),
        (json!({ "enum": [1, [2]] }), json!({ "enum": [[2.0], 1.0] })),
        (json!({}), json!({ "minItems": 0 })),
    ] {
        assert_eq!(compare(&old, &new, Direction::Input), [], "{old} to {new}");
    }
}

mod by_the_validator;
