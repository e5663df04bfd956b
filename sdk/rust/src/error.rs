//! Failures as values.

use crate::bindings::fact::plugin::types as wit;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// What went wrong, so that a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The arguments are wrong; calling again with the same ones will fail again.
    InvalidInput,
    /// The act is not allowed. Distinct from `NotFound`: the thing may well exist.
    Denied,
    /// The thing does not exist, or does not exist for this plugin.
    NotFound,
    /// Not now; trying later may work.
    Unavailable,
    /// Anything else.
    Internal,
}

impl ErrorCode {
    /// The code as callers see it.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::InvalidInput => "invalid-input",
            ErrorCode::Denied => "denied",
            ErrorCode::NotFound => "not-found",
            ErrorCode::Unavailable => "unavailable",
            ErrorCode::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a tool failed.
///
/// The message is one sentence, fit for anyone: no secrets, no dumps. `?` turns errors of `serde_json` and `std::io`
/// into one; for all others, say which code fits:
///
/// ```
/// use fact_sdk::ToolError;
///
/// fn port(text: &str) -> Result<u16, ToolError> {
///     text.parse().map_err(|e| ToolError::invalid_input(format!("`{text}` is no port: {e}")))
/// }
/// assert_eq!(port("x").unwrap_err().to_string(), "invalid-input: `x` is no port: invalid digit found in string");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ToolError {
    code: ErrorCode,
    message: String,
    retry_after: Option<Duration>,
    details: Option<Value>,
}

impl ToolError {
    /// An error of the given code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        ToolError {
            code,
            message: message.into(),
            retry_after: None,
            details: None,
        }
    }

    /// The arguments are wrong. Say what would be right.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidInput, message)
    }

    /// The plugin was refused something that it needs.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Denied, message)
    }

    /// The thing asked for does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// Something that the tool depends on does not answer; see [`retry_after`](Self::retry_after).
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unavailable, message)
    }

    /// Anything else.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
    }

    /// Adds when trying again makes sense. Rounded up to milliseconds; at most 49 days.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds details for a program to read. Anything but an object is put under the key `details`.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = Some(match details {
            object @ Value::Object(_) => object,
            other => serde_json::json!({ "details": other }),
        });
        self
    }

    /// What kind of failure this is.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details, an object.
    pub fn get_details(&self) -> Option<&Value> {
        self.details.as_ref()
    }

    /// When trying again makes sense.
    pub fn get_retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    pub(crate) fn into_wit(self) -> wit::Error {
        wit::Error {
            code: match self.code {
                ErrorCode::InvalidInput => wit::ErrorCode::InvalidInput,
                ErrorCode::Denied => wit::ErrorCode::Denied,
                ErrorCode::NotFound => wit::ErrorCode::NotFound,
                ErrorCode::Unavailable => wit::ErrorCode::Unavailable,
                ErrorCode::Internal => wit::ErrorCode::Internal,
            },
            message: self.message,
            retry_after_ms: self
                .retry_after
                .map(|d| u32::try_from(d.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)),
            details: self.details.map(|d| d.to_string()),
        }
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ToolError {}

/// An error that the host answered an import with.
impl From<wit::Error> for ToolError {
    fn from(e: wit::Error) -> Self {
        ToolError {
            code: match e.code {
                wit::ErrorCode::InvalidInput => ErrorCode::InvalidInput,
                wit::ErrorCode::Denied => ErrorCode::Denied,
                wit::ErrorCode::NotFound => ErrorCode::NotFound,
                wit::ErrorCode::Unavailable => ErrorCode::Unavailable,
                wit::ErrorCode::Internal => ErrorCode::Internal,
            },
            message: e.message,
            retry_after: e.retry_after_ms.map(|ms| Duration::from_millis(ms.into())),
            // Details that are no JSON say nothing to a program.
            details: e.details.and_then(|d| serde_json::from_str(&d).ok()),
        }
    }
}

/// `invalid-input`, for JSON that does not parse or does not fit; `internal` where reading or writing failed.
impl From<serde_json::Error> for ToolError {
    fn from(e: serde_json::Error) -> Self {
        use serde_json::error::Category;
        match e.classify() {
            Category::Syntax | Category::Data | Category::Eof => ToolError::invalid_input(e.to_string()),
            Category::Io => ToolError::internal(e.to_string()),
        }
    }
}

/// `denied` and `not-found` for the kinds of that name, else `internal`.
impl From<std::io::Error> for ToolError {
    fn from(e: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let code = match e.kind() {
            ErrorKind::PermissionDenied => ErrorCode::Denied,
            ErrorKind::NotFound => ErrorCode::NotFound,
            _ => ErrorCode::Internal,
        };
        ToolError::new(code, e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn conversions_keep_the_meaning() {
        #[track_caller]
        fn check(error: impl Into<ToolError>, code: ErrorCode) {
            assert_eq!(error.into().code(), code);
        }
        check(
            io::Error::from(io::ErrorKind::PermissionDenied),
            ErrorCode::Denied,
        );
        check(io::Error::from(io::ErrorKind::NotFound), ErrorCode::NotFound);
        check(io::Error::other("disk"), ErrorCode::Internal);
        check(
            serde_json::from_str::<u8>("{").unwrap_err(),
            ErrorCode::InvalidInput,
        );
        check(
            serde_json::from_str::<u8>("300").unwrap_err(),
            ErrorCode::InvalidInput,
        );
    }

    #[test]
    fn it_survives_the_way_through_the_host() {
        for code in [
            ErrorCode::InvalidInput,
            ErrorCode::Denied,
            ErrorCode::NotFound,
            ErrorCode::Unavailable,
            ErrorCode::Internal,
        ] {
            let error = ToolError::new(code, "m")
                .retry_after(Duration::from_millis(1500))
                .details(serde_json::json!({"a": 1}));
            assert_eq!(ToolError::from(error.clone().into_wit()), error);
        }
        let long = ToolError::unavailable("m").retry_after(Duration::MAX);
        assert_eq!(long.into_wit().retry_after_ms, Some(u32::MAX));
        let short = ToolError::unavailable("m").retry_after(Duration::from_nanos(1));
        assert_eq!(short.into_wit().retry_after_ms, Some(1));
    }

    #[test]
    fn details_are_always_an_object() {
        let error = ToolError::internal("m").details(serde_json::json!([1]));
        assert_eq!(error.get_details(), Some(&serde_json::json!({"details": [1]})));
    }
}
