//! Tools that call tools: whose grants hold, what bounds it, and what the first caller's receipt says of it all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fact_core::types::{
    Access, Code, Limits, LimitsPatch, PluginName, Principal, Resource, Span, Terms, ToolCall,
};
use fact_core::{Answer, Config, PluginLimits};
use fact_tests::guests;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::rig::{PATIENCE, Rig, code, run, saw};

const READ: &str = "sql:read:finance/companies";

/// Has `call-peer` call a tool, and returns the answer with what came of that one call.
async fn through(rig: &Rig, tool: &str, arguments: Value) -> (Answer, Value) {
    let call = json!({ "tool": tool, "arguments": arguments });
    let answer = rig.call("call-peer_run", call).await;
    let came = answer
        .json()
        .unwrap_or_else(|error| panic!("{tool}: {error}"))
        .get("calls")
        .and_then(|calls| calls.get(0))
        .cloned();
    (answer, came.unwrap())
}

fn called(answer: &Answer, access: Access, tool: &str) -> bool {
    saw(
        answer,
        access,
        |resource| matches!(resource, Resource::Tool { name } if name == tool),
    )
}

fn touched(answer: &Answer, access: Access, wanted: &str) -> bool {
    saw(
        answer,
        access,
        |resource| matches!(resource, Resource::Sql { database, table } if database == "finance" && (table == wanted || table.is_empty())),
    )
}

/// Limits for one plugin.
fn limit(config: &mut Config, plugin: &str, limits: LimitsPatch) {
    let tools = BTreeMap::new();
    config
        .plugins
        .insert(plugin.parse().unwrap(), PluginLimits { limits, tools });
}

/// A call of `call-peer_run` that must be over after some time.
fn with_deadline(deadline: Span, arguments: &Value) -> ToolCall {
    ToolCall {
        limits: Some(Limits {
            deadline,
            ..Limits::default()
        }),
        ..ToolCall::new(
            "call-peer_run".parse().unwrap(),
            arguments.as_object().unwrap().clone(),
        )
    }
}

#[test]
fn a_plugin_calls_what_it_was_granted_and_nothing_else() {
    let hello = json!({ "text": "hello" });
    let granted: &[&str] = &["tool:call:echo_*", "tool:call:none_such", "tool:call:call-peer_*"];
    // Grants, the tool, the arguments, and the code of what comes back.
    let cases = [
        (granted, "echo_run", hello.clone(), None),
        (&[], "echo_run", hello.clone(), Some("denied")),
        (
            &["tool:call:util_*", "clock:wall"],
            "echo_run",
            hello.clone(),
            Some("denied"),
        ),
        (granted, "none_such", json!({}), Some("not-found")),
        (granted, "echo_", json!({}), Some("not-found")),
        (granted, "other_run", json!({}), Some("denied")),
        (granted, "", json!({}), Some("denied")),
        (granted, "echo_run", json!({}), Some("invalid-input")),
        (granted, "echo_run", json!([hello]), Some("invalid-input")),
        (granted, "echo_run", json!(null), Some("invalid-input")),
        (granted, "call-peer_ask", json!({}), Some("internal")),
    ];
    run(async {
        for (grants, tool, arguments, expected) in cases {
            let rig = Rig::new();
            rig.install_echo().await;
            rig.install(guests::CALL_PEER, grants).await;
            let (answer, came) = through(&rig, tool, arguments.clone()).await;
            let what = format!("{grants:?} {tool} {arguments}: {answer:?}");
            assert_eq!(came["code"].as_str(), expected, "{what}");
            assert_eq!(
                called(&answer, Access::Denied, tool),
                expected == Some("denied"),
                "{what}"
            );
            if expected.is_none() {
                assert_eq!(came["answer"], hello, "{what}");
                assert!(called(&answer, Access::Read, tool), "{what}");
            }
        }
    });
}

#[test]
fn the_arguments_are_as_large_as_any_call_s() {
    run(async {
        let rig = Rig::new();
        rig.install_echo().await;
        rig.install(guests::CALL_PEER, &["tool:call:echo_run"]).await;
        let code = async |bytes: usize| {
            let call = json!({ "tool": "echo_run", "text_bytes": bytes });
            rig.answer("call-peer_run", call).await["calls"][0]["code"].clone()
        };
        assert_eq!(code((4 << 20) + 1).await, "invalid-input");
        // The answer of a call this large must fit into the caller's own answer.
        assert_eq!(code(1 << 20).await, Value::Null);
    });
}

