//! Text as words.

/// Longest word that is kept, in bytes. The longest in dictionaries have some 45.
const WORD_MAX: usize = 64;

/// Words that say nothing about what is wanted. Those that turn up in most tools weigh little by themselves.
const STOPS: &[&str] = &[
    "a",
    "about",
    "after",
    "again",
    "against",
    "also",
    "am",
    "an",
    "and",
    "another",
    "any",
    "anybody",
    "anything",
    "are",
    "as",
    "at",
    "back",
    "be",
    "because",
    "been",
    "being",
    "between",
    "both",
    "but",
    "by",
    "can",
    "could",
    "did",
    "do",
    "does",
    "don",
    "down",
    "during",
    "each",
    "else",
    "every",
    "everybody",
    "everything",
    "for",
    "four",
    "from",
    "had",
    "has",
    "have",
    "having",
    "he",
    "her",
    "here",
    "his",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "just",
    "let",
    "like",
    "ll",
    "may",
    "me",
    "might",
    "mine",
    "must",
    "my",
    "need",
    "no",
    "not",
    "nothing",
    "of",
    "off",
    "on",
    "one",
    "only",
    "onto",
    "or",
    "other",
    "others",
    "our",
    "out",
    "over",
    "own",
    "please",
    "re",
    "s",
    "shall",
    "she",
    "should",
    "so",
    "some",
    "somebody",
    "someone",
    "something",
    "such",
    "t",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "this",
    "those",
    "three",
    "through",
    "to",
    "too",
    "tool",
    "tools",
    "two",
    "under",
    "up",
    "us",
    "ve",
    "very",
    "via",
    "want",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whom",
    "whose",
    "why",
    "will",
    "with",
    "within",
    "without",
    "would",
    "you",
    "your",
];

/// Verbs that say little beside what they are used with.
const LIGHT: &[&str] = &[
    "do", "get", "give", "go", "have", "keep", "make", "put", "see", "set", "show", "take", "use",
];

/// Whether a word is a verb that says little.
pub(super) fn is_light(word: &str) -> bool {
    LIGHT.binary_search(&word).is_ok()
}

/// Whether a word says nothing about what is wanted.
pub(super) fn is_stop(word: &str) -> bool {
    STOPS.binary_search(&word).is_ok()
}

/// The words of a text as they are written there, in order. Scripts that write no spaces give a word a character.
pub(super) fn words(text: &str) -> Vec<String> {
    compounds(text).into_iter().flatten().collect()
}

/// The same, those that a hyphen joins together: `re-run it` has two, the first of two words.
pub(super) fn compounds(text: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut compound = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().filter(|c| !is_mark(*c)).peekable();
    while let Some(c) = chars.next() {
        if is_unspaced(c) {
            finish(&mut compound, &mut word);
            all.push(std::mem::take(&mut compound));
            all.push(vec![c.to_string()]);
        } else if c.is_alphanumeric() {
            word.push(c);
        } else {
            let hyphen = c == '-' && !word.is_empty() && chars.peek().is_some_and(|c| c.is_alphanumeric());
            finish(&mut compound, &mut word);
            if !hyphen {
                all.push(std::mem::take(&mut compound));
            }
        }
    }
    finish(&mut compound, &mut word);
    all.push(compound);
    all.retain(|compound| !compound.is_empty());
    all
}

fn finish(compound: &mut Vec<String>, word: &mut String) {
    if !word.is_empty() && word.len() <= WORD_MAX {
        compound.push(word.clone());
    }
    word.clear();
}

/// The parts of a word in camel case, in small letters: `listHTTPRoutes` has three. One part is the word itself.
pub(super) fn camel(word: &str) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    let mut parts = Vec::new();
    let mut part = String::new();
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied();
        let after = chars.get(at + 1).copied();
        let begins = c.is_uppercase()
            && before.is_some_and(|before| !before.is_uppercase() || after.is_some_and(char::is_lowercase));
        if begins && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
        }
        part.extend(c.to_lowercase());
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// A combining mark: `e` with one is the same word as `é`, which the index reads as `e`.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Whether the script of a character writes words without spaces: Chinese, Japanese, Thai.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
        || matches!(c, '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_its_words() {
        for (text, expected) in [
            ("Create a new issue.", "Create a new issue"),
            ("who's Apple's CEO, don't tell", "who s Apple s CEO don t tell"),
            ("list_open-issues", "list open issues"),
            ("cafe\u{301}s \"NEAR\" {x}*", "cafes NEAR x"),
            ("把 文件删除", "把 文 件 删 除"),
            ("", ""),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
        assert!(words(&"x".repeat(WORD_MAX + 1)).is_empty());
    }

    #[test]
    fn camel_case_has_parts() {
        for (word, parts) in [
            ("listHTTPRoutes", "list http routes"),
            ("plain", "plain"),
            ("S3Bucket", "s3 bucket"),
            ("sha256", "sha256"),
            ("ÉtéÀParis", "été à paris"),
            ("JSON", "json"),
        ] {
            assert_eq!(camel(word).join(" "), parts);
        }
    }

    #[test]
    fn stop_words_are_in_order() {
        assert!(STOPS.is_sorted() && LIGHT.is_sorted());
        assert!(is_stop("the") && !is_stop("issue"));
    }
}
