//! `hash`: digests of text and bytes.

use crate::{encode, limits};
use fact_sdk::{ToolError, tool};
use md5::Md5;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha512};
use std::fmt::Write;

/// A digest algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// SHA-256, the usual choice.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
    /// BLAKE3, the fastest.
    Blake3,
    /// MD5. Legacy: two texts with one digest are easily made. Only to compare with checksums published long ago.
    Md5,
}

/// Arguments of `hash`. Exactly one of `text` and `base64` is given.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hash {
    /// `sha256` (default), `sha512`, `blake3` or, for old checksums only, `md5`.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// The text, hashed as UTF-8.
    pub text: Option<String>,
    /// The bytes, in base64.
    pub base64: Option<String>,
}

/// Answer of `hash`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Hashed {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The digest in lower-case hexadecimal digits.
    pub hex: String,
    /// How many bytes were hashed.
    pub input_bytes: usize,
    /// True for an algorithm that no longer protects against forgery.
    pub legacy: bool,
}

/// Hashes a text or bytes with SHA-256, SHA-512, BLAKE3 or MD5 (legacy) and returns hexadecimal digits.
///
/// Give either `text` or `base64`.
///
/// # Errors
/// `invalid-input` when both or none are given, when the base64 is broken, or when the input is too large.
#[tool(read_only, idempotent)]
pub fn hash(args: Hash) -> Result<Hashed, ToolError> {
    let input = match (&args.text, &args.base64) {
        (Some(text), None) => {
            limits::check_text("text", text)?;
            text.clone().into_bytes()
        }
        (None, Some(base64)) => encode::decode(base64, None)?,
        _ => return Err(ToolError::invalid_input("give either `text` or `base64`")),
    };
    let digest = match args.algorithm {
        Algorithm::Sha256 => Sha256::digest(&input).to_vec(),
        Algorithm::Sha512 => Sha512::digest(&input).to_vec(),
        Algorithm::Blake3 => blake3::hash(&input).as_bytes().to_vec(),
        Algorithm::Md5 => Md5::digest(&input).to_vec(),
    };
    Ok(Hashed {
        algorithm: args.algorithm,
        hex: hex(&digest),
        input_bytes: input.len(),
        legacy: args.algorithm == Algorithm::Md5,
    })
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes() {
        // The published digests of "abc".
        let check = |algorithm: Algorithm, begins: &str, digits: usize| {
            let hashed = hash(Hash {
                algorithm,
                text: Some("abc".to_owned()),
                base64: None,
            })
            .unwrap();
            assert!(hashed.hex.starts_with(begins), "{}", hashed.hex);
            assert_eq!((hashed.hex.len(), hashed.input_bytes), (digits, 3));
            let same = hash(Hash {
                algorithm,
                text: None,
                base64: Some("YWJj".to_owned()),
            })
            .unwrap();
            assert_eq!(hashed, same);
            assert_eq!(hashed.legacy, algorithm == Algorithm::Md5);
        };
        check(Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223", 64);
        check(Algorithm::Sha512, "ddaf35a193617abacc417349ae204131", 128);
        check(Algorithm::Blake3, "6437b3ac38465133ffb63b75273a8db5", 64);
        check(Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72", 32);
    }

    #[test]
    fn refuses() {
        let both = Hash {
            text: Some(String::new()),
            base64: Some(String::new()),
            ..Hash::default()
        };
        assert!(hash(both).is_err());
        assert!(hash(Hash::default()).is_err());
        assert!(
            hash(Hash {
                base64: Some("a*".to_owned()),
                ..Hash::default()
            })
            .is_err()
        );
        assert!(
            hash(Hash {
                text: Some("x".repeat(limits::TEXT_BYTES_MAX + 1)),
                ..Hash::default()
            })
            .is_err()
        );
    }
}