#[test]
fn a_tool_that_reports_a_failure_did_answer() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::CALL_PEER, &["tool:call:call-peer_fail"])
            .await;
        let (_, came) = through(&rig, "call-peer_fail", json!({})).await;
        assert_eq!((&came["is_error"], &came["code"]), (&json!(true), &Value::Null));
    });
}

/// The grants that hold are those of the plugin whose tool it is: the caller needs none of them, and lends none of its own.
#[test]
fn the_callee_s_own_grants_hold() {
    let query = json!({ "statement": "SELECT count(*) FROM companies" });
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &[READ]).await;
        rig.install(guests::CALL_PEER, &["tool:call:sql_query"]).await;
        let (answer, came) = through(&rig, "sql_query", query.clone()).await;
        assert_eq!(came["answer"]["rows"], json!([[5]]), "{answer:?}");
        assert!(touched(&answer, Access::Read, "companies"), "{answer:?}");
        assert!(called(&answer, Access::Read, "sql_query"), "{answer:?}");
        assert!(!called(&answer, Access::Write, "sql_query"), "{answer:?}");

        // The grant was for one tool.
        let (answer, came) = through(&rig, "sql_schema", json!({})).await;
        assert_eq!(came["code"], "denied");
        assert!(!touched(&answer, Access::Read, "companies"), "{answer:?}");

        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &[]).await;
        rig.install(guests::CALL_PEER, &["tool:call:sql_query", READ])
            .await;
        let query = json!({ "database": "finance", "statement": "SELECT count(*) FROM companies" });
        let (answer, came) = through(&rig, "sql_query", query).await;
        assert_eq!(came["code"], "denied", "{answer:?}");
        assert!(touched(&answer, Access::Denied, ""), "{answer:?}");
        assert!(!touched(&answer, Access::Read, "companies"), "{answer:?}");
    });
}

/// A plugin acts for itself. What the tool's plugin may do for one user alone it does not do for a plugin that this user
/// called, and what it may do for a plugin it does not do for those who call it directly.
#[test]
fn a_plugin_can_not_lend_its_caller_s_name() {
    let statement = json!({ "database": "finance", "statement": "SELECT count(*) FROM companies" });
    run(async {
        for (holder, direct, nested) in [
            // As if there were no such database: none is granted for this call.
            ("user:ann", None, json!("not-found")),
            ("plugin:call-peer", Some(Code::NotFound), Value::Null),
        ] {
            let rig = Rig::with_finance(|_| {});
            rig.builtin("sql", &[]).await;
            rig.install(guests::CALL_PEER, &["tool:call:sql_query"]).await;
            let terms = Terms {
                principal: Some(holder.parse().unwrap()),
                ..Terms::default()
            };
            let sql: PluginName = "sql".parse().unwrap();
            let capability = READ.parse().unwrap();
            rig.host
                .registry()
                .grant(&sql, &capability, &terms, "test", None)
                .unwrap();
            let ann: Principal = "user:ann".parse().unwrap();
            let by_ann = async |tool: &str, arguments: &Value| {
                let call = ToolCall {
                    principal: ann.clone(),
                    ..ToolCall::new(tool.parse().unwrap(), arguments.as_object().unwrap().clone())
                };
                rig.host.call(call).await
            };
            let answer = by_ann("sql_query", &statement).await;
            assert_eq!(code(&answer), direct, "{holder}: {answer:?}");
            let call = json!({ "tool": "sql_query", "arguments": statement });
            let answer = by_ann("call-peer_run", &call).await;
            assert_eq!(
                answer.json().unwrap()["calls"][0]["code"],
                nested,
                "{holder}: {answer:?}"
            );
            assert_eq!(
                touched(&answer, Access::Read, "companies"),
                nested.is_null(),
                "{answer:?}"
            );
        }
    });
}

