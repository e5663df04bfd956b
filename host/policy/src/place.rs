//! Where in a text something stands, for messages.

use std::ops::Range;

/// The beginnings of a text's lines.
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines(std::iter::once(0).chain(after_breaks).collect())
    }

    /// The line, counted from 1, in which a span begins.
    pub(crate) fn line(&self, span: &Range<usize>) -> usize {
        self.0.partition_point(|start| *start <= span.start).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let lines = Lines::of("a\nbc\n\nd");
        for (at, line) in [(0, 1), (1, 1), (2, 2), (4, 2), (5, 3), (6, 4), (99, 4)] {
            assert_eq!(lines.line(&(at..at)), line, "{at}");
        }
    }
}
