//! What is said in a conversation with a model, in no provider's own form.

use serde_json::{Map, Value};

/// An earlier turn of the conversation, as it is remembered: text only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The person asked.
    User(String),
    /// The model answered.
    Assistant(String),
}

impl Said {
    pub(crate) fn len(&self) -> usize {
        match self {
            Said::User(text) | Said::Assistant(text) => text.len(),
        }
    }

    pub(crate) fn has_text(&self) -> bool {
        match self {
            Said::User(text) | Said::Assistant(text) => !text.trim().is_empty(),
        }
    }
}

/// One message of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// From the person, or from the tools on the person's side.
    User(Vec<UserPart>),
    /// From the model.
    Assistant(Vec<Part>),
}

/// A part of a message to the model.
#[derive(Debug, Clone, PartialEq)]
pub enum UserPart {
    /// Text.
    Text(String),
    /// What a call of the model's gave. Results stand before any text of the same message.
    Result(ToolResult),
}

/// What a call gave, in the form that the model reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolResult {
    /// The [`ToolRequest::id`] that it answers.
    pub id: String,
    /// JSON.
    pub content: String,
    /// The call failed.
    pub is_error: bool,
}

/// A part of what the model says.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text.
    Text(String),
    /// It wants a tool called.
    Call(ToolRequest),
    /// Something of the provider's own, such as signed thinking, that must go back to it as it came.
    Opaque(Value),
}

/// A tool that the model wants called.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolRequest {
    /// The model's name for the call.
    pub id: String,
    /// The tool's name, as the model wrote it.
    pub name: String,
    /// The arguments; or, where they are no JSON object, what the model wrote instead.
    pub arguments: Result<Map<String, Value>, String>,
}

impl ToolRequest {
    /// The arguments from the text that the model wrote. No text at all means no arguments.
    pub(crate) fn parse(id: String, name: String, text: &str) -> Self {
        let arguments = if text.trim().is_empty() {
            Ok(Map::new())
        } else {
            serde_json::from_str(text).map_err(|_| text.to_owned())
        };
        ToolRequest { id, name, arguments }
    }

    /// The arguments as they go back to the provider with the transcript: none where they were malformed, since most
    /// servers refuse a transcript with anything but an object there.
    pub(crate) fn echoed(&self) -> Map<String, Value> {
        self.arguments.as_ref().cloned().unwrap_or_default()
    }

    /// The name as it goes back with the transcript: providers refuse names outside of their alphabet, even those that
    /// their model made up.
    pub(crate) fn echoed_name(&self) -> &str {
        let good = (1..=64).contains(&self.name.len())
            && self
                .name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if good { &self.name } else { "no_such_tool" }
    }
}

/// The text of some parts, in their order.
pub(crate) fn text_of(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

impl Message {
    /// About how many bytes of a request this is.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Message::User(parts) => parts
                .iter()
                .map(|part| match part {
                    UserPart::Text(text) => text.len(),
                    UserPart::Result(result) => result.content.len() + result.id.len(),
                })
                .sum(),
            Message::Assistant(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => text.len(),
                    Part::Call(call) => {
                        call.name.len() + call.id.len() + call.arguments.as_ref().map_or(0, map_bytes)
                    }
                    Part::Opaque(value) => json_bytes(value),
                })
                .sum(),
        }
    }
}

fn map_bytes(map: &Map<String, Value>) -> usize {
    serde_json::to_string(map).map_or(0, |text| text.len())
}

/// How long a value is as JSON.
pub(crate) fn json_bytes(value: &Value) -> usize {
    serde_json::to_string(value).map_or(0, |text| text.len())
}
