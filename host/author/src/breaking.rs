//! Making arguments that do not fit, from some that do.

use rand::{Rng, RngExt};
use serde_json::{Map, Value, json};

/// Most places of a value that are counted; a value made up for a test has fewer.
const MAX_PLACES: usize = 1000;

/// Changes something in some arguments. They may fit all the same; whoever asks checks that.
pub(crate) fn broken(arguments: &Value, rng: &mut impl Rng) -> Value {
    let mut changed = arguments.clone();
    let mut places = Vec::new();
    collect(&changed, String::new(), &mut places);
    // The root stays an object, which is what arguments are.
    let place = if places.is_empty() {
        None
    } else {
        places.get(rng.random_range(0..places.len()))
    };
    match (rng.random_range(0..6), place) {
        (0, Some(place)) => remove(&mut changed, place),
        (1, _) | (_, None) => {
            if let Value::Object(map) = &mut changed {
                map.insert("no_such_argument".to_owned(), odd(rng));
            }
        }
        (2, _) => changed = Value::Object(Map::new()),
        (_, Some(place)) => {
            if let Some(value) = changed.pointer_mut(place) {
                *value = odd(rng);
            }
        }
    }
    changed
}

/// Values that are seldom what is wanted.
fn odd(rng: &mut impl Rng) -> Value {
    match rng.random_range(0..14) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(""),
        3 => json!("x".repeat(10_000)),
        4 => json!("\u{0}\u{1b}[2J\u{202e}"),
        5 => json!(-1),
        6 => json!(0.5),
        7 => json!(1e308),
        8 => json!(i64::MIN),
        9 => json!(u64::MAX),
        10 => json!([]),
        11 => json!({}),
        12 => json!({ "a": { "b": [null] } }),
        _ => (0..50).fold(Value::Null, |inner, _| json!([inner])),
    }
}

/// The pointers to all parts of a value, without the value itself.
fn collect(value: &Value, at: String, places: &mut Vec<String>) {
    if places.len() >= MAX_PLACES {
        return;
    }
    if !at.is_empty() {
        places.push(at.clone());
    }
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(inner, format!("{at}/{name}"), places);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                collect(inner, format!("{at}/{index}"), places);
            }
        }
        _ => {}
    }
}

fn remove(value: &mut Value, place: &str) {
    let Some((parent, name)) = place.rsplit_once('/') else {
        return;
    };
    match value.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.shift_remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(list)) => {
            if let Some(index) = name.parse().ok().filter(|index| *index < list.len()) {
                list.remove(index);
            }
        }
        _ => {}
    }
}
