//! What each hostile guest comes to. There is a test for each, named as the guest: one without a test fails the build.

use std::path::Path;
use std::time::Duration;

use fact_core::Config;
use fact_core::types::{Access, ByteSize, Code, Resource, Span, Terms};
use fact_tests::{Guest, guests};
use serde_json::{Value, json};

use crate::listener::{Listener, Reply};
use crate::rig::{Rig, code, folder, run, saw};

/// Deadline of the calls that only a deadline ends.
const SHORT: Span = Span::millis(700);

/// Installs a guest, makes a call that must end with a code and in good time, and sees whether the host is unharmed.
fn check(guest: Guest, tool: &str, arguments: Value, expected: Code) {
    check_with(guest, &[], tool, arguments, expected, |config| {
        config.limits.deadline = Span::secs(20)
    });
}

fn check_deadline(guest: Guest, grants: &[&str], arguments: Value) {
    check_with(guest, grants, "run", arguments, Code::Deadline, |config| {
        config.limits.deadline = SHORT;
        config.limits.host_calls = u64::MAX;
    });
}

fn check_with(
    guest: Guest,
    grants: &[&str],
    tool: &str,
    arguments: Value,
    expected: Code,
    change: impl FnOnce(&mut Config),
) {
    run(async {
        let rig = Rig::with(change);
        rig.install_echo().await;
        rig.install(guest, grants).await;
        let tool = format!("{}_{tool}", guest.plugin());
        for round in 0..2 {
            let answer = rig.call(&tool, arguments.clone()).await;
            assert_eq!(code(&answer), Some(expected), "{tool}, round {round}: {answer:?}");
            if expected == Code::Deadline {
                let late = answer.receipt.total.saturating_sub(SHORT.0);
                assert!(
                    late < Duration::from_secs(2),
                    "{tool} ended {late:?} after its deadline"
                );
            }
        }
        rig.refusal(&tool, arguments).await;
        rig.check_unharmed().await;
    });
}

/// A component that can't be installed.
fn check_install(guest: Guest, expected: Code) {
    run(async {
        let rig = Rig::with(|config| config.limits.deadline = SHORT);
        rig.install_echo().await;
        let error = rig
            .install_bytes("test".to_owned(), guest.bytes, &[])
            .await
            .unwrap_err();
        assert_eq!(error.code, expected, "{guest:?}: {error:?}");
        assert!(
            error.message.len() < 10_000,
            "{guest:?}: {} bytes",
            error.message.len()
        );
        assert_eq!(
            rig.host.registry().plugins().unwrap().len(),
            1,
            "{guest:?} is not installed"
        );
        rig.check_unharmed().await;
    });
}

#[test]
fn spin() {
    check_deadline(guests::SPIN, &[], json!({}));
}

#[test]
fn spin_memory_fill() {
    check_deadline(guests::SPIN_MEMORY_FILL, &[], json!({}));
}

#[test]
fn spin_host_calls() {
    check_deadline(guests::SPIN_HOST_CALLS, &[], json!({}));
    // With the default limits it is their number that ends them.
    check(guests::SPIN_HOST_CALLS, "run", json!({}), Code::CallLimit);
}

#[test]
fn sleep_forever() {
    check_deadline(guests::SLEEP_FOREVER, &[], json!({}));
    check_deadline(guests::SLEEP_FOREVER, &["clock:monotonic"], json!({}));
}

#[test]
fn block_on_http() {
    let listener = Listener::with([("/", Reply::Silence)]);
    let url = format!("http://127.0.0.1:{}/", listener.port);
    check_deadline(
        guests::BLOCK_ON_HTTP,
        &[&format!("http:GET:{url}*+private")],
        json!({ "url": url }),
    );
    assert!(listener.connections() >= 2);
}

#[test]
fn allocate() {
    check(guests::ALLOCATE, "run", json!({}), Code::Memory);
}

#[test]
fn allocate_slowly() {
    check(guests::ALLOCATE_SLOWLY, "run", json!({}), Code::Memory);
}

