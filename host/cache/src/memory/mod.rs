//! The memory level: entries of this process, bounded in bytes.
//!
//! It is the host's own and no crate: moka and quick_cache have one policy each, and here the policy is a setting that can be
//! compared with the others and changed while it runs.

mod adaptive;
mod bounded;
mod ranking;
#[cfg(test)]
mod tests;

pub use adaptive::Shadow;
pub use ranking::Strategy;

use crate::Key;
use crate::entry::Record;
use adaptive::Adaptive;
use bounded::{Bounded, Facts, Gone};
use jiff::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parts with a lock each. An entry takes at most an eighth of the room, so each fits in one.
const SHARDS: usize = 8;

/// From this size on there are several parts.
const LARGE: usize = 8 << 20;

/// Largest entry, in bytes, however large the level is: the largest output that tools have by default is not much more, and
/// what is larger is seldom asked twice.
pub(crate) const ENTRY_MAX: usize = 8 << 20;

/// What an entry takes besides its payload and texts: its places in maps and orders, its times, its part of the shadows.
/// Measured at 730 to 850 bytes, depending on how full the maps are.
const OVERHEAD: usize = 896;

/// What is in memory of an entry.
#[derive(Debug)]
pub(crate) struct Resident<P> {
    pub(crate) payload: Arc<P>,
    pub(crate) record: Arc<Record>,
    /// When the disk last heard that it is used, in milliseconds since 1970.
    pub(crate) noted: i64,
    /// Uses since then.
    pub(crate) unnoted: u32,
}

impl<P> Clone for Resident<P> {
    fn clone(&self) -> Self {
        Resident {
            payload: Arc::clone(&self.payload),
            record: Arc::clone(&self.record),
            noted: self.noted,
            unnoted: self.unnoted,
        }
    }
}

/// How often a use of an entry in memory is told to the disk, in milliseconds: to the hour is enough for its order.
const NOTED: i64 = 3_600_000;

/// What looking gave.
pub(crate) enum Looked<P> {
    Hit {
        entry: Resident<P>,
        /// How many uses the disk should hear of now.
        note: Option<u32>,
    },
    /// There is one, and its time is over: it is gone now.
    Over,
    Miss,
}

#[derive(Debug)]
struct Shard<P> {
    entries: Bounded<Resident<P>>,
    /// By which it orders them now.
    strategy: Strategy,
}

/// How full the level is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct MemoryUse {
    /// Entries.
    pub entries: usize,
    /// Their bytes, as they count for the bound.
    pub bytes: usize,
    /// The bound.
    pub bytes_max: usize,
    /// Largest entry, in bytes.
    pub entry_max: usize,
}

#[derive(Debug)]
pub(crate) struct Memory<P> {
    shards: Vec<Mutex<Shard<P>>>,
    adaptive: Option<(usize, Mutex<Adaptive>)>,
    /// The strategy in force: its place in [`Strategy::PLAIN`].
    strategy: AtomicU64,
    bytes_max: usize,
    entry_max: usize,
    pub(crate) evicted: AtomicU64,
    pub(crate) expired: AtomicU64,
}

impl<P> Memory<P> {
    pub(crate) fn new(bytes: usize, strategy: Strategy) -> Self {
        let shards = if bytes >= LARGE { SHARDS } else { 1 };
        let shard = || {
            Mutex::new(Shard {
                entries: Bounded::new(bytes / shards, usize::MAX, strategy),
                strategy,
            })
        };
        let adaptive = (strategy == Strategy::Adaptive).then(|| {
            let adaptive = Adaptive::new(bytes);
            (adaptive.one_in(), Mutex::new(adaptive))
        });
        let memory = Memory {
            shards: std::iter::repeat_with(shard).take(shards).collect(),
            adaptive,
            strategy: AtomicU64::new(0),
            bytes_max: bytes,
            entry_max: (bytes / 8).min(ENTRY_MAX),
            evicted: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        };
        let begin = if strategy == Strategy::Adaptive {
            Strategy::Lru
        } else {
            strategy
        };
        memory.force(begin);
        for shard in &memory.shards {
            locked(shard).strategy = begin;
        }
        memory
    }

    /// What an entry counts.
    pub(crate) fn weight(record: &Record, payload: usize) -> usize {
        payload
            .saturating_add(record.about.label.len())
            .saturating_add(record.about.principal.as_str().len())
            .saturating_add(OVERHEAD)
    }

    pub(crate) fn fits(&self, weight: usize) -> bool {
        weight <= self.entry_max
    }

    /// Looks for an entry, and counts that as a use.
    pub(crate) fn look(&self, key: &Key, now: Timestamp) -> Looked<P> {
        let (looked, facts) = self.look_in_shard(key, now);
        self.follow(key, |adaptive| adaptive.looked(key, facts, nanos(now)));
        looked
    }

    fn look_in_shard(&self, key: &Key, now: Timestamp) -> (Looked<P>, Option<Facts>) {
        let Some(mut shard) = self.shard(key) else {
            return (Looked::Miss, None);
        };
        let Some((entry, standing)) = shard.entries.get(key) else {
            return (Looked::Miss, None);
        };
        if entry.record.is_over(now) {
            shard.entries.remove(key);
            self.expired.fetch_add(1, Ordering::Relaxed);
            return (Looked::Over, None);
        }
        entry.unnoted = entry.unnoted.saturating_add(1);
        let millis = now.as_millisecond();
        let note = (millis.saturating_sub(entry.noted) >= NOTED).then(|| {
            entry.noted = millis;
            std::mem::take(&mut entry.unnoted)
        });
        let entry = entry.clone();
        let facts = Facts {
            weight: standing.weight,
            value: standing.value,
            expires: standing.expires,
        };
        (Looked::Hit { entry, note }, Some(facts))
    }

