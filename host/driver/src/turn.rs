//! What became of a question.

use fact_types::{CallId, Code, Error};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

use crate::budget::{Left, Limit};
use crate::money::Money;
use crate::usage::Usage;

/// How the question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// The model said what it had to say.
    EndTurn,
    /// The answer reached its greatest length and is cut.
    MaxTokens,
    /// The model, or its provider's filter, declined to answer.
    Refusal,
    /// The conversation is as long as the model can read; the answer is cut.
    ContextWindow,
    /// The budget was used up before there was an answer.
    Budget(Limit),
    /// It failed; the text is what had come until then.
    Failed,
}

/// A tool that was called for the question, or that the model wanted called.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolUse {
    /// Its name.
    pub name: String,
    /// The arguments; text where the model wrote none that are JSON.
    pub arguments: Value,
    /// In which round of the model, from 1.
    pub round: u32,
    /// How long it took, in milliseconds.
    #[serde(rename = "ms", serialize_with = "millis")]
    pub elapsed: Duration,
    /// The result came from the cache.
    pub cached: bool,
    /// It failed.
    pub is_error: bool,
    /// How it failed, for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Code>,
    /// The call, where one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<CallId>,
    /// What it read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<String>,
    /// The model got only the beginning of the result.
    pub cut: bool,
}

/// Where the time went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Stages {
    /// Waiting for the model, in milliseconds.
    #[serde(rename = "model_ms", serialize_with = "millis")]
    pub model: Duration,
    /// Waiting for tools, in milliseconds. Those of one round run at the same time.
    #[serde(rename = "tools_ms", serialize_with = "millis")]
    pub tools: Duration,
    /// Waiting before asking the model again, in milliseconds.
    #[serde(rename = "waiting_ms", serialize_with = "millis")]
    pub waiting: Duration,
    /// From the question to the first text of the model, in milliseconds.
    #[serde(
        rename = "first_text_ms",
        serialize_with = "some_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub first_text: Option<Duration>,
    /// All of it, in milliseconds.
    #[serde(rename = "total_ms", serialize_with = "millis")]
    pub total: Duration,
}

/// An answer, and all that is known of how it came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Turn {
    /// The model's answer: the text of its last reply. From a model, which may be wrong.
    pub text: String,
    /// How the question ended.
    pub stop: Stop,
    /// The provider's name.
    pub provider: &'static str,
    /// The model's name.
    pub model: String,
    /// The tools, in the order in which the model asked for them.
    pub tools: Vec<ToolUse>,
    /// Replies of the model.
    pub model_calls: u32,
    /// Requests that had to be repeated.
    pub retries: u32,
    /// What the provider counted.
    pub usage: Usage,
    /// Whether the provider counted everything. If not, more was used than `usage` says.
    pub usage_complete: bool,
    /// What it cost; `None` where a price or a count is unknown.
    pub cost: Option<Money>,
    /// Where the time went.
    pub stages: Stages,
    /// What is left of the budget. Tokens and money count estimates where the provider did not.
    pub left: Left,
    /// What whoever asked should know, as sentences.
    pub warnings: Vec<String>,
}

impl Turn {
    /// Whether this is a whole answer: the model ended by itself, and said something.
    pub fn is_answer(&self) -> bool {
        self.stop == Stop::EndTurn && !self.text.trim().is_empty()
    }

    /// What the tools read, each thing once, in the order of the calls.
    pub fn reads(&self) -> Vec<&str> {
        let mut reads = Vec::new();
        for read in self.tools.iter().flat_map(|used| &used.reads) {
            if !reads.contains(&read.as_str()) {
                reads.push(read.as_str());
            }
        }
        reads
    }
}

/// A question that failed, with what it used until then.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Why.
    pub error: Error,
    /// How far it came; `None` where it did not begin.
    pub turn: Option<Box<Turn>>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { error, turn: None }
    }
}

pub(crate) fn millis<S: Serializer>(span: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

fn some_millis<S: Serializer>(span: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => millis(span, s),
        None => s.serialize_none(),
    }
}
