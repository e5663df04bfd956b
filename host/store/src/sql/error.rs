//! Why a statement was refused or failed, in words fit for anyone.

use super::Touched;
use rusqlite::ErrorCode;
use std::fmt;

/// What kind of failure it is; the contract with plugins has the same five.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SqlErrorKind {
    /// The statement or its parameters are wrong.
    InvalidInput,
    /// The statement does what was not granted.
    Denied,
    /// No database of that name, as far as the plugin may know.
    NotFound,
    /// Too long, too large, or the database is busy.
    Unavailable,
    /// Anything else.
    Internal,
}

impl SqlErrorKind {
    /// The stable text of the kind, as in the contract with plugins.
    pub fn as_str(self) -> &'static str {
        match self {
            SqlErrorKind::InvalidInput => "invalid-input",
            SqlErrorKind::Denied => "denied",
            SqlErrorKind::NotFound => "not-found",
            SqlErrorKind::Unavailable => "unavailable",
            SqlErrorKind::Internal => "internal",
        }
    }
}

/// A refusal or failure. Holds no paths and nothing of other databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// What kind it is.
    pub kind: SqlErrorKind,
    /// One sentence.
    pub message: String,
    /// With [`SqlErrorKind::Denied`]: the table or function that was refused, where there is one.
    pub denied: Option<String>,
    /// What the statement had touched when it failed while running; empty when it was refused before. What a failed
    /// statement wrote was rolled back.
    pub touched: Box<Touched>,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SqlError {}

/// Longest message: SQLite repeats pieces of the statement in its own.
const MESSAGE_CHARS: usize = 300;

impl SqlError {
    pub(super) fn new(kind: SqlErrorKind, message: impl Into<String>) -> Self {
        let mut message: String = message.into();
        if let Some((at, _)) = message.char_indices().nth(MESSAGE_CHARS) {
            message.truncate(at);
            message.push('…');
        }
        SqlError {
            kind,
            message,
            denied: None,
            touched: Box::default(),
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        SqlError::new(SqlErrorKind::InvalidInput, message)
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        SqlError::new(SqlErrorKind::Unavailable, message)
    }

    pub(super) fn denied(thing: Option<String>, message: impl Into<String>) -> Self {
        SqlError {
            denied: thing,
            ..SqlError::new(SqlErrorKind::Denied, message)
        }
    }

    pub(super) fn with(mut self, touched: Touched) -> Self {
        self.touched = Box::new(touched);
        self
    }

    /// The deadline passed or the caller went away.
    pub(super) fn stopped() -> Self {
        SqlError::unavailable("the statement took longer than it may and was stopped")
    }

    pub(super) fn busy() -> Self {
        SqlError::unavailable("the database is busy")
    }
}

/// SQLite's own message is about the statement for these kinds only. Others may name files.
impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        let (code, message) = match error {
            E::SqlInputError { error, msg, .. } => (error.code, Some(msg)),
            E::SqliteFailure(error, message) => (error.code, message),
            other => {
                tracing::error!(error = %other, "unexpected failure of the database library");
                return SqlError::new(
                    SqlErrorKind::Internal,
                    "the database answered in an unexpected way",
                );
            }
        };
        let said = |otherwise: &str| message.clone().unwrap_or_else(|| otherwise.to_owned());
        match code {
            ErrorCode::Unknown => SqlError::invalid(said("the statement is wrong")),
            ErrorCode::ConstraintViolation => SqlError::invalid(said("a constraint forbids it")),
            ErrorCode::TypeMismatch => SqlError::invalid(said("a value has the wrong type")),
            ErrorCode::TooBig => SqlError::invalid("the statement or a value in it is too large"),
            ErrorCode::ParameterOutOfRange => SqlError::invalid("the statement has too many parameters"),
            ErrorCode::AuthorizationForStatementDenied => {
                SqlError::denied(None, "the statement is not allowed")
            }
            ErrorCode::ReadOnly => SqlError::denied(None, "the statement writes"),
            ErrorCode::OperationInterrupted => SqlError::stopped(),
            ErrorCode::OutOfMemory => {
                SqlError::unavailable("the statement needs more memory than it may have")
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => SqlError::busy(),
            ErrorCode::DiskFull => SqlError::unavailable("the database has no room left"),
            code => {
                tracing::error!(?code, message, "database failure");
                SqlError::unavailable("the database can't be used at the moment")
            }
        }
    }
}
