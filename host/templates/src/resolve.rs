//! From a question to the template that answers it, or to what is in the way.
//!
//! A question fits a phrasing when each of its words is understood: as the value of a slot, as a word of the phrasing, or
//! as a word that changes nothing. One word too many, and it is not answered. What fits best is what explains most; where
//! two templates explain the same, the question is ambiguous and is not answered either.

use crate::Templates;
use crate::data::{Data, DataError};
use crate::find::{self, Found};
use crate::fit::{Asked, Earlier, Fit, Got, all_options, fit};
use crate::follow;
use crate::options::{Sources, clean, shown};
use crate::period::{Quarter, times};
use crate::resolution::{Filled, From, Gap, Missing, Resolution, Slot, Suggestion, Unknown};
use crate::template::{Kind, Part, Shape, Template};
use crate::words::{QUESTION_MAX, WORDS_MAX, Words, goes_on};
use serde_json::{Map, Value};
use std::cmp::Reverse;

/// Most options that are listed.
const OPTIONS_MAX: usize = 20;

/// Most templates that are suggested.
const SUGGESTIONS: usize = 3;

impl Templates {
    /// Finds what answers a question; `previous` is what answered the one before, for questions that go on from it.
    ///
    /// Reads the lists of values that the templates' parameters have, and nothing else; the statement that answers is for
    /// the caller to run.
    ///
    /// # Errors
    /// When data can't be read, so that nothing can be said about the question.
    pub async fn resolve(
        &self,
        question: &str,
        previous: Option<&Filled>,
        data: &impl Data,
    ) -> Result<Resolution, DataError> {
        if question.len() > QUESTION_MAX {
            return Ok(self.unknown(
                &[],
                format!("The question is too long: at most {QUESTION_MAX} bytes."),
                Vec::new(),
            ));
        }
        let words = Words::of(question);
        if words.tokens.is_empty() {
            return Ok(self.unknown(&[], "There is no question.".to_owned(), Vec::new()));
        }
        if words.tokens.len() > WORDS_MAX {
            return Ok(self.unknown(
                &[],
                format!("The question has more than {WORDS_MAX} words."),
                Vec::new(),
            ));
        }
        let sources = Sources::load(self.kinds.iter().map(|kind| &**kind), data).await?;
        let answer = self.decide(&words, previous, &sources);
        // What can't be read may be what the question is about: then it is not unknown.
        match (answer, sources.error()) {
            (Resolution::Unknown(_), Some(error)) => Err(error.clone()),
            (answer, _) => Ok(answer),
        }
    }

    fn decide(&self, words: &Words, previous: Option<&Filled>, sources: &Sources) -> Resolution {
        let times = times(&words.tokens);
        let found: Vec<Vec<Found>> = self
            .kinds
            .iter()
            .map(|kind| find::find(kind, words, &times, sources, &self.known))
            .collect();
        let asked = Asked {
            words,
            kinds: &self.kinds,
            found: &found,
            sources,
            known: &self.known,
            earlier: None,
        };
        let before = previous.and_then(|filled| follow::Before::of(self, filled));
        let earlier = before.as_ref().map(follow::Before::earlier);
        let follow = || {
            let asked = Asked {
                earlier: earlier.as_ref(),
                ..asked
            };
            follow::decide(self, &asked, before.as_ref()?)
        };
        if goes_on(&words.tokens)
            && let Some(resolution) = follow()
        {
            return resolution;
        }
        // "And in retail?" after something that retail does not go with is not the question which companies are in retail.
        let goes_on = before.is_some() && goes_on(&words.tokens);
        let alone = self.alone(&asked, goes_on);
        match alone {
            Resolution::Filled(_) => alone,
            other => follow().unwrap_or(other),
        }
    }

    /// The fits of all phrasings that can be asked.
    pub(crate) fn fits<'t>(&'t self, asked: &Asked<'_>) -> Vec<Fit<'t>> {
        let reachable = |template: &&Template| {
            !template
                .parameters
                .iter()
                .any(|parameter| asked.sources.is_out_of_reach(&parameter.kind))
        };
        let templates = self.all.iter().filter(reachable);
        templates
            .flat_map(|template| {
                template
                    .phrasings
                    .iter()
                    .map(move |phrasing| fit(asked, template, phrasing))
            })
            .collect()
    }

