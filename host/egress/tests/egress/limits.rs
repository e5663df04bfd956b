//! Sizes, times and numbers, and what closes a connection.

use bytes::Bytes;
use fact_egress::{Egress, EgressConfig, EgressError, Part, Phase, SetupError, Timeouts};
use http::Request;
use http_body_util::{BodyExt, Full};
use std::convert::Infallible;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::support::*;

fn small() -> EgressConfig {
    EgressConfig {
        max_request_body: 1000,
        max_response_body: 1000,
        ..config(local_names())
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A body that sends one piece of this size again and again.
fn endless(size: usize) -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send {
    Pieces(move || Poll::Ready(Some(Bytes::from(vec![b'x'; size]))))
}

/// A body that never comes.
fn silent() -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send {
    Pieces(|| Poll::Pending)
}

#[tokio::test]
async fn a_request_body_of_known_size_is_refused_before_it_is_sent() {
    let server = Server::answering(OK).await;
    let egress = Egress::new(small()).unwrap();
    let url = format!("http://a.test:{}/", server.port);
    let post = |size: usize| {
        Request::post(&url)
            .body(Full::new(Bytes::from(vec![b'x'; size])))
            .unwrap()
    };
    assert!(send(&egress, post(1000)).await.is_ok());
    let error = send(&egress, post(1001)).await.unwrap_err();
    let expected = EgressError::TooLarge {
        what: Part::RequestBody,
        limit: 1000,
    };
    assert_eq!(error, expected);
    let lying = Request::post(&url)
        .header("content-length", "1001")
        .body(silent())
        .unwrap();
    assert_eq!(send(&egress, lying).await.unwrap_err(), expected);
    assert_eq!(server.connections_settled().await, 1);
}

#[tokio::test]
async fn a_request_body_of_unknown_size_is_cut() {
    let server = Server::start(|mut stream| async move {
        let got = drain(&mut stream).await;
        assert!(got.len() < 2000);
    })
    .await;
    let egress = Egress::new(small()).unwrap();
    let request = Request::post(format!("http://a.test:{}/", server.port))
        .body(endless(300))
        .unwrap();
    let error = send(&egress, request).await.unwrap_err();
    let expected = EgressError::TooLarge {
        what: Part::RequestBody,
        limit: 1000,
    };
    assert_eq!(error, expected);
}

#[tokio::test]
async fn a_response_body_is_cut() {
    let egress = Egress::new(small()).unwrap();
    let body = |size| "x".repeat(size);
    let sized = |size| format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n{}", body(size));
    let chunked = |size: usize| {
        let chunk = format!("64\r\n{}\r\n", body(100)).repeat(size / 100);
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n")
    };
    let until_closed = |size| format!("HTTP/1.1 200 OK\r\n\r\n{}", body(size));
    for (answer, size) in [
        (sized(1000), Some(1000)),
        (sized(1001), None),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551000\r\n\r\n".to_owned(),
            None,
        ),
        (chunked(1000), Some(1000)),
        (chunked(1100), None),
        (until_closed(1000), Some(1000)),
        (until_closed(100_000), None),
    ] {
        let server = Server::answering(answer.clone()).await;
        let outcome = match send(&egress, get(format!("http://a.test:{}/", server.port))).await {
            Ok(response) => read(response).await,
            Err(error) => Err(error),
        };
        match (outcome, size) {
            (Ok(body), Some(size)) => assert_eq!(body.len(), size),
            (Err(EgressError::TooLarge { what, limit }), None) => {
                assert_eq!((what, limit), (Part::ResponseBody, 1000));
            }
            (other, _) => panic!("{:.60}: {other:?}", answer),
        }
    }
}

#[tokio::test]
async fn a_body_without_end_is_cut_and_its_connection_closed() {
    let (closed, mut when_closed) = mpsc::channel(1);
    let server = Server::start(move |mut stream| {
        let closed = closed.clone();
        async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            let _ = closed.send(()).await;
        }
    })
    .await;
    let egress = Egress::new(small()).unwrap();
    let response = send(&egress, get(format!("http://a.test:{}/", server.port)))
        .await
        .unwrap();
    let mut body = response.into_body();
    let error = loop {
        match body.frame().await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, EgressError::TooLarge { .. }), "{error:?}");
    assert!(body.frame().await.is_none());
    // The body is still held: its failure alone closes the connection.
    tokio::time::timeout(Duration::from_secs(5), when_closed.recv())
        .await
        .unwrap();
}

/// What a server does with its connection once it has the request.
#[derive(Clone, Copy, Debug)]
enum Slow {
    /// Nothing.
    Silent,
    /// A byte of the head now and then.
    HeadByByte,
    /// The head, then nothing.
    NoBody,
    /// The head, then a byte of the body now and then.
    BodyByByte,
}

