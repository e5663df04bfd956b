//! What is kept of a result.

use crate::Key;
use fact_types::{Digest, Principal};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// What the cache keeps. It is encoded once when it is stored, and decoded when it comes from the disk.
pub trait Payload: Send + Sync + Sized + 'static {
    /// As bytes.
    fn encode(&self) -> Vec<u8>;
    /// From these bytes. None where they are not such a value: then the entry is no entry.
    fn decode(bytes: &[u8]) -> Option<Self>;
    /// Bytes that it takes in memory, for the bound of the memory level.
    fn weight(&self) -> usize;
}

/// What kind of result an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What a tool returned.
    Tool,
    /// What was answered to a question.
    Answer,
}

/// What an entry is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What kind of result it is.
    pub kind: Kind,
    /// The tool or the question, for people; no more than [`About::LABEL_MAX`] bytes of it are kept.
    pub label: String,
    /// Whose call it was.
    pub principal: Principal,
    /// The component that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Digest>,
    /// How long the call took: the time that a hit saves.
    pub cost: Duration,
    /// Tokens of a model that a hit saves.
    pub tokens: u64,
    /// How long the result may be reused, where something declares that. None: for as long as it is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Duration>,
}

impl About {
    /// Longest label that is kept, in bytes: enough for a line on a screen.
    pub const LABEL_MAX: usize = 240;

    /// What a hit saves, in microseconds. A token counts as much as ten milliseconds, about as long as a model needs for it.
    pub(crate) fn value(&self) -> u64 {
        let time = u64::try_from(self.cost.as_micros()).unwrap_or(u64::MAX);
        time.saturating_add(self.tokens.saturating_mul(10_000))
    }

    pub(crate) fn bounded(mut self) -> Self {
        let end = self.label.floor_char_boundary(Self::LABEL_MAX);
        self.label.truncate(end);
        self
    }
}

/// Where an entry was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// In this process.
    Memory,
    /// On this machine's disk.
    Disk,
}

/// An entry that was found. It is as it was stored and its time is not over; whether it is still true is not known yet.
#[derive(Debug)]
pub struct Found<P> {
    /// The result.
    pub payload: Arc<P>,
    /// What it is about.
    pub about: Arc<About>,
    /// When it was stored.
    pub created: Timestamp,
    /// When its time is over.
    pub expires: Option<Timestamp>,
    /// Where it was found.
    pub level: Level,
    /// How much had changed when it was found: see [`crate::Cache::forget_found`].
    pub(crate) seen: u64,
}

impl<P> Clone for Found<P> {
    fn clone(&self) -> Self {
        Found {
            payload: Arc::clone(&self.payload),
            about: Arc::clone(&self.about),
            created: self.created,
            expires: self.expires,
            level: self.level,
            seen: self.seen,
        }
    }
}

/// What became of a result that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stored {
    /// It is in memory, and on its way to the disk.
    Both,
    /// It is in memory only.
    MemoryOnly(Skip),
    /// It is on its way to the disk, and not in memory.
    DiskOnly(Skip),
    /// It is nowhere.
    Skipped(Skip),
}

/// Why a level did not take a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    /// The cache, or the level, is switched off.
    Off,
    /// It is larger than an entry may be.
    TooLarge,
    /// Its time is over before it begins.
    NoTime,
    /// Too much waits to be written.
    Busy,
    /// The disk failed, and is left alone for a while.
    Breaker,
    /// The disk could not be used at the start.
    Unusable,
}

impl Skip {
    /// All of them.
    pub const ALL: [Skip; 6] = [
        Skip::Off,
        Skip::TooLarge,
        Skip::NoTime,
        Skip::Busy,
        Skip::Breaker,
        Skip::Unusable,
    ];
}

/// Why an entry is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Something that it read has changed.
    Stale,
    /// It is not what it should be.
    Invalid,
    /// Someone asked for it.
    Asked,
}

/// Everything about an entry but its payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The entry's key: what it is found by is only derived from it.
    pub(crate) key: Key,
    #[serde(with = "shared")]
    pub(crate) about: Arc<About>,
    pub(crate) created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Timestamp>,
    /// BLAKE3 of the encoded payload, in hexadecimal digits.
    pub(crate) checksum: Key,
}

impl Record {
    /// Whether its time is over. A moment before it began counts as one too: then the clock was set back, and nobody knows how
    /// much of its time is left.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expires
            .is_some_and(|expires| now >= expires || now < self.created)
    }

    pub(crate) fn found<P>(&self, payload: &Arc<P>, level: Level, seen: u64) -> Found<P> {
        Found {
            payload: Arc::clone(payload),
            about: Arc::clone(&self.about),
            created: self.created,
            expires: self.expires,
            level,
            seen,
        }
    }
}

/// What a payload is checked by.
pub(crate) fn checksum(encoded: &[u8]) -> Key {
    Key::of("payload/1", &[encoded])
}

/// What is shared is written as what it holds.
mod shared {
    use super::{About, Arc};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(about: &Arc<About>, s: S) -> Result<S::Ok, S::Error> {
        About::serialize(about, s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Arc<About>, D::Error> {
        About::deserialize(d).map(Arc::new)
    }
}