    /// An entry, without counting a use, whether its time is over or not.
    pub(crate) fn peek(&self, key: &Key) -> Option<Resident<P>> {
        self.shard(key)?.entries.peek(key).cloned()
    }

    /// Keeps an entry, unless it is too large. `uses` go on where they are known.
    pub(crate) fn keep(
        &self,
        key: &Key,
        entry: Resident<P>,
        weight: usize,
        uses: Option<u32>,
        now: Timestamp,
    ) -> bool {
        self.keep_if(key, entry, weight, uses, now, |_| true)
    }

    /// Keeps an entry that was read elsewhere, unless there is one already, or it is too large, or `is_current` says that it
    /// has changed since. That is asked when nobody else can change the entry here.
    pub(crate) fn bring_up(
        &self,
        key: &Key,
        entry: Resident<P>,
        weight: usize,
        now: Timestamp,
        is_current: impl FnOnce() -> bool,
    ) -> bool {
        self.keep_if(key, entry, weight, None, now, |is_there| {
            !is_there && is_current()
        })
    }

    fn keep_if(
        &self,
        key: &Key,
        entry: Resident<P>,
        weight: usize,
        uses: Option<u32>,
        now: Timestamp,
        may: impl FnOnce(bool) -> bool,
    ) -> bool {
        if !self.fits(weight) {
            return false;
        }
        let facts = Facts {
            weight,
            value: entry.record.about.value(),
            expires: entry.record.expires.map(nanos),
        };
        // Payloads that go are dropped after the lock is.
        let mut dropped = Vec::new();
        let kept = {
            let Some(mut shard) = self.shard(key) else {
                return false;
            };
            if !may(shard.entries.peek(key).is_some()) {
                return false;
            }
            let gone = |_: Key, value: Resident<P>, why: Gone| {
                let count = if why == Gone::Expired {
                    &self.expired
                } else {
                    &self.evicted
                };
                count.fetch_add(1, Ordering::Relaxed);
                dropped.push(value);
            };
            shard
                .entries
                .insert(*key, entry, facts, uses, nanos(now), gone)
                .is_ok()
        };
        if kept {
            self.follow(key, |adaptive| {
                adaptive.stored(key, facts, nanos(now));
                adaptive.current()
            });
        }
        kept
    }

    /// Uses of an entry so far.
    pub(crate) fn uses(&self, key: &Key) -> Option<u32> {
        Some(self.shard(key)?.entries.standing(key)?.uses)
    }

    pub(crate) fn remove(&self, key: &Key) -> Option<Resident<P>> {
        let removed = self.shard(key)?.entries.remove(key);
        if removed.is_some() {
            self.follow(key, |adaptive| {
                adaptive.removed(key);
                adaptive.current()
            });
        }
        removed
    }

    pub(crate) fn clear(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| locked(shard).entries.clear())
            .sum()
    }

    /// All entries as they are now, with their uses.
    pub(crate) fn all(&self) -> Vec<(Key, Resident<P>, u32)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = locked(shard);
            all.extend(
                shard
                    .entries
                    .iter()
                    .map(|(key, entry, standing)| (*key, entry.clone(), standing.uses)),
            );
        }
        all
    }

    pub(crate) fn usage(&self) -> MemoryUse {
        let mut usage = MemoryUse {
            bytes_max: self.bytes_max,
            entry_max: self.entry_max,
            ..MemoryUse::default()
        };
        for shard in &self.shards {
            let shard = locked(shard);
            usage.entries += shard.entries.len();
            usage.bytes += shard.entries.bytes();
        }
        usage
    }

    /// The strategy in force now.
    pub(crate) fn strategy(&self) -> Strategy {
        let place = usize::try_from(self.strategy.load(Ordering::Relaxed)).unwrap_or_default();
        Strategy::PLAIN.get(place).copied().unwrap_or(Strategy::Lru)
    }

    /// How the strategies compare, and how often another took over; none where the strategy is fixed.
    pub(crate) fn shadows(&self) -> Option<(Vec<Shadow>, u64)> {
        let (_, adaptive) = self.adaptive.as_ref()?;
        let adaptive = locked(adaptive);
        Some((adaptive.shadows(), adaptive.switches()))
    }

    /// Tells the shadows what happened, if they follow this key, and does as they say.
    fn follow(&self, key: &Key, tell: impl FnOnce(&mut Adaptive) -> Strategy) {
        if let Some((one_in, adaptive)) = &self.adaptive
            && Adaptive::follows(*one_in, key)
        {
            self.force(tell(&mut locked(adaptive)));
        }
    }

    fn force(&self, strategy: Strategy) {
        let place = Strategy::PLAIN.iter().position(|plain| *plain == strategy);
        self.strategy
            .store(place.unwrap_or_default() as u64, Ordering::Relaxed);
    }

    /// The part where a key belongs, ordered by the strategy in force.
    fn shard(&self, key: &Key) -> Option<MutexGuard<'_, Shard<P>>> {
        let shard = self.shards.get(key.spread() % self.shards.len().max(1))?;
        let mut shard = locked(shard);
        let strategy = self.strategy();
        if shard.strategy != strategy {
            shard.strategy = strategy;
            shard.entries.rerank(strategy);
        }
        Some(shard)
    }

    #[cfg(test)]
    pub(crate) fn check(&self) {
        self.shards.iter().for_each(|shard| locked(shard).entries.check());
        let usage = self.usage();
        assert!(usage.bytes <= usage.bytes_max);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nanoseconds since 1970; what is before is 1970.
fn nanos(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_nanosecond()).unwrap_or(if moment < Timestamp::UNIX_EPOCH {
        0
    } else {
        u64::MAX
    })
}
