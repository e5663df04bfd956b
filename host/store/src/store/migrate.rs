//! The store's schema, as the steps that made it.
//!
//! `user_version` in the file is the number of steps done. Each step is one transaction, so a step that was cut off did
//! not happen. Steps are never changed once released; new ones go to the end.

use super::{Doing, StoreError};
use rusqlite::{Connection, TransactionBehavior};
use serde::Serialize;

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// Its number, from 1.
    pub version: i64,
    /// What it brought.
    pub name: String,
    /// When, in UTC, RFC 3339.
    pub applied_at: String,
}

struct Step {
    name: &'static str,
    sql: &'static str,
}

const STEPS: &[Step] = &[
    Step {
        name: "plugins and grants",
        sql: "
        CREATE TABLE migrations (
            version    INTEGER PRIMARY KEY,
            name       TEXT NOT NULL,
            applied_at TEXT NOT NULL
        ) STRICT;
        CREATE TABLE plugins (
            name         TEXT PRIMARY KEY,
            digest       TEXT NOT NULL,
            manifest     TEXT NOT NULL,
            source       TEXT NOT NULL,
            installed_at TEXT NOT NULL,
            enabled      INTEGER NOT NULL CHECK (enabled IN (0, 1))
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE grants (
            plugin     TEXT NOT NULL REFERENCES plugins (name) ON DELETE CASCADE,
            capability TEXT NOT NULL,
            granted_by TEXT NOT NULL,
            granted_at TEXT NOT NULL,
            reason     TEXT,
            PRIMARY KEY (plugin, capability)
        ) STRICT, WITHOUT ROWID;",
    },
    Step {
        name: "versions, and grants with terms",
        sql: include_str!("versions.sql"),
    },
    Step {
        name: "tool usage",
        sql: crate::usage::SCHEMA,
    },
    Step {
        name: "conversations",
        sql: crate::conversation::SCHEMA,
    },
];

pub(super) fn known() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

fn version(conn: &Connection) -> Result<i64, StoreError> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
        .doing("read the store's version")
}

/// Brings the store to the latest version. Another process may be doing the same.
pub(super) fn run(conn: &mut Connection) -> Result<(), StoreError> {
    const DOING: &str = "bring the store up to date";
    loop {
        if version(conn)? == known() {
            return Ok(());
        }
        let transaction = conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing(DOING)?;
        // Only now does nobody else move it.
        let found = version(&transaction)?;
        if found > known() || found < 0 {
            return Err(StoreError::TooNew {
                found,
                known: known(),
            });
        }
        let Some(step) = usize::try_from(found).ok().and_then(|done| STEPS.get(done)) else {
            continue;
        };
        let next = found.saturating_add(1);
        transaction.execute_batch(step.sql).doing(DOING)?;
        transaction
            .execute(
                "INSERT INTO migrations VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
                (next, step.name),
            )
            .doing(DOING)?;
        transaction
            .pragma_update(None, "user_version", next)
            .doing(DOING)?;
        transaction.commit().doing(DOING)?;
        tracing::info!(
            version = next,
            step = step.name,
            "the store was brought up to date"
        );
    }
}

pub(super) fn applied(conn: &Connection) -> Result<Vec<Migration>, StoreError> {
    const DOING: &str = "read the store's history";
    let mut select = conn
        .prepare("SELECT version, name, applied_at FROM migrations ORDER BY version")
        .doing(DOING)?;
    let rows = select
        .query_map([], |row| {
            Ok(Migration {
                version: row.get(0)?,
                name: row.get(1)?,
                applied_at: row.get(2)?,
            })
        })
        .doing(DOING)?;
    rows.collect::<Result<_, _>>().doing(DOING)
}
