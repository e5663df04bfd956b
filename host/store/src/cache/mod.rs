//! The file behind the cache's disk level: opaque, sealed rows, bounded in number and bytes.
//!
//! It is a file of its own, `cache.db`, and not a table of `fact.db`, for three reasons. Every commit to `fact.db` moves
//! [`Store::change_counter`](crate::Store::change_counter), so each stored result would make every call of every process
//! look whether its grants have changed. `fact.db` waits for the disk at each commit, which a cache need not: this file
//! syncs at checkpoints only, so a power cut may take the last writes and never the file. And what is in it can be made
//! again: a file that is damaged is thrown away and begun anew, which must never happen to grants.
//!
//! The rows' contents are sealed by the cache; all that is readable here is what the bounds need.

#[cfg(test)]
mod tests;

use crate::store::{Doing, StoreError, connect, create};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a row costs besides its sealed bytes: its columns and its places in the indexes, rounded up.
const ROW: i64 = 256;

/// How far below a bound the rows are brought when it is passed, so that not every later write removes some.
const ROOM: i64 = 20;

/// Rows that one step removes. A step is short, whatever the bound is.
const STEP: i64 = 256;

/// How long a write waits for another process. Writes take milliseconds, and the cache can do without this file.
const BUSY: Duration = Duration::from_secs(1);

/// The version of the tables. A file with an older one is begun anew.
const VERSION: i64 = 1;

/// By what a row is found: the cache derives it from an entry's key.
pub type RowId = [u8; 32];

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRow {
    /// By what it is found.
    pub id: RowId,
    /// Which key sealed it.
    pub key_id: i64,
    /// When it ends, in milliseconds since 1970.
    pub expires: Option<i64>,
    /// When it was last used, in milliseconds since 1970.
    pub last_used: i64,
    /// How often it was used.
    pub hits: i64,
    /// The entry, sealed.
    pub sealed: Vec<u8>,
}

/// How often a call was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRow {
    /// By what it is found.
    pub id: RowId,
    /// Which key sealed it.
    pub key_id: i64,
    /// How often; in a batch: how often more.
    pub count: i64,
    /// When last, in milliseconds since 1970.
    pub last: i64,
    /// The call, sealed.
    pub sealed: Vec<u8>,
}

/// Changes that are made together.
#[derive(Debug, Default)]
pub struct CacheBatch {
    /// Remove every entry first.
    pub clear: bool,
    /// Entries to keep. With `true`, the uses of a row that is there stay counted.
    pub put: Vec<(CacheRow, bool)>,
    /// Entries to remove.
    pub remove: Vec<RowId>,
    /// Entries that were used: how often more, and when last.
    pub used: Vec<(RowId, i64, i64)>,
    /// Calls to count.
    pub calls: Vec<CallRow>,
    /// Calls to remove.
    pub remove_calls: Vec<RowId>,
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct CacheBounds {
    /// Bytes of all entries.
    pub bytes: i64,
    /// Entries.
    pub entries: i64,
    /// Counted calls.
    pub calls: i64,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheTotals {
    /// Entries.
    pub entries: i64,
    /// Their bytes.
    pub bytes: i64,
    /// Counted calls.
    pub calls: i64,
    /// How often everything was removed, by any process.
    pub cleared: i64,
}

/// What a batch did besides what it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Entries removed because their time was over.
    pub expired: u64,
    /// Entries removed to keep the bounds.
    pub evicted: u64,
}

/// The cache's file. All calls block for as long as the disk takes; they may be made from several threads, and several
/// processes may have the same file open.
#[derive(Debug)]
pub struct CacheFile {
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
}

impl CacheFile {
    /// The name of the file in the data folder.
    pub const FILE: &'static str = "cache.db";

