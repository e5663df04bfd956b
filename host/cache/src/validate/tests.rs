//! What is found, what is repaired, and that a healthy cache is healthy.

use super::*;
use crate::entry::About;
use crate::tests::{Text, World, about, key, lasting, text};
use fact_store::{CacheBatch, CacheBounds, CacheFile, CacheRow};
use fact_types::ByteSize;
use std::sync::atomic::{AtomicUsize, Ordering};

async fn all_true(_: Key, _: Found<Text>) -> Truth {
    Truth::Holds
}

const DEPTHS: [Depth; 3] = [Depth::Basic, Depth::Standard, Depth::Comprehensive];

/// Changes every row of the file by hand.
fn meddle(world: &World, mut change: impl FnMut(usize, &mut CacheRow)) {
    let file = CacheFile::open(world.folder.path()).unwrap();
    let mut put = Vec::new();
    for (n, (_, mut row)) in file.page(0, 1000).unwrap().into_iter().enumerate() {
        change(n, &mut row);
        put.push((row, true));
    }
    let bounds = CacheBounds {
        bytes: 1 << 30,
        entries: 1000,
        calls: 1000,
    };
    file.apply(
        &CacheBatch {
            put,
            ..CacheBatch::default()
        },
        bounds,
        0,
    )
    .unwrap();
}

async fn filled(count: usize) -> World {
    let world = World::new();
    let cache = world.open();
    for n in 0..count {
        cache.store(&key(n), text(n), about("a"));
    }
    cache.flush().await.unwrap();
    world
}

#[tokio::test]
async fn cache_validation_a_clean_cache_is_healthy_at_any_depth_age_and_size() {
    let world = World::new();
    let cache = world.open();
    for depth in DEPTHS {
        assert_eq!(
            cache.validate(depth, all_true).await.unwrap().status,
            Status::Empty
        );
    }
    // An empty answer, a short one, one with words that only sound bad, a large one.
    for (n, text) in [
        "",
        "7",
        "error: token, secret, DELETE FROM x",
        &"x".repeat(2 << 20),
    ]
    .iter()
    .enumerate()
    {
        cache.store(&key(n), Text((*text).to_owned()), about("a"));
    }
    for days in [0, 2, 400] {
        world.clock.advance(Duration::from_secs(days * 86_400));
        for depth in DEPTHS {
            let report = cache.validate(depth, all_true).await.unwrap();
            assert_eq!(
                (report.status, report.checked, report.good),
                (Status::Healthy, 8, Fraction::of(1, 1))
            );
            assert!(
                report
                    .findings
                    .iter()
                    .all(|finding| finding.severity == Severity::Note),
                "{report:?}"
            );
            let notes = depth > Depth::Basic && days > 0;
            assert_eq!(report.counts.contains_key(&Issue::Old), notes);
            assert_eq!(
                report.counts.contains_key(&Issue::Large),
                depth == Depth::Comprehensive
            );
        }
    }
    let traffic = cache.metrics().traffic;
    assert_eq!(
        (traffic.hit_rate, cache.metrics().memory.entries),
        (None, 4),
        "looking is no traffic"
    );
}

#[tokio::test]
async fn cache_validation_a_flipped_byte_and_a_swapped_entry_are_found_and_repaired() {
    for depth in DEPTHS {
        let world = filled(10).await;
        let mut first = Vec::new();
        meddle(&world, |n, row| match n {
            0 => first = row.sealed.clone(),
            1 => row.sealed[40] ^= 1,
            2 => row.sealed = first.clone(),
            3 => row.key_id ^= 1,
            _ => {}
        });
        let cache = world.open();
        let report = cache.validate(depth, all_true).await.unwrap();
        assert_eq!(
            (report.status, report.checked, report.removed),
            (Status::Critical, 10, 0)
        );
        assert_eq!(
            report.counts,
            BTreeMap::from([(Issue::Broken, 2), (Issue::UnknownKey, 1)])
        );
        assert_eq!(
            (report.broken, report.good),
            (Fraction::of(2, 10), Fraction::of(7, 10))
        );
        let repaired = cache.repair(depth, all_true).await.unwrap();
        assert_eq!(repaired.removed, 3);
        let after = cache.validate(depth, all_true).await.unwrap();
        assert_eq!((after.status, after.checked), (Status::Healthy, 7));
    }
}

#[tokio::test]
async fn cache_validation_what_is_over_is_found_and_repaired() {
    let world = World::new();
    let cache = world.open();
    for n in 0..10 {
        cache.store(&key(n), text(n), if n < 3 { lasting(60) } else { about("a") });
    }
    world.clock.advance(Duration::from_secs(60));
    let basic = cache.validate(Depth::Basic, all_true).await.unwrap();
    assert_eq!(basic.status, Status::Healthy);
    let report = cache.validate(Depth::Standard, all_true).await.unwrap();
    // In memory only: the disk dropped them as they were written.
    assert!(report.counts[&Issue::Expired] >= 3, "{report:?}");
    assert_eq!(report.status, Status::Warning);
    assert!(cache.repair(Depth::Standard, all_true).await.unwrap().removed >= 3);
    let after = cache.validate(Depth::Standard, all_true).await.unwrap();
    assert_eq!((after.status, after.counts.len()), (Status::Healthy, 0));
}

