//! From stored text to values, and bounds on what is stored.
//!
//! What is stored is text, and it is parsed when it is read. A row that does not parse (an older or newer program wrote it,
//! or someone's hand) gives nothing: it is left out with a warning, and [`super::Store::unreadable`] lists it.

use super::{Doing, StoreError};
use rusqlite::{Connection, Row};
use serde::Serialize;

/// Longest of the short texts: names of people, times, reasons, sources.
pub(super) const TEXT_MAX: usize = 4_000;

/// A stored row that does not parse, and so counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The table it is in.
    pub table: &'static str,
    /// The plugin it is about, as stored.
    pub plugin: String,
    /// What is wrong.
    pub why: String,
}

/// A row as read: parsed, or the reason why it is not.
pub(super) type Parsed<T> = Result<T, Unreadable>;

pub(crate) fn within(what: &'static str, text: &str, most: usize) -> Result<(), StoreError> {
    if text.len() > most {
        return Err(StoreError::TooLong { what, most });
    }
    Ok(())
}

pub(crate) fn select<T>(
    conn: &Connection,
    sql: &str,
    parameters: &[&str],
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    const DOING: &str = "read the store";
    let mut statement = conn.prepare_cached(sql).doing(DOING)?;
    let rows = statement
        .query_map(rusqlite::params_from_iter(parameters), read)
        .doing(DOING)?;
    rows.collect::<Result<_, _>>().doing(DOING)
}

/// The rows that parse.
pub(super) fn readable<T>(rows: Vec<Parsed<T>>) -> Vec<T> {
    let keep = |row: Parsed<T>| {
        row.inspect_err(|bad| {
            tracing::warn!(
                table = bad.table,
                plugin = bad.plugin,
                why = bad.why,
                "left out a stored row"
            );
        })
        .ok()
    };
    rows.into_iter().filter_map(keep).collect()
}
