//! `text_stats`: counts of a text.

use crate::limits;
use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

/// Arguments of `text_stats`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextStats {
    /// The text.
    pub text: String,
}

/// Answer of `text_stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stats {
    /// Bytes in UTF-8.
    pub bytes: usize,
    /// Code points.
    pub chars: usize,
    /// What a reader sees as one sign (grapheme clusters): a letter with its accents, an emoji with its parts.
    pub graphemes: usize,
    /// Words, by the rules of Unicode.
    pub words: usize,
    /// Sentences, by the rules of Unicode, which know no abbreviations: "e.g. this" may count as two.
    pub sentences: usize,
    /// Lines. A line feed at the very end begins no further line.
    pub lines: usize,
    /// Lines with nothing but white space.
    pub blank_lines: usize,
    /// Code points of the longest line.
    pub longest_line_chars: usize,
    /// The number of the first line of that length, counted from 1. Absent for an empty text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_line: Option<usize>,
}

/// Counts the bytes, characters, words, sentences and lines of a text, by the rules of Unicode.
///
/// # Errors
/// `invalid-input` when the text is too large.
#[tool(read_only, idempotent)]
pub fn text_stats(args: TextStats) -> Result<Stats, ToolError> {
    let text = args.text.as_str();
    limits::check_text("text", text)?;
    let mut stats = Stats {
        bytes: text.len(),
        chars: text.chars().count(),
        graphemes: text.graphemes(true).count(),
        words: text.unicode_words().count(),
        sentences: text.unicode_sentences().count(),
        ..Stats::default()
    };
    for line in text.lines() {
        stats.lines += 1;
        stats.blank_lines += usize::from(line.trim().is_empty());
        let chars = line.chars().count();
        if stats.longest_line.is_none() || chars > stats.longest_line_chars {
            stats.longest_line_chars = chars;
            stats.longest_line = Some(stats.lines);
        }
    }
    Ok(stats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let check = |text: &str, expected: [usize; 8], longest: Option<usize>| {
            let stats = text_stats(TextStats {
                text: text.to_owned(),
            })
            .unwrap();
            let got = [
                stats.bytes,
                stats.chars,
                stats.graphemes,
                stats.words,
                stats.sentences,
                stats.lines,
                stats.blank_lines,
                stats.longest_line_chars,
            ];
            assert_eq!((got, stats.longest_line), (expected, longest), "{text:?}");
        };
        check("", [0, 0, 0, 0, 0, 0, 0, 0], None);
        check("Hello, world. Bye!\n", [19, 19, 19, 3, 2, 1, 0, 18], Some(1));
        check("a\r\n\r\nbcd", [8, 8, 6, 2, 2, 3, 1, 3], Some(3));
        check("e\u{301}", [3, 2, 1, 1, 1, 1, 0, 2], Some(1));
        check("👩‍🚀", [11, 3, 1, 0, 0, 1, 0, 3], Some(1));
        check("don't stop", [10, 10, 10, 2, 1, 1, 0, 10], Some(1));
    }

    #[test]
    fn refuses_too_much() {
        assert!(
            text_stats(TextStats {
                text: "x".repeat(limits::TEXT_BYTES_MAX + 1)
            })
            .is_err()
        );
    }
}
