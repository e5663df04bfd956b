//! Bounds on what the tools take and give, each with its reason.

use fact_sdk::ToolError;
use serde_json::Value;

/// Most bytes of a text argument: 1 MiB is a long book. What is larger belongs into a file, not into a call.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// Most bytes of a JSON argument, counted as [`weigh`] does. The same size as a text, for the same reason.
pub const JSON_BYTES_MAX: usize = 1 << 20;

/// Most characters of a value that stands for one size, duration, date or number. The longest sensible one, an RFC 2822
/// date with a comment, has about 60.
pub const TERM_CHARS_MAX: usize = 200;

/// Most rows of a table. A spreadsheet holds ten times as many, but nobody reads them in an answer.
pub const ROWS_MAX: usize = 100_000;

/// Most columns of a table: what a spreadsheet takes.
pub const COLUMNS_MAX: usize = 16_384;

/// Most cells of a table, since rows and columns together could ask for a thousand million.
pub const CELLS_MAX: usize = 1_000_000;

/// Most bytes of an answer. The host refuses answers over 10 MiB; this leaves room for quoting and for the rest of it.
pub const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Deepest nesting of a JSON document that a patch may build. Readers commonly refuse more than 128 levels.
pub const DEPTH_MAX: usize = 128;

/// Refuses a text that is too long.
///
/// # Errors
/// `invalid-input`, with the name of the argument.
pub fn check_text(name: &str, text: &str) -> Result<(), ToolError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(ToolError::invalid_input(format!(
            "`{name}` has {} bytes, and at most {TEXT_BYTES_MAX} are taken; pass a part of it",
            text.len()
        )));
    }
    Ok(())
}

/// Trims a short value (a size, a date ...) and refuses one that is empty or too long.
///
/// # Errors
/// `invalid-input`, with the name of the argument.
pub fn term<'a>(name: &str, text: &'a str) -> Result<&'a str, ToolError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ToolError::invalid_input(format!("`{name}` is empty")));
    }
    if text.chars().count() > TERM_CHARS_MAX {
        return Err(ToolError::invalid_input(format!(
            "`{name}` is longer than {TERM_CHARS_MAX} characters; pass one value only"
        )));
    }
    Ok(text)
}

/// How much a JSON value holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Values in it, itself included.
    pub nodes: usize,
    /// About as many bytes as it has when written: texts and keys in full, 8 for anything else.
    pub bytes: usize,
    /// Levels of nesting; 1 for a scalar.
    pub depth: usize,
}

/// Weighs a value. It recurses, so the value must come from a parser that bounds the depth (as serde_json does) or from
/// code that does.
#[must_use]
pub fn weigh(value: &Value) -> Weight {
    let mut all = Weight {
        nodes: 1,
        bytes: 8,
        depth: 1,
    };
    let mut add = |key: usize, child: &Value| {
        let child = weigh(child);
        all.nodes += child.nodes;
        all.bytes += child.bytes + key;
        all.depth = all.depth.max(child.depth + 1);
    };
    match value {
        Value::Array(items) => items.iter().for_each(|item| add(0, item)),
        Value::Object(members) => members.iter().for_each(|(key, item)| add(key.len(), item)),
        Value::String(text) => all.bytes += text.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    all
}

/// Refuses a JSON value that is too large.
///
/// # Errors
/// `invalid-input`, with the name of the argument.
pub fn check_json(name: &str, value: &Value) -> Result<(), ToolError> {
    let weight = weigh(value);
    if weight.bytes > JSON_BYTES_MAX {
        return Err(ToolError::invalid_input(format!(
            "`{name}` holds about {} bytes, and at most {JSON_BYTES_MAX} are taken; pass a part of it",
            weight.bytes
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn weighs() {
        assert_eq!(
            weigh(&json!(null)),
            Weight {
                nodes: 1,
                bytes: 8,
                depth: 1
            }
        );
        assert_eq!(
            weigh(&json!({"ab": ["xyz", 1]})),
            Weight {
                nodes: 4,
                bytes: 37,
                depth: 3
            }
        );
    }

    #[test]
    fn refuses_what_is_too_large() {
        assert!(check_text("text", &"x".repeat(TEXT_BYTES_MAX)).is_ok());
        assert!(check_text("text", &"x".repeat(TEXT_BYTES_MAX + 1)).is_err());
        assert!(check_json("document", &json!(["x".repeat(TEXT_BYTES_MAX)])).is_err());
        assert!(term("date", "  ").is_err());
        assert!(term("date", &"x".repeat(TERM_CHARS_MAX + 1)).is_err());
        assert_eq!(term("date", " 2025 ").ok(), Some("2025"));
    }
}
