//! Arguments for a tool, as they are typed: JSON, or `key=value` read by the tool's schema.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};

use fact_types::{Code, Error};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// Most that is read from a file or from standard input. The host takes 4 MiB of arguments; this leaves room for the
/// spaces that a pretty file has.
const MAX_INPUT: u64 = 16 << 20;

/// How deep a schema is followed. Deeper ones are hand-made to be deep.
const MAX_DEPTH: usize = 16;

/// The arguments that `--json` gives: JSON itself, `@FILE`, or `-` for standard input.
pub(crate) fn document(typed: &str) -> Result<Map<String, Value>, Failure> {
    let (place, text) = match (typed, typed.strip_prefix('@')) {
        ("-", _) => (
            "Standard input".to_owned(),
            read("standard input", io::stdin().lock())?,
        ),
        (_, Some(name)) => {
            let file = File::open(name).map_err(|error| unreadable(name, &error))?;
            (format!("`{name}`"), read(name, file)?)
        }
        (json, None) => ("--json".to_owned(), json.to_owned()),
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(wrong(format!(
            "{place} is no JSON object; arguments are written {{\"name\": value}}."
        ))),
        Err(error) => Err(wrong(format!("{place} is no JSON: {error}."))),
    }
}

/// Why a file can't be read.
pub(crate) fn unreadable(name: &str, error: &io::Error) -> Failure {
    let code = if error.kind() == io::ErrorKind::NotFound {
        Code::NotFound
    } else {
        Code::Unavailable
    };
    Failure::new(code, format!("`{name}` can't be read: {}.", error.kind()))
}

fn read(name: &str, from: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    from.take(MAX_INPUT + 1)
        .read_to_string(&mut text)
        .map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => wrong(format!("`{name}` is not UTF-8 text.")),
            _ => unreadable(name, &error),
        })?;
    if text.len() as u64 > MAX_INPUT {
        return Err(wrong(format!("`{name}` has more than {MAX_INPUT} bytes.")));
    }
    Ok(text)
}

fn wrong(message: String) -> Failure {
    Failure::from(Error::new(Code::InvalidInput, message))
}

/// One `key=value` or `key:=json`, split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The name.
    pub(crate) key: String,
    /// What was typed as its value.
    pub(crate) text: String,
    /// Whether it was said to be JSON.
    pub(crate) json: bool,
}

impl std::str::FromStr for Pair {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let (key, text) = typed
            .split_once('=')
            .ok_or("an argument is written key=value, or key:=json")?;
        let (key, json) = match key.strip_suffix(':') {
            Some(key) => (key, true),
            None => (key, false),
        };
        if key.is_empty() {
            return Err("the name before the `=` is missing".to_owned());
        }
        Ok(Pair {
            key: key.to_owned(),
            text: text.to_owned(),
            json,
        })
    }
}

/// Lays pairs over arguments, each value of the type that the schema gives it.
pub(crate) fn lay_over(
    arguments: &mut Map<String, Value>,
    pairs: &[Pair],
    schema: &Value,
) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for pair in pairs {
        if !seen.insert(&pair.key) {
            return Err(wrong(format!("`{}` is given twice.", pair.key)));
        }
        let value = if pair.json {
            as_json(pair)?
        } else {
            typed(pair, &types_of(schema, &pair.key))?
        };
        arguments.insert(pair.key.clone(), value);
    }
    Ok(())
}

/// The value of a pair for which there is no schema: JSON where it is JSON, or else text.
pub(crate) fn untyped(pair: &Pair) -> Result<Value, Failure> {
    if pair.json {
        as_json(pair)
    } else {
        typed(pair, &Types::default())
    }
}

fn as_json(pair: &Pair) -> Result<Value, Failure> {
    serde_json::from_str(&pair.text)
        .map_err(|error| wrong(format!("The value of `{}` is no JSON: {error}.", pair.key)))
}

/// The JSON types that a schema allows. None at all: it does not say.
type Types = BTreeSet<&'static str>;

const TEXT: &str = "text";
const INTEGER: &str = "an integer";
const NUMBER: &str = "a number";
const BOOLEAN: &str = "true or false";
const ARRAY: &str = "a JSON array";
const OBJECT: &str = "a JSON object";
const NULL: &str = "null";

