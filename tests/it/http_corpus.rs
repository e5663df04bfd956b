//! Ways to an address that is not public, tried by a guest that speaks plain `wasi:http` and may reach any public server.
//!
//! A case is a line. What the host does with an address is tested where it is done, name servers that change their answers
//! included; here nothing but a refusal may come back, and the server on this machine must not be asked.

use fact_core::types::{Access, Code, Resource};
use fact_tests::guests;
use serde_json::json;

use crate::listener::{Listener, Reply};
use crate::rig::{Rig, code, run, saw};

/// Everything public.
pub(crate) const PUBLIC: [&str; 2] = ["http:*:http://*:*", "http:*:https://*:*"];

/// URLs that lead to this machine, its network or its cloud, `PORT` being that of a server that is really there.
pub(crate) const BYPASSES: &[&str] = &[
    // The nine that the first FACT let through.
    "http://127.0.0.2:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://localhost.:PORT/",
    "http://[fd00::1]:PORT/",
    "http://100.64.0.1:PORT/",
    "http://169.254.170.2:PORT/v2/credentials",
    "http://metadata:PORT/computeMetadata/v1/",
    // Names and spellings of loopback.
    "http://127.0.0.1:PORT/",
    "http://localhost:PORT/",
    "http://LOCALHOST:PORT/",
    "http://app.localhost:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0x7f.0.0.1:PORT/",
    "http://017700000001:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://127.255.255.254:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://127%2e0%2e0%2e1:PORT/",
    "http://[::1]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[::]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[::ffff:0:127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[64:ff9b:1::7f00:1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[2001:0:7f00:1::]:PORT/",
    "http://[::1%25lo]:PORT/",
    "http://[fe80::1]:PORT/",
    "http://[fec0::1]:PORT/",
    "http://[ff02::1]:PORT/",
    // Who is asked is after the `@`, and what is before it is no host.
    "http://example.com@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT@example.com@127.0.0.1:PORT/",
    "http://example.com:80@localhost:PORT/",
    "http://127.0.0.1:PORT\\@example.com/",
    // Private networks and clouds.
    "http://10.0.0.1:PORT/",
    "http://172.16.0.1:PORT/",
    "http://172.31.255.255:PORT/",
    "http://192.168.1.1:PORT/",
    "http://192.0.0.192/latest/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://100.100.100.200/latest/meta-data/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://198.18.0.1:PORT/",
    "http://224.0.0.1:PORT/",
    "http://240.0.0.1:PORT/",
    "http://255.255.255.255:PORT/",
    // Other schemes.
    "https://127.0.0.1:PORT/",
    "https://localhost:PORT/",
    "file://localhost/etc/passwd",
    "ftp://127.0.0.1:PORT/",
    "gopher://127.0.0.1:PORT/",
    "unix://127.0.0.1/var/run/docker.sock",
    "HTTP://127.0.0.1:PORT/",
];

#[test]
fn no_bypass_reaches_a_private_address() {
    run(async {
        let listener = Listener::start();
        let rig = Rig::new();
        rig.install(guests::HTTP_BYPASS, &PUBLIC).await;
        for url in BYPASSES {
            let url = url.replace("PORT", &listener.port.to_string());
            let answer = rig.call("http-bypass_run", json!({ "url": url })).await;
            let code = code(&answer);
            // A URL that is none is refused before anyone asks whether it is allowed.
            let refused = [Code::Denied, Code::Unavailable, Code::InvalidInput];
            assert!(
                code.is_some_and(|code| refused.contains(&code)),
                "{url}: {answer:?}"
            );
            assert!(!saw(&answer, Access::Write, |_| true), "{url}: {answer:?}");
            assert_eq!(listener.asked(), [""; 0], "{url}: the server was asked");
            assert_eq!(listener.connections(), 0, "{url}: the server was reached");
        }
        listener.knock();
    });
}

