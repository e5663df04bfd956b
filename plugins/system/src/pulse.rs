//! `health` and `metrics`: how the host is doing.

use std::collections::BTreeMap;

use fact_sdk::{ToolError, facts, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tools whose use is told when the caller does not say how many.
const USUAL: usize = 20;

/// Arguments of [`metrics`].
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricsFilter {
    /// The most tools whose use is told, the most called first; when left out, 20.
    #[schemars(range(max = 1000))]
    pub tools: Option<usize>,
}

/// The answer of [`metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AllMetrics {
    /// The numbers of this moment.
    #[serde(flatten)]
    pub now: Metrics,
    /// How tools were used, the most called first; only tools that were called. The last second is not in it.
    #[serde(default)]
    pub usage: Vec<ToolUsage>,
    /// More tools were called than are in the answer.
    #[serde(default)]
    pub usage_truncated: bool,
}

/// How a tool was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolUsage {
    /// Its full name.
    pub tool: String,
    /// How often it was called.
    pub calls: u64,
    /// Calls that did not fail.
    pub successes: u64,
    /// Calls that failed, by the code of the error.
    pub failures: BTreeMap<String, u64>,
    /// The time of a call on average, in microseconds.
    pub mean_us: u64,
    /// The time that half of the calls did not exceed, in microseconds.
    pub p50_us: u64,
    /// The time that 95 of 100 calls did not exceed, in microseconds.
    pub p95_us: u64,
    /// The longest time, in microseconds.
    pub max_us: u64,
    /// When it was first called.
    pub first: String,
    /// When it was last called.
    pub last: String,
}

/// The host's numbers of this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    /// Calls that run at this moment, this one included.
    pub calls_running: u64,
    /// How many can run at the same time; more wait.
    pub call_slots: u64,
    /// How long the host runs, in seconds.
    pub uptime_seconds: u64,
    /// Plugins that are installed.
    pub plugins: u64,
    /// Tools that they have.
    pub tools: u64,
    /// Memory that the host's process holds, in bytes, where that is known.
    pub memory_bytes: Option<u64>,
}

/// How busy the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No call runs but this one.
    Idle,
    /// There are places for more calls.
    Working,
    /// Nine of ten places are taken, or all; calls may have to wait.
    Full,
}

/// The answer of [`health`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Health {
    /// How busy the host is.
    pub state: State,
    /// The same in a sentence.
    pub summary: String,
    /// The numbers behind it.
    pub metrics: Metrics,
}

/// Tells the host's numbers of this moment: calls that run, places for calls, time since its start, plugins, tools, memory.
/// And how tools were used: how often each was called, how often that failed and why, and how long it took.
///
/// # Errors
/// `denied` without the grant `host:read:metrics`.
#[tool(read_only)]
pub fn metrics(args: MetricsFilter) -> Result<AllMetrics, ToolError> {
    facts::metrics().map(|all| choose(all, &args))
}

fn choose(mut all: AllMetrics, filter: &MetricsFilter) -> AllMetrics {
    let most = filter.tools.unwrap_or(USUAL);
    all.usage_truncated |= all.usage.len() > most;
    all.usage.truncate(most);
    all
}

/// Tells how busy the host is, in a word and in a sentence, with the numbers behind it.
///
/// # Errors
/// `denied` without the grant `host:read:metrics`.
#[tool(read_only)]
pub fn health() -> Result<Health, ToolError> {
    facts::metrics().map(judge)
}

fn judge(metrics: Metrics) -> Health {
    let Metrics {
        calls_running: running,
        call_slots: slots,
        ..
    } = metrics;
    let state = if running.saturating_mul(10) >= slots.saturating_mul(9) {
        State::Full
    } else if running <= 1 {
        State::Idle
    } else {
        State::Working
    };
    let others = match running.saturating_sub(1) {
        0 => "No other call runs".to_owned(),
        1 => "1 other call runs".to_owned(),
        n => format!("{n} other calls run"),
    };
    let summary = format!(
        "{others}, of {slots} that can run at once; the host is up for {}.",
        span(metrics.uptime_seconds)
    );
    Health {
        state,
        summary,
        metrics,
    }
}

/// A span of time in its two largest units.
fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fact_sdk::ErrorCode;

    fn numbers(calls_running: u64, call_slots: u64) -> Metrics {
        Metrics {
            calls_running,
            call_slots,
            uptime_seconds: 61,
            plugins: 1,
            tools: 4,
            memory_bytes: None,
        }
    }

    #[test]
    fn the_numbers_decide_the_word() {
        let check = |running: u64, slots: u64, state: State, begins: &str| {
            let health = judge(numbers(running, slots));
            assert_eq!(health.state, state, "{running} of {slots}");
            assert!(health.summary.starts_with(begins), "{health:?}");
            assert!(health.summary.ends_with("1 min 1 s."), "{health:?}");
        };
        check(1, 256, State::Idle, "No other call runs, of 256");
        check(2, 256, State::Working, "1 other call runs");
        check(230, 256, State::Working, "229 other calls run");
        check(231, 256, State::Full, "230 other calls run");
        check(1, 1, State::Full, "No other call runs");
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (3599, "59 min 59 s"),
            (3600, "1 h 0 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn usage_is_cut_and_says_so() {
        let all = |tools: usize, usage_truncated: bool| AllMetrics {
            now: numbers(1, 2),
            usage: (0..tools)
                .map(|n| ToolUsage {
                    tool: format!("sql_t{n}"),
                    calls: 1,
                    successes: 0,
                    failures: BTreeMap::from([("denied".to_owned(), 1)]),
                    mean_us: 1,
                    p50_us: 1,
                    p95_us: 1,
                    max_us: 1,
                    first: "2025-04-01T00:00:00Z".to_owned(),
                    last: "2025-04-01T00:00:00Z".to_owned(),
                })
                .collect(),
            usage_truncated,
        };
        for (there, was_cut, asked, left, cut) in [
            (3, false, None, 3, false),
            (3, true, None, 3, true),
            (21, false, None, 20, true),
            (21, false, Some(21), 21, false),
            (3, false, Some(0), 0, true),
            (0, false, Some(0), 0, false),
        ] {
            let found = choose(all(there, was_cut), &MetricsFilter { tools: asked });
            assert_eq!(
                (found.usage.len(), found.usage_truncated),
                (left, cut),
                "{there} {asked:?}"
            );
        }
    }

    #[test]
    fn without_a_host_there_is_nothing_to_tell() {
        assert_eq!(
            metrics(MetricsFilter::default()).unwrap_err().code(),
            ErrorCode::Unavailable
        );
        assert_eq!(health().unwrap_err().code(), ErrorCode::Unavailable);
    }
}
