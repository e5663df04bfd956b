//! `base64_encode` and `base64_decode`.

use crate::{digest, limits};
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The two alphabets of RFC 4648.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// With `+` and `/`.
    #[default]
    Standard,
    /// With `-` and `_`, for URLs and file names.
    Url,
}

/// Arguments of `base64_encode`. Exactly one of `text` and `hex` is given.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Base64Encode {
    /// The text, encoded as UTF-8.
    pub text: Option<String>,
    /// The bytes in hexadecimal digits; spaces are skipped.
    pub hex: Option<String>,
    /// `standard` (default, with + and /) or `url` (with - and _).
    #[serde(default)]
    pub alphabet: Alphabet,
    /// Whether `=` fills the last group. Default: true for `standard`, false for `url`.
    pub padding: Option<bool>,
}

/// Answer of `base64_encode`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Encoded {
    /// The base64 text.
    pub base64: String,
    /// How many bytes were encoded.
    pub input_bytes: usize,
}

/// Arguments of `base64_decode`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Base64Decode {
    /// The base64 text. Line breaks and spaces are skipped, and padding may be there or not.
    pub base64: String,
    /// `standard` or `url`. Without it, the text's own signs decide.
    pub alphabet: Option<Alphabet>,
}

/// Answer of `base64_decode`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Decoded {
    /// The text, when the bytes are UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The bytes in hexadecimal digits, when they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
    /// How many bytes there are.
    pub bytes: usize,
}

/// Encodes a text, or bytes given in hexadecimal digits, in base64.
///
/// # Errors
/// `invalid-input` when both or none of `text` and `hex` are given, or the input is broken or too large.
#[tool(read_only, idempotent)]
pub fn base64_encode(args: Base64Encode) -> Result<Encoded, ToolError> {
    let input = match (args.text, args.hex) {
        (Some(text), None) => {
            limits::check_text("text", &text)?;
            text.into_bytes()
        }
        (None, Some(hex)) => from_hex(&hex)?,
        _ => return Err(ToolError::invalid_input("give either `text` or `hex`")),
    };
    let padding = args.padding.unwrap_or(args.alphabet == Alphabet::Standard);
    Ok(Encoded {
        base64: engine(args.alphabet, padding).encode(&input),
        input_bytes: input.len(),
    })
}

/// Decodes base64 to text, or to hexadecimal digits when the bytes are not UTF-8.
///
/// # Errors
/// `invalid-input` when the text is not base64 or too large.
#[tool(read_only, idempotent)]
pub fn base64_decode(args: Base64Decode) -> Result<Decoded, ToolError> {
    let bytes = decode(&args.base64, args.alphabet)?;
    let count = bytes.len();
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Decoded {
            text: Some(text),
            hex: None,
            bytes: count,
        },
        Err(error) => Decoded {
            text: None,
            hex: Some(digest::hex(error.as_bytes())),
            bytes: count,
        },
    })
}

/// Decodes base64. Without an alphabet, a `-` or `_` in the text means the one for URLs.
///
/// # Errors
/// `invalid-input` when the text is not base64 or too large.
pub fn decode(base64: &str, alphabet: Option<Alphabet>) -> Result<Vec<u8>, ToolError> {
    limits::check_text("base64", base64)?;
    let compact: String = base64.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let alphabet = alphabet.unwrap_or(if compact.contains(['-', '_']) {
        Alphabet::Url
    } else {
        Alphabet::Standard
    });
    engine(alphabet, false).decode(&compact).map_err(|error| {
        ToolError::invalid_input(format!(
            "not base64: {error}, counted without spaces; check that nothing was cut off"
        ))
    })
}

fn engine(alphabet: Alphabet, padding: bool) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(padding)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = match alphabet {
        Alphabet::Standard => &STANDARD,
        Alphabet::Url => &URL_SAFE,
    };
    GeneralPurpose::new(alphabet, config)
}

fn from_hex(hex: &str) -> Result<Vec<u8>, ToolError> {
    limits::check_text("hex", hex)?;
    let refuse = || ToolError::invalid_input("`hex` takes pairs of the digits 0-9 and a-f");
    let digits: Vec<u8> = hex
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| {
            c.to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
                .ok_or_else(refuse)
        })
        .collect::<Result<_, _>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(refuse());
    }
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn encodes() {
        let check = |args: serde_json::Value, expected: Option<&str>| {
            let encoded = base64_encode(serde_json::from_value(args.clone()).unwrap());
            assert_eq!(
                encoded.ok().map(|encoded| encoded.base64).as_deref(),
                expected,
                "{args}"
            );
        };
        check(json!({"text": ""}), Some(""));
        check(json!({"text": "hé"}), Some("aMOp"));
        check(json!({"hex": "fb ff"}), Some("+/8="));
        check(json!({"hex": "FBFF", "alphabet": "url"}), Some("-_8"));
        check(
            json!({"hex": "fbff", "alphabet": "url", "padding": true}),
            Some("-_8="),
        );
        check(json!({"hex": "fbff", "padding": false}), Some("+/8"));
        check(json!({"hex": "abc"}), None);
        check(json!({"hex": "zz"}), None);
        check(json!({}), None);
        check(json!({"text": "", "hex": ""}), None);
    }

    #[test]
    fn decodes() {
        let check = |args: serde_json::Value, expected: Option<(Option<&str>, Option<&str>)>| {
            let decoded = base64_decode(serde_json::from_value(args.clone()).unwrap()).ok();
            let got = decoded
                .as_ref()
                .map(|decoded| (decoded.text.as_deref(), decoded.hex.as_deref()));
            assert_eq!(got, expected, "{args}");
        };
        check(json!({"base64": "aMOp"}), Some((Some("hé"), None)));
        check(json!({"base64": "+/8="}), Some((None, Some("fbff"))));
        check(json!({"base64": "-_8"}), Some((None, Some("fbff"))));
        check(json!({"base64": "YW\n Jj"}), Some((Some("abc"), None)));
        check(json!({"base64": ""}), Some((Some(""), None)));
        check(json!({"base64": "-_8", "alphabet": "standard"}), None);
        check(json!({"base64": "+-8="}), None);
        check(json!({"base64": "a"}), None);
        check(json!({"base64": "a*=="}), None);
    }
}
