//! What one question may cost, in tokens, money, calls and time.

use fact_types::{Code, Error};
use serde::Serialize;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

use crate::money::{Money, Prices};
use crate::usage::Usage;

/// Most model calls of one question. What a question needs is a call, a round or two of tools, and an answer; a model that
/// is not done after seven goes in circles.
pub const MODEL_CALLS_MAX: u32 = 7;

/// Fewest tokens that a reply is given. With less, no model says anything of use, and the question has failed anyway.
const OUTPUT_MIN: u32 = 256;

/// What one question may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most tokens, requests and replies together. 200,000: what a whole context of most models has.
    pub tokens: Option<u64>,
    /// Most money. Needs a model whose prices are known.
    pub money: Option<Money>,
    /// Most replies of the model, at most [`MODEL_CALLS_MAX`].
    pub model_calls: u32,
    /// Most calls of tools. 50: six rounds of eight at once.
    pub tool_calls: u32,
    /// Longest time. Two minutes: seven replies take that long.
    pub time: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            tokens: Some(200_000),
            money: None,
            model_calls: MODEL_CALLS_MAX,
            tool_calls: 50,
            time: Duration::from_secs(120),
        }
    }
}

/// A part of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// [`Budget::tokens`].
    Tokens,
    /// [`Budget::money`].
    Money,
    /// [`Budget::model_calls`].
    ModelCalls,
    /// [`Budget::time`].
    Time,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Tokens => "tokens",
            Limit::Money => "money",
            Limit::ModelCalls => "model calls",
            Limit::Time => "time",
        })
    }
}

/// What is left of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Tokens, where they are limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Money, where it is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
    /// Replies of the model.
    pub model_calls: u32,
    /// Calls of tools.
    pub tool_calls: u32,
    /// Time, in milliseconds.
    #[serde(rename = "time_ms", serialize_with = "crate::turn::millis")]
    pub time: Duration,
}

/// Counts against a budget.
#[derive(Debug)]
pub(crate) struct Meter {
    budget: Budget,
    prices: Option<Prices>,
    started: Instant,
    /// With estimates where the provider did not count: a budget must hold all the same.
    tokens: u64,
    money: Money,
    pub(crate) model_calls: u32,
    tool_calls: u32,
}

impl Meter {
    /// Counts from now on.
    ///
    /// # Errors
    /// Where the budget is out of its range, or is one of money for a model without prices: it could not be kept.
    pub(crate) fn new(budget: Budget, prices: Option<Prices>) -> Result<Self, Error> {
        let bad = |message: String| Err(Error::new(Code::InvalidInput, message));
        if !(1..=MODEL_CALLS_MAX).contains(&budget.model_calls) {
            return bad(format!(
                "The budget must allow from 1 to {MODEL_CALLS_MAX} model calls; it says {}.",
                budget.model_calls
            ));
        }
        // An instant has an end; an hour is far longer than anyone waits.
        if budget.time.is_zero() || budget.time > Duration::from_secs(3600) {
            return bad("The budget's time must be above nothing and at most an hour.".to_owned());
        }
        if budget.money.is_some() && prices.is_none() {
            return Err(Error::new(
                Code::Config,
                "A budget of money can't be kept, since the model's prices are unknown; configure them, or limit tokens instead.",
            ));
        }
        Ok(Meter {
            budget,
            prices,
            started: Instant::now(),
            tokens: 0,
            money: Money::ZERO,
            model_calls: 0,
            tool_calls: 0,
        })
    }

