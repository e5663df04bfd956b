//! Text encodings of files. Decoding is strict: a byte that does not fit is an error, never a replacement character, since
//! a caller could not tell it from the file's own.

use base64::{Engine, engine::general_purpose::STANDARD};
use fact_sdk::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a file's bytes are text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8. A byte order mark at the start is skipped.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Seven-bit ASCII.
    #[serde(rename = "ascii")]
    Ascii,
    /// ISO 8859-1: each byte is the code point of the same number.
    #[serde(rename = "latin-1")]
    Latin1,
    /// UTF-16 with a byte order mark.
    #[serde(rename = "utf-16")]
    Utf16,
    /// UTF-16, low byte first. A byte order mark at the start is skipped.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, high byte first. A byte order mark at the start is skipped.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// No text: any bytes, as base64.
    #[serde(rename = "base64")]
    Base64,
}

/// Decoded text, and how many bytes it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The text.
    pub text: String,
    /// The bytes that were used. Fewer than given where the last character is cut in two.
    pub used: usize,
}

impl Encoding {
    /// The bytes of a code unit: offsets and lines are multiples of it.
    #[must_use]
    pub fn unit(self) -> usize {
        match self {
            Encoding::Utf16 | Encoding::Utf16Le | Encoding::Utf16Be => 2,
            Encoding::Utf8 | Encoding::Ascii | Encoding::Latin1 | Encoding::Base64 => 1,
        }
    }

    /// The encoding that a file's first bytes make of [`Encoding::Utf16`]; the others are what they are.
    ///
    /// # Errors
    /// `invalid-input` when the byte order mark is missing.
    pub fn with_mark(self, first: &[u8]) -> Result<Self, ToolError> {
        match (self, first) {
            (Encoding::Utf16, [0xff, 0xfe, ..]) => Ok(Encoding::Utf16Le),
            (Encoding::Utf16, [0xfe, 0xff, ..]) => Ok(Encoding::Utf16Be),
            // Nothing to get wrong.
            (Encoding::Utf16, []) => Ok(Encoding::Utf16Le),
            (Encoding::Utf16, _) => Err(ToolError::invalid_input(
                "the file does not begin with a byte order mark; choose utf-16le or utf-16be",
            )),
            (other, _) => Ok(other),
        }
    }

    /// The length of the byte order mark among a file's first bytes.
    #[must_use]
    pub fn mark(self, first: &[u8]) -> usize {
        match (self, first) {
            (Encoding::Utf8, [0xef, 0xbb, 0xbf, ..]) => 3,
            (Encoding::Utf16 | Encoding::Utf16Le, [0xff, 0xfe, ..]) => 2,
            (Encoding::Utf16 | Encoding::Utf16Be, [0xfe, 0xff, ..]) => 2,
            _ => 0,
        }
    }

    /// Whether these bytes, a whole code unit, are a line feed.
    #[must_use]
    pub fn is_line_feed(self, unit: &[u8]) -> bool {
        match self {
            Encoding::Utf16Be => unit == [0, b'\n'],
            Encoding::Utf16 | Encoding::Utf16Le => unit == [b'\n', 0],
            Encoding::Utf8 | Encoding::Ascii | Encoding::Latin1 | Encoding::Base64 => unit == [b'\n'],
        }
    }

    /// The bytes that a character takes in a file.
    #[must_use]
    pub fn width(self, character: char) -> usize {
        match self {
            Encoding::Utf8 => character.len_utf8(),
            Encoding::Ascii | Encoding::Latin1 | Encoding::Base64 => 1,
            Encoding::Utf16 | Encoding::Utf16Le | Encoding::Utf16Be => character.len_utf16() * 2,
        }
    }

    /// Decodes bytes. Where `more` bytes follow in the file, a character cut in two at the end is left out.
    ///
    /// # Errors
    /// The index of the first byte that does not fit.
    pub fn decode(self, bytes: &[u8], more: bool) -> Result<Decoded, usize> {
        match self {
            Encoding::Utf8 => utf8(bytes, more),
            Encoding::Ascii => match bytes.iter().position(|byte| !byte.is_ascii()) {
                None => utf8(bytes, more),
                Some(index) => Err(index),
            },
            Encoding::Latin1 => Ok(Decoded {
                text: bytes.iter().copied().map(char::from).collect(),
                used: bytes.len(),
            }),
            Encoding::Utf16 | Encoding::Utf16Le => utf16(bytes, more, u16::from_le_bytes),
            Encoding::Utf16Be => utf16(bytes, more, u16::from_be_bytes),
            Encoding::Base64 => Ok(Decoded {
                text: STANDARD.encode(bytes),
                used: bytes.len(),
            }),
        }
    }

