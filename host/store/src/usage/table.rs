//! Usage in the store.
//!
//! Outcomes and buckets of times are rows, and adding to them is one statement each, so that processes which do it at the
//! same time add up. Most of these writes do not wait for the disk: see [`Durability`].

use super::histogram::Histogram;
use super::{Counted, Usage};
use crate::store::{Doing, Store, StoreError, patient};
use fact_types::{PluginName, ToolId, ToolName};
use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::time::Duration;

/// The step that makes the tables. Usage is gone with the plugin, and its changes move no revision of the registry.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE tool_usage (
        plugin   TEXT NOT NULL REFERENCES plugins (name) ON DELETE CASCADE,
        tool     TEXT NOT NULL,
        total_us INTEGER NOT NULL,
        max_us   INTEGER NOT NULL,
        first    TEXT NOT NULL,
        last     TEXT NOT NULL,
        PRIMARY KEY (plugin, tool)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tool_outcomes (
        plugin  TEXT NOT NULL,
        tool    TEXT NOT NULL,
        outcome TEXT NOT NULL,
        calls   INTEGER NOT NULL,
        PRIMARY KEY (plugin, tool, outcome),
        FOREIGN KEY (plugin, tool) REFERENCES tool_usage ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tool_times (
        plugin TEXT NOT NULL,
        tool   TEXT NOT NULL,
        bucket INTEGER NOT NULL,
        calls  INTEGER NOT NULL,
        PRIMARY KEY (plugin, tool, bucket),
        FOREIGN KEY (plugin, tool) REFERENCES tool_usage ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;";

/// The outcome of calls that did not fail.
const GOOD: &str = "ok";

/// What counts survive once they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however it ends. It takes no wait for the disk.
    Process,
    /// A power cut too, and so do all counts that were stored before.
    Machine,
}

/// How a tool was used, by all processes that share the store. There is one only for a tool that was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolUsage {
    /// The tool.
    pub tool: ToolId,
    /// All calls, those that were refused before the tool ran included. At least one.
    pub calls: u64,
    /// Calls that did not fail.
    pub successes: u64,
    /// Calls that failed, by the text of their code.
    pub failures: BTreeMap<String, u64>,
    /// The time of a call from its arrival to its answer, on average.
    #[serde(rename = "mean_us", serialize_with = "in_micros")]
    pub mean: Duration,
    /// The time that half of the calls did not exceed; at most 7 % off.
    #[serde(rename = "p50_us", serialize_with = "in_micros")]
    pub p50: Duration,
    /// The time that 95 of 100 calls did not exceed; at most 7 % off.
    #[serde(rename = "p95_us", serialize_with = "in_micros")]
    pub p95: Duration,
    /// The longest time.
    #[serde(rename = "max_us", serialize_with = "in_micros")]
    pub max: Duration,
    /// The first call that was counted.
    pub first: Timestamp,
    /// The last call.
    pub last: Timestamp,
}

fn in_micros<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(super::micros(*time))
}

impl Store {
    /// Adds what was counted to what the store has, and forgets it there. Counts of plugins that are gone are dropped. When it
    /// fails, they are still there for the next time. When it returns, what was counted before is stored, even where another
    /// thread was about to.
    ///
    /// # Errors
    /// When the store can't be written, by half a second of waiting for other processes.
    pub fn add_usage(&self, usage: &Usage, durability: Durability) -> Result<(), StoreError> {
        const DOING: &str = "store how tools are used";
        // Held from before the counts are taken until they are stored or put back: nobody sees them in neither place.
        let mut conn = self.relaxed();
        let taken = usage.take();
        if taken.is_empty() {
            return Ok(());
        }
        let stored = store(&mut conn, &taken, durability).doing(DOING);
        if stored.is_err() {
            usage.put_back(taken);
        }
        stored
    }

    /// How tools were used, by name: all that were called, or only one. What a process has counted and not stored yet is not
    /// in it.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn usage(&self, only: Option<&ToolId>) -> Result<Vec<ToolUsage>, StoreError> {
        patient(|| {
            const DOING: &str = "read how tools are used";
            let mut conn = self.relaxed();
            // One moment for all three.
            let transaction = conn.transaction().doing(DOING)?;
            let (plugin, tool) = match only {
                Some(id) => (Some(id.plugin.as_str()), Some(id.tool.as_str())),
                None => (None, None),
            };
            let mut all: BTreeMap<(String, String), Sums> = BTreeMap::new();
            let mut read =
                |columns: &str, table: &str, each: fn(&mut Sums, &Row<'_>) -> rusqlite::Result<()>| {
                    let sql = format!(
                        "SELECT plugin, tool, {columns} FROM {table} \
                     WHERE (?1 IS NULL OR plugin = ?1) AND (?2 IS NULL OR tool = ?2)"
                    );
                    let mut select = transaction.prepare_cached(&sql)?;
                    let mut rows = select.query([plugin, tool])?;
                    while let Some(row) = rows.next()? {
                        each(all.entry((row.get(0)?, row.get(1)?)).or_default(), row)?;
                    }
                    Ok(())
                };
            let mut tables = || {
                read("total_us, max_us, first, last", "tool_usage", Sums::totals)?;
                read("outcome, calls", "tool_outcomes", Sums::outcome)?;
                read("bucket, calls", "tool_times", Sums::time)
            };
            tables().doing(DOING)?;
            // A row that does not parse was not written by this program, and tells nothing.
            let told = all
                .into_iter()
                .filter_map(|((plugin, tool), sums)| sums.tell(&plugin, &tool));
            Ok(told.collect())
        })
    }
}

