//! Quarters and years, in the ways that people write them.

use crate::words::Token;
use std::fmt;

/// A quarter of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Quarter {
    pub(crate) year: i64,
    /// 1 to 4, of those that exist.
    pub(crate) number: u8,
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Q{}-{}", self.number, self.year)
    }
}

impl Quarter {
    /// From a text such as `Q1-2025`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (quarter, year) = text.split_once('-')?;
        let number: u8 = quarter.strip_prefix('Q')?.parse().ok()?;
        let year: i64 = year.parse().ok()?;
        ((1..=4).contains(&number) && YEARS.contains(&year)).then_some(Quarter { year, number })
    }
}

/// Years that can be meant by a number of four digits.
const YEARS: std::ops::RangeInclusive<i64> = 1900..=2199;

/// What a few words say about time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// A quarter and its year; the number may be none that exists.
    Quarter(Quarter),
    /// A quarter of a year that is not said.
    Bare(u8),
    /// A year.
    Year(i64),
    /// The latest quarter that there is.
    LatestQuarter,
    /// The latest year that there is.
    LatestYear,
}

/// What was said where: the places of the first word and of the first after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) said: Said,
}

fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| token.text.as_str())
}

/// The year that a word is. Two digits are one only right behind a quarter, with a sign in between.
fn year(tokens: &[Token], at: usize) -> Option<i64> {
    let word = text(tokens, at);
    if word.len() != 4 || !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    word.parse().ok().filter(|year| YEARS.contains(year))
}

fn short_year(tokens: &[Token], at: usize) -> Option<i64> {
    let token = tokens.get(at)?;
    let joined = matches!(token.before, '-' | '\'' | '/');
    let digits = token.text.len() == 2 && token.text.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = token.text.parse().ok()?;
    (joined && digits).then_some(2000 + number)
}

fn ordinal(word: &str) -> Option<u8> {
    Some(match word {
        "first" | "1st" | "one" | "1" => 1,
        "second" | "2nd" | "two" | "2" => 2,
        "third" | "3rd" | "three" | "3" => 3,
        "fourth" | "4th" | "four" | "4" => 4,
        "fifth" | "5th" | "five" | "5" => 5,
        "sixth" | "6th" | "six" | "6" => 6,
        "zeroth" | "0" => 0,
        _ => return None,
    })
}

/// A quarter in one word: `q1`, `1q`, `q12025`, `1q25`.
fn one_word(word: &str) -> Option<(u8, Option<i64>)> {
    let (number, rest) = match word.strip_prefix('q') {
        Some(rest) => (rest.get(..1)?, rest.get(1..)?),
        None => (word.get(..1)?, word.get(1..)?.strip_prefix('q')?),
    };
    let number: u8 = number.parse().ok()?;
    let digits = rest.bytes().all(|byte| byte.is_ascii_digit());
    match rest.len() {
        0 => Some((number, None)),
        2 if digits => Some((number, Some(2000 + rest.parse::<i64>().ok()?))),
        4 if digits => Some((number, rest.parse().ok().filter(|year| YEARS.contains(year)))),
        _ => None,
    }
}

const LATEST: &[&str] = &["latest", "newest"];

/// A quarter without its year that begins at a word: its number, the year if it is in the same word, and where it ends.
fn quarter_at(tokens: &[Token], at: usize) -> Option<(u8, Option<i64>, usize)> {
    if let Some((number, year)) = one_word(text(tokens, at)) {
        let mut end = at + 1;
        if text(tokens, end) == "quarter" {
            end += 1;
        }
        return Some((number, year, end));
    }
    if let (Some(number), "quarter") = (ordinal(text(tokens, at)), text(tokens, at + 1)) {
        return Some((number, None, at + 2));
    }
    if text(tokens, at) == "quarter" {
        if let Some(number) = ordinal(text(tokens, at + 1)) {
            return Some((number, None, at + 2));
        }
        if let Some((number, year)) = one_word(text(tokens, at + 1)) {
            return Some((number, year, at + 2));
        }
    }
    None
}

