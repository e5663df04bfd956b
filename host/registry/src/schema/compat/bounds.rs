//! Keywords that bound a value by themselves: types, lists of values, ranges, patterns.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Effect, changed, shown};

/// What a change of a keyword does, if it is one. Keywords that mean something together are told at the first of them.
pub(super) fn compare(
    key: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> Option<(String, Effect)> {
    let (mut before, mut after) = (old.get(key), new.get(key));
    if matches!(key, "minLength" | "minItems" | "minProperties") {
        // Nothing has fewer than none.
        before = before.filter(|least| least.as_u64() != Some(0));
        after = after.filter(|least| least.as_u64() != Some(0));
    }
    match key {
        "type" => types(old, new),
        "enum" | "const" => values(key, old, new),
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" | "minContains" => {
            bound(key, before, after, Ordering::Greater)
        }
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" | "maxContains" => {
            bound(key, before, after, Ordering::Less)
        }
        "multipleOf" => multiple(before, after),
        "uniqueItems" => {
            let is = |value: Option<&Value>| value.is_some_and(|value| *value == Value::Bool(true));
            match (is(before), is(after)) {
                (false, true) => Some((
                    "no two elements may be the same any more".to_owned(),
                    Effect::NARROWER,
                )),
                (true, false) => Some(("elements may be the same now".to_owned(), Effect::WIDER)),
                _ => None,
            }
        }
        // Whether a format is checked or only told is up to whoever reads the schema.
        "pattern" | "format" => match (before, after) {
            (None, Some(after)) => Some((
                format!("its text must fit the {key} {}", shown(after)),
                if key == "format" {
                    Effect::NARROWER.perhaps()
                } else {
                    Effect::NARROWER
                },
            )),
            (Some(before), None) => Some((
                format!("its text need not fit the {key} {} any more", shown(before)),
                if key == "format" {
                    Effect::WIDER.perhaps()
                } else {
                    Effect::WIDER
                },
            )),
            (Some(before), Some(after)) if before != after => Some((
                format!(
                    "its text must fit the {key} {}, and no longer {}",
                    shown(after),
                    shown(before)
                ),
                Effect::UNKNOWN,
            )),
            _ => None,
        },
        // How many elements `contains` is about, and anything that this program does not know.
        _ => (before != after).then(|| (changed(key), Effect::UNKNOWN)),
    }
}

/// The effect of the two ways in which a set of values can change.
fn effect(narrower: bool, wider: bool) -> Option<Effect> {
    match (narrower, wider) {
        (true, true) => Some(Effect::BOTH),
        (true, false) => Some(Effect::NARROWER),
        (false, true) => Some(Effect::WIDER),
        (false, false) => None,
    }
}

/// All types. A whole number is a number, too.
const ALL: [&str; 7] = [
    "array", "boolean", "integer", "null", "number", "object", "string",
];

/// The types that a schema lets pass; none where its `type` is no such keyword's value. Where there is none, a list of values
/// tells them as well.
pub(super) fn kinds(schema: &Map<String, Value>) -> Option<BTreeSet<&str>> {
    let mut kinds: BTreeSet<&str> = match schema.get("type") {
        None => match (schema.get("const"), schema.get("enum")) {
            (Some(one), _) => BTreeSet::from([kind(one)]),
            (None, Some(Value::Array(list))) => list.iter().map(kind).collect(),
            _ => ALL.into(),
        },
        Some(Value::String(one)) => BTreeSet::from([one.as_str()]),
        Some(Value::Array(list)) => list.iter().map(Value::as_str).collect::<Option<_>>()?,
        Some(_) => return None,
    };
    if kinds.contains("number") {
        kinds.insert("integer");
    }
    Some(kinds)
}

/// The narrowest type of a value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() != 0.0) => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn types(old: &Map<String, Value>, new: &Map<String, Value>) -> Option<(String, Effect)> {
    let (before, after) = (old.get("type"), new.get("type"));
    let (Some(old), Some(new)) = (kinds(old), kinds(new)) else {
        return (before != after).then(|| (changed("type"), Effect::UNKNOWN));
    };
    let effect = effect(!old.is_subset(&new), !new.is_subset(&old))?;
    let words = |set: &BTreeSet<&str>| match set {
        set if set.len() == ALL.len() => "of any type".to_owned(),
        set => {
            let hidden = set.contains("number");
            let words = set
                .iter()
                .filter(|one| !(hidden && **one == "integer"))
                .map(|one| word(one));
            words.collect::<Vec<_>>().join(" or ")
        }
    };
    Some((format!("it is {}, and was {}", words(&new), words(&old)), effect))
}

/// A type as people say it.
fn word(kind: &str) -> &str {
    match kind {
        "array" => "a list",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "null" => "null",
        "number" => "a number",
        "object" => "an object",
        "string" => "a text",
        _ => "of a type that is unknown",
    }
}

/// Most values of a list that are compared; they are compared each with each.
const MOST_VALUES: usize = 1000;

