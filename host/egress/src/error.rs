//! What can go wrong on the way out, in words that a guest may read.
//!
//! No text here holds an address that the guest did not name itself, a certificate's names or a system's own message:
//! those go to the log, at level debug.

use std::fmt;

use crate::Refusal;

/// Why a request has no answer, or why an answer's body ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EgressError {
    /// The request is not allowed. Nothing left the host, except the question for the name's address where the reason is
    /// [`Reason::Address`].
    #[error("`{what}` is not allowed: {why}")]
    Denied {
        /// Method and URL, without the query; or host and port.
        what: String,
        /// Why.
        why: Reason,
    },
    /// The URL is none that this host sends requests to.
    #[error("the URL is not usable: {0}")]
    InvalidUrl(&'static str),
    /// The host's name has no address.
    #[error("the host's name could not be resolved")]
    Dns,
    /// No connection.
    #[error("no connection: {0}")]
    Connect(ConnectFailure),
    /// A connection, but not a safe one.
    #[error("no secure connection: {0}")]
    Tls(TlsFailure),
    /// It took too long.
    #[error("timed out {which}")]
    Timeout {
        /// What took too long.
        which: Phase,
    },
    /// A part of the request or the response is larger than its limit.
    #[error("{what} exceeds {limit}")]
    TooLarge {
        /// The part.
        what: Part,
        /// The limit, in the part's own unit.
        limit: u64,
    },
    /// One of the two sides does not speak HTTP as it should.
    #[error("HTTP: {0}")]
    Protocol(&'static str),
    /// Too many connections are open, and none became free in time.
    #[error("too many connections are open; try again later")]
    Busy,
}

impl EgressError {
    /// Whether the request was refused by permission, so that the effect to note is a denied one.
    pub fn is_denied(&self) -> bool {
        matches!(self, EgressError::Denied { .. })
    }

    /// Whether some of the request may have reached the other side. Where it has not, a `POST` changed nothing.
    pub fn may_have_sent(&self) -> bool {
        match self {
            EgressError::Denied { .. }
            | EgressError::InvalidUrl(_)
            | EgressError::Dns
            | EgressError::Connect(_)
            | EgressError::Tls(_)
            | EgressError::Busy => false,
            EgressError::Timeout { which } => !matches!(which, Phase::Dns | Phase::Connect),
            EgressError::TooLarge { what, .. } => {
                !matches!(what, Part::Url | Part::RequestHeaders | Part::RequestHeaderCount)
            }
            EgressError::Protocol(_) => true,
        }
    }
}

/// Why a request is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A method that no grant can name.
    Method,
    /// No grant covers it.
    NotGranted,
    /// A grant covers the name, but not an address that it stands for.
    Address(Refusal),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Method => f.write_str("the method is none that can be granted"),
            Reason::NotGranted => f.write_str("no grant covers it"),
            Reason::Address(refusal) => refusal.fmt(f),
        }
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectFailure {
    /// Nobody listens.
    Refused,
    /// There is no way there.
    Unreachable,
    /// The other side closed it at once.
    Reset,
    /// Something else, which the log names.
    Other,
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConnectFailure::Refused => "it was refused",
            ConnectFailure::Unreachable => "the host is unreachable",
            ConnectFailure::Reset => "the other side closed it",
            ConnectFailure::Other => "it failed",
        })
    }
}

/// Why a connection is not safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFailure {
    /// The certificate is out of date, for another host, or from nobody who is trusted here.
    Certificate,
    /// The two sides found no common ground.
    Handshake,
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsFailure::Certificate => "the certificate is not valid for this host",
            TlsFailure::Handshake => "the handshake failed",
        })
    }
}

/// What took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Resolving the name.
    Dns,
    /// Connecting, the TLS handshake included.
    Connect,
    /// Sending the request and waiting for the response's head.
    FirstByte,
    /// Waiting for the next piece of the response's body.
    BetweenBytes,
    /// All of it together, the body included.
    Total,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Dns => "resolving the host's name",
            Phase::Connect => "connecting",
            Phase::FirstByte => "waiting for the response to begin",
            Phase::BetweenBytes => "waiting for more of the response",
            Phase::Total => "with the response unfinished",
        })
    }
}

/// A part of a request or a response that has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The URL, in bytes.
    Url,
    /// The request's headers, in bytes.
    RequestHeaders,
    /// The request's headers, by number.
    RequestHeaderCount,
    /// The request's body, in bytes.
    RequestBody,
    /// The response's headers or trailers, in bytes; also reported for too many of them, as the parser does not tell.
    ResponseHeaders,
    /// The response's body, in bytes.
    ResponseBody,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Url => "the URL, in bytes,",
            Part::RequestHeaders => "the size of the request's headers, in bytes,",
            Part::RequestHeaderCount => "the number of the request's headers",
            Part::RequestBody => "the request's body, in bytes,",
            Part::ResponseHeaders => "the size of the response's headers, in bytes,",
            Part::ResponseBody => "the response's body, in bytes,",
        })
    }
}
