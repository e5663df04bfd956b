//! JSON Schemas of arguments: compiled once, bounded, and without reach into the network.

mod cache;
mod compat;
mod weight;

pub(crate) use cache::{KEPT_MAX, Schemas};
pub use compat::{Direction, SchemaChange, Verdict, compare};

use fact_types::{Code, Error};
use jsonschema::{PatternOptions, Validator};
use serde::Serialize;
use serde_json::{Map, Value};

/// Largest schema, as JSON. The largest in known tool collections are some 20 KB.
const MAX_SCHEMA: usize = 256 << 10;

/// Most looks that a check may take: some hundred milliseconds of work.
const MAX_WORK: u64 = 5_000_000;

/// Most places that a refusal lists.
const MAX_MISFITS: usize = 20;

/// A compiled schema.
pub struct Schema {
    validator: Validator,
    /// Most looks at one value of the arguments.
    looks: u64,
}

/// A place where arguments do not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Misfit {
    /// JSON pointer into the arguments.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

impl Schema {
    /// Compiles the schema of a tool's arguments.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn arguments(schema: &Value) -> Result<Self, String> {
        let size = schema.to_string().len();
        if size > MAX_SCHEMA {
            return Err(format!(
                "its input schema has {size} bytes; at most {MAX_SCHEMA} are allowed"
            ));
        }
        let Some(object) = schema.as_object() else {
            return Err("its input schema is no JSON object".to_owned());
        };
        match object.get("type") {
            None => {}
            Some(Value::String(kind)) if kind == "object" => {}
            Some(_) => return Err("its input schema is not of type `object`".to_owned()),
        }
        let looks = weight::looks(schema)?;
        let validator = jsonschema::options()
            // An engine that takes linear time: patterns come from plugins, texts from callers.
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(1 << 20)
                    .dfa_size_limit(1 << 20),
            )
            .build(schema)
            .map_err(|error| format!("its input schema is wrong: {}", clip(&error.to_string())))?;
        Ok(Schema { validator, looks })
    }

    /// Checks the schema of a tool's structured answer, which doors hand on to clients.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn output(schema: &Value) -> Result<(), String> {
        let size = schema.to_string().len();
        if size > MAX_SCHEMA {
            return Err(format!(
                "its output schema has {size} bytes; at most {MAX_SCHEMA} are allowed"
            ));
        }
        weight::looks(schema).map_err(|why| why.replacen("input", "output", 1))?;
        jsonschema::options()
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(1 << 20)
                    .dfa_size_limit(1 << 20),
            )
            .build(schema)
            .map(drop)
            .map_err(|error| format!("its output schema is wrong: {}", clip(&error.to_string())))
    }

    /// Checks arguments.
    ///
    /// # Errors
    /// `invalid-input` with every place that does not fit, up to a bound.
    pub fn check(&self, arguments: &Map<String, Value>) -> Result<Value, Error> {
        let value = Value::Object(arguments.clone());
        // A check can't be interrupted, so what it may cost is known before.
        if values(&value).saturating_mul(self.looks) > MAX_WORK {
            return Err(Error::new(
                Code::InvalidInput,
                "The arguments hold too many values for this tool's schema; pass less at once.",
            ));
        }
        if self.validator.is_valid(&value) {
            return Ok(value);
        }
        let misfits: Vec<Misfit> = self
            .validator
            .iter_errors(&value)
            .take(MAX_MISFITS)
            .map(|error| Misfit {
                path: error.instance_path().as_str().to_owned(),
                problem: clip(&error.to_string()),
            })
            .collect();
        let first = misfits
            .first()
            .map_or_else(String::new, |misfit| match misfit.path.as_str() {
                "" => format!(": {}", misfit.problem),
                path => format!(" at {path}: {}", misfit.problem),
            });
        let details = serde_json::json!({ "misfits": misfits });
        Err(Error::new(Code::InvalidInput, format!("The arguments do not fit{first}.")).with_details(details))
    }
}

/// The number of values in a document.
fn values(value: &Value) -> u64 {
    match value {
        Value::Array(list) => list.iter().map(values).sum::<u64>() + 1,
        Value::Object(map) => map.values().map(values).sum::<u64>() + 1,
        _ => 1,
    }
}

/// A validator's sentence repeats the value that does not fit, however large.
fn clip(text: &str) -> String {
    const KEPT: usize = 300;
    match text.char_indices().nth(KEPT) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: Value, arguments: Value) -> Result<(), String> {
        let schema = Schema::arguments(&schema).unwrap();
        schema
            .check(arguments.as_object().unwrap())
            .map(drop)
            .map_err(|error| error.message)
    }

    #[test]
    fn arguments_fit_or_the_place_is_named() {
        let schema = json!({
            "type": "object",
            "properties": { "n": { "type": "integer", "minimum": 1 } },
            "required": ["n"],
            "additionalProperties": false
        });
        assert_eq!(check(schema.clone(), json!({ "n": 1 })), Ok(()));
        for (arguments, word) in [
            (json!({}), "required"),
            (json!({ "n": 0 }), "/n"),
            (json!({ "n": true }), "integer"),
            (json!({ "n": 1, "extra": 2 }), "extra"),
        ] {
            let error = check(schema.clone(), arguments).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn schemas_that_are_refused() {
        for (schema, word) in [
            (json!("text"), "no JSON object"),
            (json!({ "type": "string" }), "type `object`"),
            (
                json!({ "type": "object", "properties": { "a": { "type": "nonsense" } } }),
                "wrong",
            ),
            (json!({ "$ref": "https://example.com/schema.json" }), "only `#/…`"),
            (json!({ "allOf": [{ "$ref": "#" }] }), "without end"),
            (json!({ "description": "x".repeat(MAX_SCHEMA) }), "at most"),
            (
                json!({ "properties": { "a": { "pattern": "(?<=a)b" } } }),
                "wrong",
            ),
        ] {
            let error = Schema::arguments(&schema).map(drop).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_a_large_value() {
        let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
        let error = check(schema, json!({ "a": "x".repeat(100_000) })).unwrap_err();
        assert!(error.len() < 1000, "{}", error.len());
    }
}
