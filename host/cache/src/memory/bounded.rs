//! A map that never holds more than so many bytes.
//!
//! Entries stand in an order by rank. A use does not move them: their rank is looked at again only when they come up as the
//! next to go, and those that were used meanwhile are put back where they belong. As a use never lowers a rank, the first that
//! stands where it belongs is the lowest of all. So a hit costs one look in a map, whatever the strategy is.

use super::ranking::{Rank, Ranking, Standing, Strategy};
use crate::Key;
use std::collections::{BTreeSet, HashMap};

#[derive(Debug)]
struct Held<V> {
    value: V,
    standing: Standing,
    /// Where it stands in the order.
    rank: Rank,
}

/// What an entry brings along.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// Bytes.
    pub(crate) weight: usize,
    /// What a hit saves.
    pub(crate) value: u64,
    /// When its time is over, in nanoseconds since 1970.
    pub(crate) expires: Option<u64>,
}

/// Why an entry went to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    Expired,
    Evicted,
}

#[derive(Debug)]
pub(crate) struct Bounded<V> {
    held: HashMap<Key, Held<V>>,
    order: BTreeSet<(Rank, Key)>,
    /// Those with an end, the next first.
    ends: BTreeSet<(u64, Key)>,
    ranking: Box<dyn Ranking>,
    bytes: usize,
    bytes_max: usize,
    entries_max: usize,
    /// Counts uses.
    tick: u64,
}

impl<V> Bounded<V> {
    pub(crate) fn new(bytes_max: usize, entries_max: usize, strategy: Strategy) -> Self {
        Bounded {
            held: HashMap::new(),
            order: BTreeSet::new(),
            ends: BTreeSet::new(),
            ranking: strategy.ranking(),
            bytes: 0,
            bytes_max,
            entries_max: entries_max.max(1),
            tick: 0,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// An entry, without using it.
    pub(crate) fn peek(&self, key: &Key) -> Option<&V> {
        self.held.get(key).map(|held| &held.value)
    }

    /// What is known of an entry.
    pub(crate) fn standing(&self, key: &Key) -> Option<Standing> {
        self.held.get(key).map(|held| held.standing)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &V, &Standing)> {
        self.held
            .iter()
            .map(|(key, held)| (key, &held.value, &held.standing))
    }

    /// An entry, used once more.
    pub(crate) fn get(&mut self, key: &Key) -> Option<(&mut V, Standing)> {
        let held = self.held.get_mut(key)?;
        self.tick += 1;
        held.standing.used = self.tick;
        held.standing.uses = held.standing.uses.saturating_add(1);
        held.standing.floor = self.ranking.floor();
        Some((&mut held.value, held.standing))
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<V> {
        let held = self.held.remove(key)?;
        self.order.remove(&(held.rank, *key));
        if let Some(end) = held.standing.expires {
            self.ends.remove(&(end, *key));
        }
        self.bytes -= held.standing.weight;
        Some(held.value)
    }

    /// Puts an entry in the place of one with its key, and makes room for it first: what is over goes, then the lowest ranks.
    /// With `uses`, it goes on with those instead of beginning at one.
    ///
    /// # Errors
    /// The value, when it is larger than everything may be; then nothing else goes for it.
    pub(crate) fn insert(
        &mut self,
        key: Key,
        value: V,
        facts: Facts,
        uses: Option<u32>,
        now: u64,
        mut gone: impl FnMut(Key, V, Gone),
    ) -> Result<(), V> {
        if facts.weight > self.bytes_max {
            return Err(value);
        }
        self.remove(&key);
        let full =
            |this: &Self| this.bytes > this.bytes_max - facts.weight || this.held.len() >= this.entries_max;
        while full(self)
            && let Some(&(end, over)) = self.ends.first()
            && end <= now
        {
            match self.remove(&over) {
                Some(value) => gone(over, value, Gone::Expired),
                None => {
                    self.ends.remove(&(end, over));
                }
            }
        }
        while full(self)
            && let Some((key, value)) = self.pop_lowest()
        {
            gone(key, value, Gone::Evicted);
        }
        self.tick += 1;
        let standing = Standing {
            weight: facts.weight,
            value: facts.value,
            expires: facts.expires,
            uses: uses.unwrap_or(1),
            used: self.tick,
            floor: self.ranking.floor(),
        };
        let rank = self.ranking.rank(&standing);
        self.bytes += facts.weight;
        self.order.insert((rank, key));
        if let Some(end) = facts.expires {
            self.ends.insert((end, key));
        }
        self.held.insert(
            key,
            Held {
                value,
                standing,
                rank,
            },
        );
        Ok(())
    }

    fn pop_lowest(&mut self) -> Option<(Key, V)> {
        loop {
            let (rank, key) = self.order.pop_first()?;
            let Some(held) = self.held.get_mut(&key) else {
                continue;
            };
            let now = self.ranking.rank(&held.standing);
            if now == rank {
                self.ranking.went(rank);
                return self.remove(&key).map(|value| (key, value));
            }
            held.rank = now;
            self.order.insert((now, key));
        }
    }

    /// Goes on with another strategy. What was used is known still.
    pub(crate) fn rerank(&mut self, strategy: Strategy) {
        self.ranking = strategy.ranking();
        self.order.clear();
        for (key, held) in &mut self.held {
            held.standing.floor = 0;
            held.rank = self.ranking.rank(&held.standing);
            self.order.insert((held.rank, *key));
        }
    }

    pub(crate) fn clear(&mut self) -> usize {
        let count = self.held.len();
        self.held.clear();
        self.order.clear();
        self.ends.clear();
        self.bytes = 0;
        count
    }

    /// Whether the parts agree with each other and the bounds hold.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let bytes: usize = self.held.values().map(|held| held.standing.weight).sum();
        assert_eq!(bytes, self.bytes);
        assert!(self.bytes <= self.bytes_max && self.held.len() <= self.entries_max);
        assert_eq!(self.order.len(), self.held.len());
        for (key, held) in &self.held {
            assert!(self.order.contains(&(held.rank, *key)));
            assert!(
                held.rank <= self.ranking.rank(&held.standing),
                "a use lowered a rank"
            );
            if let Some(end) = held.standing.expires {
                assert!(self.ends.contains(&(end, *key)));
            }
        }
        let ends = self.held.values().filter(|held| held.standing.expires.is_some());
        assert_eq!(self.ends.len(), ends.count());
    }
}
