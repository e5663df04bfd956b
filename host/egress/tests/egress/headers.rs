//! What stands on the wire, and what of the answer reaches the guest.

use bytes::Bytes;
use fact_egress::{Egress, EgressError, Part};
use http::Request;
use http_body_util::{BodyExt, Full};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use tokio::io::AsyncWriteExt;

use crate::support::*;

/// A server that keeps what it was sent, head and body.
async fn recorder() -> (Server, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&heard);
    let server = Server::start(move |mut stream| {
        let keep = Arc::clone(&keep);
        async move {
            let mut text = read_head(&mut stream).await;
            let lower = text.to_ascii_lowercase();
            if lower.contains("transfer-encoding: chunked") {
                while !text.ends_with("0\r\n\r\n") {
                    text.push(char::from(
                        tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap(),
                    ));
                }
            } else if let Some(length) = lower.split("content-length: ").nth(1) {
                let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
                tokio::io::AsyncReadExt::read_exact(&mut stream, &mut body)
                    .await
                    .unwrap();
                text.push_str(std::str::from_utf8(&body).unwrap());
            }
            keep.lock().unwrap().push(text);
            let _ = stream.write_all(OK.as_bytes()).await;
            // Whatever else comes would be a second request.
            let rest = drain(&mut stream).await;
            assert!(rest.is_empty(), "{rest:?}");
        }
    })
    .await;
    (server, heard)
}

/// A body in pieces, whose length nobody knows beforehand.
fn pieces(pieces: &'static [&'static str]) -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send {
    let mut left = pieces.iter();
    Pieces(move || Poll::Ready(left.next().map(|piece| Bytes::from_static(piece.as_bytes()))))
}

#[tokio::test]
async fn the_request_line_and_the_framing_are_the_hosts_own() {
    let (server, heard) = recorder().await;
    let egress = Egress::new(config(local_names())).unwrap();
    let host = format!("a.test:{}", server.port);
    let mut request = Request::post(format!("http://A.test.:{}/x/../y?q=1", server.port));
    for (name, value) in [
        ("Host", "evil.example"),
        ("Connection", "keep-alive, x-hop"),
        ("X-Hop", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Transfer-Encoding", "chunked"),
        ("TE", "trailers"),
        ("Trailer", "X-After"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
        ("Expect", "100-continue"),
        ("Proxy-Authorization", "Basic x"),
        ("Proxy-Connection", "close"),
        ("Proxy-Invented", "1"),
        ("Content-Length", "4"),
        ("X-Kept", "yes"),
    ] {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from_static(b"body"))).unwrap();
    read(send(&egress, request).await.unwrap()).await.unwrap();
    let heard = heard.lock().unwrap().pop().unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.split("\r\n").collect();
    assert_eq!(lines.remove(0), "POST /y?q=1 HTTP/1.1");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "connection: close",
            "content-length: 4",
            &format!("host: {host}"),
            "user-agent: fact/0.1",
            "x-kept: yes",
        ]
    );
    assert_eq!(body, "body");
}

#[tokio::test]
async fn bodies_keep_their_promises() {
    let (server, heard) = recorder().await;
    let egress = Egress::new(config(local_names())).unwrap();
    let url = format!("http://a.test:{}/", server.port);
    // Promised lengths, the pieces, and the end of what arrives; `None` where the request fails.
    type Case = (
        &'static [&'static str],
        &'static [&'static str],
        Option<&'static str>,
    );
    let cases: [Case; 11] = [
        (&[], &["ab", "c"], Some("\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")),
        (&[], &[], Some("\r\n\r\n0\r\n\r\n")),
        (&["3"], &["ab", "c"], Some("\r\n\r\nabc")),
        (&["0"], &[], Some("\r\n\r\n")),
        (&["4"], &["ab", "c"], None),
        (&["2"], &["ab", "GET / HTTP/1.1\r\n\r\n"], Some("\r\n\r\nab")),
        (&["2"], &["abGET / HTTP/1.1\r\n\r\n"], None),
        (&["3", "3"], &["abc"], None),
        (&["3, 3"], &["abc"], None),
        (&["+3"], &["abc"], None),
        (&["x"], &["abc"], None),
    ];
    for (lengths, body, arrives) in cases {
        let mut request = Request::post(&url);
        for length in lengths {
            request = request.header("content-length", *length);
        }
        let sent = send(&egress, request.body(pieces(body)).unwrap()).await;
        match (sent, arrives) {
            (Ok(response), Some(end)) => {
                read(response).await.unwrap();
                let heard = heard.lock().unwrap().pop().unwrap();
                assert!(heard.ends_with(end), "{lengths:?} {body:?}: {heard:?}");
            }
            (Err(EgressError::Protocol(_)), None) => {}
            (other, _) => panic!("{lengths:?} {body:?}: {other:?}"),
        }
    }
    assert!(heard.lock().unwrap().iter().all(|text| !text.contains("GET / ")));
    let short = Request::post(&url)
        .header("content-length", "9")
        .body(Full::new(Bytes::from_static(b"abc")))
        .unwrap();
    let before = server.connections();
    assert!(matches!(
        send(&egress, short).await,
        Err(EgressError::Protocol(_))
    ));
    assert_eq!(server.connections_settled().await, before);
}

