//! Which strategy would have done best.
//!
//! Every strategy runs beside the real memory level on what was really asked, with the keys only: a shadow has the room of
//! the real one and remembers which keys it would hold. Of a large level only one key in sixteen is followed, in a sixteenth
//! of the room; as keys are hashes, that is a fair sample. From time to time the scores are compared: half for hits, half for
//! what the hits saved. Another strategy takes over when it did clearly better.

use super::bounded::{Bounded, Facts};
use super::ranking::Strategy;
use crate::Key;
use serde::Serialize;

/// Lookups between two comparisons.
const ROUND: u64 = 512;

/// By how much another strategy has to be better.
const CLEARLY: f64 = 0.02;

/// Most keys that a shadow remembers. All shadows together then take about 2 MiB.
const KEYS: usize = 4096;

/// From this size on, one key in sixteen is followed.
const LARGE: usize = 4 << 20;

/// How one strategy would have done lately.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Shadow {
    /// The strategy.
    pub strategy: Strategy,
    /// From 0 to 1: half for the part of lookups that would have been hits, half for the part of the cost that those would
    /// have saved.
    pub score: f64,
}

#[derive(Debug)]
struct Ghost {
    strategy: Strategy,
    keys: Bounded<()>,
    hits: u64,
    saved: u64,
}

impl Ghost {
    fn keep(&mut self, key: Key, facts: Facts, now: u64) {
        // What is larger than the shadow's room is not kept, as in the real one.
        let _ = self.keys.insert(key, (), facts, None, now, |_, (), _| {});
    }
}

/// Compares the strategies.
#[derive(Debug)]
pub(crate) struct Adaptive {
    ghosts: Vec<Ghost>,
    current: Strategy,
    one_in: usize,
    lookups: u64,
    since: u64,
    worth: u64,
    switches: u64,
}

impl Adaptive {
    pub(crate) fn new(bytes: usize) -> Self {
        let one_in = if bytes >= LARGE { 16 } else { 1 };
        Adaptive {
            ghosts: Strategy::PLAIN
                .into_iter()
                .map(|strategy| Ghost {
                    strategy,
                    keys: Bounded::new(bytes / one_in, KEYS, strategy),
                    hits: 0,
                    saved: 0,
                })
                .collect(),
            current: Strategy::Lru,
            one_in,
            lookups: 0,
            since: 0,
            worth: 0,
            switches: 0,
        }
    }

    /// Whether a key is one of those followed; the others need no lock.
    pub(crate) fn follows(one_in: usize, key: &Key) -> bool {
        // Not the digits that choose the shard.
        (key.spread() >> 16).is_multiple_of(one_in)
    }

    pub(crate) fn one_in(&self) -> usize {
        self.one_in
    }

    pub(crate) fn current(&self) -> Strategy {
        self.current
    }

    pub(crate) fn switches(&self) -> u64 {
        self.switches
    }

    /// A key was looked up. `held` says what the real level knows of it, if it is there.
    pub(crate) fn looked(&mut self, key: &Key, held: Option<Facts>, now: u64) -> Strategy {
        self.lookups += 1;
        self.since += 1;
        let mut known = held;
        for ghost in &mut self.ghosts {
            let over = ghost
                .keys
                .standing(key)
                .is_some_and(|standing| standing.expires.is_some_and(|end| end <= now));
            if over {
                ghost.keys.remove(key);
            }
            if let Some(((), standing)) = ghost.keys.get(key) {
                ghost.hits += 1;
                ghost.saved = ghost.saved.saturating_add(standing.value);
                known = known.or(Some(Facts {
                    weight: standing.weight,
                    value: standing.value,
                    expires: standing.expires,
                }));
            } else if let Some(facts) = held {
                // This strategy would have had to run the call; then it would hold it now.
                ghost.keep(*key, facts, now);
            }
        }
        self.worth = self.worth.saturating_add(known.map_or(0, |facts| facts.value));
        if self.since >= ROUND {
            self.compare();
        }
        self.current
    }

    /// A result was stored after a miss.
    pub(crate) fn stored(&mut self, key: &Key, facts: Facts, now: u64) {
        let mut new = true;
        for ghost in &mut self.ghosts {
            if ghost.keys.peek(key).is_some() {
                new = false;
            } else {
                ghost.keep(*key, facts, now);
            }
        }
        if new {
            self.worth = self.worth.saturating_add(facts.value);
        }
    }

    pub(crate) fn removed(&mut self, key: &Key) {
        for ghost in &mut self.ghosts {
            ghost.keys.remove(key);
        }
    }

    pub(crate) fn shadows(&self) -> Vec<Shadow> {
        let shadow = |ghost: &Ghost| Shadow {
            strategy: ghost.strategy,
            score: self.score(ghost),
        };
        self.ghosts.iter().map(shadow).collect()
    }

    #[allow(clippy::cast_precision_loss, reason = "parts of counts")]
    fn score(&self, ghost: &Ghost) -> f64 {
        let part = |some: u64, all: u64| if all == 0 { 0.0 } else { some as f64 / all as f64 };
        0.5 * part(ghost.hits, self.lookups) + 0.5 * part(ghost.saved, self.worth)
    }

    fn compare(&mut self) {
        let score = |strategy| {
            self.ghosts
                .iter()
                .find(|ghost| ghost.strategy == strategy)
                .map_or(0.0, |ghost| self.score(ghost))
        };
        let best = Strategy::PLAIN
            .into_iter()
            .max_by(|a, b| score(*a).total_cmp(&score(*b)));
        if let Some(best) = best
            && score(best) > score(self.current) + CLEARLY
        {
            tracing::debug!(from = %self.current, to = %best, "the cache changes its strategy");
            self.current = best;
            self.switches += 1;
        }
        // What is long ago counts less and less.
        self.since = 0;
        self.lookups /= 2;
        self.worth /= 2;
        for ghost in &mut self.ghosts {
            ghost.hits /= 2;
            ghost.saved /= 2;
        }
    }
}