/// A grant of so many calls is used up by what its own plugin does, not by what others do for it.
#[test]
fn what_others_do_uses_up_no_grant_of_the_caller_s() {
    let statement = json!({ "statement": "SELECT count(*) FROM companies" });
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &[READ]).await;
        rig.install(guests::CALL_PEER, &[]).await;
        let caller: PluginName = "call-peer".parse().unwrap();
        let terms = Terms {
            calls: Some(5),
            ..Terms::default()
        };
        let grant = |capability: &str| {
            let capability = capability.parse().unwrap();
            rig.host
                .registry()
                .grant(&caller, &capability, &terms, "test", None)
                .unwrap();
        };
        grant(READ);
        grant("tool:call:sql_*");
        let (_, came) = through(&rig, "sql_query", statement).await;
        assert_eq!(came["code"], Value::Null, "{came}");
        let plugin = rig.second().host.registry().plugin(&caller).unwrap();
        let used: Vec<(String, u32)> = plugin
            .grants
            .iter()
            .filter(|grant| grant.terms.calls.is_some())
            .map(|grant| (grant.capability.to_string(), grant.used))
            .collect();
        assert_eq!(used, [(READ.to_owned(), 0), ("tool:call:sql_*".to_owned(), 1)]);
    });
}

/// Which of its grants are over is told to whoever called a plugin, and not to another plugin: those are not its own.
#[test]
fn a_grant_that_is_over_is_nothing_to_other_plugins() {
    let statement = json!({ "statement": "SELECT count(*) FROM companies" });
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &[]).await;
        rig.install(guests::CALL_PEER, &["tool:call:sql_query"]).await;
        let terms = Terms {
            calls: Some(1),
            ..Terms::default()
        };
        let (sql, capability) = ("sql".parse().unwrap(), READ.parse().unwrap());
        rig.host
            .registry()
            .grant(&sql, &capability, &terms, "test", None)
            .unwrap();
        assert_eq!(code(&rig.call("sql_query", statement.clone()).await), None);
        let named = json!({ "database": "finance", "statement": "SELECT count(*) FROM companies" });
        for (arguments, expected) in [(&statement, Code::Denied), (&named, Code::NotFound)] {
            let direct = rig.call("sql_query", arguments.clone()).await;
            let error = direct.output().unwrap_err();
            assert_eq!(error.code, expected, "{direct:?}");
            assert!(error.message.contains("its one call is used up"), "{direct:?}");
            assert!(direct.receipt.over.is_some(), "{direct:?}");
            let (nested, came) = through(&rig, "sql_query", arguments.clone()).await;
            assert_ne!(came["code"], Value::Null, "{came}");
            assert!(!format!("{nested:?}").contains("used up"), "{nested:?}");
        }
    });
}

#[test]
fn what_is_disabled_is_so_for_plugins_too() {
    run(async {
        let rig = Rig::new();
        rig.install_echo().await;
        rig.install(guests::CALL_PEER, &["tool:call:*"]).await;
        let echo: PluginName = "echo".parse().unwrap();
        rig.host.registry().enable(&echo, false).unwrap();
        let (_, came) = through(&rig, "echo_run", json!({ "text": "x" })).await;
        assert_eq!(came["code"], "denied", "{came}");
    });
}

/// What happens two levels below is in the first caller's receipt, writes as writes.
#[test]
fn the_receipt_says_what_happened_on_all_levels() {
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &["sql:read:finance", "sql:write:finance"])
            .await;
        rig.install(guests::CALL_PEER, &["tool:call:*"]).await;
        let delete = json!({ "statement": "DELETE FROM companies WHERE id = -1" });
        let (answer, came) = through(
            &rig,
            "call-peer_run",
            json!({ "tool": "sql_execute", "arguments": delete }),
        )
        .await;
        assert_eq!(
            came["answer"]["calls"][0]["answer"]["rows_changed"], 0,
            "{answer:?}"
        );
        for (access, tool) in [(Access::Write, "call-peer_run"), (Access::Write, "sql_execute")] {
            assert!(called(&answer, access, tool), "{tool}: {answer:?}");
        }
        assert!(touched(&answer, Access::Write, "companies"), "{answer:?}");
    });
}

/// A call that is stopped in the middle is not forgotten: what the tools below it had done by then is done.
#[test]
fn the_receipt_of_a_stopped_call_says_it_too() {
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &["sql:read:finance", "sql:write:finance"])
            .await;
        rig.install(guests::CALL_PEER, &["tool:call:*"]).await;
        let delete = json!({ "statement": "DELETE FROM companies WHERE id = -1" });
        let nested = json!({ "tool": "sql_execute", "arguments": delete });
        let call = json!({ "tool": "call-peer_then_spin", "arguments": nested });
        let answer = rig.host.call(with_deadline(Span::secs(3), &call)).await;
        assert_eq!(code(&answer), Some(Code::Deadline), "{answer:?}");
        assert!(touched(&answer, Access::Write, "companies"), "{answer:?}");
        assert!(called(&answer, Access::Write, "sql_execute"), "{answer:?}");
        assert!(
            called(&answer, Access::Write, "call-peer_then_spin"),
            "{answer:?}"
        );
    });
}

