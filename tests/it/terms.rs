//! Grants that hold for one tool, one caller, some calls and some time: enforced on each of their parts.

use std::sync::Arc;
use std::time::Duration;

use fact_core::types::{Access, Code, PluginName, Principal, Resource, Terms, ToolCall};
use fact_core::{Added, Answer, Host};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::forge::name;
use crate::listener::{Listener, Reply};
use crate::rig::{PATIENCE, Rig, code, run, saw};

/// The connector to the web, with one grant on terms, and a server.
struct Web {
    rig: Rig,
    server: Listener,
}

impl Web {
    async fn new() -> Self {
        let web = Web {
            rig: Rig::new(),
            server: Listener::start(),
        };
        web.rig.builtin("http", &[]).await;
        web
    }

    fn http(&self) -> PluginName {
        name("http")
    }

    /// Grants GET of the server and nothing else.
    fn grant(&self, terms: &Terms) -> Added {
        let capability = format!("http:GET:{}*+private", self.url("")).parse().unwrap();
        let registry = self.rig.host.registry();
        registry
            .grant(&self.http(), &capability, terms, "test", None)
            .unwrap()
            .0
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.server.port)
    }

    async fn get(&self) -> Answer {
        get(&self.rig.host, &self.url("")).await
    }

    /// How often each grant was used.
    fn used(&self) -> Vec<u32> {
        let grants = self.rig.host.registry().grants(&self.http()).unwrap();
        grants.iter().map(|grant| grant.used).collect()
    }
}

async fn get(host: &Host, url: &str) -> Answer {
    host.call_json("http_request", json!({ "url": url })).await
}

fn terms(calls: u32) -> Terms {
    Terms {
        calls: Some(calls),
        ..Terms::default()
    }
}

/// A denial, which the host saw too, and with which nothing was done.
fn check_denied(what: &str, answer: &Answer) {
    assert_eq!(code(answer), Some(Code::Denied), "{what}: {answer:?}");
    assert!(
        saw(answer, Access::Denied, |resource| matches!(
            resource,
            Resource::Http { .. }
        )),
        "{what}: {answer:?}"
    );
    assert!(!saw(answer, Access::Write, |_| true), "{what}: {answer:?}");
}

/// Caller and receipt learn which grant is over, and how to renew it.
fn check_told(what: &str, answer: &Answer, words: &str) {
    let message = answer.output().unwrap_err().message;
    let over = answer.receipt.over.clone().unwrap_or_default();
    for told in [message, over] {
        assert!(
            told.contains("grant 1 ") && told.contains(words),
            "{what}: {told}"
        );
    }
}

#[test]
fn each_part_of_a_grant_is_enforced() {
    run(async {
        let web = Web::new().await;
        let other = Listener::start();
        let until = Timestamp::now() + SignedDuration::from_hours(1);
        web.grant(&Terms {
            tool: Some("request".parse().unwrap()),
            principal: Some(Principal::local()),
            calls: Some(10),
            until: Some(until),
        });
        let call = |tool: &'static str, arguments: Value| web.rig.call(tool, arguments);
        let elsewhere = format!("http://127.0.0.1:{}/", other.port);

        let answer = web.get().await;
        assert_eq!(answer.json().unwrap()["body"], "it works");
        let stray = call("http_request", json!({ "url": elsewhere })).await;
        check_denied("another host", &stray);
        assert_eq!(stray.receipt.over, None, "no grant that is over is for it");
        let post = json!({ "url": web.url(""), "method": "POST", "body": "x" });
        check_denied("another method", &call("http_request", post).await);
        // It reports what it was told, with a code of its own.
        let health = call("http_health", json!({ "url": web.url("") })).await;
        assert!(
            !saw(&health, Access::Write, |_| true) && !saw(&health, Access::Read, |_| true),
            "{health:?}"
        );
        let mut stranger = ToolCall::new(
            "http_request".parse().unwrap(),
            json!({ "url": web.url("") }).as_object().unwrap().clone(),
        );
        stranger.principal = "user:ann".parse().unwrap();
        check_denied("another caller", &web.rig.host.call(stranger).await);
        assert_eq!(web.server.asked().len(), 1, "of all these one came through");
        assert_eq!(other.connections(), 0);
        assert_eq!(web.used(), [1], "what was refused does not count");

        for _ in 0..9 {
            assert_eq!(code(&web.get().await), None);
        }
        let eleventh = web.get().await;
        check_denied("the eleventh call", &eleventh);
        check_told(
            "the eleventh call",
            &eleventh,
            "its 10 calls are used up; `fact plugin revoke http",
        );
        let stray = call("http_request", json!({ "url": elsewhere })).await;
        assert_eq!(
            stray.receipt.over, None,
            "the one that is over is for another host"
        );
        assert_eq!(web.used(), [10]);
        assert_eq!(web.server.asked().len(), 10);
        other.knock();
    });
}