#[test]
fn recurse() {
    check(guests::RECURSE, "run", json!({}), Code::Crashed);
}

#[test]
fn trap() {
    check(guests::TRAP, "run", json!({}), Code::Crashed);
}

#[test]
fn panic() {
    check(guests::PANIC, "run", json!({}), Code::Crashed);
}

#[test]
fn exit() {
    // An exit without a complaint is no answer either.
    for status in [0, 1, 255] {
        check(guests::EXIT, "run", json!({ "status": status }), Code::Crashed);
    }
}

#[test]
fn flood_stdout() {
    check(guests::FLOOD_STDOUT, "run", json!({}), Code::LogLimit);
}

#[test]
fn flood_stderr() {
    check(guests::FLOOD_STDERR, "run", json!({}), Code::LogLimit);
}

#[test]
fn flood_log() {
    check(guests::FLOOD_LOG, "run", json!({}), Code::LogLimit);
}

#[test]
fn flood_emit() {
    check(guests::FLOOD_EMIT, "run", json!({}), Code::OutputLimit);
}

#[test]
fn huge_output() {
    check(
        guests::HUGE_OUTPUT,
        "run",
        json!({ "bytes": 11 << 20 }),
        Code::OutputLimit,
    );
    // More than one exchange with the host may carry: another bound, the same end.
    check(
        guests::HUGE_OUTPUT,
        "run",
        json!({ "bytes": 100 << 20 }),
        Code::CallLimit,
    );
}

#[test]
fn huge_error() {
    // Words and details count towards the answer's limit; what is under it is cut to what a message is.
    check(
        guests::HUGE_ERROR,
        "run",
        json!({ "bytes": 11 << 20 }),
        Code::OutputLimit,
    );
    check(
        guests::HUGE_ERROR,
        "run",
        json!({ "bytes": 5000 }),
        Code::ToolFailed,
    );
}

#[test]
fn huge_host_call() {
    check(guests::HUGE_HOST_CALL, "run", json!({}), Code::CallLimit);
}

#[test]
fn many_handles() {
    check_with(
        guests::MANY_HANDLES,
        &[],
        "run",
        json!({}),
        Code::Crashed,
        |config| {
            config.limits.memory = ByteSize::mib(64);
            config.limits.deadline = Span::secs(20);
        },
    );
}

#[test]
fn bad_json_output() {
    for tool in ["structured", "content", "meta", "meta_list", "input"] {
        check(guests::BAD_JSON_OUTPUT, tool, json!({}), Code::ToolFailed);
    }
}

#[test]
fn lies_read_only() {
    run(async {
        let folder = folder();
        let path = folder.path().canonicalize().unwrap().join("x");
        let rig = Rig::new();
        rig.install_echo().await;
        rig.install(
            guests::LIES_READ_ONLY,
            &[&format!("fs:read:{}", folder.path().display())],
        )
        .await;
        // With a grant to read, no promise is needed to keep it from writing.
        let answer = rig.call("lies-read-only_run", json!({ "path": path })).await;
        assert_eq!(code(&answer), Some(Code::Denied), "{answer:?}");
        assert!(!path.exists());
        let named = path.display().to_string();
        let file = |r: &Resource| matches!(r, Resource::File { path } if *path == named);
        assert!(saw(&answer, Access::Denied, file), "{answer:?}");

        // With one to write it is stopped before it does, as it promised to leave everything as it is.
        let plugin = "lies-read-only".parse().unwrap();
        let grant = format!("fs:write:{}", folder.path().display()).parse().unwrap();
        rig.host
            .registry()
            .grant(&plugin, &grant, &Terms::default(), "test", None)
            .unwrap();
        let answer = rig.call("lies-read-only_run", json!({ "path": path })).await;
        assert_eq!(code(&answer), Some(Code::EffectViolation), "{answer:?}");
        assert!(!path.exists());
        assert!(saw(&answer, Access::Denied, file), "{answer:?}");
        assert!(!saw(&answer, Access::Write, file), "{answer:?}");
        rig.check_unharmed().await;
    });
}

