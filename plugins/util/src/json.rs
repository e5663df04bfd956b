//! `json_pointer`: one part of a JSON document (RFC 6901).

use crate::limits;
use fact_sdk::{ToolError, tool};
use jsonptr::Pointer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest pointer, in bytes. Documents nest 128 levels at most, and keys are short.
const POINTER_BYTES_MAX: usize = 4096;

/// Most keys that the hint of a refusal names.
const KEYS_SHOWN_MAX: usize = 10;

/// Arguments of `json_pointer`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonPointer {
    /// The JSON document.
    pub document: Value,
    /// The pointer, for example `/companies/0/name`. Empty: the whole document. In a key, `~` is written `~0` and `/` is written `~1`.
    #[schemars(length(max = 4096))]
    pub pointer: String,
}

/// Answer of `json_pointer`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Pointed {
    /// What the pointer leads to.
    pub value: Value,
}

/// Returns the part of a JSON document that a JSON pointer (RFC 6901) leads to.
///
/// # Errors
/// `invalid-input` for a pointer that is none; `not-found` where it leads nowhere, with the last place that exists.
#[tool(read_only, idempotent)]
pub fn json_pointer(args: JsonPointer) -> Result<Pointed, ToolError> {
    limits::check_json("document", &args.document)?;
    let pointer = parse(&args.pointer)?;
    match pointer.resolve(&args.document) {
        Ok(value) => Ok(Pointed { value: value.clone() }),
        Err(_) => Err(nowhere(&args.document, pointer)),
    }
}

/// Parses a pointer of bounded length.
///
/// # Errors
/// `invalid-input` for a pointer that is none.
pub fn parse(text: &str) -> Result<&Pointer, ToolError> {
    if text.len() > POINTER_BYTES_MAX {
        return Err(ToolError::invalid_input(format!(
            "a JSON pointer is at most {POINTER_BYTES_MAX} bytes long"
        )));
    }
    Pointer::parse(text).map_err(|_| {
        ToolError::invalid_input(
            "not a JSON pointer: it is empty or begins with `/`, and in a key `~` is written `~0` and `/` is written `~1`",
        )
    })
}

fn nowhere(document: &Value, pointer: &Pointer) -> ToolError {
    let mut parent = pointer;
    while let Some((shorter, token)) = parent.split_back() {
        parent = shorter;
        let Ok(place) = parent.resolve(document) else {
            continue;
        };
        let there = match place {
            Value::Object(members) => {
                let mut keys: Vec<&str> = members.keys().take(KEYS_SHOWN_MAX).map(String::as_str).collect();
                if members.len() > KEYS_SHOWN_MAX {
                    keys.push("...");
                }
                format!("an object with the keys: {}", keys.join(", "))
            }
            Value::Array(items) => format!("a list of {} items, counted from 0", items.len()),
            _ => "a single value, with nothing inside".to_owned(),
        };
        let root = if parent.is_root() {
            "the whole document"
        } else {
            parent.as_str()
        };
        return ToolError::not_found(format!(
            "there is no `{}` at `{root}`, which is {there}",
            token.decoded()
        ));
    }
    ToolError::not_found("the pointer leads nowhere")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn points() {
        // The document of RFC 6901, section 5.
        let document = json!({
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8
        });
        let check = |pointer: &str, expected: Result<Value, &str>| {
            let got = json_pointer(JsonPointer {
                document: document.clone(),
                pointer: pointer.to_owned(),
            });
            match expected {
                Ok(value) => assert_eq!(got.unwrap().value, value, "{pointer}"),
                Err(word) => {
                    let error = format!("{:?}", got.expect_err(pointer));
                    assert!(error.contains(word), "{pointer}: {error}");
                }
            }
        };
        check("", Ok(document.clone()));
        check("/foo", Ok(json!(["bar", "baz"])));
        check("/foo/0", Ok(json!("bar")));
        check("/", Ok(json!(0)));
        check("/a~1b", Ok(json!(1)));
        check("/c%d", Ok(json!(2)));
        check("/e^f", Ok(json!(3)));
        check("/g|h", Ok(json!(4)));
        check("/i\\j", Ok(json!(5)));
        check("/k\"l", Ok(json!(6)));
        check("/ ", Ok(json!(7)));
        check("/m~0n", Ok(json!(8)));
        check("/foo/2", Err("a list of 2 items"));
        check("/foo/-", Err("a list of 2 items"));
        check("/foo/00", Err("a list of 2 items"));
        check("/foo/0/x", Err("single value"));
        check("/bar/x/y", Err("keys: foo"));
        check("foo", Err("begins with"));
        check("/a~2", Err("~0"));
    }
}
