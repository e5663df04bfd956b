//! What was fetched over HTTP, and for how long it is kept: as long as the server says, and then only if the server says that
//! it is still the same.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fact_core::types::{CacheState, Code, Terms, ToolCall};
use serde_json::{Value, json};

use crate::rig::{Rig, code, run};

/// A server whose one resource a test changes.
#[derive(Clone)]
struct Site {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    headers: Vec<(&'static str, String)>,
    body: String,
    /// Requests that came, and those of them that asked whether it changed.
    asked: u32,
    conditional: u32,
    /// Those that ask whether it changed wait so long.
    slow: Duration,
}

impl Site {
    fn start(headers: &[(&'static str, &str)], body: &str) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let site = Site {
            port: socket.local_addr().unwrap().port(),
            state: Arc::default(),
        };
        site.set(headers, body);
        let state = Arc::clone(&site.state);
        std::thread::spawn(move || {
            for stream in socket.incoming() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || serve(stream.unwrap(), &state));
            }
        });
        site
    }

    fn set(&self, headers: &[(&'static str, &str)], body: &str) {
        let mut state = self.state.lock().unwrap();
        state.headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        state.body = body.to_owned();
    }

    fn asked(&self) -> (u32, u32) {
        let state = self.state.lock().unwrap();
        (state.asked, state.conditional)
    }

    fn call(&self) -> Value {
        json!({ "url": format!("http://127.0.0.1:{}/fact", self.port) })
    }

    fn grant(&self) -> String {
        format!("http:GET:http://127.0.0.1:{}/*+private", self.port)
    }
}

fn serve(mut stream: std::net::TcpStream, state: &Mutex<State>) {
    let mut condition = None;
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let Ok(line) = line else { return };
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("if-none-match")
        {
            condition = Some(value.to_owned());
        }
    }
    let (reply, slow) = {
        let mut state = state.lock().unwrap();
        state.asked += 1;
        state.conditional += u32::from(condition.is_some());
        let tag = state
            .headers
            .iter()
            .find(|(name, _)| *name == "etag")
            .map(|(_, tag)| tag.clone());
        let headers: String = state
            .headers
            .iter()
            .map(|(n, v)| format!("{n}: {v}\r\n"))
            .collect();
        let reply = match condition.is_some() && condition == tag {
            true => format!("HTTP/1.1 304 Not Modified\r\n{headers}\r\n"),
            false => format!(
                "HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n{}",
                state.body.len(),
                state.body
            ),
        };
        let slow = condition.is_some().then_some(state.slow);
        (reply, slow.unwrap_or_default())
    };
    std::thread::sleep(slow);
    let _ = stream.write_all(reply.as_bytes());
}

async fn ask(rig: &Rig, site: &Site) -> (String, CacheState) {
    let answer = rig.call("http_request", site.call()).await;
    (answer.json().unwrap().to_string(), answer.receipt.cache.state)
}

#[test]
fn while_the_server_says_that_it_is_the_same() {
    run(async {
        let site = Site::start(&[("etag", "\"1\"")], "one");
        let rig = Rig::caching();
        rig.builtin("http", &[&site.grant()]).await;
        let (first, state) = ask(&rig, &site).await;
        assert_eq!(state, CacheState::Miss);
        assert_eq!(ask(&rig, &site).await, (first, CacheState::Memory));
        assert_eq!(site.asked(), (2, 1));
        site.set(&[("etag", "\"2\"")], "two");
        let (second, state) = ask(&rig, &site).await;
        assert!(second.contains("two") && state == CacheState::Stale, "{second}");
    });
}

#[test]
fn while_it_is_fresh_nobody_is_asked() {
    run(async {
        let site = Site::start(&[("cache-control", "max-age=600")], "one");
        let rig = Rig::caching();
        rig.builtin("http", &[&site.grant()]).await;
        let (first, _) = ask(&rig, &site).await;
        site.set(&[], "two");
        assert_eq!(ask(&rig, &site).await, (first, CacheState::Memory));
        assert_eq!(site.asked(), (1, 0));
    });
}

#[test]
fn with_neither_it_is_fetched_each_time() {
    run(async {
        let site = Site::start(&[], "one");
        let rig = Rig::caching();
        rig.builtin("http", &[&site.grant()]).await;
        for headers in [&[][..], &[("cache-control", "No-Store, max-age=60")]] {
            site.set(headers, "one");
            for _ in 0..2 {
                assert_eq!(ask(&rig, &site).await.1, CacheState::Miss, "{headers:?}");
            }
        }
        assert_eq!(site.asked(), (4, 0));
    });
}

#[test]
fn asking_whether_it_changed_is_a_use_of_a_counted_grant() {
    run(async {
        let site = Site::start(&[("etag", "\"1\"")], "one");
        let rig = Rig::caching();
        rig.builtin("http", &[]).await;
        let terms = Terms {
            calls: Some(3),
            ..Terms::default()
        };
        rig.host
            .registry()
            .grant(
                &"http".parse().unwrap(),
                &site.grant().parse().unwrap(),
                &terms,
                "test",
                None,
            )
            .unwrap();
        let mut answered = 0;
        for _ in 0..6 {
            let answer = rig.call("http_request", site.call()).await;
            answered += u32::from(answer.output().is_ok());
        }
        assert_eq!((answered, site.asked().0), (3, 3));
    });
}

#[test]
fn a_slow_proof_is_within_the_deadline() {
    run(async {
        let site = Site::start(&[("etag", "\"1\"")], "one");
        let rig = Rig::caching();
        rig.builtin("http", &[&site.grant()]).await;
        ask(&rig, &site).await;
        site.state.lock().unwrap().slow = Duration::from_secs(20);
        let tool = "http_request".parse().unwrap();
        let mut limits = rig.host.registry().tool(&tool).unwrap().1.limits.clone();
        limits.deadline.0 = Duration::from_secs(1);
        let started = Instant::now();
        let answer = rig
            .host
            .call(ToolCall {
                limits: Some(limits),
                ..ToolCall::new(tool, site.call().as_object().unwrap().clone())
            })
            .await;
        // The proof had half of the time, and the tool, which asks without a condition, the other half.
        assert!(started.elapsed() < Duration::from_secs(5), "{answer:?}");
        assert!(matches!(code(&answer), None | Some(Code::Deadline)), "{answer:?}");
    });
}