#[test]
fn describe_spins() {
    check_install(guests::DESCRIBE_SPINS, Code::BadComponent);
}

#[test]
fn describe_huge() {
    check_install(guests::DESCRIBE_HUGE, Code::BadComponent);
}

#[test]
fn describe_bad() {
    check_install(guests::DESCRIBE_BAD, Code::BadComponent);
}

#[test]
fn describe_traps() {
    check_install(guests::DESCRIBE_TRAPS, Code::BadComponent);
}

#[test]
fn fs_escape() {
    // The ways that it knows are tried in `fs_corpus`; here it has no folder at all.
    for way in [
        "read",
        "list",
        "stat",
        "write",
        "raw_read",
        "raw_list",
        "raw_write",
        "raw_symlink",
        "raw_rename",
    ] {
        let arguments = json!({ "way": way, "path": "/etc/passwd", "to": "/tmp/x" });
        check(guests::FS_ESCAPE, "attempt", arguments, Code::Denied);
    }
}

#[test]
fn http_bypass() {
    // The ways that it knows are tried in `http_corpus`; here it has no leave at all.
    check(
        guests::HTTP_BYPASS,
        "run",
        json!({ "url": "http://169.254.169.254/latest/meta-data/" }),
        Code::Denied,
    );
}

#[test]
fn net_connect() {
    let listener = Listener::start();
    let there = format!("127.0.0.1:{}", listener.port);
    for (way, peer) in [
        ("tcp", there.as_str()),
        ("tcp", "[::1]:80"),
        ("tcp", "169.254.169.254:80"),
        ("tcp", "1.1.1.1:443"),
        ("tcp", "localhost:80"),
        ("udp", there.as_str()),
        ("udp", "8.8.8.8:53"),
        ("listen", "127.0.0.1:0"),
        ("listen", "0.0.0.0:0"),
        ("lookup", "localhost:80"),
        ("lookup", "example.com:80"),
    ] {
        check(
            guests::NET_CONNECT,
            "run",
            json!({ "way": way, "peer": peer }),
            Code::Denied,
        );
    }
    assert_eq!(listener.connections(), 0);
    listener.knock();
    // A grant of one peer opens that one, and shows that the guest can connect at all.
    run(async {
        let rig = Rig::new();
        rig.install(guests::NET_CONNECT, &[&format!("net:tcp:{there}+private")])
            .await;
        let before = listener.connections();
        rig.answer("net-connect_run", json!({ "way": "tcp", "peer": there }))
            .await;
        rig.until("the connection is seen", || listener.connections() > before)
            .await;
        let answer = rig
            .call("net-connect_run", json!({ "way": "tcp", "peer": "127.0.0.1:1" }))
            .await;
        assert_eq!(code(&answer), Some(Code::Denied), "{answer:?}");
    });
}

#[test]
fn env_dump() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::ENV_DUMP, &[]).await;
        let seen = rig.answer("env-dump_run", json!({})).await;
        assert_eq!(seen["variables"], json!({}));
        assert_eq!(seen["arguments"], json!([]));
        assert_eq!(seen["input"], "");
        assert!(seen["folder"].is_null() || seen["folder"] == "/", "{seen}");
        // One that is granted is there, and no other.
        rig.host
            .registry()
            .grant(
                &"env-dump".parse().unwrap(),
                &"env:read:PATH".parse().unwrap(),
                &Terms::default(),
                "test",
                None,
            )
            .unwrap();
        let answer = rig.call("env-dump_run", json!({})).await;
        let variables = answer.json().unwrap()["variables"].clone();
        assert_eq!(variables, json!({ "PATH": std::env::var("PATH").unwrap() }));
        assert!(
            saw(
                &answer,
                Access::Read,
                |r| matches!(r, Resource::Env { name } if name == "PATH")
            ),
            "{answer:?}"
        );
    });
}

