//! `json_patch` and `json_diff`: RFC 6902 patches and RFC 7386 merge patches.
//!
//! A patch is a small program: `copy` can double a document with every line, and `add` can nest it ever deeper. So each
//! step is weighed before it runs.

use crate::limits::{self, DEPTH_MAX, Weight, weigh};
use fact_sdk::{ToolError, tool};
// The tool of the same name makes the plain path ambiguous.
use ::json_patch::{self as patching, Patch, PatchOperation};
use jsonptr::Pointer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most operations in a patch. A patch that touches more places is better sent as the new document.
const OPERATIONS_MAX: usize = 10_000;

/// Most values that `copy` and `move` may touch in all: twice what a document of the largest size holds.
const MOVED_NODES_MAX: usize = 2 * limits::JSON_BYTES_MAX / 8;

/// Arguments of `json_patch`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonPatch {
    /// The JSON document to change.
    pub document: Value,
    /// A list of operations (RFC 6902), for example `[{"op": "replace", "path": "/name", "value": "x"}]`, or an object that is merged into the document (RFC 7386), for example `{"name": "x", "old": null}`, where null removes.
    pub patch: Value,
}

/// Answer of `json_patch`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Patched {
    /// The changed document.
    pub document: Value,
}

/// Arguments of `json_diff`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonDiff {
    /// The document before.
    pub from: Value,
    /// The document after.
    pub to: Value,
}

/// Answer of `json_diff`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Difference {
    /// Whether the documents are equal.
    pub equal: bool,
    /// A JSON patch (RFC 6902) that turns `from` into `to`. Empty when they are equal.
    pub patch: Vec<Value>,
}

/// Applies a JSON patch (RFC 6902) or a JSON merge patch (RFC 7386) to a document and returns the new document.
///
/// A list is taken as a JSON patch, anything else as a merge patch. If one operation fails, nothing is changed and the
/// error says which.
///
/// # Errors
/// `invalid-input` when the patch is broken, does not fit the document, or would build too large a document.
#[tool(read_only, idempotent)]
pub fn json_patch(args: JsonPatch) -> Result<Patched, ToolError> {
    limits::check_json("document", &args.document)?;
    limits::check_json("patch", &args.patch)?;
    let mut document = args.document;
    if !args.patch.is_array() {
        patching::merge(&mut document, &args.patch);
        return Ok(Patched { document });
    }
    let Patch(operations) = serde_json::from_value(args.patch)
        .map_err(|error| ToolError::invalid_input(format!("`patch` is not a JSON patch: {error}")))?;
    if operations.len() > OPERATIONS_MAX {
        return Err(ToolError::invalid_input(format!(
            "a patch has at most {OPERATIONS_MAX} operations; send the new document"
        )));
    }
    let mut budget = MOVED_NODES_MAX;
    for (index, operation) in operations.iter().enumerate() {
        let wrong = |why: &str| {
            ToolError::invalid_input(format!("operation {index} (`{}`): {why}", shown(operation)))
        };
        check_step(&document, operation, &mut budget).map_err(wrong)?;
        patching::patch(&mut document, std::slice::from_ref(operation))
            .map_err(|error| wrong(&error.kind.to_string()))?;
    }
    if weigh(&document).bytes > limits::ANSWER_BYTES_MAX {
        return Err(ToolError::invalid_input("the patch makes the document too large"));
    }
    Ok(Patched { document })
}

fn shown(operation: &PatchOperation) -> String {
    let path: String = operation.path().as_str().chars().take(100).collect();
    let name = match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    };
    format!("{name} {path}")
}

/// Refuses a step that would nest too deep, and takes what it moves from the budget.
fn check_step(document: &Value, operation: &PatchOperation, budget: &mut usize) -> Result<(), &'static str> {
    let weight = match operation {
        PatchOperation::Add(add) => weigh(&add.value),
        PatchOperation::Replace(replace) => weigh(&replace.value),
        PatchOperation::Move(step) => moved(document, &step.from, budget)?,
        PatchOperation::Copy(step) => moved(document, &step.from, budget)?,
        PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
    };
    if operation.path().count() + weight.depth > DEPTH_MAX {
        return Err("the document would nest too deep");
    }
    Ok(())
}

fn moved(document: &Value, from: &Pointer, budget: &mut usize) -> Result<Weight, &'static str> {
    // What does not exist is reported by the step itself.
    let Ok(value) = from.resolve(document) else {
        return Ok(Weight::default());
    };
    let weight = weigh(value);
    // Bytes count too: copying one long text a thousand times is as bad as copying many values.
    *budget = budget
        .checked_sub(weight.nodes.max(weight.bytes / 8))
        .ok_or("the patch copies and moves too much")?;
    Ok(weight)
}

/// Compares two JSON documents and returns the JSON patch (RFC 6902) that turns the first into the second.
///
/// # Errors
/// `invalid-input` when a document is too large, or nests long keys so deep that the patch would be.
#[tool(read_only, idempotent)]
pub fn json_diff(args: JsonDiff) -> Result<Difference, ToolError> {
    for (name, document) in [("from", &args.from), ("to", &args.to)] {
        limits::check_json(name, document)?;
        // Each operation repeats the whole path of its place.
        if paths(document, 0) > limits::ANSWER_BYTES_MAX {
            return Err(ToolError::invalid_input(format!(
                "`{name}` has too many long paths; compare a part of it"
            )));
        }
    }
    let Patch(operations) = patching::diff(&args.from, &args.to);
    let patch = operations
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| ToolError::internal("the patch could not be written"))?;
    Ok(Difference {
        equal: patch.is_empty(),
        patch,
    })
}

