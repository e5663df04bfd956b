//! The settings of the cache.

use crate::breaker::{Profile, Settings};
use crate::memory::Strategy;
use fact_types::{ByteSize, Span};
use serde::{Deserialize, Serialize};

/// How results are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CacheConfig {
    /// Whether results are kept at all.
    pub enabled: bool,
    /// Bytes of memory for entries. 0: no memory level.
    pub memory: ByteSize,
    /// Bytes of disk for entries. 0: no disk level.
    pub disk: ByteSize,
    /// Most entries on disk.
    pub disk_entries: u32,
    /// Which entries stay in memory when there is no room for all.
    pub strategy: Strategy,
    /// Longest lifetime that a tool may declare for its results; what declares more has this.
    pub max_lifetime: Span,
    /// Longest lifetime that a tool may declare for its failures.
    pub max_negative_lifetime: Span,
    /// How often the most asked calls are made ahead, while a command that stays open runs. 0s: never.
    pub warm_every: Span,
    /// When the disk is left alone after failures.
    pub breaker: BreakerConfig,
}

/// When the disk is left alone after failures: a profile, and what differs from it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BreakerConfig {
    /// Values that go together.
    pub profile: Profile,
    /// Failures within the window that open it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// Successes that close it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successes: Option<u32>,
    /// How long it stays open before it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// How long a failure counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// The part of what is asked that is let through while it is tried again. 1: all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<f64>,
}

impl Default for CacheConfig {
    fn default() -> Self {
        CacheConfig {
            enabled: true,
            memory: ByteSize::mib(64),
            disk: ByteSize::mib(256),
            disk_entries: 100_000,
            strategy: Strategy::default(),
            max_lifetime: Span::secs(24 * 3600),
            max_negative_lifetime: Span::secs(60),
            warm_every: Span::secs(0),
            breaker: BreakerConfig::default(),
        }
    }
}

impl CacheConfig {
    /// What each setting may be: its key after `cache.`, and the values in words.
    pub const RANGES: &'static [(&'static str, &'static str)] = &[
        ("enabled", "true or false"),
        ("memory", "0, or from 64KiB to 64GiB"),
        ("disk", "0, or from 1MiB to 1024GiB"),
        ("disk_entries", "from 100 to 10000000"),
        ("strategy", "lru, lfu, ttl, token-cost or adaptive"),
        ("max_lifetime", "from 1s to 1year"),
        ("max_negative_lifetime", "from 0s to 1h"),
        ("warm_every", "0s, or from 1m to 1day"),
        (
            "breaker.profile",
            "default, development, production or high-traffic",
        ),
        ("breaker.failures", "from 3 to 15"),
        ("breaker.successes", "from 2 to 5"),
        ("breaker.timeout", "from 30s to 5m"),
        ("breaker.window", "from 2m to 10m"),
        ("breaker.recovery", "from 0.1 to 1"),
    ];

    /// Every value that makes no sense: a sentence for each, with the key after `cache.`.
    pub fn problems(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        // Less than one usual result of each level would be a cache in name only; 0 says so plainly.
        sized(
            &mut wrong,
            "cache.memory",
            self.memory,
            ByteSize::kib(64),
            ByteSize::mib(64 << 10),
        );
        sized(
            &mut wrong,
            "cache.disk",
            self.disk,
            ByteSize::mib(1),
            ByteSize::mib(1 << 20),
        );
        within(
            &mut wrong,
            "cache.disk_entries",
            self.disk_entries,
            100,
            10_000_000,
        );
        let (second, year) = (Span::secs(1), Span::secs(31_557_600));
        within(&mut wrong, "cache.max_lifetime", self.max_lifetime, second, year);
        // A failure that is remembered for longer hides that the tool works again.
        let (never, hour) = (Span::secs(0), Span::secs(3600));
        within(
            &mut wrong,
            "cache.max_negative_lifetime",
            self.max_negative_lifetime,
            never,
            hour,
        );
        // More often would keep a machine busy with questions that nobody asks.
        if self.warm_every != never {
            let (minute, day) = (Span::secs(60), Span::secs(24 * 3600));
            if self.warm_every < minute || self.warm_every > day {
                wrong.push(format!(
                    "cache.warm_every is {}; it must be 0s, or from {minute} to {day}",
                    self.warm_every
                ));
            }
        }
        let settings = self.breaker.settings();
        within(&mut wrong, "cache.breaker.failures", settings.failures, 3, 15);
        within(&mut wrong, "cache.breaker.successes", settings.successes, 2, 5);
        let span = |least, most| (Span::secs(least), Span::secs(most));
        let (least, most) = span(30, 300);
        within(
            &mut wrong,
            "cache.breaker.timeout",
            Span(settings.timeout),
            least,
            most,
        );
        let (least, most) = span(120, 600);
        within(
            &mut wrong,
            "cache.breaker.window",
            Span(settings.window),
            least,
            most,
        );
        within(&mut wrong, "cache.breaker.recovery", settings.recovery, 0.1, 1.0);
        wrong
    }
}

