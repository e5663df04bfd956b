//! One text for each JSON value: RFC 8785, and what it leaves open.
//!
//! The RFC reads every number as a double, so it would write different integers beyond 2^53 alike. Here an integer keeps all
//! its digits, and a number with a fraction or an exponent is written as the RFC says, except that one of 2^53 or more is
//! always written with its exponent: so no such number has the text of an integer that it is not. Up to 2^53, where both
//! kinds are exact, `1.0` and `1` are the same number and have the same text.
//!
//! A tool can see the order of keys and the spelling of a number. A cache key made of this text is sound only if the tool
//! gets the arguments in this form too: see [`canonicalize`].

use serde_json::{Number, Value};
use std::fmt::Write as _;

/// From here on not every integer is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The canonical text of a value.
///
/// ```
/// let value = serde_json::json!({"b": 1.50, "a": [9007199254740993_i64, "é\n"]});
/// assert_eq!(fact_cache::canonical(&value), r#"{"a":[9007199254740993,"é\n"],"b":1.5}"#);
/// ```
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// The value that the canonical text says: with this as its arguments, a tool can't tell two calls apart that have the same
/// text.
#[must_use]
pub fn canonicalize(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(canonicalize).collect(),
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by(|(a, _), (b, _)| utf16(a, b));
            Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (key, canonicalize(value)))
                    .collect(),
            )
        }
        Value::Number(number) => Value::Number(plain(number)),
        other => other,
    }
}

/// A double that is written like an integer becomes one.
fn plain(number: Number) -> Number {
    match number.as_f64() {
        Some(double) if number.is_f64() && double.fract() == 0.0 && double.abs() < EXACT =>
        {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "it is whole, and far below the bound"
            )]
            Number::from(double as i64)
        }
        _ => number,
    }
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => number_text(number, out),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| utf16(a, b));
            out.push('{');
            for (n, (key, value)) in members.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                string(key, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

/// The RFC sorts keys by their UTF-16 units, which differs from the order of bytes beyond the basic plane.
fn utf16(a: &str, b: &str) -> std::cmp::Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn number_text(number: &Number, out: &mut String) {
    match number.as_f64() {
        Some(double) if number.is_f64() => double_text(double, out),
        _ => {
            let _ = write!(out, "{number}");
        }
    }
}

/// As ECMAScript writes a number. Rust finds the same shortest digits; only the point and the exponent are set otherwise.
fn double_text(double: f64, out: &mut String) {
    if double == 0.0 {
        return out.push('0');
    }
    if double < 0.0 {
        out.push('-');
    }
    let scientific = format!("{:e}", double.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or_default());
    // Where the point stands, counted from the first digit.
    let point = exponent + 1;
    if double.abs() >= EXACT || point <= -6 {
        let (first, rest) = digits.split_at(1);
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        let _ = write!(out, "e{exponent:+}");
    } else if point >= count {
        out.push_str(&digits);
        out.push_str(&zeros(point - count));
    } else if point > 0 {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or_default());
        let _ = write!(out, "{whole}.{fraction}");
    } else {
        let _ = write!(out, "0.{}{digits}", zeros(-point));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(json: &str, expected: &str) {
        let value: Value = serde_json::from_str(json).unwrap();
        assert_eq!(canonical(&value), expected, "{json}");
        assert_eq!(
            canonicalize(value).to_string(),
            serde_json::from_str::<Value>(expected).unwrap().to_string()
        );
    }

    #[test]
    fn examples_of_the_rfc() {
        check(
            r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
                "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
             \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}",
        );
        // Its example for the order of keys.
        check(
            r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#,
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}",
        );
        for (double, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (0.000_001, "0.000001"),
            (0.000_000_999_999_999_999_999_7, "9.999999999999997e-7"),
            (333_333_333.333_333_25, "333333333.33333325"),
            (-12.5, "-12.5"),
            (100.0, "100"),
        ] {
            assert_eq!(canonical(&json!(double)), text);
        }
    }

    #[test]
    fn large_integers_keep_their_digits_and_share_no_text_with_doubles() {
        check(
            "[9007199254740993,9007199254740992]",
            "[9007199254740993,9007199254740992]",
        );
        check("18446744073709551615", "18446744073709551615");
        check("9007199254740992.0", "9.007199254740992e+15");
        check("1152921504606847000", "1152921504606847000");
        check("1152921504606846976.0", "1.152921504606847e+18");
        check("[1.0,1,1e0,-0.0]", "[1,1,1,0]");
    }

    proptest! {
        #[test]
        fn distinct_integers_have_distinct_texts(a: i64, b: u64) {
            prop_assert_eq!(canonical(&json!(a)), a.to_string());
            prop_assert_eq!(canonical(&json!(b)), b.to_string());
        }

        #[test]
        fn a_double_is_what_its_text_says(bits: u64) {
            let double = f64::from_bits(bits);
            prop_assume!(double.is_finite());
            let text = canonical(&json!(double));
            prop_assert_eq!(text.parse::<f64>().unwrap(), double);
        }

        #[test]
        fn the_text_of_the_text_is_the_text(value in arbitrary()) {
            let text = canonical(&value);
            prop_assert_eq!(canonical(&serde_json::from_str(&text).unwrap()), text.clone());
            prop_assert_eq!(canonicalize(value).to_string(), serde_json::from_str::<Value>(&text).unwrap().to_string());
        }
    }

    fn arbitrary() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e6..1e6_f64).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((".{0,4}", inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }
}
