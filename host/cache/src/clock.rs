//! The time, so that tests can set it.

use jiff::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The moment, as other processes and later runs know it.
    fn now(&self) -> Timestamp;

    /// Time since some moment in the past, which never goes back.
    fn elapsed(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A clock that stands until it is moved, for tests.
#[derive(Debug)]
pub struct ManualClock {
    start: Timestamp,
    /// Nanoseconds since then.
    moved: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at a moment.
    pub fn at(start: Timestamp) -> Self {
        ManualClock {
            start,
            moved: AtomicU64::new(0),
        }
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.moved.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        later(self.start, self.elapsed())
    }
    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.moved.load(Ordering::SeqCst))
    }
}

/// A moment some time after another; the last there is where that is beyond.
pub(crate) fn later(moment: Timestamp, by: Duration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}
