//! Ways to make the host connect where it should not. The first table grows by one line a case.

use fact_egress::Refusal::*;
use fact_egress::{Egress, EgressError, Reason, Refusal, Timeouts};
use std::sync::Arc;
use std::time::Duration;

use crate::support::*;

/// What is tried, what its name resolves to, and why it is refused. `PORT` is where a server listens on every address of
/// this machine.
const BYPASSES: &[(&str, &[&str], Refusal)] = &[
    // What the first FACT let through.
    ("http://127.0.0.2:PORT/", &[], Loopback),
    ("http://[::ffff:127.0.0.1]:PORT/", &[], Translated),
    ("http://2130706433:PORT/", &[], Loopback),
    ("http://0x7f000001:PORT/", &[], Loopback),
    ("http://localhost.:PORT/", &["127.0.0.1"], Loopback),
    ("http://[fd00::1]:PORT/", &[], Private),
    ("http://100.64.0.1:PORT/", &[], Shared),
    ("http://169.254.170.2:PORT/", &[], Metadata),
    ("http://intranet:PORT/", &["10.1.2.3"], Private),
    // Other spellings of this machine.
    ("http://127.0.0.1:PORT/", &[], Loopback),
    ("http://127.0.0.1.:PORT/", &[], Loopback),
    ("http://127.1:PORT/", &[], Loopback),
    ("http://127.0.1:PORT/", &[], Loopback),
    ("http://0x7f.1:PORT/", &[], Loopback),
    ("http://0177.0.0.1:PORT/", &[], Loopback),
    ("http://0177.0.0x0.1:PORT/", &[], Loopback),
    ("http://017700000001:PORT/", &[], Loopback),
    ("http://127.255.255.254:PORT/", &[], Loopback),
    ("http://localhost:PORT/", &["127.0.0.1"], Loopback),
    ("http://LOCALHOST:PORT/", &["::1"], Loopback),
    ("http://0:PORT/", &[], Unspecified),
    ("http://0.0.0.0:PORT/", &[], Unspecified),
    ("http://0.1.2.3:PORT/", &[], Unspecified),
    ("http://[::]:PORT/", &[], Unspecified),
    ("http://[::1]:PORT/", &[], Loopback),
    ("http://[0:0:0:0:0:0:0:1]:PORT/", &[], Loopback),
    ("http://[::127.0.0.1]:PORT/", &[], Translated),
    ("http://[::ffff:7f00:1]:PORT/", &[], Translated),
    ("http://[::ffff:0.0.0.0]:PORT/", &[], Translated),
    ("http://[64:ff9b::7f00:1]:PORT/", &[], Translated),
    ("http://[64:ff9b:1::7f00:1]:PORT/", &[], Translated),
    ("http://[2002:7f00:1::]:PORT/", &[], Translated),
    ("http://[2001:0:7f00:1::]:PORT/", &[], Translated),
    ("http://[::ffff:8.8.8.8]:PORT/", &[], Translated),
    // Networks that are not public.
    ("http://10.0.0.1:PORT/", &[], Private),
    ("http://172.16.0.1:PORT/", &[], Private),
    ("http://172.31.255.255:PORT/", &[], Private),
    ("http://192.168.1.1:PORT/", &[], Private),
    ("http://3232235777:PORT/", &[], Private),
    ("http://169.254.1.1:PORT/", &[], LinkLocal),
    ("http://169.254.169.254:PORT/", &[], Metadata),
    ("http://2852039166:PORT/", &[], Metadata),
    ("http://[::ffff:169.254.169.254]:PORT/", &[], Translated),
    ("http://[fd00:ec2::254]:PORT/", &[], Metadata),
    ("http://100.100.100.200:PORT/", &[], Metadata),
    ("http://168.63.129.16:PORT/", &[], Metadata),
    (
        "http://metadata.google.internal:PORT/",
        &["169.254.169.254"],
        Metadata,
    ),
    ("http://[fe80::1]:PORT/", &[], LinkLocal),
    ("http://[fec0::1]:PORT/", &[], Private),
    ("http://[fc00::1]:PORT/", &[], Private),
    ("http://[2001:db8::1]:PORT/", &[], Documentation),
    ("http://[ff02::1]:PORT/", &[], Multicast),
    ("http://[4000::1]:PORT/", &[], Reserved),
    ("http://192.0.0.1:PORT/", &[], Reserved),
    ("http://192.0.2.1:PORT/", &[], Documentation),
    ("http://198.18.0.1:PORT/", &[], Documentation),
    ("http://198.19.255.255:PORT/", &[], Documentation),
    ("http://198.51.100.1:PORT/", &[], Documentation),
    ("http://203.0.113.1:PORT/", &[], Documentation),
    ("http://224.0.0.1:PORT/", &[], Multicast),
    ("http://240.0.0.1:PORT/", &[], Reserved),
    ("http://255.255.255.255:PORT/", &[], Broadcast),
    // Names.
    ("http://public.example:PORT/", &["127.0.0.1"], Loopback),
    ("http://public.example:PORT/", &["fd12::1"], Private),
    ("http://public.example:PORT/", &["::ffff:10.0.0.1"], Translated),
    ("http://public.example:PORT/", &["0.0.0.0"], Unspecified),
    ("http://10.example:PORT/", &["10.0.0.1"], Private),
    ("http://127.0.0.1.nip.example:PORT/", &["127.0.0.1"], Loopback),
    // One bad address among good ones, wherever it stands.
    ("http://mixed.example:PORT/", &["8.8.8.8", "127.0.0.1"], Loopback),
    ("http://mixed.example:PORT/", &["127.0.0.1", "8.8.8.8"], Loopback),
    (
        "http://mixed.example:PORT/",
        &["8.8.8.8", "2606:4700::1", "::1"],
        Loopback,
    ),
    (
        "http://many.example:PORT/",
        &[
            "8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4", "8.8.8.5", "8.8.8.6", "8.8.8.7", "8.8.8.8",
            "8.8.8.9", "8.8.8.10", "8.8.8.11", "8.8.8.12", "8.8.8.13", "8.8.8.14", "8.8.8.15", "8.8.8.16",
            "8.8.8.17", "10.0.0.1",
        ],
        Private,
    ),
];