/// What the schema of an object says about one of its properties. One that it does not name is text.
fn types_of(schema: &Value, key: &str) -> Types {
    let mut types = Types::new();
    match schema
        .get("properties")
        .and_then(|properties| properties.get(key))
    {
        Some(property) => collect(schema, property, &mut types, 0),
        None => match schema.get("additionalProperties") {
            Some(others @ Value::Object(_)) => collect(schema, others, &mut types, 0),
            _ => {
                types.insert(TEXT);
            }
        },
    }
    types
}

/// The types that a property may have, for a reader.
pub(crate) fn kinds(schema: &Value, key: &str) -> Vec<&'static str> {
    let types = types_of(schema, key);
    types
        .iter()
        .copied()
        .filter(|name| *name != NULL || types.len() == 1)
        .collect()
}

fn collect(root: &Value, schema: &Value, types: &mut Types, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match schema.get("type") {
        Some(Value::String(name)) => types.extend(type_named(name)),
        Some(Value::Array(names)) => {
            types.extend(names.iter().filter_map(Value::as_str).filter_map(type_named))
        }
        _ => {}
    }
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    types.extend(listed.chain(schema.get("const")).map(type_of));
    for key in ["anyOf", "oneOf", "allOf"] {
        for inner in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
            collect(root, inner, types, depth + 1);
        }
    }
    let target = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|target| target.strip_prefix('#'));
    if let Some(inner) = target.and_then(|pointer| root.pointer(pointer)) {
        collect(root, inner, types, depth + 1);
    }
}

fn type_named(name: &str) -> Option<&'static str> {
    Some(match name {
        "string" => TEXT,
        "integer" => INTEGER,
        "number" => NUMBER,
        "boolean" => BOOLEAN,
        "array" => ARRAY,
        "object" => OBJECT,
        "null" => NULL,
        _ => return None,
    })
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => NULL,
        Value::Bool(_) => BOOLEAN,
        Value::Number(_) => NUMBER,
        Value::String(_) => TEXT,
        Value::Array(_) => ARRAY,
        Value::Object(_) => OBJECT,
    }
}

/// Text stays text wherever text is allowed, so that `zip=01234` never loses its zero; elsewhere it must be JSON of a type
/// that is.
fn typed(pair: &Pair, types: &Types) -> Result<Value, Failure> {
    let text = || Value::String(pair.text.clone());
    if types.contains(TEXT) {
        return Ok(text());
    }
    let parsed = serde_json::from_str::<Value>(&pair.text).ok();
    if types.is_empty() {
        return Ok(parsed.unwrap_or_else(text));
    }
    let fits = |value: &Value| match value {
        Value::Number(_) => types.contains(NUMBER) || types.contains(INTEGER),
        other => types.contains(type_of(other)),
    };
    parsed.filter(fits).ok_or_else(|| {
        let wanted: Vec<&str> = types
            .iter()
            .copied()
            .filter(|name| *name != NULL || types.len() == 1)
            .collect();
        wrong(format!(
            "`{}` is {}, and `{}` is not.",
            pair.key,
            wanted.join(" or "),
            clip(&pair.text)
        ))
    })
}

