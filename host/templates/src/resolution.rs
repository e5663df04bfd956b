//! What became of a question.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Resolution {
    /// It is understood, and this is the statement that answers it.
    Filled(Filled),
    /// It is understood but for something that it does not say, or that the data do not have.
    Missing(Missing),
    /// It is not understood.
    Unknown(Unknown),
}

impl Resolution {
    /// What to say to whoever asked, when there is no statement to run. It never has a figure.
    pub fn text(&self) -> Option<String> {
        match self {
            Resolution::Filled(_) => None,
            Resolution::Missing(missing) => Some(missing.text.clone()),
            Resolution::Unknown(unknown) => Some(unknown.to_text()),
        }
    }
}

/// A question with everything that its statement needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filled {
    /// The template's name.
    pub template: String,
    /// What it was filled with.
    pub slots: Vec<Slot>,
    /// The database to ask.
    pub database: String,
    /// The statement to run.
    pub statement: String,
    /// The values of its parameters.
    pub parameters: Map<String, Value>,
    /// How the question was read, where that is not plain: sentences that belong to the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A parameter of a template, filled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// The parameter's name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// The value for people.
    pub shown: String,
    /// Where the value is from.
    pub from: From,
}

/// Where the value of a slot is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// The question.
    Question,
    /// The question before.
    Previous,
    /// The template's default.
    Default,
}

impl Filled {
    /// What it was filled with, in a line: `company = TechCorp Inc., quarter = Q1-2025`.
    pub fn slots_line(&self) -> String {
        let mut line = String::new();
        for slot in &self.slots {
            if !line.is_empty() {
                line.push_str(", ");
            }
            let from = match slot.from {
                From::Question => "",
                From::Previous => " (from the question before)",
                From::Default => " (default)",
            };
            // Writing to a string can't fail.
            let _ = write!(line, "{} = {}{from}", slot.name.replace('_', " "), slot.shown);
        }
        line
    }
}

/// What a question lacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Missing {
    /// The template that would answer it.
    pub template: String,
    /// What is missing.
    pub slots: Vec<Gap>,
    /// The same as sentences.
    pub text: String,
}

/// Something that a question does not say, or not so that it could be found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gap {
    /// The parameter.
    pub slot: String,
    /// What the question says there, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// What it could say; a bounded part of it.
    pub options: Vec<String>,
    /// How many more there are.
    pub more: usize,
}

/// A question that is not understood.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unknown {
    /// Why, a sentence.
    pub reason: String,
    /// Words that were not understood, as they were written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_understood: Vec<String>,
    /// What can be asked, the nearest first.
    pub suggestions: Vec<Suggestion>,
}

/// A question that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// The template.
    pub template: String,
    /// What it answers.
    pub description: String,
    /// An example.
    pub example: String,
}

impl Unknown {
    fn to_text(&self) -> String {
        let mut text = self.reason.clone();
        if !self.suggestions.is_empty() {
            text.push_str("\nWhat can be asked:");
        }
        for suggestion in &self.suggestions {
            let _ = write!(
                text,
                "\n- {} For example: \"{}\"",
                suggestion.description, suggestion.example
            );
        }
        text
    }
}
