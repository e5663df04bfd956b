//! `parse_size`: amounts of data as people write them.

use crate::{decimal, limits};
use bigdecimal::{BigDecimal, RoundingMode, Signed};
use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Largest size: 2^53 - 1 bytes (about 9 PB). Beyond it many readers of JSON lose digits.
const BYTES_MAX: u64 = (1 << 53) - 1;

/// Arguments of `parse_size`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParseSize {
    /// The size, for example `10MB`, `1.5 GiB` or `512`.
    #[schemars(length(max = 200))]
    pub text: String,
}

/// Answer of `parse_size`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Size {
    /// The size in bytes.
    pub bytes: u64,
    /// False when the text says a fraction of a byte, and `bytes` is rounded (half up).
    pub exact: bool,
    /// The size in powers of 1000, for example `10 MB`.
    pub decimal_text: String,
    /// The size in powers of 1024, for example `9.54 MiB`.
    pub binary_text: String,
}

/// Reads a size such as "10MB", "1.5 GiB" or "512" and returns bytes.
///
/// KB, MB, GB, TB and PB count in thousands (1 KB = 1000 bytes); KiB, MiB, GiB, TiB and PiB count in 1024. Capitals make
/// no difference. A number alone is in bytes. A single letter (10M) is refused, because it is used for both.
///
/// # Errors
/// `invalid-input` for anything else, for negative sizes and for more than 2^53 - 1 bytes.
#[tool(read_only, idempotent)]
pub fn parse_size(args: ParseSize) -> Result<Size, ToolError> {
    let text = limits::term("text", &args.text)?;
    let number = text.trim_end_matches(char::is_alphabetic);
    let unit = text.get(number.len()..).unwrap_or("");
    let factor = factor(unit)?;
    let exact = decimal::parse(number.trim_end())? * BigDecimal::from(factor);
    if exact.is_negative() {
        return Err(ToolError::invalid_input(format!(
            "`{text}` is negative; a size is not"
        )));
    }
    if exact > BYTES_MAX {
        return Err(ToolError::invalid_input(format!(
            "`{text}` is more than {BYTES_MAX} bytes, the most that is taken"
        )));
    }
    let whole = exact.with_scale_round(0, RoundingMode::HalfUp);
    let bytes = whole.to_string().parse().unwrap_or(BYTES_MAX);
    Ok(Size {
        bytes,
        exact: whole == exact,
        decimal_text: shown(bytes, 1000, &["bytes", "KB", "MB", "GB", "TB", "PB"]),
        binary_text: shown(bytes, 1024, &["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"]),
    })
}

fn factor(unit: &str) -> Result<u64, ToolError> {
    let lower = unit.to_ascii_lowercase();
    Ok(match lower.as_str() {
        "" | "b" | "byte" | "bytes" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "pb" => 1_000_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "pib" => 1 << 50,
        "k" | "m" | "g" | "t" | "p" => {
            let letter = unit.to_ascii_uppercase();
            return Err(ToolError::invalid_input(format!(
                "`{unit}` alone is used for powers of 1000 and of 1024; write {letter}B (1000) or {letter}iB (1024)"
            )));
        }
        _ => {
            return Err(ToolError::invalid_input(format!(
                "`{unit}` is not a unit of size; use B, KB, MB, GB, TB, PB, KiB, MiB, GiB, TiB or PiB"
            )));
        }
    })
}

fn shown(bytes: u64, base: u64, units: &[&str]) -> String {
    let mut divisor = 1;
    let mut unit = "bytes";
    for next in units.iter().skip(1) {
        if bytes / divisor < base {
            break;
        }
        divisor *= base;
        unit = next;
    }
    let amount = BigDecimal::from(bytes) / BigDecimal::from(divisor);
    let rounded = amount.with_scale_round(2, RoundingMode::HalfUp).normalized();
    format!("{} {unit}", rounded.to_plain_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<Size, ToolError> {
        parse_size(ParseSize {
            text: text.to_owned(),
        })
    }

    #[test]
    fn reads() {
        let check = |text: &str, bytes: u64, exact: bool| {
            let size = run(text).unwrap();
            assert_eq!((size.bytes, size.exact), (bytes, exact), "{text}");
        };
        check("512", 512, true);
        check("0", 0, true);
        check("10MB", 10_000_000, true);
        check("10 mb", 10_000_000, true);
        check("1.5 GiB", 1_610_612_736, true);
        check("1.5kib", 1536, true);
        check("1.3 KiB", 1331, false);
        check("0.1 TB", 100_000_000_000, true);
        check("  7 bytes ", 7, true);
        check("1e3 B", 1000, true);
        check("9007199254740991", 9_007_199_254_740_991, true);
    }

    #[test]
    fn shows() {
        let size = run("10MB").unwrap();
        assert_eq!(
            (size.decimal_text.as_str(), size.binary_text.as_str()),
            ("10 MB", "9.54 MiB")
        );
        assert_eq!(run("999").unwrap().decimal_text, "999 bytes");
    }

    #[test]
    fn refuses() {
        for text in [
            "",
            "MB",
            "-1KB",
            "10M",
            "10 Mbit",
            "ten MB",
            "1,5 MB",
            "9007199254740992",
            "9 PiB",
            "1e999 PB",
            "1 MB 2",
            "NaN",
        ] {
            assert!(run(text).is_err(), "{text}");
        }
    }
}