    /// Opens the file in a data folder, and creates both when they are missing. A file that is damaged or from an older
    /// program is begun anew: what was in it can be made again.
    ///
    /// # Errors
    /// When the folder can't be made or used, or the file was written by a later program.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        match Self::open_as_it_is(data_dir) {
            Err(error) if error.damaged() => {
                tracing::warn!("the cache's file is damaged; it is begun anew");
                for suffix in ["", "-wal", "-shm"] {
                    let path = data_dir.join(format!("{}{suffix}", Self::FILE));
                    match std::fs::remove_file(path) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                            return Err(StoreError::Create(error));
                        }
                        _ => {}
                    }
                }
                Self::open_as_it_is(data_dir)
            }
            result => result,
        }
    }

    fn open_as_it_is(data_dir: &Path) -> Result<Self, StoreError> {
        create(data_dir, Self::FILE).map_err(StoreError::Create)?;
        let path = std::path::absolute(data_dir)
            .map_err(StoreError::Create)?
            .join(Self::FILE);
        let mut writer = open(&path)?;
        begin(&mut writer)?;
        Ok(CacheFile {
            reader: Mutex::new(open(&path)?),
            writer: Mutex::new(writer),
        })
    }

    /// The row with this id.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn get(&self, id: &RowId) -> Result<Option<CacheRow>, StoreError> {
        const DOING: &str = "read the cache";
        let conn = held(&self.reader);
        let mut select = conn
            .prepare_cached("SELECT id, key_id, expires, last_used, hits, sealed FROM entries WHERE id = ?1")
            .doing(DOING)?;
        select.query_row([id], cache_row).optional().doing(DOING)
    }

    /// Makes changes, all of them or none, and keeps the bounds.
    ///
    /// # Errors
    /// When the file can't be written, or another process writes for too long.
    pub fn apply(&self, batch: &CacheBatch, bounds: CacheBounds, now: i64) -> Result<Trimmed, StoreError> {
        const DOING: &str = "write the cache";
        let mut conn = held(&self.writer);
        let transaction = conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing(DOING)?;
        change(&transaction, batch).doing(DOING)?;
        let trimmed = trim(&transaction, bounds, now).doing(DOING)?;
        transaction.commit().doing(DOING)?;
        if batch.clear {
            shrink(&conn);
        }
        Ok(trimmed)
    }

    /// Some entries after a position, the oldest first, each with its position.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn page(&self, after: i64, limit: u32) -> Result<Vec<(i64, CacheRow)>, StoreError> {
        const DOING: &str = "list the cache";
        let conn = held(&self.reader);
        let mut select = conn
            .prepare_cached(
                "SELECT id, key_id, expires, last_used, hits, sealed, n FROM entries WHERE n > ?1 ORDER BY n LIMIT ?2",
            )
            .doing(DOING)?;
        let rows = select
            .query_map((after, limit), |row| Ok((row.get(6)?, cache_row(row)?)))
            .doing(DOING)?;
        rows.collect::<Result<_, _>>().doing(DOING)
    }

    /// Some entries and calls that other keys than this one sealed.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn sealed_by_others(
        &self,
        key_id: i64,
        limit: u32,
    ) -> Result<(Vec<CacheRow>, Vec<CallRow>), StoreError> {
        const DOING: &str = "list the cache";
        let conn = held(&self.reader);
        let mut select = conn
            .prepare_cached(
                "SELECT id, key_id, expires, last_used, hits, sealed FROM entries WHERE key_id <> ?1 LIMIT ?2",
            )
            .doing(DOING)?;
        let entries = select.query_map((key_id, limit), cache_row).doing(DOING)?;
        let entries = entries.collect::<Result<_, _>>().doing(DOING)?;
        let mut select = conn
            .prepare_cached("SELECT id, key_id, count, last, sealed FROM calls WHERE key_id <> ?1 LIMIT ?2")
            .doing(DOING)?;
        let calls = select.query_map((key_id, limit), call_row).doing(DOING)?;
        Ok((entries, calls.collect::<Result<_, _>>().doing(DOING)?))
    }

    /// Puts rows that were sealed anew in the place of the same rows, where those are still as they were read. Their uses
    /// and counts stay.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn reseal(&self, entries: &[(CacheRow, i64)], calls: &[(CallRow, i64)]) -> Result<(), StoreError> {
        const DOING: &str = "write the cache";
        let mut conn = held(&self.writer);
        let transaction = conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing(DOING)?;
        for (row, old) in entries {
            transaction
                .execute(
                    "UPDATE entries SET key_id = ?2, sealed = ?3, size = ?4 WHERE id = ?1 AND key_id = ?5",
                    (row.id, row.key_id, &row.sealed, size(row), old),
                )
                .doing(DOING)?;
        }
        for (row, old) in calls {
            transaction
                .execute(
                    "UPDATE calls SET key_id = ?2, sealed = ?3 WHERE id = ?1 AND key_id = ?4",
                    (row.id, row.key_id, &row.sealed, old),
                )
                .doing(DOING)?;
        }
        transaction.commit().doing(DOING)
    }

    /// The calls that were asked at least so often, the most asked first.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn calls(&self, least: i64, limit: u32) -> Result<Vec<CallRow>, StoreError> {
        const DOING: &str = "list the calls";
        let conn = held(&self.reader);
        let mut select = conn
            .prepare_cached(
                "SELECT id, key_id, count, last, sealed FROM calls WHERE count >= ?1 \
                 ORDER BY count DESC, last DESC LIMIT ?2",
            )
            .doing(DOING)?;
        let rows = select.query_map((least, limit), call_row).doing(DOING)?;
        rows.collect::<Result<_, _>>().doing(DOING)
    }

    /// How much there is.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn totals(&self) -> Result<CacheTotals, StoreError> {
        totals(&held(&self.reader)).doing("measure the cache")
    }

    /// Brings everything into the file itself, out of the log beside it.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        held(&self.writer)
            .pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()))
            .doing("bring the cache's log in")
    }

    /// Does something while no other process writes to the file.
    ///
    /// # Errors
    /// When others write for too long.
    pub fn alone<T>(&self, act: impl FnOnce() -> T) -> Result<T, StoreError> {
        let mut conn = held(&self.writer);
        let transaction = conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("have the cache alone")?;
        let done = act();
        transaction.rollback().doing("have the cache alone")?;
        Ok(done)
    }
}

