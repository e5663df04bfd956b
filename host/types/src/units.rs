//! Sizes and spans of time as people write them: `256MiB`, `30s`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a size or a span does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a size.
    #[error(
        "`{0}` is no size: write a whole number of bytes, or one with KiB, MiB or GiB, for example 256MiB"
    )]
    Size(String),
    /// Not a span of time.
    #[error("`{0}` is no span of time: write for example 30s, 500ms or 1m 30s")]
    Span(String),
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SizeText", into = "String")]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 6] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1 << 30),
    ("MB", 1 << 20),
    ("KB", 1 << 10),
];

impl ByteSize {
    /// `n` times 1024 bytes.
    pub const fn kib(n: u64) -> Self {
        ByteSize(n << 10)
    }

    /// `n` times 1024 KiB.
    pub const fn mib(n: u64) -> Self {
        ByteSize(n << 20)
    }

    /// As a number of bytes in memory; the largest one where it does not fit.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, factor) in UNITS {
            if self.0 >= factor && self.0.is_multiple_of(factor) {
                return write!(f, "{}{unit}", self.0 / factor);
            }
        }
        write!(f, "{}B", self.0)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;
    /// Units are powers of 1024, whichever way they are spelled: this is memory, not disk marketing.
    fn from_str(s: &str) -> Result<Self, UnitError> {
        let bad = || UnitError::Size(s.chars().take(40).collect());
        let text = s.trim();
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let number: u64 = digits.parse().map_err(|_| bad())?;
        let unit = text.get(digits.len()..).unwrap_or("").trim();
        let factor = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" => 1 << 10,
            "m" => 1 << 20,
            "g" => 1 << 30,
            lower => {
                UNITS
                    .iter()
                    .find(|(u, _)| u.eq_ignore_ascii_case(lower))
                    .ok_or_else(bad)?
                    .1
            }
        };
        number.checked_mul(factor).map(ByteSize).ok_or_else(bad)
    }
}

/// A size may stand in a file as text or as a bare number of bytes.
#[derive(Deserialize)]
#[serde(untagged)]
enum SizeText {
    Number(u64),
    Text(String),
}

impl TryFrom<SizeText> for ByteSize {
    type Error = UnitError;
    fn try_from(text: SizeText) -> Result<Self, UnitError> {
        match text {
            SizeText::Number(bytes) => Ok(ByteSize(bytes)),
            SizeText::Text(text) => text.parse(),
        }
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> String {
        size.to_string()
    }
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

impl Span {
    /// Whole seconds.
    pub const fn secs(n: u64) -> Self {
        Span(Duration::from_secs(n))
    }

    /// Whole milliseconds.
    pub const fn millis(n: u64) -> Self {
        Span(Duration::from_millis(n))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl FromStr for Span {
    type Err = UnitError;
    fn from_str(s: &str) -> Result<Self, UnitError> {
        humantime::parse_duration(s.trim())
            .map(Span)
            .map_err(|_| UnitError::Span(s.chars().take(40).collect()))
    }
}

impl TryFrom<String> for Span {
    type Error = UnitError;
    fn try_from(s: String) -> Result<Self, UnitError> {
        s.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes, back) in [
            ("0", 0, "0B"),
            ("512", 512, "512B"),
            ("10 KiB", 10 << 10, "10KiB"),
            ("256MiB", 256 << 20, "256MiB"),
            ("256mb", 256 << 20, "256MiB"),
            ("1G", 1 << 30, "1GiB"),
            ("1025", 1025, "1025B"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, back), "{text}");
            assert_eq!(back.parse::<ByteSize>().unwrap(), size);
        }
        for bad in ["", "-1", "1.5MB", "MB", "1 parsec", "99999999999G"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
    }

    #[test]
    fn spans() {
        assert_eq!("1m 30s".parse::<Span>().unwrap(), Span::secs(90));
        assert_eq!(Span::secs(90).to_string(), "1m 30s");
        for bad in ["", "30", "-1s", "soon"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }
}