/// Lists of values; a constant is a list of one.
fn values(key: &str, old: &Map<String, Value>, new: &Map<String, Value>) -> Option<(String, Effect)> {
    // Where both are there, both must hold, and few schemas have that.
    let both = |schema: &Map<String, Value>| schema.contains_key("enum") && schema.contains_key("const");
    if both(old) || both(new) {
        return (old.get(key) != new.get(key)).then(|| (changed(key), Effect::UNKNOWN));
    }
    let second = key == "const" && (old.contains_key("enum") || new.contains_key("enum"));
    if second {
        return None;
    }
    fn set(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
        match (schema.get("const"), schema.get("enum")) {
            (Some(one), _) => Some(vec![one]),
            (None, Some(Value::Array(list))) => Some(list.iter().collect()),
            _ => None,
        }
    }
    fn told<'v>(values: impl IntoIterator<Item = &'v Value>) -> String {
        let shown: Vec<String> = values.into_iter().take(10).map(shown).collect();
        shown.join(", ")
    }
    match (set(old), set(new)) {
        (None, Some(new)) => Some((format!("it is one of {} only", told(new)), Effect::NARROWER)),
        (Some(_), None) => Some(("it is no longer one of a list".to_owned(), Effect::WIDER)),
        (Some(old), Some(new)) => {
            if old.len() > MOST_VALUES || new.len() > MOST_VALUES {
                return (old != new).then(|| (changed(key), Effect::UNKNOWN));
            }
            let lacking = |these: &[&'_ Value], others: &[&Value]| -> Vec<Value> {
                let there = |value: &Value| others.iter().any(|other| same(value, other));
                these
                    .iter()
                    .filter(|value| !there(value))
                    .map(|value| (*value).clone())
                    .collect()
            };
            let gone = lacking(&old, &new);
            let added = lacking(&new, &old);
            let effect = effect(!gone.is_empty(), !added.is_empty())?;
            let mut parts = Vec::new();
            if !gone.is_empty() {
                parts.push(format!("it may not be {} any more", told(&gone)));
            }
            if !added.is_empty() {
                parts.push(format!("it may be {}", told(&added)));
            }
            Some((parts.join("; "), effect))
        }
        (None, None) => None,
    }
}

/// A bound that is tighter when it is on this side of the other.
fn bound(
    key: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    tighter: Ordering,
) -> Option<(String, Effect)> {
    if before == after {
        return None;
    }
    let what = match (before, after) {
        (None, Some(after)) => format!("`{key}` is {}", shown(after)),
        (Some(before), None) => format!("`{key}` is no longer {}", shown(before)),
        (Some(before), Some(after)) => format!("`{key}` is {}, and was {}", shown(after), shown(before)),
        (None, None) => return None,
    };
    // How many elements must fit `contains` is a question of that.
    let effect = if key.ends_with("Contains") {
        Effect::UNKNOWN
    } else {
        match (before.map(number), after.map(number)) {
            (None, Some(Some(_))) => Effect::NARROWER,
            (Some(Some(_)), None) => Effect::WIDER,
            (Some(Some(before)), Some(Some(after))) => match compare_numbers(&after, &before) {
                Some(Ordering::Equal) => return None,
                Some(order) if order == tighter => Effect::NARROWER,
                Some(_) => Effect::WIDER,
                None => Effect::UNKNOWN,
            },
            _ => Effect::UNKNOWN,
        }
    };
    Some((what, effect))
}

/// A number without loss: a whole one, or a fraction.
enum Number {
    Whole(i128),
    Fraction(f64),
}

fn number(value: &Value) -> Option<Number> {
    let whole = value
        .as_i64()
        .map(i128::from)
        .or_else(|| value.as_u64().map(i128::from));
    whole
        .map(Number::Whole)
        .or_else(|| value.as_f64().map(Number::Fraction))
}

fn compare_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (a, b) {
        (Number::Whole(a), Number::Whole(b)) => Some(a.cmp(b)),
        (a, b) => fraction(a)?.partial_cmp(&fraction(b)?),
    }
}

/// Whether two values are the same to a schema: 1 and 1.0 are.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => match (number(a), number(b)) {
            (Some(a), Some(b)) => compare_numbers(&a, &b) == Some(Ordering::Equal),
            _ => a == b,
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// None: a fraction can't tell it from its neighbours.
fn fraction(number: &Number) -> Option<f64> {
    const EXACT: i128 = 1 << f64::MANTISSA_DIGITS;
    match number {
        #[allow(clippy::cast_precision_loss, reason = "there is none below the bound")]
        Number::Whole(whole) => (whole.abs() < EXACT).then_some(*whole as f64),
        Number::Fraction(fraction) => Some(*fraction),
    }
}

fn multiple(before: Option<&Value>, after: Option<&Value>) -> Option<(String, Effect)> {
    if before == after {
        return None;
    }
    let what = match after {
        Some(after) => format!("it must be a multiple of {}", shown(after)),
        None => "it need not be a multiple any more".to_owned(),
    };
    let whole = |value: &Value| match number(value) {
        Some(Number::Whole(whole)) if whole > 0 => Some(whole),
        _ => None,
    };
    let divides = |a: Option<i128>, b: Option<i128>| matches!((a, b), (Some(a), Some(b)) if b % a == 0);
    let effect = match (before, after) {
        (None, _) => Effect::NARROWER,
        (_, None) => Effect::WIDER,
        (Some(before), Some(after)) if divides(whole(before), whole(after)) => Effect::NARROWER,
        (Some(before), Some(after)) if divides(whole(after), whole(before)) => Effect::WIDER,
        _ => Effect::UNKNOWN,
    };
    Some((what, effect))
}
