//! How well a question fits a phrasing.

use crate::find::{Found, Meaning, known_or_not, quarters};
use crate::options::{Sources, clean};
use crate::period::Quarter;
use crate::template::{Kind, Phrasing, Shape, SlotPlace, Template};
use crate::words::{Known, Token, Words, is_slip};
use serde_json::Value;
use std::sync::Arc;

/// What all fits of a question share.
pub(crate) struct Asked<'q> {
    pub(crate) words: &'q Words,
    /// All kinds, and at the same places what was found of each.
    pub(crate) kinds: &'q [Arc<Kind>],
    pub(crate) found: &'q [Vec<Found>],
    pub(crate) sources: &'q Sources,
    pub(crate) known: &'q Known,
    /// The question goes on from another one, whose slots these are: for a kind and a name.
    pub(crate) earlier: Option<&'q Earlier<'q>>,
}

impl Asked<'_> {
    /// What was found of a kind.
    fn found_of(&self, kind: &Kind) -> &[Found] {
        let place = self
            .kinds
            .iter()
            .position(|known| std::ptr::eq(&**known, kind) || **known == *kind);
        place
            .and_then(|place| self.found.get(place))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
}

/// The slots of the question before.
pub(crate) struct Earlier<'q> {
    pub(crate) slots: Vec<(&'q str, &'q Kind, &'q Value)>,
}

impl Earlier<'_> {
    /// The value of a slot: that of the same name, else the only one of its kind.
    pub(crate) fn value(&self, name: &str, kind: &Kind) -> Option<&Value> {
        let same: Vec<_> = self.slots.iter().filter(|(_, other, _)| *other == kind).collect();
        let by_name = same.iter().find(|(other, _, _)| *other == name);
        match (by_name, same.as_slice()) {
            (Some((_, _, value)), _) | (None, [(_, _, value)]) => Some(value),
            _ => None,
        }
    }

    /// The quarter that a slot had.
    fn quarter(&self, name: &str, kind: &Kind) -> Option<Quarter> {
        Quarter::parse(self.value(name, kind)?.as_str()?)
    }

    /// The year that was spoken of, if it was one.
    fn year(&self) -> Option<i64> {
        let mut years: Vec<i64> = self
            .slots
            .iter()
            .filter_map(|(_, kind, value)| year_of(kind, value))
            .collect();
        years.dedup();
        match years.as_slice() {
            [year] => Some(*year),
            _ => None,
        }
    }
}

fn year_of(kind: &Kind, value: &Value) -> Option<i64> {
    match kind.shape {
        Shape::Year(_) => value.as_i64(),
        Shape::Quarter(_) => Quarter::parse(value.as_str()?).map(|quarter| quarter.year),
        _ => None,
    }
}

/// What a slot got from the question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Got {
    /// A value.
    Value(Value),
    /// Something that is no value: what was said, and what it may have meant.
    Not {
        said: String,
        /// None: all values of the kind.
        options: Option<Vec<String>>,
    },
}

/// A question, held against a phrasing.
#[derive(Debug)]
pub(crate) struct Fit<'t> {
    pub(crate) template: &'t Template,
    /// What each parameter of the template got.
    pub(crate) got: Vec<Option<Got>>,
    /// Slots that the phrasing must have and that the question does not give.
    pub(crate) missing: Vec<usize>,
    /// Words that the phrasing must have and that the question does not.
    pub(crate) missing_words: Vec<String>,
    /// Places of words in the question that say something which the phrasing does not.
    pub(crate) unexplained: Vec<usize>,
    /// Number of the question's words that the phrasing has.
    pub(crate) explained: usize,
    /// The question names choices in another order than the phrasing, so that they belong to other things: "the revenue of
    /// the biggest company" is not the biggest revenue.
    pub(crate) out_of_order: bool,
    /// The phrasing has words that a question must have.
    pub(crate) has_words: bool,
    /// Number of symbols among the values.
    pub(crate) symbols: usize,
    /// What the question names more of than the phrasing has room for: what several are called.
    pub(crate) too_many: Option<&'t str>,
    /// How words were read that are written wrongly.
    pub(crate) slips: Vec<String>,
    /// What else an answer has to say.
    pub(crate) notes: Vec<String>,
}

