//! The cache against a model of it, and against many callers at once.

use crate::tests::{Text, World, about, key, lasting};
use crate::{Cache, Level, Stored, Why};
use fact_types::ByteSize;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Debug, Clone)]
enum Act {
    Store(usize, usize, Option<u64>),
    Find(usize),
    Refresh(usize, usize),
    Forget(usize),
    Pass(u64),
    Flush,
    Reopen,
    Clear,
    Rotate,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let key = 0..12_usize;
    let size = prop_oneof![0..200_usize, 3000..9500_usize];
    let act = prop_oneof![
        8 => (key.clone(), size.clone(), prop::option::of(0..60_u64)).prop_map(|(n, size, end)| Act::Store(n, size, end)),
        12 => key.clone().prop_map(Act::Find),
        2 => (key.clone(), size).prop_map(|(n, size)| Act::Refresh(n, size)),
        3 => key.prop_map(Act::Forget),
        2 => (0..30_u64).prop_map(Act::Pass),
        2 => Just(Act::Flush),
        1 => Just(Act::Reopen),
        1 => Just(Act::Clear),
        1 => Just(Act::Rotate),
    ];
    prop::collection::vec(act, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// What is found is what was stored last, for as long as its time lasts; and with room on disk it is always found.
    #[test]
    fn the_cache_is_a_map_with_times(acts in acts()) {
        let run = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        run.block_on(async {
            let mut world = World::new();
            // Room for a few entries, and none for the larger ones.
            world.config.memory = ByteSize::kib(64);
            let mut cache = world.open();
            let mut model: HashMap<usize, (Text, Option<u64>)> = HashMap::new();
            let mut now = 0;
            for (step, act) in acts.into_iter().enumerate() {
                let value = |size: usize| Text(format!("{step}:{}", "x".repeat(size)));
                match act {
                    Act::Store(n, size, lifetime) => {
                        let about = lifetime.map_or_else(|| about("a"), lasting);
                        let stored = cache.store(&key(n), value(size), about);
                        model.remove(&n);
                        if lifetime != Some(0) {
                            prop_assert!(!matches!(stored, Stored::Skipped(_) | Stored::MemoryOnly(_)), "{stored:?}");
                            model.insert(n, (value(size), lifetime.map(|lifetime| now + lifetime)));
                        }
                    }
                    Act::Find(n) => {
                        let found = cache.find(&key(n)).await.map(|found| found.payload.as_ref().clone());
                        let expected = model.get(&n).filter(|(_, end)| end.is_none_or(|end| now < end));
                        prop_assert_eq!(found, expected.map(|(text, _)| text.clone()));
                    }
                    Act::Refresh(n, size) => {
                        if let Some(found) = cache.find(&key(n)).await {
                            cache.refresh(&key(n), &found, value(size));
                            model.entry(n).and_modify(|(text, _)| *text = value(size));
                        }
                    }
                    Act::Forget(n) => {
                        cache.forget(&key(n), Why::Stale);
                        model.remove(&n);
                    }
                    Act::Pass(seconds) => {
                        now += seconds;
                        world.clock.advance(Duration::from_secs(seconds));
                    }
                    Act::Flush => cache.flush().await.unwrap(),
                    Act::Reopen => {
                        drop(cache);
                        cache = world.open();
                    }
                    Act::Clear => {
                        cache.clear().await.unwrap();
                        model.clear();
                    }
                    Act::Rotate => {
                        cache.rotate().await.unwrap();
                        cache.reseal().await.unwrap();
                    }
                }
            }
            Ok(())
        })?;
    }
}

/// What is forgotten, or replaced, is never found again by anyone who looks afterwards, however many look at that moment: they
/// bring old rows up from the disk all the time, since memory has room for few.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_forgotten_never_comes_back() {
    const KEYS: usize = 8;
    let mut world = World::new();
    world.config.memory = ByteSize::kib(64);
    let cache: Arc<Cache<Text>> = Arc::new(world.open());
    // The least version of each key that may still be found.
    let least: Arc<Vec<AtomicU64>> = Arc::new((0..KEYS).map(|_| AtomicU64::new(0)).collect());
    let writers = (0..KEYS).map(|n| {
        let (cache, least) = (Arc::clone(&cache), Arc::clone(&least));
        tokio::spawn(async move {
            for version in 0..40_u64 {
                let text = Text(format!("{version}:{}", "x".repeat(3000)));
                cache.store(&key(n), text, about("a"));
                least[n].store(version, Ordering::SeqCst);
                if version % 3 == 0 {
                    cache.flush().await.unwrap();
                }
                // Push it out of memory, so that readers go to the disk.
                for filler in 0..20 {
                    cache.store(&key(1000 + n * 20 + filler), Text("y".repeat(3000)), about("b"));
                }
                tokio::task::yield_now().await;
                if version % 2 == 0 {
                    cache.forget(&key(n), Why::Stale);
                    least[n].store(version + 1, Ordering::SeqCst);
                }
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let readers: Vec<_> = (0..4)
        .map(|reader| {
            let (cache, least) = (Arc::clone(&cache), Arc::clone(&least));
            tokio::spawn(async move {
                let mut levels = [0_u32; 2];
                for look in 0_usize.. {
                    let n = (look + reader) % KEYS;
                    let bound = least[n].load(Ordering::SeqCst);
                    if bound >= 39 {
                        break;
                    }
                    if let Some(found) = cache.find(&key(n)).await {
                        let version: u64 = found.payload.0.split_once(':').unwrap().0.parse().unwrap();
                        assert!(version >= bound, "found {version} of {n} after {bound}");
                        levels[usize::from(found.level == Level::Disk)] += 1;
                    }
                    // What is in memory is found without a pause for others.
                    tokio::task::yield_now().await;
                }
                levels
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut from_disk = 0;
    for reader in readers {
        from_disk += reader.await.unwrap()[1];
    }
    assert!(from_disk > 0, "no row came from the disk");
}
