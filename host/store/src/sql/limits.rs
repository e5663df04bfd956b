//! Bounds on what a statement may cost.

use rusqlite::Connection;
use rusqlite::limits::Limit;
use std::time::Duration;

/// Bounds on what one statement may cost. The defaults suit questions that a person waits for.
#[derive(Debug, Clone)]
pub struct SqlLimits {
    /// Longest time for a statement, its wait for a connection included.
    pub statement_time_max: Duration,
    /// Most rows of an answer.
    pub rows_max: u32,
    /// Most bytes of an answer.
    pub answer_bytes_max: usize,
    /// Most bytes of a cell, a row or any text or blob on the way to it.
    pub cell_bytes_max: u32,
    /// Longest statement in bytes.
    pub statement_bytes_max: u32,
    /// Connections that read, for each database. One more writes.
    pub readers_max: usize,
    /// Size in bytes to which writes may grow a database.
    pub database_bytes_max: u64,
    /// Memory for SQLite in this whole process, in bytes. A statement that drives it over this fails. SQLite counts
    /// for the process and not for a connection, so this is what keeps sorts and temporary tables, which stay in memory,
    /// from taking the machine: the first of several [`Databases`](super::Databases) in a process decides, later ones can
    /// only lower it.
    pub heap_bytes_max: u64,
}

impl Default for SqlLimits {
    fn default() -> Self {
        SqlLimits {
            statement_time_max: Duration::from_secs(10),
            rows_max: 10_000,
            answer_bytes_max: 16 << 20,
            cell_bytes_max: 8 << 20,
            statement_bytes_max: 100_000,
            readers_max: 10,
            database_bytes_max: 4 << 30,
            heap_bytes_max: 512 << 20,
        }
    }
}

/// Longest pattern of LIKE and GLOB in bytes: matching costs pattern times text, and can't be interrupted.
const PATTERN_BYTES: i32 = 250;
/// Deepest expression. Chains of OR that models write count too; the compiler recurses this deep on a thread's stack.
const EXPRESSION_DEPTH: i32 = 500;
/// Most terms of a UNION.
const COMPOUND_TERMS: i32 = 100;
/// Most parameters.
const PARAMETERS: i32 = 1_000;
/// Deepest recursion of triggers.
const TRIGGER_DEPTH: i32 = 50;
/// Most instructions of a compiled statement, each about 24 bytes.
const INSTRUCTIONS: i32 = 1_000_000;

/// Room for the EXPLAIN that the host puts before a statement.
const EXPLAIN_BYTES: u32 = 64;

pub(super) fn apply(conn: &Connection, limits: &SqlLimits) -> rusqlite::Result<()> {
    let clamp = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, clamp(limits.cell_bytes_max)),
        (
            Limit::SQLITE_LIMIT_SQL_LENGTH,
            clamp(limits.statement_bytes_max.saturating_add(EXPLAIN_BYTES)),
        ),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, EXPRESSION_DEPTH),
        (Limit::SQLITE_LIMIT_PARSER_DEPTH, EXPRESSION_DEPTH),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, COMPOUND_TERMS),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES),
        (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, PARAMETERS),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, TRIGGER_DEPTH),
        (Limit::SQLITE_LIMIT_VDBE_OP, INSTRUCTIONS),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        conn.set_limit(limit, value)?;
    }
    Ok(())
}
