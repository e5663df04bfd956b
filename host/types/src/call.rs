//! A call and its answer.

use jiff::Timestamp;
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
    /// Whether an answer that was kept will do.
    pub freshness: Freshness,
}

/// Whether an answer that was kept will do. One that is kept is proven to be still true before it is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// It will.
    #[default]
    Proven,
    /// Run the tool in any case.
    Run,
    /// It will; the call is made only so that its answer is kept, and counts for nobody.
    Warm,
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
            freshness: Freshness::default(),
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

impl ToolOutput {
    /// About how many bytes it takes in memory.
    pub fn weight(&self) -> usize {
        let content: usize = self.content.iter().map(Content::weight).sum();
        let meta = self.meta.iter().flatten();
        content
            + self.structured.as_ref().map_or(0, weight)
            + meta
                .map(|(name, value)| name.len() + weight(value))
                .sum::<usize>()
    }
}

impl Content {
    fn weight(&self) -> usize {
        let outside = match self {
            Content::Text { text } => text.len(),
            Content::Json { json } => weight(json),
            Content::Blob(blob) => blob.mime_type.len() + blob.data.len(),
            Content::Link(link) => {
                let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
                link.uri.len() + text(&link.title) + text(&link.mime_type)
            }
        };
        size_of::<Content>() + outside
    }
}

/// About how many bytes a document takes in memory.
fn weight(document: &Value) -> usize {
    // What a map spends on each entry besides the entry itself, about.
    const ENTRY: usize = 32;
    let outside = match document {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| ENTRY + size_of::<String>() + name.len() + weight(value))
            .sum(),
    };
    size_of::<Value>() + outside
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

/// Where an answer came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheState {
    /// The cache was not asked.
    #[default]
    Off,
    /// From this process's memory, proven to be still true.
    Memory,
    /// From this machine's disk, proven to be still true.
    Disk,
    /// The tool ran: nothing was kept.
    Miss,
    /// The tool ran: what was kept was no longer true.
    Stale,
}

/// What the cache had to do with a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheNote {
    /// Where the answer came from.
    pub state: CacheState,
    /// When the tool ran whose answer this is, where it did not run now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Until when the answer may be used, where the tool declares that for what can't be proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// What was no longer true; or why this answer can't be kept; or what of it a declared lifetime stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl CacheNote {
    /// Whether the answer was kept, and no tool ran.
    pub fn is_hit(&self) -> bool {
        matches!(self.state, CacheState::Memory | CacheState::Disk)
    }
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
    /// What the cache had to do with it.
    pub cache: CacheNote,
    /// What it read, wrote and was refused: of an answer that was kept, when its tool ran.
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

impl Receipt {
    /// Of a call of which nothing is known yet.
    pub fn new(call_id: CallId, tool: String) -> Self {
        Receipt {
            call_id,
            tool,
            component: None,
            cache: CacheNote::default(),
            effects: Effects::default(),
            total: Duration::ZERO,
            run: Duration::ZERO,
            peak_memory: 0,
            host_calls: 0,
            fuel: None,
            over: None,
        }
    }
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