fn clip(text: &str) -> String {
    crate::screen::clip(text, 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "text": { "type": "string" },
                "maybe_text": { "type": ["string", "null"] },
                "count": { "type": "integer" },
                "maybe_count": { "anyOf": [{ "type": "integer" }, { "type": "null" }] },
                "ratio": { "type": "number" },
                "flag": { "type": "boolean" },
                "list": { "type": "array" },
                "map": { "type": "object" },
                "any": {},
                "kind": { "$ref": "#/$defs/Kind" },
                "level": { "enum": [1, 2, 3] },
                "loop": { "$ref": "#/$defs/Loop" },
                "cell": { "type": ["string", "number"] },
            },
            "$defs": {
                "Kind": { "oneOf": [{ "const": "a" }, { "const": "b" }] },
                "Loop": { "$ref": "#/$defs/Loop" },
            }
        })
    }

    fn check(typed: &str, expected: Result<Value, &str>) {
        let pairs = [typed.parse::<Pair>().unwrap()];
        let mut arguments = Map::new();
        let result = lay_over(&mut arguments, &pairs, &schema());
        match (result, expected) {
            (Ok(()), Ok(expected)) => assert_eq!(Value::Object(arguments), expected, "{typed}"),
            (Err(Failure::Error { error, .. }), Err(word)) => {
                assert_eq!(error.code, Code::InvalidInput, "{typed}");
                assert!(error.message.contains(word), "{typed}: {error}");
            }
            (got, expected) => panic!("{typed}: {got:?}, not {expected:?}"),
        }
    }

    #[test]
    fn values_get_the_types_of_the_schema() {
        check("text=5", Ok(json!({ "text": "5" })));
        check("text=", Ok(json!({ "text": "" })));
        check("text=a=b", Ok(json!({ "text": "a=b" })));
        check("text=null", Ok(json!({ "text": "null" })));
        check("maybe_text=null", Ok(json!({ "maybe_text": "null" })));
        check("maybe_text:=null", Ok(json!({ "maybe_text": null })));
        check("count=5", Ok(json!({ "count": 5 })));
        check("count=-5", Ok(json!({ "count": -5 })));
        check("count=18446744073709551615", Ok(json!({ "count": u64::MAX })));
        check("count=five", Err("an integer"));
        check("count=", Err("an integer"));
        check("count=\"5\"", Err("an integer"));
        check("maybe_count=5", Ok(json!({ "maybe_count": 5 })));
        check("maybe_count=null", Ok(json!({ "maybe_count": null })));
        check("ratio=0.5", Ok(json!({ "ratio": 0.5 })));
        check("ratio=1e3", Ok(json!({ "ratio": 1000.0 })));
        check("ratio=NaN", Err("a number"));
        check("flag=true", Ok(json!({ "flag": true })));
        check("flag=yes", Err("true or false"));
        check("list=[1,\"a\"]", Ok(json!({ "list": [1, "a"] })));
        check("list={}", Err("a JSON array"));
        check("map={\"a\":1}", Ok(json!({ "map": { "a": 1 } })));
        check("map=a", Err("a JSON object"));
        check("any=5", Ok(json!({ "any": 5 })));
        check("any=word", Ok(json!({ "any": "word" })));
        check("kind=a", Ok(json!({ "kind": "a" })));
        check("level=2", Ok(json!({ "level": 2 })));
        check("loop=2", Ok(json!({ "loop": 2 })));
        check("cell=2", Ok(json!({ "cell": "2" })));
        check("cell:=2", Ok(json!({ "cell": 2 })));
        check("unknown=2", Ok(json!({ "unknown": "2" })));
        check("unknown:=2", Ok(json!({ "unknown": 2 })));
        check("text:={", Err("no JSON"));
    }

    #[test]
    fn pairs_and_what_is_none() {
        for (typed, key, text, json) in [
            ("a=b", "a", "b", false),
            ("a:=1", "a", "1", true),
            ("a=:=1", "a", ":=1", false),
            ("a:b=c", "a:b", "c", false),
            ("a==", "a", "=", false),
        ] {
            let pair = Pair {
                key: key.to_owned(),
                text: text.to_owned(),
                json,
            };
            assert_eq!(typed.parse(), Ok(pair), "{typed}");
        }
        for bad in ["", "a", "=b", ":=1"] {
            assert!(bad.parse::<Pair>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_given_once_and_wins_over_the_document() {
        let pairs: Vec<Pair> = ["count=1", "count=2"]
            .iter()
            .map(|pair| pair.parse().unwrap())
            .collect();
        assert!(lay_over(&mut Map::new(), &pairs, &schema()).is_err());
        let mut arguments = document("{\"count\": 1, \"text\": \"kept\"}").unwrap();
        lay_over(&mut arguments, pairs.get(1..).unwrap(), &schema()).unwrap();
        assert_eq!(Value::Object(arguments), json!({ "count": 2, "text": "kept" }));
    }

    #[test]
    fn documents() {
        for bad in ["", "[]", "5", "{", "@/nowhere/at/all.json"] {
            assert!(document(bad).is_err(), "{bad}");
        }
    }
}
