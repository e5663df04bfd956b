//! A question as words.

use std::collections::BTreeSet;

/// Bytes of the longest question that is read. A longer one is refused, not cut: what was cut off may have mattered.
pub(crate) const QUESTION_MAX: usize = 1000;

/// Most words of a question.
pub(crate) const WORDS_MAX: usize = 60;

/// Words that change nothing about what is asked. Everything else in a question has to be understood: a word such as
/// "not", "without" or "per" would make a confident answer a wrong one.
const NEUTRAL: &[&str] = &[
    "a", "about", "also", "am", "an", "and", "are", "as", "at", "be", "been", "being", "can", "could", "did",
    "display", "do", "does", "done", "find", "for", "from", "get", "give", "had", "has", "have", "having",
    "hello", "hey", "hi", "how", "i", "in", "is", "kindly", "know", "let", "like", "look", "me", "much",
    "need", "of", "ok", "okay", "on", "please", "see", "show", "so", "tell", "thank", "thanks", "that",
    "the", "there", "to", "us", "want", "was", "we", "were", "what", "which", "with", "would", "you",
];

/// Words that say that a question goes on where the last one ended.
const GOES_ON: &[&str] = &["and", "also", "now", "then", "same", "but", "or"];

/// Words that stand for what was named before.
const STANDS_FOR: &[&str] = &[
    "it", "its", "they", "their", "them", "same", "those", "these", "this", "now", "then", "or", "but",
    "instead",
];

/// A word of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// In small letters, without a possessive ending.
    pub(crate) text: String,
    /// Its plain form: [`stem`].
    pub(crate) stem: String,
    /// As it was written, for answers.
    pub(crate) raw: String,
    /// The character right before this word.
    pub(crate) before: char,
    /// It ended in an apostrophe and s.
    pub(crate) possessive: bool,
}

impl Token {
    /// Written in capitals, as symbols are.
    pub(crate) fn is_capitals(&self) -> bool {
        self.raw.chars().any(char::is_uppercase) && !self.raw.chars().any(char::is_lowercase)
    }

    /// Written with a capital letter, as names are.
    pub(crate) fn is_name(&self) -> bool {
        self.raw.starts_with(char::is_uppercase)
    }

    pub(crate) fn is_neutral(&self) -> bool {
        NEUTRAL.contains(&self.text.as_str())
    }

    /// Stands for something of the question before.
    pub(crate) fn stands_for(&self) -> bool {
        STANDS_FOR.contains(&self.text.as_str())
    }
}

/// Whether a question says by its beginning that it goes on from the last one.
pub(crate) fn goes_on(tokens: &[Token]) -> bool {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    GOES_ON.contains(&text(0)) || (matches!(text(0), "what" | "how") && text(1) == "about")
}

/// A text in quotes, of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quoted {
    pub(crate) text: String,
    /// Places of the first word in it and of the first word after it.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A question, cut into words.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    pub(crate) tokens: Vec<Token>,
    pub(crate) quoted: Vec<Quoted>,
}

/// Signs that mean something, as words. Nothing knows most of them, so they make a question one that is not understood.
fn sign(c: char) -> Option<&'static str> {
    Some(match c {
        '%' => "percent",
        '€' => "euros",
        '£' => "pounds",
        '¥' => "yen",
        '<' | '≤' => "less",
        '>' | '≥' => "more",
        '=' => "equals",
        '+' => "plus",
        '*' | '×' => "times",
        '^' => "power",
        '¬' | '≠' => "not",
        _ => return None,
    })
}

impl Words {
    pub(crate) fn of(question: &str) -> Self {
        let chars: Vec<char> = question
            .chars()
            .map(|c| match c {
                '\u{2019}' | '\u{2018}' | '\u{02bc}' | '`' => '\'',
                '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{00ab}' | '\u{00bb}' => '"',
                '\u{2010}'..='\u{2015}' => '-',
                c => c,
            })
            .collect();
        let at = |place: usize| chars.get(place).copied().unwrap_or(' ');
        let mut words = Words::default();
        let mut open: Option<(usize, usize)> = None;
        let mut place = 0;
        while place < chars.len() {
            let c = at(place);
            if c == '"' {
                match open.take() {
                    None => open = Some((place + 1, words.tokens.len())),
                    Some((from, start)) => words.quoted.push(Quoted {
                        text: chars.get(from..place).unwrap_or_default().iter().collect(),
                        start,
                        end: words.tokens.len(),
                    }),
                }
            }
            let negative =
                c == '-' && at(place + 1).is_ascii_digit() && (place == 0 || at(place - 1).is_whitespace());
            if !(c.is_alphanumeric() || negative) {
                if let Some(word) = sign(c) {
                    words.push(word.to_owned(), ' ', false);
                }
                place += 1;
                continue;
            }
            let from = place;
            place += 1;
            let between_digits = |place: usize| {
                matches!(at(place), '.' | ',')
                    && at(place - 1).is_ascii_digit()
                    && at(place + 1).is_ascii_digit()
            };
            while at(place).is_alphanumeric() || (place < chars.len() && between_digits(place)) {
                place += 1;
            }
            let raw: String = chars
                .get(from..place)
                .unwrap_or_default()
                .iter()
                .filter(|c| **c != ',')
                .collect();
            let before = if from == 0 { ' ' } else { at(from - 1) };
            let possessive =
                at(place) == '\'' && matches!(at(place + 1), 's' | 'S') && !at(place + 2).is_alphanumeric();
            if possessive {
                place += 2;
            }
            words.push(raw, before, possessive);
        }
        words
    }