    /// A question that stands for itself.
    fn alone(&self, asked: &Asked<'_>, goes_on: bool) -> Resolution {
        let mut fits = self.fits(asked);
        fits.retain(|fit| !goes_on || fit.has_words || fit.given() > 1);
        let mut whole: Vec<&Fit<'_>> = fits.iter().filter(|fit| fit.is_whole()).collect();
        whole.sort_by_key(|fit| rank(fit));
        let sound: Vec<&Fit<'_>> = whole.iter().filter(|fit| fit.is_sound()).copied().collect();
        // What explains more and names something that is not there is nearer to the question than what explains less.
        if let Some(best) = sound.first()
            && whole
                .first()
                .is_none_or(|first| first.explained <= best.explained)
        {
            let rival = sound
                .iter()
                .find(|other| other.template.name != best.template.name);
            if let Some(rival) = rival.filter(|rival| rank(rival) == rank(best)) {
                return self.ambiguous(asked, best, rival);
            }
            return Resolution::Filled(filled(best, None));
        }
        if let Some(best) = whole.first() {
            return Resolution::Missing(missing(asked, best));
        }
        let lacks_slots = |fit: &&Fit<'_>| fit.is_near();
        let mut lacking: Vec<&Fit<'_>> = fits
            .iter()
            .filter(lacks_slots)
            .filter(|fit| fit.unexplained.is_empty())
            .collect();
        lacking.sort_by_key(|fit| (fit.missing.len(), rank(fit)));
        if let Some(best) = lacking.first() {
            return Resolution::Missing(missing(asked, best));
        }
        if let Some(missing) = self.stranger(asked, &fits) {
            return Resolution::Missing(missing);
        }
        let near = fits
            .iter()
            .filter(lacks_slots)
            .min_by_key(|fit| (fit.unexplained.len(), Reverse(fit.explained)));
        let near = near.or_else(|| {
            fits.iter()
                .min_by_key(|fit| (fit.unexplained.len(), Reverse(fit.explained)))
        });
        let places = near.map(|fit| fit.unexplained.clone()).unwrap_or_default();
        let not_understood: Vec<String> = places
            .iter()
            .map(|place| told(&asked.words.said([*place])))
            .collect();
        let too_many = near.and_then(|fit| fit.too_many.filter(|_| fit.missing_words.is_empty()));
        let reason = if not_understood.is_empty() {
            "The question is not understood.".to_owned()
        } else if let Some(plural) = too_many {
            format!("The question names more {plural} than can be asked about at once.")
        } else {
            let quoted: Vec<String> = not_understood.iter().map(|word| quoted(word)).collect();
            format!(
                "The question is not understood because of {}; an answer that ignores that could be wrong.",
                quoted.join(", ")
            )
        };
        let stems: Vec<String> = asked
            .words
            .tokens
            .iter()
            .map(|token| token.stem.clone())
            .collect();
        self.unknown(&stems, reason, not_understood)
    }