impl Fit<'_> {
    /// Every word of the question is understood, and everything that the phrasing needs is there, though values may not be
    /// ones that exist.
    pub(crate) fn is_whole(&self) -> bool {
        self.unexplained.is_empty()
            && self.missing_words.is_empty()
            && self.missing.is_empty()
            && !self.out_of_order
    }

    /// There is a value for everything that got one.
    pub(crate) fn is_sound(&self) -> bool {
        !self
            .got
            .iter()
            .flatten()
            .any(|got| matches!(got, Got::Not { .. }))
    }

    /// The question says something that leads to this phrasing, and not only words that many have.
    pub(crate) fn is_near(&self) -> bool {
        let said = self.has_words || self.given() > 0;
        said && self.explained > 0 && self.missing_words.is_empty() && !self.out_of_order
    }

    /// Slots that the question gives.
    pub(crate) fn given(&self) -> usize {
        self.got.iter().flatten().count()
    }
}

/// Holds a question against a phrasing.
pub(crate) fn fit<'t>(asked: &Asked<'_>, template: &'t Template, phrasing: &'t Phrasing) -> Fit<'t> {
    let tokens = &asked.words.tokens;
    let mut fit = Fit {
        template,
        got: vec![None; template.parameters.len()],
        missing: Vec::new(),
        missing_words: Vec::new(),
        unexplained: Vec::new(),
        explained: 0,
        out_of_order: false,
        has_words: !phrasing.words.is_empty(),
        symbols: 0,
        too_many: None,
        slips: Vec::new(),
        notes: Vec::new(),
    };
    let mut covered = vec![false; tokens.len()];
    assign(asked, phrasing, &mut fit, &mut covered);
    for (list, needed) in [(&phrasing.words, true), (&phrasing.optional, false)] {
        for word in list {
            let there =
                cover(asked, template, word, &mut covered) || cover_slip(asked, &mut fit, word, &mut covered);
            if needed && !there {
                fit.missing_words.push(word.clone());
            }
        }
    }
    fit.explained = covered.iter().filter(|covered| **covered).count();
    let neutral = |token: &Token| {
        token.is_neutral()
            || template.dialect.neutral.contains(&token.stem)
            || (asked.earlier.is_some() && token.stands_for())
    };
    for (at, (token, covered)) in tokens.iter().zip(covered).enumerate() {
        if !covered && !neutral(token) {
            fit.unexplained.push(at);
        }
    }
    fit
}

/// Marks the words of a question that say a word of a phrasing. False if there is none.
fn cover(asked: &Asked<'_>, template: &Template, word: &str, covered: &mut [bool]) -> bool {
    let tokens = &asked.words.tokens;
    let own = [word.to_owned()];
    let others = template
        .dialect
        .same
        .get(word)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut there = false;
    // "Profit margin" is more than "margin" and a profit.
    let mut ways: Vec<&[String]> = std::iter::once(own.as_slice())
        .chain(others.iter().map(Vec::as_slice))
        .collect();
    ways.sort_by_key(|way| std::cmp::Reverse(way.len()));
    for way in ways {
        for start in 0..tokens.len() {
            let places = start..start + way.len();
            let says = tokens.get(places.clone()).is_some_and(|said| {
                said.iter()
                    .zip(way)
                    .all(|(token, word)| token.stem == *word || token.text == *word)
            });
            let free = covered
                .get(places.clone())
                .is_some_and(|covered| covered.iter().all(|covered| !covered));
            if says && free {
                there = true;
                covered
                    .iter_mut()
                    .skip(start)
                    .take(way.len())
                    .for_each(|covered| *covered = true);
            }
        }
    }
    there
}

/// The same for a word that is written wrongly.
fn cover_slip(asked: &Asked<'_>, fit: &mut Fit<'_>, word: &str, covered: &mut [bool]) -> bool {
    for (token, covered) in asked.words.tokens.iter().zip(covered) {
        if !*covered && !asked.known.contains(&token.stem) && is_slip(&token.stem, word) {
            *covered = true;
            fit.slips
                .push(format!("\"{}\" was read as \"{word}\".", token.raw));
            return true;
        }
    }
    false
}

