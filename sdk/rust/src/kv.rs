//! Small values under keys, in buckets that outlive a call. `kv:read:BUCKET` and `kv:write:BUCKET` grant them.
//!
//! A bucket is there as soon as a key in it is set. Its name has 1 to 128 letters, digits, `_`, `-` and `.`; a key has 1 to
//! 512 bytes, and a value at most 1 MiB. Other plugins that are granted the bucket see the same keys.
//!
//! ```no_run
//! use fact_sdk::{ToolError, kv};
//!
//! /// Counts calls, without losing one when two run at once.
//! fn count() -> Result<u64, ToolError> {
//!     let bucket = kv::Bucket::new("counters");
//!     loop {
//!         let old = bucket.get("calls")?;
//!         let n: u64 = old.as_ref().map_or(Ok(0), |entry| serde_json::from_slice(&entry.value))?;
//!         let version = old.as_ref().map(|entry| &entry.version);
//!         if bucket.compare_and_swap("calls", version, (n + 1).to_string().as_bytes())? {
//!             return Ok(n + 1);
//!         }
//!     }
//! }
//! # use fact_sdk::serde_json;
//! ```

use crate::bindings::fact::plugin::kv as wit;
use crate::{ToolError, host};

/// Most keys that [`Bucket::keys`] lists at once.
pub const LIST_MAX: u32 = 1000;

/// The state of a key. Differs after every change, also when it is set to the same value, or deleted and set again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

/// A value and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The bytes.
    pub value: Vec<u8>,
    /// What [`Bucket::compare_and_swap`] asks for.
    pub version: Version,
}

/// A bucket by name. Whether it is granted shows when it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    name: String,
}

impl Bucket {
    /// The bucket of that name.
    pub fn new(name: impl Into<String>) -> Self {
        Bucket { name: name.into() }
    }

    /// The value of a key, if there is one.
    ///
    /// # Errors
    /// `denied` when the bucket is not granted for reading, `invalid-input` when there can be no bucket or key of that name,
    /// `unavailable` when the stored values are busy.
    pub fn get(&self, key: &str) -> Result<Option<Entry>, ToolError> {
        host::reach("kv")?;
        let entry = wit::get(&self.name, key)?;
        Ok(entry.map(|e| Entry {
            value: e.value,
            version: Version(e.version),
        }))
    }

    /// Sets a key.
    ///
    /// # Errors
    /// `denied` when the bucket is not granted for writing, `invalid-input` when the key or the value is too large or there
    /// can be no bucket or key of that name, `unavailable` when the bucket is full or the stored values are busy.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), ToolError> {
        host::reach("kv")?;
        Ok(wit::set(&self.name, key, value)?)
    }

    /// Deletes a key. True when there was something to delete.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn delete(&self, key: &str) -> Result<bool, ToolError> {
        host::reach("kv")?;
        Ok(wit::delete(&self.name, key)?)
    }

    /// The keys that begin with `prefix`, in the order of their bytes, at most `limit` of them, those after `after` when it
    /// is given. [`all_keys`](Self::all_keys) asks until there are no more.
    ///
    /// # Errors
    /// As for [`get`](Self::get); `invalid-input` when the limit is above [`LIST_MAX`].
    pub fn keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, ToolError> {
        host::reach("kv")?;
        Ok(wit::list_keys(&self.name, prefix, after, limit)?)
    }

    /// All keys that begin with `prefix`, in the order of their bytes, asked for a thousand at a time. What others set or
    /// delete in between may be in it or not.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn all_keys(&self, prefix: &str) -> Result<Vec<String>, ToolError> {
        let mut all: Vec<String> = Vec::new();
        loop {
            let page = self.keys(prefix, all.last().map(String::as_str), LIST_MAX)?;
            let whole = page.len() < LIST_MAX as usize;
            all.extend(page);
            if whole {
                return Ok(all);
            }
        }
    }

    /// Sets the value if the key's version is still `version` (none: if the key does not exist). False: it is not.
    ///
    /// # Errors
    /// As for [`set`](Self::set); the bucket must be granted for reading too.
    pub fn compare_and_swap(
        &self,
        key: &str,
        version: Option<&Version>,
        value: &[u8],
    ) -> Result<bool, ToolError> {
        host::reach("kv")?;
        Ok(wit::compare_and_swap(
            &self.name,
            key,
            version.map(|v| v.0.as_str()),
            value,
        )?)
    }
}
