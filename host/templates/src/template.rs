//! What a template is, once it is known to be sound.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A question that can be asked, and the statement that answers it.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its name, by which it is told from others.
    pub name: String,
    /// What it answers, a sentence.
    pub description: String,
    /// Templates of one family take over from each other in follow-ups.
    pub family: Option<String>,
    /// The database that is asked.
    pub database: String,
    /// The statement, with named parameters only.
    pub statement: String,
    /// What a question has to say.
    pub parameters: Vec<Parameter>,
    /// Questions that it answers, for people and for its test.
    pub examples: Vec<Example>,
    /// Where it is from.
    pub origin: Origin,
    pub(crate) phrasings: Vec<Phrasing>,
    pub(crate) answer: Answer,
    pub(crate) binds: Vec<Bind>,
    pub(crate) dialect: Arc<Dialect>,
}

impl Template {
    /// The ways to ask, as they were written.
    pub fn phrasings(&self) -> impl Iterator<Item = &str> {
        self.phrasings.iter().map(|phrasing| phrasing.text.as_str())
    }

    /// A question to show: its first example, else its first phrasing.
    pub fn example(&self) -> String {
        let example = self.examples.first().map(|example| example.question.clone());
        example.unwrap_or_else(|| self.phrasings().next().unwrap_or_default().to_owned())
    }
}

/// Where a template is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It came with the program.
    Builtin,
    /// A user's file.
    File {
        /// Its name.
        file: String,
        /// It took the place of a built-in one with the same name.
        replaces_builtin: bool,
    },
}

/// A question that a template must answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The question.
    pub question: String,
    /// What its answer must have in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
}

/// Something that a question says, and that its statement needs.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name in the statement and in phrasings.
    pub name: String,
    /// What it can be.
    pub kind: Arc<Kind>,
    /// What it is when a question does not say.
    pub default: Option<Value>,
}

/// What a parameter can be.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// What one is called: `company`.
    pub label: String,
    /// What several are called: `companies`.
    pub plural: String,
    /// What it is.
    pub shape: Shape,
}

/// The sorts of parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A whole number within bounds.
    Integer {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// A number within bounds.
    Number {
        /// The least.
        least: f64,
        /// The most.
        most: f64,
    },
    /// A text, which stands in quotes in the question.
    Text,
    /// A year.
    Year(Option<Source>),
    /// A quarter of a year: `Q1-2025`.
    Quarter(Option<Source>),
    /// A value that is in the data.
    List {
        /// Where the values are.
        source: Source,
        /// Last words of values that a question may leave out, in small letters.
        leave_out: Vec<String>,
        /// Other words for values: the word, the value.
        aliases: Vec<(String, String)>,
    },
    /// One of a few values, each with other words for it.
    Choice(Vec<(String, Vec<String>)>),
}

/// Where the values of a parameter are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The database.
    pub database: String,
    /// A statement without parameters. Its first column has the values; further ones have other words for them.
    pub statement: String,
}

/// A parameter of a statement, and what gives its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bind {
    /// Its name in the statement.
    pub(crate) name: String,
    /// The place of the template's parameter.
    pub(crate) parameter: usize,
    pub(crate) part: Part,
}

/// Which part of a value a statement takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// `:NAME_year` of a quarter, a number.
    Year,
    /// `:NAME_name` of a quarter: `Q1`.
    Name,
    /// `:NAME_number` of a quarter: 1.
    Number,
}

/// A way to ask.
#[derive(Debug, Clone)]
pub(crate) struct Phrasing {
    pub(crate) text: String,
    /// Words that a question must have.
    pub(crate) words: Vec<String>,
    /// Words that it may have.
    pub(crate) optional: Vec<String>,
    /// Places of parameters, in the order in which a question says them.
    pub(crate) slots: Vec<SlotPlace>,
}

/// A slot of a phrasing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotPlace {
    pub(crate) parameter: usize,
    pub(crate) optional: bool,
}

/// The words of a file: those that mean the same, and those that mean nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// Other ways to say a word: plain forms.
    pub(crate) same: BTreeMap<String, Vec<Vec<String>>>,
    pub(crate) neutral: BTreeSet<String>,
}

impl Dialect {
    /// The word that a plain form stands for.
    pub(crate) fn word_for(&self, stem: &str) -> String {
        let other = |others: &Vec<Vec<String>>| others.iter().any(|other| other.as_slice() == [stem]);
        self.same
            .iter()
            .find(|(_, others)| other(others))
            .map_or_else(|| stem.to_owned(), |(word, _)| word.clone())
    }
}

/// How an answer looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The sentence for one row, if that is not a table.
    pub(crate) one: Option<Vec<Piece>>,
    /// What stands above a table.
    pub(crate) title: Vec<Piece>,
    /// What is said when there is no row.
    pub(crate) none: Option<Vec<Piece>>,
    /// The columns of the statement, in order.
    pub(crate) columns: Vec<AnswerColumn>,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnswerColumn {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) label: Option<Vec<Piece>>,
}

/// What a number is a number of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Shown as it is: names, years.
    Plain,
    /// A bare number of things.
    Count,
    Percent,
    /// Of something with this name: `dollars`.
    Of(String),
}

/// A piece of an answer's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    /// A column or parameter, by its name.
    Name(String),
}