/// Gives the phrasing's slots what the question names: what is longer first, then from left to right.
fn assign<'t>(asked: &Asked<'_>, phrasing: &Phrasing, fit: &mut Fit<'t>, covered: &mut [bool]) {
    let template: &'t Template = fit.template;
    let kind_of = |slot: &SlotPlace| {
        template
            .parameters
            .get(slot.parameter)
            .map(|parameter| &*parameter.kind)
    };
    let mut kinds: Vec<&'t Kind> = Vec::new();
    for kind in phrasing.slots.iter().filter_map(kind_of) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let mut all: Vec<(&Kind, &Found)> = Vec::new();
    for kind in &kinds {
        let usable = |found: &&Found| asked.earlier.is_some() || !matches!(found.meaning, Meaning::OfYear(_));
        all.extend(
            asked
                .found_of(kind)
                .iter()
                .filter(usable)
                .map(|found| (*kind, found)),
        );
    }
    // A year is a year where the phrasing has one, and a number only where it has none.
    let number = |kind: &Kind| matches!(kind.shape, Shape::Integer { .. } | Shape::Number { .. });
    let of_year = |found: &Found| matches!(found.meaning, Meaning::OfYear(_));
    all.sort_by_key(|(kind, found)| {
        (
            std::cmp::Reverse(found.end - found.start),
            found.slip.is_some(),
            number(kind),
            of_year(found),
            found.start,
        )
    });
    let mut chosen: Vec<(&Kind, &Found)> = Vec::new();
    for (kind, found) in all {
        let apart = |(_, other): &(&Kind, &Found)| other.end <= found.start || found.end <= other.start;
        if chosen.iter().all(apart) {
            chosen.push((kind, found));
        }
    }
    chosen.sort_by_key(|(_, found)| found.start);
    let choices = kinds
        .iter()
        .filter(|kind| matches!(kind.shape, Shape::Choice(_)))
        .filter_map(|kind| chosen.iter().find(|(of, _)| of == kind))
        .map(|(_, found)| found.start);
    fit.out_of_order = !choices.is_sorted();
    for kind in kinds {
        let slots: Vec<SlotPlace> = phrasing
            .slots
            .iter()
            .filter(|slot| kind_of(slot) == Some(kind))
            .copied()
            .collect();
        let mut named: Vec<&Found> = chosen
            .iter()
            .filter(|(of, _)| *of == kind)
            .map(|(_, found)| *found)
            .collect();
        if named.len() > slots.len() {
            // The same thing may be named twice: TechCorp (TECH).
            let mut seen: Vec<&Meaning> = Vec::new();
            named.retain(|found| {
                let repeated = matches!(found.meaning, Meaning::Is(_)) && seen.contains(&&found.meaning);
                if repeated {
                    covered
                        .iter_mut()
                        .take(found.end)
                        .skip(found.start)
                        .for_each(|covered| *covered = true);
                }
                seen.push(&found.meaning);
                !repeated
            });
        }
        if named.len() > slots.len() {
            // Which of them is meant can't be told: none is taken, and their words stay unexplained.
            fit.too_many = Some(&kind.plural);
            continue;
        }
        take(asked, kind, &slots, &named, fit);
        for found in named {
            covered
                .iter_mut()
                .take(found.end)
                .skip(found.start)
                .for_each(|covered| *covered = true);
            fit.symbols += usize::from(found.symbol);
            fit.slips.extend(found.slip.clone());
            fit.notes.extend(found.note.clone());
        }
    }
    for slot in &phrasing.slots {
        if !slot.optional && fit.got.get(slot.parameter).is_some_and(Option::is_none) {
            fit.missing.push(slot.parameter);
        }
    }
}

