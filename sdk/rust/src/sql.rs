//! SQL over the databases that the host knows. `sql:read:DATABASE` and `sql:write:DATABASE` grant it.
//!
//! ```no_run
//! use fact_sdk::{ToolError, sql};
//!
//! fn revenue(quarter: &str) -> Result<f64, ToolError> {
//!     let rows = sql::query(
//!         "finance",
//!         "SELECT SUM(revenue) AS total FROM financial_records WHERE quarter = :quarter",
//!         &[("quarter", quarter.into())],
//!         1,
//!     )?;
//!     rows.first("total").and_then(sql::Value::as_f64).ok_or_else(|| ToolError::not_found("no records"))
//! }
//! ```

use crate::bindings::fact::plugin::sql as wit;
use crate::{ToolError, host};

/// A cell or a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The whole number, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Integer(i) => Some(*i),
            _ => None,
        }
    }

    /// The number, whole or not. Whole numbers beyond 2^53 lose digits.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Integer(i) => Some(*i as f64),
            Value::Real(r) => Some(*r),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if it is a blob.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn into_wit(self) -> wit::Value {
        match self {
            Value::Null => wit::Value::Null,
            Value::Integer(i) => wit::Value::Integer(i.to_string()),
            Value::Real(r) => wit::Value::Real(r),
            Value::Text(text) => wit::Value::Text(text),
            Value::Blob(bytes) => wit::Value::Blob(bytes),
        }
    }

    fn from_wit(value: wit::Value) -> Result<Self, ToolError> {
        Ok(match value {
            wit::Value::Null => Value::Null,
            wit::Value::Integer(digits) => Value::Integer(
                digits
                    .parse()
                    .map_err(|_| ToolError::internal("the host sent an integer that is none"))?,
            ),
            wit::Value::Real(r) => Value::Real(r),
            wit::Value::Text(text) => Value::Text(text),
            wit::Value::Blob(bytes) => Value::Blob(bytes),
        })
    }
}

macro_rules! value_from {
    ($($from:ty => |$v:ident| $to:expr),+ $(,)?) => {
        $(impl From<$from> for Value {
            fn from($v: $from) -> Self {
                $to
            }
        })+
    };
}

value_from! {
    bool => |v| Value::Integer(v.into()),
    i8 => |v| Value::Integer(v.into()),
    i16 => |v| Value::Integer(v.into()),
    i32 => |v| Value::Integer(v.into()),
    i64 => |v| Value::Integer(v),
    u8 => |v| Value::Integer(v.into()),
    u16 => |v| Value::Integer(v.into()),
    u32 => |v| Value::Integer(v.into()),
    f32 => |v| Value::Real(v.into()),
    f64 => |v| Value::Real(v),
    &str => |v| Value::Text(v.to_owned()),
    String => |v| Value::Text(v),
    &[u8] => |v| Value::Blob(v.to_vec()),
    Vec<u8> => |v| Value::Blob(v),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The type that the table's definition gives it, for a column taken straight from a table.
    pub declared_type: Option<String>,
}

/// The answer to a query. The columns are there even when no row is.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, a value for each column.
    pub rows: Vec<Vec<Value>>,
    /// There were more rows than these.
    pub truncated: bool,
}

impl Rows {
    /// The value of a column in a row, counted from 0.
    pub fn get(&self, row: usize, column: &str) -> Option<&Value> {
        let index = self.columns.iter().position(|c| c.name == column)?;
        self.rows.get(row)?.get(index)
    }

    /// The value of a column in the first row.
    pub fn first(&self, column: &str) -> Option<&Value> {
        self.get(0, column)
    }
}

/// A table or view that the plugin may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The columns that may be read.
    pub columns: Vec<TableColumn>,
}

/// A column of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type as the definition gives it.
    pub declared_type: String,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether it is part of the primary key.
    pub primary_key: bool,
}

/// A sample question that the database's owner wrote down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The question, in words.
    pub question: String,
    /// The statement that answers it.
    pub statement: String,
}

/// A named parameter, written without the `:`, `@` or `$` that it has in the statement.
pub type Parameter<'a> = (&'a str, Value);

