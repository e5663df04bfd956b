//! The one error of the call path: what a caller, a model or a client may read.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

use crate::CallId;

/// What went wrong, for machines. The text form is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The arguments are wrong.
    InvalidInput,
    /// The act is not allowed.
    Denied,
    /// The tool, the plugin or the thing asked for does not exist.
    NotFound,
    /// Something is in the way of a change: a name that is taken, a state that forbids it.
    Conflict,
    /// Not now; trying later may work.
    Unavailable,
    /// The tool ran and reports a failure of its own.
    ToolFailed,
    /// The call took longer than its deadline.
    Deadline,
    /// The component wanted more memory or larger tables than its limit.
    Memory,
    /// The component trapped: a bug of the plugin, never of the caller.
    Crashed,
    /// The answer is larger than the output limit.
    OutputLimit,
    /// The call logged more than its limit.
    LogLimit,
    /// The call made more calls to the host, or moved more data with one, than its limit.
    CallLimit,
    /// The call used up its fuel.
    Fuel,
    /// The tool declares that it only reads, and tried to change something; it was stopped before it did.
    EffectViolation,
    /// The caller or the host's shutdown ended the call.
    Cancelled,
    /// The component is not one that this host can load.
    BadComponent,
    /// The configuration is wrong.
    Config,
    /// A fault of the host.
    Internal,
}

impl Code {
    /// Every code, in the order of the documentation.
    pub const ALL: &[Code] = &[
        Code::InvalidInput,
        Code::Denied,
        Code::NotFound,
        Code::Conflict,
        Code::Unavailable,
        Code::ToolFailed,
        Code::Deadline,
        Code::Memory,
        Code::Crashed,
        Code::OutputLimit,
        Code::LogLimit,
        Code::CallLimit,
        Code::Fuel,
        Code::EffectViolation,
        Code::Cancelled,
        Code::BadComponent,
        Code::Config,
        Code::Internal,
    ];

    /// The stable text of the code.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::InvalidInput => "invalid-input",
            Code::Denied => "denied",
            Code::NotFound => "not-found",
            Code::Conflict => "conflict",
            Code::Unavailable => "unavailable",
            Code::ToolFailed => "tool-failed",
            Code::Deadline => "deadline",
            Code::Memory => "memory",
            Code::Crashed => "crashed",
            Code::OutputLimit => "output-limit",
            Code::LogLimit => "log-limit",
            Code::CallLimit => "call-limit",
            Code::Fuel => "fuel",
            Code::EffectViolation => "effect-violation",
            Code::Cancelled => "cancelled",
            Code::BadComponent => "bad-component",
            Code::Config => "config",
            Code::Internal => "internal",
        }
    }

    /// The family of the code, by which doors choose a status.
    pub fn category(self) -> Category {
        match self {
            Code::InvalidInput | Code::Conflict | Code::BadComponent | Code::Config => Category::Usage,
            Code::Denied => Category::Denied,
            Code::NotFound => Category::NotFound,
            Code::Unavailable | Code::Deadline | Code::Cancelled => Category::Unavailable,
            Code::ToolFailed
            | Code::Memory
            | Code::Crashed
            | Code::OutputLimit
            | Code::LogLimit
            | Code::CallLimit
            | Code::Fuel
            | Code::EffectViolation
            | Code::Internal => Category::Failed,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Families of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// The tool failed.
    Failed,
    /// The caller asked for something that makes no sense.
    Usage,
    /// Not allowed.
    Denied,
    /// No such thing.
    NotFound,
    /// Not now, or not in time.
    Unavailable,
}

impl Category {
    /// The exit code of the command line.
    pub fn exit_code(self) -> u8 {
        match self {
            Category::Failed => 1,
            Category::Usage => 2,
            Category::Denied => 3,
            Category::NotFound => 4,
            Category::Unavailable => 5,
        }
    }
}

/// A failure as any caller may see it. `message` is one or two sentences without secrets, paths or internals; what a
/// maintainer needs goes to the log under the call's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What went wrong, for machines.
    pub code: Code,
    /// What went wrong, for people, and what to do about it.
    pub message: String,
    /// The call that failed, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<CallId>,
    /// With `unavailable`: when trying again makes sense, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// More, as JSON: a tool's own details, or the places where arguments do not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
}

impl Error {
    /// An error with a code and a sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error {
            code,
            message: message.into(),
            call_id: None,
            retry_after_ms: None,
            details: None,
        }
    }

    /// A fault of the host. Callers learn no more than that; log the cause before.
    pub fn internal() -> Self {
        Error::new(Code::Internal, "The host failed; its log says why.")
    }

    /// The same error with the call it belongs to.
    #[must_use]
    pub fn with_call(mut self, id: CallId) -> Self {
        self.call_id = Some(id);
        self
    }

    /// The same error with details.
    #[must_use]
    pub fn with_details(mut self, details: serde_json::Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The same error with the time after which trying again makes sense.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The family of the code.
    pub fn category(&self) -> Category {
        self.code.category()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_text() {
        for code in Code::ALL {
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(json, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<Code>(&json).unwrap(), *code);
        }
    }
}
