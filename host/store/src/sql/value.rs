//! What goes into a statement and what comes out.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A database that plugins may be granted.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// Its SQLite file. It must exist: nothing is created here.
    pub path: PathBuf,
    /// Questions that it answers, for plugins that show examples.
    pub samples: Vec<Sample>,
}

/// A question and the statement that answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The question, in words.
    pub question: String,
    /// The statement.
    pub statement: String,
}

/// A cell or a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Nothing.
    Null,
    /// A signed 64-bit integer.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes. A cell that the database calls text and that is not UTF-8 comes back as this, unchanged.
    Blob(Vec<u8>),
}

impl Value {
    /// Bytes that the value takes, about: what the memory cap counts.
    pub(super) fn size(&self) -> usize {
        let outside = match self {
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
            Value::Null | Value::Integer(_) | Value::Real(_) => 0,
        };
        size_of::<Value>().saturating_add(outside)
    }
}

/// What a statement touched, as the database's own compiler saw it.
///
/// `reads` and `writes` hold every table whose rows can decide the answer or change by the statement, and besides them
/// the views that lead there. They are known before the statement runs, so they are complete even where it found no row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// Tables and views read, by the names that the schema gives them.
    pub reads: BTreeSet<String>,
    /// Tables and views written, by triggers and foreign keys too.
    pub writes: BTreeSet<String>,
    /// Functions whose answer may differ from call to call, in lower case: `random`, `randomblob`, and those that may ask
    /// the clock (`datetime` may, whether it does depends on its arguments). With one of these in it, an answer is not
    /// determined by the tables read.
    pub unstable: BTreeSet<String>,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The type that the table's definition gives it; none for an expression.
    pub declared_type: Option<String>,
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The columns; there even when no row is.
    pub columns: Vec<Column>,
    /// The rows, each with one value a column.
    pub rows: Vec<Vec<Value>>,
    /// There were more rows: the caller's limit, the row cap or the memory cap cut them.
    pub truncated: bool,
    /// What was read.
    pub touched: Touched,
}

/// What a writing statement did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Rows that the statement itself inserted, changed or deleted; those of triggers and foreign keys don't count.
    pub rows: u64,
    /// What was read and written.
    pub touched: Touched,
}

/// How the database would run a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// A line a step, indented by depth.
    pub steps: Vec<String>,
    /// What the statement would read.
    pub touched: Touched,
}

/// A table or view, as far as it may be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<TableColumn>,
}

/// A column of a table or view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// The type that the definition gives it; empty where it gives none.
    pub declared_type: String,
    /// It may be null.
    pub nullable: bool,
    /// It is part of the primary key.
    pub primary_key: bool,
}
