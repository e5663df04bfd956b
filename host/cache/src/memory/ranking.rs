//! In which order entries go when there is no room.
//!
//! A strategy gives each entry a rank, and the lowest goes first. While nothing is removed, a use never lowers a rank, so the
//! ranks need not be kept up to date: see [`super::bounded`].

use serde::{Deserialize, Serialize};
use std::fmt;

/// Which entries are kept when there is no room for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Those used last.
    Lru,
    /// Those used most, where old uses count less and less.
    Lfu,
    /// Those whose time is over last; those without an end longest of all.
    Ttl,
    /// Those that save most time and tokens for the bytes that they take.
    TokenCost,
    /// As whichever of the others would have done best for what was asked lately.
    #[default]
    Adaptive,
}

impl Strategy {
    /// Those that order entries themselves.
    pub(crate) const PLAIN: [Strategy; 4] =
        [Strategy::Lru, Strategy::Lfu, Strategy::Ttl, Strategy::TokenCost];

    /// What orders entries; for `adaptive`, what it begins with.
    pub(crate) fn ranking(self) -> Box<dyn Ranking> {
        match self {
            Strategy::Lru | Strategy::Adaptive => Box::new(Lru),
            Strategy::Lfu => Box::new(Lfu::default()),
            Strategy::Ttl => Box::new(Ttl),
            Strategy::TokenCost => Box::new(TokenCost::default()),
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Strategy::Lru => "lru",
            Strategy::Lfu => "lfu",
            Strategy::Ttl => "ttl",
            Strategy::TokenCost => "token-cost",
            Strategy::Adaptive => "adaptive",
        })
    }
}

/// A place in the order; the second number decides where the first is the same.
pub(crate) type Rank = (u64, u64);

/// What is known of an entry when it is ranked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// Bytes.
    pub(crate) weight: usize,
    /// What a hit saves: see [`crate::About`].
    pub(crate) value: u64,
    /// When its time is over, in nanoseconds since 1970.
    pub(crate) expires: Option<u64>,
    /// Uses, the store among them.
    pub(crate) uses: u32,
    /// When it was used last: a number that each use raises.
    pub(crate) used: u64,
    /// [`Ranking::floor`] when it was used last.
    pub(crate) floor: u64,
}

/// Orders entries.
pub(crate) trait Ranking: Send + fmt::Debug {
    /// The place of an entry. The lowest goes first.
    fn rank(&self, standing: &Standing) -> Rank;

    /// An entry with this rank went.
    fn went(&mut self, _rank: Rank) {}

    /// What those that went had at most. An entry that is used gets it on top, so that those that were used long ago are
    /// overtaken in the end.
    fn floor(&self) -> u64 {
        0
    }
}

#[derive(Debug)]
struct Lru;

impl Ranking for Lru {
    fn rank(&self, standing: &Standing) -> Rank {
        (standing.used, 0)
    }
}

/// Least frequently used, with dynamic ageing.
#[derive(Debug, Default)]
struct Lfu {
    floor: u64,
}

impl Ranking for Lfu {
    fn rank(&self, standing: &Standing) -> Rank {
        let uses = standing.floor.saturating_add(standing.uses.into());
        (uses, standing.used)
    }
    fn went(&mut self, rank: Rank) {
        self.floor = self.floor.max(rank.0);
    }
    fn floor(&self) -> u64 {
        self.floor
    }
}

#[derive(Debug)]
struct Ttl;

impl Ranking for Ttl {
    fn rank(&self, standing: &Standing) -> Rank {
        (standing.expires.unwrap_or(u64::MAX), standing.used)
    }
}

/// Greedy dual size frequency: uses times what one saves, for each KiB, on top of the floor.
#[derive(Debug, Default)]
struct TokenCost {
    floor: u64,
}

impl Ranking for TokenCost {
    fn rank(&self, standing: &Standing) -> Rank {
        let saves = u128::from(standing.value.max(1)) * u128::from(standing.uses) * 1024;
        let density = saves / (standing.weight.max(1) as u128);
        let density = u64::try_from(density).unwrap_or(u64::MAX);
        (standing.floor.saturating_add(density), standing.used)
    }
    fn went(&mut self, rank: Rank) {
        self.floor = self.floor.max(rank.0);
    }
    fn floor(&self) -> u64 {
        self.floor
    }
}