#[tokio::test]
async fn cache_validation_asks_whether_it_is_still_true_once_for_each() {
    let world = filled(6).await;
    let cache = world.open();
    // Some are in memory too.
    for n in 0..3 {
        cache.find(&key(n)).await.unwrap();
    }
    let asked = AtomicUsize::new(0);
    let is_true = async |this: Key, found: Found<Text>| {
        asked.fetch_add(1, Ordering::Relaxed);
        assert!(found.payload.0.starts_with("the figure"));
        if this == key(0) || this == key(5) {
            Truth::Stale
        } else {
            Truth::Unknown
        }
    };
    let report = cache.validate(Depth::Comprehensive, &is_true).await.unwrap();
    assert_eq!(
        (asked.load(Ordering::Relaxed), report.counts[&Issue::Stale]),
        (6, 2)
    );
    assert_eq!(report.status, Status::Healthy, "seven of nine are good");
    cache.repair(Depth::Comprehensive, &is_true).await.unwrap();
    assert!(cache.find(&key(0)).await.is_none() && cache.find(&key(5)).await.is_none());
    assert!(cache.find(&key(1)).await.is_some());
}

#[tokio::test]
async fn cache_validation_the_future_and_what_does_not_decode() {
    let mut world = World::new();
    world.config.memory = ByteSize(0);
    let later = World::new();
    later.clock.advance(Duration::from_secs(3600));
    let cache = crate::Cache::open(
        &world.config,
        Some(world.folder.path()),
        Arc::clone(&later.clock) as Arc<dyn crate::Clock>,
    );
    cache.store(&key(1), text(1), about("a"));
    drop(cache);
    /// Any bytes, whether they are text or not.
    struct Any(Vec<u8>);
    impl Payload for Any {
        fn encode(&self) -> Vec<u8> {
            self.0.clone()
        }
        fn decode(bytes: &[u8]) -> Option<Self> {
            Some(Any(bytes.to_vec()))
        }
        fn weight(&self) -> usize {
            self.0.len()
        }
    }
    let any: crate::Cache<Any> = crate::Cache::open(
        &world.config,
        Some(world.folder.path()),
        Arc::clone(&world.clock) as Arc<dyn crate::Clock>,
    );
    any.store(
        &key(2),
        Any(vec![0xff, 0xfe]),
        About {
            tokens: 0,
            ..about("a")
        },
    );
    drop(any);
    let cache = world.open();
    let report = cache.validate(Depth::Comprehensive, all_true).await.unwrap();
    assert_eq!(
        report.counts,
        BTreeMap::from([(Issue::Future, 1), (Issue::Undecodable, 1)])
    );
    assert!(cache.find(&key(2)).await.is_none(), "it is never served");
    assert_eq!(
        cache
            .repair(Depth::Comprehensive, all_true)
            .await
            .unwrap()
            .removed,
        1
    );
}

#[tokio::test]
async fn cache_validation_repairs_all_of_many() {
    for on_disk in [true, false] {
        let world = filled(700).await;
        let mut config = world.config.clone();
        if !on_disk {
            config.disk = ByteSize(0);
        }
        let cache = World { config, ..world }.open();
        if !on_disk {
            for n in 0..700 {
                cache.store(&key(n), text(n), about("a"));
            }
        }
        let stale = async |_: Key, _: Found<Text>| Truth::Stale;
        let repaired = cache.repair(Depth::Comprehensive, stale).await.unwrap();
        assert_eq!((repaired.checked, repaired.removed), (700, 700), "{on_disk}");
        assert_eq!(
            cache.validate(Depth::Basic, all_true).await.unwrap().status,
            Status::Empty
        );
    }
}

#[tokio::test]
async fn cache_validation_keeps_what_is_stored_while_it_looks() {
    let world = filled(10).await;
    let cache = world.open();
    let renew = async |this: Key, _: Found<Text>| {
        cache.store(&this, text(77), about("a"));
        Truth::Stale
    };
    assert_eq!(
        cache.repair(Depth::Comprehensive, renew).await.unwrap().removed,
        0
    );
    assert_eq!(cache.find(&key(3)).await.unwrap().payload.as_ref(), &text(77));
}

#[tokio::test]
async fn what_is_told_is_bounded() {
    let mut world = World::new();
    world.config.disk = ByteSize(0);
    let cache = world.open();
    for n in 0..TOLD + 200 {
        cache.store(&key(n), text(n), about("a"));
    }
    world.clock.advance(Duration::from_secs(7200));
    let report = cache.validate(Depth::Standard, all_true).await.unwrap();
    assert_eq!(
        (report.findings.len(), report.counts[&Issue::Unused]),
        (TOLD, TOLD as u64 + 200)
    );
    assert_eq!(report.status, Status::Healthy);
}