#[tokio::test]
async fn headers_of_a_request_are_bounded() {
    let server = Server::answering(OK).await;
    let egress = Egress::new(config(local_names())).unwrap();
    let url = format!("http://a.test:{}/", server.port);
    let with = |count: usize, size: usize| {
        let mut request = Request::get(&url);
        for n in 0..count {
            request = request.header(format!("x-{n}"), "v".repeat(size));
        }
        request.body(Full::<Bytes>::default()).unwrap()
    };
    for (count, size, refused) in [
        (100, 1, None),
        (101, 1, Some(Part::RequestHeaderCount)),
        (1, 65_000, None),
        (1, 65_536, Some(Part::RequestHeaders)),
        (64, 1024, Some(Part::RequestHeaders)),
    ] {
        match (send(&egress, with(count, size)).await, refused) {
            (Ok(_), None) => {}
            (Err(EgressError::TooLarge { what, .. }), Some(part)) => assert_eq!(what, part),
            (other, _) => panic!("{count} of {size}: {other:?}"),
        }
    }
    assert_eq!(server.connections_settled().await, 2);
}

#[tokio::test]
async fn headers_of_a_response_are_bounded() {
    let egress = Egress::new(config(local_names())).unwrap();
    for (count, size, fits) in [
        (99, 10, true),
        (101, 10, false),
        (1, 60_000, true),
        (1, 70_000, false),
        (5_000, 2_000, false),
    ] {
        let mut answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".to_owned();
        for n in 0..count {
            answer.push_str(&format!("X-{n}: {}\r\n", "v".repeat(size)));
        }
        answer.push_str("\r\n");
        let server = Server::answering(answer).await;
        let sent = send(&egress, get(format!("http://a.test:{}/", server.port))).await;
        match sent {
            Ok(response) if fits => assert_eq!(response.headers().len(), count + 1),
            Err(EgressError::TooLarge {
                what: Part::ResponseHeaders,
                ..
            }) if !fits => {}
            other => panic!("{count} of {size}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_guest_sees_nothing_of_the_connection() {
    let server = Server::answering(
        "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: x\r\nProxy-Authenticate: Basic\r\n\
         Transfer-Encoding: chunked\r\nTrailer: X-After\r\nX-Kept: 1\r\n\r\n2\r\nok\r\n0\r\nX-After: 1\r\nConnection: x\r\n\r\n",
    )
    .await;
    let egress = Egress::new(config(local_names())).unwrap();
    let response = send(&egress, get(format!("http://a.test:{}/", server.port)))
        .await
        .unwrap();
    let names: Vec<&str> = response.headers().keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["x-kept"]);
    let body = response.into_body().collect().await.unwrap();
    let trailers = body.trailers().unwrap();
    assert_eq!(trailers.len(), 1);
    assert_eq!(trailers["x-after"], "1");
    assert_eq!(body.to_bytes(), "ok");
}

/// Answers that are none, and the ends of bodies that are none.
#[tokio::test]
async fn malformed_answers() {
    let egress = Egress::new(config(local_names())).unwrap();
    let cases = [
        "",
        "nonsense\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nBad Header: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ];
    for answer in cases {
        let server = Server::answering(answer).await;
        let outcome = match send(&egress, get(format!("http://a.test:{}/", server.port))).await {
            Ok(response) => read(response).await,
            Err(error) => Err(error),
        };
        assert!(
            matches!(outcome, Err(EgressError::Protocol(_))),
            "{answer:?}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn answers_without_a_body() {
    let egress = Egress::new(config(local_names())).unwrap();
    for (method, answer) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 99999999999\r\n\r\n",
        ),
        (
            "GET",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ),
    ] {
        let server = Server::answering(answer).await;
        let request = Request::builder()
            .method(method)
            .uri(format!("http://a.test:{}/", server.port))
            .body(Full::<Bytes>::default())
            .unwrap();
        let response = send(&egress, request).await.expect(answer);
        assert_eq!(read(response).await.expect(answer), "");
    }
}
