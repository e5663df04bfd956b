//! Versions that change, and plugins that go, while clients call without pause.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fact_core::types::Code;
use fact_core::{Fate, InstallOptions, Source};
use fact_tests::guests;
use serde_json::json;
use tokio::sync::watch;

use crate::forge::{Version, name, tool};
use crate::listener::{Listener, Reply};
use crate::rig::{PATIENCE, Rig, code, run};

/// How often versions change in one test.
const SWAPS: u32 = 100;

/// How many call meanwhile.
const CLIENTS: usize = 8;

/// The versions that answered since the beginning, as words, in order. One is added before it can answer, so what a call that
/// began at one length and ended at another may say is everything from the last one before it on.
#[derive(Clone, Default)]
struct Timeline(Arc<std::sync::Mutex<Times>>);

#[derive(Default)]
struct Times {
    said: Vec<String>,
    /// How many of them answered for sure: the next one may or may not.
    settled: usize,
}

impl Timeline {
    /// Notes that a version may answer from now on.
    fn begin(&self, word: &str) {
        self.0.lock().unwrap().said.push(word.to_owned());
    }

    /// Notes that none before it answers any more.
    fn settle(&self) {
        let mut times = self.0.lock().unwrap();
        times.settled = times.said.len();
    }

    /// Where a call that begins now begins.
    fn now(&self) -> usize {
        self.0.lock().unwrap().settled.saturating_sub(1)
    }

    /// What a call may answer that began there and ends now.
    fn since(&self, start: usize) -> BTreeSet<String> {
        self.0.lock().unwrap().said[start..].iter().cloned().collect()
    }
}

/// A version that answers with a word; every other one has a tool more, so that the next is held and must be approved.
fn version(n: u32) -> Version {
    let word = format!("version-{n}");
    let base = Version::new("p", &word);
    if n % 4 < 2 {
        base
    } else {
        base.edit(|m| {
            m["tools"]
                .as_array_mut()
                .unwrap()
                .push(tool("more", "Answers as well"))
        })
    }
}

/// Clients on some hosts call without pause while `SWAPS` versions come and go on `changer`.
async fn check(changer: &Rig, callers: &[&Rig]) {
    changer.install_version(&version(0), &[]).await;
    let timeline = Timeline::default();
    timeline.begin("version-0");
    timeline.settle();
    let over = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|at| {
            let host = Arc::clone(&callers[at % callers.len()].host);
            let (timeline, over, calls) = (timeline.clone(), Arc::clone(&over), Arc::clone(&calls));
            tokio::spawn(async move {
                let mut seen = BTreeSet::new();
                while !over.load(Ordering::Relaxed) {
                    let start = timeline.now();
                    let answer = host.call_json("p_say", json!({})).await;
                    let said = answer
                        .json()
                        .unwrap_or_else(|error| panic!("a call failed: {}: {error}", error.code));
                    let may = timeline.since(start);
                    let said = said.as_str().unwrap().to_owned();
                    assert!(
                        may.contains(&said),
                        "it said {said}, and what answered meanwhile was {may:?}"
                    );
                    seen.insert(said);
                    calls.fetch_add(1, Ordering::Relaxed);
                }
                seen
            })
        })
        .collect();
    let registry = changer.host.registry();
    let p = name("p");
    let (mut live, mut approved, mut back) = (0, 0, 0);
    let mut words = BTreeMap::from([(version(0).digest(), "version-0".to_owned())]);
    for n in 1..=SWAPS {
        if n % 5 == 0 {
            // Back to the one before.
            let before = registry.plugin(&p).unwrap().previous[0].digest;
            timeline.begin(&words[&before]);
            assert_eq!(registry.rollback(&p, None).await.unwrap().to, before);
            back += 1;
        } else {
            let next = version(n);
            words.insert(next.digest(), next.word().to_owned());
            timeline.begin(next.word());
            match changer.update("p", &next).await.unwrap().fate {
                Fate::Held => {
                    registry.approve(&p, Some(next.digest())).await.unwrap();
                    approved += 1;
                }
                Fate::Live => live += 1,
                Fate::Unchanged => panic!("version {n} is a new one"),
            }
        }
        timeline.settle();
        // Some calls by each version, or the test would be about nothing.
        let reached = calls.load(Ordering::Relaxed) + CLIENTS as u64;
        changer
            .until("the clients called", || {
                calls.load(Ordering::Relaxed) >= reached || clients.iter().any(|client| client.is_finished())
            })
            .await;
    }
    over.store(true, Ordering::Relaxed);
    for client in clients {
        let seen = client.await.unwrap();
        assert!(seen.len() > 20, "a client saw {} versions", seen.len());
    }
    assert!(
        live > 10 && approved > 10 && back > 10,
        "{live} live, {approved} approved, {back} back"
    );
    assert_eq!(registry.plugin(&p).unwrap().running(), 0);
}

#[test]
fn no_call_fails_through_a_hundred_swaps() {
    run(async {
        let rig = Rig::new();
        check(&rig, &[&rig]).await;
    });
}

#[test]
fn nor_through_those_that_another_host_makes() {
    run(async {
        let rig = Rig::new();
        let second = rig.second();
        check(&second, &[&rig, &second]).await;
    });
}

