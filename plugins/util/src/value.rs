//! `format_value`: values as JSON can carry them and as a reader likes them.

use crate::decimal::{self, Look};
use crate::{date, limits};
use base64::{Engine, engine::general_purpose::STANDARD};
use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a value is to be read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadAs {
    /// Whatever JSON says it is.
    #[default]
    Auto,
    /// A text, or a list of numbers from 0 to 255, that stands for bytes: becomes base64.
    Bytes,
    /// A text with a date, or seconds since 1970: becomes ISO 8601.
    Date,
    /// A text with a decimal number: becomes a number where no digit is lost, else stays text.
    Decimal,
}

/// What a value turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing.
    Null,
    /// True or false.
    Boolean,
    /// A number.
    Number,
    /// A decimal with more digits than a JSON number holds, as text.
    Decimal,
    /// Bytes, in base64.
    Bytes,
    /// A date, in ISO 8601.
    Date,
    /// A text.
    Text,
    /// A list or an object, unchanged.
    Json,
}

/// Arguments of `format_value`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormatValue {
    /// The value to format.
    pub value: Value,
    /// What the value stands for: `auto` (what JSON says), `bytes`, `date` or `decimal`.
    #[serde(default)]
    pub read_as: ReadAs,
    /// Digits after the decimal mark in `text`, rounded half away from zero. Without it, as many as there are.
    #[schemars(range(min = 0, max = 30))]
    pub digits: Option<u32>,
    /// What stands between groups of three digits in `text`: comma, point, space, apostrophe or underscore. Without it, nothing.
    pub thousands: Option<String>,
    /// The decimal mark in `text`: a point (default) or a comma.
    pub decimal_mark: Option<String>,
}

/// Answer of `format_value`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Formatted {
    /// What the value turned out to be.
    pub kind: Kind,
    /// The value for a program: null, a number, or text such as base64 or ISO 8601.
    pub value: Value,
    /// The value for a reader. Absent for null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Formats one value for JSON and for a reader: null stays null, bytes become base64, dates become ISO 8601, decimals become numbers where no digit is lost.
///
/// Numbers can be written with a fixed count of digits and with separators of thousands.
///
/// # Errors
/// `invalid-input` when the value is not what `read_as` says, or is too large.
#[tool(read_only, idempotent)]
pub fn format_value(args: FormatValue) -> Result<Formatted, ToolError> {
    limits::check_json("value", &args.value)?;
    let FormatValue {
        value,
        read_as,
        digits,
        thousands,
        decimal_mark,
    } = args;
    let look = look(digits, thousands.as_deref(), decimal_mark.as_deref())?;
    let plain = |kind, value: Value, text: String| Formatted {
        kind,
        value,
        text: Some(text),
    };
    Ok(match (read_as, value) {
        (_, Value::Null) => Formatted {
            kind: Kind::Null,
            value: Value::Null,
            text: None,
        },
        (ReadAs::Auto | ReadAs::Decimal, Value::Number(number)) => {
            let text = decimal::write(&decimal::from_json(&number)?, look);
            plain(Kind::Number, Value::Number(number), text)
        }
        (ReadAs::Decimal, Value::String(text)) => {
            let number = decimal::parse(limits::term("value", &text)?)?;
            let shown = decimal::write(&number, look);
            match decimal::to_json(&number) {
                Some(fitting) => plain(Kind::Number, Value::Number(fitting), shown),
                None => plain(Kind::Decimal, Value::String(number.to_plain_string()), shown),
            }
        }
        (ReadAs::Bytes, value) => {
            let text = STANDARD.encode(bytes(&value)?);
            plain(Kind::Bytes, Value::String(text.clone()), text)
        }
        (ReadAs::Date, Value::String(text)) => {
            let iso = date::read(&text)?.iso;
            plain(Kind::Date, Value::String(iso.clone()), iso)
        }
        (ReadAs::Date, Value::Number(seconds)) => {
            let iso = date::from_epoch(&seconds)?;
            plain(Kind::Date, Value::String(iso.clone()), iso)
        }
        (ReadAs::Auto, Value::Bool(value)) => plain(Kind::Boolean, Value::Bool(value), value.to_string()),
        (ReadAs::Auto, Value::String(text)) => plain(Kind::Text, Value::String(text.clone()), text),
        (ReadAs::Auto, value) => {
            let text = value.to_string();
            plain(Kind::Json, value, text)
        }
        (ReadAs::Date | ReadAs::Decimal, _) => {
            return Err(ToolError::invalid_input(
                "a date or a decimal is read from a text or a number; format the items of a list one by one",
            ));
        }
    })
}

