//! By what an entry is found.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The key of an entry: a hash of everything that its result depends on besides what it read. Two keys are equal only if all
/// their parts are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key([u8; 32]);

/// Not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no key of a cache entry: a key has 64 hexadecimal digits")]
pub struct KeyError;

impl Key {
    /// The key made of these parts, in this order. `domain` says what kind of thing it is the key of, with a version: keys of
    /// different domains are never equal, whatever their parts are.
    ///
    /// ```
    /// use fact_cache::Key;
    /// assert_ne!(Key::of("call/1", &[b"ab", b"c"]), Key::of("call/1", &[b"a", b"bc"]));
    /// ```
    pub fn of(domain: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in std::iter::once(domain.as_bytes()).chain(parts.iter().copied()) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Key(hasher.finalize().into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }

    /// A number that spreads evenly over all keys.
    pub(crate) fn spread(&self) -> usize {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d]) as usize
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl FromStr for Key {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        from_hex(text).map(Key).ok_or(KeyError)
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;
    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> String {
        key.to_string()
    }
}

/// 32 bytes written as 64 hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_and_its_place_count() {
        let key = Key::of("call/1", &[b"a", b"b"]);
        assert_eq!(key, Key::of("call/1", &[b"a", b"b"]));
        for other in [
            Key::of("call/2", &[b"a", b"b"]),
            Key::of("call/1", &[b"b", b"a"]),
            Key::of("call/1", &[b"ab"]),
            Key::of("call/1", &[b"a", b"b", b""]),
            Key::of("call/1", &[b"", b"a", b"b"]),
        ] {
            assert_ne!(key, other);
        }
    }

    #[test]
    fn as_text() {
        let key = Key::of("x", &[]);
        assert_eq!(key.to_string().parse::<Key>(), Ok(key));
        assert_eq!(key.short().len(), 12);
        for bad in ["", "ab", &format!("{}é", "a".repeat(62)), &"g".repeat(64)] {
            assert_eq!(bad.parse::<Key>(), Err(KeyError), "{bad}");
        }
    }
}