/// A server that answers when it is let go, and a plugin that asks it.
async fn with_a_call_in_flight(
    rig: &Rig,
) -> (watch::Sender<bool>, tokio::task::JoinHandle<fact_core::Answer>) {
    let (go, gone) = watch::channel(false);
    let reply = Reply::Late(gone, "late".to_owned());
    let listener = Listener::with([("/late", reply)]);
    let grant = format!("http:GET:http://127.0.0.1:{}/*+private", listener.port);
    rig.install(guests::HTTP_BYPASS, &[&grant]).await;
    let (host, url) = (
        Arc::clone(&rig.host),
        format!("http://127.0.0.1:{}/late", listener.port),
    );
    let call = tokio::spawn(async move { host.call_json("http-bypass_run", json!({ "url": url })).await });
    rig.until("the server is asked", || listener.asked().len() == 1)
        .await;
    (go, call)
}

#[test]
fn removal_waits_for_calls_that_run() {
    run(async {
        let rig = Rig::new();
        let (go, call) = with_a_call_in_flight(&rig).await;
        let plugin = name("http-bypass");
        let registry = Arc::clone(rig.host.registry());
        let removal = {
            let (registry, plugin) = (Arc::clone(&registry), plugin.clone());
            tokio::spawn(async move { registry.remove(&plugin, PATIENCE).await })
        };
        rig.until("it is gone", || registry.plugin(&plugin).is_err())
            .await;
        let refused = rig
            .refusal("http-bypass_run", json!({ "url": "http://127.0.0.1/" }))
            .await;
        assert_eq!(refused.code, Code::NotFound);
        assert!(!removal.is_finished(), "a call still runs");
        go.send(true).unwrap();
        assert!(removal.await.unwrap().unwrap(), "none runs any more");
        let answer = call.await.unwrap().json().unwrap();
        assert_eq!(answer["body"], "late", "the call was not cut off");
    });
}

#[test]
fn removal_does_not_wait_for_ever() {
    run(async {
        let rig = Rig::new();
        let (go, call) = with_a_call_in_flight(&rig).await;
        let plugin = name("http-bypass");
        let removed = rig.host.registry().remove(&plugin, Duration::from_millis(50));
        assert!(!removed.await.unwrap(), "it still runs");
        go.send(true).unwrap();
        assert_eq!(call.await.unwrap().json().unwrap()["body"], "late");
    });
}

/// Whoever found the plugin before it was removed is waited for, however far the call has come: nothing is asked of a server
/// any more once the removal says so.
#[test]
fn no_call_runs_after_removal_says_that_none_does() {
    run(async {
        let listener = Listener::start();
        let rig = Rig::new();
        let grant = format!("http:GET:http://127.0.0.1:{}/*+private", listener.port);
        let url = format!("http://127.0.0.1:{}/", listener.port);
        // Its code stays, for another plugin of the same component.
        let options = InstallOptions {
            name: Some(name("stays")),
            ..InstallOptions::default()
        };
        let source = Source::Bytes {
            label: "test".to_owned(),
            bytes: guests::HTTP_BYPASS.bytes.to_vec(),
        };
        rig.host.registry().install(source, options).await.unwrap();
        for _ in 0..20 {
            rig.install(guests::HTTP_BYPASS, &[&grant]).await;
            let before = listener.asked().len();
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let (host, url) = (Arc::clone(&rig.host), url.clone());
                    tokio::spawn(async move {
                        loop {
                            let answer = host.call_json("http-bypass_run", json!({ "url": url })).await;
                            match code(&answer) {
                                None => {}
                                Some(Code::NotFound) => return,
                                Some(other) => panic!("{other}: {answer:?}"),
                            }
                        }
                    })
                })
                .collect();
            rig.until("the server is asked", || listener.asked().len() > before)
                .await;
            let plugin = name("http-bypass");
            assert!(rig.host.registry().remove(&plugin, PATIENCE).await.unwrap());
            let asked = listener.asked().len();
            for client in clients {
                client.await.unwrap();
            }
            assert_eq!(listener.asked().len(), asked, "someone ran on");
        }
    });
}

#[test]
fn plugins_and_tools_are_disabled_for_themselves() {
    run(async {
        let rig = Rig::new();
        let second = rig.second();
        let registry = rig.host.registry();
        let p = name("p");
        let version = Version::new("p", "one").edit(|m| {
            m["tools"]
                .as_array_mut()
                .unwrap()
                .push(tool("more", "Answers as well"))
        });
        rig.install_version(&version, &[]).await;
        rig.install_echo().await;
        let check = async |say: Option<Code>, more: Option<Code>, word: &str| {
            // For both hosts, as soon as it is said.
            for rig in [&rig, &second] {
                for (tool, expected) in [("p_say", say), ("p_more", more)] {
                    let answer = rig.call(tool, json!({})).await;
                    assert_eq!(code(&answer), expected, "{tool}: {answer:?}");
                    if let Err(error) = answer.output() {
                        assert!(error.message.contains(word), "{tool}: {error}");
                    }
                }
                rig.check_unharmed().await;
            }
        };
        let denied = Some(Code::Denied);
        check(None, None, "").await;
        registry.enable_tool(&"p_say".parse().unwrap(), false).unwrap();
        check(denied, None, "`fact tool enable p_say`").await;
        registry.enable(&p, false).unwrap();
        check(denied, denied, "`fact plugin enable p`").await;
        registry.enable_tool(&"p_say".parse().unwrap(), true).unwrap();
        check(denied, denied, "`fact plugin enable p`").await;
        second.host.registry().enable(&p, true).unwrap();
        check(None, None, "").await;
        for (what, result) in [
            ("a plugin", registry.enable(&name("absent"), false)),
            (
                "a tool",
                registry.enable_tool(&"p_absent".parse().unwrap(), false),
            ),
            (
                "its plugin",
                registry.enable_tool(&"absent_say".parse().unwrap(), true),
            ),
        ] {
            assert_eq!(result.unwrap_err().code, Code::NotFound, "{what}");
        }
    });
}
