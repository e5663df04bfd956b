//! How well the cache does, as one number and as the parts that it is made of.
//!
//! The weights are 30 for hits, 25 for how fast they are, 20 for the tokens that what is kept saves, 15 for memory and 10 for
//! what is saved. A part that nothing is known of has no score, and the others are weighed among themselves; a cache that was
//! never asked has none at all. What is full is not ill: a bounded cache fills by design, so memory costs points only where
//! what goes would have been wanted.

use crate::breaker::Alert;
use crate::cache::{Cache, CacheMetrics};
use crate::entry::Payload;
use crate::units::{Fraction, Percent};
use serde::Serialize;
use std::time::Duration;

/// Hits that are enough, as a part of what is asked.
const HIT_RATE: f64 = 0.60;

/// Slow for a hit.
const HIT_LATENCY: Duration = Duration::from_millis(48);

/// Tokens saved for each KiB that are enough.
const TOKENS_PER_KIB: f64 = 100.0;

/// How full memory is best.
const FULL: f64 = 0.80;

/// The part of time saved that is enough.
const SAVED: f64 = 0.75;

/// Lookups from which on a rate says something.
const ENOUGH: u64 = 100;

/// How well the cache does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// In a word.
    pub condition: Condition,
    /// From 0 to 100; none when nothing was asked yet.
    pub score: Option<Percent>,
    /// What it is made of.
    pub parts: Vec<Part>,
    /// What someone should know.
    pub alerts: Vec<Alert>,
}

/// How well, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Nothing was asked yet.
    NoData,
    /// 80 and more.
    Good,
    /// 60 and more.
    Fair,
    /// Less.
    Poor,
}

/// A part of the score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// What it is about.
    pub name: &'static str,
    /// How much it counts.
    pub weight: u32,
    /// Its own score; none when nothing is known.
    pub score: Option<Percent>,
}

impl<P: Payload> Cache<P> {
    /// How well the cache does.
    pub fn health(&self) -> Health {
        let (mut tokens, mut bytes) = (0_u64, 0_u64);
        for (_, entry, _) in self.memory.all() {
            if entry.record.about.tokens > 0 {
                tokens = tokens.saturating_add(entry.record.about.tokens);
                bytes = bytes.saturating_add(entry.payload.weight() as u64);
            }
        }
        health(&self.metrics(), tokens, bytes)
    }
}

/// From what was counted, and from the tokens and bytes of those entries that save any.
#[allow(clippy::cast_precision_loss, reason = "parts of counts")]
fn health(metrics: &CacheMetrics, tokens: u64, bytes: u64) -> Health {
    let traffic = &metrics.traffic;
    let memory = &metrics.memory;
    let latency = traffic.hit_latency.map(|hits| {
        let p95 = hits.p95.as_secs_f64();
        if p95 <= HIT_LATENCY.as_secs_f64() {
            1.0
        } else {
            HIT_LATENCY.as_secs_f64() / p95
        }
    });
    let per_kib = (bytes > 0).then(|| tokens as f64 / (bytes as f64 / 1024.0));
    let full = Fraction::of(memory.bytes as u64, memory.bytes_max as u64).filter(|_| memory.entries > 0);
    let part = |name, weight, score: Option<f64>| Part {
        name,
        weight,
        score: score.map(|score| Fraction::clamped(score).percent()),
    };
    let parts = vec![
        part("hits", 30, traffic.hit_rate.map(|rate| rate.get() / HIT_RATE)),
        part("latency of hits", 25, latency),
        part("tokens kept", 20, per_kib.map(|tokens| tokens / TOKENS_PER_KIB)),
        part("memory", 15, full.map(|full| room(full.get(), metrics))),
        part(
            "time saved",
            10,
            traffic.time_reduction.map(|saved| saved.get() / SAVED),
        ),
    ];
    let known = |part: &&Part| part.score.is_some();
    let weights: u32 = parts.iter().filter(known).map(|part| part.weight).sum();
    let points = |part: &Part| {
        part.score
            .map(|score| score.fraction().get() * f64::from(part.weight))
    };
    let points: f64 = parts.iter().filter_map(points).sum();
    // Without a single question there is nothing to be well or ill at, however empty the memory is.
    let score = traffic
        .hit_rate
        .filter(|_| weights > 0)
        .map(|_| Fraction::clamped(points / f64::from(weights)).percent());
    let condition = match score.map(Percent::get) {
        None => Condition::NoData,
        Some(score) if score >= 80.0 => Condition::Good,
        Some(score) if score >= 60.0 => Condition::Fair,
        Some(_) => Condition::Poor,
    };
    Health {
        condition,
        score,
        parts,
        alerts: alerts(metrics, score),
    }
}

/// The score of memory: all of it up to 80 % full, and then less the more went of what was stored.
#[allow(clippy::cast_precision_loss, reason = "parts of counts")]
fn room(full: f64, metrics: &CacheMetrics) -> f64 {
    let gone = metrics.evicted as f64 / (metrics.traffic.stores.max(1) as f64);
    if full <= FULL {
        1.0
    } else {
        1.0 - gone.min(1.0) * (full - FULL) / (1.0 - FULL)
    }
}

