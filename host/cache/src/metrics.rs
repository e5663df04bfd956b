//! What the cache did for its callers.
//!
//! Traffic is what callers say it was: looking for an entry counts nothing by itself, since only the caller knows whether
//! what was found is still true. So validation and warming never count as traffic.

use crate::entry::{Level, Skip};
use crate::units::Fraction;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A lookup and how it ended, as the caller saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// An entry was there, and still true.
    Hit {
        /// Where.
        level: Level,
        /// From the question to the answer.
        latency: Duration,
        /// What did not have to be done again.
        saved: Cost,
    },
    /// An entry was there, and no longer true; the call had to run.
    Stale {
        /// From the question to the answer, the run included.
        latency: Duration,
        /// What was done.
        spent: Cost,
    },
    /// There was no entry; the call had to run.
    Miss {
        /// From the question to the answer, the run included.
        latency: Duration,
        /// What was done.
        spent: Cost,
    },
    /// A call ran only to have its result in the cache. No traffic.
    Warmed,
}

/// What a run takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Time.
    pub time: Duration,
    /// Tokens of a model.
    pub tokens: u64,
}

/// How long lookups took. Exact to one in a hundred; what takes over an hour counts as an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Latencies {
    /// How many there were.
    pub count: u64,
    /// Half took no longer.
    pub p50: Duration,
    /// 95 of a hundred took no longer.
    pub p95: Duration,
    /// 99 of a hundred took no longer.
    pub p99: Duration,
    /// None took longer.
    pub max: Duration,
    /// The mean.
    pub mean: Duration,
}

/// What the cache did since it was opened.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Traffic {
    /// Hits in memory.
    pub memory_hits: u64,
    /// Hits on disk.
    pub disk_hits: u64,
    /// Lookups with no entry.
    pub misses: u64,
    /// Lookups with an entry that was no longer true.
    pub stale: u64,
    /// The part of lookups that were hits; none when there were none.
    pub hit_rate: Option<Fraction>,
    /// Calls that ran only for the cache.
    pub warmed: u64,
    /// How long hits took; none when there were none.
    pub hit_latency: Option<Latencies>,
    /// How long the others took.
    pub miss_latency: Option<Latencies>,
    /// What hits saved.
    pub saved: Cost,
    /// What the others spent.
    pub spent: Cost,
    /// The part of the time that would have been spent without the cache that was saved; none when nothing was asked.
    pub time_reduction: Option<Fraction>,
    /// The same for tokens; none when no model was asked.
    pub token_reduction: Option<Fraction>,
    /// Results that at least one level took.
    pub stores: u64,
    /// Results or levels that were passed over, by reason.
    pub skips: BTreeMap<Skip, u64>,
    /// Entries that were removed since they were no longer true.
    pub forgotten_stale: u64,
    /// Entries that were removed since they were not what they should be.
    pub forgotten_invalid: u64,
}

#[derive(Debug, Default)]
struct Sum {
    micros: AtomicU64,
    tokens: AtomicU64,
}

impl Sum {
    fn add(&self, cost: Cost) {
        add(&self.micros, micros(cost.time));
        add(&self.tokens, cost.tokens);
    }
    fn get(&self) -> Cost {
        Cost {
            time: Duration::from_micros(self.micros.load(Ordering::Relaxed)),
            tokens: self.tokens.load(Ordering::Relaxed),
        }
    }
}

/// Counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    memory_hits: AtomicU64,
    disk_hits: AtomicU64,
    misses: AtomicU64,
    stale: AtomicU64,
    warmed: AtomicU64,
    saved: Sum,
    spent: Sum,
    hits: Mutex<Option<Histogram<u64>>>,
    others: Mutex<Option<Histogram<u64>>>,
    pub(crate) stores: AtomicU64,
    skips: [AtomicU64; Skip::ALL.len()],
    pub(crate) forgotten_stale: AtomicU64,
    pub(crate) forgotten_invalid: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        // An hour in nanoseconds, to two digits: about 40 KiB each.
        let histogram = || Mutex::new(Histogram::new_with_bounds(1, 3_600_000_000_000, 2).ok());
        Metrics {
            memory_hits: AtomicU64::default(),
            disk_hits: AtomicU64::default(),
            misses: AtomicU64::default(),
            stale: AtomicU64::default(),
            warmed: AtomicU64::default(),
            saved: Sum::default(),
            spent: Sum::default(),
            hits: histogram(),
            others: histogram(),
            stores: AtomicU64::default(),
            skips: Default::default(),
            forgotten_stale: AtomicU64::default(),
            forgotten_invalid: AtomicU64::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn record(&self, lookup: Lookup) {
        match lookup {
            Lookup::Hit {
                level,
                latency,
                saved,
            } => {
                let count = match level {
                    Level::Memory => &self.memory_hits,
                    Level::Disk => &self.disk_hits,
                };
                add(count, 1);
                self.saved.add(saved);
                note(&self.hits, latency);
            }
            Lookup::Stale { latency, spent } => {
                add(&self.stale, 1);
                self.spent.add(spent);
                note(&self.others, latency);
            }
            Lookup::Miss { latency, spent } => {
                add(&self.misses, 1);
                self.spent.add(spent);
                note(&self.others, latency);
            }
            Lookup::Warmed => add(&self.warmed, 1),
        }
    }

    pub(crate) fn skipped(&self, why: Skip) {
        let place = Skip::ALL.iter().position(|skip| *skip == why);
        if let Some(count) = place.and_then(|place| self.skips.get(place)) {
            add(count, 1);
        }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (memory_hits, disk_hits) = (get(&self.memory_hits), get(&self.disk_hits));
        let (misses, stale) = (get(&self.misses), get(&self.stale));
        let (saved, spent) = (self.saved.get(), self.spent.get());
        let hits = memory_hits + disk_hits;
        let part = |some: u64, rest: u64| Fraction::of(some, some.saturating_add(rest));
        Traffic {
            memory_hits,
            disk_hits,
            misses,
            stale,
            hit_rate: part(hits, misses + stale),
            warmed: get(&self.warmed),
            hit_latency: latencies(&self.hits),
            miss_latency: latencies(&self.others),
            saved,
            spent,
            time_reduction: part(micros(saved.time), micros(spent.time)),
            token_reduction: part(saved.tokens, spent.tokens),
            stores: get(&self.stores),
            skips: Skip::ALL
                .into_iter()
                .zip(self.skips.iter().map(get))
                .filter(|(_, count)| *count > 0)
                .collect(),
            forgotten_stale: get(&self.forgotten_stale),
            forgotten_invalid: get(&self.forgotten_invalid),
        }
    }
}

