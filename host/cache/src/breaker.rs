//! Leaves a thing alone that fails again and again.
//!
//! Closed: everything passes, and failures within a window are counted. Open: nothing passes, until a time is over. Half open:
//! a part of what is asked passes; enough successes in a row close it, one failure opens it again.

use crate::clock::Clock;
use crate::units::Fraction;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Failures that are kept for people to look at.
const REMEMBERED: usize = 50;

/// Changes of state that are kept, for the rate of them.
const CHANGES: usize = 64;

/// Longest message of a failure that is kept, in bytes.
const MESSAGE_MAX: usize = 200;

/// Values that go together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// 5 failures in 5 minutes open it for 60 s; 3 successes close it, with half of what is asked.
    #[default]
    Default,
    /// 3 failures, 30 s, 2 successes, with all that is asked.
    Development,
    /// 10 failures, 300 s, 5 successes, with three in ten.
    Production,
    /// 15 failures in 10 minutes, 120 s, 3 successes, with six in ten.
    HighTraffic,
}

/// What a breaker goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    pub(crate) failures: u32,
    pub(crate) successes: u32,
    pub(crate) timeout: Duration,
    pub(crate) window: Duration,
    pub(crate) recovery: f64,
}

impl Profile {
    pub(crate) fn settings(self) -> Settings {
        let (failures, successes, timeout, window, recovery) = match self {
            Profile::Default => (5, 3, 60, 300, 0.5),
            Profile::Development => (3, 2, 30, 300, 1.0),
            Profile::Production => (10, 5, 300, 300, 0.3),
            Profile::HighTraffic => (15, 3, 120, 600, 0.6),
        };
        Settings {
            failures,
            successes,
            timeout: Duration::from_secs(timeout),
            window: Duration::from_secs(window),
            recovery,
        }
    }
}

/// Whether a breaker lets things pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Everything passes.
    Closed,
    /// Nothing passes.
    Open,
    /// A part passes, to see whether it works again.
    HalfOpen,
}

/// Why something did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Nothing passes now.
    Open,
    /// Only a part passes now, and this was not of it.
    Throttled,
}

/// A failure that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// What was being done.
    pub operation: &'static str,
    /// What happened.
    pub message: String,
}

/// What a breaker has seen.
#[derive(Debug, Clone, Serialize)]
pub struct BreakerMetrics {
    /// Whether things pass.
    pub state: State,
    /// Whether someone keeps it in this state.
    pub forced: bool,
    /// How long it has been in this state.
    pub in_state: Duration,
    /// What passed and worked.
    pub successes: u64,
    /// What passed and failed.
    pub failures: u64,
    /// What did not pass because it was open.
    pub stopped: u64,
    /// What did not pass because only a part did.
    pub throttled: u64,
    /// The part of what passed that failed; none when nothing has passed yet.
    pub failure_rate: Option<Fraction>,
    /// How often the state changed.
    pub changes: u64,
    /// How often it was tried again after being open.
    pub recoveries: u64,
    /// The last failures, the oldest first.
    pub last_failures: Vec<Failure>,
    /// What someone should know.
    pub alerts: Vec<Alert>,
}

/// Something that someone should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Whether something must be done.
    pub critical: bool,
    /// What it is.
    pub message: String,
}

#[derive(Debug)]
struct Inner {
    state: State,
    forced: bool,
    since: Duration,
    /// When those failures were that count.
    counted: VecDeque<Duration>,
    /// Successes in a row while half open.
    good: u32,
    /// What is left over of the part that passes: at 1, the next passes.
    share: f64,
    changed: VecDeque<Duration>,
    metrics: Counts,
    last: VecDeque<Failure>,
}

#[derive(Debug, Default)]
struct Counts {
    successes: u64,
    failures: u64,
    stopped: u64,
    throttled: u64,
    changes: u64,
    recoveries: u64,
}

/// A breaker.
pub(crate) struct Breaker {
    settings: Settings,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

impl Breaker {
    pub(crate) fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner {
            state: State::Closed,
            forced: false,
            since: clock.elapsed(),
            counted: VecDeque::new(),
            good: 0,
            share: 0.0,
            changed: VecDeque::new(),
            metrics: Counts::default(),
            last: VecDeque::new(),
        };
        Breaker {
            settings,
            clock,
            inner: Mutex::new(inner),
        }
    }

    /// Asks to pass. Whoever passes says afterwards how it went: [`succeeded`](Self::succeeded) or [`failed`](Self::failed).
    pub(crate) fn pass(&self) -> Result<(), Stopped> {
        let mut inner = self.inner();
        let now = self.clock.elapsed();
        if inner.state == State::Open
            && !inner.forced
            && now.saturating_sub(inner.since) >= self.settings.timeout
        {
            inner.metrics.recoveries += 1;
            // The first of all passes, so that it is known soon whether it works again.
            inner.share = 1.0 - self.settings.recovery;
            change(&mut inner, State::HalfOpen, now);
        }
        match inner.state {
            State::Closed => Ok(()),
            State::Open => {
                inner.metrics.stopped += 1;
                Err(Stopped::Open)
            }
            State::HalfOpen => {
                inner.share += self.settings.recovery;
                // A little less than 1, for what is lost in adding parts up.
                if inner.share >= 1.0 - 1e-9 {
                    inner.share -= 1.0;
                    Ok(())
                } else {
                    inner.metrics.throttled += 1;
                    Err(Stopped::Throttled)
                }
            }
        }
    }

