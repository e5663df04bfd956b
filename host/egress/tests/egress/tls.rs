//! Certificates.

use fact_egress::{Egress, EgressConfig, EgressError, TlsFailure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::support::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate for `name`, valid to the end of the year `until`, that says what name it was asked for.
async fn server(ca: &Authority, name: &str, until: i32) -> Server {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(until, 12, 31);
    let key = KeyPair::generate().unwrap();
    let certificate: CertificateDer<'static> = params.signed_by(&key, ca).unwrap().into();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let asked = stream.get_ref().1.server_name().unwrap_or("nobody").to_owned();
            let _ = stream.read(&mut [0; 4096]).await;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{asked}",
                asked.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

#[tokio::test]
async fn certificates() {
    let ca = authority();
    let stranger = authority();
    let good = Ok("a.test");
    let bad = Err(EgressError::Tls(TlsFailure::Certificate));
    for (issuer, name, until, host, expected) in [
        (&ca, "a.test", 2999, "a.test", good.clone()),
        (&ca, "a.test", 2999, "A.test.", good),
        (&ca, "127.0.0.1", 2999, "127.0.0.1", Ok("nobody")),
        (&ca, "a.test", 2999, "127.0.0.1", bad.clone()),
        (&ca, "b.test", 2999, "a.test", bad.clone()),
        (&ca, "a.test", 2001, "a.test", bad.clone()),
        (&stranger, "a.test", 2999, "a.test", bad),
    ] {
        let server = server(issuer, name, until).await;
        let egress = Egress::new(EgressConfig {
            extra_root_certificates: vec![ca.pem().into_bytes()],
            ..config(local_names())
        })
        .unwrap();
        let request = get(format!("https://{host}:{}/", server.port));
        let grants = grants(&["http:GET:https://*:*+private"]);
        let sent = egress.send(&grants, request, Default::default()).await;
        let outcome = match sent {
            Ok(response) => read(response).await,
            Err(error) => Err(error),
        };
        assert_eq!(
            outcome,
            expected.map(Into::into),
            "{name} until {until} for {host}"
        );
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls() {
    let server = Server::answering(OK).await;
    let egress = Egress::new(config(local_names())).unwrap();
    let request = get(format!("https://a.test:{}/", server.port));
    let grants = grants(&["http:GET:https://*:*+private"]);
    let timeouts = fact_egress::Timeouts {
        connect: std::time::Duration::from_millis(500),
        ..Default::default()
    };
    let error = egress.send(&grants, request, timeouts).await.unwrap_err();
    assert!(
        matches!(
            error,
            EgressError::Tls(TlsFailure::Handshake) | EgressError::Timeout { .. }
        ),
        "{error:?}"
    );
    assert!(!error.may_have_sent());
}
