//! What plugins keep under keys, in buckets that outlive a call.
//!
//! It is a file of its own, `kv.db`, and not a table of `fact.db`: each commit to `fact.db` moves
//! [`Store::change_counter`](crate::Store::change_counter), so that a plugin that counts something would make every call of
//! every process look whether its grants have changed. Like `fact.db` it waits for the disk at each commit, since what is in
//! it exists nowhere else, and a damaged one is never thrown away. It is made when it is first used.
//!
//! A key's version is drawn at random at each change. A count would tell each plugin how much the others write, and would
//! come again where the file is put back from a copy; 128 random bits do neither.

mod file;
#[cfg(test)]
mod tests;
mod words;

pub use file::KvStamp;
pub use words::{
    BUCKET_NAME_MAX, BucketName, KEY_MAX, KvEntry, KvError, KvErrorKind, KvKey, KvLimits, KvRange, KvValue,
    LIST_MAX, VALUE_MAX,
};

use file::{Lane, Place, Watch};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The version of the tables.
const VERSION: i64 = 1;

/// What a key costs besides its own bytes and its value's: its columns and its place in the index, rounded up.
const ENTRY: usize = 128;

/// Connections that read at the same time: a read takes some microseconds.
const READERS: usize = 4;

/// The values that plugins keep. Cheap to clone; several processes may have the same file open.
///
/// All calls but [`stamp`](KvStore::stamp) need a tokio runtime with its timer.
#[derive(Clone)]
pub struct KvStore(Arc<Parts>);

struct Parts {
    limits: KvLimits,
    readers: Lane,
    writer: Lane,
    watch: Watch,
}

impl std::fmt::Debug for KvStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KvStore")
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

/// Why a job on a connection did not succeed.
enum Bound {
    /// It must not.
    Refused(KvError),
    /// The database failed.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Bound {
    fn from(error: rusqlite::Error) -> Self {
        Bound::Database(error)
    }
}

impl KvStore {
    /// The name of the file in the data folder.
    pub const FILE: &'static str = "kv.db";

    /// Nothing is opened or made until it is needed.
    pub fn new(data_dir: &Path) -> Self {
        KvStore::with_limits(data_dir, KvLimits::default())
    }

    /// As [`new`](Self::new), with other bounds.
    pub fn with_limits(data_dir: &Path, limits: KvLimits) -> Self {
        let place = Arc::new(Place::new(data_dir));
        KvStore(Arc::new(Parts {
            limits,
            readers: Lane::new(&place, READERS),
            writer: Lane::new(&place, 1),
            watch: Watch::new(&place),
        }))
    }

    /// The value of a key. None: there is none.
    ///
    /// # Errors
    /// `Unavailable` when the file can't be opened or read in time, `Internal` when it is damaged.
    pub async fn get(
        &self,
        bucket: &BucketName,
        key: &KvKey,
        deadline: Instant,
    ) -> Result<Option<KvEntry>, KvError> {
        let (bucket, key) = (bucket.clone(), key.clone());
        self.0
            .readers
            .run(deadline, move |conn| {
                let mut select = conn.prepare_cached(
                    "SELECT value, version FROM entries \
                     WHERE bucket = (SELECT n FROM buckets WHERE name = ?1) AND key = ?2",
                )?;
                let entry = select.query_row((bucket.as_str(), key.as_str().as_bytes()), |row| {
                    Ok(KvEntry {
                        value: row.get(0)?,
                        version: row.get(1)?,
                    })
                });
                Ok(entry.optional()?)
            })
            .await
    }

    /// Some of a bucket's keys, in the order of their bytes.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn keys(
        &self,
        bucket: &BucketName,
        range: &KvRange,
        deadline: Instant,
    ) -> Result<Vec<String>, KvError> {
        let (bucket, range) = (bucket.clone(), range.clone());
        self.0
            .readers
            .run(deadline, move |conn| Ok(list(conn, &bucket, &range)?))
            .await
    }

    /// Sets a key.
    ///
    /// # Errors
    /// `Full` when a bound is reached; else as for [`get`](Self::get). After `Unavailable` it may have been set all the same.
    pub async fn set(
        &self,
        bucket: &BucketName,
        key: &KvKey,
        value: KvValue,
        deadline: Instant,
    ) -> Result<(), KvError> {
        self.change(bucket, key, deadline, move |change| change.set(&value))
            .await
    }

    /// Deletes a key. True when there was something to delete.
    ///
    /// # Errors
    /// As for [`get`](Self::get). After `Unavailable` it may have been deleted all the same.
    pub async fn delete(&self, bucket: &BucketName, key: &KvKey, deadline: Instant) -> Result<bool, KvError> {
        self.change(bucket, key, deadline, |change| change.delete()).await
    }

    /// Sets a key if its version is still `version`; none: if there is no such key. False: it is not.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub async fn compare_and_swap(
        &self,
        bucket: &BucketName,
        key: &KvKey,
        version: Option<String>,
        value: KvValue,
        deadline: Instant,
    ) -> Result<bool, KvError> {
        self.change(bucket, key, deadline, move |change| {
            if change.version()? != version {
                return Ok(false);
            }
            change.set(&value)?;
            Ok(true)
        })
        .await
    }

    /// The state of the file: while it stays the same, every key has the same value and version. Takes microseconds, and
    /// tells nothing of the contents. None: it can't be told at the moment.
    pub fn stamp(&self) -> Option<KvStamp> {
        self.0.watch.stamp()
    }

    /// Changes one key in a transaction of its own: all of it happens, or nothing.
    async fn change<T: Send + 'static>(
        &self,
        bucket: &BucketName,
        key: &KvKey,
        deadline: Instant,
        act: impl Fn(&Change<'_>) -> Result<T, Bound> + Send + 'static,
    ) -> Result<T, KvError> {
        let (bucket, key, limits) = (bucket.clone(), key.clone(), self.0.limits);
        self.0
            .writer
            .run(deadline, move |conn| {
                let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let done = act(&Change {
                    transaction: &transaction,
                    bucket: bucket.as_str(),
                    key: key.as_str(),
                    limits,
                })?;
                transaction.commit()?;
                Ok(done)
            })
            .await
    }
}

