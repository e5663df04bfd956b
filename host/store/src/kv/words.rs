//! What is asked for, in words that are known to be good, and what is answered.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name of a bucket, in bytes. A name is a word in a grant, which a person reads.
pub const BUCKET_NAME_MAX: usize = 128;

/// Longest key, in bytes. Each key that a call reads is kept with what its result rests on, and shown to people.
pub const KEY_MAX: usize = 512;

/// Largest value, in bytes. A value is copied whole at each use, and compared whole when a result is proven again; what is
/// larger belongs in a file or a database.
pub const VALUE_MAX: usize = 1 << 20;

/// Most keys that one list has: half a megabyte of the longest ones.
pub const LIST_MAX: u32 = 1000;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KvErrorKind {
    /// A name, a key, a value or a limit is not one that is kept.
    InvalidInput,
    /// A bound on what is kept is reached: nothing helps but to delete.
    Full,
    /// Not now: others write, or the file can't be used.
    Unavailable,
    /// Anything else.
    Internal,
}

/// A refusal or failure. Holds no paths and nothing of other buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvError {
    /// What kind it is.
    pub kind: KvErrorKind,
    /// One sentence.
    pub message: String,
}

impl KvError {
    pub(super) fn new(kind: KvErrorKind, message: impl Into<String>) -> Self {
        KvError {
            kind,
            message: message.into(),
        }
    }

    fn invalid(message: String) -> Self {
        KvError::new(KvErrorKind::InvalidInput, message)
    }

    pub(super) fn busy() -> Self {
        KvError::new(
            KvErrorKind::Unavailable,
            "the stored values are busy: others write for too long",
        )
    }
}

impl fmt::Display for KvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for KvError {}

/// The name of a bucket: letters, digits, `_`, `-` and `.`, as a grant can name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BucketName(String);

impl BucketName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BucketName {
    type Error = KvError;

    fn try_from(name: String) -> Result<Self, KvError> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if name.is_empty() || name.len() > BUCKET_NAME_MAX || !name.bytes().all(good) {
            return Err(KvError::invalid(format!(
                "a bucket's name has 1 to {BUCKET_NAME_MAX} letters, digits, `_`, `-` and `.`"
            )));
        }
        Ok(BucketName(name))
    }
}

impl From<BucketName> for String {
    fn from(name: BucketName) -> String {
        name.0
    }
}

/// A key: any text that is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KvKey(String);

impl KvKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KvKey {
    type Error = KvError;

    fn try_from(key: String) -> Result<Self, KvError> {
        if key.is_empty() {
            return Err(KvError::invalid("a key is not empty".to_owned()));
        }
        short("a key", &key)?;
        Ok(KvKey(key))
    }
}

impl From<KvKey> for String {
    fn from(key: KvKey) -> String {
        key.0
    }
}

fn short(what: &str, text: &str) -> Result<(), KvError> {
    match text.len() > KEY_MAX {
        true => Err(KvError::invalid(format!(
            "{what} has at most {KEY_MAX} bytes, and this one has {}",
            text.len()
        ))),
        false => Ok(()),
    }
}

/// A value: any bytes, not too many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvValue(Vec<u8>);

impl KvValue {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<Vec<u8>> for KvValue {
    type Error = KvError;

    fn try_from(value: Vec<u8>) -> Result<Self, KvError> {
        if value.len() > VALUE_MAX {
            return Err(KvError::invalid(format!(
                "a value has at most {VALUE_MAX} bytes, and this one has {}: keep it in a file or a database",
                value.len()
            )));
        }
        Ok(KvValue(value))
    }
}

/// Some of a bucket's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvRange {
    prefix: String,
    after: Option<String>,
    limit: u32,
}

impl KvRange {
    /// The keys that begin with `prefix`, those after `after` when it is given, `limit` of them at most.
    ///
    /// # Errors
    /// When a text is longer than a key, or the limit is above [`LIST_MAX`]: a shorter list than was asked for would look
    /// like the whole.
    pub fn new(prefix: String, after: Option<String>, limit: u32) -> Result<Self, KvError> {
        short("a prefix", &prefix)?;
        short("the key to begin after", after.as_deref().unwrap_or_default())?;
        if limit > LIST_MAX {
            return Err(KvError::invalid(format!(
                "a list has at most {LIST_MAX} keys: ask for those after its last one next"
            )));
        }
        Ok(KvRange { prefix, after, limit })
    }

    /// With what the keys begin.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// After which key they come.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// How many at most.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Where the keys with the prefix end: the first bytes after all of them.
    pub(super) fn end(&self) -> Vec<u8> {
        let mut end = self.prefix.clone().into_bytes();
        // No byte of a text in UTF-8 is 0xFF: what ends with it comes after every text, and the last byte has one above it.
        match end.last_mut() {
            Some(last) => *last = last.saturating_add(1),
            None => end.push(0xFF),
        }
        end
    }
}

/// A value and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry {
    /// The bytes.
    pub value: Vec<u8>,
    /// Another one after each change of the key, also when it is deleted and set again.
    pub version: String,
}

/// How much is kept at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvLimits {
    /// Buckets. A grant with `*` lets a plugin make as many as it likes.
    pub buckets: u32,
    /// Keys of a bucket. A list is read a thousand at a time; past a hundred thousand a database serves better.
    pub bucket_keys: u32,
    /// Bytes of a bucket, keys and values and what it costs to keep them.
    pub bucket_bytes: i64,
    /// Bytes of all buckets, so that plugins together don't fill the disk.
    pub bytes: i64,
}

impl Default for KvLimits {
    fn default() -> Self {
        KvLimits {
            buckets: 1000,
            bucket_keys: 100_000,
            bucket_bytes: 64 << 20,
            bytes: 1 << 30,
        }
    }
}