    /// Encodes text for a file. [`Encoding::Utf16`] begins with a byte order mark and goes on with the low byte first.
    ///
    /// # Errors
    /// `invalid-input` for a character that the encoding lacks, and for broken base64.
    pub fn encode(self, text: &str) -> Result<Vec<u8>, ToolError> {
        let lacks = |name: &str, character: char| {
            ToolError::invalid_input(format!(
                "{name} has no `{character}`; choose utf-8, or leave the character out"
            ))
        };
        match self {
            Encoding::Utf8 => Ok(text.as_bytes().to_vec()),
            Encoding::Ascii => match text.chars().find(|character| !character.is_ascii()) {
                None => Ok(text.as_bytes().to_vec()),
                Some(character) => Err(lacks("ASCII", character)),
            },
            Encoding::Latin1 => text
                .chars()
                .map(|character| u8::try_from(character).map_err(|_| lacks("Latin-1", character)))
                .collect(),
            Encoding::Utf16 => Ok([0xfeff]
                .into_iter()
                .chain(text.encode_utf16())
                .flat_map(u16::to_le_bytes)
                .collect()),
            Encoding::Utf16Le => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Encoding::Utf16Be => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Encoding::Base64 => STANDARD
                .decode(text)
                .map_err(|error| ToolError::invalid_input(format!("`content` is not base64: {error}"))),
        }
    }
}

fn utf8(bytes: &[u8], more: bool) -> Result<Decoded, usize> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Decoded {
            text: text.to_owned(),
            used: bytes.len(),
        }),
        Err(error) => {
            let valid = error.valid_up_to();
            if !more || error.error_len().is_some() {
                return Err(valid);
            }
            let text = bytes
                .get(..valid)
                .map(String::from_utf8_lossy)
                .unwrap_or_default();
            Ok(Decoded {
                text: text.into_owned(),
                used: valid,
            })
        }
    }
}

fn utf16(bytes: &[u8], more: bool, unit: fn([u8; 2]) -> u16) -> Result<Decoded, usize> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() && !more {
        return Err(bytes.len() - 1);
    }
    let mut text = String::with_capacity(units.len());
    let mut used = 0;
    for character in char::decode_utf16(units.iter().copied().map(unit)) {
        match character {
            Ok(character) => {
                text.push(character);
                used += character.len_utf16() * 2;
            }
            Err(error) => {
                let high = (0xd800..0xdc00).contains(&error.unpaired_surrogate());
                if more && high && used + 2 == units.len() * 2 {
                    break;
                }
                return Err(used);
            }
        }
    }
    Ok(Decoded { text, used })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes() {
        let check = |encoding: Encoding, bytes: &[u8], more: bool, expected: Result<(&str, usize), usize>| {
            let got = encoding.decode(bytes, more);
            let got = got
                .as_ref()
                .map(|decoded| (decoded.text.as_str(), decoded.used))
                .map_err(|index| *index);
            assert_eq!(got, expected, "{encoding:?} {bytes:?}");
        };
        check(Encoding::Utf8, "hé".as_bytes(), false, Ok(("hé", 3)));
        check(Encoding::Utf8, b"h\xc3", true, Ok(("h", 1)));
        check(Encoding::Utf8, b"h\xc3", false, Err(1));
        check(Encoding::Utf8, b"h\xffx", true, Err(1));
        check(Encoding::Ascii, b"abc", false, Ok(("abc", 3)));
        check(Encoding::Ascii, b"ab\xe9", false, Err(2));
        check(Encoding::Latin1, b"h\xe9\x80", false, Ok(("hé\u{80}", 3)));
        check(Encoding::Utf16Le, b"h\0\xe9\0", false, Ok(("hé", 4)));
        check(Encoding::Utf16Be, b"\0h\0\xe9", false, Ok(("hé", 4)));
        check(Encoding::Utf16Le, b"h\0\xe9", true, Ok(("h", 2)));
        check(Encoding::Utf16Le, b"h\0\xe9", false, Err(2));
        check(Encoding::Utf16Be, b"\xd8\x3d", true, Ok(("", 0)));
        check(Encoding::Utf16Be, b"\xd8\x3d", false, Err(0));
        check(Encoding::Utf16Be, b"\xd8\x3d\xdc\x69", false, Ok(("👩", 4)));
        check(Encoding::Utf16Be, b"\xdc\x69\0h", true, Err(0));
        check(Encoding::Base64, b"\x00\xff", false, Ok(("AP8=", 2)));
    }

    #[test]
    fn encodes_what_decodes_again() {
        for encoding in [
            Encoding::Utf8,
            Encoding::Latin1,
            Encoding::Utf16Le,
            Encoding::Utf16Be,
        ] {
            let bytes = encoding.encode("hé\n").unwrap();
            assert_eq!(encoding.decode(&bytes, false).unwrap().text, "hé\n");
        }
        assert_eq!(Encoding::Utf16.encode("h").unwrap(), b"\xff\xfeh\0");
        assert_eq!(Encoding::Base64.encode("AP8=").unwrap(), [0, 255]);
        assert!(Encoding::Ascii.encode("é").is_err());
        assert!(Encoding::Latin1.encode("€").is_err());
        assert!(Encoding::Base64.encode("*").is_err());
    }

    #[test]
    fn marks() {
        assert_eq!(
            Encoding::Utf16.with_mark(b"\xfe\xff\0h").ok(),
            Some(Encoding::Utf16Be)
        );
        assert!(Encoding::Utf16.with_mark(b"h\0").is_err());
        assert_eq!(Encoding::Utf8.mark(b"\xef\xbb\xbfx"), 3);
        assert_eq!(Encoding::Latin1.mark(b"\xef\xbb\xbfx"), 0);
    }
}