async fn slow_server(slow: Slow, closed: mpsc::Sender<()>) -> Server {
    Server::start(move |mut stream| {
        let closed = closed.clone();
        async move {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            read_head(&mut stream).await;
            let (mut reader, mut writer) = stream.into_split();
            let write = async {
                match slow {
                    Slow::Silent => {}
                    Slow::HeadByByte => {
                        for byte in head.bytes() {
                            let _ = writer.write_all(&[byte]).await;
                            tokio::time::sleep(ms(30)).await;
                        }
                    }
                    Slow::NoBody => {
                        let _ = writer.write_all(head.as_bytes()).await;
                    }
                    Slow::BodyByByte => {
                        let _ = writer.write_all(head.as_bytes()).await;
                        while writer.write_all(b"1\r\nx\r\n").await.is_ok() {
                            tokio::time::sleep(ms(30)).await;
                        }
                    }
                }
                std::future::pending::<()>().await;
            };
            let mut byte = [0];
            tokio::select! {
                () = write => {}
                _ = tokio::io::AsyncReadExt::read(&mut reader, &mut byte) => {}
            }
            let _ = closed.send(()).await;
        }
    })
    .await
}

#[tokio::test]
async fn every_phase_has_its_time() {
    for (slow, expected, request_timeout_max) in [
        (Slow::Silent, Phase::FirstByte, ms(60_000)),
        (Slow::HeadByByte, Phase::FirstByte, ms(60_000)),
        (Slow::NoBody, Phase::BetweenBytes, ms(60_000)),
        (Slow::BodyByByte, Phase::Total, ms(600)),
    ] {
        let (closed, mut when_closed) = mpsc::channel(1);
        let server = slow_server(slow, closed).await;
        let egress = Egress::new(EgressConfig {
            request_timeout_max,
            ..config(local_names())
        })
        .unwrap();
        let timeouts = Timeouts {
            first_byte: ms(200),
            between_bytes: ms(200),
            ..Timeouts::default()
        };
        let start = Instant::now();
        let sent = egress
            .send(
                &local_grants(),
                get(format!("http://a.test:{}/", server.port)),
                timeouts,
            )
            .await;
        let outcome = match sent {
            Ok(response) => read(response).await,
            Err(error) => Err(error),
        };
        assert_eq!(outcome, Err(EgressError::Timeout { which: expected }), "{slow:?}");
        assert!(start.elapsed() < Duration::from_secs(5));
        tokio::time::timeout(Duration::from_secs(5), when_closed.recv())
            .await
            .unwrap_or_else(|_| panic!("{slow:?}: still open"));
    }
}

/// A connection that nobody reads from ends all the same, and what was read of it does not pass for the whole.
#[tokio::test]
async fn the_deadline_does_not_wait_for_a_reader() {
    let (closed, mut when_closed) = mpsc::channel(1);
    let server = slow_server(Slow::BodyByByte, closed).await;
    let egress = Egress::new(EgressConfig {
        request_timeout_max: ms(200),
        max_connections: 1,
        ..config(local_names())
    })
    .unwrap();
    let url = format!("http://a.test:{}/", server.port);
    let response = send(&egress, get(&url)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), when_closed.recv())
        .await
        .unwrap();
    // Its place is free for the next one.
    drop(send(&egress, get(&url)).await.unwrap());
    let outcome = read(response).await;
    assert_eq!(outcome, Err(EgressError::Timeout { which: Phase::Total }));
}

#[tokio::test]
async fn a_guest_that_never_finishes_its_body_is_cut() {
    let server = Server::answering(OK).await;
    let egress = Egress::new(config(local_names())).unwrap();
    let request = Request::post(format!("http://a.test:{}/", server.port))
        .header("content-length", "5")
        .body(silent())
        .unwrap();
    // The answer comes before the body, and ends the exchange.
    assert_eq!(read(send(&egress, request).await.unwrap()).await.unwrap(), "ok");

    let (closed, _when_closed) = mpsc::channel(1);
    let server = slow_server(Slow::Silent, closed).await;
    let request = Request::post(format!("http://a.test:{}/", server.port))
        .body(silent())
        .unwrap();
    let timeouts = Timeouts {
        first_byte: ms(100),
        ..Timeouts::default()
    };
    let error = egress.send(&local_grants(), request, timeouts).await.unwrap_err();
    assert_eq!(
        error,
        EgressError::Timeout {
            which: Phase::FirstByte
        }
    );
}