    /// Whether it would let something pass, without asking.
    pub(crate) fn is_permitted(&self) -> bool {
        let inner = self.inner();
        let waited = self.clock.elapsed().saturating_sub(inner.since);
        inner.state != State::Open || (!inner.forced && waited >= self.settings.timeout)
    }

    pub(crate) fn succeeded(&self) {
        let mut inner = self.inner();
        inner.metrics.successes += 1;
        if inner.state == State::HalfOpen {
            inner.good += 1;
            if inner.good >= self.settings.successes {
                change(&mut inner, State::Closed, self.clock.elapsed());
            }
        }
    }

    pub(crate) fn failed(&self, operation: &'static str, message: &str) {
        let mut inner = self.inner();
        let now = self.clock.elapsed();
        inner.metrics.failures += 1;
        if inner.last.len() >= REMEMBERED {
            inner.last.pop_front();
        }
        let end = message.floor_char_boundary(MESSAGE_MAX);
        inner.last.push_back(Failure {
            at: self.clock.now(),
            operation,
            message: message.get(..end).unwrap_or_default().to_owned(),
        });
        if inner.forced {
            return;
        }
        match inner.state {
            State::HalfOpen => change(&mut inner, State::Open, now),
            // It was on its way when another opened it.
            State::Open => {}
            State::Closed => {
                inner.counted.push_back(now);
                let window = self.settings.window;
                while inner
                    .counted
                    .front()
                    .is_some_and(|at| now.saturating_sub(*at) >= window)
                {
                    inner.counted.pop_front();
                }
                if inner.counted.len() >= self.settings.failures as usize {
                    tracing::warn!(
                        operation,
                        "the cache's disk failed too often and is left alone for a while"
                    );
                    change(&mut inner, State::Open, now);
                }
            }
        }
    }

    /// Puts it in a state and keeps it there. None: lets it go on by itself, closed, with nothing counted.
    pub(crate) fn force(&self, state: Option<State>) {
        let mut inner = self.inner();
        inner.forced = state.is_some();
        change(&mut inner, state.unwrap_or(State::Closed), self.clock.elapsed());
    }

    pub(crate) fn metrics(&self) -> BreakerMetrics {
        let inner = self.inner();
        let counts = &inner.metrics;
        let mut metrics = BreakerMetrics {
            state: inner.state,
            forced: inner.forced,
            in_state: self.clock.elapsed().saturating_sub(inner.since),
            successes: counts.successes,
            failures: counts.failures,
            stopped: counts.stopped,
            throttled: counts.throttled,
            failure_rate: Fraction::of(counts.failures, counts.failures + counts.successes),
            changes: counts.changes,
            recoveries: counts.recoveries,
            last_failures: inner.last.iter().cloned().collect(),
            alerts: Vec::new(),
        };
        let hour = Duration::from_secs(3600);
        let now = self.clock.elapsed();
        let lately = inner
            .changed
            .iter()
            .filter(|at| now.saturating_sub(**at) < hour)
            .count();
        metrics.alerts = alerts(&metrics, lately);
        metrics
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Breaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Breaker")
            .field("state", &self.inner().state)
            .finish()
    }
}

fn change(inner: &mut Inner, state: State, now: Duration) {
    inner.counted.clear();
    inner.good = 0;
    if inner.state != state {
        inner.state = state;
        inner.since = now;
        inner.metrics.changes += 1;
        if inner.changed.len() >= CHANGES {
            inner.changed.pop_front();
        }
        inner.changed.push_back(now);
    }
}

fn alerts(metrics: &BreakerMetrics, changes_in_an_hour: usize) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut tell = |critical: bool, message: String| alerts.push(Alert { critical, message });
    let seconds = metrics.in_state.as_secs();
    if metrics.state == State::Open && seconds > 300 {
        tell(
            true,
            format!("the cache's disk has been left alone for {seconds} s"),
        );
    }
    if metrics.state == State::HalfOpen && seconds > 60 {
        tell(
            false,
            format!("the cache's disk has been on trial for {seconds} s"),
        );
    }
    if changes_in_an_hour > 10 {
        tell(
            true,
            format!("the cache's breaker changed its state {changes_in_an_hour} times within an hour"),
        );
    }
    if let Some(rate) = metrics.failure_rate {
        let percent = rate.percent();
        if rate.get() > 0.5 {
            tell(
                true,
                format!("{percent} of what the cache's disk was asked failed"),
            );
        } else if rate.get() > 0.1 {
            tell(
                false,
                format!("{percent} of what the cache's disk was asked failed"),
            );
        }
    }
    if metrics.recoveries > 5 {
        tell(
            false,
            format!("the cache's disk was tried again {} times", metrics.recoveries),
        );
    }
    alerts
}

#[cfg(test)]
mod tests;
