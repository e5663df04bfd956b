//! One request and its answer, without redirects. The seam between what to send and how.

use fact_sdk::ToolError;
use http::{HeaderMap, Method, StatusCode};
use std::time::Duration;
use url::Url;

/// A request, complete.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// None: there is no body, which differs from an empty one.
    pub(crate) body: Option<Vec<u8>>,
    /// For connecting, for the first byte and between two bytes, each.
    pub(crate) timeout: Duration,
}

/// The beginning of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// The bytes of an answer, as many as were wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Bytes {
    pub(crate) data: Vec<u8>,
    /// There were more.
    pub(crate) truncated: bool,
}

/// What carries requests.
pub(crate) trait Transport {
    /// What is left of an answer once its head is there.
    type Body;

    /// Sends a request and waits for the head of the answer.
    fn send(&self, request: &Outgoing) -> Result<(Head, Self::Body), Failure>;

    /// Reads at most `max` bytes of the answer.
    fn read(&self, body: Self::Body, max: usize) -> Result<Bytes, Failure>;
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(any(test, target_family = "wasm")),
    expect(dead_code, reason = "only a component has a network to fail")
)]
pub(crate) enum Failure {
    /// The host refused.
    Denied,
    /// The name does not resolve.
    Name,
    /// No connection, or it broke.
    Connection,
    /// It took too long.
    Timeout,
    /// The two could not agree on TLS.
    Tls,
    /// What was to be sent is no request.
    Malformed,
    /// The answer is larger than the host lets through.
    TooLarge,
    /// What came is no answer.
    Protocol,
    /// Anything else.
    Other,
}

impl Failure {
    /// A few words.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Failure::Denied => "the request is not allowed",
            Failure::Name => "the name does not resolve",
            Failure::Connection => "the server can't be reached",
            Failure::Timeout => "the server took too long",
            Failure::Tls => "there is no secure connection to be had",
            Failure::Malformed => "the request can't be sent as it is",
            Failure::TooLarge => "the answer is larger than allowed",
            Failure::Protocol => "the server's answer is not HTTP",
            Failure::Other => "the request failed",
        }
    }

    /// The error of a tool whose request to `url` failed.
    pub(crate) fn into_error(self, method: &Method, url: &Url) -> ToolError {
        let origin = url.origin().ascii_serialization();
        let message = format!("{origin}: {}", self.reason());
        match self {
            Failure::Denied => ToolError::denied(format!(
                "{message}; it needs a grant such as http:{method}:{origin}/*, with +private at the end where the \
                 address is not public"
            )),
            Failure::Malformed => ToolError::invalid_input(message),
            Failure::Other => ToolError::internal(message),
            Failure::Name
            | Failure::Connection
            | Failure::Timeout
            | Failure::Tls
            | Failure::TooLarge
            | Failure::Protocol => ToolError::unavailable(message),
        }
    }
}

/// The transport of this build.
#[cfg(target_family = "wasm")]
pub(crate) fn real() -> impl Transport {
    crate::wasi::Wasi
}

/// The transport of this build: outside a component there is none.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn real() -> impl Transport {
    Nowhere
}

#[cfg(not(target_family = "wasm"))]
struct Nowhere;

#[cfg(not(target_family = "wasm"))]
impl Transport for Nowhere {
    type Body = std::convert::Infallible;

    fn send(&self, _: &Outgoing) -> Result<(Head, Self::Body), Failure> {
        Err(Failure::Connection)
    }

    fn read(&self, body: Self::Body, _: usize) -> Result<Bytes, Failure> {
        match body {}
    }
}
