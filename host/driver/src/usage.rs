//! What a model call used, in tokens, as the provider counts them.

use serde::Serialize;

/// Tokens. The four counts do not overlap: together they are what was processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// Of the request, outside of the provider's cache.
    pub input: u64,
    /// Of the request, put into the provider's cache.
    pub cache_write: u64,
    /// Of the request, read from the provider's cache.
    pub cache_read: u64,
    /// Of the reply, what the model thought before it included.
    pub output: u64,
}

impl Usage {
    /// All of the request.
    pub fn prompt(&self) -> u64 {
        self.input
            .saturating_add(self.cache_write)
            .saturating_add(self.cache_read)
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.prompt().saturating_add(self.output)
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Usage) -> Usage {
        Usage {
            input: self.input.saturating_add(other.input),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            output: self.output.saturating_add(other.output),
        }
    }
}

/// Guesses how many tokens some bytes are, where no provider has counted them yet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Estimate {
    /// Bytes and tokens of the last request that was counted.
    measured: Option<(u64, u64)>,
}

impl Estimate {
    /// So many bytes of a request were counted as so many tokens.
    pub(crate) fn learn(&mut self, bytes: usize, tokens: u64) {
        if bytes > 0 && tokens > 0 {
            self.measured = Some((bytes as u64, tokens));
        }
    }

    /// Rather too many than too few: a budget hangs on it. JSON with many digits comes down to two and a half bytes a token
    /// with the tokenizers of 2026; a measured request is taken with a tenth on top.
    pub(crate) fn tokens(&self, bytes: usize) -> u64 {
        let bytes = bytes as u64;
        match self.measured {
            Some((had, tokens)) => bytes
                .saturating_mul(tokens)
                .saturating_mul(11)
                .div_ceil(had.saturating_mul(10).max(1)),
            None => bytes.saturating_mul(2).div_ceil(5),
        }
    }
}

/// Rather too few tokens than too many: four bytes each, as plain English has. For thresholds that must be reached.
pub(crate) fn tokens_at_least(bytes: usize) -> u64 {
    bytes as u64 / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_learns_from_a_count() {
        let mut estimate = Estimate::default();
        assert_eq!(estimate.tokens(1000), 400);
        estimate.learn(1000, 200);
        assert_eq!(estimate.tokens(1000), 220);
        estimate.learn(0, 5);
        estimate.learn(5, 0);
        assert_eq!(estimate.tokens(2000), 440);
    }
}
