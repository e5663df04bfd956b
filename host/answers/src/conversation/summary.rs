//! What is left of a turn that is not kept as it was.

/// Longest part of an answer in a summary, in characters.
const CLIP: usize = 100;

/// Most lines of a summary. With more, the oldest go.
const LINES_MAX: usize = 20;

/// A summary with one more answer: its first sentence, clipped.
pub(super) fn extend(summary: &str, answer: &str) -> String {
    let sentence = clip(first_sentence(answer));
    let mut lines: Vec<&str> = summary.lines().collect();
    if !sentence.is_empty() {
        lines.push(&sentence);
    }
    let from = lines.len().saturating_sub(LINES_MAX);
    lines.get(from..).unwrap_or_default().join("\n")
}

/// What stands before the first end of a line, or the first mark that ends a sentence: one that a space and a capital letter
/// follow, so that numbers and most abbreviations don't end it.
fn first_sentence(text: &str) -> &str {
    let text = text.trim();
    let line = text.lines().next().unwrap_or_default().trim_end();
    for (at, mark) in line.char_indices() {
        let mut rest = line.get(at + mark.len_utf8()..).unwrap_or_default().chars();
        if matches!(mark, '.' | '!' | '?')
            && rest.next() == Some(' ')
            && rest.next().is_some_and(char::is_uppercase)
        {
            return line.get(..=at).unwrap_or(line);
        }
    }
    line
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(CLIP) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default().trim_end()),
        None => text.to_owned(),
    }
}

/// A text, cut to a number of bytes where a character ends.
pub(super) fn clip_bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mark = "…";
    let at = text.floor_char_boundary(most.saturating_sub(mark.len()));
    format!("{}{mark}", text.get(..at).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_core_conversation_a_summary_has_first_sentences() {
        for (answer, sentence) in [
            ("Revenue was 25.0 bn. It grew.", "Revenue was 25.0 bn."),
            ("TechCorp Inc. had 25.0 bn", "TechCorp Inc. had 25.0 bn"),
            ("Two lines\nof text", "Two lines"),
            ("  Who? Nobody.", "Who?"),
            ("", ""),
        ] {
            assert_eq!(extend("", answer), sentence, "{answer}");
        }
        let long = "ü".repeat(150);
        let expected = format!("{}…", "ü".repeat(100));
        assert_eq!(extend("", &long), expected);
        assert_eq!(extend("One.", "Two."), "One.\nTwo.");
        let many = (0..50).fold(String::new(), |summary, n| {
            extend(&summary, &format!("Answer {n}"))
        });
        let lines: Vec<&str> = many.lines().collect();
        assert_eq!((lines.len(), lines[0], lines[19]), (20, "Answer 30", "Answer 49"));
    }

    #[test]
    fn bytes_are_cut_between_characters() {
        assert_eq!(clip_bytes("short", 5), "short");
        assert_eq!(clip_bytes("üüü", 5), "ü…");
        assert_eq!(clip_bytes("üüüü", 7), "üü…");
    }
}
