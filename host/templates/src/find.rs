//! Where a question names values of a kind.

use crate::options::{Options, Sources, shown};
use crate::period::{Quarter, Said, Time};
use crate::template::{Kind, Shape};
use crate::words::{Known, Words, is_neutral, is_slip, stem};
use serde_json::{Number, Value};
use std::collections::{BTreeSet, HashMap};

/// A value that a question names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// The place of the first word.
    pub(crate) start: usize,
    /// The place after the last.
    pub(crate) end: usize,
    pub(crate) meaning: Meaning,
    /// It is a symbol, in capitals there and here: no other word is meant.
    pub(crate) symbol: bool,
    /// It was written wrongly, and this says how it was read.
    pub(crate) slip: Option<String>,
    /// Anything else that the answer has to say about it.
    pub(crate) note: Option<String>,
}

/// What a few words mean as a value of a kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meaning {
    /// This value.
    Is(Value),
    /// A quarter of a year that is not said.
    Bare(u8),
    /// A year, where the last question had a quarter.
    OfYear(i64),
    /// A value that is not there.
    NoSuch(String),
    /// One of several values; the words do not tell which.
    Several(Vec<String>),
}

/// Most words of one value's name that are joined.
const SPAN_MAX: usize = 8;

/// Most words of one value's name in which a slip is looked for.
const SLIP_SPAN_MAX: usize = 3;

/// Everything in a question that names a value of a kind. What is found may overlap.
pub(crate) fn find(
    kind: &Kind,
    words: &Words,
    times: &[Time],
    sources: &Sources,
    known: &Known,
) -> Vec<Found> {
    let options = sources.of(kind);
    match &kind.shape {
        Shape::Integer { least, most } => integers(words, *least, *most),
        Shape::Number { least, most } => numbers(words, *least, *most),
        Shape::Text => words
            .quoted
            .iter()
            .filter(|quoted| quoted.end > quoted.start && kind.accepts(&quoted.text.as_str().into()))
            .map(|quoted| Found::new(quoted.start, quoted.end, Meaning::Is(quoted.text.as_str().into())))
            .collect(),
        Shape::Year(_) => times.iter().filter_map(|time| year(time, options)).collect(),
        Shape::Quarter(_) => times.iter().filter_map(|time| quarter(time, options)).collect(),
        Shape::List {
            leave_out, aliases, ..
        } => {
            let Some(options) = options else { return Vec::new() };
            named(&Names::of_list(options, leave_out, aliases), words, known)
        }
        Shape::Choice(values) => named(&Names::of_choice(values), words, known),
    }
}

impl Found {
    fn new(start: usize, end: usize, meaning: Meaning) -> Self {
        Found {
            start,
            end,
            meaning,
            symbol: false,
            slip: None,
            note: None,
        }
    }
}

fn integers(words: &Words, least: i64, most: i64) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, token) in words.tokens.iter().enumerate() {
        let Some(number) = token.text.parse().ok().or_else(|| number_word(&token.text)) else {
            continue;
        };
        let meaning = if (least..=most).contains(&number) {
            Meaning::Is(number.into())
        } else {
            Meaning::NoSuch(number.to_string())
        };
        found.push(Found::new(at, at + 1, meaning));
    }
    found
}

fn number_word(word: &str) -> Option<i64> {
    let words = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let at = words.iter().position(|known| *known == word)?;
    i64::try_from(at + 1).ok()
}

fn numbers(words: &Words, least: f64, most: f64) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, token) in words.tokens.iter().enumerate() {
        if !token.text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            continue;
        }
        let Some(number) = token.text.parse::<f64>().ok().filter(|x| x.is_finite()) else {
            continue;
        };
        let meaning = match Number::from_f64(number).filter(|_| (least..=most).contains(&number)) {
            Some(number) => Meaning::Is(Value::Number(number)),
            None => Meaning::NoSuch(token.text.clone()),
        };
        found.push(Found::new(at, at + 1, meaning));
    }
    found
}

fn year(time: &Time, options: Option<&Options>) -> Option<Found> {
    let mut note = None;
    let meaning = match time.said {
        Said::Year(year) => known_or_not(year.into(), options),
        Said::LatestYear => {
            let latest = options?
                .values
                .iter()
                .filter_map(|(value, _)| value.as_i64())
                .max()?;
            note = Some(format!("{latest} is the latest year in the data."));
            Meaning::Is(latest.into())
        }
        _ => return None,
    };
    Some(Found {
        note,
        ..Found::new(time.start, time.end, meaning)
    })
}

fn quarter(time: &Time, options: Option<&Options>) -> Option<Found> {
    let mut note = None;
    let meaning = match time.said {
        Said::Quarter(quarter) if !(1..=4).contains(&quarter.number) => Meaning::NoSuch(quarter.to_string()),
        Said::Quarter(quarter) => known_or_not(quarter.to_string().into(), options),
        Said::Bare(number) if (1..=4).contains(&number) => Meaning::Bare(number),
        Said::Bare(number) => Meaning::NoSuch(format!("Q{number}")),
        Said::LatestQuarter => {
            let latest = quarters(options?).into_iter().max()?;
            note = Some(format!("{latest} is the latest quarter in the data."));
            Meaning::Is(latest.to_string().into())
        }
        Said::Year(year) => Meaning::OfYear(year),
        Said::LatestYear => return None,
    };
    Some(Found {
        note,
        ..Found::new(time.start, time.end, meaning)
    })
}

/// The quarters among values.
pub(crate) fn quarters(options: &Options) -> Vec<Quarter> {
    let texts = options.values.iter().filter_map(|(value, _)| value.as_str());
    texts.filter_map(Quarter::parse).collect()
}

