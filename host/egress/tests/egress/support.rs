//! Servers that count their connections, a resolver with answers of its own, and short ways to send.

use bytes::Bytes;
use fact_egress::{BoxError, Egress, EgressConfig, EgressError, Resolve, Resolving, ResponseBody, Timeouts};
use fact_types::Capability;
use fact_types::capability::{HttpGrant, NetGrant};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A listener whose connections are counted. It stops with the test.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<AtomicUsize>,
}

impl Server {
    /// Serves each connection with `handle`, on every address of this machine, so that any spelling that slips through
    /// arrives here.
    pub(crate) async fn start<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = match TcpListener::bind("[::]:0").await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind("0.0.0.0:0").await.unwrap(),
        };
        Self::on(listener, handle)
    }

    pub(crate) fn on<F>(listener: TcpListener, handle: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(handle(stream));
            }
        });
        Server { port, seen }
    }

    /// Answers each request with these bytes once its head is there, then closes.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                read_head(&mut stream).await;
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
                drain(&mut stream).await;
            }
        })
        .await
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    /// The connections once what is under way has arrived.
    pub(crate) async fn connections_settled(&self) -> usize {
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.connections()
    }
}

/// Reads to the end of a request's head.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// Reads until the other side closes.
pub(crate) async fn drain(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    rest
}

/// Answers by name; each question takes the next answer, and the last one stays.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn with(self, name: &str, answers: &[&[&str]]) -> Self {
        let answers = answers
            .iter()
            .map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect())
            .collect();
        self.answers.lock().unwrap().insert(name.to_owned(), answers);
        self
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(host.to_owned());
            if host == "never.test" {
                std::future::pending::<()>().await;
            }
            let mut answers = self.answers.lock().unwrap();
            let list = answers.get_mut(host).ok_or(io::ErrorKind::NotFound)?;
            Ok(if list.len() > 1 {
                list.remove(0)
            } else {
                list[0].clone()
            })
        })
    }
}

/// Names that all lead to this machine.
pub(crate) fn local_names() -> Names {
    ["a.test", "b.test"]
        .into_iter()
        .fold(Names::default(), |names, name| {
            names.with(name, &[&["127.0.0.1"]])
        })
}

pub(crate) fn config(names: Names) -> EgressConfig {
    EgressConfig {
        resolver: Arc::new(names),
        ..EgressConfig::default()
    }
}

pub(crate) fn grants(texts: &[&str]) -> Vec<HttpGrant> {
    texts
        .iter()
        .map(|text| match text.parse().unwrap() {
            Capability::Http(grant) => grant,
            other => panic!("{other} is no http grant"),
        })
        .collect()
}

pub(crate) fn net_grants(texts: &[&str]) -> Vec<NetGrant> {
    texts
        .iter()
        .map(|text| match text.parse().unwrap() {
            Capability::Net(grant) => grant,
            other => panic!("{other} is no net grant"),
        })
        .collect()
}

/// Every request to a.test and b.test.
pub(crate) fn local_grants() -> Vec<HttpGrant> {
    grants(&["http:*:http://a.test:*+private", "http:*:http://b.test:*+private"])
}

pub(crate) fn get(url: impl AsRef<str>) -> Request<Full<Bytes>> {
    Request::get(url.as_ref()).body(Full::default()).unwrap()
}

/// Sends with the grants of [`local_grants`].
pub(crate) async fn send<B>(
    egress: &Egress,
    request: Request<B>,
) -> Result<Response<ResponseBody>, EgressError>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    egress.send(&local_grants(), request, Timeouts::default()).await
}

/// A request's body that comes from a function, one piece a call.
pub(crate) struct Pieces<F>(pub(crate) F);

impl<F: FnMut() -> Poll<Option<Bytes>> + Unpin> http_body::Body for Pieces<F> {
    type Data = Bytes;
    type Error = std::convert::Infallible;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        (self.0)().map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece))))
    }
}

/// The whole body, or why there is none.
pub(crate) async fn read(response: Response<ResponseBody>) -> Result<Bytes, EgressError> {
    Ok(response.into_body().collect().await?.to_bytes())
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
