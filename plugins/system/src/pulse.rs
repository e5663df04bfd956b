//! `health` and `metrics`: how the host is doing.

use fact_sdk::{ToolError, facts, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The answer of [`metrics`].
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
///
/// # Errors
/// `denied` without the grant `host:read:metrics`.
#[tool(read_only)]
pub fn metrics() -> Result<Metrics, ToolError> {
    facts::metrics()
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

    #[test]
    fn the_numbers_decide_the_word() {
        let check = |running: u64, slots: u64, state: State, begins: &str| {
            let health = judge(Metrics {
                calls_running: running,
                call_slots: slots,
                uptime_seconds: 61,
                plugins: 1,
                tools: 4,
                memory_bytes: None,
            });
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
    fn without_a_host_there_is_nothing_to_tell() {
        assert_eq!(metrics().unwrap_err().code(), ErrorCode::Unavailable);
        assert_eq!(health().unwrap_err().code(), ErrorCode::Unavailable);
    }
}