fn alerts(metrics: &CacheMetrics, score: Option<Percent>) -> Vec<Alert> {
    let traffic = &metrics.traffic;
    let mut alerts = Vec::new();
    let mut tell = |critical: bool, message: String| alerts.push(Alert { critical, message });
    let asked = traffic.memory_hits + traffic.disk_hits + traffic.misses + traffic.stale;
    if let Some(rate) = traffic.hit_rate
        && asked >= ENOUGH
        && rate.get() < HIT_RATE
    {
        tell(
            false,
            format!("only {} of what is asked is in the cache", rate.percent()),
        );
    }
    if let Some(hits) = traffic.hit_latency
        && hits.p95 > HIT_LATENCY
    {
        tell(
            true,
            format!(
                "one hit in twenty takes longer than {} ms",
                HIT_LATENCY.as_millis()
            ),
        );
    }
    if traffic.stores >= ENOUGH && metrics.evicted > traffic.stores / 2 {
        tell(
            false,
            "more than half of what is stored goes from memory to make room: give the cache more memory"
                .to_owned(),
        );
    }
    if let Some(score) = score
        && asked >= ENOUGH
        && score.get() < 60.0
    {
        tell(false, format!("the cache's health is {:.0} of 100", score.get()));
    }
    if let Some(problem) = &metrics.disk_problem {
        tell(true, format!("results are kept in memory only: {problem}"));
    }
    if let Some(disk) = &metrics.disk {
        alerts.extend(disk.breaker.alerts.iter().cloned());
    }
    alerts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Cost, Lookup};
    use crate::tests::{World, about, key, text};
    use crate::{About, Level};

    fn ask(cache: &Cache<crate::tests::Text>, hits: u32, misses: u32, latency: Duration) {
        let cost = Cost {
            time: Duration::from_millis(100),
            tokens: 0,
        };
        for _ in 0..hits {
            cache.record(Lookup::Hit {
                level: Level::Memory,
                latency,
                saved: cost,
            });
        }
        for _ in 0..misses {
            cache.record(Lookup::Miss {
                latency: cost.time,
                spent: cost,
            });
        }
    }

    fn scores(health: &Health) -> Vec<Option<f64>> {
        health
            .parts
            .iter()
            .map(|part| part.score.map(|score| score.get().round()))
            .collect()
    }

    const FAST: Duration = Duration::from_micros(5);

    #[tokio::test]
    async fn cache_metrics_an_empty_cache_has_no_data_and_no_score() {
        let cache = World::new().open();
        let health = cache.health();
        assert_eq!((health.condition, health.score), (Condition::NoData, None));
        assert_eq!(scores(&health), [None; 5]);
        assert_eq!(health.alerts, []);
        // What is stored or looked at without being asked for is no data either.
        cache.store(&key(1), text(1), about("a"));
        cache.find(&key(1)).await;
        cache.record(Lookup::Warmed);
        assert_eq!(cache.health().condition, Condition::NoData);
    }

    #[test]
    fn cache_metrics_weights() {
        let weights: Vec<u32> = World::new()
            .open()
            .health()
            .parts
            .iter()
            .map(|part| part.weight)
            .collect();
        assert_eq!(weights, [30, 25, 20, 15, 10]);
    }

    #[test]
    fn cache_metrics_all_hits_are_good_and_no_hits_are_poor() {
        let cache = World::new().open();
        cache.store(
            &key(1),
            text(1),
            About {
                tokens: 10,
                ..about("a")
            },
        );
        ask(&cache, 200, 0, FAST);
        let health = cache.health();
        assert_eq!(
            (health.condition, health.score.unwrap().get()),
            (Condition::Good, 100.0)
        );
        assert_eq!(health.alerts, []);

        let cache = World::new().open();
        ask(&cache, 0, 200, FAST);
        let health = cache.health();
        assert_eq!(scores(&health), [Some(0.0), None, None, None, Some(0.0)]);
        assert_eq!(
            (health.condition, health.score.unwrap().get()),
            (Condition::Poor, 0.0)
        );
        assert_eq!(health.alerts.len(), 2);
    }

    #[test]
    fn cache_metrics_each_part_is_weighed() {
        let cache = World::new().open();
        // 30 % hits are half of what is enough; 96 ms are twice what is slow; 30 % of the time are two fifths of what is enough.
        ask(&cache, 60, 140, Duration::from_millis(96));
        let health = cache.health();
        assert_eq!(scores(&health), [Some(50.0), Some(50.0), None, None, Some(40.0)]);
        let score = (30.0 * 0.5 + 25.0 * 0.5 + 10.0 * 0.4) / 65.0 * 100.0;
        assert!((health.score.unwrap().get() - score).abs() < 0.5, "{health:?}");
        assert!(health.alerts.iter().any(|alert| alert.critical));
    }
}
