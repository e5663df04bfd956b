//! What the cache must do, a test for each thing that is asked of it; the name says which.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fact_core::cache::{
    About, Cache, CacheConfig, Clock, Condition, Cost, Depth, Found, Issue, Key, Kind, Level, Lookup,
    ManualClock, Payload, Profile, Skip, State, Status, Stored, Strategy, SystemClock, Truth,
};
use fact_core::types::{ByteSize, CacheState, Freshness, Principal, ToolCall};
use fact_core::{Config, Layer, WarmOutcome, Warmth};
use fact_store::{CacheBatch, CacheBounds, CacheFile};
use fact_tests::guests;
use serde_json::{Value, json};

use crate::proof::outside;
use crate::rig::{Rig, folder, run};

/// A result that says itself how large it is.
struct Sized(usize);

impl Payload for Sized {
    fn encode(&self) -> Vec<u8> {
        self.0.to_le_bytes().to_vec()
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Sized(usize::from_le_bytes(bytes.try_into().ok()?)))
    }
    fn weight(&self) -> usize {
        self.0
    }
}

fn key(n: usize) -> Key {
    Key::of("row/1", &[&n.to_le_bytes()])
}

fn about() -> About {
    About {
        kind: Kind::Tool,
        label: "a_b".to_owned(),
        principal: Principal::local(),
        component: None,
        cost: Duration::from_millis(10),
        tokens: 10,
        lifetime: None,
    }
}

fn lasting(seconds: u64) -> About {
    About {
        lifetime: Some(Duration::from_secs(seconds)),
        ..about()
    }
}

fn standing() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2025-04-01T00:00:00Z".parse().unwrap()))
}

/// A memory level with room for a few dozen of [`SIZE`].
fn memory(strategy: Strategy) -> Cache<Sized> {
    let config = CacheConfig {
        memory: ByteSize::kib(64),
        strategy,
        ..CacheConfig::default()
    };
    Cache::open(&config, None, standing())
}

/// Bytes of an entry.
const SIZE: usize = 4 << 10;

async fn has(cache: &Cache<Sized>, n: usize) -> bool {
    cache.probe(&key(n)).await.is_some()
}

#[test]
fn row_cache_manager_the_size_bound_is_never_exceeded_and_what_is_too_large_evicts_nothing() {
    run(async {
        for strategy in [
            Strategy::Lru,
            Strategy::Lfu,
            Strategy::Ttl,
            Strategy::TokenCost,
            Strategy::Adaptive,
        ] {
            let cache = memory(strategy);
            for n in 0..500 {
                cache.store(&key(n), Sized(SIZE / 4 + n * 37 % SIZE), about());
                cache.find(&key(n * 7 % 500)).await;
                let used = cache.metrics().memory;
                assert!(used.bytes <= used.bytes_max, "{strategy}: {used:?}");
            }
            let before = cache.metrics();
            assert!(before.evicted > 0 && before.memory.entries > 0);
            let large = Sized(cache.entry_max() + 1);
            assert_eq!(
                cache.store(&key(1000), large, about()),
                Stored::Skipped(Skip::TooLarge)
            );
            let after = cache.metrics();
            assert_eq!(
                (after.evicted, after.memory.entries),
                (before.evicted, before.memory.entries)
            );
        }
    });
}

#[test]
fn row_cache_manager_a_lifetime_is_exact_under_a_clock_that_is_moved() {
    run(async {
        let clock = standing();
        let cache: Cache<Sized> = Cache::open(
            &CacheConfig::default(),
            None,
            Arc::clone(&clock) as Arc<dyn Clock>,
        );
        cache.store(&key(1), Sized(1), lasting(3600));
        clock.advance(Duration::from_nanos(3_600_000_000_000 - 1));
        assert!(cache.find(&key(1)).await.is_some());
        clock.advance(Duration::from_nanos(1));
        assert!(cache.find(&key(1)).await.is_none());
    });
}

#[test]
fn row_cache_manager_of_a_hundred_hits_99_take_less_than_a_millisecond() {
    run(async {
        let cache: Cache<Sized> =
            Cache::open(&CacheConfig::default(), None, Arc::new(SystemClock::default()));
        cache.store(&key(1), Sized(SIZE), about());
        let mut times = Vec::with_capacity(10_000);
        for _ in 0..10_000 {
            let started = Instant::now();
            assert!(cache.find(&key(1)).await.is_some());
            times.push(started.elapsed());
        }
        times.sort_unstable();
        assert!(times[9_899] < Duration::from_millis(1), "{:?}", times[9_899]);
    });
}

