//! Making calls before they are asked, so that their answers are there.
//!
//! What is made ahead are the calls that were asked most, by the way of all calls: nothing enters the cache that no tool
//! returned. Only tools that say that they only read are called, which the host holds them to; and no use of a counted grant is
//! taken for a call that nobody made.

use std::time::Duration;

use fact_cache::{Asked, Popular};
use fact_types::{Code, Error, Freshness, ToolCall, ToolId};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Host;

/// Calls at the same time. More would hold up those who are there.
const BATCH: usize = 5;

/// Pause between batches, for the calls of others.
const PAUSE: Duration = Duration::from_millis(50);

/// Which calls are made ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warmth {
    /// Those that were asked at least so often.
    pub least: u64,
    /// No more than so many, the most asked first; at most [`Warmth::MOST`].
    pub most: usize,
}

impl Warmth {
    /// Most calls that are made ahead at once.
    pub const MOST: usize = 50;
}

impl Default for Warmth {
    fn default() -> Self {
        Warmth {
            least: 3,
            most: Warmth::MOST,
        }
    }
}

/// What came of a round.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Warmed {
    /// Each call that was considered, the most asked first.
    pub calls: Vec<WarmedCall>,
}

/// A call that was made ahead, or was not.
#[derive(Debug, Clone, Serialize)]
pub struct WarmedCall {
    /// The call, and how often it was asked.
    #[serde(flatten)]
    pub asked: Popular,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: WarmOutcome,
}

/// What came of a call that was made ahead.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum WarmOutcome {
    /// Its answer was there, and is still true.
    Fresh,
    /// Its tool ran, and the answer is kept.
    Kept,
    /// Its tool ran, and the answer can't be kept.
    NotKept {
        /// Why.
        why: String,
    },
    /// It was not made.
    Skipped {
        /// Why.
        why: String,
    },
    /// It failed.
    Failed {
        /// How.
        error: Error,
    },
}

impl Warmed {
    /// How many calls ended so.
    pub fn count(&self, which: impl Fn(&WarmOutcome) -> bool) -> usize {
        self.calls.iter().filter(|call| which(&call.outcome)).count()
    }
}

impl Host {
    /// Makes the most asked calls again, each for whom it was asked, so that their answers are kept and true. Counts as nobody's
    /// traffic.
    ///
    /// # Errors
    /// `unavailable` when the cache is switched off, when what was asked can't be read, or when the host is stopping.
    pub async fn warm(&self, warmth: Warmth) -> Result<Warmed, Error> {
        if !self.config().cache.enabled {
            let why = "The cache is switched off (`cache.enabled` is false), so there is nothing to warm.";
            return Err(Error::new(Code::Unavailable, why));
        }
        let most = warmth.most.min(Warmth::MOST);
        // Of what is asked most, some is not made ahead; what comes after it has its turn then.
        let asked = self
            .cache()
            .popular(warmth.least.max(1), most)
            .await
            .map_err(|problem| {
                Error::new(
                    Code::Unavailable,
                    format!("What was asked can't be read: {problem}."),
                )
            })?;
        let mut warmed = Warmed::default();
        for (at, batch) in asked.chunks(BATCH).enumerate() {
            if at > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            if self.is_stopping() {
                break;
            }
            let outcomes =
                futures_util::future::join_all(batch.iter().map(|one| self.warm_one(&one.call))).await;
            warmed.calls.extend(
                batch
                    .iter()
                    .cloned()
                    .zip(outcomes)
                    .map(|(asked, outcome)| WarmedCall { asked, outcome }),
            );
        }
        Ok(warmed)
    }

    async fn warm_one(&self, asked: &Asked) -> WarmOutcome {
        let skipped = |why: &str| WarmOutcome::Skipped { why: why.to_owned() };
        let (Ok(id), Ok(arguments)) = (
            asked.tool.parse::<ToolId>(),
            serde_json::from_str::<Map<String, Value>>(&asked.arguments),
        ) else {
            return skipped("it can't be read");
        };
        let Ok((plugin, tool)) = self.registry().tool(&id) else {
            return skipped("there is no such tool any more");
        };
        if !tool.spec.annotations.read_only {
            return skipped("it does not say that it only reads");
        }
        let standing = self
            .registry()
            .standing(&plugin, &tool.spec.name, &asked.principal);
        if standing.is_none() {
            return skipped("its plugin has grants that are counted");
        }
        let call = ToolCall {
            principal: asked.principal.clone(),
            freshness: Freshness::Warm,
            ..ToolCall::new(id, arguments)
        };
        let key = self.key_of(&call);
        let answer = self.call(call).await;
        if let Err(error) = answer.output() {
            return WarmOutcome::Failed { error };
        }
        if answer.receipt.cache.is_hit() {
            return WarmOutcome::Fresh;
        }
        let kept = match key {
            Ok(Some(key)) => self.cache().probe(&key).await.is_some(),
            _ => false,
        };
        match kept {
            true => WarmOutcome::Kept,
            false => WarmOutcome::NotKept {
                why: answer
                    .receipt
                    .cache
                    .why
                    .unwrap_or_else(|| "there is no room for it".to_owned()),
            },
        }
    }

    /// Warms the cache at each tick, until the host stops; for doors that stay open. `tell` hears what came of each round.
    pub async fn keep_warm(
        &self,
        mut ticks: tokio::time::Interval,
        warmth: Warmth,
        mut tell: impl FnMut(Result<Warmed, Error>),
    ) {
        // A round that takes longer than the interval is followed by a pause and not by the rounds that it missed.
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.stopped() => return,
            }
            if self.is_stopping() {
                return;
            }
            tell(self.warm(warmth).await);
        }
    }
}
