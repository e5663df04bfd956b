//! A small finance database with invented companies, to try things on.
//!
//! Money is in whole US dollars, as integers, so that sums are exact: the revenue of all companies in the first quarter of
//! 2025 is 68,500,000,000.

mod data;
#[cfg(test)]
mod tests;

pub use data::samples;

use data::{BENCHMARKS, COMPANIES, QUARTERS, SCHEMA};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// Why there is no demo database.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The file could not be opened, read or written.
    #[error("can't {doing} the demo database")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// SQLite's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The folder for it could not be made.
    #[error("can't make the folder of the demo database")]
    Folder(#[source] std::io::Error),
    /// It is not what it should be.
    #[error("the demo database is damaged: {0}")]
    Damaged(String),
}

/// What [`seed`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Seeded {
    /// There was something to create; false: all was there already.
    pub created: bool,
}

/// What [`check`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The tables and their numbers of rows.
    pub tables: Vec<(String, i64)>,
}

/// How long one start waits for another.
const BUSY: Duration = Duration::from_secs(10);

fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> DemoError {
    move |source| DemoError::Database {
        doing,
        source: source.into(),
    }
}

/// Creates the demo database, or completes it. However often and by however many processes at once this is done, the
/// rows are there once; rows that were changed since stay changed.
///
/// # Errors
/// When the file can't be written, or is something else.
pub fn seed(path: &Path) -> Result<Seeded, DemoError> {
    let path = std::path::absolute(path).map_err(DemoError::Folder)?;
    if let Some(folder) = path.parent() {
        crate::store::make_folder(folder).map_err(DemoError::Folder)?;
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let write = || -> rusqlite::Result<bool> {
        let mut conn = Connection::open_with_flags(&path, flags)?;
        conn.busy_timeout(BUSY)?;
        conn.pragma_update(None, "foreign_keys", true)?;
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = tables(&transaction)?;
        transaction.execute_batch(SCHEMA)?;
        let rows = fill(&transaction)?;
        let created = rows > 0 || tables(&transaction)? != before;
        transaction.commit()?;
        Ok(created)
    };
    Ok(Seeded {
        created: write().map_err(failed("create"))?,
    })
}

/// Tables and indexes that are there.
fn tables(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))
}

/// Inserts the rows that are missing, and returns their number.
fn fill(transaction: &Transaction<'_>) -> rusqlite::Result<usize> {
    let mut rows = 0;
    for (id, company) in (1i64..).zip(COMPANIES) {
        rows += transaction.execute(
            "INSERT OR IGNORE INTO companies (id, name, symbol, sector, founded_year, employees, market_cap) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                id,
                company.name,
                company.symbol,
                company.sector,
                company.founded_year,
                company.employees,
                company.market_cap,
            ),
        )?;
        for (&(quarter, year), &(revenue, profit)) in QUARTERS.iter().zip(&company.quarters) {
            for table in ["financial_records", "financial_data"] {
                rows += transaction.execute(
                    &format!(
                        "INSERT OR IGNORE INTO {table} (company_id, quarter, year, revenue, profit, expenses) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?4 - ?5)"
                    ),
                    (id, quarter, year, revenue, profit),
                )?;
            }
        }
    }
    for benchmark in BENCHMARKS {
        rows += transaction.execute(
            "INSERT OR IGNORE INTO benchmarks \
             (test_name, test_date, duration_seconds, total_queries, cache_hit_rate, avg_response_time_ms, success_rate, notes) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                benchmark.test_name,
                benchmark.test_date,
                benchmark.duration_seconds,
                benchmark.total_queries,
                benchmark.cache_hit_rate,
                benchmark.avg_response_time_ms,
                benchmark.success_rate,
                benchmark.notes,
            ),
        )?;
    }
    Ok(rows)
}

/// Checks that the demo database is whole: its file, its four tables, and at least the rows that [`seed`] puts there.
///
/// # Errors
/// When something is missing or can't be read.
pub fn check(path: &Path) -> Result<Checked, DemoError> {
    let path = std::path::absolute(path).map_err(DemoError::Folder)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&path, flags).map_err(failed("open"))?;
    conn.busy_timeout(BUSY).map_err(failed("open"))?;
    let sound: String = conn
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(failed("check"))?;
    if sound != "ok" {
        return Err(DemoError::Damaged(sound));
    }
    let records = COMPANIES.len() * QUARTERS.len();
    let mut found = Vec::new();
    for (table, least) in [
        ("companies", COMPANIES.len()),
        ("financial_records", records),
        ("financial_data", records),
        ("benchmarks", BENCHMARKS.len()),
    ] {
        let there: bool = conn
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)",
                [table],
                |row| row.get(0),
            )
            .map_err(failed("check"))?;
        if !there {
            return Err(DemoError::Damaged(format!("the table {table} is missing")));
        }
        let rows: i64 = conn
            .query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0))
            .map_err(failed("check"))?;
        if usize::try_from(rows).unwrap_or(0) < least {
            return Err(DemoError::Damaged(format!(
                "{table} has {rows} rows and should have {least}"
            )));
        }
        found.push((table.to_owned(), rows));
    }
    Ok(Checked { tables: found })
}
