//! `fact cache stats`.

use clap::Args;
use fact_core::Host;
use fact_core::cache::{
    CacheMetrics, Condition, DiskUse, Fraction, Health, Latencies, Popular, State, Traffic,
};
use serde_json::{Value, json};

use super::{bytes, failed};
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{clip, one_line};
use crate::times::{ago, time};

/// How many of the most asked calls are shown.
const POPULAR: usize = 10;

const EXAMPLES: &str = "\
Examples:
  fact cache stats
  fact cache stats --json

Hits, misses and times are counted in each process while it runs, so those of a command are its own, and this one asks nothing.
What is on disk, and how often calls were asked, is of all processes that share the data folder. The receipt of a call says what
the cache had to do with it: `fact call TOOL --receipt`.";

/// How the cache does.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Stats {}

impl Stats {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let told = Told::of(&host).await?;
        if screen.json_wanted() {
            let mut document = json!({
                "enabled": host.config().cache.enabled,
                "process": { "metrics": told.metrics, "health": told.health },
                "disk": told.disk,
                "asked": told.asked,
            });
            in_micros(&mut document);
            return screen.json(&document);
        }
        if !host.config().cache.enabled {
            screen.note("The cache is switched off: `cache.enabled` is false.");
        }
        screen.line(told.in_words())
    }
}

/// All that is known.
struct Told {
    metrics: CacheMetrics,
    health: Health,
    disk: Option<DiskUse>,
    asked: Vec<Popular>,
}

impl Told {
    async fn of(host: &Host) -> Result<Self, Failure> {
        let cache = host.cache();
        Ok(Told {
            metrics: cache.metrics(),
            health: cache.health(),
            disk: cache.disk_use().await.map_err(|e| failed(&e))?,
            asked: cache.popular(1, POPULAR).await.map_err(|e| failed(&e))?,
        })
    }

    fn in_words(&self) -> String {
        let mut text = "On disk, of all processes that share the data folder\n".to_owned();
        match (&self.disk, &self.metrics.disk_problem) {
            (Some(disk), _) => text.push_str(&format!(
                "  {} entries of at most {}\n  {} of at most {}\n  {} calls whose number is counted\n",
                disk.entries,
                disk.entries_max,
                bytes(disk.bytes),
                bytes(disk.bytes_max),
                disk.calls,
            )),
            (None, Some(problem)) => text.push_str(&format!("  it can't be used: {}\n", one_line(problem))),
            (None, None) => text.push_str("  switched off\n"),
        }
        if let Some(disk) = &self.metrics.disk {
            let breaker = match disk.breaker.state {
                State::Closed => "it is asked",
                State::Open => "it failed, and is left alone for a while",
                State::HalfOpen => "it failed, and is tried again",
            };
            text.push_str(&format!("  {breaker}\n"));
        }
        text.push_str("\nAsked most, of all processes\n");
        if self.asked.is_empty() {
            text.push_str("  no data: no call was counted yet\n");
        }
        for asked in &self.asked {
            let call = one_line(&format!("{} {}", asked.call.tool, asked.call.arguments));
            text.push_str(&format!(
                "  {} times, last {}: {}\n",
                asked.count,
                ago(asked.last),
                clip(&call, 80)
            ));
        }
        text.push_str(&traffic(&self.metrics));
        text.push_str(&health(&self.health));
        text
    }
}

fn traffic(metrics: &CacheMetrics) -> String {
    let traffic = &metrics.traffic;
    let mut text = format!(
        "\nIn this process\n  memory: {} entries, {} of at most {}, ordered by {}\n",
        metrics.memory.entries,
        bytes(metrics.memory.bytes as u64),
        bytes(metrics.memory.bytes_max as u64),
        json!(metrics.strategy).as_str().unwrap_or_default(),
    );
    if asked(traffic) == 0 {
        text.push_str("  traffic: no data, since this process has answered no call\n");
        return text;
    }
    text.push_str(&format!(
        "  traffic: {} hits in memory, {} on disk, {} misses, {} no longer true; {} of what was asked are hits\n",
        traffic.memory_hits,
        traffic.disk_hits,
        traffic.misses,
        traffic.stale,
        part(traffic.hit_rate),
    ));
    text.push_str(&format!(
        "  hits: {}\n  the others: {}\n  time saved: {}\n",
        latencies(traffic.hit_latency),
        latencies(traffic.miss_latency),
        part(traffic.time_reduction),
    ));
    text
}

fn asked(traffic: &Traffic) -> u64 {
    [
        traffic.memory_hits,
        traffic.disk_hits,
        traffic.misses,
        traffic.stale,
    ]
    .iter()
    .fold(0, |sum, count| sum.saturating_add(*count))
}

fn part(part: Option<Fraction>) -> String {
    part.map_or_else(|| "no data".to_owned(), |part| part.percent().to_string())
}

fn latencies(latencies: Option<Latencies>) -> String {
    latencies.map_or_else(
        || "no data".to_owned(),
        |l| {
            format!(
                "{} for half of them at most, {} for 95 of 100, {} for 99 of 100, {} at most",
                time(l.p50),
                time(l.p95),
                time(l.p99),
                time(l.max)
            )
        },
    )
}

fn health(health: &Health) -> String {
    let score = |score: Option<fact_core::cache::Percent>| {
        score.map_or_else(
            || "no data".to_owned(),
            |score| format!("{:.0} of 100", score.get()),
        )
    };
    let word = match health.condition {
        Condition::NoData => "no data",
        Condition::Good => "good",
        Condition::Fair => "fair",
        Condition::Poor => "poor",
    };
    let mut text = format!("\nHealth of this process' cache: {word}");
    if health.score.is_some() {
        text.push_str(&format!(", {}", score(health.score)));
    }
    text.push('\n');
    for part in &health.parts {
        text.push_str(&format!(
            "  {:<16} weight {:>2}: {}\n",
            part.name,
            part.weight,
            score(part.score)
        ));
    }
    for alert in &health.alerts {
        let word = if alert.critical { "critical" } else { "warning" };
        text.push_str(&format!("  {word}: {}\n", one_line(&alert.message)));
    }
    text
}

/// Spans of time as microseconds, as they are everywhere else in what machines read: the key says so.
fn in_micros(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(in_micros),
        Value::Object(map) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            for key in keys {
                match map.get(&key).and_then(micros) {
                    Some(micros) => {
                        map.remove(&key);
                        map.insert(format!("{key}_us"), micros.into());
                    }
                    None => {
                        if let Some(inner) = map.get_mut(&key) {
                            in_micros(inner);
                        }
                    }
                }
            }
        }
        _ => {}
    }
}

/// A span as it is written by default.
fn micros(value: &Value) -> Option<u64> {
    let span = value.as_object().filter(|map| map.len() == 2)?;
    let part = |key| span.get(key).and_then(Value::as_u64);
    Some(
        part("secs")?
            .saturating_mul(1_000_000)
            .saturating_add(part("nanos")? / 1000),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn spans_are_microseconds() {
        let mut document = json!({ "a": [{ "mean": Duration::from_millis(1500), "n": 1 }], "time": Duration::from_nanos(1999) });
        in_micros(&mut document);
        assert_eq!(
            document,
            json!({ "a": [{ "mean_us": 1_500_000, "n": 1 }], "time_us": 1 })
        );
    }
}