    /// Whether words that stand together may be the name of something: nothing knows any of them.
    fn is_name(&self, asked: &Asked<'_>, places: &[usize]) -> bool {
        let together = places
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if a + 1 == *b));
        let strange = |place: &usize| {
            let token = asked.words.tokens.get(*place);
            let named = |found: &Found| (found.start..found.end).contains(place);
            let of_list = self
                .kinds
                .iter()
                .zip(asked.found)
                .any(|(kind, found)| matches!(kind.shape, Shape::List { .. }) && found.iter().any(named));
            !of_list
                && token.is_some_and(|token| {
                    !self.known.contains(&token.stem) && !token.stands_for() && !is_number(&token.text)
                })
        };
        !places.is_empty() && together && places.iter().all(strange)
    }

    /// A question that goes on with a name that is in no list: "and for Microsoft?"
    pub(crate) fn stranger_after(&self, asked: &Asked<'_>, fits: &[Fit<'_>]) -> Option<Missing> {
        let fit = fits
            .iter()
            .find(|fit| fit.explained == 0 && self.is_name(asked, &fit.unexplained))?;
        let said = clean(&asked.words.said(fit.unexplained.iter().copied()));
        let mut gaps = Vec::new();
        let mut sentences = Vec::new();
        for parameter in &fit.template.parameters {
            if matches!(parameter.kind.shape, Shape::List { .. }) {
                let gap = gap(
                    &parameter.name,
                    Some(said.clone()),
                    all_options(asked, &parameter.kind),
                );
                sentences.push(sentence(asked, &parameter.kind, &gap));
                gaps.push(gap);
            }
        }
        (!gaps.is_empty()).then(|| Missing {
            template: fit.template.name.clone(),
            slots: gaps,
            text: sentences.join("\n"),
        })
    }

    /// A name that is in no list, where a value of a list should be.
    fn stranger(&self, asked: &Asked<'_>, fits: &[Fit<'_>]) -> Option<Missing> {
        let is_list = |fit: &Fit<'_>, at: usize| {
            let parameter = fit.template.parameters.get(at);
            parameter.is_some_and(|parameter| matches!(parameter.kind.shape, Shape::List { .. }))
        };
        let mut near: Vec<&Fit<'_>> = fits
            .iter()
            .filter(|fit| fit.missing_words.is_empty() && fit.explained > 0 && fit.is_sound())
            .filter(|fit| matches!(fit.missing.as_slice(), [only] if is_list(fit, *only)))
            .filter(|fit| self.is_name(asked, &fit.unexplained))
            .collect();
        near.sort_by_key(|fit| (fit.unexplained.len(), rank(fit)));
        let best = near.first()?;
        let said = clean(&asked.words.said(best.unexplained.iter().copied()));
        let mut gaps: Vec<(Gap, &Kind)> = Vec::new();
        for fit in near
            .iter()
            .filter(|fit| fit.unexplained == best.unexplained && rank(fit) == rank(best))
        {
            let Some(parameter) = fit
                .missing
                .first()
                .and_then(|at| fit.template.parameters.get(*at))
            else {
                continue;
            };
            if !gaps.iter().any(|(_, kind)| **kind == *parameter.kind) {
                let options = all_options(asked, &parameter.kind);
                gaps.push((gap(&parameter.name, Some(said.clone()), options), &parameter.kind));
            }
        }
        let sentences = gaps
            .iter()
            .map(|(gap, kind)| sentence(asked, kind, gap))
            .collect::<Vec<_>>();
        Some(Missing {
            template: best.template.name.clone(),
            slots: gaps.into_iter().map(|(gap, _)| gap).collect(),
            text: sentences.join("\n"),
        })
    }

    fn ambiguous(&self, asked: &Asked<'_>, one: &Fit<'_>, other: &Fit<'_>) -> Resolution {
        let line = |fit: &Fit<'_>| {
            let slots = filled(fit, None).slots_line();
            format!("{} ({slots})", fit.template.description.trim_end_matches('.'))
        };
        let reason = format!(
            "The question can mean two things: {}; or {}. Say it another way.",
            line(one),
            line(other)
        );
        let mut unknown = Unknown {
            reason,
            not_understood: Vec::new(),
            suggestions: [one, other].map(|fit| suggestion(fit.template)).to_vec(),
        };
        let stems: Vec<String> = asked
            .words
            .tokens
            .iter()
            .map(|token| token.stem.clone())
            .collect();
        for suggestion in self.suggestions(&stems) {
            if unknown.suggestions.len() < SUGGESTIONS && !unknown.suggestions.contains(&suggestion) {
                unknown.suggestions.push(suggestion);
            }
        }
        Resolution::Unknown(unknown)
    }

    fn suggestions(&self, stems: &[String]) -> Vec<Suggestion> {
        let mut places = self.rank.nearest(stems, &self.all, SUGGESTIONS);
        // Where too few are near, others show how different the questions may be.
        let family = |place: &usize| self.all.get(*place).and_then(|template| template.family.as_ref());
        for place in 0..self.all.len() {
            let new = family(&place).is_none_or(|new| !places.iter().any(|other| family(other) == Some(new)));
            if places.len() < SUGGESTIONS && !places.contains(&place) && new {
                places.push(place);
            }
        }
        places
            .into_iter()
            .filter_map(|place| self.all.get(place))
            .map(suggestion)
            .collect()
    }

    fn unknown(&self, stems: &[String], reason: String, not_understood: Vec<String>) -> Resolution {
        Resolution::Unknown(Unknown {
            reason,
            not_understood,
            suggestions: self.suggestions(stems),
        })
    }
}

fn suggestion(template: &Template) -> Suggestion {
    Suggestion {
        template: template.name.clone(),
        description: template.description.clone(),
        example: template.example(),
    }
}

/// By what one fit is better than another: the smaller, the better.
pub(crate) fn rank(fit: &Fit<'_>) -> (Reverse<usize>, usize, Reverse<usize>, Reverse<usize>) {
    (
        Reverse(fit.explained),
        fit.slips.len(),
        Reverse(fit.symbols),
        Reverse(fit.given()),
    )
}

