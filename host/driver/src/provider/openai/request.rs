//! What is sent.

use serde_json::{Map, Value, json};

use crate::message::{Message, Part, UserPart, text_of};
use crate::provider::{Request, described};

/// What differs between servers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// It is OpenAI itself.
    pub(super) own: bool,
    /// Token counts are asked for.
    pub(super) count_tokens: bool,
}

/// The body of a request.
pub(super) fn body(model: &str, request: &Request<'_>, form: Form) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    // OpenAI's newer models refuse the old name, and most other servers know only that.
    let length = if form.own {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    body.insert(length.to_owned(), json!(request.max_output));
    body.insert("stream".to_owned(), json!(true));
    if form.count_tokens {
        body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
    }
    // Where the tools may not be called they are left out: many servers do not know `tool_choice`, and would offer them.
    if request.may_call && !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": described(tool),
                    "parameters": tool.input_schema,
                },
            })
        });
        body.insert("tools".to_owned(), tools.collect());
        body.insert("tool_choice".to_owned(), json!("auto"));
    }
    let mut messages = Vec::new();
    if !request.system.is_empty() {
        messages.push(json!({ "role": "system", "content": request.system }));
    }
    for message in request.messages {
        match message {
            Message::User(parts) => messages.extend(parts.iter().map(user_part)),
            Message::Assistant(parts) => messages.push(assistant(parts)),
        }
    }
    body.insert("messages".to_owned(), Value::Array(messages));
    Value::Object(body)
}

/// This API has a message for each result, and no error flag: the result's JSON says it.
fn user_part(part: &UserPart) -> Value {
    match part {
        UserPart::Text(text) => json!({ "role": "user", "content": text }),
        UserPart::Result(result) => json!({
            "role": "tool",
            "tool_call_id": result.id,
            "content": result.content,
        }),
    }
}

fn assistant(parts: &[Part]) -> Value {
    let calls: Vec<Value> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Call(call) => Some(json!({
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.echoed_name(),
                    "arguments": Value::Object(call.echoed()).to_string(),
                },
            })),
            _ => None,
        })
        .collect();
    let text = text_of(parts);
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    let content = if text.is_empty() && !calls.is_empty() {
        Value::Null
    } else {
        json!(text)
    };
    message.insert("content".to_owned(), content);
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    Value::Object(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_has_the_name_that_the_server_knows() {
        let request = Request {
            system: "",
            tools: &[],
            stable_tools: 0,
            may_call: false,
            messages: &[],
            max_output: 7,
            deadline: tokio::time::Instant::now(),
        };
        for (own, name) in [(true, "max_completion_tokens"), (false, "max_tokens")] {
            let form = Form {
                own,
                count_tokens: false,
            };
            let body = body("m", &request, form);
            assert_eq!(
                body,
                json!({ "model": "m", name: 7, "stream": true, "messages": [] })
            );
        }
    }
}
