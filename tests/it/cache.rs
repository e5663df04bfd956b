//! Results that are kept: used while they are true, and not a moment longer.

use std::path::Path;
use std::sync::Arc;

use fact_core::Answer;
use fact_core::types::{CacheState, Code, Freshness, Limits, Outcome, Principal, ToolCall, ToolOutput};
use serde_json::{Value, json};

use crate::proof::outside;
use crate::rig::{Rig, folder, run};

/// What was answered, whoever answered.
fn output(answer: &Answer) -> &ToolOutput {
    match &answer.result {
        Ok(Outcome::Complete(output)) => output,
        other => panic!("{other:?}"),
    }
}

/// Calls a tool that must succeed, and says where the answer came from.
async fn ask(rig: &Rig, tool: &str, arguments: Value) -> (Value, CacheState) {
    let answer = rig.call(tool, arguments.clone()).await;
    let ran = !answer.receipt.run.is_zero();
    assert_eq!(
        ran,
        !answer.receipt.cache.is_hit(),
        "{tool} {arguments}: {answer:?}"
    );
    (answer.json().unwrap(), answer.receipt.cache.state)
}

const TOTAL: &str =
    "SELECT sum(revenue) AS total FROM financial_records WHERE quarter = 'Q1' AND year = 2025";

#[test]
fn a_fact_is_kept_until_it_changes() {
    run(async {
        let rig = Rig::caching();
        rig.builtin("sql", &["sql:read:finance"]).await;
        let database = rig.data().join("finance.db");
        let total = json!({ "statement": TOTAL });
        let cell = |answer: &Value| answer["rows"][0][0].as_i64().unwrap();

        let (first, state) = ask(&rig, "sql_query", total.clone()).await;
        assert_eq!((cell(&first), state), (68_500_000_000, CacheState::Miss));
        let (again, state) = ask(&rig, "sql_query", total.clone()).await;
        assert_eq!((again, state), (first, CacheState::Memory));

        outside(
            &database,
            "UPDATE financial_records SET revenue = revenue + 7 WHERE quarter = 'Q1' AND year = 2025 AND company_id = 1",
        );
        let (changed, state) = ask(&rig, "sql_query", total.clone()).await;
        assert_eq!((cell(&changed), state), (68_500_000_007, CacheState::Stale));
        outside(&database, "UPDATE companies SET employees = 1");
        let (same, state) = ask(&rig, "sql_query", total.clone()).await;
        assert_eq!((same, state), (changed.clone(), CacheState::Memory));

        // The same question, in another order.
        let (same, state) = ask(&rig, "sql_query", json!({ "max_rows": 10, "statement": TOTAL })).await;
        assert_eq!((&same, state), (&changed, CacheState::Miss));
        let (_, state) = ask(&rig, "sql_query", json!({ "statement": TOTAL, "max_rows": 10 })).await;
        assert_eq!(state, CacheState::Memory);
    });
}

#[test]
fn another_process_finds_it_on_disk() {
    run(async {
        let rig = Rig::caching();
        rig.builtin("sql", &["sql:read:finance"]).await;
        let total = json!({ "statement": TOTAL });
        let (first, _) = ask(&rig, "sql_query", total.clone()).await;
        rig.host.cache().flush().await.unwrap();

        let second = rig.second_caching();
        let (again, state) = ask(&second, "sql_query", total.clone()).await;
        assert_eq!((&again, state), (&first, CacheState::Disk));
        outside(
            &rig.data().join("finance.db"),
            "UPDATE financial_records SET revenue = 1",
        );
        let third = rig.second_caching();
        let (changed, state) = ask(&third, "sql_query", total).await;
        assert_eq!(
            (changed["rows"][0][0].as_i64(), state),
            (Some(5), CacheState::Stale)
        );
    });
}

