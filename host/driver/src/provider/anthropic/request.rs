//! What is sent.

use serde_json::{Map, Value, json};

use crate::message::{Message, Part, UserPart};
use crate::provider::{Request, described, tools_bytes};
use crate::usage::tokens_at_least;

/// The body of a request.
pub(super) fn body(model: &str, request: &Request<'_>, cache_min: u64) -> Value {
    let marks = Marks::new(request, cache_min);
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    body.insert("max_tokens".to_owned(), json!(request.max_output));
    body.insert("stream".to_owned(), json!(true));
    if !request.tools.is_empty() {
        let tools = request.tools.iter().enumerate().map(|(at, tool)| {
            let mut out = json!({
                "name": tool.name,
                "description": described(tool),
                "input_schema": tool.input_schema,
            });
            if marks.tool == Some(at) {
                mark(&mut out);
            }
            out
        });
        body.insert("tools".to_owned(), tools.collect());
        // The tools stay where they may not be called: a transcript that has calls needs them, and so does the cache.
        let choice = if request.may_call { "auto" } else { "none" };
        body.insert("tool_choice".to_owned(), json!({ "type": choice }));
    }
    if !request.system.is_empty() {
        let mut system = json!({ "type": "text", "text": request.system });
        if marks.system {
            mark(&mut system);
        }
        body.insert("system".to_owned(), json!([system]));
    }
    let messages = request.messages.iter().enumerate();
    let messages = messages.map(|(at, one)| message(one, marks.messages.contains(&Some(at))));
    body.insert("messages".to_owned(), messages.collect());
    Value::Object(body)
}

fn message(message: &Message, marked: bool) -> Value {
    match message {
        Message::User(parts) => {
            let mut content: Vec<Value> = parts.iter().filter_map(user_part).collect();
            if let Some(last) = content.last_mut().filter(|_| marked) {
                mark(last);
            }
            json!({ "role": "user", "content": content })
        }
        Message::Assistant(parts) => {
            let content: Vec<Value> = parts.iter().filter_map(part).collect();
            json!({ "role": "assistant", "content": content })
        }
    }
}

fn user_part(part: &UserPart) -> Option<Value> {
    match part {
        UserPart::Text(text) => text_block(text),
        UserPart::Result(result) => Some(json!({
            "type": "tool_result",
            "tool_use_id": result.id,
            "content": result.content,
            "is_error": result.is_error,
        })),
    }
}

fn part(part: &Part) -> Option<Value> {
    match part {
        Part::Text(text) => text_block(text),
        Part::Call(call) => Some(json!({
            "type": "tool_use",
            "id": call.id,
            "name": call.echoed_name(),
            "input": call.echoed(),
        })),
        Part::Opaque(value) => Some(value.clone()),
    }
}

/// The API refuses blocks without text.
fn text_block(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({ "type": "text", "text": text }))
}

fn mark(block: &mut Value) {
    if let Value::Object(block) = block {
        block.insert("cache_control".to_owned(), json!({ "type": "ephemeral" }));
    }
}

/// Where the request is marked for the provider's cache: at most four places, which is all that it allows, and only where
/// what stands before is long enough to be cached. A mark below that length would do nothing.
#[derive(Debug, Default, PartialEq, Eq)]
struct Marks {
    /// The last of the tools that stay the same.
    tool: Option<usize>,
    system: bool,
    /// The last two messages of the user. The last one is read by the next round. The one before is what this round reads:
    /// the provider looks back only twenty blocks from a mark, and a round can have more.
    messages: [Option<usize>; 2],
}

impl Marks {
    fn new(request: &Request<'_>, cache_min: u64) -> Self {
        let long_enough = |bytes: usize| tokens_at_least(bytes) >= cache_min;
        let mut marks = Marks::default();
        let stable = request.tools.get(..request.stable_tools).unwrap_or_default();
        if long_enough(tools_bytes(stable)) {
            marks.tool = stable.len().checked_sub(1);
        }
        let mut bytes = tools_bytes(request.tools) + request.system.len();
        marks.system = !request.system.is_empty() && long_enough(bytes);
        // Forbidding tools makes another request of it for the cache, from the messages on; and nothing follows it.
        if !request.may_call && !request.tools.is_empty() {
            return marks;
        }
        for (at, message) in request.messages.iter().enumerate() {
            bytes += message.bytes();
            if matches!(message, Message::User(_)) && long_enough(bytes) {
                let [_, last] = marks.messages;
                marks.messages = [last, Some(at)];
            }
        }
        marks
    }
}
