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
    let (before, after) = (old.get(key), new.get(key));
    match key {
        "type" => types(before, after),
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
                    Effect::Narrower,
                )),
                (true, false) => Some(("elements may be the same now".to_owned(), Effect::Wider)),
                _ => None,
            }
        }
        "pattern" | "format" => match (before, after) {
            (None, Some(after)) => Some((
                format!("its text must fit the {key} {}", shown(after)),
                Effect::Narrower,
            )),
            (Some(before), None) => Some((
                format!("its text need not fit the {key} {} any more", shown(before)),
                Effect::Wider,
            )),
            (Some(before), Some(after)) if before != after => Some((
                format!(
                    "its text must fit the {key} {}, and no longer {}",
                    shown(after),
                    shown(before)
                ),
                Effect::Unknown,
            )),
            _ => None,
        },
        // How many elements `contains` is about, and anything that this program does not know.
        _ => (before != after).then(|| (changed(key), Effect::Unknown)),
    }
}

/// The effect of the two ways in which a set of values can change.
fn effect(narrower: bool, wider: bool) -> Option<Effect> {
    match (narrower, wider) {
        (true, true) => Some(Effect::Unknown),
        (true, false) => Some(Effect::Narrower),
        (false, true) => Some(Effect::Wider),
        (false, false) => None,
    }
}

fn types(before: Option<&Value>, after: Option<&Value>) -> Option<(String, Effect)> {
    const ALL: [&str; 7] = [
        "array", "boolean", "integer", "null", "number", "object", "string",
    ];
    fn set(value: Option<&Value>) -> Option<BTreeSet<&str>> {
        let mut set: BTreeSet<&str> = match value {
            None => ALL.into(),
            Some(Value::String(one)) => BTreeSet::from([one.as_str()]),
            Some(Value::Array(list)) => list.iter().map(Value::as_str).collect::<Option<_>>()?,
            Some(_) => return None,
        };
        if set.contains("number") {
            set.insert("integer");
        }
        Some(set)
    }
    let (Some(old), Some(new)) = (set(before), set(after)) else {
        return (before != after).then(|| (changed("type"), Effect::Unknown));
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

/// Lists of values; a constant is a list of one.
fn values(key: &str, old: &Map<String, Value>, new: &Map<String, Value>) -> Option<(String, Effect)> {
    // Where both are there, both must hold, and few schemas have that.
    let both = |schema: &Map<String, Value>| schema.contains_key("enum") && schema.contains_key("const");
    if both(old) || both(new) {
        return (old.get(key) != new.get(key)).then(|| (changed(key), Effect::Unknown));
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
    let told = |values: &[&Value]| {
        values
            .iter()
            .take(10)
            .map(|value| shown(value))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (set(old), set(new)) {
        (None, Some(new)) => Some((format!("it is one of {} only", told(&new)), Effect::Narrower)),
        (Some(_), None) => Some(("it is no longer one of a list".to_owned(), Effect::Wider)),
        (Some(old), Some(new)) => {
            // Some thousand values are compared with each other at most: a schema's size is bounded.
            let gone: Vec<&Value> = old.iter().filter(|value| !new.contains(value)).copied().collect();
            let added: Vec<&Value> = new.iter().filter(|value| !old.contains(value)).copied().collect();
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
        Effect::Unknown
    } else {
        match (before.map(number), after.map(number)) {
            (None, Some(Some(_))) => Effect::Narrower,
            (Some(Some(_)), None) => Effect::Wider,
            (Some(Some(before)), Some(Some(after))) => match compare_numbers(&after, &before)? {
                Ordering::Equal => return None,
                order if order == tighter => Effect::Narrower,
                _ => Effect::Wider,
            },
            _ => Effect::Unknown,
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
        (a, b) => fraction(a).partial_cmp(&fraction(b)),
    }
}

fn fraction(number: &Number) -> f64 {
    match number {
        #[allow(
            clippy::cast_precision_loss,
            reason = "it is compared with a number that has no more"
        )]
        Number::Whole(whole) => *whole as f64,
        Number::Fraction(fraction) => *fraction,
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
        (None, _) => Effect::Narrower,
        (_, None) => Effect::Wider,
        (Some(before), Some(after)) if divides(whole(before), whole(after)) => Effect::Narrower,
        (Some(before), Some(after)) if divides(whole(after), whole(before)) => Effect::Wider,
        _ => Effect::Unknown,
    };
    Some((what, effect))
}
