//! Small values under keys, in buckets that outlive a call. `kv:read:BUCKET` and `kv:write:BUCKET` grant them.
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

/// The state of a key. Differs after every change.
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
    /// `denied` when the bucket is not granted for reading.
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
    /// `denied` when the bucket is not granted for writing, `invalid-input` when the key or the value is too large.
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

    /// The keys that begin with `prefix`, in order, at most `limit` of them, those after `after` when it is given.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, ToolError> {
        host::reach("kv")?;
        Ok(wit::list_keys(&self.name, prefix, after, limit)?)
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