    /// When the time is over.
    pub(crate) fn deadline(&self) -> Instant {
        self.started + self.budget.time
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether this round must be the last: after it no other could follow, or no tool could be called for it.
    pub(crate) fn is_last_round(&self) -> bool {
        self.model_calls + 1 >= self.budget.model_calls || self.tool_calls >= self.budget.tool_calls
    }

    /// How many tokens the next reply may have, if there may be one: a request of so many tokens, and then as much of
    /// `wanted` as what is left pays for.
    pub(crate) fn next_reply(&self, request: u64, wanted: u32) -> Result<u32, Limit> {
        let left = self.left();
        if left.model_calls == 0 {
            return Err(Limit::ModelCalls);
        }
        if left.time.is_zero() {
            return Err(Limit::Time);
        }
        let least = u64::from(wanted.min(OUTPUT_MIN));
        let mut most = u64::from(wanted);
        if let Some(tokens) = left.tokens {
            most = most.min(tokens.saturating_sub(request));
            if most < least {
                return Err(Limit::Tokens);
            }
        }
        if let (Some(money), Some(prices)) = (left.money, &self.prices) {
            let rest = money.minus(prices.dearest_input().of(request));
            most = most.min(prices.output.tokens_for(rest));
            if most < least {
                return Err(Limit::Money);
            }
        }
        Ok(u32::try_from(most).unwrap_or(wanted))
    }

    /// Counts what a model call used, or is believed to have used.
    pub(crate) fn count(&mut self, usage: &Usage) {
        self.tokens = self.tokens.saturating_add(usage.total());
        if let Some(prices) = &self.prices {
            // A price that is missing for a part is taken as the dearest of its kind.
            let cost = prices.cost(usage).unwrap_or_else(|| {
                prices
                    .dearest_input()
                    .of(usage.prompt())
                    .plus(prices.output.of(usage.output))
            });
            self.money = self.money.plus(cost);
        }
    }

    /// Takes as many of `wanted` tool calls as there are left.
    pub(crate) fn take_tool_calls(&mut self, wanted: u32) -> u32 {
        let taken = wanted.min(self.budget.tool_calls.saturating_sub(self.tool_calls));
        self.tool_calls += taken;
        taken
    }

    pub(crate) fn left(&self) -> Left {
        Left {
            tokens: self.budget.tokens.map(|all| all.saturating_sub(self.tokens)),
            money: self.budget.money.map(|all| all.minus(self.money)),
            model_calls: self.budget.model_calls.saturating_sub(self.model_calls),
            tool_calls: self.budget.tool_calls.saturating_sub(self.tool_calls),
            time: self.budget.time.saturating_sub(self.elapsed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Rate;

    fn meter(budget: Budget) -> Meter {
        let prices = Prices {
            input: Rate::milli(1000),
            output: Rate::milli(5000),
            cache_read: None,
            cache_write: Some(Rate::milli(1250)),
        };
        Meter::new(budget, Some(prices)).unwrap()
    }

    #[tokio::test]
    async fn a_reply_is_as_long_as_what_is_left() {
        let tokens = |tokens| {
            meter(Budget {
                tokens: Some(tokens),
                ..Budget::default()
            })
        };
        assert_eq!(tokens(10_000).next_reply(2000, 4096), Ok(4096));
        assert_eq!(tokens(5000).next_reply(2000, 4096), Ok(3000));
        assert_eq!(tokens(2256).next_reply(2000, 4096), Ok(256));
        assert_eq!(tokens(2255).next_reply(2000, 4096), Err(Limit::Tokens));
        assert_eq!(tokens(2100).next_reply(2000, 100), Ok(100));

        // The request at the dearest price, 1250 a token, is 2,500,000; 5000 a token is left for the reply.
        let money = |nanos| {
            meter(Budget {
                money: Some(Money::from_nanos(nanos)),
                ..Budget::default()
            })
        };
        assert_eq!(money(100_000_000).next_reply(2000, 4096), Ok(4096));
        assert_eq!(money(7_500_000).next_reply(2000, 4096), Ok(1000));
        assert_eq!(money(3_000_000).next_reply(2000, 4096), Err(Limit::Money));
    }

    #[tokio::test]
    async fn what_was_used_is_gone() {
        let mut meter = meter(Budget {
            tokens: Some(10_000),
            money: Some(Money::from_nanos(100_000_000)),
            tool_calls: 3,
            ..Budget::default()
        });
        meter.count(&Usage {
            input: 1000,
            output: 200,
            cache_read: 0,
            cache_write: 0,
        });
        assert_eq!(meter.left().tokens, Some(8800));
        assert_eq!(meter.left().money, Some(Money::from_nanos(98_000_000)));
        // No price for reading the cache: the dearest one.
        meter.count(&Usage {
            cache_read: 1000,
            ..Usage::default()
        });
        assert_eq!(meter.left().money, Some(Money::from_nanos(96_750_000)));
        assert_eq!((meter.take_tool_calls(2), meter.is_last_round()), (2, false));
        assert_eq!((meter.take_tool_calls(2), meter.is_last_round()), (1, true));
    }

    #[tokio::test]
    async fn a_budget_that_can_not_be_kept_is_refused() {
        let check = |budget: Budget, code| assert_eq!(Meter::new(budget, None).unwrap_err().code, code);
        let model_calls = |model_calls| Budget {
            model_calls,
            ..Budget::default()
        };
        check(model_calls(0), Code::InvalidInput);
        check(model_calls(8), Code::InvalidInput);
        let money = Some(Money::from_nanos(1));
        check(
            Budget {
                money,
                ..Budget::default()
            },
            Code::Config,
        );
        let time = Duration::ZERO;
        check(
            Budget {
                time,
                ..Budget::default()
            },
            Code::InvalidInput,
        );
    }
}
