//! From addresses that were checked to a connection.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::Host;

use crate::config::SetupError;
use crate::error::{ConnectFailure, EgressError, Phase, TlsFailure};

/// A connection, with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The TLS settings of every connection: the public certificate authorities and those that were added.
pub(crate) fn tls(extra: &[Vec<u8>]) -> Result<TlsConnector, SetupError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for (n, pem) in extra.iter().enumerate() {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| SetupError::Certificate(n))?;
            roots.add(certificate).map_err(|_| SetupError::Certificate(n))?;
        }
        if roots.len() == before {
            return Err(SetupError::Certificate(n));
        }
    }
    // Named here and not taken from the process: which one that would be depends on what else is linked.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session would let a server tell that two plugins live on one host, and skip looking at the certificate.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Connects to the first address that answers. Each gets an equal share of the time that is left, so that one that swallows
/// packets leaves time for the next.
pub(crate) async fn tcp(
    addresses: &[IpAddr],
    port: u16,
    deadline: Instant,
) -> Result<TcpStream, EgressError> {
    let mut last = EgressError::Dns;
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for ip in addresses {
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / left.max(1);
        left = left.saturating_sub(1);
        match timeout_at(now + share, TcpStream::connect(SocketAddr::new(*ip, port))).await {
            Ok(Ok(stream)) => {
                // Requests are written in few pieces, and each waits for its answer.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY could not be set");
                }
                return Ok(stream);
            }
            Ok(Err(error)) => {
                tracing::debug!(%ip, port, %error, "no connection");
                last = EgressError::Connect(failure(&error));
            }
            Err(_) => {
                tracing::debug!(%ip, port, "no connection in time");
                last = EgressError::Timeout {
                    which: Phase::Connect,
                };
            }
        }
    }
    Err(last)
}

/// Makes a connection safe: the certificate must be valid for the URL's host.
pub(crate) async fn secure(
    connector: &TlsConnector,
    host: &Host<String>,
    stream: TcpStream,
    deadline: Instant,
) -> Result<Box<dyn Stream>, EgressError> {
    let name = match host {
        Host::Ipv4(ip) => ServerName::from(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => ServerName::from(IpAddr::V6(*ip)),
        Host::Domain(name) => ServerName::try_from(name.clone())
            .map_err(|_| EgressError::InvalidUrl("no certificate can be valid for its host"))?,
    };
    match timeout_at(deadline, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no TLS");
            Err(EgressError::Tls(tls_failure(&error)))
        }
        Err(_) => Err(EgressError::Timeout {
            which: Phase::Connect,
        }),
    }
}

fn failure(error: &io::Error) -> ConnectFailure {
    match error.kind() {
        ErrorKind::ConnectionRefused => ConnectFailure::Refused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => ConnectFailure::Reset,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            ConnectFailure::Unreachable
        }
        _ => ConnectFailure::Other,
    }
}

fn tls_failure(error: &io::Error) -> TlsFailure {
    let inner = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            TlsFailure::Certificate
        }
        _ => TlsFailure::Handshake,
    }
}