/// A value that was named exactly: it is there, or it is not.
pub(crate) fn known_or_not(value: Value, options: Option<&Options>) -> Meaning {
    match options {
        Some(options) if !options.has(&value) => Meaning::NoSuch(shown(&value)),
        _ => Meaning::Is(value),
    }
}

/// Names of values, as words without the blanks between them, so that `Tech Corp` is `TechCorp`.
struct Names {
    values: Vec<Value>,
    /// Places of the values that a name may mean.
    places: HashMap<String, BTreeSet<usize>>,
    /// Names that are symbols: in capitals.
    symbols: BTreeSet<String>,
    /// Names count in their plain forms: they are words of a language and not names of things.
    plain: bool,
}

impl Names {
    fn of_list(options: &Options, leave_out: &[String], aliases: &[(String, String)]) -> Self {
        let mut names = Names {
            values: Vec::with_capacity(options.values.len()),
            places: HashMap::new(),
            symbols: BTreeSet::new(),
            plain: false,
        };
        for (place, (value, others)) in options.values.iter().enumerate() {
            let own = shown(value);
            let aliases = aliases
                .iter()
                .filter(|(_, of)| *of == own)
                .map(|(alias, _)| alias.as_str());
            for name in std::iter::once(own.as_str())
                .chain(others.iter().map(String::as_str))
                .chain(aliases)
            {
                let mut parts: Vec<String> = Words::of(name)
                    .tokens
                    .into_iter()
                    .map(|token| token.text)
                    .collect();
                let written = name.chars().filter(|c| c.is_alphabetic());
                if parts.len() == 1
                    && written.clone().next().is_some()
                    && written.clone().all(char::is_uppercase)
                {
                    names.symbols.insert(parts.concat());
                }
                names.add(parts.concat(), place);
                while parts.len() > 1 && parts.last().is_some_and(|last| leave_out.contains(last)) {
                    parts.pop();
                    names.add(parts.concat(), place);
                }
            }
            names.values.push(value.clone());
        }
        names
    }

    fn of_choice(values: &[(String, Vec<String>)]) -> Self {
        let mut names = Names {
            values: Vec::with_capacity(values.len()),
            places: HashMap::new(),
            symbols: BTreeSet::new(),
            plain: true,
        };
        for (place, (value, others)) in values.iter().enumerate() {
            for name in std::iter::once(value).chain(others) {
                let parts: Vec<String> = Words::of(name)
                    .tokens
                    .into_iter()
                    .map(|token| token.stem)
                    .collect();
                names.add(parts.concat(), place);
            }
            names.values.push(value.as_str().into());
        }
        names
    }

    fn add(&mut self, name: String, place: usize) {
        if !name.is_empty() {
            self.places.entry(name).or_default().insert(place);
        }
    }

    fn meaning(&self, places: &BTreeSet<usize>) -> Option<Meaning> {
        let mut values = places.iter().filter_map(|place| self.values.get(*place));
        let first = values.next()?;
        if places.len() == 1 {
            return Some(Meaning::Is(first.clone()));
        }
        let all = std::iter::once(first).chain(values);
        Some(Meaning::Several(all.map(shown).collect()))
    }
}

fn named(names: &Names, words: &Words, known: &Known) -> Vec<Found> {
    let tokens = &words.tokens;
    let shouting = tokens
        .iter()
        .all(|token| token.is_capitals() || !token.raw.chars().any(char::is_alphabetic));
    let mut found = Vec::new();
    for start in 0..tokens.len() {
        let mut joined = String::new();
        for (end, token) in (start + 1..).zip(tokens.iter().skip(start)).take(SPAN_MAX) {
            joined.push_str(if names.plain { &token.stem } else { &token.text });
            if let Some(meaning) = names.places.get(&joined).and_then(|places| names.meaning(places)) {
                // A name that is also an everyday word, or hardly a word at all, counts when it is written as names are.
                let everyday =
                    joined.chars().count() < 3 || is_neutral(&joined) || known.contains(&stem(&joined));
                let symbol = end == start + 1 && token.is_capitals() && !shouting;
                let name = start > 0 && joined.chars().count() > 2 && !is_neutral(&joined) && token.is_name();
                if names.plain || !everyday || symbol || name {
                    found.push(Found {
                        symbol: symbol && names.symbols.contains(&joined),
                        ..Found::new(start, end, meaning)
                    });
                    continue;
                }
            }
            // Values of a database may be words of questions; slips of those are what the question says.
            let own = tokens.get(start..end).unwrap_or_default();
            let theirs = |token: &crate::words::Token| known.contains(&token.stem) || token.is_neutral();
            if end - start > SLIP_SPAN_MAX || own.iter().any(theirs) {
                continue;
            }
            if let Some((right, places)) = slip(names, &joined)
                && let Some(meaning) = names.meaning(&places)
            {
                let read = match &meaning {
                    Meaning::Is(value) => shown(value),
                    _ => right,
                };
                let slip = format!("\"{}\" was read as \"{read}\".", words.said(start..end));
                found.push(Found {
                    slip: Some(slip),
                    ..Found::new(start, end, meaning)
                });
            }
        }
    }
    found
}

/// The name that a word is a slip of, if there is exactly one value that it can mean.
fn slip(names: &Names, joined: &str) -> Option<(String, BTreeSet<usize>)> {
    let mut near: Option<(String, BTreeSet<usize>)> = None;
    for (name, places) in &names.places {
        // The apostrophe of a possessive is often left out.
        let possessive = !names.plain && name.len() >= 6 && joined.strip_suffix('s') == Some(name);
        if !(possessive || is_slip(joined, name)) {
            continue;
        }
        match &near {
            Some((_, others)) if others != places => return None,
            _ => near = Some((name.clone(), places.clone())),
        }
    }
    near
}