/// The plain ones are told apart from servers that do not answer: the guest hears that it may not.
#[test]
fn refusals_say_that_they_are() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::HTTP_BYPASS, &PUBLIC).await;
        for url in [
            "http://127.0.0.1:1/",
            "http://127.0.0.2:1/",
            "http://[::1]:1/",
            "http://[::ffff:127.0.0.1]:1/",
            "http://2130706433:1/",
            "http://0x7f000001:1/",
            "http://10.0.0.1/",
            "http://100.64.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://[fd00::1]/",
            "http://localhost:1/",
            "http://localhost.:1/",
        ] {
            let answer = rig.call("http-bypass_run", json!({ "url": url })).await;
            assert_eq!(code(&answer), Some(Code::Denied), "{url}: {answer:?}");
            assert!(
                saw(&answer, Access::Denied, |r| matches!(r, Resource::Http { .. })),
                "{url}: {answer:?}"
            );
        }
    });
}

/// The same guest with a grant gets through: the refusals above are not the guest's own.
#[test]
fn a_private_address_can_be_granted() {
    run(async {
        let listener = Listener::start();
        let rig = Rig::new();
        let url = format!("http://127.0.0.1:{}/", listener.port);
        rig.install(guests::HTTP_BYPASS, &[&format!("http:GET:{url}*+private")])
            .await;
        let answer = rig.call("http-bypass_run", json!({ "url": url })).await;
        assert_eq!(answer.json().unwrap()["body"], "it works", "{answer:?}");
        assert_eq!(listener.asked(), ["GET / HTTP/1.1"]);
        assert!(
            saw(
                &answer,
                Access::Read,
                |r| matches!(r, Resource::Http { url: seen, .. } if *seen == url)
            ),
            "{answer:?}"
        );

        // Another name for the same place is another URL, and this one is not granted.
        let other = format!("http://localhost:{}/", listener.port);
        let answer = rig.call("http-bypass_run", json!({ "url": other })).await;
        assert_eq!(code(&answer), Some(Code::Denied), "{answer:?}");
        assert_eq!(listener.connections(), 1);
    });
}

#[test]
fn without_a_grant_nothing_leaves() {
    run(async {
        let listener = Listener::start();
        let rig = Rig::new();
        rig.install(guests::HTTP_BYPASS, &[]).await;
        for url in [
            format!("http://127.0.0.1:{}/", listener.port),
            "https://example.com/".to_owned(),
        ] {
            let answer = rig.call("http-bypass_run", json!({ "url": url })).await;
            assert_eq!(code(&answer), Some(Code::Denied), "{url}: {answer:?}");
        }
        assert_eq!(listener.connections(), 0);
    });
}

/// A granted server may point elsewhere; elsewhere is asked about again.
#[test]
fn redirects_are_checked_again() {
    run(async {
        let hidden = Listener::start();
        let port = hidden.port;
        let to = |url: &str| Reply::Redirect(url.replace("PORT", &port.to_string()));
        let open = Listener::with([
            ("/loopback", to("http://127.0.0.1:PORT/")),
            ("/name", to("http://localhost:PORT/")),
            ("/other", to("http://127.0.0.2:PORT/")),
            ("/decimal", to("http://2130706433:PORT/")),
            ("/mapped", to("http://[::ffff:127.0.0.1]:PORT/")),
            ("/relative", to("//127.0.0.1:PORT/")),
            ("/metadata", to("http://169.254.169.254/latest/meta-data/")),
            ("/again", Reply::Redirect("/loopback".to_owned())),
            ("/here", Reply::Redirect("/fine".to_owned())),
            ("/fine", Reply::Text("fine".to_owned())),
        ]);
        let rig = Rig::new();
        let granted = format!("http:GET:http://127.0.0.1:{}/*+private", open.port);
        rig.builtin("http", &[&granted, PUBLIC[0], PUBLIC[1]]).await;
        for path in [
            "/loopback",
            "/name",
            "/other",
            "/decimal",
            "/mapped",
            "/relative",
            "/metadata",
            "/again",
        ] {
            let url = format!("http://127.0.0.1:{}{path}", open.port);
            let answer = rig.call("http_request", json!({ "url": url })).await;
            assert_eq!(code(&answer), Some(Code::Denied), "{path}: {answer:?}");
            assert_eq!(hidden.connections(), 0, "{path}: the hidden server was reached");
        }
        let url = format!("http://127.0.0.1:{}/here", open.port);
        let answer = rig.answer("http_request", json!({ "url": url })).await;
        assert_eq!(
            (&answer["status"], &answer["body"]),
            (&json!(200), &json!("fine"))
        );
        hidden.knock();
    });
}