/// The canonical name of a case's host.
fn name_of(url: &str) -> String {
    let host = url.split("//").nth(1).unwrap().split(":PORT").next().unwrap();
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[tokio::test]
async fn every_bypass_is_refused_before_a_connection_is_made() {
    let server = Server::answering(OK).await;
    for (url, answers, refusal) in BYPASSES {
        let names = Names::default().with(&name_of(url), &[answers]);
        let egress = Egress::new(config(names)).unwrap();
        let url = url.replace("PORT", &server.port.to_string());
        let error = egress
            .send(&grants(&["http:*:http://*:*"]), get(&url), Timeouts::default())
            .await
            .expect_err(&url);
        let EgressError::Denied { why, .. } = &error else {
            panic!("{url}: {error:?}")
        };
        assert_eq!(*why, Reason::Address(*refusal), "{url}");
        assert!(!error.may_have_sent() && error.is_denied());
        for ip in *answers {
            assert!(
                !error.to_string().replace(&url, "").contains(ip),
                "{error} tells {ip}"
            );
        }
    }
    assert_eq!(server.connections_settled().await, 0);
}

/// What a `+private` grant for everything still does not open.
const FINAL: &[(&str, &[&str], Refusal)] = &[
    ("http://169.254.169.254:PORT/", &[], Metadata),
    ("http://[::ffff:169.254.169.254]:PORT/", &[], Metadata),
    ("http://[64:ff9b::a9fe:a9fe]:PORT/", &[], Metadata),
    ("http://[64:ff9b:1:a9fe:a9:fe00::]:PORT/", &[], Metadata),
    ("http://[2002:a9fe:a9fe::]:PORT/", &[], Metadata),
    ("http://[2001:0:808:808::5601:5601]:PORT/", &[], Metadata),
    (
        "http://metadata:PORT/",
        &["10.0.0.1", "169.254.169.254"],
        Metadata,
    ),
    ("http://[fd00:ec2::254]:PORT/", &[], Metadata),
    ("http://[::ffff:224.0.0.1]:PORT/", &[], Multicast),
    ("http://224.0.0.251:PORT/", &[], Multicast),
    ("http://255.255.255.255:PORT/", &[], Broadcast),
    ("http://0.0.0.0:PORT/", &[], Unspecified),
    ("http://[::]:PORT/", &[], Unspecified),
];

#[tokio::test]
async fn some_addresses_stay_closed_with_private_too() {
    let server = Server::answering(OK).await;
    for (url, answers, refusal) in FINAL {
        let names = Names::default().with(&name_of(url), &[answers]);
        let egress = Egress::new(config(names)).unwrap();
        let url = url.replace("PORT", &server.port.to_string());
        match egress
            .send(
                &grants(&["http:*:http://*:*+private"]),
                get(&url),
                Timeouts::default(),
            )
            .await
        {
            Err(EgressError::Denied { why, .. }) => assert_eq!(why, Reason::Address(*refusal), "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
    assert_eq!(server.connections_settled().await, 0);
}

/// The same spellings do arrive where the grant opens them: the tables above would notice a hole.
#[tokio::test]
async fn private_opens_what_the_table_tries() {
    let server = Server::answering(OK).await;
    let tried = [
        "http://127.0.0.2:PORT/",
        "http://2130706433:PORT/",
        "http://0x7f000001:PORT/",
        "http://0177.0.0.1:PORT/",
        "http://localhost.:PORT/",
        "http://127.0.0.1.:PORT/",
    ];
    for (n, url) in tried.into_iter().enumerate() {
        let names = Names::default().with("localhost", &[&["127.0.0.1"]]);
        let egress = Egress::new(config(names)).unwrap();
        let url = url.replace("PORT", &server.port.to_string());
        let response = egress
            .send(
                &grants(&["http:GET:http://*:*+private"]),
                get(&url),
                Timeouts::default(),
            )
            .await
            .expect(&url);
        assert_eq!(read(response).await.unwrap(), "ok");
        assert_eq!(server.connections(), n + 1);
    }
}

#[tokio::test]
async fn private_on_one_host_opens_no_other() {
    let server = Server::answering(OK).await;
    let egress = Egress::new(config(local_names())).unwrap();
    let grants = grants(&["http:GET:http://*:*", "http:GET:http://a.test:*/open/*+private"]);
    for (path, allowed) in [
        ("a.test:PORT/open/x", true),
        ("a.test:PORT/closed", false),
        ("a.test:PORT/open/../closed", false),
        ("b.test:PORT/open/x", false),
    ] {
        let url = format!("http://{}", path.replace("PORT", &server.port.to_string()));
        let sent = egress.send(&grants, get(&url), Timeouts::default()).await;
        assert_eq!(sent.is_ok(), allowed, "{url}: {sent:?}");
    }
    assert_eq!(server.connections_settled().await, 1);
}

#[tokio::test]
async fn a_name_is_resolved_once_and_the_connection_goes_to_what_was_checked() {
    let first = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = first.local_addr().unwrap().port();
    let second = tokio::net::TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let answer = |text: &'static str| {
        move |mut stream: tokio::net::TcpStream| async move {
            read_head(&mut stream).await;
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await;
        }
    };
    let first = Server::on(first, answer(OK));
    let second = Server::on(second, answer(OK));
    let names =
        Arc::new(Names::default().with("turn.test", &[&["127.0.0.1"], &["127.0.0.2"], &["10.0.0.1"]]));
    let egress = Egress::new(fact_egress::EgressConfig {
        resolver: Arc::clone(&names) as Arc<dyn fact_egress::Resolve>,
        ..Default::default()
    })
    .unwrap();
    let url = format!("http://turn.test:{port}/");
    let open = grants(&["http:GET:http://turn.test:*+private"]);
    let response = egress.send(&open, get(&url), Timeouts::default()).await.unwrap();
    read(response).await.unwrap();
    assert_eq!((first.connections(), second.connections()), (1, 0));
    assert_eq!(names.asked(), ["turn.test"]);
    // The next request asks again, and is judged by the next answer.
    let closed = grants(&["http:GET:http://turn.test:*"]);
    let error = egress
        .send(&closed, get(&url), Timeouts::default())
        .await
        .unwrap_err();
    assert!(error.is_denied(), "{error:?}");
    assert_eq!(names.asked().len(), 2);
    assert_eq!((first.connections(), second.connections_settled().await), (1, 0));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_target_is_checked_as_any_other() {
    let inner = Server::answering(OK).await;
    let location = format!("http://127.0.0.1:{}/admin", inner.port);
    let outer = Server::answering(format!(
        "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    ))
    .await;
    let egress = Egress::new(config(local_names())).unwrap();
    let grants = grants(&["http:GET:http://a.test:*+private", "http:GET:http://*:*"]);
    let url = format!("http://a.test:{}/", outer.port);
    let response = egress.send(&grants, get(url), Timeouts::default()).await.unwrap();
    assert_eq!(response.status(), 302);
    let next = response.headers()["location"].to_str().unwrap().to_owned();
    let error = egress
        .send(&grants, get(next), Timeouts::default())
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        EgressError::Denied {
            why: Reason::Address(Loopback),
            ..
        }
    ));
    assert_eq!(inner.connections_settled().await, 0);
}

#[tokio::test]
async fn without_a_grant_nothing_is_resolved() {
    let names = Arc::new(local_names());
    let egress = Egress::new(fact_egress::EgressConfig {
        resolver: Arc::clone(&names) as Arc<dyn fact_egress::Resolve>,
        ..Default::default()
    })
    .unwrap();
    for grants in [
        grants(&[]),
        grants(&["http:POST:http://a.test:*+private"]),
        grants(&["http:GET:https://a.test:*+private"]),
    ] {
        let error = egress
            .send(&grants, get("http://a.test:1/x?secret=1"), Timeouts::default())
            .await
            .unwrap_err();
        assert_eq!(
            error,
            EgressError::Denied {
                what: "GET http://a.test:1/x".to_owned(),
                why: Reason::NotGranted
            }
        );
    }
    assert!(names.asked().is_empty());
}

#[tokio::test]
async fn the_next_address_is_tried() {
    let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let server = Server::on(listener, |mut stream| async move {
        read_head(&mut stream).await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, OK.as_bytes()).await;
    });
    let names = Names::default().with("a.test", &[&["127.0.0.1", "127.0.0.2"]]);
    let egress = Egress::new(config(names)).unwrap();
    let response = send(&egress, get(format!("http://a.test:{}/", server.port)))
        .await
        .unwrap();
    assert_eq!(read(response).await.unwrap(), "ok");
}

#[tokio::test]
async fn names_that_do_not_resolve() {
    let names = local_names().with("empty.test", &[&[]]);
    let egress = Egress::new(config(names)).unwrap();
    let grants = grants(&["http:GET:http://*"]);
    let timeouts = Timeouts {
        connect: Duration::from_millis(50),
        ..Timeouts::default()
    };
    for (host, expected) in [
        ("missing.test", EgressError::Dns),
        ("empty.test", EgressError::Dns),
        (
            "never.test",
            EgressError::Timeout {
                which: fact_egress::Phase::Dns,
            },
        ),
    ] {
        let sent = egress
            .send(&grants, get(format!("http://{host}/")), timeouts)
            .await;
        assert_eq!(sent.unwrap_err(), expected, "{host}");
    }
}
