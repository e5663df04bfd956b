//! Which URLs and methods are requests at all, and how they are noted.

use fact_egress::{Egress, EgressError, Reason, Target, Timeouts};
use fact_types::{Access, Resource};
use http::{Method, Request, Uri};
use http_body_util::Empty;

use crate::support::*;

/// What a guest writes, and what is checked and sent; `None` where it is refused.
const URLS: &[(&str, Option<&str>)] = &[
    ("https://example.com", Some("https://example.com/")),
    ("HTTPS://EXAMPLE.com:443/a?b=c", Some("https://example.com/a?b=c")),
    ("http://example.com./", Some("http://example.com/")),
    ("http://0x7f.1/", Some("http://127.0.0.1/")),
    ("http://127.0.0.1./", Some("http://127.0.0.1/")),
    ("http://%31%32%37.0.0.1/", Some("http://127.0.0.1/")),
    ("http://１２７.0.0.1/", Some("http://127.0.0.1/")),
    ("http://127。0。0。1/", Some("http://127.0.0.1/")),
    ("http://[0:0::1]/", Some("http://[::1]/")),
    ("http://10.example/", Some("http://10.example/")),
    ("http://10.0.0.1.example/", Some("http://10.0.0.1.example/")),
    ("http://example.com/a/../b/./c", Some("http://example.com/b/c")),
    ("http://example.com/%2e%2e/b", Some("http://example.com/b")),
    (
        r"http://example.com\@evil.example/",
        Some("http://example.com/@evil.example/"),
    ),
    ("http://bücher.example/", Some("http://xn--bcher-kva.example/")),
    (
        "http://example.com/a?q=user@host",
        Some("http://example.com/a?q=user@host"),
    ),
    ("http://user@example.com/", None),
    ("http://user:pw@example.com/", None),
    ("http://@example.com/", None),
    ("http://:@example.com/", None),
    ("http://example.com/#x", None),
    ("http://example.com/#", None),
    ("http://example.com:0/", None),
    ("http://example.com:99999/", None),
    ("http://example.com../", None),
    ("http://./", None),
    ("http://.example.com/", None),
    ("http://a..b/", None),
    ("http:///path", None),
    ("http:////@example.com/", None),
    (r"http://\example.com/", None),
    ("http:example.com", None),
    ("ftp://example.com/", None),
    ("file:///etc/passwd", None),
    ("javascript://x/", None),
    ("example.com", None),
    ("", None),
    ("http://exa mple.com/", None),
    ("http://example.com/a b", None),
    ("http://exam\tple.com/", None),
    ("http://example.com/\r\nX: y", None),
    ("http://1.2.3.4.5/", None),
    ("http://256.1.1.1/", None),
    ("http://[::1/", None),
    ("http://[fe80::1%25eth0]/", None),
];

#[test]
fn urls() {
    for (text, expected) in URLS {
        let parsed = Target::parse(&Method::GET, text);
        match (&parsed, expected) {
            (Ok(target), Some(url)) => assert_eq!(target.url().as_str(), *url, "{text}"),
            (Err(EgressError::InvalidUrl(_)), None) => {}
            _ => panic!("{text:?}: {parsed:?}"),
        }
    }
    let long_label = format!("http://{}.example/", "a".repeat(64));
    assert!(Target::parse(&Method::GET, &long_label).is_err());
    let long = format!("http://example.com/{}", "a".repeat(9000));
    assert!(matches!(
        Target::parse(&Method::GET, &long),
        Err(EgressError::TooLarge { .. })
    ));
}

#[test]
fn what_is_noted_holds_neither_query_nor_user() {
    let noted = |uri: &str| match Target::resource_of(&Method::GET, &uri.parse::<Uri>().unwrap()) {
        Resource::Http { url, .. } => url,
        other => panic!("{other:?}"),
    };
    assert_eq!(noted("https://EXAMPLE.com/a?key=1"), "https://example.com/a");
    assert_eq!(
        noted("https://me:pw@example.com/a?key=1"),
        "https://example.com/a"
    );
    assert_eq!(noted("ftp://me:pw@example.com/a?key=1"), "ftp://example.com/a");
    assert_eq!(noted("/only?key=1"), ":///only");
    assert!(noted(&format!("http://example.com/{}", "a".repeat(9000))).len() < 1100);
    let target = |method| Target::parse(&method, "https://example.com/a?key=1").unwrap();
    assert_eq!(target(Method::HEAD).access(), Access::Read);
    assert_eq!(target(Method::DELETE).access(), Access::Write);
}

#[tokio::test]
async fn methods_that_no_grant_can_name() {
    let server = Server::answering(OK).await;
    let egress = Egress::new(config(local_names())).unwrap();
    for method in ["CONNECT", "TRACE", "get", "PROPFIND", "QUERY", "GET2", "PRI"] {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://a.test:{}/", server.port))
            .body(Empty::new())
            .unwrap();
        let sent = egress
            .send(
                &grants(&["http:*:http://a.test:*+private"]),
                request,
                Timeouts::default(),
            )
            .await;
        assert!(
            matches!(
                sent,
                Err(EgressError::Denied {
                    why: Reason::Method,
                    ..
                })
            ),
            "{method}: {sent:?}"
        );
    }
    assert_eq!(server.connections_settled().await, 0);
}
