//! The one path that every request takes. The crate's documentation gives the order of its steps.

use bytes::Bytes;
use fact_types::capability::{HostPattern, HttpGrant, NetGrant};
use fact_types::check_address;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::Host;

use crate::BoxError;
use crate::body::{Connection, Fault, Limited, RequestBody, ResponseBody, headers_too_large};
use crate::config::{EgressConfig, SetupError, Timeouts};
use crate::connect::{self, Stream};
use crate::error::{EgressError, Phase, Reason};
use crate::headers;
use crate::slots::{Slot, Slots};
use crate::target::{Target, parse_host};

/// Most addresses of one name to which a connection is tried. All of an answer are checked; more than this many that do not
/// answer are a host that is down.
const MAX_ADDRESSES: usize = 16;

/// The way out. Cheap to clone: clones share their limits.
#[derive(Clone)]
pub struct Egress {
    config: Arc<EgressConfig>,
    tls: TlsConnector,
    user_agent: HeaderValue,
    slots: Slots,
}

/// What the grants that cover a request say about addresses.
#[derive(Debug, Clone, Copy, Default)]
struct Rights {
    private: bool,
    named: Option<IpAddr>,
}

impl Rights {
    fn add(&mut self, private: bool, host: &HostPattern) {
        self.private |= private;
        if let (true, HostPattern::Ip(ip)) = (private, host) {
            self.named = Some(*ip);
        }
    }
}

impl Egress {
    /// A way out with these bounds.
    ///
    /// # Errors
    /// Where a bound is out of its range, or a certificate or the agent's name is not usable.
    pub fn new(config: EgressConfig) -> Result<Self, SetupError> {
        check_limits(&config)?;
        Ok(Egress {
            tls: connect::tls(&config.extra_root_certificates)?,
            user_agent: HeaderValue::from_str(&config.user_agent).map_err(|_| SetupError::UserAgent)?,
            slots: Slots::new(config.max_connections, config.max_connections_per_host),
            config: Arc::new(config),
        })
    }

    /// Sends a request that a guest made, if `grants` cover it. The URI is absolute.
    ///
    /// Must be called within a tokio runtime with time and I/O. Dropping the future, or later the response's body, closes the
    /// connection.
    ///
    /// # Errors
    /// See [`EgressError`]. After an error while the head is awaited the request may have been carried out all the same:
    /// [`EgressError::may_have_sent`] tells.
    pub async fn send<B>(
        &self,
        grants: &[HttpGrant],
        request: Request<B>,
        timeouts: Timeouts,
    ) -> Result<Response<ResponseBody>, EgressError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let timeouts = timeouts.within(&self.config);
        let start = Instant::now();
        let deadline = start + self.config.request_timeout_max;
        let connect_by = start + timeouts.connect;

        let (parts, body) = request.into_parts();
        let target = Target::new(&parts.method, &parts.uri)?;
        let rights = authorise(grants, &target)?;
        let outgoing = headers::outgoing(&target, parts.headers, &self.config, &self.user_agent)?;
        let (body, fault) = RequestBody::new(body, outgoing.length, self.config.max_request_body)?;

        // A fresh request, so that nothing of the guest's crosses but what was looked at above.
        let mut request = Request::new(body);
        *request.method_mut() = target.method().clone();
        *request.uri_mut() = target.request_line()?;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = outgoing.headers;