fn list(conn: &Connection, bucket: &BucketName, range: &KvRange) -> rusqlite::Result<Vec<String>> {
    let mut select = conn.prepare_cached(
        "SELECT key FROM entries WHERE bucket = (SELECT n FROM buckets WHERE name = ?1) \
         AND key >= ?2 AND key > ?3 AND key < ?4 ORDER BY key LIMIT ?5",
    )?;
    let prefix = range.prefix().as_bytes();
    // No key is empty, so every one comes after the empty one.
    let after = range.after().unwrap_or_default().as_bytes();
    let rows = select.query_map(
        (bucket.as_str(), prefix, after, range.end(), range.limit()),
        |row| {
            let key: Vec<u8> = row.get(0)?;
            String::from_utf8(key).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, error.into())
            })
        },
    )?;
    rows.collect()
}

/// How much is in a bucket.
#[derive(Clone, Copy, Default)]
struct Held {
    keys: i64,
    bytes: i64,
}

/// One key, to be changed.
struct Change<'a> {
    transaction: &'a Transaction<'a>,
    bucket: &'a str,
    key: &'a str,
    limits: KvLimits,
}

impl Change<'_> {
    fn version(&self) -> Result<Option<String>, Bound> {
        let mut select = self.transaction.prepare_cached(
            "SELECT version FROM entries WHERE bucket = (SELECT n FROM buckets WHERE name = ?1) AND key = ?2",
        )?;
        let version = select.query_row((self.bucket, self.key.as_bytes()), |row| row.get(0));
        Ok(version.optional()?)
    }

    fn set(&self, value: &KvValue) -> Result<(), Bound> {
        let before = self.held()?;
        if before.is_none() {
            self.transaction
                .prepare_cached("INSERT INTO buckets (name) VALUES (?1)")?
                .execute([self.bucket])?;
        }
        let size = self.key.len() + value.as_bytes().len() + ENTRY;
        self.transaction
            .prepare_cached(
                "INSERT INTO entries (bucket, key, value, version, size) \
                 SELECT n, ?2, ?3, lower(hex(randomblob(16))), ?4 FROM buckets WHERE name = ?1 \
                 ON CONFLICT (bucket, key) DO UPDATE SET \
                 value = excluded.value, version = excluded.version, size = excluded.size",
            )?
            .execute((
                self.bucket,
                self.key.as_bytes(),
                value.as_bytes(),
                i64::try_from(size).unwrap_or(i64::MAX),
            ))?;
        self.check(before)
    }

    fn delete(&self) -> Result<bool, Bound> {
        let deleted = self
            .transaction
            .prepare_cached(
                "DELETE FROM entries WHERE bucket = (SELECT n FROM buckets WHERE name = ?1) AND key = ?2",
            )?
            .execute((self.bucket, self.key.as_bytes()))?;
        // An empty bucket is no different from one that never was.
        self.transaction
            .prepare_cached("DELETE FROM buckets WHERE name = ?1 AND keys = 0")?
            .execute([self.bucket])?;
        Ok(deleted > 0)
    }

    fn held(&self) -> Result<Option<Held>, Bound> {
        let mut select = self
            .transaction
            .prepare_cached("SELECT keys, bytes FROM buckets WHERE name = ?1")?;
        let held = select.query_row([self.bucket], |row| {
            Ok(Held {
                keys: row.get(0)?,
                bytes: row.get(1)?,
            })
        });
        Ok(held.optional()?)
    }

    /// Refuses what passes a bound. What makes something smaller is never refused.
    fn check(&self, before: Option<Held>) -> Result<(), Bound> {
        let limits = self.limits;
        let full = |message: String| Err(Bound::Refused(KvError::new(KvErrorKind::Full, message)));
        let mut select = self
            .transaction
            .prepare_cached("SELECT count(*), coalesce(sum(bytes), 0) FROM buckets")?;
        let (buckets, bytes): (u32, i64) = select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if before.is_none() && buckets > limits.buckets {
            return full(format!(
                "there are {} buckets already: one must be emptied first",
                limits.buckets
            ));
        }
        let (before, now) = (before.unwrap_or_default(), self.held()?.unwrap_or_default());
        if now.keys > before.keys && now.keys > i64::from(limits.bucket_keys) {
            return full(format!(
                "the bucket has {} keys already: some must be deleted first",
                limits.bucket_keys
            ));
        }
        if now.bytes > before.bytes && now.bytes > limits.bucket_bytes {
            return full(format!(
                "the bucket would have more than {} bytes: something must be deleted first",
                limits.bucket_bytes
            ));
        }
        if now.bytes > before.bytes && bytes > limits.bytes {
            return full(format!(
                "all buckets together would have more than {} bytes: something must be deleted first",
                limits.bytes
            ));
        }
        Ok(())
    }
}
