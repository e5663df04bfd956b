//! The tool `parse_json`.

use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most faults that are listed: whoever has more will not read them.
const FAULTS_MAX: usize = 50;

/// Arguments of [`parse_json`].
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct ParseJson {
    /// The JSON text.
    // What a model can be expected to pass along.
    #[schemars(length(min = 1, max = 100_000))]
    text: String,
    /// Which part of the document to return, as a JSON pointer (RFC 6901), for example /items/0/name.
    // Deeper than the 128 levels that documents may have at most.
    #[schemars(length(max = 2_000))]
    pointer: Option<String>,
    /// A JSON Schema to check the returned part against. References to other documents are not followed.
    #[schemars(extend("type" = ["object", "boolean", "null"]))]
    schema: Option<Value>,
}

/// The answer of [`parse_json`].
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Parsed {
    /// The document, or the part that the pointer names.
    value: Value,
    /// Whether it fits the schema. Left out when none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid: Option<bool>,
    /// Where it does not fit, the first 50 places. Left out when no schema was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<Fault>>,
}

/// A place that does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Fault {
    /// Where, as a JSON pointer into the value.
    path: String,
    /// What is wrong there.
    message: String,
}

/// Parses JSON text, and if asked picks a part of it by JSON pointer and checks it against a JSON Schema.
///
/// Text that is no JSON is an error with the line and column; a value that does not fit the schema is a result with `valid` false.
#[tool(read_only, idempotent, title = "Parse JSON")]
pub(crate) fn parse_json(args: ParseJson) -> Result<Parsed, ToolError> {
    let document: Value = serde_json::from_str(&args.text)
        .map_err(|e| ToolError::invalid_input(format!("`text` is no JSON: {e}")))?;
    let value = match args.pointer.as_deref() {
        None => document,
        Some(pointer) => pick(&document, pointer)?,
    };
    let errors = args
        .schema
        .as_ref()
        .map(|schema| faults(schema, &value))
        .transpose()?;
    Ok(Parsed {
        value,
        valid: errors.as_ref().map(Vec::is_empty),
        errors,
    })
}

fn pick(document: &Value, pointer: &str) -> Result<Value, ToolError> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(ToolError::invalid_input(
            "`pointer` must be empty or begin with /",
        ));
    }
    let part = document.pointer(pointer).cloned();
    part.ok_or_else(|| {
        ToolError::not_found(format!(
            "the document has nothing at `{}`",
            pointer.escape_debug()
        ))
    })
}

fn faults(schema: &Value, value: &Value) -> Result<Vec<Fault>, ToolError> {
    let validator = jsonschema::options()
        .build(schema)
        .map_err(|e| ToolError::invalid_input(format!("`schema` is no JSON Schema: {e}")))?;
    let faults = validator.iter_errors(value).take(FAULTS_MAX);
    Ok(faults
        .map(|e| Fault {
            path: e.instance_path().to_string(),
            message: e.to_string(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fact_sdk::ErrorCode;
    use serde_json::json;

    fn parse(text: &str, pointer: Option<&str>, schema: Option<Value>) -> Result<Parsed, ToolError> {
        parse_json(ParseJson {
            text: text.to_owned(),
            pointer: pointer.map(str::to_owned),
            schema,
        })
    }

    #[test]
    fn values() {
        #[track_caller]
        fn check(text: &str, pointer: Option<&str>, expected: Value) {
            let parsed = parse(text, pointer, None).unwrap();
            assert_eq!((parsed.value, parsed.valid), (expected, None));
        }
        check(
            r#"{"a": [1, {"b/c": null}]}"#,
            None,
            json!({"a": [1, {"b/c": null}]}),
        );
        check(r#"{"a": [1, {"b/c": null}]}"#, Some("/a/1/b~1c"), json!(null));
        check("[1]", Some(""), json!([1]));
        check("9007199254740993", None, json!(9_007_199_254_740_993_i64));
    }

    #[test]
    fn failures() {
        #[track_caller]
        fn check(text: &str, pointer: Option<&str>, schema: Option<Value>, code: ErrorCode, says: &str) {
            let error = parse(text, pointer, schema).unwrap_err();
            assert_eq!(error.code(), code);
            assert!(error.message().contains(says), "{error}");
        }
        check("{\n'a'", None, None, ErrorCode::InvalidInput, "line 2");
        check("1 2", None, None, ErrorCode::InvalidInput, "trailing");
        check("{}", Some("a"), None, ErrorCode::InvalidInput, "begin with /");
        check("{}", Some("/a"), None, ErrorCode::NotFound, "/a");
        check(
            "{}",
            None,
            Some(json!({"type": "wrong"})),
            ErrorCode::InvalidInput,
            "`schema`",
        );
        check(
            "{}",
            None,
            Some(json!({"$ref": "https://a.test/s"})),
            ErrorCode::InvalidInput,
            "`schema`",
        );
        check(
            &"[".repeat(1000),
            None,
            None,
            ErrorCode::InvalidInput,
            "recursion",
        );
    }

    #[test]
    fn schemas_are_checked() {
        let schema = json!({"properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["m"]});
        let fits = parse(r#"{"n": 1, "m": 0}"#, None, Some(schema.clone())).unwrap();
        assert_eq!((fits.valid, fits.errors), (Some(true), Some(Vec::new())));
        let wrong = parse(r#"{"n": 0}"#, None, Some(schema.clone())).unwrap();
        assert_eq!(wrong.valid, Some(false));
        let paths = wrong
            .errors
            .unwrap()
            .into_iter()
            .map(|f| f.path)
            .collect::<Vec<_>>();
        assert!(
            paths.contains(&"/n".to_owned()) && paths.contains(&String::new()),
            "{paths:?}"
        );
        let part = parse(r#"{"x": {"n": 2, "m": 0}}"#, Some("/x"), Some(schema)).unwrap();
        assert_eq!(part.valid, Some(true));
    }

    #[test]
    fn faults_are_bounded() {
        let many = json!(vec![0; 500]).to_string();
        let parsed = parse(&many, None, Some(json!({"items": {"type": "string"}}))).unwrap();
        assert_eq!(parsed.errors.unwrap().len(), FAULTS_MAX);
    }
}
