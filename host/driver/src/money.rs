//! Money, and what tokens cost.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::usage::Usage;

/// An amount in US dollars, exact to a billionth. In JSON a number of dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(try_from = "f64")]
pub struct Money(u64);

/// The price of one token, in billionths of a dollar. In JSON and in configuration, as providers write it: dollars for a
/// million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "f64")]
pub struct Rate(u64);

/// Why a number is no amount or no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount in dollars is a number from 0 to 1000000")]
pub struct NoAmount;

/// Largest amount and largest price for a million tokens, in dollars. Far above any real one, and small enough that a
/// question's tokens times it stay a number.
const LARGEST: f64 = 1e6;

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);

    /// An amount in billionths of a dollar.
    pub const fn from_nanos(nanos: u64) -> Self {
        Money(nanos)
    }

    /// The amount in billionths of a dollar.
    pub fn nanos(self) -> u64 {
        self.0
    }

    /// The amount in dollars, for people and charts; sums are made of the exact form.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }

    /// What is left of it; nothing where `other` is more.
    #[must_use]
    pub fn minus(self, other: Money) -> Money {
        Money(self.0.saturating_sub(other.0))
    }
}

impl TryFrom<f64> for Money {
    type Error = NoAmount;
    fn try_from(dollars: f64) -> Result<Self, NoAmount> {
        in_range(dollars).map(|dollars| Money((dollars * 1e9).round() as u64))
    }
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.dollars())
    }
}

impl fmt::Display for Money {
    /// At least cents; more places only as far as there is something to show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = format!("{:09}", self.0 % 1_000_000_000);
        let shown = places.trim_end_matches('0');
        write!(f, "${}.{shown:0<2}", self.0 / 1_000_000_000)
    }
}

impl Rate {
    /// A price in thousandths of a dollar for a million tokens, which are billionths of a dollar for one: 3000 is $3.
    pub const fn milli(thousandths: u64) -> Self {
        Rate(thousandths)
    }

    /// What so many tokens cost.
    pub fn of(self, tokens: u64) -> Money {
        Money(self.0.saturating_mul(tokens))
    }

    /// How many tokens can be had for an amount. Without a price, as many as one wants.
    pub fn tokens_for(self, money: Money) -> u64 {
        money.0.checked_div(self.0).unwrap_or(u64::MAX)
    }
}

impl TryFrom<f64> for Rate {
    type Error = NoAmount;
    fn try_from(dollars: f64) -> Result<Self, NoAmount> {
        in_range(dollars).map(|dollars| Rate((dollars * 1e3).round() as u64))
    }
}

impl Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.0 as f64 / 1e3)
    }
}

fn in_range(dollars: f64) -> Result<f64, NoAmount> {
    // Not a number fails this too.
    (0.0..=LARGEST)
        .contains(&dollars)
        .then_some(dollars)
        .ok_or(NoAmount)
}

/// What a model's tokens cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// A token of the request that the provider's cache had no part in.
    pub input: Rate,
    /// A token of the reply.
    pub output: Rate,
    /// A token of the request that came from the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Rate>,
    /// A token of the request that the provider put into its cache for five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Rate>,
}

impl Prices {
    /// What this use of the model cost; `None` where a price is missing for something that was used.
    pub fn cost(&self, usage: &Usage) -> Option<Money> {
        let part = |rate: Option<Rate>, tokens: u64| match (rate, tokens) {
            (_, 0) => Some(Money::ZERO),
            (Some(rate), tokens) => Some(rate.of(tokens)),
            (None, _) => None,
        };
        Some(
            self.input
                .of(usage.input)
                .plus(self.output.of(usage.output))
                .plus(part(self.cache_read, usage.cache_read)?)
                .plus(part(self.cache_write, usage.cache_write)?),
        )
    }

    /// The most that a token of a request can cost.
    pub(crate) fn dearest_input(&self) -> Rate {
        [Some(self.input), self.cache_read, self.cache_write]
            .into_iter()
            .flatten()
            .max()
            .unwrap_or(self.input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_as_people_read_them() {
        for (nanos, text) in [
            (0, "$0.00"),
            (10_000_000, "$0.01"),
            (12_345_000, "$0.012345"),
            (1_500_000_000, "$1.50"),
            (1, "$0.000000001"),
        ] {
            assert_eq!(Money::from_nanos(nanos).to_string(), text);
        }
        for bad in [-0.1, f64::NAN, f64::INFINITY, 2e6] {
            assert!(
                Money::try_from(bad).is_err() && Rate::try_from(bad).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_cost_is_known_only_with_every_price() {
        let prices: Prices =
            serde_json::from_str(r#"{"input": 3, "output": 15, "cache_read": 0.3}"#).unwrap();
        let usage = Usage {
            input: 1000,
            output: 100,
            cache_read: 10_000,
            cache_write: 0,
        };
        // 3000 + 1500 + 3000 millionths.
        assert_eq!(prices.cost(&usage).unwrap().to_string(), "$0.0075");
        let written = Usage {
            cache_write: 1,
            ..usage
        };
        assert_eq!(prices.cost(&written), None);
        assert_eq!(prices.input.tokens_for(Money::from_nanos(9_500)), 3);
    }
}
