//! What a call through the host costs, beside the engine alone, in the same run. Ends with the ratio of the medians, and
//! fails when it is over its bound.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark"
)]

mod bare;

use std::time::{Duration, Instant};

use criterion::Criterion;
use fact_core::{Config, Host, InstallOptions, Source};
use fact_tests::guests::ECHO;

/// The call path may cost this many times what the bare engine costs, at the median.
const BOUND: f64 = 2.0;

/// Calls of each kind for the ratio, in turn, so that whatever disturbs the machine disturbs both.
const ROUNDS: usize = 4000;

fn main() {
    let executor = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::in_folder(folder.path());
    // Every call runs: an answer that is kept would be compared with nothing.
    config.cache.enabled = false;
    let host = Host::open(config).unwrap();
    let source = Source::Bytes {
        label: "bench".to_owned(),
        bytes: ECHO.bytes.to_vec(),
    };
    executor
        .block_on(host.registry().install(source, InstallOptions::default()))
        .unwrap();
    let bare = bare::Bare::new(ECHO.bytes).unwrap();
    let arguments = serde_json::json!({ "text": "hello world" });
    let text = arguments.to_string();

    let through_host = async || {
        let answer = host.call_json("echo_run", arguments.clone()).await;
        assert!(answer.output().is_ok());
    };
    let engine_alone = async || assert!(bare.call("run", &text).await.unwrap().contains("hello world"));

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("echo, a fresh instance for each call");
    group.bench_function("bare engine", |b| b.to_async(&executor).iter(engine_alone));
    group.bench_function("call path", |b| b.to_async(&executor).iter(through_host));
    group.finish();
    criterion.final_summary();

    let (mut engine, mut path) = (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS));
    executor.block_on(async {
        for _ in 0..ROUNDS {
            let started = Instant::now();
            engine_alone().await;
            engine.push(started.elapsed());
            let started = Instant::now();
            through_host().await;
            path.push(started.elapsed());
        }
    });
    let (engine, path) = (median(engine), median(path));
    let ratio = path.as_secs_f64() / engine.as_secs_f64();
    println!("p50 of {ROUNDS}: bare engine {engine:?}, call path {path:?}, ratio {ratio:.2} (bound {BOUND})");
    if ratio > BOUND {
        println!("the call path costs more than its bound");
        std::process::exit(1);
    }
}

fn median(mut spans: Vec<Duration>) -> Duration {
    spans.sort_unstable();
    spans[spans.len() / 2]
}
