//! When a model call that failed is made again.

use std::time::Duration;

/// How often and how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Most further attempts after the first.
    pub times: u32,
    /// The first wait, which doubles each time.
    pub base: Duration,
    /// The longest wait. Who is asked to wait longer gives up at once and says so.
    pub longest: Duration,
}

impl Default for Retry {
    /// Three more times, after about half a second, one and two.
    fn default() -> Self {
        Retry {
            times: 3,
            base: Duration::from_millis(500),
            longest: Duration::from_secs(30),
        }
    }
}

impl Retry {
    /// How long to wait before attempt `attempt`, counted from 1 for the first repetition; `None` to give up.
    ///
    /// `random` is any number: many hosts that failed together must not come back together. What the provider asks for is
    /// the least that is waited.
    pub(crate) fn wait(&self, attempt: u32, asked: Option<Duration>, random: u64) -> Option<Duration> {
        if attempt > self.times {
            return None;
        }
        let doubled = self
            .base
            .saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
        let full = doubled.min(self.longest);
        // From half to all of it.
        let part = (random % 1024) as f64 / 1024.0;
        let own = full.mul_f64(0.5 + part / 2.0);
        let Some(asked) = asked else { return Some(own) };
        if asked > self.longest {
            return None;
        }
        // What was asked for, and a little more that differs.
        Some(asked + self.base.min(Duration::from_secs(1)).mul_f64(part / 2.0))
    }
}

/// A number that differs from host to host and from time to time. Nothing secret hangs on it.
pub(crate) fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits() {
        let retry = Retry {
            times: 3,
            base: Duration::from_millis(100),
            longest: Duration::from_millis(300),
        };
        let ms = Duration::from_millis;
        for (attempt, asked, least, most) in [
            (1, None, 50, 100),
            (2, None, 100, 200),
            (3, None, 150, 300),
            (1, Some(250), 250, 300),
            (3, Some(0), 0, 50),
        ] {
            for random in [0, 1, 512, 1023, u64::MAX] {
                let wait = retry.wait(attempt, asked.map(ms), random).unwrap();
                assert!(
                    ms(least) <= wait && wait <= ms(most),
                    "{attempt} {asked:?} {random}: {wait:?}"
                );
            }
        }
        assert_ne!(retry.wait(1, None, 0), retry.wait(1, None, 1023));
        assert_eq!(retry.wait(4, None, 0), None);
        assert_eq!(retry.wait(1, Some(ms(301)), 0), None);
    }
}