#[test]
fn files_are_found_on_disk_too() {
    run(async {
        let rig = Rig::caching();
        let files = folder();
        let path = files.path().join("a.txt");
        std::fs::write(&path, "one").unwrap();
        rig.builtin("file", &[&format!("fs:read:{}", files.path().display())])
            .await;
        let calls = [
            ("file_read", json!({ "path": path })),
            ("file_list", json!({ "path": files.path() })),
        ];
        let mut first = Vec::new();
        for (tool, arguments) in &calls {
            first.push(ask(&rig, tool, arguments.clone()).await.0);
        }
        rig.host.cache().flush().await.unwrap();
        let second = rig.second_caching();
        for ((tool, arguments), first) in calls.into_iter().zip(first) {
            let found = ask(&second, tool, arguments).await;
            assert_eq!(found, (first, CacheState::Disk), "{tool}");
        }
    });
}

#[test]
fn a_number_reaches_the_tool_as_it_was_written() {
    run(async {
        let rig = Rig::caching();
        rig.builtin("sql", &["sql:read:finance"]).await;
        for (number, kind) in [(json!(2.0), "real"), (json!(2), "integer"), (json!(-0.0), "real")] {
            let typed = json!({ "statement": "SELECT typeof(:n)", "parameters": { "n": number } });
            let (answer, state) = ask(&rig, "sql_query", typed).await;
            assert_eq!(
                (&answer["rows"][0][0], state),
                (&json!(kind), CacheState::Miss),
                "{number}"
            );
        }
    });
}

#[test]
fn a_kept_answer_keeps_to_the_limits_of_the_call() {
    run(async {
        let rig = Rig::caching();
        rig.builtin("sql", &["sql:read:finance"]).await;
        let statement = json!({ "statement": "SELECT * FROM companies" });
        ask(&rig, "sql_query", statement.clone()).await;
        let call = |change: fn(&mut Limits)| {
            let mut limits = Limits::default();
            change(&mut limits);
            ToolCall {
                limits: Some(limits),
                ..ToolCall::new(
                    "sql_query".parse().unwrap(),
                    statement.as_object().unwrap().clone(),
                )
            }
        };
        let kept = rig.host.call(call(|_| {})).await;
        assert!(kept.receipt.cache.is_hit(), "{kept:?}");
        let stopped = rig.host.call(call(|limits| limits.output.0 = 100)).await;
        assert_eq!(crate::rig::code(&stopped), Some(Code::OutputLimit), "{stopped:?}");
    });
}

#[test]
fn what_changes_something_runs_every_time() {
    run(async {
        let rig = Rig::caching();
        rig.builtin("sql", &["sql:read:finance", "sql:write:finance"])
            .await;
        let raise =
            json!({ "statement": "UPDATE companies SET employees = employees + 1 WHERE symbol = 'TECH'" });
        for _ in 0..3 {
            ask(&rig, "sql_execute", raise.clone()).await;
        }
        let staff = json!({ "statement": "SELECT employees FROM companies WHERE symbol = 'TECH'" });
        let (answer, _) = ask(&rig, "sql_query", staff.clone()).await;
        assert_eq!(answer["rows"][0][0], 50_003);
        ask(&rig, "sql_execute", raise).await;
        let (answer, state) = ask(&rig, "sql_query", staff).await;
        assert_eq!(
            (&answer["rows"][0][0], state),
            (&json!(50_004), CacheState::Stale)
        );
    });
}

#[test]
fn a_file_is_read_again_only_when_it_changed() {
    run(async {
        let rig = Rig::caching();
        let files = folder();
        let at = |name: &str| files.path().join(name);
        rig.builtin("file", &[&format!("fs:read:{}", files.path().display())])
            .await;
        std::fs::write(at("a.txt"), "one\n").unwrap();
        let read = json!({ "path": at("a.txt") });
        let (first, state) = ask(&rig, "file_read", read.clone()).await;
        assert_eq!(state, CacheState::Miss);
        assert_eq!(
            ask(&rig, "file_read", read.clone()).await,
            (first, CacheState::Memory)
        );
        let edited = |path: &Path| {
            let done = std::process::Command::new("sed")
                .args(["-i", "s/one/two/"])
                .arg(path)
                .status();
            assert!(done.unwrap().success());
        };
        edited(&at("a.txt"));
        let (second, state) = ask(&rig, "file_read", read.clone()).await;
        assert_eq!(state, CacheState::Stale);
        assert!(second.to_string().contains("two"), "{second}");
        std::fs::write(at("neighbour.txt"), "x").unwrap();
        assert_eq!(ask(&rig, "file_read", read).await, (second, CacheState::Memory));
    });
}

