//! What the model may call, as the driver sees it.

use fact_types::{CallId, Code};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// What a model is told of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolInfo {
    /// The full name, 1 to 64 of a-z, A-Z, 0-9, `_` and `-`: what models accept.
    pub name: String,
    /// A short name for people.
    pub title: Option<String>,
    /// What it does.
    pub description: String,
    /// The JSON Schema of its arguments: an object's.
    pub input_schema: Value,
    /// It changes nothing.
    pub read_only: bool,
}

/// How a call of a tool ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolAnswer {
    /// The result, or with `is_error` what went wrong. Written by a tool: not to be trusted.
    pub json: Value,
    /// The call failed, or the tool reports a failure.
    pub is_error: bool,
    /// What went wrong, for machines.
    pub code: Option<Code>,
    /// The call, where one was made.
    pub call_id: Option<CallId>,
    /// The result came from the cache; no tool ran.
    pub cached: bool,
    /// What the call read, in the words of capabilities.
    pub reads: Vec<String>,
    /// From the call to its answer.
    pub elapsed: Duration,
}

impl ToolAnswer {
    /// A result without anything around it.
    pub fn ok(json: Value) -> Self {
        ToolAnswer {
            json,
            is_error: false,
            code: None,
            call_id: None,
            cached: false,
            reads: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }

    /// A failure, with a sentence that a model may read.
    pub fn failed(code: Code, message: impl Into<String>) -> Self {
        ToolAnswer {
            is_error: true,
            code: Some(code),
            ..ToolAnswer::ok(Value::String(message.into()))
        }
    }
}

/// The tools of whoever asks. Everything behind this is the call path's matter: permission, cache, sandbox, audit.
pub trait Tools: Send + Sync {
    /// Every tool that this caller may call, in an order that does not change from question to question: a provider's
    /// cache of the request's beginning depends on it.
    fn list(&self) -> Vec<ToolInfo>;

    /// Calls a tool. A failure is an answer too. Dropping the future cancels the call.
    fn call(&self, name: &str, arguments: Value, deadline: Instant) -> BoxFuture<'_, ToolAnswer>;

    /// The tools that fit a description best, the best first, at most `limit` of them.
    fn search(&self, query: &str, limit: usize) -> Vec<ToolInfo>;
}