/// Gives the room of removed rows back: it takes no time when nothing is left. Where a reader is in the way, the next time does.
fn shrink(conn: &Connection) {
    let shrunk = conn
        .execute_batch("VACUUM")
        .and_then(|()| conn.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(())));
    if let Err(error) = shrunk {
        tracing::debug!(%error, "the cache's file keeps its size");
    }
}

fn held(conn: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    conn.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    const DOING: &str = "open the cache";
    let conn = connect(path)?;
    conn.busy_timeout(BUSY).doing(DOING)?;
    conn.pragma_update(None, "synchronous", "NORMAL").doing(DOING)?;
    // Else the log keeps the size that it had after the largest batch.
    conn.pragma_update_and_check(None, "journal_size_limit", 16 << 20, |_| Ok(()))
        .doing(DOING)?;
    Ok(conn)
}

/// Makes the tables, unless they are there. Another process may be doing the same.
fn begin(conn: &mut Connection) -> Result<(), StoreError> {
    const DOING: &str = "make the cache's tables";
    // It has to be said before there is a table; later it changes nothing.
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")
        .doing(DOING)?;
    let transaction = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .doing(DOING)?;
    let found: i64 = transaction
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .doing(DOING)?;
    if found > VERSION {
        return Err(StoreError::TooNew {
            found,
            known: VERSION,
        });
    }
    if found < VERSION {
        transaction
            .execute_batch(
                "DROP TABLE IF EXISTS entries; DROP TABLE IF EXISTS calls; DROP TABLE IF EXISTS totals;",
            )
            .doing(DOING)?;
        transaction
            .execute_batch(include_str!("schema.sql"))
            .doing(DOING)?;
        transaction
            .pragma_update(None, "user_version", VERSION)
            .doing(DOING)?;
    }
    transaction.commit().doing(DOING)
}

fn size(row: &CacheRow) -> i64 {
    i64::try_from(row.sealed.len())
        .unwrap_or(i64::MAX)
        .saturating_add(ROW)
}

fn cache_row(row: &Row<'_>) -> rusqlite::Result<CacheRow> {
    Ok(CacheRow {
        id: row.get(0)?,
        key_id: row.get(1)?,
        expires: row.get(2)?,
        last_used: row.get(3)?,
        hits: row.get(4)?,
        sealed: row.get(5)?,
    })
}

fn call_row(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    Ok(CallRow {
        id: row.get(0)?,
        key_id: row.get(1)?,
        count: row.get(2)?,
        last: row.get(3)?,
        sealed: row.get(4)?,
    })
}

