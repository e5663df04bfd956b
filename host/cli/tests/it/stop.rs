//! A signal ends the program in good time, whatever its guests are doing.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use fact_tests::guests;

use crate::fact::{Home, Ran};

/// How long to wait for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts as many calls that never end as there are places, then sends a signal.
#[track_caller]
fn check(guest: fact_tests::Guest, signal: &str) {
    let home = Home::new();
    home.ok(&["plugin", "install", &home.guest(guest)]);
    let calls = 10 * std::thread::available_parallelism().unwrap().get().min(6);
    let tool = format!("{}_run", guest.plugin());
    let line = serde_json::json!({ "tool": tool, "arguments": {} }).to_string() + "\n";
    let batch = home.path().join("batch");
    std::fs::write(&batch, line.repeat(calls)).unwrap();
    let mut child = home
        .command(env!("CARGO_BIN_EXE_fact"))
        .args([
            "call",
            "--batch",
            &batch.display().to_string(),
            "--jobs",
            &calls.to_string(),
            "--log-level",
            "plugin=info",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Guests that spin use the processor: when the program has had some of it, they run.
    let started = Instant::now();
    while processor_time(child.id()) < Duration::from_millis(700) {
        assert!(started.elapsed() < PATIENCE, "the guests do not run");
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended by itself: {:?}",
            Ran::new(child.wait_with_output().unwrap())
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = Instant::now();
    let status = home
        .command("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    // Reading to the end waits for the program's end, or for who keeps its pipes open.
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let ended = child.wait_with_output().unwrap();
    let took = sent.elapsed();
    assert!(took < Duration::from_secs(2), "it took {took:?} to stop");
    let ran = Ran::new(ended);
    assert_eq!(ran.code, 5, "{out} {ran:?}");
}

/// What a process has used of the processor, all threads together, as the kernel counts it.
fn processor_time(process: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The fields after the name, which is in brackets and may hold anything.
    let fields: Vec<&str> = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|field| field.parse::<u64>().ok())
            .unwrap_or(0)
    };
    // 100 ticks a second, on every Linux of the last twenty years.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

#[test]
fn sigterm_ends_spinning_guests() {
    check(guests::SPIN, "-TERM");
}

#[test]
fn ctrl_c_does_too() {
    check(guests::SPIN, "-INT");
}
