//! What comes back.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::message::{Part, ToolRequest};
use crate::provider::endpoint::one_line;
use crate::provider::exchange::{Assembly, Trouble};
use crate::provider::fault::Fault;
use crate::provider::{OnText, Reply, StopReason};
use crate::usage::Usage;

/// Most tool calls of a reply. More than any driver runs; a guard for memory.
const CALLS_MAX: usize = 1000;

/// A piece of the stream, or a whole reply: they differ in one name.
#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default, deserialize_with = "or_empty")]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default, alias = "message", deserialize_with = "or_empty")]
    delta: Delta,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default, deserialize_with = "or_empty")]
    tool_calls: Vec<CallPiece>,
}

#[derive(Debug, Deserialize)]
struct CallPiece {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default, deserialize_with = "or_empty")]
    function: Function,
}

#[derive(Debug, Default, Deserialize)]
struct Function {
    #[serde(default)]
    name: Option<String>,
    /// Text that holds JSON; a few servers send the JSON itself.
    #[serde(default)]
    arguments: Value,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Counts {
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<Details>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct Details {
    #[serde(default)]
    cached_tokens: Option<u64>,
    /// Newer models take a price of its own for these.
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

/// Servers write `null` for what they leave out.
fn or_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// A call as it is put together.
#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

/// A reply as it is put together.
#[derive(Debug, Default)]
pub(super) struct Completion {
    text: String,
    refusal: String,
    calls: Vec<Call>,
    finish: Option<String>,
    counts: Option<Counts>,
    done: bool,
}

impl Assembly for Completion {
    fn event(&mut self, data: &str, on_text: OnText<'_>) -> Result<(), Trouble> {
        if data.trim() == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        let chunk = serde_json::from_str(data).map_err(|_| Trouble::Malformed)?;
        self.add(chunk, on_text)
    }

    fn whole(&mut self, json: Value, on_text: OnText<'_>) -> Result<(), Trouble> {
        let chunk = serde_json::from_value(json).map_err(|_| Trouble::Malformed)?;
        self.add(chunk, on_text)?;
        if self.finish.is_none() {
            return Err(Trouble::Malformed);
        }
        self.done = true;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.done
    }

    /// A stream may end without its last word, as some servers do; not without the reason of the model's end.
    fn finish(self) -> Option<Reply> {
        let usage = self.usage();
        let mut stop = match self.finish.as_deref()? {
            "stop" => StopReason::EndTurn,
            "tool_calls" | "function_call" => StopReason::ToolUse,
            "length" => StopReason::MaxTokens,
            "content_filter" => StopReason::Refusal,
            _ => StopReason::Other,
        };
        if !self.refusal.is_empty() {
            stop = StopReason::Refusal;
        }
        let mut parts = Vec::new();
        if !self.text.is_empty() {
            parts.push(Part::Text(self.text));
        }
        parts.extend(self.calls.into_iter().map(|call| {
            let Call {
                id, name, arguments, ..
            } = call;
            Part::Call(ToolRequest::parse(id, name, &arguments))
        }));
        Some(Reply {
            parts,
            stop,
            usage,
            note: one_line(&self.refusal),
        })
    }

    fn begun(&self) -> bool {
        !self.text.is_empty() || !self.refusal.is_empty() || !self.calls.is_empty()
    }

    fn usage(&self) -> Option<Usage> {
        let counts = self.counts?;
        let details = counts.prompt_tokens_details.unwrap_or_default();
        // The prompt's count holds the other two, unlike the counts here.
        let cache_read = details.cached_tokens.unwrap_or(0).min(counts.prompt_tokens);
        let rest = counts.prompt_tokens - cache_read;
        let cache_write = details.cache_write_tokens.unwrap_or(0).min(rest);
        Some(Usage {
            input: rest - cache_write,
            cache_write,
            cache_read,
            output: counts.completion_tokens,
        })
    }
}

impl Completion {
    fn add(&mut self, chunk: Chunk, on_text: OnText<'_>) -> Result<(), Trouble> {
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(trouble(error));
        }
        self.counts = chunk.usage.or(self.counts);
        // Only one answer was asked for.
        let Some(choice) = chunk.choices.into_iter().next() else {
            return Ok(());
        };
        if let Some(text) = choice.delta.content.filter(|text| !text.is_empty()) {
            on_text(&text);
            self.text.push_str(&text);
        }
        if let Some(text) = choice.delta.refusal {
            self.refusal.push_str(&text);
        }
        for piece in choice.delta.tool_calls {
            self.add_call(piece)?;
        }
        self.finish = choice.finish_reason.or(self.finish.take());
        Ok(())
    }

    fn add_call(&mut self, piece: CallPiece) -> Result<(), Trouble> {
        let id = piece.id.filter(|id| !id.is_empty());
        let known = match (piece.index, &id) {
            (Some(index), _) => self.calls.iter().position(|call| call.index == Some(index)),
            // Without an index, an id begins a call, and what has none continues the last one.
            (None, Some(id)) => self.calls.iter().position(|call| call.id == *id),
            (None, None) if piece.function.name.is_some() => None,
            (None, None) => self.calls.len().checked_sub(1),
        };
        let at = known.unwrap_or(self.calls.len());
        if known.is_none() {
            if at >= CALLS_MAX {
                return Err(Trouble::Malformed);
            }
            self.calls.push(Call {
                index: piece.index,
                ..Call::default()
            });
        }
        let call = self.calls.get_mut(at).ok_or(Trouble::Malformed)?;
        // Some servers repeat id and name with every piece, and some then leave them empty.
        if let Some(id) = id {
            call.id = id;
        }
        if let Some(name) = piece.function.name.filter(|name| !name.is_empty()) {
            call.name = name;
        }
        match piece.function.arguments {
            Value::Null => {}
            Value::String(text) => call.arguments.push_str(&text),
            json => call.arguments.push_str(&json.to_string()),
        }
        Ok(())
    }
}

/// An error in place of a reply: its code may be a status, or a word.
fn trouble(error: Value) -> Trouble {
    let status = error.get("code").and_then(Value::as_u64);
    let word = |name| error.get(name).and_then(Value::as_str).unwrap_or("");
    let fault = match (
        status.and_then(|status| u16::try_from(status).ok()),
        word("type"),
        word("code"),
    ) {
        (Some(status @ 400..), ..) => Fault::of_status(status),
        (_, _, "rate_limit_exceeded") => Fault::RateLimited,
        (_, _, "insufficient_quota") => Fault::Credit,
        (_, _, "invalid_api_key") => Fault::Key,
        (_, _, "model_not_found") => Fault::NoModel,
        (_, "server_error", _) => Fault::Server(500),
        _ => Fault::Rejected(400),
    };
    Trouble::Error(fault, json!({ "error": error }))
}
