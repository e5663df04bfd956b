//! `parse_duration`: lengths of time as people and ISO 8601 write them.

use crate::limits;
use fact_sdk::{ToolError, tool};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// Arguments of `parse_duration`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParseDuration {
    /// The length of time, for example `1h 30m`, `90s`, `1.5h`, `2 days` or `PT5M`.
    #[schemars(length(max = 200))]
    pub text: String,
}

/// Answer of `parse_duration`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Length {
    /// The length in seconds, with a fraction where there is one.
    pub seconds: Number,
    /// The length in ISO 8601, for example `PT1H30M`.
    pub iso: String,
    /// The length in words, for example `1h 30m`.
    pub text: String,
}

/// Reads a length of time such as "1h 30m", "90s", "1.5h", "2 days" or "PT5M" and returns seconds and ISO 8601.
///
/// A day counts 24 hours and a week 7 days. Months and years are refused, because their length depends on the date; so
/// is a number without a unit.
///
/// # Errors
/// `invalid-input` for anything that is not a length of time.
#[tool(read_only, idempotent)]
pub fn parse_duration(args: ParseDuration) -> Result<Length, ToolError> {
    let text = limits::term("text", &args.text)?;
    if text.parse::<f64>().is_ok() {
        return Err(ToolError::invalid_input(format!(
            "`{text}` has no unit; write for example {text}s, {text}m or {text}h"
        )));
    }
    let span: Span = text.parse().map_err(|_| {
        ToolError::invalid_input(format!(
            "`{text}` is not a length of time; write for example 1h 30m, 90s, 1.5h or PT5M"
        ))
    })?;
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(ToolError::invalid_input(
            "months and years have no fixed length; write days (365d) or hours instead",
        ));
    }
    let length = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| ToolError::invalid_input(format!("`{text}` is too long a time")))?;
    Ok(Length {
        seconds: seconds(length),
        iso: length.to_string(),
        text: format!("{length:#}"),
    })
}

fn seconds(length: SignedDuration) -> Number {
    if length.subsec_nanos() == 0 {
        return length.as_secs().into();
    }
    Number::from_f64(length.as_secs_f64()).unwrap_or_else(|| length.as_secs().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<Length, ToolError> {
        parse_duration(ParseDuration {
            text: text.to_owned(),
        })
    }

    #[test]
    fn reads() {
        let check = |text: &str, seconds: &str, iso: &str| {
            let length = run(text).unwrap();
            assert_eq!(
                (length.seconds.to_string().as_str(), length.iso.as_str()),
                (seconds, iso),
                "{text}"
            );
        };
        check("1h 30m", "5400", "PT1H30M");
        check("90s", "90", "PT1M30S");
        check("PT5M", "300", "PT5M");
        check("1.5h", "5400", "PT1H30M");
        check("250ms", "0.25", "PT0.25S");
        check("2 days", "172800", "PT48H");
        check("1 week", "604800", "PT168H");
        check("P1DT12H", "129600", "PT36H");
        check("-5m", "-300", "-PT5M");
        check("1 hour, 5 seconds", "3605", "PT1H5S");
        check("0s", "0", "PT0S");
        assert_eq!(run("5400s").unwrap().text, "1h 30m");
    }

    #[test]
    fn refuses() {
        for text in [
            "",
            "90",
            "1.5",
            "soon",
            "1 month",
            "P1Y",
            "1h 1h",
            "1 fortnight",
            "99999999999999h",
            "h",
            "inf",
        ] {
            assert!(run(text).is_err(), "{text}");
        }
    }
}