pub(crate) fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn held(histogram: &Mutex<Option<Histogram<u64>>>) -> MutexGuard<'_, Option<Histogram<u64>>> {
    histogram.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(histogram: &Mutex<Option<Histogram<u64>>>, latency: Duration) {
    let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
    if let Some(histogram) = &mut *held(histogram) {
        histogram.saturating_record(nanos.max(1));
    }
}

fn latencies(histogram: &Mutex<Option<Histogram<u64>>>) -> Option<Latencies> {
    let held = held(histogram);
    let histogram = held.as_ref().filter(|histogram| !histogram.is_empty())?;
    let at = |quantile| Duration::from_nanos(histogram.value_at_quantile(quantile));
    Some(Latencies {
        count: histogram.len(),
        p50: at(0.50),
        p95: at(0.95),
        p99: at(0.99),
        max: Duration::from_nanos(histogram.max()),
        mean: Duration::from_secs_f64(histogram.mean() / 1e9),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(latency: Duration, millis: u64) -> Lookup {
        let saved = Cost {
            time: Duration::from_millis(millis),
            tokens: 10,
        };
        Lookup::Hit {
            level: Level::Memory,
            latency,
            saved,
        }
    }

    fn miss(millis: u64) -> Lookup {
        let time = Duration::from_millis(millis);
        Lookup::Miss {
            latency: time,
            spent: Cost { time, tokens: 10 },
        }
    }

    #[test]
    fn cache_metrics_percentiles_match_a_reference() {
        let metrics = Metrics::default();
        let mut all: Vec<u64> = (0..1000_u64).map(|n| 50 + (n * 7919) % 1000 * 37).collect();
        for nanos in &all {
            metrics.record(hit(Duration::from_nanos(*nanos), 0));
        }
        all.sort_unstable();
        let found = metrics.traffic().hit_latency.unwrap();
        for (found, place) in [
            (found.p50, 499),
            (found.p95, 949),
            (found.p99, 989),
            (found.max, 999),
        ] {
            let (found, expected) = (found.as_nanos() as f64, all[place] as f64);
            assert!(
                (found - expected).abs() <= expected * 0.01 + 1.0,
                "{found} is not {expected}"
            );
        }
    }

    #[test]
    fn cache_metrics_cost_falls_as_hits_rise_and_nothing_is_no_number() {
        let metrics = Metrics::default();
        let empty = metrics.traffic();
        assert_eq!(
            (empty.hit_rate, empty.time_reduction, empty.hit_latency),
            (None, None, None)
        );
        metrics.record(miss(100));
        let mut before = metrics.traffic().time_reduction.unwrap();
        assert_eq!(before.get(), 0.0);
        for _ in 0..20 {
            metrics.record(hit(Duration::from_micros(1), 100));
            let now = metrics.traffic().time_reduction.unwrap();
            assert!(now > before);
            before = now;
        }
        let traffic = metrics.traffic();
        assert_eq!(traffic.hit_rate, Fraction::of(20, 21));
        assert_eq!((traffic.saved.tokens, traffic.spent.tokens), (200, 10));
    }

    #[test]
    fn warming_is_no_traffic() {
        let metrics = Metrics::default();
        metrics.record(Lookup::Warmed);
        let traffic = metrics.traffic();
        assert_eq!(
            (traffic.warmed, traffic.hit_rate, traffic.miss_latency),
            (1, None, None)
        );
    }
}
