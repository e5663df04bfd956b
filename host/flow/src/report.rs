//! What became of a run.

use serde::Serialize;
use serde_json::Value;

use fact_types::Error;

use crate::keep::RunId;

/// A run, step by step.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The flow's name.
    pub flow: String,
    /// The run, by which it is resumed.
    pub run: RunId,
    /// Every step was done, or skipped as its condition said.
    pub done: bool,
    /// Calls of tools that were made: counted as they were, failed ones and repeated ones included.
    pub tool_calls: u32,
    /// Those of them that the cache answered, so that nothing ran.
    pub cached_calls: u32,
    /// All of it, in milliseconds.
    pub total_ms: u64,
    /// The steps, in the order of the file.
    pub steps: Vec<StepReport>,
}

/// A step of a run.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// Its name.
    pub id: String,
    /// The tool that it calls, or the question as it was asked.
    pub what: String,
    /// How it ended.
    pub ended: Ended,
    /// Why it was skipped, run again or not begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How often it was tried.
    pub tries: u32,
    /// Calls of tools that it made.
    pub tool_calls: u32,
    /// Those that the cache answered.
    pub cached_calls: u32,
    /// Its result came from the cache.
    pub cached: bool,
    /// How long it took, its waits included, in milliseconds.
    pub ms: u64,
    /// What it came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// How it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It was run.
    Done,
    /// It was done in an earlier try of the run, and that still holds.
    Kept,
    /// Its condition did not hold, or what it builds on was skipped.
    Skipped,
    /// It failed.
    Failed,
    /// A step before it failed.
    NotBegun,
}

impl Report {
    /// The first failure.
    pub fn error(&self) -> Option<&Error> {
        self.steps.iter().find_map(|step| step.error.as_ref())
    }
}

impl StepReport {
    pub(crate) fn new(id: &str, what: String, ended: Ended) -> Self {
        StepReport {
            id: id.to_owned(),
            what,
            ended,
            why: None,
            tries: 0,
            tool_calls: 0,
            cached_calls: 0,
            cached: false,
            ms: 0,
            result: None,
            error: None,
        }
    }
}