/// The lengths of the paths of all values in a document together.
fn paths(value: &Value, length: usize) -> usize {
    let inner = match value {
        Value::Array(items) => items
            .iter()
            .map(|item| paths(item, length + 7))
            .fold(0, usize::saturating_add),
        Value::Object(members) => members
            .iter()
            .map(|(key, item)| paths(item, length + key.len() + 1))
            .fold(0, usize::saturating_add),
        _ => 0,
    };
    inner.saturating_add(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn apply(document: Value, patch: Value) -> Result<Value, ToolError> {
        json_patch(JsonPatch { document, patch }).map(|patched| patched.document)
    }

    #[test]
    fn patches() {
        let check = |document: Value, patch: Value, expected: Value| {
            assert_eq!(apply(document, patch.clone()).unwrap(), expected, "{patch}");
        };
        check(json!({"a": 1}), json!([]), json!({"a": 1}));
        check(
            json!({"a": 1}),
            json!([{"op": "add", "path": "/b", "value": 2}]),
            json!({"a": 1, "b": 2}),
        );
        check(
            json!({"a": [1]}),
            json!([{"op": "add", "path": "/a/-", "value": 2}]),
            json!({"a": [1, 2]}),
        );
        check(
            json!({"a": 1}),
            json!([{"op": "move", "from": "/a", "path": "/b"}]),
            json!({"b": 1}),
        );
        check(
            json!({"a": 1}),
            json!([{"op": "copy", "from": "/a", "path": "/b"}]),
            json!({"a": 1, "b": 1}),
        );
        check(
            json!({"a": 1}),
            json!([{"op": "test", "path": "/a", "value": 1}]),
            json!({"a": 1}),
        );
        check(
            json!({"a": 1, "b": 1}),
            json!([{"op": "remove", "path": "/a"}]),
            json!({"b": 1}),
        );
        // Merge patches, as in the appendix of RFC 7386.
        check(json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"}));
        check(json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"}));
        check(
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        );
        check(json!({"a": "foo"}), json!("bar"), json!("bar"));
        check(
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        );
    }

    #[test]
    fn refuses() {
        let check = |document: Value, patch: Value, word: &str| {
            let error = format!("{:?}", apply(document, patch.clone()).expect_err(word));
            assert!(error.contains(word), "{patch}: {error}");
        };
        check(json!({}), json!([{"op": "remove", "path": "/a"}]), "operation 0");
        check(
            json!({"a": 1}),
            json!([{"op": "test", "path": "/a", "value": 2}]),
            "operation 0",
        );
        check(
            json!({}),
            json!([{"op": "jump", "path": "/a"}]),
            "not a JSON patch",
        );
        check(
            json!({}),
            json!(vec![
                json!({"op": "test", "path": "", "value": {}});
                OPERATIONS_MAX + 1
            ]),
            "at most",
        );
    }

    #[test]
    fn a_patch_cannot_blow_up() {
        let double = json!([{"op": "copy", "from": "/a", "path": "/a/-"}, {"op": "copy", "from": "/a", "path": "/a/-"}]);
        let many: Vec<Value> = (0..60).flat_map(|_| double.as_array().unwrap().clone()).collect();
        let error = format!(
            "{:?}",
            apply(json!({"a": [1]}), json!(many)).expect_err("doubling")
        );
        assert!(
            error.contains("too much") || error.contains("too deep"),
            "{error}"
        );

        let deep: Vec<Value> = (0..200)
            .map(|level| json!({"op": "add", "path": "/a".repeat(level + 1), "value": {}}))
            .collect();
        let error = format!("{:?}", apply(json!({}), json!(deep)).expect_err("nesting"));
        assert!(error.contains("too deep"), "{error}");

        let text = "x".repeat(100_000);
        let copies: Vec<Value> = (0..1000)
            .map(|index| json!({"op": "copy", "from": "/t", "path": format!("/t{index}")}))
            .collect();
        let error = format!(
            "{:?}",
            apply(json!({ "t": text }), json!(copies)).expect_err("long texts")
        );
        assert!(error.contains("too much"), "{error}");
    }

    #[test]
    fn diffs_and_patches_undo_each_other() {
        let cases = [
            (json!({"a": 1}), json!({"a": 1})),
            (json!({"a": 1}), json!({"a": 2, "b": [1, 2]})),
            (json!([1, 2, 3, 4]), json!([2, 3])),
            (json!({"a/b": {"m~n": 1}}), json!({"a/b": {"m~n": 2}})),
            (json!(null), json!({"x": []})),
            (
                json!([{"id": 1}, {"id": 2}]),
                json!([{"id": 2}, {"id": 3}, {"id": 1}]),
            ),
        ];
        for (from, to) in cases {
            let difference = json_diff(JsonDiff {
                from: from.clone(),
                to: to.clone(),
            })
            .unwrap();
            assert_eq!(difference.equal, from == to);
            assert_eq!(
                apply(from.clone(), json!(difference.patch)).unwrap(),
                to,
                "{from}"
            );
        }
    }

    #[test]
    fn long_paths_are_refused() {
        let key = "k".repeat(100_000);
        let wide: Vec<u32> = (0..1000).collect();
        assert!(
            json_diff(JsonDiff {
                from: json!({ key: wide }),
                to: json!({})
            })
            .is_err()
        );
    }
}