#[test]
fn row_cache_metrics_percentiles_cost_and_no_data() {
    let cache = memory(Strategy::Lru);
    let health = cache.health();
    assert_eq!((health.condition, health.score), (Condition::NoData, None));
    assert!(cache.metrics().traffic.hit_latency.is_none());

    let cost = |millis| Cost {
        time: Duration::from_millis(millis),
        tokens: 100,
    };
    cache.record(Lookup::Miss {
        latency: Duration::from_millis(100),
        spent: cost(100),
    });
    let mut reduction = cache.metrics().traffic.time_reduction.unwrap().get();
    assert_eq!(reduction, 0.0);
    for micros in 1..=1000 {
        cache.record(Lookup::Hit {
            level: Level::Memory,
            latency: Duration::from_micros(micros),
            saved: cost(100),
        });
        let now = cache.metrics().traffic.time_reduction.unwrap().get();
        assert!(now > reduction, "what is spent falls as hits rise");
        reduction = now;
    }
    let hits = cache.metrics().traffic.hit_latency.unwrap();
    for (found, micros) in [
        (hits.p50, 500.0),
        (hits.p95, 950.0),
        (hits.p99, 990.0),
        (hits.max, 1000.0),
    ] {
        let found = found.as_secs_f64() * 1e6;
        assert!(
            (found - micros).abs() <= micros * 0.011,
            "{found} is not {micros}"
        );
    }
    let health = cache.health();
    let weights: Vec<u32> = health.parts.iter().map(|part| part.weight).collect();
    assert_eq!(weights, [30, 25, 20, 15, 10]);
    assert_eq!(health.condition, Condition::Good);
}

/// Fills a level, does something, and stores one more. The keys that are gone then.
async fn gone(strategy: Strategy, of: impl Fn(usize) -> About, uses: &[usize]) -> Vec<usize> {
    let mut room = 0;
    let probe = memory(strategy);
    while probe.metrics().evicted == 0 {
        probe.store(&key(room), Sized(SIZE), of(room));
        room += 1;
    }
    room -= 1;
    assert!(room > 5, "{room}");
    let cache = memory(strategy);
    for n in 0..room {
        cache.store(&key(n), Sized(SIZE), of(n));
    }
    // All but those that are named last are used.
    for n in uses {
        for n in (0..room).filter(|other| *n == usize::MAX || other == n) {
            cache.find(&key(n)).await;
        }
    }
    cache.store(&key(9999), Sized(SIZE), of(0));
    assert!(has(&cache, 9999).await);
    let mut gone = Vec::new();
    for n in 0..room {
        if !has(&cache, n).await {
            gone.push(n);
        }
    }
    gone
}

#[test]
fn row_cache_strategy_each_evicts_what_it_should() {
    run(async {
        assert_eq!(gone(Strategy::Lru, |_| about(), &[0]).await, [1]);
        let most = usize::MAX;
        assert_eq!(gone(Strategy::Lfu, |_| about(), &[most, 0, 1, 3]).await, [2]);
        let ends = |n: usize| lasting(if n == 4 { 10 } else { 1000 });
        assert_eq!(gone(Strategy::Ttl, ends, &[most]).await, [4]);
        let costs = |n: usize| About {
            tokens: if n == 3 { 1 } else { 1000 },
            ..about()
        };
        assert_eq!(gone(Strategy::TokenCost, costs, &[]).await, [3]);
    });
}

async fn all_true(_: Key, _: Found<Sized>) -> Truth {
    Truth::Holds
}

#[test]
fn row_cache_validation_a_flipped_byte_and_what_is_over_are_found_and_repair_leaves_a_healthy_cache() {
    run(async {
        let (folder, clock) = (folder(), standing());
        let open = || -> Cache<Sized> {
            Cache::open(
                &CacheConfig::default(),
                Some(folder.path()),
                Arc::clone(&clock) as Arc<dyn Clock>,
            )
        };
        let depths = [Depth::Basic, Depth::Standard, Depth::Comprehensive];
        let cache = open();
        for n in 0..20 {
            // However small a result is, it is a result.
            cache.store(&key(n), Sized(n % 2), if n == 0 { lasting(10) } else { about() });
        }
        for depth in depths {
            assert_eq!(
                cache.validate(depth, all_true).await.unwrap().status,
                Status::Healthy
            );
        }
        cache.flush().await.unwrap();
        drop(cache);
        flip(folder.path(), 7);
        clock.advance(Duration::from_secs(11));
        let cache = open();
        for depth in depths {
            let found = cache.validate(depth, all_true).await.unwrap();
            assert_eq!(found.counts.get(&Issue::Broken), Some(&1), "{found:?}");
            let over = (depth > Depth::Basic).then_some(&1);
            assert_eq!(found.counts.get(&Issue::Expired), over, "{found:?}");
        }
        cache.repair(Depth::Comprehensive, all_true).await.unwrap();
        let after = cache.validate(Depth::Comprehensive, all_true).await.unwrap();
        assert_eq!((after.status, after.checked), (Status::Healthy, 18));
    });
}

