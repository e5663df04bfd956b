//! Each tool of each connector, through the call path, on real files, databases and servers. What the tools do with odd
//! arguments is tested where they are; here they must reach the world, and no more of it than was granted.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::listener::{Listener, Reply};
use crate::rig::{Rig, folder, run};

/// Tool, arguments, a place in the answer and what must be there.
type Case<'a> = (&'a str, Value, &'a str, Value);

/// Makes the calls one after the other, and checks that every tool of the connector was among them.
async fn check(rig: &Rig, connector: &str, cases: &[Case<'_>]) {
    let mut called = BTreeSet::new();
    for (tool, arguments, place, expected) in cases {
        let answer = rig
            .answer(&format!("{connector}_{tool}"), arguments.clone())
            .await;
        assert_eq!(
            answer.pointer(place),
            Some(expected),
            "{tool} {arguments}: at {place} of {answer}"
        );
        called.insert((*tool).to_owned());
    }
    let plugin = rig.host.registry().plugin(&connector.parse().unwrap()).unwrap();
    let all: BTreeSet<String> = plugin.tools.keys().map(|name| name.as_str().to_owned()).collect();
    assert_eq!(called, all, "every tool of `{connector}` is called");
}

#[test]
fn sql() {
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &["sql:read:finance", "sql:write:finance/benchmarks"])
            .await;
        let by_symbol = json!({
            "statement": "SELECT name FROM companies WHERE symbol = :symbol",
            "parameters": { "symbol": "GREN" }
        });
        check(
            &rig,
            "sql",
            &[
                ("query", by_symbol, "/rows", json!([["Green Energy Corp"]])),
                (
                    "query",
                    json!({ "statement": "SELECT id FROM companies", "max_rows": 2 }),
                    "/truncated",
                    json!(true),
                ),
                (
                    "execute",
                    json!({ "statement": "UPDATE benchmarks SET notes = 'x'" }),
                    "/rows_changed",
                    json!(2),
                ),
                ("schema", json!({}), "/tables/0/name", json!("benchmarks")),
                ("samples", json!({}), "/database", json!("finance")),
                (
                    "explain",
                    json!({ "statement": "SELECT name FROM companies WHERE id = 1" }),
                    "/database",
                    json!("finance"),
                ),
            ],
        )
        .await;
        let samples = rig.answer("sql_samples", json!({})).await;
        let samples = samples["samples"].as_array().unwrap().clone();
        assert_eq!(samples.len(), 7);
        for sample in samples {
            let rows = rig
                .answer("sql_query", json!({ "statement": sample["statement"] }))
                .await;
            assert_ne!(rows["row_count"], 0, "{sample}");
        }
    });
}

#[test]
fn http() {
    run(async {
        let listener = Listener::with([("/data", Reply::Text("{\"a\": [1, 2]}".to_owned()))]);
        let rig = Rig::new();
        let url = format!("http://127.0.0.1:{}/data", listener.port);
        rig.builtin("http", &[&format!("http:GET,HEAD:{url}+private")])
            .await;
        check(
            &rig,
            "http",
            &[
                (
                    "request",
                    json!({ "url": url }),
                    "/body",
                    json!("{\"a\": [1, 2]}"),
                ),
                ("health", json!({ "url": url }), "/status", json!(200)),
                (
                    "parse_json",
                    json!({ "text": "{\"a\": [1, 2]}", "pointer": "/a/1" }),
                    "/value",
                    json!(2),
                ),
                (
                    "extract_links",
                    json!({ "html": "<a href='/x'>X</a>", "base_url": "https://a.example/" }),
                    "/links/0/url",
                    json!("https://a.example/x"),
                ),
            ],
        )
        .await;
        assert!(
            listener.asked().iter().any(|line| line.starts_with("GET /data")),
            "{:?}",
            listener.asked()
        );
    });
}

