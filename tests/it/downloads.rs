//! Plugins from an address: what is there must be what was asked for, whoever serves it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fact_core::types::{ByteSize, Code, Digest, Error};
use fact_core::{Fate, InstallOptions, Source};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::forge::{Version, name};
use crate::rig::{Rig, folder, run};

/// An https server whose answers are written out, and a host that trusts it.
struct Web {
    rig: Rig,
    port: u16,
    _certificates: tempfile::TempDir,
}

/// Answers by path; PORT stands for the server's port.
type Answers = BTreeMap<&'static str, Vec<u8>>;

impl Web {
    async fn new(answers: Answers) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let names = ["127.0.0.1", "localhost"].map(str::to_owned);
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(names).unwrap().signed_by(&key, &authority);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![own.unwrap().into()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(serve(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            Arc::new(answers),
        ));
        let certificates = folder();
        let file = certificates.path().join("root.pem");
        std::fs::write(&file, authority.pem()).unwrap();
        let rig = Rig::with(|config| {
            config.http.root_certificates.push(file);
            config.install.component_size = ByteSize::mib(1);
        });
        Web {
            rig,
            port,
            _certificates: certificates,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    async fn install(&self, url: String, digest: Digest) -> Result<String, Error> {
        let source = Source::Url { url, digest };
        let registry = self.rig.host.registry();
        let plugin = registry.install(source, InstallOptions::default()).await?;
        Ok(plugin.row.source.clone())
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, answers: Arc<Answers>) {
    let port = listener.local_addr().unwrap().port().to_string();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, answers, port) = (tls.clone(), Arc::clone(&answers), port.clone());
        tokio::spawn(async move {
            let mut stream = tls.accept(stream).await.ok()?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.ok()?);
            }
            let head = String::from_utf8(head).ok()?;
            let path = head.split([' ', '?']).nth(1)?;
            let none = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec();
            let answer = answers.get(path).cloned().unwrap_or(none);
            let answer = match String::from_utf8(answer) {
                Ok(text) => text.replace("PORT", &port).into_bytes(),
                Err(bytes) => bytes.into_bytes(),
            };
            stream.write_all(&answer).await.ok()?;
            stream.shutdown().await.ok()
        });
    }
}

fn whole(bytes: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len()).into_bytes();
    answer.extend(bytes);
    answer
}

fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

#[test]
fn a_plugin_from_an_address() {
    run(async {
        let (one, two) = (Version::new("p", "one"), Version::new("p", "two"));
        let web = Web::new(Answers::from([
            ("/one.wasm", whole(&one.bytes())),
            ("/two.wasm", whole(&two.bytes())),
            ("/latest", redirect("/releases/1")),
            ("/releases/1", redirect("https://127.0.0.1:PORT/one.wasm")),
        ]))
        .await;
        // Through redirects, with a key in the address that is not kept.
        let address = web.url("/latest?token=very-secret");
        let source = web.install(address, one.digest()).await.unwrap();
        assert_eq!(source, web.url("/latest"));
        assert_eq!(web.rig.answer("p_say", json!({})).await, "one");
        let registry = web.rig.host.registry();
        let update = async |url: String, digest: Digest| {
            let source = Source::Url { url, digest };
            let updated = registry.update(&name("p"), source, false).await;
            updated.map(|update| update.fate)
        };
        assert_eq!(
            update(web.url("/one.wasm"), one.digest()).await.unwrap(),
            Fate::Unchanged
        );
        let error = update(web.url("/two.wasm"), one.digest()).await.unwrap_err();
        assert_eq!(error.code, Code::BadComponent);
        assert_eq!(web.rig.answer("p_say", json!({})).await, "one");
        assert_eq!(
            update(web.url("/two.wasm"), two.digest()).await.unwrap(),
            Fate::Live
        );
        assert_eq!(web.rig.answer("p_say", json!({})).await, "two");
    });
}

