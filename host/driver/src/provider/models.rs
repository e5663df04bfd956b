//! What is known of models without asking: the smallest beginning of a request that Anthropic caches, and prices.
//!
//! Configuration overrides both. What is not here is unknown: then a cost is not told, and nothing is marked for caching
//! before it surely can be cached.

use crate::money::{Prices, Rate};

/// What is known of a model.
struct Known {
    /// The model's name without a date.
    model: &'static str,
    /// The smallest cacheable beginning of a request, in tokens.
    cache_min: Option<u64>,
    prices: Option<Prices>,
}

/// Anthropic's models, as of November 2026.
///
/// Smallest cacheable prompt: <https://platform.claude.com/docs/en/build-with-claude/prompt-caching>, "Cache limitations".
/// Prices: <https://platform.claude.com/docs/en/about-claude/pricing>, "Model pricing": input, output, and what reading from
/// the cache costs. Writing to it for five minutes costs a quarter more than the input, with every model.
const ANTHROPIC: &[Known] = &[
    anthropic("claude-fable-5-1", 512, 10_000, 50_000, 250),
    anthropic("claude-mythos-5-1", 512, 10_000, 50_000, 250),
    anthropic("claude-fable-5", 512, 10_000, 50_000, 1_000),
    anthropic("claude-mythos-5", 512, 10_000, 50_000, 1_000),
    anthropic("claude-opus-5-5", 512, 4_000, 20_000, 200),
    anthropic("claude-opus-5", 512, 5_000, 25_000, 500),
    anthropic("claude-opus-4-8", 1024, 5_000, 25_000, 500),
    anthropic("claude-opus-4-7", 2048, 5_000, 25_000, 500),
    anthropic("claude-opus-4-6", 4096, 5_000, 25_000, 500),
    anthropic("claude-opus-4-5", 4096, 5_000, 25_000, 500),
    anthropic("claude-opus-4-1", 1024, 15_000, 75_000, 1_500),
    anthropic("claude-opus-4", 1024, 15_000, 75_000, 1_500),
    anthropic("claude-sonnet-5-5", 512, 2_000, 10_000, 100),
    anthropic("claude-sonnet-5", 1024, 2_000, 10_000, 200),
    anthropic("claude-sonnet-4-6", 1024, 3_000, 15_000, 300),
    anthropic("claude-sonnet-4-5", 1024, 3_000, 15_000, 300),
    anthropic("claude-sonnet-4", 1024, 3_000, 15_000, 300),
    anthropic("claude-3-7-sonnet", 1024, 3_000, 15_000, 300),
    // Its price depends on the length of each request, which this table can't say.
    Known {
        model: "claude-haiku-5-5",
        cache_min: Some(512),
        prices: None,
    },
    anthropic("claude-haiku-4-5", 4096, 1_000, 5_000, 100),
    anthropic("claude-3-5-haiku", 2048, 800, 4_000, 80),
];

/// OpenAI's models, by <https://developers.openai.com/api/docs/pricing> as of November 2026: those of one price for every
/// length of request. Caching is the provider's own matter there, and writing costs nothing.
const OPENAI: &[Known] = &[
    openai("gpt-5.2", 1_750, 175, 14_000),
    openai("gpt-5", 1_250, 125, 10_000),
    openai("gpt-5-mini", 250, 25, 2_000),
    openai("gpt-4.1", 2_000, 500, 8_000),
    openai("gpt-4o", 2_500, 1_250, 10_000),
    openai("gpt-4o-mini", 150, 75, 600),
];

/// The largest of the smallest cacheable beginnings, for models that are not in the table.
const CACHE_MIN_UNKNOWN: u64 = 4096;

/// Prices in thousandths of a dollar for a million tokens.
const fn anthropic(model: &'static str, cache_min: u64, input: u64, output: u64, cached: u64) -> Known {
    Known {
        model,
        cache_min: Some(cache_min),
        prices: Some(Prices {
            input: Rate::milli(input),
            output: Rate::milli(output),
            cache_read: Some(Rate::milli(cached)),
            cache_write: Some(Rate::milli(input + input / 4)),
        }),
    }
}

const fn openai(model: &'static str, input: u64, cached: u64, output: u64) -> Known {
    Known {
        model,
        cache_min: None,
        prices: Some(Prices {
            input: Rate::milli(input),
            output: Rate::milli(output),
            cache_read: Some(Rate::milli(cached)),
            cache_write: None,
        }),
    }
}

/// The smallest beginning of a request that Anthropic caches for a model, in tokens.
pub(crate) fn cache_min(model: &str) -> u64 {
    find(ANTHROPIC, model)
        .and_then(|known| known.cache_min)
        .unwrap_or(CACHE_MIN_UNKNOWN)
}

/// What Anthropic takes for a model.
pub(crate) fn anthropic_prices(model: &str) -> Option<Prices> {
    find(ANTHROPIC, model)?.prices
}

/// What OpenAI takes for a model.
pub(crate) fn openai_prices(model: &str) -> Option<Prices> {
    find(OPENAI, model)?.prices
}

/// A model by its name, which may end with a date or `-latest`. A longer name is another model.
fn find(table: &'static [Known], model: &str) -> Option<&'static Known> {
    table.iter().find(|known| {
        model.strip_prefix(known.model).is_some_and(|rest| {
            let date = rest.strip_prefix('-').is_some_and(|date| {
                let digits = date.bytes().filter(u8::is_ascii_digit).count();
                let only = date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
                only && digits == 8
            });
            rest.is_empty() || rest == "-latest" || date
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_by_name() {
        for (model, cache) in [
            ("claude-sonnet-4-20250514", 1024),
            ("claude-sonnet-4-5-20250929", 1024),
            ("claude-haiku-4-5", 4096),
            ("claude-haiku-4-5-20251001", 4096),
            ("claude-3-5-haiku-latest", 2048),
            ("claude-opus-5", 512),
            ("claude-opus-5-5", 512),
            ("claude-haiku-5-5", 512),
            ("claude-opus-5-preview", CACHE_MIN_UNKNOWN),
            ("llama3", CACHE_MIN_UNKNOWN),
        ] {
            assert_eq!(cache_min(model), cache, "{model}");
        }
        assert!(anthropic_prices("claude-haiku-5-5").is_none());
        assert_ne!(
            anthropic_prices("claude-sonnet-5-5"),
            anthropic_prices("claude-sonnet-5")
        );
        assert!(openai_prices("gpt-5-mini-2025-08-07").is_some());
        assert!(openai_prices("gpt-5-nano").is_none());
        assert!(openai_prices("claude-opus-5").is_none());
    }

    #[test]
    fn the_cache_has_its_own_prices() {
        let prices = anthropic_prices("claude-sonnet-4-5").unwrap();
        let text = serde_json::to_string(&prices).unwrap();
        assert_eq!(
            text,
            r#"{"input":3.0,"output":15.0,"cache_read":0.3,"cache_write":3.75}"#
        );
    }
}