#[test]
fn file() {
    run(async {
        let outer = folder();
        let data = outer.path().canonicalize().unwrap();
        std::fs::write(data.join("notes.txt"), "one\ntwo\nthree\n").unwrap();
        let at = |name: &str| data.join(name).display().to_string();
        let rig = Rig::new();
        rig.builtin("file", &[&format!("fs:read,write:{}", data.display())])
            .await;
        check(
            &rig,
            "file",
            &[
                (
                    "roots",
                    json!({}),
                    "/folders/0/path",
                    json!(data.display().to_string()),
                ),
                (
                    "read",
                    json!({ "path": at("notes.txt"), "start_line": 2, "max_lines": 1 }),
                    "/content",
                    json!("two\n"),
                ),
                ("read", json!({ "path": "notes.txt" }), "/truncated", json!(false)),
                (
                    "write",
                    json!({ "path": at("new.txt"), "content": "first" }),
                    "/created",
                    json!(true),
                ),
                (
                    "append",
                    json!({ "path": at("new.txt"), "content": " second" }),
                    "/bytes",
                    json!(7),
                ),
                (
                    "read",
                    json!({ "path": at("new.txt") }),
                    "/content",
                    json!("first second"),
                ),
                (
                    "list",
                    json!({ "path": data.display().to_string() }),
                    "/count",
                    json!(2),
                ),
                ("info", json!({ "path": at("new.txt") }), "/size", json!(12)),
                (
                    "search",
                    json!({ "path": data.display().to_string(), "query": "two" }),
                    "/matches/0/line",
                    json!(2),
                ),
                ("delete", json!({ "path": at("new.txt") }), "/kind", json!("file")),
                (
                    "list",
                    json!({ "path": data.display().to_string() }),
                    "/count",
                    json!(1),
                ),
            ],
        )
        .await;
        assert!(!data.join("new.txt").exists());
    });
}

#[test]
fn util() {
    run(async {
        let rig = Rig::new();
        rig.builtin("util", &[]).await;
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check(
            &rig,
            "util",
            &[
                ("format_value", json!({ "value": null }), "/value", json!(null)),
                ("parse_size", json!({ "text": "1.5 GiB" }), "/bytes", json!(1_610_612_736)),
                ("parse_duration", json!({ "text": "1h 30m" }), "/seconds", json!(5400)),
                ("parse_date", json!({ "text": "2025-03-31" }), "/quarter", json!(1)),
                ("hash", json!({ "text": "abc", "algorithm": "sha256" }), "/hex", json!(abc)),
                ("base64_encode", json!({ "text": "abc" }), "/base64", json!("YWJj")),
                ("base64_decode", json!({ "base64": "YWJj" }), "/text", json!("abc")),
                ("json_pointer", json!({ "document": { "a": [7] }, "pointer": "/a/0" }), "/value", json!(7)),
                (
                    "json_patch",
                    json!({ "document": { "a": 1 }, "patch": [{ "op": "replace", "path": "/a", "value": 2 }] }),
                    "/document",
                    json!({ "a": 2 }),
                ),
                ("json_diff", json!({ "from": { "a": 1 }, "to": { "a": 1 } }), "/equal", json!(true)),
                ("csv_to_json", json!({ "csv": "a,b\n1,x\n" }), "/rows/0", json!({ "a": "1", "b": "x" })),
                ("json_to_csv", json!({ "rows": [{ "a": 1, "b": "x" }] }), "/csv", json!("a,b\n1,x\n")),
                ("text_stats", json!({ "text": "one two\nthree" }), "/words", json!(3)),
            ],
        )
        .await;
        // It needs nothing, so it reads nothing: its answers depend on its arguments alone.
        let answer = rig
            .call("util_hash", json!({ "text": "abc", "algorithm": "sha256" }))
            .await;
        assert!(answer.receipt.effects.is_empty(), "{answer:?}");
    });
}

/// The plugin that comes along to be stopped: each of its tools is.
#[test]
fn hostile() {
    use fact_core::types::{ByteSize, Code, Span};
    run(async {
        let rig = Rig::with(|config| {
            config.limits.deadline = Span::secs(2);
            config.limits.log = ByteSize::kib(64);
        });
        rig.install_echo().await;
        rig.install_bytes("builtin:hostile".to_owned(), fact_bundle::hostile(), &[])
            .await
            .unwrap();
        let cases = [
            ("read_passwd", Code::NotFound),
            ("reach_metadata", Code::Denied),
            ("spin", Code::Deadline),
            ("allocate", Code::Memory),
            ("recurse", Code::Crashed),
            ("flood_log", Code::LogLimit),
        ];
        for (tool, expected) in cases {
            let error = rig.refusal(&format!("hostile_{tool}"), json!({})).await;
            assert_eq!(error.code, expected, "{tool}: {error}");
            assert!(!error.message.contains("root:"), "{tool}: {error}");
            rig.check_unharmed().await;
        }
        let plugin = rig.host.registry().plugin(&"hostile".parse().unwrap()).unwrap();
        assert_eq!(plugin.tools.len(), cases.len(), "every tool is stopped");
    });
}