#[test]
fn clock_random() {
    // What it learns is the matter of `determinism`; here it must not learn the time by the way.
    run(async {
        let rig = Rig::new();
        rig.install(guests::CLOCK_RANDOM, &[]).await;
        let seen = rig.answer("clock-random_run", json!({})).await;
        assert_eq!(
            seen[0]["wall"], "1735689600000000000",
            "the first instant of 2025"
        );
    });
}

#[test]
fn echo() {
    run(async {
        let rig = Rig::new();
        rig.install_echo().await;
        for text in ["", "x", "\u{0}\u{1b}[2J", "\"}]", "🦀", &"long ".repeat(100_000)] {
            assert_eq!(
                rig.answer("echo_run", json!({ "text": text })).await,
                json!({ "text": text })
            );
        }
        for wrong in [
            json!({}),
            json!({ "text": 1 }),
            json!([]),
            json!("text"),
            Value::Null,
        ] {
            assert_eq!(rig.refusal("echo_run", wrong).await.code, Code::InvalidInput);
        }
        let huge = json!({ "text": "x".repeat(5 << 20) });
        assert_eq!(rig.refusal("echo_run", huge).await.code, Code::InvalidInput);
        for tool in ["echo_walk", "none_run", "echo", "", "../../etc", "echo_run\n"] {
            assert_eq!(rig.refusal(tool, json!({})).await.code, Code::NotFound, "{tool}");
        }
    });
}

#[test]
fn program() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::PROGRAM, &[]).await;
        // Without grants it sees nothing of the world, and says so.
        let operations = json!([{ "do": "read", "path": "/etc/passwd" }, { "do": "query", "database": "finance", "statement": "SELECT 1" }]);
        let saw = rig
            .answer("program_run", json!({ "operations": operations }))
            .await;
        let failed = saw["saw"].as_array().unwrap().iter();
        assert_eq!(failed.filter(|saw| saw["failed"].is_string()).count(), 2, "{saw}");
    });
}

#[test]
fn readme() {
    // The README's plugin is this guest, whatever the lines' ends: what a formatter changes does not count.
    let plain = |text: &str| text.split_whitespace().collect::<String>().replace(",}", "}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(root.join("guests/guests/readme.rs")).unwrap();
    let code: String = source
        .lines()
        .filter(|line| !line.starts_with("//!"))
        .collect::<Vec<_>>()
        .join("\n");
    let readme = std::fs::read_to_string(root.join("../README.md")).unwrap();
    assert!(
        plain(&readme).contains(&plain(&code)),
        "the README's plugin is not the one that is tested:\n{code}"
    );
    run(async {
        let rig = Rig::new();
        rig.install(guests::README, &[]).await;
        // Its name is its package's, as the README's reader will have one.
        assert_eq!(
            rig.answer("fact-test-guests_add", json!({ "a": 1, "b": 2.5 }))
                .await,
            json!(3.5)
        );
    });
}

/// A guest that calls itself without end comes to the bounds of nested calls; `peers` has the rest.
#[test]
fn call_peer() {
    run(async {
        let rig = Rig::new();
        rig.install_echo().await;
        rig.install(guests::CALL_PEER, &["tool:call:*"]).await;
        let grown = rig.answer("call-peer_grow", json!({ "width": 1000 })).await;
        // The first call, and as many as one call may lead to.
        assert_eq!(grown, json!({ "calls": 65, "levels": 9 }));
        rig.check_unharmed().await;
    });
}

/// The tests of guests that stand elsewhere.
use crate::kv::kv_keys;
use crate::lifetimes::lifetimes;
use crate::plain::{every_type, plain_fetch, plain_files, plain_settings, plain_time};

/// Refers to the test of a guest's name, which must exist for that.
macro_rules! has_a_test {
    ($guest:ident) => {
        const _: fn() = $guest;
    };
}
fact_tests::for_each_guest!(has_a_test);
