//! Which calls are asked how often, so that those asked most can be made before they are asked.
//!
//! What is kept is the call, never its result: warming makes the call again, by the way of all calls.

use crate::Key;
use fact_types::{Principal, ToolId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most calls that are counted. Warming takes fifty at most; the others have a chance to become more.
pub(crate) const CALLS_MAX: usize = 1000;

/// Longest arguments of a call that is counted, in bytes: questions are short, and what is longer is seldom asked twice.
pub(crate) const ARGUMENTS_MAX: usize = 8 << 10;

/// A call that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Asked {
    /// Who asked. It is made again for them only.
    pub principal: Principal,
    /// The tool's full name.
    pub tool: String,
    /// Its arguments, as canonical text.
    pub arguments: String,
}

/// How often a call was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Popular {
    /// The call.
    #[serde(flatten)]
    pub call: Asked,
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Timestamp,
}

impl Asked {
    /// A call of a tool.
    pub fn new(principal: &Principal, tool: &ToolId, arguments: String) -> Self {
        Asked {
            principal: principal.clone(),
            tool: tool.to_string(),
            arguments,
        }
    }

    pub(crate) fn key(&self) -> Key {
        Key::of(
            "asked/1",
            &[
                self.principal.as_str().as_bytes(),
                self.tool.as_bytes(),
                self.arguments.as_bytes(),
            ],
        )
    }
}

/// Counts calls, a bounded number of them.
#[derive(Debug, Default)]
pub(crate) struct Counting(Mutex<HashMap<Asked, (u64, Timestamp)>>);

impl Counting {
    pub(crate) fn note(&self, call: Asked, now: Timestamp) {
        if call.arguments.len() > ARGUMENTS_MAX {
            return;
        }
        let mut counts = self.held();
        let (count, last) = counts.entry(call).or_insert((0, now));
        *count += 1;
        *last = now;
        if counts.len() > CALLS_MAX {
            // A tenth goes at once, those asked least and longest ago, so that this is seldom.
            let mut order: Vec<_> = counts.values().copied().collect();
            order.sort_unstable();
            if let Some(bound) = order.get(CALLS_MAX / 10).copied() {
                counts.retain(|_, count| *count > bound);
            }
        }
    }

    /// The calls that were asked at least so often, the most asked first.
    pub(crate) fn popular(&self, least: u64, limit: usize) -> Vec<Popular> {
        let counts = self.held();
        let mut all: Vec<_> = counts
            .iter()
            .filter(|(_, (count, _))| *count >= least)
            .map(|(call, (count, last))| Popular {
                call: call.clone(),
                count: *count,
                last: *last,
            })
            .collect();
        all.sort_by(|a, b| {
            (b.count, b.last)
                .cmp(&(a.count, a.last))
                .then_with(|| a.call.key().cmp(&b.call.key()))
        });
        all.truncate(limit);
        all
    }

    /// Takes all counts, to be added to those on disk.
    pub(crate) fn take(&self) -> Vec<(Asked, u64, Timestamp)> {
        let counts = std::mem::take(&mut *self.held());
        counts
            .into_iter()
            .map(|(call, (count, last))| (call, count, last))
            .collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held().is_empty()
    }

    pub(crate) fn clear(&self) {
        self.held().clear();
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Asked, (u64, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(n: usize) -> Asked {
        Asked::new(
            &Principal::local(),
            &"sql_query".parse().unwrap(),
            format!("{{\"n\":{n}}}"),
        )
    }

    #[test]
    fn those_asked_most_stay_and_come_first() {
        let counting = Counting::default();
        let at = |n: usize| Timestamp::from_second(n as i64).unwrap();
        for n in 0..5 * CALLS_MAX {
            counting.note(call(n), at(n));
            counting.note(call(0), at(n));
            if n % 2 == 0 {
                counting.note(call(1), at(n));
            }
        }
        assert!(counting.held().len() <= CALLS_MAX);
        let found = counting.popular(3, 10);
        let asked: Vec<_> = found
            .iter()
            .map(|popular| (popular.call.arguments.as_str(), popular.count))
            .collect();
        assert_eq!(asked, [(r#"{"n":0}"#, 5001), (r#"{"n":1}"#, 2501)]);
        assert_eq!(counting.popular(1, 1).len(), 1);
        counting.note(
            Asked {
                arguments: "x".repeat(ARGUMENTS_MAX + 1),
                ..call(0)
            },
            at(0),
        );
        assert!(
            counting
                .popular(1, 10_000)
                .iter()
                .all(|popular| popular.call.arguments.len() < 100)
        );
    }
}
