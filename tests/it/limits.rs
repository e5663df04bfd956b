//! What a call may use, and that nobody else pays for it. These tests measure times: the runner gives each the machine for
//! itself (`.config/nextest.toml`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fact_core::types::{ByteSize, Code, Limits, LimitsPatch, Span, ToolCall};
use fact_core::{Answer, Config, PluginLimits};
use fact_tests::guests;
use serde_json::{Map, json};
use tokio::task::JoinSet;

use crate::rig::{Rig, code, run};

fn cores() -> usize {
    std::thread::available_parallelism().unwrap().get()
}

/// Room for so many calls of one plugin, each stopped after some time.
fn spinning(config: &mut Config, plugin: &str, calls: usize, deadline: Span) {
    let calls = u32::try_from(calls).unwrap();
    config.runtime.slots = calls + 16;
    let limits = LimitsPatch {
        deadline: Some(deadline),
        concurrency: Some(calls),
        // So that it is time that ends them.
        host_calls: Some(u64::MAX),
        ..LimitsPatch::default()
    };
    config.plugins.insert(
        plugin.parse().unwrap(),
        PluginLimits {
            limits,
            tools: BTreeMap::new(),
        },
    );
}

/// Starts calls, and returns when they run.
async fn start(rig: &Rig, tool: &'static str, calls: usize) -> JoinSet<Answer> {
    let mut running = JoinSet::new();
    for _ in 0..calls {
        let host = Arc::clone(&rig.host);
        running.spawn(async move { host.call_json(tool, json!({})).await });
    }
    rig.until("the calls run", || rig.host.running() == calls as u64)
        .await;
    running
}

/// What half of all calls must stay under, whatever else runs, and 99 of 100.
const P99: Duration = Duration::from_millis(50);

/// How many calls are measured. Enough for a 99th percentile with some calls beyond it.
const MEASURED: usize = 300;

/// While so many calls spin until their deadline, another tool answers at once.
fn check_bystander(guest: fact_tests::Guest, tool: &'static str, calls: usize) {
    run(async move {
        // Long enough for the measurement, and then the spinners' own end is part of the test.
        let deadline = Span::secs(10);
        let rig = Rig::with(|config| spinning(config, &guest.plugin(), calls, deadline));
        rig.install_echo().await;
        rig.install(guest, &[]).await;
        rig.check_unharmed().await;
        // The first call maps the spinner's code, which is not what this test measures.
        rig.host
            .registry()
            .linked(
                &rig.host
                    .registry()
                    .plugin(&guest.plugin().parse().unwrap())
                    .unwrap(),
            )
            .await
            .unwrap();

        let started = Instant::now();
        let mut spinners = start(&rig, tool, calls).await;
        let mut times = Vec::new();
        while times.len() < MEASURED && started.elapsed() < Duration::from_secs(8) {
            let before = Instant::now();
            rig.answer("echo_run", json!({ "text": "x" })).await;
            times.push(before.elapsed());
        }
        assert_eq!(
            rig.host.running(),
            calls as u64,
            "every spinner still ran while times were taken"
        );
        times.sort();
        let p99 = times[times.len() * 99 / 100];
        assert!(
            times.len() >= 100,
            "{} calls in 8 s, the slowest {:?}",
            times.len(),
            times.last()
        );
        assert!(
            p99 < P99,
            "of {} calls, p50 {:?}, p99 {p99:?}, slowest {:?}",
            times.len(),
            times[times.len() / 2],
            times.last()
        );

        while let Some(answer) = spinners.join_next().await {
            let answer = answer.unwrap();
            assert_eq!(code(&answer), Some(Code::Deadline), "{answer:?}");
            let late = answer.receipt.total.saturating_sub(deadline.0);
            assert!(
                late < Duration::from_secs(1),
                "a spinner ended {late:?} after its deadline"
            );
        }
        rig.check_unharmed().await;
    });
}

#[test]
fn as_many_spinners_as_cores_disturb_nobody() {
    check_bystander(guests::SPIN, "spin_run", cores());
}

#[test]
fn ten_times_as_many_spinners_disturb_nobody() {
    check_bystander(guests::SPIN, "spin_run", 10 * cores());
}

#[test]
fn spinners_that_call_the_host_disturb_nobody() {
    check_bystander(guests::SPIN_HOST_CALLS, "spin-host-calls_run", 10 * cores());
}

#[test]
fn the_host_stops_in_time_whatever_runs() {
    run(async {
        let calls = 10 * cores();
        let rig = Rig::with(|config| spinning(config, "spin", calls, Span::secs(60)));
        rig.install_echo().await;
        rig.install(guests::SPIN, &[]).await;
        rig.install(guests::SLEEP_FOREVER, &[]).await;
        let mut running = start(&rig, "spin_run", calls).await;
        let host = Arc::clone(&rig.host);
        running.spawn(async move { host.call_json("sleep-forever_run", json!({})).await });
        rig.until("all run", || rig.host.running() == calls as u64 + 1)
            .await;

        let started = Instant::now();
        rig.host.stop(Duration::from_millis(500)).await;
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "it took {:?}",
            started.elapsed()
        );
        assert_eq!(rig.host.running(), 0);
        while let Some(answer) = running.join_next().await {
            assert_eq!(code(&answer.unwrap()), Some(Code::Cancelled));
        }
        let late = rig.call("echo_run", json!({ "text": "x" })).await;
        assert_eq!(code(&late), Some(Code::Unavailable), "{late:?}");
    });
}