/// Gives the slots of one kind the values that were named, in order; those that must be filled come first.
fn take(asked: &Asked<'_>, kind: &Kind, slots: &[SlotPlace], named: &[&Found], fit: &mut Fit<'_>) {
    let template = fit.template;
    let name_of = |slot: &SlotPlace| {
        template
            .parameters
            .get(slot.parameter)
            .map_or("", |parameter| parameter.name.as_str())
    };
    // In a follow-up to a comparison of two quarters, one bare quarter or year is about both.
    if let (Some(earlier), [only], [_, _]) = (asked.earlier, named, slots)
        && matches!(only.meaning, Meaning::Bare(_))
    {
        for slot in slots {
            let year = earlier.quarter(name_of(slot), kind).map(|quarter| quarter.year);
            let got = match (&only.meaning, year) {
                (Meaning::Bare(number), Some(year)) => quarter_or_not(
                    asked,
                    kind,
                    Quarter {
                        year,
                        number: *number,
                    },
                ),
                _ => continue,
            };
            set(fit, slot.parameter, got);
        }
        return;
    }
    let mut wanted: Vec<&SlotPlace> = slots.iter().collect();
    if named.len() < slots.len() {
        wanted.sort_by_key(|slot| slot.optional);
        // "Compare it with Q4 2024": the first of two stays, the second is new.
        if asked.earlier.is_some() && named.len() == 1 && slots.len() == 2 {
            wanted.reverse();
        }
    }
    let years: Vec<i64> = named.iter().filter_map(|found| said_year(found)).collect();
    for (slot, found) in wanted.into_iter().zip(named) {
        let got = match &found.meaning {
            Meaning::Is(value) => Got::Value(value.clone()),
            Meaning::NoSuch(said) => Got::Not {
                said: said.clone(),
                options: None,
            },
            Meaning::Several(options) => Got::Not {
                said: asked.words.said(found.start..found.end),
                options: Some(options.clone()),
            },
            Meaning::Bare(number) => {
                let earlier = asked.earlier.and_then(|earlier| {
                    earlier
                        .quarter(name_of(slot), kind)
                        .map(|quarter| quarter.year)
                        .or_else(|| earlier.year())
                });
                bare(asked, kind, *number, &years, earlier, &mut fit.notes)
            }
            Meaning::OfYear(year) => match asked
                .earlier
                .and_then(|earlier| earlier.quarter(name_of(slot), kind))
            {
                Some(quarter) => {
                    let quarter = Quarter {
                        year: *year,
                        ..quarter
                    };
                    fit.notes.push(format!(
                        "This is the quarter {quarter}, since the question before was about a quarter; for the whole year, ask \
                         for the full year {year}."
                    ));
                    quarter_or_not(asked, kind, quarter)
                }
                None => continue,
            },
        };
        set(fit, slot.parameter, got);
    }
}

fn set(fit: &mut Fit<'_>, parameter: usize, got: Got) {
    if let Some(place) = fit.got.get_mut(parameter) {
        *place = Some(got);
    }
}

fn said_year(found: &Found) -> Option<i64> {
    match &found.meaning {
        Meaning::Is(value) => Quarter::parse(value.as_str()?).map(|quarter| quarter.year),
        _ => None,
    }
}

pub(crate) fn all_options(asked: &Asked<'_>, kind: &Kind) -> Vec<String> {
    match &kind.shape {
        Shape::Integer { least, most } => vec![format!("a whole number from {least} to {most}")],
        Shape::Number { least, most } => vec![format!("a number from {least} to {most}")],
        Shape::Text => vec!["a text in quotes".to_owned()],
        Shape::Choice(values) => values.iter().map(|(value, _)| clean(value)).collect(),
        _ => asked
            .sources
            .of(kind)
            .map(|options| options.texts())
            .unwrap_or_default(),
    }
}

fn quarter_or_not(asked: &Asked<'_>, kind: &Kind, quarter: Quarter) -> Got {
    match known_or_not(quarter.to_string().into(), asked.sources.of(kind)) {
        Meaning::Is(value) => Got::Value(value),
        _ => Got::Not {
            said: quarter.to_string(),
            options: None,
        },
    }
}

/// The year of a quarter that was said without one: that of the question's other quarters, else that of the question
/// before, else the only one that the data have for it.
fn bare(
    asked: &Asked<'_>,
    kind: &Kind,
    number: u8,
    years: &[i64],
    earlier: Option<i64>,
    notes: &mut Vec<String>,
) -> Got {
    if let Some(first) = years.first() {
        if years.iter().all(|year| year == first) {
            return quarter_or_not(asked, kind, Quarter { year: *first, number });
        }
        return Got::Not {
            said: format!("Q{number}"),
            options: None,
        };
    }
    let there: Vec<Quarter> = asked.sources.of(kind).map(quarters).unwrap_or_default();
    let there: Vec<Quarter> = there
        .into_iter()
        .filter(|quarter| quarter.number == number)
        .collect();
    if let Some(year) = earlier {
        let quarter = Quarter { year, number };
        if there.contains(&quarter) || asked.sources.of(kind).is_none() {
            notes.push(format!(
                "The year {year} was taken over from the question before."
            ));
            return Got::Value(quarter.to_string().into());
        }
    }
    match there.as_slice() {
        [only] => {
            notes.push(match earlier {
                Some(year) if year != only.year => {
                    format!(
                        "The data has no Q{number}-{year}; this is {only}, the only Q{number} that there is."
                    )
                }
                _ => format!("{only} is the only Q{number} in the data."),
            });
            Got::Value(only.to_string().into())
        }
        [] => Got::Not {
            said: format!("Q{number}"),
            options: None,
        },
        several => Got::Not {
            said: format!("Q{number}"),
            options: Some(several.iter().map(Quarter::to_string).collect()),
        },
    }
}