#[test]
fn calls_nest_so_deep_and_no_deeper() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::CALL_PEER, &["tool:call:call-peer_grow"])
            .await;
        let answer = rig.call("call-peer_grow", json!({ "width": 1 })).await;
        // The first call, and eight below it.
        assert_eq!(answer.json().unwrap(), json!({ "calls": 9, "levels": 9 }));
        assert!(called(&answer, Access::Denied, "call-peer_grow"), "{answer:?}");
        assert_eq!(rig.host.running(), 0);
    });
}

#[test]
fn one_call_leads_to_so_many_and_no_more() {
    run(async {
        let rig = Rig::new();
        rig.install_echo().await;
        rig.install(guests::CALL_PEER, &["tool:call:*"]).await;
        for round in 0..2 {
            let call = json!({ "tool": "echo_run", "arguments": { "text": "x" }, "times": 70 });
            let told = rig.answer("call-peer_run", call).await;
            let codes: Vec<&Value> = told["calls"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| &c["code"])
                .collect();
            // Each first call has a count of its own.
            assert_eq!(codes.len(), 70, "round {round}");
            assert!(codes[..64].iter().all(|code| code.is_null()), "{codes:?}");
            assert!(codes[64..].iter().all(|code| **code == "denied"), "{codes:?}");
        }
        // All levels together: three times eight levels would be thousands.
        let grown = rig.answer("call-peer_grow", json!({ "width": 3 })).await;
        assert_eq!(grown["calls"], 65);
    });
}

#[test]
fn the_caller_s_deadline_ends_both() {
    run(async {
        let rig = Rig::new();
        rig.install_echo().await;
        rig.install(guests::SPIN, &[]).await;
        rig.install(guests::SLEEP_FOREVER, &[]).await;
        rig.install(guests::CALL_PEER, &["tool:call:*"]).await;
        for tool in ["spin_run", "sleep-forever_run"] {
            let call = json!({ "tool": tool, "arguments": {} });
            let answer = rig.host.call(with_deadline(Span::millis(700), &call)).await;
            assert_eq!(code(&answer), Some(Code::Deadline), "{tool}: {answer:?}");
            assert!(called(&answer, Access::Read, tool), "{answer:?}");
            assert!(
                answer.receipt.total < Duration::from_secs(10),
                "it waited for the callee's own deadline: {answer:?}"
            );
            rig.check_unharmed().await;
        }
    });
}

#[test]
fn the_callee_s_own_limits_hold() {
    run(async {
        let rig = Rig::with(|config| {
            let limits = LimitsPatch {
                deadline: Some(Span::millis(300)),
                ..LimitsPatch::default()
            };
            limit(config, "spin", limits);
        });
        rig.install(guests::SPIN, &[]).await;
        rig.install(guests::TRAP, &[]).await;
        rig.install(guests::CALL_PEER, &["tool:call:*"]).await;
        // The caller lives on, and hears of it.
        let (_, came) = through(&rig, "spin_run", json!({})).await;
        assert_eq!(came["code"], "unavailable", "{came}");
        let (_, came) = through(&rig, "trap_run", json!({})).await;
        assert_eq!(came["code"], "internal", "{came}");
        let message = came["message"].as_str().unwrap();
        assert!(!message.contains("backtrace"), "{message}");
    });
}

#[test]
fn a_call_that_nobody_waits_for_ends_with_all_below_it() {
    run(async {
        let rig = Rig::new();
        rig.install_echo().await;
        rig.install(guests::SPIN, &[]).await;
        rig.install(guests::CALL_PEER, &["tool:call:*"]).await;
        let host = Arc::clone(&rig.host);
        let call = json!({ "tool": "call-peer_run", "arguments": { "tool": "spin_run", "arguments": {} } });
        let running = tokio::spawn(async move { host.call_json("call-peer_run", call).await });
        rig.until("all three run", || rig.host.running() == 3).await;
        running.abort();
        rig.check_unharmed().await;
    });
}