#[test]
fn a_call_that_nobody_waits_for_ends() {
    run(async {
        let rig = Rig::new();
        rig.install_echo().await;
        rig.install(guests::SPIN, &[]).await;
        let mut running = start(&rig, "spin_run", 1).await;
        running.abort_all();
        rig.until("it is gone", || rig.host.running() == 0).await;
        while running.join_next().await.is_some() {}
        rig.check_unharmed().await;
    });
}

#[test]
fn a_full_host_says_so_and_forgets_nobody() {
    run(async {
        let rig = Rig::with(|config| {
            spinning(config, "spin", 1, Span::secs(2));
            config.runtime.slots = 1;
            config.runtime.queue = 1;
        });
        rig.install_echo().await;
        rig.install(guests::SPIN, &[]).await;
        let mut running = start(&rig, "spin_run", 1).await;
        // The queue has one place: of two more calls, one is told to come back, and the other one waits its turn.
        let (one, other) = tokio::join!(
            rig.call("echo_run", json!({ "text": "x" })),
            rig.call("echo_run", json!({ "text": "x" })),
        );
        let (refused, served) = if code(&one).is_some() {
            (one, other)
        } else {
            (other, one)
        };
        let error = refused.output().unwrap_err();
        assert_eq!(error.code, Code::Unavailable, "{refused:?}");
        assert!(error.retry_after_ms.is_some(), "{refused:?}");
        assert!(refused.receipt.total < Duration::from_secs(1), "{refused:?}");
        assert_eq!(code(&served), None, "{served:?}");
        assert!(
            served.receipt.total > Duration::from_millis(500),
            "it waited: {served:?}"
        );
        assert_eq!(
            code(&running.join_next().await.unwrap().unwrap()),
            Some(Code::Deadline)
        );
        rig.check_unharmed().await;
    });
}

/// Each limit is the plugin's, or the tool's, or tighter by the caller's wish; and each has its code.
#[test]
fn limits_are_those_that_were_set() {
    run(async {
        let short = LimitsPatch {
            deadline: Some(Span::millis(300)),
            ..LimitsPatch::default()
        };
        let rig = Rig::with(|config| {
            config.limits.deadline = Span::secs(20);
            let tools = BTreeMap::from([("run".parse().unwrap(), short.clone())]);
            config.plugins.insert(
                "spin".parse().unwrap(),
                PluginLimits {
                    limits: LimitsPatch::default(),
                    tools,
                },
            );
            let limits = LimitsPatch {
                memory: Some(ByteSize::mib(8)),
                ..LimitsPatch::default()
            };
            config.plugins.insert(
                "huge-output".parse().unwrap(),
                PluginLimits {
                    limits,
                    tools: BTreeMap::new(),
                },
            );
        });
        rig.install_echo().await;
        for guest in [
            guests::SPIN,
            guests::SLEEP_FOREVER,
            guests::HUGE_OUTPUT,
            guests::SPIN_HOST_CALLS,
        ] {
            rig.install(guest, &[]).await;
        }

        let answer = rig.call("spin_run", json!({})).await;
        assert_eq!(code(&answer), Some(Code::Deadline));
        assert!(
            answer.receipt.total < Duration::from_secs(5),
            "the tool's own deadline, not the host's: {answer:?}"
        );

        let answer = rig.call("huge-output_run", json!({ "bytes": 9 << 20 })).await;
        assert_eq!(code(&answer), Some(Code::Memory), "the plugin's own memory");

        let call = |tool: &str, limits: Limits| ToolCall {
            limits: Some(limits),
            ..ToolCall::new(tool.parse().unwrap(), Map::new())
        };
        let limits = Limits {
            deadline: Span::millis(200),
            ..Limits::default()
        };
        let answer = rig.host.call(call("sleep-forever_run", limits)).await;
        assert_eq!(code(&answer), Some(Code::Deadline));
        assert!(
            answer.receipt.total < Duration::from_secs(5),
            "the caller's own deadline: {answer:?}"
        );

        let limits = Limits {
            host_calls: 1000,
            ..Limits::default()
        };
        let answer = rig.host.call(call("spin-host-calls_run", limits)).await;
        assert_eq!(code(&answer), Some(Code::CallLimit), "{answer:?}");

        let limits = Limits {
            deadline: Span::secs(3600),
            ..Limits::default()
        };
        let answer = rig.host.call(call("spin_run", limits)).await;
        assert_eq!(
            code(&answer),
            Some(Code::Deadline),
            "a caller can't loosen a limit"
        );
        assert!(answer.receipt.total < Duration::from_secs(5), "{answer:?}");
        rig.check_unharmed().await;
    });
}

#[test]
fn fuel_ends_what_computes() {
    run(async {
        let rig = Rig::with(|config| config.limits.fuel = Some(100_000_000));
        rig.install_echo().await;
        rig.install(guests::SPIN, &[]).await;
        let answer = rig.call("spin_run", json!({})).await;
        assert_eq!(code(&answer), Some(Code::Fuel), "{answer:?}");
        assert_eq!(answer.receipt.fuel, Some(100_000_000));
        rig.check_unharmed().await;
    });
}

#[test]
fn more_memory_than_a_slot_is_run_on_demand() {
    run(async {
        let rig = Rig::with(|config| config.limits.memory = ByteSize::mib(400));
        rig.install_echo().await;
        rig.install(guests::ALLOCATE, &[]).await;
        let answer = rig.call("allocate_run", json!({})).await;
        assert_eq!(code(&answer), Some(Code::Memory), "{answer:?}");
        assert!(
            answer.receipt.peak_memory > 256 << 20,
            "it got what it was allowed: {answer:?}"
        );
        rig.check_unharmed().await;
    });
}
