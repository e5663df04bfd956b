//! Where figures come from.

use fact_types::Code;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::future::Future;

/// What answers statements. Everything that this crate says about data was read through this.
pub trait Data: Sync {
    /// Runs one statement that reads. Every named parameter of the statement, and no other, has a value in `parameters`, by
    /// its name without the colon.
    ///
    /// # Errors
    /// When the statement could not be run.
    fn query(
        &self,
        database: &str,
        statement: &str,
        parameters: &Map<String, Value>,
    ) -> impl Future<Output = Result<Rows, DataError>> + Send;
}

/// The answer to a statement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// The names of the columns; there even when no row is.
    pub columns: Vec<String>,
    /// The rows, each with one value a column.
    pub rows: Vec<Vec<Value>>,
    /// There were more rows than these.
    pub truncated: bool,
}

/// A statement could not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DataError {
    /// What kind of failure it is.
    pub code: Code,
    /// One sentence, fit for whoever asked.
    pub message: String,
}

impl DataError {
    /// A failure with its sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        DataError {
            code,
            message: message.into(),
        }
    }

    /// Whether the data are not there for this caller, now and later: nothing that trying again would help.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self.code, Code::Denied | Code::NotFound | Code::InvalidInput)
    }
}