#[test]
fn calls_that_make_no_use_of_it_do_not_count() {
    run(async {
        let web = Web::new().await;
        web.grant(&terms(2));
        let links = json!({ "text": "see https://example.com/" });
        for _ in 0..5 {
            assert_eq!(
                code(&web.rig.call("http_extract_links", links.clone()).await),
                None
            );
            let wrong = web.rig.call("http_request", json!({ "url": 7 })).await;
            assert_eq!(code(&wrong), Some(Code::InvalidInput));
        }
        assert_eq!(web.used(), [0]);
        for used in [1, 2] {
            assert_eq!(code(&web.get().await), None);
            assert_eq!(web.used(), [used]);
        }
        check_denied("the third", &web.get().await);
        assert_eq!(web.used(), [2]);
        // The count begins anew with other terms, and not with the same.
        assert_eq!(web.grant(&terms(2)), Added::Same);
        check_denied("the same again", &web.get().await);
        assert_eq!(web.grant(&terms(3)), Added::Changed);
        assert_eq!(web.used(), [0]);
        for _ in 0..3 {
            assert_eq!(code(&web.get().await), None);
        }
        check_denied("the fourth", &web.get().await);
    });
}

#[test]
fn many_at_once_share_the_calls_and_never_one_more() {
    run(async {
        let web = Web::new().await;
        let second = web.rig.second();
        for hosts in [vec![&web.rig], vec![&web.rig, &second]] {
            let before = web.server.asked().len();
            let most = 10 + u32::try_from(hosts.len()).unwrap();
            web.grant(&terms(most));
            let calls: Vec<_> = (0..20)
                .map(|at| {
                    let host = Arc::clone(&hosts[at % hosts.len()].host);
                    let url = web.url("");
                    tokio::spawn(async move { get(&host, &url).await })
                })
                .collect();
            let mut good = 0;
            for call in calls {
                let answer = call.await.unwrap();
                match code(&answer) {
                    None => good += 1,
                    Some(Code::Denied) => check_denied("one too many", &answer),
                    Some(other) => panic!("{other}: {answer:?}"),
                }
            }
            assert_eq!(good, most as usize);
            assert_eq!(web.server.asked().len() - before, most as usize);
            assert_eq!(web.used(), [most]);
        }
    });
}