        let slot = self.slots.acquire(target.host().to_string(), target.port());
        let slot = timeout_at(connect_by, slot)
            .await
            .ok()
            .flatten()
            .ok_or(EgressError::Busy)?;
        let addresses = self
            .addresses(target.host(), rights, connect_by)
            .await?
            .map_err(|reason| target.denied(reason))?;
        let stream = connect::tcp(&addresses, target.port(), connect_by).await?;
        let stream: Box<dyn Stream> = if target.is_https() {
            connect::secure(&self.tls, target.host(), stream, connect_by).await?
        } else {
            Box::new(stream)
        };
        let first_byte_by = deadline.min(Instant::now() + timeouts.first_byte);
        let (response, connection) = self
            .exchange(stream, slot, request, &fault, first_byte_by, deadline)
            .await?;
        let (mut parts, body) = response.into_parts();
        headers::incoming(&mut parts.headers);
        parts.extensions.clear();
        let config = Arc::clone(&self.config);
        let body = Limited::new(body, connection, config, timeouts.between_bytes)?;
        Ok(Response::from_parts(parts, body.boxed()))
    }

    /// The addresses of a host to which a plugin may connect below HTTP, by `net:tcp` grants. `port` is `None` where it is
    /// not known yet: then whoever connects asks [`check_address`] again, with the grant for that port.
    ///
    /// # Errors
    /// [`EgressError::Denied`], [`EgressError::InvalidUrl`] for a host that is none, [`EgressError::Dns`], or
    /// [`EgressError::Timeout`] after `within`, cut to [`EgressConfig::connect_timeout`].
    pub async fn resolve_for_net(
        &self,
        grants: &[NetGrant],
        host: &str,
        port: Option<u16>,
        within: Duration,
    ) -> Result<Vec<IpAddr>, EgressError> {
        let host = parse_host(host)?;
        let rights = net_rights(grants, &host, port)?;
        let by = Instant::now() + within.min(self.config.connect_timeout);
        self.addresses(&host, rights, by)
            .await?
            .map_err(|why| net_denied(&host, port, why))
    }

    /// Where a host is, if all of it may be reached.
    async fn addresses(
        &self,
        host: &Host<String>,
        rights: Rights,
        by: Instant,
    ) -> Result<Result<Vec<IpAddr>, Reason>, EgressError> {
        let mut addresses = match host {
            Host::Ipv4(ip) => vec![IpAddr::V4(*ip)],
            Host::Ipv6(ip) => vec![IpAddr::V6(*ip)],
            Host::Domain(name) => match timeout_at(by, self.config.resolver.resolve(name)).await {
                Ok(Ok(addresses)) => addresses,
                Ok(Err(error)) => {
                    tracing::debug!(host = name, %error, "no address");
                    return Err(EgressError::Dns);
                }
                Err(_) => return Err(EgressError::Timeout { which: Phase::Dns }),
            },
        };
        for ip in &addresses {
            if let Err(refusal) = check_address(*ip, rights.private, rights.named) {
                tracing::debug!(%host, %ip, ?refusal, "refused an address");
                return Ok(Err(Reason::Address(refusal)));
            }
        }
        if addresses.is_empty() {
            return Err(EgressError::Dns);
        }
        addresses.truncate(MAX_ADDRESSES);
        Ok(Ok(addresses))
    }

    /// Sends the request and waits for the response's head.
    async fn exchange(
        &self,
        stream: Box<dyn Stream>,
        slot: Slot,
        request: Request<RequestBody>,
        fault: &Fault,
        first_byte_by: Instant,
        deadline: Instant,
    ) -> Result<(Response<hyper::body::Incoming>, Connection), EgressError> {
        let explain = |error: hyper::Error| {
            tracing::debug!(%error, "a request failed");
            match fault.get() {
                Some(fault) => fault.clone(),
                None if error.is_parse_too_large() => headers_too_large(&self.config),
                None if error.is_parse() => EgressError::Protocol("the response is malformed"),
                None => EgressError::Protocol("the connection ended before the response"),
            }
        };
        let (mut sender, connection) = http1::Builder::new()
            .max_headers(self.config.max_header_count)
            .max_header_size(self.config.max_header_bytes)
            // Room for a head of the largest size, whose limit is what then speaks.
            .max_buf_size(self.config.max_header_bytes.saturating_add(MIN_BUFFER))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(explain)?;
        let connection = Connection::drive(connection, slot, deadline);
        let response = timeout_at(first_byte_by, sender.send_request(request))
            .await
            .map_err(|_| EgressError::Timeout {
                which: if first_byte_by == deadline {
                    Phase::Total
                } else {
                    Phase::FirstByte
                },
            })?
            .map_err(explain)?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(EgressError::Protocol("the server switched to another protocol"));
        }
        Ok((response, connection))
    }
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// The smallest buffer with which the HTTP library works.
const MIN_BUFFER: usize = 8 << 10;

fn check_limits(config: &EgressConfig) -> Result<(), SetupError> {
    let most_connections = tokio::sync::Semaphore::MAX_PERMITS;
    for (name, value, most) in [
        ("max_header_count", config.max_header_count, 10_000),
        ("max_header_bytes", config.max_header_bytes, 16 << 20),
        ("max_connections", config.max_connections, most_connections),
        (
            "max_connections_per_host",
            config.max_connections_per_host,
            most_connections,
        ),
    ] {
        if value == 0 || value > most {
            return Err(SetupError::Limit {
                name,
                least: 1,
                most: most as u64,
            });
        }
    }
    // Instants have an end.
    let day = Duration::from_secs(24 * 60 * 60);
    for (name, value) in [
        ("connect_timeout", config.connect_timeout),
        ("request_timeout_max", config.request_timeout_max),
    ] {
        if value.is_zero() || value > day {
            return Err(SetupError::Limit {
                name,
                least: 1,
                most: day.as_secs(),
            });
        }
    }
    Ok(())
}

fn authorise(grants: &[HttpGrant], target: &Target) -> Result<Rights, EgressError> {
    let method = target.method().as_str();
    let mut covering = grants
        .iter()
        .filter(|grant| grant.allows(method, target.url()))
        .peekable();
    if covering.peek().is_none() {
        return Err(target.denied(Reason::NotGranted));
    }
    let mut rights = Rights::default();
    covering.for_each(|grant| rights.add(grant.private, &grant.url.host));
    Ok(rights)
}

/// What the grants for a host and port allow.
fn net_rights(grants: &[NetGrant], host: &Host<String>, port: Option<u16>) -> Result<Rights, EgressError> {
    let borrowed = match host {
        Host::Domain(name) => Host::Domain(name.as_str()),
        Host::Ipv4(ip) => Host::Ipv4(*ip),
        Host::Ipv6(ip) => Host::Ipv6(*ip),
    };
    let mut rights = None;
    for grant in grants {
        if grant.host.matches(&borrowed) && port.is_none_or(|port| port == grant.port) {
            rights
                .get_or_insert_with(Rights::default)
                .add(grant.private, &grant.host);
        }
    }
    rights.ok_or_else(|| net_denied(host, port, Reason::NotGranted))
}

fn net_denied(host: &Host<String>, port: Option<u16>, why: Reason) -> EgressError {
    EgressError::Denied {
        what: port.map_or_else(|| format!("tcp {host}"), |port| format!("tcp {host}:{port}")),
        why,
    }
}
