//! What goes first, the bounds, and the change of strategy.

use super::Strategy;
use super::*;
use crate::entry::{About, Kind, checksum};
use fact_types::Principal;
use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use std::time::Duration;

fn key(n: u64) -> Key {
    Key::of("test", &[&n.to_le_bytes()])
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

/// An entry that took so many milliseconds and ends at that second.
fn entry(n: u64, millis: u64, ends: Option<i64>) -> Resident<u64> {
    let about = About {
        kind: Kind::Tool,
        label: String::new(),
        principal: Principal::local(),
        component: None,
        cost: Duration::from_millis(millis),
        tokens: 0,
        lifetime: None,
    };
    let record = Record {
        key: key(n),
        about: Arc::new(about),
        created: at(0),
        expires: ends.map(at),
        checksum: checksum(&[]),
    };
    Resident {
        payload: Arc::new(n),
        record: Arc::new(record),
        noted: 0,
        unnoted: 0,
    }
}

enum Do {
    /// Keep this key, with this cost in milliseconds and this end.
    Keep(u64, u64, Option<i64>),
    Use(u64),
}
use Do::{Keep, Use};

/// Which of the keys 0 to 9 are left of a level with room for eight entries of the same size.
fn left(strategy: Strategy, trace: &[Do]) -> Vec<u64> {
    let memory = Memory::new(8000, strategy);
    for step in trace {
        match step {
            Keep(n, cost, ends) => {
                assert!(memory.keep(&key(*n), entry(*n, *cost, *ends), 1000, None, at(0)))
            }
            Use(n) => assert!(matches!(memory.look(&key(*n), at(0)), Looked::Hit { .. }), "{n}"),
        }
        memory.check();
    }
    (0..100).filter(|n| memory.peek(&key(*n)).is_some()).collect()
}

fn fill() -> Vec<Do> {
    (0..8).map(|n| Keep(n, 10, None)).collect()
}

fn then(mut first: Vec<Do>, more: impl IntoIterator<Item = Do>) -> Vec<Do> {
    first.extend(more);
    first
}

/// All keys from 0 to 9 but these.
fn without(gone: &[u64]) -> Vec<u64> {
    (0..10).filter(|n| !gone.contains(n)).collect()
}

#[test]
fn cache_strategy_lru_drops_what_was_used_longest_ago() {
    let trace = then(fill(), [Use(0), Use(2), Keep(8, 10, None), Keep(9, 10, None)]);
    assert_eq!(left(Strategy::Lru, &trace), without(&[1, 3]));
}

#[test]
fn cache_strategy_lfu_drops_what_was_used_least() {
    let trace = then(
        fill(),
        [0, 0, 1, 1, 2, 3, 5, 6, 7].map(Use).into_iter().chain([
            Keep(8, 10, None),
            Use(8),
            Use(8),
            Keep(9, 10, None),
        ]),
    );
    // 4 was used once, then 2 is the oldest of those used twice.
    assert_eq!(left(Strategy::Lfu, &trace), without(&[4, 2]));
}

#[test]
fn cache_strategy_lfu_forgets_old_uses_in_the_end() {
    let uses = (0..20).map(|_| Use(0));
    let scan = (8..50).flat_map(|n| [Keep(n, 10, None), Use(n)]);
    let trace = then(fill(), uses.chain(scan));
    assert!(left(Strategy::Lfu, &trace).contains(&0));
    let uses = (0..20).map(|_| Use(0));
    let scan = (0..400).map(|n| Keep(8 + n % 90, 10, None));
    assert!(!left(Strategy::Lfu, &then(fill(), uses.chain(scan))).contains(&0));
}

#[test]
fn cache_strategy_ttl_drops_what_ends_first() {
    let first = (0..8)
        .map(|n| Keep(n, 10, (n != 3).then_some(100 - n as i64)))
        .collect();
    let trace = then(first, [Use(7), Use(7), Keep(8, 10, None), Keep(9, 10, Some(500))]);
    assert_eq!(left(Strategy::Ttl, &trace), without(&[6, 7]));
}

#[test]
fn cache_strategy_token_cost_keeps_what_saves_most() {
    let first = (0..8).map(|n| Keep(n, 10 + n * 100, None)).collect();
    let trace = then(first, [Use(0), Keep(8, 500, None), Keep(9, 500, None)]);
    // Two uses of what saves 10 ms are less than one of what saves 110.
    assert_eq!(left(Strategy::TokenCost, &trace), without(&[0, 1]));
}

#[test]
fn what_is_over_goes_before_anything_else() {
    for strategy in Strategy::PLAIN {
        let memory = Memory::new(8000, strategy);
        for n in 0..8 {
            let ends = (n == 5).then_some(10);
            assert!(memory.keep(&key(n), entry(n, 1000, ends), 1000, None, at(0)));
        }
        for _ in 0..9 {
            memory.look(&key(5), at(9));
        }
        assert!(memory.keep(&key(8), entry(8, 1, None), 1000, None, at(10)));
        assert!(memory.peek(&key(5)).is_none(), "{strategy}");
        assert_eq!(
            (memory.usage().entries, memory.expired.load(Ordering::Relaxed)),
            (8, 1)
        );
    }
}

#[test]
fn cache_manager_oversize_is_refused_without_evicting() {
    for (bytes, most) in [(80_000, 10_000), (64 << 20, 8 << 20), (1 << 30, 8 << 20)] {
        let memory = Memory::new(bytes, Strategy::Adaptive);
        assert!(memory.keep(&key(1), entry(1, 1, None), 1000, None, at(0)));
        assert!(
            !memory.keep(&key(2), entry(2, 1, None), most + 1, None, at(0)),
            "{bytes}"
        );
        assert!(
            !memory.keep(&key(1), entry(1, 1, None), most + 1, None, at(0)),
            "{bytes}"
        );
        assert_eq!(memory.usage().entries, 1);
        assert!(
            memory.keep(&key(2), entry(2, 1, None), most, None, at(0)),
            "{bytes}"
        );
        memory.check();
    }
}

#[test]
fn cache_manager_times_are_exact() {
    let memory = Memory::new(8000, Strategy::Lru);
    assert!(memory.keep(&key(1), entry(1, 1, Some(60)), 1000, None, at(0)));
    let nano = Duration::from_nanos(1);
    let hit = |now| matches!(memory.look(&key(1), now), Looked::Hit { .. });
    assert!(hit(at(0)) && hit(at(60) - nano));
    // The clock was set back: nobody knows how much of its time is left.
    assert!(!hit(at(0) - nano));
    assert!(memory.keep(&key(1), entry(1, 1, Some(60)), 1000, None, at(0)));
    assert!(!hit(at(60)));
    assert!(memory.peek(&key(1)).is_none(), "what is over is gone");
}

/// Lookups as a host makes them: a miss runs the call, and its result is stored.
fn run(memory: &Memory<u64>, trace: impl Iterator<Item = (u64, u64)>) -> u64 {
    let mut hits = 0;
    for (n, cost) in trace {
        match memory.look(&key(n), at(0)) {
            Looked::Hit { .. } => hits += 1,
            _ => {
                memory.keep(&key(n), entry(n, cost, None), 1000, None, at(0));
            }
        }
    }
    memory.check();
    hits
}

/// A few keys that are asked again and again, between many that are asked once: least recently used never has them, least
/// frequently used does.
fn scans(from: u64, rounds: u64) -> impl Iterator<Item = (u64, u64)> {
    let hot = |round: u64| {
        (0..10).flat_map(move |n| [(n, 10), (n, 10)].into_iter().take(1 + usize::from(round < 3)))
    };
    (0..rounds).flat_map(move |round| {
        let once = (0..60).map(move |n| (from + round * 60 + n, 10));
        hot(round).chain(once)
    })
}

#[test]
fn cache_strategy_adaptive_switches_on_a_trace_built_for_it() {
    let adaptive = Memory::new(40_000, Strategy::Adaptive);
    assert_eq!(adaptive.strategy(), Strategy::Lru);
    run(&adaptive, scans(1000, 60));
    assert_ne!(adaptive.strategy(), Strategy::Lru);
    let (_, switches) = adaptive.shadows().unwrap();
    assert_eq!(switches, 1);

    // From then on it does as well as the one it chose, and better than where it came from.
    let score = |strategy| {
        let memory = Memory::new(40_000, strategy);
        run(&memory, scans(1000, 60));
        run(&memory, scans(100_000, 60))
    };
    let mine = run(&adaptive, scans(100_000, 60));
    let lru = score(Strategy::Lru);
    assert!(mine > 2 * lru.max(100), "{mine} hits, and {lru} with lru");

    // What was asked moves on: the most recent keys are asked again, each a few times and never later.
    let recent =
        (0..6000_u64).flat_map(|n| [0, 7, 19, 30].map(|back| (1_000_000 + (n.saturating_sub(back)), 10)));
    run(&adaptive, recent);
    let (shadows, switches) = adaptive.shadows().unwrap();
    let of = |strategy| {
        shadows
            .iter()
            .find(|shadow| shadow.strategy == strategy)
            .unwrap()
            .score
    };
    assert!(
        of(adaptive.strategy()) + 0.02 >= of(Strategy::Lru),
        "{shadows:?} after {switches}"
    );
}

#[test]
fn adaptive_prefers_what_saves_most_where_costs_differ() {
    let adaptive = Memory::new(20_000, Strategy::Adaptive);
    // Half of the keys cost a hundred times as much as the others, and there is room for a quarter.
    let trace = (0..40_000_u64).map(|n| {
        let any = key(n).spread() as u64 % 80;
        (any, if any.is_multiple_of(2) { 1000 } else { 10 })
    });
    run(&adaptive, trace);
    assert_eq!(
        adaptive.strategy(),
        Strategy::TokenCost,
        "{:?}",
        adaptive.shadows()
    );
}

#[test]
fn of_a_large_level_few_keys_are_followed_and_all_parts_change() {
    let adaptive = Memory::new(16 << 20, Strategy::Adaptive);
    // Each entry is large, so that not all hot ones stay with lru.
    let mut hits = 0;
    for round in 0..120_u64 {
        let hot = (0..200).map(|n| (n, 2 - usize::from(round > 4)));
        let once = (0..1500).map(|n| (1_000_000 + round * 1500 + n, 1));
        for (n, times) in hot.chain(once) {
            for _ in 0..times {
                match adaptive.look(&key(n), at(0)) {
                    Looked::Hit { .. } => hits += 1,
                    _ => {
                        adaptive.keep(&key(n), entry(n, 10, None), 16_000, None, at(0));
                    }
                }
            }
        }
    }
    assert_ne!(
        adaptive.strategy(),
        Strategy::Lru,
        "{:?}, {hits} hits",
        adaptive.shadows()
    );
    adaptive.check();
}

#[derive(Debug, Clone)]
enum Act {
    Keep(u64, usize, Option<i64>),
    Look(u64),
    Remove(u64),
    Pass(i64),
    Clear,
}

fn acts() -> impl proptest::strategy::Strategy<Value = Vec<Act>> {
    let key = 0..40_u64;
    let act = prop_oneof![
        6 => (key.clone(), 1..12_000_usize, prop::option::of(0..100_i64)).prop_map(|(n, size, end)| Act::Keep(n, size, end)),
        6 => key.clone().prop_map(Act::Look),
        2 => key.prop_map(Act::Remove),
        1 => (0..20_i64).prop_map(Act::Pass),
        1 => Just(Act::Clear),
    ];
    prop::collection::vec(act, 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn cache_manager_the_bound_in_bytes_is_never_exceeded(acts in acts(), strategy in 0..5_usize) {
        let all = [Strategy::Lru, Strategy::Lfu, Strategy::Ttl, Strategy::TokenCost, Strategy::Adaptive];
        let memory = Memory::new(64_000, all[strategy]);
        let mut now = 0;
        for (n, act) in acts.into_iter().enumerate() {
            match act {
                Act::Keep(n, size, end) => {
                    let kept = memory.keep(&key(n), entry(n, size as u64, end), size, None, at(now));
                    prop_assert_eq!(kept, size <= 8000);
                    prop_assert!(!kept || memory.peek(&key(n)).is_some());
                }
                Act::Look(n) => {
                    let known = memory.peek(&key(n)).map(|entry| entry.record.is_over(at(now)));
                    match memory.look(&key(n), at(now)) {
                        Looked::Hit { entry, .. } => {
                            prop_assert_eq!(known, Some(false));
                            prop_assert_eq!(*entry.payload, n);
                        }
                        Looked::Over => prop_assert_eq!(known, Some(true)),
                        Looked::Miss => prop_assert_eq!(known, None),
                    }
                }
                Act::Remove(n) => {
                    memory.remove(&key(n));
                    prop_assert!(memory.peek(&key(n)).is_none());
                }
                Act::Pass(by) => now += by,
                Act::Clear => {
                    memory.clear();
                    prop_assert_eq!(memory.usage().bytes, 0);
                }
            }
            if n % 50 == 0 && strategy == 4 {
                memory.force(Strategy::PLAIN[n / 50 % 4]);
            }
            memory.check();
        }
    }
}
