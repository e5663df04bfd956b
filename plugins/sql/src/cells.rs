//! Values between JSON and SQL.
//!
//! JSON has no bytes, so a blob is an object `{"base64": "..."}` both ways. Integers stay exact: they are JSON numbers of
//! up to 64 bits.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fact_sdk::{ToolError, sql};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Number, Value, json};

/// Padding is written, and may be left out by callers.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Named values as the SDK takes them.
pub(crate) type Parameters = Vec<(String, sql::Value)>;

/// The parameters of a statement. A name may be written with the `:`, `@` or `$` that it has in the statement.
///
/// # Errors
/// `invalid-input` for a value that is no SQL value, and for a name given twice.
pub(crate) fn parameters(given: Map<String, Value>) -> Result<Parameters, ToolError> {
    let mut parameters = Parameters::with_capacity(given.len());
    for (written, value) in given {
        let name = written.strip_prefix([':', '@', '$']).unwrap_or(&written);
        if name.is_empty() {
            return Err(ToolError::invalid_input("a parameter has no name"));
        }
        if parameters.iter().any(|(other, _)| other == name) {
            return Err(ToolError::invalid_input(format!(
                "the parameter `{name}` is given twice"
            )));
        }
        parameters.push((name.to_owned(), from_json(name, value)?));
    }
    Ok(parameters)
}

/// The same, borrowed.
pub(crate) fn borrowed(parameters: &Parameters) -> Vec<sql::Parameter<'_>> {
    parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect()
}

/// A cell as JSON. JSON has no infinite numbers: they become null, as in most databases' own JSON.
pub(crate) fn to_json(value: sql::Value) -> Value {
    match value {
        sql::Value::Null => Value::Null,
        sql::Value::Integer(i) => i.into(),
        sql::Value::Real(r) => Number::from_f64(r).map_or(Value::Null, Value::Number),
        sql::Value::Text(text) => Value::String(text),
        sql::Value::Blob(bytes) => json!({ "base64": BASE64.encode(bytes) }),
    }
}

fn from_json(name: &str, value: Value) -> Result<sql::Value, ToolError> {
    let wrong = |what: &str| ToolError::invalid_input(format!("the parameter `{name}` is {what}"));
    Ok(match value {
        Value::Null => sql::Value::Null,
        Value::Bool(b) => b.into(),
        Value::Number(n) => match (n.as_i64(), n.is_u64(), n.as_f64()) {
            (Some(i), _, _) => i.into(),
            (None, false, Some(r)) => r.into(),
            _ => {
                return Err(wrong(
                    "larger than the largest integer, 9223372036854775807; give it as text",
                ));
            }
        },
        Value::String(text) => text.into(),
        Value::Object(object) => match (object.get("base64"), object.len()) {
            (Some(Value::String(text)), 1) => BASE64
                .decode(text)
                .map_err(|e| wrong(&format!("no base64: {e}")))?
                .into(),
            _ => {
                return Err(wrong(
                    "an object, and the only objects allowed are {\"base64\": \"...\"}",
                ));
            }
        },
        Value::Array(_) => {
            return Err(wrong(
                "a list; give each element a parameter of its own, as in `IN (:a, :b)`",
            ));
        }
    })
}

/// The schema of parameters.
pub(crate) fn parameters_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": ["string", "number", "boolean", "null", "object"] },
        // Far fewer than the database's own 32,766, and more than a statement of the longest length allowed would use.
        "maxProperties": 1000,
        "default": {}
    })
}

/// The schema of rows.
pub(crate) fn rows_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": { "type": "array", "items": { "type": ["null", "number", "string", "object"] } }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sql::Value as Sql;

    #[test]
    fn cells_become_json() {
        #[track_caller]
        fn check(cell: Sql, json: Value) {
            assert_eq!(to_json(cell), json);
        }
        check(Sql::Null, Value::Null);
        check(Sql::Integer(i64::MIN), json!(i64::MIN));
        check(Sql::Integer((1 << 53) + 1), json!(9_007_199_254_740_993_i64));
        check(Sql::Real(68.5), json!(68.5));
        check(Sql::Real(f64::NAN), Value::Null);
        check(Sql::Real(f64::INFINITY), Value::Null);
        check(Sql::Text("a -- b".to_owned()), json!("a -- b"));
        check(Sql::Blob(vec![0, 255]), json!({"base64": "AP8="}));
        check(Sql::Blob(Vec::new()), json!({"base64": ""}));
    }

    #[test]
    fn json_becomes_parameters() {
        #[track_caller]
        fn check(json: Value, expected: Sql) {
            let given = Map::from_iter([("p".to_owned(), json)]);
            assert_eq!(parameters(given), Ok(vec![("p".to_owned(), expected)]));
        }
        check(json!(null), Sql::Null);
        check(json!(true), Sql::Integer(1));
        check(json!(false), Sql::Integer(0));
        check(json!(-3), Sql::Integer(-3));
        check(json!(i64::MAX), Sql::Integer(i64::MAX));
        check(json!(0.5), Sql::Real(0.5));
        check(json!(2.0), Sql::Real(2.0));
        check(json!("Update"), Sql::Text("Update".to_owned()));
        check(json!({"base64": "AP8="}), Sql::Blob(vec![0, 255]));
        check(json!({"base64": "AP8"}), Sql::Blob(vec![0, 255]));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        #[track_caller]
        fn check(json: Value, says: &str) {
            let error = parameters(json.as_object().unwrap().clone()).unwrap_err();
            assert_eq!(error.code(), fact_sdk::ErrorCode::InvalidInput);
            assert!(error.message().contains(says), "{error}");
        }
        check(json!({"p": [1, 2]}), "`p` is a list");
        check(json!({"p": {}}), "an object");
        check(json!({"p": {"base64": 1}}), "an object");
        check(json!({"p": {"base64": "AA==", "x": 1}}), "an object");
        check(json!({"p": {"base64": "?"}}), "no base64");
        check(json!({"p": u64::MAX}), "largest integer");
        check(json!({":": 1}), "no name");
        check(json!({"a": 1, ":a": 2}), "twice");
    }

    #[test]
    fn names_lose_one_sign() {
        for written in ["q", ":q", "@q", "$q"] {
            let given = Map::from_iter([(written.to_owned(), json!(1))]);
            assert_eq!(parameters(given), Ok(vec![("q".to_owned(), Sql::Integer(1))]));
        }
    }
}