/// Flips a bit of a row of the file.
fn flip(folder: &Path, which: usize) {
    let file = CacheFile::open(folder).unwrap();
    let (_, mut row) = file.page(0, 1000).unwrap().swap_remove(which);
    let middle = row.sealed.len() / 2;
    row.sealed[middle] ^= 1;
    let batch = CacheBatch {
        put: vec![(row, true)],
        ..CacheBatch::default()
    };
    let bounds = CacheBounds {
        bytes: 1 << 30,
        entries: 1000,
        calls: 1000,
    };
    file.apply(&batch, bounds, 0).unwrap();
}

const TOTAL: &str = "SELECT sum(revenue) FROM financial_records WHERE quarter = 'Q1' AND year = 2025";

fn total() -> Value {
    json!({ "statement": TOTAL })
}

async fn freshly(rig: &Rig, tool: &str, arguments: Value) -> Value {
    let call = ToolCall {
        freshness: Freshness::Run,
        ..ToolCall::new(tool.parse().unwrap(), arguments.as_object().unwrap().clone())
    };
    rig.host.call(call).await.json().unwrap()
}

#[test]
fn row_cache_warming_answers_are_live_count_for_nobody_and_failures_are_listed() {
    run(async {
        let rig = Rig::caching();
        let files = folder();
        let path = files.path().join("gone.txt");
        std::fs::write(&path, "here").unwrap();
        rig.builtin("sql", &["sql:read:finance", "sql:write:finance"])
            .await;
        rig.builtin("file", &[&format!("fs:read:{}", files.path().display())])
            .await;
        rig.install(guests::LIFETIMES, &["clock:wall"]).await;
        let (read, raise) = (
            json!({ "path": path }),
            json!({ "statement": "UPDATE companies SET employees = employees + 1" }),
        );
        for _ in 0..3 {
            rig.answer("sql_query", total()).await;
            rig.answer("file_read", read.clone()).await;
            rig.answer("sql_execute", raise.clone()).await;
            rig.answer("lifetimes_never", json!({})).await;
        }
        let database = rig.data().join("finance.db");
        outside(&database, "UPDATE financial_records SET revenue = 11");
        std::fs::remove_file(&path).unwrap();
        let staff = json!({ "statement": "SELECT sum(employees) FROM companies" });
        let before = (
            rig.host.cache().metrics().traffic,
            freshly(&rig, "sql_query", staff.clone()).await,
        );

        let warmed = rig.host.warm(Warmth::default()).await.unwrap();
        let outcome = |tool: &str| {
            let mut found = warmed.calls.iter().filter(|call| call.asked.call.tool == tool);
            let first = found.next().unwrap_or_else(|| panic!("{tool}: {warmed:?}"));
            first.outcome.clone()
        };
        assert_eq!(outcome("sql_query"), WarmOutcome::Kept);
        assert!(
            matches!(outcome("file_read"), WarmOutcome::Failed { .. }),
            "{warmed:?}"
        );
        assert!(
            matches!(outcome("sql_execute"), WarmOutcome::Skipped { .. }),
            "{warmed:?}"
        );
        assert!(
            matches!(outcome("lifetimes_never"), WarmOutcome::NotKept { .. }),
            "{warmed:?}"
        );
        assert_eq!(warmed.calls.len(), 4);
        assert_eq!(
            freshly(&rig, "sql_query", staff).await,
            before.1,
            "nothing was changed"
        );

        let traffic = rig.host.cache().metrics().traffic;
        assert!(traffic.warmed >= 1);
        // The two fresh runs beside it are the only traffic.
        assert_eq!(
            (traffic.memory_hits, traffic.disk_hits, traffic.stale),
            (before.0.memory_hits, before.0.disk_hits, before.0.stale)
        );
        assert_eq!(traffic.misses, before.0.misses + 2);
        let counted = rig.host.cache().popular(3, 10).await.unwrap();
        assert!(counted.iter().all(|popular| popular.count == 3), "{counted:?}");

        let answer = rig.call("sql_query", total()).await;
        assert!(answer.receipt.cache.is_hit(), "{answer:?}");
        assert_eq!(answer.json().unwrap(), freshly(&rig, "sql_query", total()).await);
        assert_eq!(answer.json().unwrap()["rows"][0][0], 55);
        // What is there is not made again.
        let again = rig.host.warm(Warmth { least: 3, most: 50 }).await.unwrap();
        assert_eq!(
            again.count(|outcome| *outcome == WarmOutcome::Fresh),
            1,
            "{again:?}"
        );
        assert!(
            rig.host
                .warm(Warmth { least: 100, most: 50 })
                .await
                .unwrap()
                .calls
                .is_empty()
        );
    });
}