fn look<'a>(
    digits: Option<u32>,
    thousands: Option<&'a str>,
    mark: Option<&'a str>,
) -> Result<Look<'a>, ToolError> {
    let (thousands, mark) = (thousands.unwrap_or(""), mark.unwrap_or("."));
    if !matches!(
        thousands,
        "" | "," | "." | " " | "'" | "_" | "\u{a0}" | "\u{202f}" | "\u{2019}"
    ) {
        return Err(ToolError::invalid_input(
            "`thousands` is a comma, a point, a space, an apostrophe or an underscore",
        ));
    }
    if !matches!(mark, "." | ",") {
        return Err(ToolError::invalid_input("`decimal_mark` is a point or a comma"));
    }
    if thousands == mark {
        return Err(ToolError::invalid_input(
            "`thousands` and the decimal mark are the same sign; set `decimal_mark` to the other one",
        ));
    }
    if digits.is_some_and(|digits| digits > 30) {
        return Err(ToolError::invalid_input("`digits` is at most 30"));
    }
    Ok(Look {
        digits,
        thousands,
        mark,
    })
}

fn bytes(value: &Value) -> Result<Vec<u8>, ToolError> {
    let refuse =
        || ToolError::invalid_input("bytes are given as a text, or as a list of whole numbers from 0 to 255");
    match value {
        Value::String(text) => Ok(text.clone().into_bytes()),
        Value::Array(items) => items
            .iter()
            .map(|item| {
                item.as_u64()
                    .and_then(|byte| u8::try_from(byte).ok())
                    .ok_or_else(refuse)
            })
            .collect(),
        _ => Err(refuse()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(args: Value) -> Result<Formatted, ToolError> {
        format_value(serde_json::from_value(args).unwrap())
    }

    #[test]
    fn formats() {
        let check = |args: Value, kind: Kind, value: Value, text: Option<&str>| {
            let expected = Formatted {
                kind,
                value,
                text: text.map(str::to_owned),
            };
            assert_eq!(run(args.clone()).unwrap(), expected, "{args}");
        };
        check(json!({"value": null}), Kind::Null, Value::Null, None);
        check(
            json!({"value": null, "read_as": "date"}),
            Kind::Null,
            Value::Null,
            None,
        );
        check(json!({"value": true}), Kind::Boolean, json!(true), Some("true"));
        check(json!({"value": "x"}), Kind::Text, json!("x"), Some("x"));
        check(json!({"value": [1]}), Kind::Json, json!([1]), Some("[1]"));
        check(
            json!({"value": 1234567.891, "digits": 1, "thousands": ","}),
            Kind::Number,
            json!(1234567.891),
            Some("1,234,567.9"),
        );
        check(
            json!({"value": "hé", "read_as": "bytes"}),
            Kind::Bytes,
            json!("aMOp"),
            Some("aMOp"),
        );
        check(
            json!({"value": [0, 255], "read_as": "bytes"}),
            Kind::Bytes,
            json!("AP8="),
            Some("AP8="),
        );
        check(
            json!({"value": "12.50", "read_as": "decimal"}),
            Kind::Number,
            json!(12.5),
            Some("12.5"),
        );
        check(
            json!({"value": "0.12345678901234567890", "read_as": "decimal", "digits": 3}),
            Kind::Decimal,
            json!("0.12345678901234567890"),
            Some("0.123"),
        );
        check(
            json!({"value": "31 Mar 2025", "read_as": "date"}),
            Kind::Date,
            json!("2025-03-31"),
            Some("2025-03-31"),
        );
        check(
            json!({"value": 1743379200, "read_as": "date"}),
            Kind::Date,
            json!("2025-03-31T00:00:00Z"),
            Some("2025-03-31T00:00:00Z"),
        );
    }

    #[test]
    fn refuses() {
        for args in [
            json!({"value": [256], "read_as": "bytes"}),
            json!({"value": [1.5], "read_as": "bytes"}),
            json!({"value": {}, "read_as": "bytes"}),
            json!({"value": [], "read_as": "date"}),
            json!({"value": "soon", "read_as": "date"}),
            json!({"value": "1,5", "read_as": "decimal"}),
            json!({"value": true, "read_as": "decimal"}),
            json!({"value": 1, "thousands": "."}),
            json!({"value": 1, "thousands": "abc"}),
            json!({"value": 1, "decimal_mark": ";"}),
            json!({"value": 1, "digits": 31}),
        ] {
            assert!(run(args.clone()).is_err(), "{args}");
        }
    }
}