/// The longest way to read time from a word on.
fn time_at(tokens: &[Token], at: usize) -> Option<(Said, usize)> {
    if LATEST.contains(&text(tokens, at)) || (text(tokens, at) == "last" && text(tokens, at + 1) == "quarter")
    {
        return latest(tokens, at + 1);
    }
    if text(tokens, at) == "most" && text(tokens, at + 1) == "recent" {
        return latest(tokens, at + 2);
    }
    if let Some((number, year_within, mut end)) = quarter_at(tokens, at) {
        if let Some(year) = year_within {
            return Some((Said::Quarter(Quarter { year, number }), end));
        }
        let short = short_year(tokens, end);
        while matches!(text(tokens, end), "of" | "in" | "the" | "year" | "for") {
            end += 1;
        }
        if let Some(year) = year(tokens, end).or(short) {
            return Some((Said::Quarter(Quarter { year, number }), end + 1));
        }
        let bare = quarter_at(tokens, at).map_or(at + 1, |(_, _, end)| end);
        return Some((Said::Bare(number), bare));
    }
    let of_year = text(tokens, at) == "year";
    let year_place = if of_year { at + 1 } else { at };
    let year = year(tokens, year_place)?;
    if !of_year && let Some((number, None, end)) = quarter_at(tokens, at + 1) {
        // In "2024 Q1 2025" the quarter has a year of its own.
        if self::year(tokens, end).is_none() {
            return Some((Said::Quarter(Quarter { year, number }), end));
        }
    }
    Some((Said::Year(year), year_place + 1))
}

fn latest(tokens: &[Token], after: usize) -> Option<(Said, usize)> {
    match text(tokens, after) {
        "quarter" => Some((Said::LatestQuarter, after + 1)),
        "year" => Some((Said::LatestYear, after + 1)),
        _ => None,
    }
}

/// All that a question says about time, from left to right.
pub(crate) fn times(tokens: &[Token]) -> Vec<Time> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match time_at(tokens, at) {
            Some((said, end)) => {
                found.push(Time { start: at, end, said });
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;

    #[test]
    fn ways_to_write_a_quarter() {
        for (question, expected) in [
            ("Q1-2025", "Q1-2025"),
            ("q1 2025", "Q1-2025"),
            ("first quarter of 2025", "Q1-2025"),
            ("the 4th quarter in the year 2024", "Q4-2024"),
            ("2025 Q1", "Q1-2025"),
            ("2025's first quarter", "Q1-2025"),
            ("2024-Q3 figures", "Q3-2024"),
            ("Q1/2025", "Q1-2025"),
            ("Q1'25", "Q1-2025"),
            ("Q1 '25", "Q1-2025"),
            ("Q1-24", "Q1-2024"),
            ("1Q25", "Q1-2025"),
            ("1q 2025", "Q1-2025"),
            ("Q12025", "Q1-2025"),
            ("quarter 2 of 2024", "Q2-2024"),
            ("quarter Q2 2024", "Q2-2024"),
            ("Q1 25", "Q1"),
            ("Q4?", "Q4"),
            ("Q5 2025", "Q5-2025"),
            ("fifth quarter of 2024", "Q5-2024"),
            ("compare Q1 2025 with Q1 2024", "Q1-2025 Q1-2024"),
            ("Q1 and Q2 2024", "Q1 Q2-2024"),
            ("in the year 2024", "2024"),
            ("2024", "2024"),
            ("2024 Q1 2025", "2024 Q1-2025"),
            ("the latest quarter", "latest"),
            ("most recent quarter", "latest"),
            ("latest year", "latest year"),
            ("last quarter", "latest"),
            ("last year", ""),
            ("third company of 12345 in 123", ""),
            ("q", ""),
            ("q\u{e9}1", ""),
        ] {
            let said: Vec<String> = times(&Words::of(question).tokens)
                .iter()
                .map(|time| match time.said {
                    Said::Quarter(quarter) => quarter.to_string(),
                    Said::Bare(number) => format!("Q{number}"),
                    Said::Year(year) => year.to_string(),
                    Said::LatestQuarter => "latest".to_owned(),
                    Said::LatestYear => "latest year".to_owned(),
                })
                .collect();
            assert_eq!(said.join(" "), expected, "{question}");
        }
    }

    #[test]
    fn written_quarters_are_read() {
        assert_eq!(
            Quarter::parse("Q1-2025"),
            Some(Quarter {
                year: 2025,
                number: 1
            })
        );
        for wrong in ["Q5-2025", "Q1 2025", "q1-2025", "Q1-25", "", "Q-1"] {
            assert_eq!(Quarter::parse(wrong), None, "{wrong}");
        }
    }
}
