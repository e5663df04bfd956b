//! Why a model call has no reply.

use fact_egress::{EgressError, Part, Phase};
use fact_types::{Code, Error};
use std::time::Duration;

use crate::usage::Usage;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Too many requests or tokens in too short a time.
    RateLimited,
    /// The provider is overloaded.
    Overloaded,
    /// The provider failed, with this status.
    Server(u16),
    /// No connection, or one that ended before the reply did.
    Connection,
    /// The reply did not begin, or did not go on, in time.
    Timeout,
    /// The provider does not take the key.
    Key,
    /// The provider does not know the model or the address.
    NoModel,
    /// The account has no credit.
    Credit,
    /// The request is too large.
    TooLarge,
    /// The provider refuses the request, with this status.
    Rejected(u16),
    /// The reply is none that the provider's protocol has.
    Malformed,
    /// The host's own rules forbid the connection.
    Denied,
}

/// A model call without a reply.
#[derive(Debug, Clone, PartialEq)]
pub struct CallError {
    /// What went wrong.
    pub fault: Fault,
    /// What the provider said about it: one bounded line without the key. Only where that helps.
    pub said: Option<String>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// Some of the reply had come: whoever watches has seen it.
    pub begun: bool,
    /// What was used all the same, as far as it was told.
    pub usage: Option<Usage>,
}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        CallError {
            fault,
            said: None,
            retry_after: None,
            begun: false,
            usage: None,
        }
    }
}

impl From<EgressError> for CallError {
    fn from(error: EgressError) -> Self {
        CallError::from(match error {
            EgressError::Denied { .. } | EgressError::InvalidUrl(_) => Fault::Denied,
            EgressError::Timeout {
                which: Phase::Dns | Phase::Connect,
            } => Fault::Connection,
            EgressError::Timeout { .. } => Fault::Timeout,
            EgressError::TooLarge {
                what: Part::RequestBody,
                ..
            } => Fault::TooLarge,
            EgressError::TooLarge { .. } => Fault::Malformed,
            _ => Fault::Connection,
        })
    }
}

impl Fault {
    /// What a status of 400 and above means.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Fault::Key,
            402 => Fault::Credit,
            404 => Fault::NoModel,
            413 => Fault::TooLarge,
            429 => Fault::RateLimited,
            529 => Fault::Overloaded,
            500.. => Fault::Server(status),
            _ => Fault::Rejected(status),
        }
    }
}

impl CallError {
    /// Whether the same request may succeed a little later. Once some of the reply has come it may not be asked again: it
    /// was shown, and it was paid for.
    pub fn may_retry(&self) -> bool {
        !self.begun
            && matches!(
                self.fault,
                Fault::RateLimited
                    | Fault::Overloaded
                    | Fault::Connection
                    | Fault::Server(500 | 502 | 503 | 504)
            )
    }

    /// The failure as callers see it.
    pub(crate) fn to_error(&self, provider: &str, model: &str) -> Error {
        let (code, sentence) = match self.fault {
            Fault::RateLimited => (
                Code::Unavailable,
                "allows no further requests for now; try again later".to_owned(),
            ),
            Fault::Overloaded => (Code::Unavailable, "is overloaded; try again later".to_owned()),
            Fault::Server(status) => (
                Code::Unavailable,
                format!("failed with status {status}; try again later"),
            ),
            Fault::Connection if self.begun => (
                Code::Unavailable,
                "broke off in the middle of its answer; ask again".to_owned(),
            ),
            Fault::Connection => (
                Code::Unavailable,
                "can't be reached; check the network and the base URL".to_owned(),
            ),
            Fault::Timeout => (
                Code::Deadline,
                "did not answer in time; try again, or allow it more time".to_owned(),
            ),
            Fault::Key => (
                Code::Config,
                "does not accept the API key; check that it is set, valid and allowed to use the model"
                    .to_owned(),
            ),
            Fault::NoModel => (
                Code::Config,
                format!("has no model `{model}` at this address; check the model's name and the base URL"),
            ),
            Fault::Credit => (
                Code::Unavailable,
                "wants payment before it answers; check the account's credit".to_owned(),
            ),
            Fault::TooLarge => (
                Code::InvalidInput,
                "does not take so large a request; ask for less, or start a new conversation".to_owned(),
            ),
            Fault::Rejected(status) => (
                Code::InvalidInput,
                format!("refuses the request with status {status}"),
            ),
            Fault::Malformed => (
                Code::Unavailable,
                "sent an answer that makes no sense; check that the base URL is an API of its kind"
                    .to_owned(),
            ),
            Fault::Denied => (
                Code::Config,
                "is at an address that the host does not connect to; check the base URL".to_owned(),
            ),
        };
        let mut message = format!("The model provider `{provider}` {sentence}.");
        if let Some(said) = &self.said {
            message.push_str(&format!(" It says: {said}"));
        }
        let mut error = Error::new(code, message);
        if code == Code::Unavailable
            && let Some(after) = self.retry_after
        {
            error = error.with_retry_after(after);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (status, fault, retried) in [
            (400, Fault::Rejected(400), false),
            (401, Fault::Key, false),
            (402, Fault::Credit, false),
            (403, Fault::Key, false),
            (404, Fault::NoModel, false),
            (413, Fault::TooLarge, false),
            (429, Fault::RateLimited, true),
            (500, Fault::Server(500), true),
            (501, Fault::Server(501), false),
            (502, Fault::Server(502), true),
            (503, Fault::Server(503), true),
            (504, Fault::Server(504), true),
            (529, Fault::Overloaded, true),
        ] {
            assert_eq!(Fault::of_status(status), fault);
            let mut error = CallError::from(fault);
            assert_eq!(error.may_retry(), retried, "{status}");
            error.begun = true;
            assert!(!error.may_retry(), "{status}");
        }
    }
}
