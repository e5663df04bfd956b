//! What bounds a request, and why so much.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Resolve, SystemResolver};

/// How requests are made, and what bounds them.
#[derive(Clone)]
pub struct EgressConfig {
    /// Longest time for a free connection, the name's address, the connection and the TLS handshake together. 10 s: a host
    /// that takes longer is down, and a tool's caller waits 30 s in all.
    pub connect_timeout: Duration,
    /// Longest time for a request from its first step to the last byte of its response's body. 60 s: what the HTTP
    /// connector promises at most. It also ends a server that drips a byte a second for ever.
    pub request_timeout_max: Duration,
    /// Largest request body in bytes. 10 MiB: as large as a tool's output may be.
    pub max_request_body: u64,
    /// Largest response body in bytes. 10 MiB: a guest can't hand out more than that anyway.
    pub max_response_body: u64,
    /// Most headers of a request, and of a response. 100: several times what browsers and servers send.
    pub max_header_count: usize,
    /// Largest size of all header names and values of a request, and of a response's head or trailers, in bytes. 64 KiB:
    /// what large servers accept at most.
    pub max_header_bytes: usize,
    /// Most connections at once. 256: a quarter of the file descriptors that a process commonly has.
    pub max_connections: usize,
    /// Most connections at once to one host and port. 32: enough for any tool, too few to be an attack on that host, and
    /// no single slow host can use up all connections.
    pub max_connections_per_host: usize,
    /// What stands in `User-Agent`, where the guest says nothing.
    pub user_agent: String,
    /// Certificates in PEM form that are trusted besides the public ones, one or more in each item.
    pub extra_root_certificates: Vec<Vec<u8>>,
    /// Who turns names into addresses. The system, outside of tests.
    pub resolver: Arc<dyn Resolve>,
}

impl Default for EgressConfig {
    fn default() -> Self {
        EgressConfig {
            connect_timeout: Duration::from_secs(10),
            request_timeout_max: Duration::from_secs(60),
            max_request_body: 10 << 20,
            max_response_body: 10 << 20,
            max_header_count: 100,
            max_header_bytes: 64 << 10,
            max_connections: 256,
            max_connections_per_host: 32,
            user_agent: "fact/0.1".to_owned(),
            extra_root_certificates: Vec::new(),
            resolver: Arc::new(SystemResolver::default()),
        }
    }
}

impl fmt::Debug for EgressConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EgressConfig")
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout_max", &self.request_timeout_max)
            .field("max_request_body", &self.max_request_body)
            .field("max_response_body", &self.max_response_body)
            .field("max_header_count", &self.max_header_count)
            .field("max_header_bytes", &self.max_header_bytes)
            .field("max_connections", &self.max_connections)
            .field("max_connections_per_host", &self.max_connections_per_host)
            .field("user_agent", &self.user_agent)
            .field("extra_root_certificates", &self.extra_root_certificates.len())
            .finish_non_exhaustive()
    }
}

/// How long one request may take in each of its phases. What is longer than the configuration allows is cut to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection: see [`EgressConfig::connect_timeout`].
    pub connect: Duration,
    /// From there to the end of the response's head, the sending of the request's body included.
    pub first_byte: Duration,
    /// Each wait for a further piece of the response's body. Only waiting counts: a guest may take its time between reads.
    pub between_bytes: Duration,
}

impl Default for Timeouts {
    /// 10 s to connect, then 30 s, as long as a call may take by default.
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            between_bytes: Duration::from_secs(30),
        }
    }
}

impl Timeouts {
    pub(crate) fn within(self, config: &EgressConfig) -> Self {
        Timeouts {
            connect: self
                .connect
                .min(config.connect_timeout)
                .min(config.request_timeout_max),
            first_byte: self.first_byte.min(config.request_timeout_max),
            between_bytes: self.between_bytes.min(config.request_timeout_max),
        }
    }
}

/// Why a configuration is not usable. For whoever wrote it, never for a guest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A limit is out of its range.
    #[error("`{name}` must be from {least} to {most}")]
    Limit {
        /// The setting.
        name: &'static str,
        /// The smallest value.
        least: u64,
        /// The largest value.
        most: u64,
    },
    /// The agent's name can't stand in a header.
    #[error("`user_agent` holds characters that can't stand in a header")]
    UserAgent,
    /// One of the extra certificates, counted from 0, is none.
    #[error("`extra_root_certificates` item {0} holds no certificate that can be trusted")]
    Certificate(usize),
    /// The TLS library has no protocol version to offer.
    #[error("TLS can't be set up")]
    Tls(#[source] rustls::Error),
}
