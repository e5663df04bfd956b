//! What comes back.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use crate::message::{Part, ToolRequest};
use crate::provider::endpoint::one_line;
use crate::provider::exchange::{Assembly, Trouble};
use crate::provider::fault::Fault;
use crate::provider::{OnText, Reply, StopReason};
use crate::usage::Usage;

/// Most blocks of a reply. A model that calls thirty tools at once has some sixty.
const BLOCKS_MAX: usize = 1000;

/// One event of the stream. What is not known is skipped: the API may add events.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Whole,
    },
    ContentBlockStart {
        index: u64,
        content_block: Value,
    },
    ContentBlockDelta {
        index: u64,
        delta: Delta,
    },
    MessageDelta {
        delta: End,
        #[serde(default)]
        usage: Option<Counts>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Delta {
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: String },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: String },
    #[serde(rename = "signature_delta")]
    Signature { signature: String },
    #[serde(other)]
    Other,
}

/// A message, whole or at its beginning.
#[derive(Debug, Deserialize)]
struct Whole {
    #[serde(default)]
    content: Vec<Value>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(flatten)]
    end: End,
}

#[derive(Debug, Default, Deserialize)]
struct End {
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_details: Option<Value>,
}

/// Token counts. A later one stands for the whole reply up to it, and may leave out what has not changed.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct Counts {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
}

/// A block as it is put together.
#[derive(Debug)]
enum Block {
    Text(String),
    Call {
        id: String,
        name: String,
        /// What the block began with; its pieces replace it.
        input: Map<String, Value>,
        json: String,
    },
    Opaque(Map<String, Value>),
}

/// A reply as it is put together.
#[derive(Debug, Default)]
pub(super) struct Message {
    blocks: BTreeMap<u64, Block>,
    counts: Option<Counts>,
    end: End,
    done: bool,
}

impl Assembly for Message {
    fn event(&mut self, data: &str, on_text: OnText<'_>) -> Result<(), Trouble> {
        match serde_json::from_str(data).map_err(|_| Trouble::Malformed)? {
            Event::MessageStart { message } => self.count(message.usage),
            Event::ContentBlockStart { index, content_block } => {
                if self.blocks.len() >= BLOCKS_MAX {
                    return Err(Trouble::Malformed);
                }
                let block = Block::new(content_block)?;
                if let Block::Text(text) = &block {
                    show(text, on_text);
                }
                self.blocks.insert(index, block);
            }
            Event::ContentBlockDelta { index, delta } => {
                let block = self.blocks.get_mut(&index).ok_or(Trouble::Malformed)?;
                block.add(delta, on_text)?;
            }
            Event::MessageDelta { delta, usage } => {
                self.end = delta;
                self.count(usage);
            }
            Event::MessageStop => self.done = true,
            Event::Error { error } => return Err(trouble(error)),
            Event::Other => {}
        }
        Ok(())
    }

    fn whole(&mut self, json: Value, on_text: OnText<'_>) -> Result<(), Trouble> {
        if let Some(error) = json.get("error") {
            return Err(trouble(error.clone()));
        }
        let message: Whole = serde_json::from_value(json).map_err(|_| Trouble::Malformed)?;
        if message.content.len() > BLOCKS_MAX || message.end.stop_reason.is_none() {
            return Err(Trouble::Malformed);
        }
        self.count(message.usage);
        self.end = message.end;
        for (index, block) in (0..).zip(message.content) {
            let block = Block::new(block)?;
            if let Block::Text(text) = &block {
                show(text, on_text);
            }
            self.blocks.insert(index, block);
        }
        self.done = true;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn finish(self) -> Option<Reply> {
        let usage = self.usage();
        let note = self.end.note();
        let stop = self.end.stop()?;
        self.done.then(|| Reply {
            parts: self.blocks.into_values().map(Block::into_part).collect(),
            stop,
            usage,
            note,
        })
    }

    fn begun(&self) -> bool {
        !self.blocks.is_empty()
    }

    fn usage(&self) -> Option<Usage> {
        let counts = self.counts?;
        Some(Usage {
            input: counts.input_tokens?,
            cache_write: counts.cache_creation_input_tokens.unwrap_or(0),
            cache_read: counts.cache_read_input_tokens.unwrap_or(0),
            output: counts.output_tokens?,
        })
    }
}

impl Message {
    fn count(&mut self, new: Option<Counts>) {
        let Some(new) = new else { return };
        let old = self.counts.unwrap_or_default();
        self.counts = Some(Counts {
            input_tokens: new.input_tokens.or(old.input_tokens),
            output_tokens: new.output_tokens.or(old.output_tokens),
            cache_creation_input_tokens: new
                .cache_creation_input_tokens
                .or(old.cache_creation_input_tokens),
            cache_read_input_tokens: new.cache_read_input_tokens.or(old.cache_read_input_tokens),
        });
    }
}

impl Block {
    fn new(block: Value) -> Result<Self, Trouble> {
        let Value::Object(mut block) = block else {
            return Err(Trouble::Malformed);
        };
        let mut text = |name: &str| match block.get_mut(name).map(Value::take) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        match text("type").as_deref() {
            Some("text") => Ok(Block::Text(text("text").unwrap_or_default())),
            Some("tool_use") => {
                let (Some(id), Some(name)) = (text("id"), text("name")) else {
                    return Err(Trouble::Malformed);
                };
                let input = match block.remove("input") {
                    Some(Value::Object(input)) => input,
                    _ => Map::new(),
                };
                let json = String::new();
                Ok(Block::Call {
                    id,
                    name,
                    input,
                    json,
                })
            }
            Some(other) => {
                block.insert("type".to_owned(), json!(other));
                Ok(Block::Opaque(block))
            }
            None => Err(Trouble::Malformed),
        }
    }

