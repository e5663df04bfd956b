//! The values that parameters can have, as the data say now.

use crate::data::{Data, DataError};
use crate::template::{Kind, Source};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most values that one list may have. A longer one is used as far as it goes, and answers say so.
const VALUES_MAX: usize = 10_000;

/// Longest value, in bytes. A longer one is no name that anyone asks for.
const VALUE_MAX: usize = 200;

/// The values of one source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Each with other words for it.
    pub(crate) values: Vec<(Value, Vec<String>)>,
    /// There are more.
    pub(crate) cut: bool,
}

/// The values of all sources, or why there are none.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    all: BTreeMap<Source, Result<Options, DataError>>,
}

impl Sources {
    /// Reads the values of all kinds.
    ///
    /// # Errors
    /// When data can't be read at the moment. Data that this caller may not read are no error: what needs them can't be
    /// asked, the rest can.
    pub(crate) async fn load<'k>(
        kinds: impl Iterator<Item = &'k Kind>,
        data: &impl Data,
    ) -> Result<Self, DataError> {
        let mut sources = Sources::default();
        for source in kinds.filter_map(Kind::source) {
            if sources.all.contains_key(source) {
                continue;
            }
            let read = match data.query(&source.database, &source.statement, &Map::new()).await {
                Ok(rows) => Ok(Options::of(rows.rows, rows.truncated)),
                Err(error) if error.is_lasting() => Err(error),
                Err(error) => return Err(error),
            };
            sources.all.insert(source.clone(), read);
        }
        Ok(sources)
    }

    /// The values of a kind; none when they are no data.
    pub(crate) fn of(&self, kind: &Kind) -> Option<&Options> {
        self.all.get(kind.source()?)?.as_ref().ok()
    }

    /// Whether a kind's values are data that can't be read.
    pub(crate) fn is_out_of_reach(&self, kind: &Kind) -> bool {
        kind.source()
            .is_some_and(|source| !matches!(self.all.get(source), Some(Ok(_))))
    }

    /// The first thing that was in the way.
    pub(crate) fn error(&self) -> Option<&DataError> {
        self.all.values().find_map(|read| read.as_ref().err())
    }
}

impl Options {
    fn of(rows: Vec<Vec<Value>>, truncated: bool) -> Self {
        let mut options = Options {
            values: Vec::new(),
            cut: truncated,
        };
        for row in rows {
            if options.values.len() >= VALUES_MAX {
                options.cut = true;
                break;
            }
            let mut cells = row.into_iter();
            let Some(value) = cells.next() else { continue };
            let usable = match &value {
                Value::String(text) => !text.trim().is_empty() && text.len() <= VALUE_MAX,
                Value::Number(_) => true,
                _ => false,
            };
            if !usable {
                continue;
            }
            let others = cells.filter_map(|cell| match cell {
                Value::String(text) if !text.trim().is_empty() && text.len() <= VALUE_MAX => Some(text),
                _ => None,
            });
            options.values.push((value, others.collect()));
        }
        options
    }

    pub(crate) fn has(&self, value: &Value) -> bool {
        self.values.iter().any(|(other, _)| other == value)
    }

    /// The values as texts, in the order of the data.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.values.iter().map(|(value, _)| shown(value)).collect()
    }
}

/// A value on one line, without what a terminal would obey.
pub(crate) fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    clean(&text)
}

/// A text on one line, of a bounded length, without control characters and without those that turn the direction of text.
pub(crate) fn clean(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let turns =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut chars = text
        .chars()
        .filter(|c| !turns(*c))
        .map(|c| if c.is_control() { ' ' } else { c });
    let mut clean: String = chars.by_ref().take(CHARS_MAX).collect();
    if chars.next().is_some() {
        clean.push('…');
    }
    clean
}