    fn push(&mut self, raw: String, before: char, possessive: bool) {
        let text = raw.to_lowercase();
        self.tokens.push(Token {
            stem: stem(&text),
            text,
            raw,
            before,
            possessive,
        });
    }

    /// The words at some places, as they were written.
    pub(crate) fn said(&self, places: impl IntoIterator<Item = usize>) -> String {
        let words: Vec<&str> = places
            .into_iter()
            .filter_map(|place| self.tokens.get(place))
            .map(|token| token.raw.as_str())
            .collect();
        words.join(" ")
    }
}

/// The plain form of a word in small letters: without the ending of its plural.
pub(crate) fn stem(word: &str) -> String {
    let long = |n: usize| word.chars().count() > n;
    if let Some(rest) = word.strip_suffix("ies").filter(|_| long(4)) {
        return format!("{rest}y");
    }
    let kept = ["ss", "us", "is"].iter().any(|ending| word.ends_with(ending));
    match word.strip_suffix('s') {
        Some(rest) if long(3) && !kept => rest.to_owned(),
        _ => word.to_owned(),
    }
}

/// The plain forms of the words of a text.
pub(crate) fn stems(text: &str) -> Vec<String> {
    Words::of(text)
        .tokens
        .into_iter()
        .map(|token| token.stem)
        .collect()
}

/// Whether a word in its plain form changes nothing about a question.
pub(crate) fn is_neutral(word: &str) -> bool {
    NEUTRAL.contains(&word)
}

/// Whether a wrongly written word may be meant for a right one: one letter is missing, doubled, or has changed places with
/// its neighbour. A different letter is no slip: that is how the names of different things differ.
pub(crate) fn is_slip(wrong: &str, right: &str) -> bool {
    const LEAST: usize = 6;
    // Most words are told apart by this, and questions are held against every name in the data.
    if wrong.len().abs_diff(right.len()) > 4 || wrong.chars().next() != right.chars().next() {
        return false;
    }
    let (wrong, right): (Vec<char>, Vec<char>) = (wrong.chars().collect(), right.chars().collect());
    let digits = |word: &[char]| word.iter().any(char::is_ascii_digit);
    if right.len() < LEAST
        || wrong == right
        || wrong.first() != right.first()
        || digits(&wrong)
        || digits(&right)
    {
        return false;
    }
    let differ = wrong.iter().zip(&right).position(|(a, b)| a != b);
    let place = differ.unwrap_or(wrong.len().min(right.len()));
    let rest = |word: &[char], from: usize| word.get(from..).unwrap_or_default().to_vec();
    if wrong.len() + 1 == right.len() {
        return rest(&wrong, place) == rest(&right, place + 1);
    }
    if wrong.len() == right.len() + 1 {
        return place > 0
            && wrong.get(place) == wrong.get(place - 1)
            && rest(&wrong, place + 1) == rest(&right, place);
    }
    wrong.len() == right.len()
        && wrong.get(place) == right.get(place + 1)
        && wrong.get(place + 1) == right.get(place)
        && rest(&wrong, place + 2) == rest(&right, place + 2)
}

/// Words that are somebody's already, and so are never wrongly written ones.
pub(crate) type Known = BTreeSet<String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_cut() {
        let cut = |question: &str| {
            let words = Words::of(question).tokens;
            words
                .into_iter()
                .map(|token| token.text)
                .collect::<Vec<_>>()
                .join("|")
        };
        for (question, expected) in [
            (
                "What was TechCorp's Q1-2025 revenue?",
                "what|was|techcorp|q1|2025|revenue",
            ),
            (
                "TechCorp\u{2019}s companies' 1,234.5 -7",
                "techcorp|companies|1234.5|-7",
            ),
            ("50% > \u{20ac}3; DROP--x", "50|percent|more|euros|3|drop|x"),
            ("", ""),
            ("\u{200b}\u{0}'\"", ""),
            ("a'", "a"),
        ] {
            assert_eq!(cut(question), expected, "{question}");
        }
    }

    #[test]
    fn slips_are_few() {
        for (wrong, right, expected) in [
            ("techcrop", "techcorp", true),
            ("tehcorp", "techcorp", true),
            ("techccorp", "techcorp", true),
            ("techcor", "techcorp", true),
            ("techcore", "techcorp", false),
            ("techcorp", "techcorp", false),
            ("fechcorp", "techcorp", false),
            ("techcorpx", "techcorp", false),
            ("revenge", "revenue", false),
            ("revenu", "revenue", true),
            ("proft", "profit", true),
            ("ten", "tech", false),
            ("corp20", "corp200", false),
        ] {
            assert_eq!(is_slip(wrong, right), expected, "{wrong} {right}");
        }
    }

    #[test]
    fn plain_forms() {
        for (word, plain) in [
            ("companies", "company"),
            ("sectors", "sector"),
            ("sales", "sale"),
            ("plus", "plus"),
            ("is", "is"),
            ("loss", "loss"),
            ("ties", "tie"),
        ] {
            assert_eq!(stem(word), plain);
        }
    }

    #[test]
    fn quotes() {
        let words = Words::of("names with \"green  Energy\" and \"x");
        assert_eq!(words.quoted.len(), 1);
        assert_eq!(words.quoted[0].text, "green  Energy");
        assert_eq!((words.quoted[0].start, words.quoted[0].end), (2, 4));
    }
}