#[tokio::test]
async fn dropping_the_future_or_the_body_closes_the_connection() {
    for slow in [Slow::Silent, Slow::NoBody, Slow::BodyByByte] {
        let (closed, mut when_closed) = mpsc::channel(1);
        let server = slow_server(slow, closed).await;
        let egress = Egress::new(config(local_names())).unwrap();
        let sending = async {
            let response = send(&egress, get(format!("http://a.test:{}/", server.port))).await;
            // Held until the whole future is dropped.
            let _body = response.unwrap().into_body();
            std::future::pending::<()>().await;
        };
        assert!(tokio::time::timeout(ms(150), sending).await.is_err());
        tokio::time::timeout(Duration::from_secs(5), when_closed.recv())
            .await
            .unwrap_or_else(|_| panic!("{slow:?}: still open"));
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn dropping_the_body_ends_an_upload_too() {
    let (closed, mut when_closed) = mpsc::channel(1);
    let server = slow_server(Slow::NoBody, closed).await;
    let egress = Egress::new(config(local_names())).unwrap();
    let request = Request::post(format!("http://a.test:{}/", server.port))
        .body(silent())
        .unwrap();
    drop(send(&egress, request).await.unwrap());
    tokio::time::timeout(Duration::from_secs(5), when_closed.recv())
        .await
        .unwrap();
}

#[tokio::test]
async fn connections_are_limited() {
    let timeouts = Timeouts {
        connect: ms(100),
        ..Timeouts::default()
    };
    // In all, to one host, the hosts that hold a connection, and whether a.test gets one more.
    for (all, per_host, holders, admitted) in [
        (8, 2, ["a.test", "a.test"], false),
        (8, 2, ["a.test", "b.test"], true),
        (2, 2, ["b.test", "b.test"], false),
        (3, 2, ["b.test", "b.test"], true),
    ] {
        let (closed, _when_closed) = mpsc::channel(8);
        let server = slow_server(Slow::NoBody, closed).await;
        let egress = Egress::new(EgressConfig {
            max_connections: all,
            max_connections_per_host: per_host,
            ..config(local_names())
        })
        .unwrap();
        let url = |host: &str| format!("http://{host}:{}/", server.port);
        let mut held = Vec::new();
        for host in holders {
            held.push(send(&egress, get(url(host))).await.unwrap());
        }
        let sent = egress.send(&local_grants(), get(url("a.test")), timeouts).await;
        let expected = if admitted { None } else { Some(EgressError::Busy) };
        assert_eq!(sent.err(), expected, "{all} {per_host} {holders:?}");
        // A clone shares the limits, and a place that becomes free is taken by who waits for it.
        let clone = egress.clone();
        let waiting = url("a.test");
        let waiting = tokio::spawn(async move { send(&clone, get(waiting)).await.is_ok() });
        tokio::time::sleep(ms(50)).await;
        held.clear();
        assert!(waiting.await.unwrap());
    }
}

#[tokio::test]
async fn a_finished_body_holds_no_connection() {
    let server = Server::answering(OK).await;
    let egress = Egress::new(EgressConfig {
        max_connections: 1,
        ..config(local_names())
    })
    .unwrap();
    let mut kept = Vec::new();
    for _ in 0..5 {
        let response = send(&egress, get(format!("http://a.test:{}/", server.port)))
            .await
            .unwrap();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.unwrap();
        }
        kept.push(body);
    }
}

#[tokio::test]
async fn nobody_listens() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let egress = Egress::new(config(local_names())).unwrap();
    let error = send(&egress, get(format!("http://a.test:{port}/")))
        .await
        .unwrap_err();
    assert_eq!(error, EgressError::Connect(fact_egress::ConnectFailure::Refused));
    assert!(!error.may_have_sent());
}

#[test]
fn settings_that_make_no_sense() {
    let name = |config: EgressConfig| match Egress::new(config) {
        Err(SetupError::Limit { name, .. }) => name,
        Err(SetupError::UserAgent) => "user_agent",
        Err(SetupError::Certificate(_)) => "certificate",
        other => panic!("{other:?}"),
    };
    let default = EgressConfig::default;
    assert_eq!(
        name(EgressConfig {
            max_connections: 0,
            ..default()
        }),
        "max_connections"
    );
    assert_eq!(
        name(EgressConfig {
            max_header_bytes: usize::MAX,
            ..default()
        }),
        "max_header_bytes"
    );
    assert_eq!(
        name(EgressConfig {
            request_timeout_max: Duration::MAX,
            ..default()
        }),
        "request_timeout_max"
    );
    assert_eq!(
        name(EgressConfig {
            user_agent: "a\nb".to_owned(),
            ..default()
        }),
        "user_agent"
    );
    assert_eq!(
        name(EgressConfig {
            extra_root_certificates: vec![b"nothing".to_vec()],
            ..default()
        }),
        "certificate"
    );
    assert!(Egress::new(default()).is_ok());
}
