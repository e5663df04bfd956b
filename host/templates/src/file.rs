//! Templates as they are written: TOML.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// Something that is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what to do, a sentence.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// A template as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTemplate {
    pub(crate) name: Spanned<String>,
    pub(crate) description: Spanned<String>,
    pub(crate) family: Option<Spanned<String>>,
    pub(crate) database: Spanned<String>,
    pub(crate) statement: Spanned<String>,
    pub(crate) phrasings: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(crate) examples: Vec<Spanned<RawExample>>,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, Spanned<RawParameter>>,
    pub(crate) answer: Spanned<RawAnswer>,
}

/// A question, or a question with what its answer must have in it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum RawExample {
    Question(String),
    Full(RawFullExample),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFullExample {
    pub(crate) question: String,
    pub(crate) expect: Option<String>,
}

/// A parameter, or a kind of parameters: the first has `kind` or the keys of a kind.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawParameter {
    pub(crate) kind: Option<String>,
    pub(crate) default: Option<toml::Value>,
    #[serde(rename = "type")]
    pub(crate) sort: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) plural: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) statement: Option<String>,
    pub(crate) leave_out: Vec<String>,
    pub(crate) aliases: BTreeMap<String, String>,
    pub(crate) values: Option<BTreeMap<String, Vec<String>>>,
    pub(crate) least: Option<f64>,
    pub(crate) most: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAnswer {
    pub(crate) one: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) none: Option<String>,
    pub(crate) columns: Vec<RawColumn>,
}

/// `{ name = "revenue", unit = "dollars", label = "Revenue" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawColumn {
    pub(crate) name: String,
    pub(crate) unit: Option<String>,
    pub(crate) label: Option<String>,
}

/// A file, each part of it read for itself, so that one that is wrong hides no other.
#[derive(Debug, Default)]
pub(crate) struct RawFile {
    pub(crate) neutral: Vec<String>,
    pub(crate) words: BTreeMap<String, Vec<String>>,
    pub(crate) kinds: BTreeMap<String, Spanned<RawParameter>>,
    pub(crate) templates: Vec<Spanned<RawTemplate>>,
}

/// What is wrong in a file, and where the lines are.
pub(crate) struct Problems<'t> {
    pub(crate) file: &'t str,
    pub(crate) text: &'t str,
    pub(crate) list: Vec<Problem>,
}

/// Most problems of a file that are told: more are of no use to anyone.
const PROBLEMS_MAX: usize = 100;

impl Problems<'_> {
    /// Notes what is wrong at a place in the text.
    pub(crate) fn add(&mut self, place: usize, message: impl Into<String>) {
        if self.list.len() >= PROBLEMS_MAX {
            return;
        }
        let before = self
            .text
            .get(..self.text.floor_char_boundary(place))
            .unwrap_or_default();
        self.list.push(Problem {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            message: message.into(),
        });
    }

    fn add_error(&mut self, error: &toml::de::Error, place: usize) {
        let place = error.span().map_or(place, |span| span.start);
        let message = error.message().replace('\n', " ");
        self.add(place, message);
    }

    /// Reads one part, or notes why it can't be.
    fn part<'i, T: Deserialize<'i>>(&mut self, value: Spanned<DeValue<'i>>) -> Option<T> {
        let place = value.span().start;
        T::deserialize(ValueDeserializer::from(value))
            .map_err(|error| self.add_error(&error, place))
            .ok()
    }
}

/// Reads a file. What could not be read is noted.
pub(crate) fn read(problems: &mut Problems<'_>) -> RawFile {
    let text = problems.text.to_owned();
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        problems.add_error(error, 0);
    }
    let mut file = RawFile::default();
    if !errors.is_empty() {
        // Guesses about what a broken text may have meant would only make more messages.
        return file;
    }
    for (key, value) in table.into_inner() {
        let place = key.span().start;
        match key.get_ref().as_ref() {
            "neutral" => file.neutral = problems.part(value).unwrap_or_default(),
            "words" => file.words = problems.part(value).unwrap_or_default(),
            "kinds" => {
                let DeValue::Table(kinds) = value.into_inner() else {
                    problems.add(place, "`kinds` must be a table: [kinds.NAME]");
                    continue;
                };
                for (name, value) in kinds {
                    let start = name.span();
                    if let Some(kind) = problems.part::<RawParameter>(value) {
                        let name = name.into_inner().into_owned();
                        file.kinds.insert(name, Spanned::new(start, kind));
                    }
                }
            }
            "template" => {
                let DeValue::Array(templates) = value.into_inner() else {
                    problems.add(place, "`template` must be a list: [[template]]");
                    continue;
                };
                for value in templates {
                    let span = value.span();
                    if let Some(template) = problems.part::<RawTemplate>(value) {
                        file.templates.push(Spanned::new(span, template));
                    }
                }
            }
            other => problems.add(
                place,
                format!(
                    "`{other}` is no key of a file of templates: there are neutral, words, kinds and template"
                ),
            ),
        }
    }
    file
}

/// A value of TOML as a value of JSON, where that is simple.
pub(crate) fn simple(value: &toml::Value) -> Option<serde_json::Value> {
    match value {
        toml::Value::String(text) => Some(text.clone().into()),
        toml::Value::Integer(n) => Some((*n).into()),
        toml::Value::Float(x) => serde_json::Number::from_f64(*x).map(serde_json::Value::Number),
        _ => None,
    }
}