/// The names of the databases of which the plugin may read or write something. None outside a component.
pub fn databases() -> Vec<String> {
    if host::PRESENT {
        wit::databases()
    } else {
        Vec::new()
    }
}

/// Runs one statement that reads. At most `max_rows` rows come back (0: as many as the host allows).
///
/// # Errors
/// - `invalid-input`: the statement does not parse, names something that does not exist, or lacks a parameter.
/// - `denied`: it reads what the plugin was not granted, or writes.
/// - `not-found`: no database of that name is granted.
/// - `unavailable`: it took longer or needed more memory than the host allows, or the database is busy.
pub fn query(
    database: &str,
    statement: &str,
    parameters: &[Parameter<'_>],
    max_rows: u32,
) -> Result<Rows, ToolError> {
    host::reach("sql")?;
    let answer = wit::query(database, statement, &parameters_to_wit(parameters), max_rows)?;
    let columns = answer.columns.into_iter().map(|c| Column {
        name: c.name,
        declared_type: c.declared_type,
    });
    let rows = answer
        .rows
        .into_iter()
        .map(|row| row.into_iter().map(Value::from_wit).collect());
    Ok(Rows {
        columns: columns.collect(),
        rows: rows.collect::<Result<_, _>>()?,
        truncated: answer.truncated,
    })
}

/// Runs one statement that writes, and returns how many rows it changed.
///
/// # Errors
/// As for [`query`]; `denied` too when it writes what the plugin was not granted to write.
pub fn execute(database: &str, statement: &str, parameters: &[Parameter<'_>]) -> Result<u32, ToolError> {
    host::reach("sql")?;
    Ok(wit::execute(database, statement, &parameters_to_wit(parameters))?)
}

/// The tables and columns that the plugin may read.
///
/// # Errors
/// As for [`query`].
pub fn schema(database: &str) -> Result<Vec<Table>, ToolError> {
    host::reach("sql")?;
    let tables = wit::schema(database)?.into_iter().map(|table| Table {
        name: table.name,
        columns: table
            .columns
            .into_iter()
            .map(|c| TableColumn {
                name: c.name,
                declared_type: c.declared_type,
                nullable: c.nullable,
                primary_key: c.primary_key,
            })
            .collect(),
    });
    Ok(tables.collect())
}

/// How the database would run a statement, a line a step. The statement is checked as by [`query`], and not run.
///
/// # Errors
/// As for [`query`].
pub fn explain(
    database: &str,
    statement: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<String>, ToolError> {
    host::reach("sql")?;
    Ok(wit::explain(database, statement, &parameters_to_wit(parameters))?)
}

/// The sample questions of a database.
///
/// # Errors
/// `not-found` as for [`query`].
pub fn samples(database: &str) -> Result<Vec<Sample>, ToolError> {
    host::reach("sql")?;
    let samples = wit::samples(database)?;
    Ok(samples
        .into_iter()
        .map(|s| Sample {
            question: s.question,
            statement: s.statement,
        })
        .collect())
}

fn parameters_to_wit(parameters: &[Parameter<'_>]) -> Vec<wit::Parameter> {
    let parameters = parameters.iter().cloned();
    parameters
        .map(|(name, value)| wit::Parameter {
            name: name.to_owned(),
            value: value.into_wit(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_way_through_the_host() {
        for value in [
            Value::Null,
            Value::Integer(i64::MIN),
            Value::Integer(i64::MAX),
            Value::Real(0.1),
            Value::Text("x".to_owned()),
            Value::Blob(vec![0, 255]),
        ] {
            assert_eq!(Value::from_wit(value.clone().into_wit()), Ok(value));
        }
        assert!(Value::from_wit(wit::Value::Integer("1e3".to_owned())).is_err());
    }

    #[test]
    fn values_from_ordinary_types() {
        assert_eq!(Value::from(true), Value::Integer(1));
        assert_eq!(Value::from(None::<&str>), Value::Null);
        assert_eq!(Value::from(Some(2_u32)), Value::Integer(2));
    }

    #[test]
    fn without_a_host_there_is_an_error_and_no_abort() {
        assert!(query("db", "SELECT 1", &[], 0).is_err());
        assert!(databases().is_empty());
    }
}
