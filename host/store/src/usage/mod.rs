//! How tools are used: calls, outcomes and times.
//!
//! [`Usage`] counts in memory, in less than a microsecond a call; [`Store::add_usage`] adds what it counted to the store, where
//! the counts of all processes come together.

mod histogram;
mod table;
#[cfg(test)]
mod tests;

use fact_types::{Code, ToolId};
use histogram::{Histogram, micros};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use table::SCHEMA;
pub use table::{Durability, ToolUsage};

/// Counts are kept in this many parts, so that calls of different tools rarely wait for one another.
const PARTS: usize = 16;

/// Most tools that a part counts between two times that they are stored. No host has as many; beyond it, further tools are not
/// counted rather than memory filled.
const PART_MAX: usize = 4096;

/// What has been counted and is not stored yet.
#[derive(Debug)]
pub struct Usage {
    hasher: RandomState,
    parts: [Mutex<HashMap<ToolId, Counted>>; PARTS],
}

/// The calls of a tool since they were last stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    good: u64,
    failures: BTreeMap<&'static str, u64>,
    times: Histogram,
    total_us: u64,
    max_us: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Counted {
    fn new(now: Timestamp) -> Self {
        Counted {
            good: 0,
            failures: BTreeMap::new(),
            times: Histogram::default(),
            total_us: 0,
            max_us: 0,
            first: now,
            last: now,
        }
    }

    fn add(&mut self, failure: Option<Code>, took: Duration, now: Timestamp) {
        match failure {
            None => self.good += 1,
            Some(code) => *self.failures.entry(code.as_str()).or_default() += 1,
        }
        let took_us = micros(took);
        self.times.add(took);
        self.total_us = self.total_us.saturating_add(took_us);
        self.max_us = self.max_us.max(took_us);
        self.last = self.last.max(now);
    }

    fn add_all(&mut self, other: &Counted) {
        self.good += other.good;
        for (code, calls) in &other.failures {
            *self.failures.entry(code).or_default() += calls;
        }
        self.times.add_all(&other.times);
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.max_us = self.max_us.max(other.max_us);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

impl Default for Usage {
    fn default() -> Self {
        Usage {
            hasher: RandomState::new(),
            parts: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl Usage {
    /// Counts a call of a tool that exists: why it failed, if it did, and how long it took.
    pub fn note(&self, tool: &ToolId, failure: Option<Code>, took: Duration) {
        let now = Timestamp::now();
        let mut part = self.part(tool);
        if let Some(counted) = part.get_mut(tool) {
            counted.add(failure, took, now);
        } else if part.len() < PART_MAX {
            let mut counted = Counted::new(now);
            counted.add(failure, took, now);
            part.insert(tool.clone(), counted);
        }
    }

    /// Takes what was counted.
    pub(crate) fn take(&self) -> Vec<(ToolId, Counted)> {
        self.parts
            .iter()
            .flat_map(|part| std::mem::take(&mut *lock(part)))
            .collect()
    }

    /// Puts back what was taken and could not be stored.
    pub(crate) fn put_back(&self, taken: Vec<(ToolId, Counted)>) {
        for (tool, counted) in taken {
            let mut part = self.part(&tool);
            if let Some(there) = part.get_mut(&tool) {
                there.add_all(&counted);
            } else if part.len() < PART_MAX {
                part.insert(tool, counted);
            }
        }
    }

    fn part(&self, tool: &ToolId) -> MutexGuard<'_, HashMap<ToolId, Counted>> {
        let hash = usize::try_from(self.hasher.hash_one(tool)).unwrap_or_default() % PARTS;
        // The number is below the number of parts, so there always is one.
        let [first, ..] = &self.parts;
        lock(self.parts.get(hash).unwrap_or(first))
    }
}

fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
