//! What a plugin says about itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Span, ToolName};

/// A plugin's manifest: claims, to be checked against what the component is and does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The name that the plugin would like to have.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: String,
    /// An SPDX expression.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub license: String,
    /// Its tools.
    pub tools: Vec<ToolSpec>,
    /// What it asks for. Asking grants nothing.
    #[serde(default)]
    pub capabilities: Vec<Request>,
    /// The interfaces that the component imports, as it names them: `wasi:http/outgoing-handler@0.2.4`. Where the list is
    /// there, it must be true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imports: Option<Vec<String>>,
}

/// A tool, as its plugin describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// The name inside the plugin.
    pub name: ToolName,
    /// A few words for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does, for people and models.
    #[serde(default)]
    pub description: String,
    /// JSON Schema of the arguments, an object.
    pub input_schema: Value,
    /// JSON Schema of the structured answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// What the tool claims about its effects.
    #[serde(default)]
    pub annotations: Annotations,
    /// For how long its answers may be used again where nothing can prove that they are still true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheClaim>,
    /// Of a component without the plugin contract: the exported function that the tool is. The host finds it itself; what a
    /// plugin claims here is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<String>,
}

/// For how long a tool's answers may be used again. It counts only for answers that rest on what can't be proven unchanged,
/// such as a clock: all others are used for as long as they are true, and no longer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheClaim {
    /// Of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Span>,
    /// Of a failure that the tool reports itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_ttl: Option<Span>,
}

/// What a tool claims about its effects. The host sees what it does, and believes that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Annotations {
    /// It changes nothing.
    pub read_only: bool,
    /// It may destroy something.
    pub destructive: bool,
    /// Doing it twice is as good as once.
    pub idempotent: bool,
    /// It deals with a world that others change too.
    pub open_world: bool,
}

impl Default for Annotations {
    /// What must be assumed of a tool that says nothing.
    fn default() -> Self {
        Annotations {
            read_only: false,
            destructive: true,
            idempotent: false,
            open_world: true,
        }
    }
}

/// A capability that a plugin asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The capability as text. It may be one that this host does not know.
    pub capability: String,
    /// Why, in the plugin's words.
    #[serde(default)]
    pub reason: String,
}
