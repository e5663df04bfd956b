//! A call and its answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

use crate::{CallId, Digest, Effects, Limits, Principal, ToolId};

/// What a caller asks for.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// The tool.
    pub tool: ToolId,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// Answers to an earlier [`Outcome::InputRequired`].
    pub resume: Option<Value>,
    /// Tighter limits than the tool's own; looser ones have no effect.
    pub limits: Option<Limits>,
    /// Who calls.
    pub principal: Principal,
}

impl ToolCall {
    /// A call by the user of this machine, with arguments and nothing special.
    pub fn new(tool: ToolId, arguments: Map<String, Value>) -> Self {
        ToolCall {
            tool,
            arguments,
            resume: None,
            limits: None,
            principal: Principal::local(),
        }
    }
}

/// One part of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Content {
    /// Text for a reader.
    Text {
        /// The text.
        text: String,
    },
    /// A JSON document.
    Json {
        /// The document.
        json: Value,
    },
    /// Binary data.
    Blob(Blob),
    /// Something to fetch.
    Link(Link),
}

/// Binary data with its media type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// For example `image/png`.
    pub mime_type: String,
    /// The data; base64 in JSON.
    #[serde(with = "base64_text")]
    pub data: Vec<u8>,
}

/// A reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Where.
    pub uri: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
}

/// What a tool answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolOutput {
    /// The parts for a reader.
    #[serde(default)]
    pub content: Vec<Content>,
    /// The answer as one document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
    /// The tool ran, and reports a failure.
    #[serde(default)]
    pub is_error: bool,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Map<String, Value>>,
}

/// How a call ended, when it did not fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done.
    Complete(ToolOutput),
    /// The tool needs something from the caller first; call again with the answers in [`ToolCall::resume`].
    InputRequired(Value),
}

/// What a call was and what it cost, as the host saw it.
#[derive(Debug, Clone, Serialize)]
pub struct Receipt {
    /// The call.
    pub call_id: CallId,
    /// The tool's full name, as it was asked for.
    pub tool: String,
    /// The component that ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Digest>,
    /// What it read, wrote and was refused.
    pub effects: Effects,
    /// From the call's arrival to its answer, in microseconds.
    #[serde(rename = "total_us", serialize_with = "micros")]
    pub total: Duration,
    /// In the component, its waits for host functions included, in microseconds.
    #[serde(rename = "run_us", serialize_with = "micros")]
    pub run: Duration,
    /// Most memory that the component had, in bytes.
    pub peak_memory: u64,
    /// Calls that the component made to the host.
    pub host_calls: u64,
    /// Fuel that was used, where it is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Where it was refused something: the plugin's grants that have to do with it and are used up or ended, as sentences that
    /// say how to renew them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
}

fn micros<S: serde::Serializer>(span: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u64(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}

mod base64_text {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(data: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&STANDARD.encode(data))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        STANDARD
            .decode(String::deserialize(d)?)
            .map_err(serde::de::Error::custom)
    }
}