fn totals(conn: &Connection) -> rusqlite::Result<CacheTotals> {
    let mut select = conn.prepare_cached("SELECT entries, bytes, calls, cleared FROM totals")?;
    select.query_row([], |row| {
        Ok(CacheTotals {
            entries: row.get(0)?,
            bytes: row.get(1)?,
            calls: row.get(2)?,
            cleared: row.get(3)?,
        })
    })
}

fn change(transaction: &Transaction<'_>, batch: &CacheBatch) -> rusqlite::Result<()> {
    if batch.clear {
        transaction.execute("DELETE FROM entries", [])?;
        transaction.execute("DELETE FROM calls", [])?;
        transaction.execute("UPDATE totals SET cleared = cleared + 1", [])?;
    }
    let mut put = transaction.prepare_cached(
        "INSERT INTO entries (id, key_id, expires, last_used, hits, size, sealed) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET \
         key_id = excluded.key_id, expires = excluded.expires, last_used = max(last_used, excluded.last_used), \
         hits = CASE WHEN ?8 THEN hits ELSE excluded.hits END, size = excluded.size, sealed = excluded.sealed",
    )?;
    for (row, keep) in &batch.put {
        put.execute((
            row.id,
            row.key_id,
            row.expires,
            row.last_used,
            row.hits,
            size(row),
            &row.sealed,
            keep,
        ))?;
    }
    let mut remove = transaction.prepare_cached("DELETE FROM entries WHERE id = ?1")?;
    for id in &batch.remove {
        remove.execute([id])?;
    }
    let mut used = transaction.prepare_cached(
        "UPDATE entries SET hits = hits + ?2, last_used = max(last_used, ?3) WHERE id = ?1",
    )?;
    for row in &batch.used {
        used.execute(*row)?;
    }
    let mut call = transaction.prepare_cached(
        "INSERT INTO calls (id, key_id, count, last, sealed) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (id) DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last), \
         key_id = excluded.key_id, sealed = excluded.sealed",
    )?;
    for row in &batch.calls {
        call.execute((row.id, row.key_id, row.count, row.last, &row.sealed))?;
    }
    let mut remove = transaction.prepare_cached("DELETE FROM calls WHERE id = ?1")?;
    for id in &batch.remove_calls {
        remove.execute([id])?;
    }
    Ok(())
}

/// Removes what is over and, beyond the bounds, what was not used for longest.
fn trim(transaction: &Transaction<'_>, bounds: CacheBounds, now: i64) -> rusqlite::Result<Trimmed> {
    let mut trimmed = Trimmed::default();
    let mut expired = transaction.prepare_cached(
        "DELETE FROM entries WHERE n IN (SELECT n FROM entries WHERE expires <= ?1 ORDER BY expires LIMIT ?2)",
    )?;
    trimmed.expired = expired.execute((now, STEP))? as u64;
    let full = totals(transaction)?;
    if full.bytes > bounds.bytes || full.entries > bounds.entries {
        let low = |bound: i64| bound - bound / ROOM;
        let mut oldest = transaction.prepare_cached(
            "DELETE FROM entries WHERE n IN (SELECT n FROM entries ORDER BY last_used, n LIMIT ?1)",
        )?;
        loop {
            let now = totals(transaction)?;
            let over_rows = now.entries - low(bounds.entries);
            let over_bytes = now.bytes - low(bounds.bytes);
            if now.entries == 0 || (over_rows <= 0 && over_bytes <= 0) {
                break;
            }
            // As many as it takes if rows are of the usual size, and at least one.
            let usual = (now.bytes / now.entries).max(1);
            let step = over_rows.max(over_bytes / usual).clamp(1, STEP);
            trimmed.evicted += oldest.execute([step])? as u64;
        }
    }
    let over = full.calls - bounds.calls;
    if over > 0 {
        // Those asked least go first; a tenth more than needed, so that new ones have a chance to be asked again.
        transaction.execute(
            "DELETE FROM calls WHERE n IN (SELECT n FROM calls ORDER BY count, last LIMIT ?1)",
            [over.saturating_add(bounds.calls / 10)],
        )?;
    }
    Ok(trimmed)
}