/// A call that runs when the host begins to stop may finish, and call what it needs for that.
#[test]
fn a_host_that_drains_lets_calls_make_their_calls() {
    run(async {
        let rig = Rig::with(|config| {
            let limits = LimitsPatch {
                deadline: Some(Span::millis(700)),
                ..LimitsPatch::default()
            };
            limit(config, "spin", limits);
        });
        rig.install(guests::SPIN, &[]).await;
        rig.install(guests::CALL_PEER, &["tool:call:*"]).await;
        let host = Arc::clone(&rig.host);
        let call = json!({ "tool": "spin_run", "arguments": {}, "times": 2 });
        let running = tokio::spawn(async move { host.call_json("call-peer_run", call).await });
        rig.until("both run", || rig.host.running() == 2).await;
        rig.host.stop(PATIENCE).await;
        let told = running.await.unwrap().json().unwrap();
        for call in told["calls"].as_array().unwrap() {
            let message = call["message"].as_str().unwrap();
            assert!(message.contains("deadline"), "it ran to its end: {told}");
        }
        let late = rig.call("spin_run", json!({})).await;
        assert_eq!(code(&late), Some(Code::Unavailable), "{late:?}");
    });
}

/// Whoever holds a place waits for none: with every place taken by the callers, each is told so at once.
#[test]
fn a_call_within_a_call_waits_for_no_place() {
    /// One place in the host, or in the plugin that calls itself.
    fn check(change: impl FnOnce(&mut Config)) {
        run(async {
            let rig = Rig::with(change);
            rig.install(guests::CALL_PEER, &["tool:call:*"]).await;
            let (answer, came) = through(&rig, "call-peer_fail", json!({})).await;
            assert_eq!(came["code"], "unavailable", "{answer:?}");
            assert!(answer.receipt.total < Duration::from_secs(10), "{answer:?}");
            // The places came back.
            let (_, came) = through(&rig, "call-peer_fail", json!({})).await;
            assert_eq!(came["code"], "unavailable");
        });
    }
    check(|config| config.runtime.slots = 1);
    check(|config| {
        let limits = LimitsPatch {
            concurrency: Some(1),
            ..LimitsPatch::default()
        };
        limit(config, "call-peer", limits);
    });
}

#[test]
fn more_callers_than_places_all_get_an_answer() {
    const CALLERS: usize = 300;
    run(async {
        let rig = Rig::with(|config| {
            config.limits.concurrency = 300;
            config.limits.deadline = Span::secs(60);
        });
        rig.install_echo().await;
        rig.install(guests::CALL_PEER, &["tool:call:*"]).await;
        let mut running = JoinSet::new();
        for _ in 0..CALLERS {
            let host = Arc::clone(&rig.host);
            let call = json!({ "tool": "echo_run", "arguments": { "text": "x" }, "times": 3 });
            running.spawn(async move { host.call_json("call-peer_run", call).await });
        }
        let mut codes = BTreeMap::new();
        while let Some(answer) = running.join_next().await {
            let told = answer.unwrap().json().unwrap();
            for call in told["calls"].as_array().unwrap() {
                *codes.entry(call["code"].to_string()).or_insert(0) += 1;
            }
        }
        assert_eq!(codes.values().sum::<usize>(), 3 * CALLERS, "{codes:?}");
        codes.retain(|code, _| code != "null" && code != "\"unavailable\"");
        assert!(codes.is_empty(), "{codes:?}");
        rig.check_unharmed().await;
    });
}

/// The most that a first call can hold at a time is a chain, whose members must not be left over.
#[test]
fn chains_side_by_side_leave_nothing_behind() {
    run(async {
        let rig = Rig::with(|config| config.limits.concurrency = 300);
        rig.install_echo().await;
        rig.install(guests::CALL_PEER, &["tool:call:*"]).await;
        let mut running = JoinSet::new();
        for _ in 0..20 {
            let host = Arc::clone(&rig.host);
            running.spawn(async move { host.call_json("call-peer_grow", json!({ "width": 2 })).await });
        }
        while let Some(answer) = running.join_next().await {
            let answer = answer.unwrap();
            assert_eq!(answer.json().unwrap()["calls"], 65, "{answer:?}");
        }
        rig.check_unharmed().await;
    });
}