#[test]
fn after_its_time_it_is_over() {
    run(async {
        let web = Web::new().await;
        let until = Timestamp::now() + SignedDuration::from_secs(2);
        web.grant(&Terms {
            until: Some(until),
            ..Terms::default()
        });
        // Whatever the machine is busy with: before the end it holds, and after it it does not.
        loop {
            let began = Timestamp::now();
            let answer = web.get().await;
            let ended = Timestamp::now();
            if ended < until {
                assert_eq!(code(&answer), None, "{answer:?}");
            }
            if began >= until {
                check_denied("too late", &answer);
                check_told(
                    "too late",
                    &answer,
                    "--until TIME`, with a new end for TIME, renews it",
                );
                check_told("too late", &answer, &format!("expired at {until:.0}"));
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Something without an end beside it holds on.
        web.grant(&Terms {
            principal: Some(Principal::local()),
            ..Terms::default()
        });
        assert_eq!(code(&web.get().await), None);
    });
}

/// Whoever drops a call does not get another one for it: it may have done all that it was to do.
#[test]
fn a_call_that_is_dropped_has_used_it() {
    run(async {
        let (go, gone) = watch::channel(false);
        let late = Reply::Late(gone, "late".to_owned());
        let server = Listener::with([("/", Reply::Text("it works".to_owned())), ("/late", late)]);
        let rig = Rig::new();
        rig.builtin("http", &[]).await;
        let web = Web { rig, server };
        web.grant(&terms(2));
        let call = {
            let (host, url) = (Arc::clone(&web.rig.host), web.url("late"));
            tokio::spawn(async move { get(&host, &url).await })
        };
        web.rig
            .until("the server is asked", || web.server.asked().len() == 1)
            .await;
        assert_eq!(web.used(), [1], "it was taken before the call began");
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        web.rig.until("it is over", || web.rig.host.running() == 0).await;
        tokio::time::timeout(PATIENCE, async {
            assert_eq!(code(&web.get().await), None);
            check_denied("the third", &web.get().await);
        })
        .await
        .unwrap();
        assert_eq!(web.used(), [2]);
        go.send(true).unwrap();
    });
}

/// The whole plugin's grant does not use up the one for a tool, and neither is wider than it says.
#[test]
fn grants_beside_each_other() {
    run(async {
        let web = Web::new().await;
        let registry = web.rig.host.registry();
        let request = Terms {
            tool: Some("request".parse().unwrap()),
            ..terms(1)
        };
        let health = Terms {
            tool: Some("health".parse().unwrap()),
            ..Terms::default()
        };
        assert_eq!(web.grant(&request), Added::New);
        assert_eq!(web.grant(&health), Added::New);
        assert_eq!(code(&web.get().await), None);
        check_denied("the second", &web.get().await);
        // Taken back for one tool, it stays for the other.
        let capability = format!("http:GET:{}*+private", web.url("")).parse().unwrap();
        let revoke = |terms: &Terms| registry.revoke(&web.http(), &capability, terms).unwrap();
        assert_eq!(revoke(&request), 1);
        assert_eq!(revoke(&request), 0);
        assert_eq!(registry.grants(&web.http()).unwrap().len(), 1);
        // Given anew it counts from the start.
        assert_eq!(web.grant(&request), Added::New);
        assert_eq!(code(&web.get().await), None);
        // Without terms all of them go.
        assert_eq!(revoke(&Terms::default()), 2);
        check_denied("nothing is left", &web.get().await);
        assert_eq!(web.server.asked().len(), 2);
    });
}

/// What a grant without a count gives anyway is not taken from one that has one.
#[test]
fn what_is_free_is_not_counted() {
    run(async {
        let web = Web::new().await;
        let http = web.http();
        let registry = web.rig.host.registry();
        let give = |capability: String, terms: &Terms| {
            let capability = capability.parse().unwrap();
            registry.grant(&http, &capability, terms, "test", None).unwrap();
        };
        let request = Terms {
            tool: Some("request".parse().unwrap()),
            ..Terms::default()
        };
        web.grant(&terms(2));
        let used = || web.used().into_iter().sum::<u32>();
        for (capability, counts) in [
            // The same for the tool that is called, then a part of it, then one that does not open this address.
            (format!("http:GET:{}*+private", web.url("")), false),
            (format!("http:GET:{}+private", web.url("")), false),
            ("http:GET:http://*".to_owned(), true),
        ] {
            give(capability.clone(), &request);
            assert_eq!(code(&web.get().await), None, "{capability}");
            assert_eq!(used(), u32::from(counts), "{capability}");
            let capability = capability.parse().unwrap();
            assert_eq!(registry.revoke(&http, &capability, &request).unwrap(), 1);
        }
        assert_eq!(code(&web.get().await), None);
        assert_eq!(used(), 2, "alone it counts");
    });
}

/// A rule is for so many calls of a plugin, and not for so many of each capability that it allows.
#[test]
fn the_capabilities_of_a_rule_share_its_calls() {
    run(async {
        let (one, two) = (Listener::start(), Listener::start());
        let url = |server: &Listener| format!("http://127.0.0.1:{}/", server.port);
        let folder = crate::rig::folder();
        let file = folder.path().join("policy.toml");
        let rule = format!(
            "[[rule]]\nname = \"both\"\nplugin = \"http\"\ncalls = 2\nallow = [\"http:GET:{}*+private\", \
             \"http:GET:{}*+private\"]",
            url(&one),
            url(&two)
        );
        std::fs::write(&file, rule).unwrap();
        let rig = Rig::with(|config| config.policy = vec![file]);
        rig.builtin("http", &[]).await;
        let wrong = rig.call("http_request", json!({ "url": 7 })).await;
        assert_eq!(code(&wrong), Some(Code::InvalidInput));
        for server in [&one, &two] {
            assert_eq!(code(&get(&rig.host, &url(server)).await), None);
        }
        for server in [&one, &two] {
            check_denied("the third", &get(&rig.host, &url(server)).await);
        }
        let grants = rig.host.registry().grants(&name("http")).unwrap();
        let used: Vec<u32> = grants.iter().map(|grant| grant.used).collect();
        assert_eq!(used, [2, 2], "both tell the rule's count");
    });
}

#[test]
fn terms_that_can_never_be_met_are_refused() {
    run(async {
        let web = Web::new().await;
        let registry = web.rig.host.registry();
        let capability = "http:GET:https://example.com/*".parse().unwrap();
        let cases = [
            (
                Terms {
                    tool: Some("absent".parse().unwrap()),
                    ..Terms::default()
                },
                Code::NotFound,
            ),
            (terms(0), Code::InvalidInput),
            (
                Terms {
                    until: Some(Timestamp::now() - SignedDuration::from_secs(1)),
                    ..Terms::default()
                },
                Code::InvalidInput,
            ),
        ];
        for (terms, expected) in cases {
            let error = registry
                .grant(&web.http(), &capability, &terms, "test", None)
                .unwrap_err();
            assert_eq!(error.code, expected, "{terms:?}: {error}");
            // At installation too, and then nothing is installed.
            let options = fact_core::InstallOptions {
                name: Some(name("other")),
                grants: vec![(capability.clone(), terms.clone())],
                by: "test".to_owned(),
            };
            let source = fact_core::Source::Bytes {
                label: "test".to_owned(),
                bytes: fact_bundle::builtin("http").unwrap().bytes.to_vec(),
            };
            let error = registry.install(source, options).await.map(drop).unwrap_err();
            assert_eq!(error.code, expected, "{terms:?}: {error}");
        }
        assert_eq!(registry.plugins().unwrap().len(), 1);
        assert_eq!(registry.grants(&web.http()).unwrap().len(), 0);
    });
}
