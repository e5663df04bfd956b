//! Decimal numbers as text: parsed without loss, turned into JSON numbers only where that loses nothing.

use bigdecimal::{BigDecimal, RoundingMode};
use fact_sdk::ToolError;
use serde_json::Number;
use std::str::FromStr;

/// Largest power of ten that is taken. A double reaches 10^308; beyond 999 a number is a way to fill the memory.
const EXPONENT_DIGITS_MAX: usize = 3;

/// Parses `12`, `-0.50`, `+3.`, `.5`, `1.2e-7`. No separators of thousands: `1,234` means two things.
///
/// # Errors
/// `invalid-input` for anything else.
pub fn parse(text: &str) -> Result<BigDecimal, ToolError> {
    if !is_decimal(text) {
        return Err(ToolError::invalid_input(format!(
            "`{text}` is not a number; write digits with a point, for example -1234.56 or 1.2e-7"
        )));
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    BigDecimal::from_str(text)
        .map_err(|_| ToolError::invalid_input(format!("`{text}` is not a number that can be read")))
}

fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_is_fine = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && exponent.len() <= EXPONENT_DIGITS_MAX && digits(exponent)
    });
    !(whole.is_empty() && fraction.is_empty()) && digits(whole) && digits(fraction) && exponent_is_fine
}

/// The JSON number with exactly this value, if there is one: an integer of 64 bits, or a double whose shortest text is
/// this number.
#[must_use]
pub fn to_json(decimal: &BigDecimal) -> Option<Number> {
    if decimal.is_integer() {
        let text = decimal.with_scale(0).to_string();
        if let Ok(integer) = text.parse::<i64>() {
            return Some(integer.into());
        }
        if let Ok(integer) = text.parse::<u64>() {
            return Some(integer.into());
        }
    }
    let double: f64 = decimal.to_scientific_notation().parse().ok()?;
    let back = BigDecimal::from_str(&double.to_string()).ok()?;
    (back == *decimal).then(|| Number::from_f64(double)).flatten()
}

/// The decimal that a JSON number's text shows.
///
/// # Errors
/// `invalid-input` for a number out of range.
pub fn from_json(number: &Number) -> Result<BigDecimal, ToolError> {
    parse(&number.to_string())
}

/// How a number is written for a reader.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Digits after the decimal mark; none: as many as the number has.
    pub digits: Option<u32>,
    /// Between groups of three digits.
    pub thousands: &'a str,
    /// Between the whole and the fraction.
    pub mark: &'a str,
}

/// Writes a number for a reader, rounded half away from zero. No exponent.
#[must_use]
pub fn write(decimal: &BigDecimal, look: Look<'_>) -> String {
    let plain = match look.digits {
        Some(digits) => decimal
            .with_scale_round(i64::from(digits), RoundingMode::HalfUp)
            .to_plain_string(),
        None => decimal.normalized().to_plain_string(),
    };
    let (sign, unsigned) = plain
        .strip_prefix('-')
        .map_or(("", plain.as_str()), |rest| ("-", rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut text = String::with_capacity(plain.len() * 2);
    // What rounds to zero has no sign.
    if unsigned.bytes().any(|byte| byte.is_ascii_digit() && byte != b'0') {
        text.push_str(sign);
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push_str(look.thousands);
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push_str(look.mark);
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_into_json_without_loss_only() {
        let check = |text: &str, json: Option<&str>| {
            let number = to_json(&parse(text).unwrap());
            assert_eq!(number.map(|number| number.to_string()).as_deref(), json, "{text}");
        };
        check("12.50", Some("12.5"));
        check("0.1", Some("0.1"));
        check("-0", Some("0"));
        check("+7", Some("7"));
        check("3.000", Some("3"));
        check("1e3", Some("1000"));
        check("9223372036854775807", Some("9223372036854775807"));
        check("18446744073709551615", Some("18446744073709551615"));
        check("1e30", Some("1e+30"));
        check("0.1234567890123456789", None);
        check("123456789012345678901", None);
        check("1e999", None);
        check("1e-999", None);
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in [
            "",
            ".",
            "-",
            "1,234",
            "1.2.3",
            "0x10",
            "NaN",
            "inf",
            "1e",
            "1e1000",
            "1e99999999999",
            "٣",
            "1_000",
            "--1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn writes() {
        let check = |text: &str, digits: Option<u32>, thousands: &str, mark: &str, expected: &str| {
            let look = Look {
                digits,
                thousands,
                mark,
            };
            assert_eq!(write(&parse(text).unwrap(), look), expected, "{text}");
        };
        check("1234567.891", Some(2), ",", ".", "1,234,567.89");
        check("1234567.891", Some(0), ".", ",", "1.234.568");
        check("1.005", Some(2), "", ".", "1.01");
        check("-1.005", Some(2), "", ".", "-1.01");
        check("-0.001", Some(2), "", ".", "0.00");
        check("100", Some(2), ",", ",", "100,00");
        check("1000", None, " ", ".", "1 000");
        check("12.500", None, "", ".", "12.5");
        check("1e21", None, "", ".", "1000000000000000000000");
        check("0.5", Some(0), "", ".", "1");
    }
}
