//! Numbers for people: every digit that the data have, and none besides.

use crate::template::Unit;
use serde_json::Value;

/// Digits behind the point that are shown of a number that has more.
const DECIMALS: usize = 4;

/// Most digits behind the point of the short form, which is left out where it would need more: it never rounds.
const SHORT_DECIMALS: usize = 3;

/// A cell as text. `with_unit`: the name of the unit stands behind the number.
pub(crate) fn cell(value: &Value, unit: &Unit, with_unit: bool) -> String {
    let Value::Number(number) = value else {
        return match value {
            Value::Null => "no figure".to_owned(),
            Value::String(text) => crate::options::clean(text),
            // A cell is never one of these; bytes come as an object.
            other => crate::options::clean(&other.to_string()),
        };
    };
    let Some((about, whole, decimals)) = digits(number) else {
        return number.to_string();
    };
    let plain = if decimals.is_empty() {
        whole.clone()
    } else {
        format!("{whole}.{decimals}")
    };
    if *unit == Unit::Plain {
        return format!("{about}{plain}");
    }
    let grouped = grouped(&whole);
    let grouped = if decimals.is_empty() {
        grouped
    } else {
        format!("{grouped}.{decimals}")
    };
    let name = match unit {
        Unit::Percent => " %",
        Unit::Of(name) if with_unit => &format!(" {name}"),
        _ => "",
    };
    let short = match unit {
        Unit::Of(_) if about.is_empty() && decimals.is_empty() => short(&whole),
        _ => None,
    };
    match short {
        Some(short) => format!("{grouped}{name} ({short})"),
        None => format!("{about}{grouped}{name}"),
    }
}

/// A number as "about " or nothing, the digits before the point with their sign, and those behind it.
fn digits(number: &serde_json::Number) -> Option<(&'static str, String, String)> {
    if number.is_i64() || number.is_u64() {
        return Some(("", number.to_string(), String::new()));
    }
    let value = number.as_f64()?;
    // Beyond this a floating-point number does not hold its last digits.
    if !value.is_finite() || value.abs() >= 9e15 {
        return None;
    }
    let exact = format!("{value}");
    let behind = exact.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let (about, text) = if behind > DECIMALS {
        ("about ", format!("{value:.DECIMALS$}"))
    } else {
        ("", exact)
    };
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let whole = if whole == "-0" && decimals.bytes().all(|digit| digit == b'0') {
        "0"
    } else {
        whole
    };
    Some((about, whole.to_owned(), decimals.trim_end_matches('0').to_owned()))
}

/// `1234567` as `1,234,567`.
fn grouped(whole: &str) -> String {
    let (sign, digits) = whole
        .strip_prefix('-')
        .map_or(("", whole), |digits| ("-", digits));
    let mut text = sign.to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `68500000000` as `68.5 bn`, where that says the same.
fn short(whole: &str) -> Option<String> {
    let (sign, digits) = whole
        .strip_prefix('-')
        .map_or(("", whole), |digits| ("-", digits));
    let (zeros, name) = match digits.len() {
        10.. => (9, "bn"),
        7.. => (6, "million"),
        _ => return None,
    };
    let (before, behind) = digits.split_at_checked(digits.len() - zeros)?;
    let behind = behind.trim_end_matches('0');
    if behind.len() > SHORT_DECIMALS {
        return None;
    }
    let point = if behind.is_empty() { "" } else { "." };
    Some(format!("{sign}{}{point}{behind} {name}", grouped(before)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures() {
        let dollars = Unit::Of("dollars".to_owned());
        for (value, unit, expected) in [
            (
                json!(68_500_000_000_i64),
                &dollars,
                "68,500,000,000 dollars (68.5 bn)",
            ),
            (
                json!(14_045_000_000.0),
                &dollars,
                "14,045,000,000 dollars (14.045 bn)",
            ),
            (json!(68_500_000_001_i64), &dollars, "68,500,000,001 dollars"),
            (json!(-1_500_000), &dollars, "-1,500,000 dollars (-1.5 million)"),
            (
                json!(1_234_000_000_000_i64),
                &dollars,
                "1,234,000,000,000 dollars (1,234 bn)",
            ),
            (json!(999_999), &dollars, "999,999 dollars"),
            (json!(0), &dollars, "0 dollars"),
            (json!(0.1 + 0.2), &dollars, "about 0.3 dollars"),
            (json!(-0.00001), &dollars, "about 0 dollars"),
            (json!(i64::MIN), &Unit::Count, "-9,223,372,036,854,775,808"),
            (json!(u64::MAX), &Unit::Count, "18,446,744,073,709,551,615"),
            (json!(8.7), &Unit::Percent, "8.7 %"),
            (json!(-20.0), &Unit::Percent, "-20 %"),
            (json!(1e300), &dollars, "1e+300"),
            (json!(2025), &Unit::Plain, "2025"),
            (json!("a\nb\u{1b}[1m"), &Unit::Plain, "a b [1m"),
            (json!(null), &dollars, "no figure"),
            (json!({"base64": "AA=="}), &Unit::Plain, "{\"base64\":\"AA==\"}"),
        ] {
            assert_eq!(cell(&value, unit, true), expected);
        }
        assert_eq!(cell(&json!(5_000_000), &dollars, false), "5,000,000 (5 million)");
    }
}
