//! Which SQL functions a statement may call: those that SQLite documents as its own and that compute from their
//! arguments. Everything else is refused, whatever a later SQLite brings.
//!
//! Left out on purpose: what reaches files and code (`load_extension`, `readfile`, `fts3_tokenizer`), what tells about the
//! build (`sqlite_compileoption_get`), and what tells about other statements on the same connection
//! (`last_insert_rowid`, `changes`, `total_changes`), and `json_patch`, whose time grows with the product of its arguments
//! and which can't be interrupted. Others of that kind are bounded: see [`bound`].

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Error, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// Sorted, lower case.
const ALLOWED: &[&str] = &[
    "->",
    "->>",
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "avg",
    "bm25",
    "ceil",
    "ceiling",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "cos",
    "cosh",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "degrees",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "highlight",
    "if",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_insert",
    "json_array_length",
    "json_error_position",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_pretty",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_type",
    "json_valid",
    "jsonb",
    "jsonb_array",
    "jsonb_array_insert",
    "jsonb_extract",
    "jsonb_group_array",
    "jsonb_group_object",
    "jsonb_insert",
    "jsonb_object",
    "jsonb_remove",
    "jsonb_replace",
    "jsonb_set",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "ltrim",
    "match",
    "max",
    "median",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "percentile",
    "percentile_cont",
    "percentile_disc",
    "pi",
    "pow",
    "power",
    "printf",
    "quote",
    "radians",
    "random",
    "randomblob",
    "rank",
    "regexp",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sin",
    "sinh",
    "snippet",
    "soundex",
    "sqlite_version",
    "sqrt",
    "strftime",
    "string_agg",
    "substr",
    "substring",
    "subtype",
    "sum",
    "tan",
    "tanh",
    "time",
    "timediff",
    "total",
    "trim",
    "trunc",
    "typeof",
    "unhex",
    "unicode",
    "unistr",
    "unistr_quote",
    "unixepoch",
    "unlikely",
    "upper",
    "zeroblob",
];

/// Functions whose answer may differ from call to call. The date functions ask the clock for some arguments (`'now'`, or
/// none), which may come from a row and so can't be told beforehand.
const UNSTABLE: &[&str] = &[
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "julianday",
    "random",
    "randomblob",
    "strftime",
    "time",
    "timediff",
    "unixepoch",
];

/// Table-valued functions that compute from their arguments.
const TABLE_FUNCTIONS: &[&str] = &["json_each", "json_tree", "jsonb_each", "jsonb_tree"];

fn among(list: &[&str], name: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(name))
}

pub(super) fn allowed(name: &str) -> bool {
    ALLOWED.binary_search(&name.to_ascii_lowercase().as_str()).is_ok()
}

pub(super) fn unstable(name: &str) -> bool {
    among(UNSTABLE, name)
}

pub(super) fn is_table_function(name: &str) -> bool {
    among(TABLE_FUNCTIONS, name)
}

/// Functions that compare each place of their first argument with all of the second, and how many such steps one call may
/// take: about a tenth of a second.
const BOUNDED: &[(&str, usize, usize)] = &[
    ("instr", 2, 1_000_000_000),
    ("replace", 3, 1_000_000_000),
    ("trim", 2, 50_000_000),
    ("ltrim", 2, 50_000_000),
    ("rtrim", 2, 50_000_000),
];

/// Puts a bound before the functions that can't be interrupted. Below it they are SQLite's own, called on a connection to
/// nothing.
pub(super) fn bound(conn: &Connection) -> Result<()> {
    let own = Arc::new(Mutex::new(Connection::open_in_memory()?));
    for (name, arguments, steps_max) in BOUNDED {
        let own = Arc::clone(&own);
        let marks = ["?1", "?2", "?3"]
            .get(..*arguments)
            .unwrap_or_default()
            .join(", ");
        let sql = format!("SELECT {name}({marks})");
        let flags = FunctionFlags::SQLITE_UTF8
            | FunctionFlags::SQLITE_DETERMINISTIC
            | FunctionFlags::SQLITE_INNOCUOUS;
        let count = i32::try_from(*arguments).unwrap_or(0);
        conn.create_scalar_function(*name, count, flags, move |context| {
            let own = own.lock().unwrap_or_else(PoisonError::into_inner);
            call(&own, &sql, name, *steps_max, context)
        })?;
    }
    Ok(())
}

fn call(own: &Connection, sql: &str, name: &str, steps_max: usize, context: &Context<'_>) -> Result<Value> {
    let length = |index: usize| match context.get_raw(index) {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        _ => 1,
    };
    if length(0).saturating_mul(length(1)) > steps_max {
        let message = format!("the arguments of {name} are too large together");
        return Err(Error::UserFunctionError(message.into()));
    }
    let mut statement = own.prepare_cached(sql)?;
    for index in 0..context.len() {
        let argument = ToSqlOutput::Borrowed(context.get_raw(index));
        statement.raw_bind_parameter(index.saturating_add(1), argument)?;
    }
    let mut rows = statement.raw_query();
    rows.next()?.map_or(Ok(Value::Null), |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_case_does_not_matter() {
        assert!(ALLOWED.is_sorted_by(|a, b| a < b));
        assert!(UNSTABLE.iter().all(|name| allowed(name)));
        assert!(allowed("SUM") && allowed("Json_Extract"));
        for bad in [
            "load_extension",
            "readfile",
            "LAST_INSERT_ROWID",
            "fts3_tokenizer",
            "",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