    fn add(&mut self, delta: Delta, on_text: OnText<'_>) -> Result<(), Trouble> {
        match (self, delta) {
            (Block::Text(all), Delta::Text { text }) => {
                show(&text, on_text);
                all.push_str(&text);
            }
            (Block::Call { json, .. }, Delta::InputJson { partial_json }) => json.push_str(&partial_json),
            (Block::Opaque(block), Delta::Thinking { thinking }) => append(block, "thinking", &thinking),
            (Block::Opaque(block), Delta::Signature { signature }) => {
                append(block, "signature", &signature);
            }
            (_, Delta::Other) => {}
            _ => return Err(Trouble::Malformed),
        }
        Ok(())
    }

    fn into_part(self) -> Part {
        match self {
            Block::Text(text) => Part::Text(text),
            Block::Call {
                id,
                name,
                input,
                json,
            } if json.trim().is_empty() => Part::Call(ToolRequest {
                id,
                name,
                arguments: Ok(input),
            }),
            Block::Call { id, name, json, .. } => Part::Call(ToolRequest::parse(id, name, &json)),
            Block::Opaque(block) => Part::Opaque(Value::Object(block)),
        }
    }
}

fn append(block: &mut Map<String, Value>, name: &str, more: &str) {
    match block.get_mut(name) {
        Some(Value::String(text)) => text.push_str(more),
        _ => {
            block.insert(name.to_owned(), json!(more));
        }
    }
}

fn show(text: &str, on_text: OnText<'_>) {
    if !text.is_empty() {
        on_text(text);
    }
}

impl End {
    fn stop(&self) -> Option<StopReason> {
        Some(match self.stop_reason.as_deref()? {
            "end_turn" | "stop_sequence" => StopReason::EndTurn,
            "tool_use" => StopReason::ToolUse,
            "max_tokens" => StopReason::MaxTokens,
            "pause_turn" => StopReason::PauseTurn,
            "refusal" => StopReason::Refusal,
            "model_context_window_exceeded" => StopReason::ContextWindow,
            _ => StopReason::Other,
        })
    }

    fn note(&self) -> Option<String> {
        let details = self.stop_details.as_ref()?;
        let text = |name| details.get(name).and_then(Value::as_str);
        one_line(text("explanation").or_else(|| text("category"))?)
    }
}

/// An error within a stream has no status, but a type.
fn trouble(error: Value) -> Trouble {
    let fault = match error.get("type").and_then(Value::as_str).unwrap_or("") {
        "overloaded_error" => Fault::Overloaded,
        "rate_limit_error" => Fault::RateLimited,
        "api_error" => Fault::Server(500),
        "timeout_error" => Fault::Server(504),
        "authentication_error" | "permission_error" => Fault::Key,
        "billing_error" => Fault::Credit,
        "not_found_error" => Fault::NoModel,
        "request_too_large" => Fault::TooLarge,
        _ => Fault::Rejected(400),
    };
    Trouble::Error(fault, json!({ "error": error }))
}