#[test]
fn row_cache_warming_goes_on_as_scheduled_until_the_host_stops() {
    run(async {
        let rig = Rig::caching();
        rig.builtin("sql", &["sql:read:finance"]).await;
        for _ in 0..3 {
            rig.answer("sql_query", total()).await;
        }
        let (send, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let host = Arc::clone(&rig.host);
        let warming = tokio::spawn(async move {
            let ticks = tokio::time::interval(Duration::from_millis(1));
            host.keep_warm(ticks, Warmth::default(), |round| {
                let _ = send.send(round);
            })
            .await;
        });
        assert_eq!(
            heard.recv().await.unwrap().unwrap().calls[0].outcome,
            WarmOutcome::Fresh
        );
        outside(
            &rig.data().join("finance.db"),
            "UPDATE financial_records SET revenue = 12",
        );
        // Some round from now on finds it changed, and makes it again.
        loop {
            let round = heard.recv().await.unwrap().unwrap();
            match &round.calls[0].outcome {
                WarmOutcome::Kept => break,
                WarmOutcome::Fresh => {}
                other => panic!("{other:?}"),
            }
        }
        let answer = rig.call("sql_query", total()).await;
        assert_eq!(
            (
                answer.json().unwrap()["rows"][0][0].as_i64(),
                answer.receipt.cache.state
            ),
            (Some(60), CacheState::Memory)
        );
        rig.host.stop(Duration::from_secs(1)).await;
        tokio::time::timeout(crate::rig::PATIENCE, warming)
            .await
            .unwrap()
            .unwrap();
    });
}

#[test]
fn row_cache_warming_takes_no_use_of_a_counted_grant() {
    run(async {
        let rig = Rig::caching();
        rig.builtin("sql", &["sql:read:finance"]).await;
        for _ in 0..3 {
            rig.answer("sql_query", total()).await;
        }
        let (registry, sql) = (rig.host.registry(), "sql".parse().unwrap());
        let read = "sql:read:finance".parse().unwrap();
        registry.revoke(&sql, &read, &Default::default()).unwrap();
        let terms = fact_core::types::Terms {
            calls: Some(1),
            ..Default::default()
        };
        registry.grant(&sql, &read, &terms, "test", None).unwrap();
        let warmed = rig.host.warm(Warmth::default()).await.unwrap();
        assert!(
            matches!(warmed.calls[0].outcome, WarmOutcome::Skipped { .. }),
            "{warmed:?}"
        );
        rig.answer("sql_query", total()).await;
    });
}

#[test]
fn row_cache_config_what_is_wrong_is_refused_and_the_environment_sets_it() {
    let load = |variables: &[(&str, &str)]| {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(&[Layer::environment(variables)]).map(|config| config.cache)
    };
    assert_eq!(load(&[]).unwrap(), CacheConfig::default());
    let set = load(&[
        ("FACT_CACHE_MEMORY", "32MiB"),
        ("FACT_CACHE_DISK_ENTRIES", "500"),
        ("FACT_CACHE_STRATEGY", "lfu"),
        ("FACT_CACHE_MAX_LIFETIME", "2h"),
        ("FACT_CACHE_WARM_EVERY", "10m"),
    ])
    .unwrap();
    assert_eq!(
        (set.memory, set.disk_entries, set.strategy),
        (ByteSize::mib(32), 500, Strategy::Lfu)
    );
    assert_eq!(set.max_lifetime.0, Duration::from_secs(7200));
    assert_eq!(set.warm_every.0, Duration::from_secs(600));
    for (name, wrong) in [
        ("FACT_CACHE_MEMORY", "-1"),
        ("FACT_CACHE_MEMORY", "12"),
        ("FACT_CACHE_MEMORY", "1.5MB"),
        ("FACT_CACHE_DISK", "lots"),
        ("FACT_CACHE_DISK_ENTRIES", "-5"),
        ("FACT_CACHE_STRATEGY", "1best"),
        ("FACT_CACHE_MAX_LIFETIME", "0s"),
        ("FACT_CACHE_WARM_EVERY", "1s"),
    ] {
        assert!(load(&[(name, wrong)]).is_err(), "{name}={wrong}");
    }
}

#[test]
fn row_cache_security_refusals_and_what_is_too_large_are_not_kept_and_honest_answers_are() {
    run(async {
        let rig = Rig::with_finance(|config| {
            config.cache.enabled = true;
            config.cache.memory = ByteSize::kib(64);
            config.cache.disk = ByteSize::mib(1);
        });
        rig.builtin("sql", &["sql:read:finance"]).await;
        let files = folder();
        let inside = files.path().display().to_string();
        rig.install(guests::LIFETIMES, &[&format!("fs:read:{inside}")])
            .await;
        let hit_again = async |tool: &str, arguments: Value| {
            rig.call(tool, arguments.clone()).await;
            rig.call(tool, arguments).await.receipt.cache.is_hit()
        };
        // Whoever was refused something is refused it again, and nothing of it is kept.
        for path in [
            format!("{inside}/../secret"),
            format!("{inside}/../../etc/passwd"),
        ] {
            assert!(
                !hit_again("lifetimes_fail", json!({ "path": path })).await,
                "{path}"
            );
        }
        assert!(
            !hit_again(
                "sql_query",
                json!({ "statement": "SELECT name FROM sqlite_master" })
            )
            .await
        );
        // Words are only words: an answer of finance that speaks of secrets and statements is one.
        let words = "SELECT 'DELETE FROM x; password=1; <script>' AS words, name FROM companies";
        assert!(hit_again("sql_query", json!({ "statement": words })).await);
        let large = json!({ "statement": "SELECT printf('%.200000c', 'x') AS large" });
        assert!(!hit_again("sql_query", large).await);
        // On disk nothing can be read without the keys.
        rig.host.cache().flush().await.unwrap();
        for name in ["cache.db", "cache.db-wal"] {
            let bytes = std::fs::read(rig.data().join(name)).unwrap_or_default();
            for word in ["companies", "sql_query", "password"] {
                assert!(
                    !bytes.windows(word.len()).any(|part| part == word.as_bytes()),
                    "{word} in {name}"
                );
            }
        }
    });
}

#[test]
fn row_cache_resilience_a_failing_disk_is_left_alone_and_tried_again_and_queries_are_answered() {
    run(async {
        let (folder, clock) = (folder(), standing());
        let mut config = CacheConfig::default();
        config.breaker.profile = Profile::Development;
        let cache: Cache<Sized> =
            Cache::open(&config, Some(folder.path()), Arc::clone(&clock) as Arc<dyn Clock>);
        let state = || cache.metrics().disk.unwrap().breaker.state;
        // Another process keeps the file for itself.
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (hold, held) = std::sync::mpsc::channel();
        let path = folder.path().to_owned();
        let holder = std::thread::spawn(move || {
            let file = CacheFile::open(&path).unwrap();
            file.alone(|| {
                hold.send(()).unwrap();
                released.recv().unwrap();
            })
            .unwrap();
        });
        held.recv().unwrap();
        assert_eq!(cache.store(&key(1), Sized(1), about()), Stored::Both);
        while state() == State::Closed {
            assert!(cache.flush().await.is_err());
        }
        assert_eq!(state(), State::Open);
        // What is skipped is said to be skipped, and what is in memory is found.
        assert_eq!(
            cache.store(&key(2), Sized(2), about()),
            Stored::MemoryOnly(Skip::Breaker)
        );
        assert_eq!(cache.find(&key(2)).await.unwrap().payload.0, 2);
        assert!(cache.metrics().traffic.skips[&Skip::Breaker] >= 1);
        release.send(()).unwrap();
        holder.join().unwrap();
        assert!(cache.flush().await.is_err(), "its time is not over");
        clock.advance(Duration::from_secs(30));
        for n in 3..6 {
            cache.store(&key(n), Sized(n), about());
            cache.flush().await.unwrap();
        }
        assert_eq!(state(), State::Closed);
        // And as someone says.
        cache.force_breaker(Some(State::Open));
        assert_eq!(
            cache.store(&key(7), Sized(7), about()),
            Stored::MemoryOnly(Skip::Breaker)
        );
        cache.force_breaker(None);
        assert_eq!(cache.store(&key(7), Sized(7), about()), Stored::Both);
    });
}