/// What a whole and sound fit becomes; what it lacks is taken from the question before, then from defaults.
pub(crate) fn filled(fit: &Fit<'_>, earlier: Option<&Earlier<'_>>) -> Filled {
    let template = fit.template;
    let mut values: Vec<Option<Value>> = Vec::new();
    let mut slots = Vec::new();
    for (parameter, got) in template.parameters.iter().zip(&fit.got) {
        let before = || {
            earlier
                .and_then(|earlier| earlier.value(&parameter.name, &parameter.kind))
                .cloned()
        };
        let value = match got {
            Some(Got::Value(value)) => Some((value.clone(), From::Question)),
            _ => before()
                .map(|value| (value, From::Previous))
                .or_else(|| parameter.default.clone().map(|value| (value, From::Default))),
        };
        if let Some((value, from)) = &value {
            slots.push(Slot {
                name: parameter.name.clone(),
                value: value.clone(),
                shown: shown(value),
                from: *from,
            });
        }
        values.push(value.map(|(value, _)| value));
    }
    let mut parameters = Map::new();
    for bind in &template.binds {
        let value = values.get(bind.parameter).and_then(Option::as_ref);
        parameters.insert(
            bind.name.clone(),
            value.map_or(Value::Null, |value| part(value, bind.part)),
        );
    }
    Filled {
        template: template.name.clone(),
        slots,
        database: template.database.clone(),
        statement: template.statement.clone(),
        parameters,
        notes: fit.slips.iter().chain(&fit.notes).cloned().collect(),
    }
}

/// The part of a value that a statement takes.
fn part(value: &Value, part: Part) -> Value {
    let quarter = value.as_str().and_then(Quarter::parse);
    match (part, quarter) {
        (Part::Whole, _) => value.clone(),
        (Part::Year, Some(quarter)) => quarter.year.into(),
        (Part::Name, Some(quarter)) => format!("Q{}", quarter.number).into(),
        (Part::Number, Some(quarter)) => quarter.number.into(),
        (_, None) => Value::Null,
    }
}

/// What a fit lacks.
pub(crate) fn missing(asked: &Asked<'_>, fit: &Fit<'_>) -> Missing {
    let mut slots = Vec::new();
    let mut sentences = Vec::new();
    for (at, (parameter, got)) in fit.template.parameters.iter().zip(&fit.got).enumerate() {
        let gap = match got {
            Some(Got::Not { said, options }) => {
                let options = options.clone();
                let options = options.unwrap_or_else(|| all_options(asked, &parameter.kind));
                gap(&parameter.name, Some(told(said)), options)
            }
            None if fit.missing.contains(&at) => {
                gap(&parameter.name, None, all_options(asked, &parameter.kind))
            }
            _ => continue,
        };
        sentences.push(sentence(asked, &parameter.kind, &gap));
        slots.push(gap);
    }
    Missing {
        template: fit.template.name.clone(),
        slots,
        text: sentences.join("\n"),
    }
}

/// A long number is not said back: an answer without figures has none.
const A_NUMBER: &str = "that number";

fn is_number(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit()) && !word.chars().any(char::is_alphabetic)
}

fn is_long_number(word: &str) -> bool {
    word.bytes().filter(u8::is_ascii_digit).count() > 5
}

/// Something that the question says, to be said back.
fn told(said: &str) -> String {
    if is_long_number(said) {
        A_NUMBER.to_owned()
    } else {
        clean(said)
    }
}

fn quoted(told: &str) -> String {
    if told == A_NUMBER {
        told.to_owned()
    } else {
        format!("\"{told}\"")
    }
}

fn gap(slot: &str, said: Option<String>, mut options: Vec<String>) -> Gap {
    let more = options.len().saturating_sub(OPTIONS_MAX);
    options.truncate(OPTIONS_MAX);
    Gap {
        slot: slot.to_owned(),
        said,
        options,
        more,
    }
}

fn sentence(asked: &Asked<'_>, kind: &Kind, gap: &Gap) -> String {
    let mut options = gap.options.join(", ");
    if gap.more > 0 {
        options.push_str(&format!(" and {} more", gap.more));
    }
    if asked.sources.of(kind).is_some_and(|options| options.cut) {
        options.push_str(" (the list was too long to be read whole)");
    }
    if gap.options.is_empty() {
        options.push_str("none");
    }
    if !options.ends_with('.') {
        options.push('.');
    }
    match &gap.said {
        Some(said) => {
            let several = gap.options.len() > 1
                && asked
                    .sources
                    .of(kind)
                    .is_some_and(|all| all.values.len() > gap.options.len());
            if several && gap.more == 0 {
                format!(
                    "{} can be one of several {}: {options} Say which.",
                    quoted(said),
                    kind.plural
                )
            } else {
                {
                    let said = if said == A_NUMBER {
                        "That number".to_owned()
                    } else {
                        quoted(said)
                    };
                    format!("{said} is not among the {}. There are: {options}", kind.plural)
                }
            }
        }
        None => format!(
            "The question does not say which {}. There are: {options}",
            kind.label
        ),
    }
}