#[test]
fn nobody_gets_the_entry_of_another() {
    run(async {
        let rig = Rig::caching();
        rig.builtin("util", &[]).await;
        let call = |principal: &str| {
            let arguments = json!({ "text": "1 MiB" }).as_object().unwrap().clone();
            ToolCall {
                principal: principal.parse::<Principal>().unwrap(),
                ..ToolCall::new("util_parse_size".parse().unwrap(), arguments)
            }
        };
        for (principal, state) in [
            ("local", CacheState::Miss),
            ("plugin:other", CacheState::Miss),
            ("local", CacheState::Memory),
            ("plugin:other", CacheState::Memory),
        ] {
            let answer = rig.host.call(call(principal)).await;
            assert_eq!(answer.receipt.cache.state, state, "{principal}");
        }
        let fresh = ToolCall {
            freshness: Freshness::Run,
            ..call("local")
        };
        assert!(!rig.host.call(fresh).await.receipt.cache.is_hit());
    });
}

#[test]
fn of_a_thousand_equal_calls_one_runs() {
    run(async {
        let rig = Arc::new(Rig::caching());
        rig.builtin("sql", &["sql:read:finance"]).await;
        let calls: Vec<_> = (0..1000)
            .map(|_| {
                let rig = Arc::clone(&rig);
                tokio::spawn(async move { rig.call("sql_query", json!({ "statement": TOTAL })).await })
            })
            .collect();
        let mut ran = 0;
        for call in calls {
            let answer = call.await.unwrap();
            assert_eq!(
                output(&answer).structured.as_ref().unwrap()["rows"][0][0],
                68_500_000_000_i64
            );
            ran += u32::from(!answer.receipt.cache.is_hit());
        }
        assert_eq!(ran, 1);
    });
}

#[test]
fn equal_calls_that_are_not_kept_run_at_the_same_time() {
    run(async {
        let rig = Arc::new(Rig::caching());
        rig.install(fact_tests::guests::CLOCK_RANDOM, &["clock:wall", "random:secure"])
            .await;
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let rig = Arc::clone(&rig);
                tokio::spawn(async move { rig.call("clock-random_run", json!({})).await })
            })
            .collect();
        for call in calls {
            let answer = call.await.unwrap();
            assert!(!answer.receipt.cache.is_hit());
            assert!(answer.receipt.cache.why.is_some(), "{:?}", answer.receipt);
        }
    });
}

#[test]
fn a_result_rests_on_what_the_tools_read_that_it_called() {
    run(async {
        let rig = Rig::caching();
        let files = folder();
        let path = files.path().join("fact.txt");
        std::fs::write(&path, "first").unwrap();
        rig.builtin("file", &[&format!("fs:read:{}", files.path().display())])
            .await;
        rig.install(fact_tests::guests::CALL_PEER, &["tool:call:file_read"])
            .await;
        let call = json!({ "tool": "file_read", "arguments": { "path": path } });
        let (first, state) = ask(&rig, "call-peer_run", call.clone()).await;
        assert_eq!(state, CacheState::Miss, "{first}");
        assert_eq!(
            ask(&rig, "call-peer_run", call.clone()).await,
            (first, CacheState::Memory)
        );
        std::fs::write(&path, "other").unwrap();
        let (second, state) = ask(&rig, "call-peer_run", call.clone()).await;
        assert_eq!(state, CacheState::Stale);
        assert!(second.to_string().contains("other"), "{second}");

        // What the called tool may do is part of it too.
        let (registry, file) = (rig.host.registry(), "file".parse().unwrap());
        registry
            .grant(
                &file,
                &"clock:wall".parse().unwrap(),
                &Default::default(),
                "test",
                None,
            )
            .unwrap();
        let (_, state) = ask(&rig, "call-peer_run", call.clone()).await;
        assert_eq!(state, CacheState::Stale);
        registry.enable(&file, false).unwrap();
        let refused = rig.call("call-peer_run", call).await;
        assert!(!refused.receipt.cache.is_hit(), "{refused:?}");
    });
}