#[test]
fn what_is_not_what_was_asked_for_is_not_installed() {
    run(async {
        let one = Version::new("p", "one");
        let bytes = one.bytes();
        let mut cut = whole(&bytes);
        cut.truncate(cut.len() - 10);
        let mebibytes = vec![0; (1 << 20) + 1];
        let mut endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        endless.extend(&mebibytes);
        let web = Web::new(Answers::from([
            ("/one.wasm", whole(&bytes)),
            ("/text", whole(b"not found, but with good manners")),
            ("/cut", cut),
            ("/large", whole(&mebibytes)),
            ("/endless", endless),
            (
                "/broken",
                b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_vec(),
            ),
            ("/round", redirect("/round")),
            (
                "/nowhere",
                b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
            ),
            ("/plain", redirect("http://127.0.0.1:PORT/one.wasm")),
            ("/file", redirect("file:///etc/passwd")),
            ("/inside", redirect("https://localhost:PORT/one.wasm")),
        ]))
        .await;
        let (right, wrong) = (one.digest(), Digest::of(b"something else"));
        let at = |path: &str| web.url(path);
        let cases = [
            (
                at("/one.wasm"),
                wrong,
                Code::BadComponent,
                format!("has the digest sha256:{right}"),
            ),
            (
                at("/text"),
                right,
                Code::BadComponent,
                "not the one that was asked for".to_owned(),
            ),
            (at("/cut"), right, Code::Unavailable, "was cut".to_owned()),
            (
                at("/large"),
                Digest::of(&mebibytes),
                Code::BadComponent,
                "larger than".to_owned(),
            ),
            (
                at("/endless"),
                Digest::of(&mebibytes),
                Code::BadComponent,
                "larger than".to_owned(),
            ),
            (at("/absent"), right, Code::NotFound, "status 404".to_owned()),
            (at("/broken"), right, Code::Unavailable, "status 503".to_owned()),
            (
                at("/round"),
                right,
                Code::Unavailable,
                "redirects too often".to_owned(),
            ),
            (
                at("/nowhere"),
                right,
                Code::Unavailable,
                "redirects to nowhere".to_owned(),
            ),
            (
                at("/plain"),
                right,
                Code::InvalidInput,
                "only https addresses".to_owned(),
            ),
            (
                at("/file"),
                right,
                Code::InvalidInput,
                "only https addresses".to_owned(),
            ),
            // Whoever serves the address does not choose what of this network is reached.
            (at("/inside"), right, Code::Unavailable, "private".to_owned()),
            (
                at("/one.wasm").replace("https:", "http:"),
                right,
                Code::InvalidInput,
                "only https addresses".to_owned(),
            ),
            (
                "https://".to_owned(),
                right,
                Code::Unavailable,
                "no address".to_owned(),
            ),
        ];
        for (url, digest, code, word) in cases {
            let error = web.install(format!("{url}?token=very-secret"), digest).await;
            let error = error.unwrap_err();
            assert_eq!(error.code, code, "{url}: {error}");
            assert!(error.message.contains(&word), "{url}: {error}");
            assert!(!error.message.contains("very-secret"), "{url}: {error}");
        }
        assert_eq!(web.rig.host.registry().plugins().unwrap().len(), 0);
        assert!(!web.rig.component_is_there(right));
        // All of this with a server that works.
        web.install(at("/one.wasm"), right).await.unwrap();
    });
}

/// Without its certificate's authority, a server is nobody.
#[test]
fn a_server_that_nobody_vouches_for_is_not_asked() {
    run(async {
        let one = Version::new("p", "one");
        let web = Web::new(Answers::from([("/one.wasm", whole(&one.bytes()))])).await;
        let stranger = Rig::new();
        let source = Source::Url {
            url: web.url("/one.wasm"),
            digest: one.digest(),
        };
        let registry = stranger.host.registry();
        let error = registry.install(source, InstallOptions::default()).await;
        let error = error.map(drop).unwrap_err();
        assert_eq!(error.code, Code::Unavailable);
        assert!(error.message.contains("certificate"), "{error}");
    });
}