impl BreakerConfig {
    pub(crate) fn settings(&self) -> Settings {
        let base = self.profile.settings();
        Settings {
            failures: self.failures.unwrap_or(base.failures),
            successes: self.successes.unwrap_or(base.successes),
            timeout: self.timeout.map_or(base.timeout, |span| span.0),
            window: self.window.map_or(base.window, |span| span.0),
            recovery: self.recovery.unwrap_or(base.recovery),
        }
    }
}

fn within<T: PartialOrd + std::fmt::Display>(
    wrong: &mut Vec<String>,
    key: &str,
    value: T,
    least: T,
    most: T,
) {
    // Written so that a number that is none is out of range too.
    if !(value >= least && value <= most) {
        wrong.push(format!("{key} is {value}; it must be from {least} to {most}"));
    }
}

fn sized(wrong: &mut Vec<String>, key: &str, value: ByteSize, least: ByteSize, most: ByteSize) {
    if value.0 != 0 && (value < least || value > most) {
        wrong.push(format!(
            "{key} is {value}; it must be 0, or from {least} to {most}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str, problems: &[&str]) {
        let config: CacheConfig = toml::from_str(toml).unwrap();
        assert_eq!(config.problems(), problems, "{toml}");
    }

    #[test]
    fn cache_config_values_out_of_range_are_told_together() {
        check("", &[]);
        check(
            "memory = 0\ndisk = 0\nenabled = false\nmax_negative_lifetime = '0s'",
            &[],
        );
        for profile in ["default", "development", "production", "high-traffic"] {
            check(&format!("breaker.profile = '{profile}'"), &[]);
        }
        check(
            "memory = 1\ndisk = '1KiB'\ndisk_entries = 1\nmax_lifetime = '0s'\nmax_negative_lifetime = '2h'\nwarm_every = '1s'\n\
             [breaker]\nfailures = 2\nsuccesses = 6\ntimeout = '1s'\nwindow = '1h'\nrecovery = nan",
            &[
                "cache.memory is 1B; it must be 0, or from 64KiB to 64GiB",
                "cache.disk is 1KiB; it must be 0, or from 1MiB to 1024GiB",
                "cache.disk_entries is 1; it must be from 100 to 10000000",
                "cache.max_lifetime is 0s; it must be from 1s to 1year",
                "cache.max_negative_lifetime is 2h; it must be from 0s to 1h",
                "cache.warm_every is 1s; it must be 0s, or from 1m to 1day",
                "cache.breaker.failures is 2; it must be from 3 to 15",
                "cache.breaker.successes is 6; it must be from 2 to 5",
                "cache.breaker.timeout is 1s; it must be from 30s to 5m",
                "cache.breaker.window is 1h; it must be from 2m to 10m",
                "cache.breaker.recovery is NaN; it must be from 0.1 to 1",
            ],
        );
    }

    #[test]
    fn the_ranges_that_are_told_are_those_that_hold() {
        let wrong: CacheConfig = toml::from_str(
            "memory = 1\ndisk = '1KiB'\ndisk_entries = 1\nmax_lifetime = '0s'\nmax_negative_lifetime = '2h'\nwarm_every = '2d'\n\
             [breaker]\nfailures = 2\nsuccesses = 6\ntimeout = '1s'\nwindow = '1h'\nrecovery = 2.0",
        )
        .unwrap();
        let problems = wrong.problems();
        for (key, range) in CacheConfig::RANGES {
            let told = problems
                .iter()
                .find(|problem| problem.starts_with(&format!("cache.{key} is ")));
            match told {
                Some(problem) => assert!(problem.ends_with(&format!("it must be {range}")), "{problem}"),
                // What is no number has its words.
                None => {
                    let words: Vec<&str> = range.split(", ").flat_map(|part| part.split(" or ")).collect();
                    for word in words {
                        let (table, key) = key.rsplit_once('.').unwrap_or(("", key));
                        let value = if word == "true" || word == "false" {
                            word.to_owned()
                        } else {
                            format!("'{word}'")
                        };
                        let text = match table {
                            "" => format!("{key} = {value}"),
                            table => format!("[{table}]\n{key} = {value}"),
                        };
                        assert!(toml::from_str::<CacheConfig>(&text).is_ok(), "{text}");
                    }
                }
            }
        }
        assert_eq!(problems.len(), CacheConfig::RANGES.len() - 3);
    }

    #[test]
    fn cache_config_what_makes_no_sense_is_refused() {
        for bad in [
            "memory = -1",
            "memory = '1 parsec'",
            "strategy = 'best'",
            "breaker.profile = 'x'",
            "enabled = 1",
        ] {
            assert!(toml::from_str::<CacheConfig>(bad).is_err(), "{bad}");
        }
        let config: CacheConfig = toml::from_str("strategy = 'token-cost'\n[breaker]\nfailures = 4").unwrap();
        assert_eq!(config.strategy, Strategy::TokenCost);
        assert_eq!(config.breaker.settings().failures, 4);
    }
}