fn store(conn: &mut Connection, taken: &[(ToolId, Counted)], durability: Durability) -> rusqlite::Result<()> {
    let how = match durability {
        Durability::Process => "NORMAL",
        Durability::Machine => "FULL",
    };
    conn.pragma_update(None, "synchronous", how)?;
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (tool, counted) in taken {
        add(&transaction, tool, counted)?;
    }
    transaction.commit()
}

fn add(transaction: &Transaction<'_>, tool: &ToolId, counted: &Counted) -> rusqlite::Result<()> {
    let (plugin, name) = (tool.plugin.as_str(), tool.tool.as_str());
    let mut totals = transaction.prepare_cached(
        "INSERT INTO tool_usage (plugin, tool, total_us, max_us, first, last) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM plugins WHERE name = ?1) \
         ON CONFLICT DO UPDATE SET total_us = min(total_us + excluded.total_us, ?7), \
         max_us = max(max_us, excluded.max_us), first = min(first, excluded.first), last = max(last, excluded.last)",
    )?;
    // Half of what a number holds, so that a sum of two of them is still one.
    const MOST: i64 = i64::MAX / 2;
    let number = |n: u64| i64::try_from(n).unwrap_or(MOST).min(MOST);
    let time = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let added = totals.execute((
        plugin,
        name,
        number(counted.total_us),
        number(counted.max_us),
        time(counted.first),
        time(counted.last),
        MOST,
    ))?;
    if added == 0 {
        return Ok(());
    }
    let mut outcomes = transaction.prepare_cached(
        "INSERT INTO tool_outcomes (plugin, tool, outcome, calls) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT DO UPDATE SET calls = calls + excluded.calls",
    )?;
    let good = (counted.good > 0).then_some((GOOD, counted.good));
    for (outcome, calls) in good
        .into_iter()
        .chain(counted.failures.iter().map(|(code, calls)| (*code, *calls)))
    {
        outcomes.execute((plugin, name, outcome, number(calls)))?;
    }
    let mut times = transaction.prepare_cached(
        "INSERT INTO tool_times (plugin, tool, bucket, calls) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT DO UPDATE SET calls = calls + excluded.calls",
    )?;
    for (bucket, calls) in counted.times.buckets() {
        times.execute((plugin, name, bucket, number(calls)))?;
    }
    Ok(())
}

/// What the rows of a tool add up to.
#[derive(Default)]
struct Sums {
    total_us: u64,
    max_us: u64,
    first: String,
    last: String,
    good: u64,
    failures: BTreeMap<String, u64>,
    times: Histogram,
}

impl Sums {
    fn totals(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        self.total_us = count(row, 2)?;
        self.max_us = count(row, 3)?;
        self.first = row.get(4)?;
        self.last = row.get(5)?;
        Ok(())
    }

    fn outcome(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let (outcome, calls) = (row.get::<_, String>(2)?, count(row, 3)?);
        if outcome == GOOD {
            self.good = calls;
        } else {
            self.failures.insert(outcome, calls);
        }
        Ok(())
    }

    fn time(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        if let Ok(bucket) = u16::try_from(row.get::<_, i64>(2)?) {
            self.times.add_many(bucket, count(row, 3)?);
        }
        Ok(())
    }

    fn tell(self, plugin: &str, tool: &str) -> Option<ToolUsage> {
        let (plugin, tool): (PluginName, ToolName) = (plugin.parse().ok()?, tool.parse().ok()?);
        let calls = self
            .failures
            .values()
            .fold(self.good, |sum, calls| sum.saturating_add(*calls));
        let max = Duration::from_micros(self.max_us);
        // A bucket's middle may lie above the longest time in it.
        let percentile = |percent| Some(self.times.percentile(percent)?.min(max));
        Some(ToolUsage {
            tool: ToolId::new(plugin, tool).ok()?,
            calls,
            successes: self.good,
            mean: Duration::from_micros(self.total_us.checked_div(calls)?),
            p50: percentile(50)?,
            p95: percentile(95)?,
            max,
            first: self.first.parse().ok()?,
            last: self.last.parse().ok()?,
            failures: self.failures,
        })
    }
}

/// A number that is never below nothing.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or_default())
}
