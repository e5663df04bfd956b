//! The chat completions protocol, field by field.

use fact_driver::{Stop, SystemPrompt};
use serde_json::{Value, json};

use crate::fake::{Fake, KEY, OPENAI_TEXT, OPENAI_TWO_TOOLS, Say, ask, openai, prices};
use crate::tools::FakeTools;

#[tokio::test]
async fn core_driver_openai_question_two_tools_text_in_two_model_calls() {
    let fake = Fake::start([Say::events(OPENAI_TWO_TOOLS), Say::events(OPENAI_TEXT)]).await;
    let mut config = fake.openai_config();
    config.prices = Some(prices());
    let tools = FakeTools::sql().together(2);
    let turn = ask(openai(config), &tools).await.unwrap();
    assert_eq!(turn.text, "Q1 was 68.5 bn, Q2 70.1 bn.");
    assert_eq!((turn.stop, turn.model_calls, turn.retries), (Stop::EndTurn, 2, 0));
    assert_eq!((turn.provider, turn.model.as_str()), ("openai", "gpt-4o-mini"));
    assert_eq!(tools.count(), 2);
    // The prompt's tokens include those that were cached.
    assert_eq!((turn.usage.input, turn.usage.cache_read), (400 + 116, 384));
    assert_eq!((turn.usage.cache_write, turn.usage.output), (0, 60));
    // 516 * 3 + 384 * 0.3 + 60 * 15 millionths of a dollar.
    assert_eq!(turn.cost.unwrap().to_string(), "$0.0025632");
}

#[tokio::test]
async fn requests_are_as_the_protocol_says() {
    let fake = Fake::start([Say::events(OPENAI_TWO_TOOLS), Say::events(OPENAI_TEXT)]).await;
    let turn = ask(fake.openai(), &FakeTools::sql()).await.unwrap();
    // Who serves a model under a known name need not take what OpenAI takes.
    assert_eq!(turn.cost, None);

    let seen = fake.seen();
    for seen in &seen {
        assert_eq!(seen.line, "POST /v1/chat/completions HTTP/1.1");
        assert_eq!(
            seen.header("authorization"),
            Some(format!("Bearer {KEY}").as_str())
        );
    }
    let system = json!({ "role": "system", "content": SystemPrompt::default().as_str() });
    let question = json!({ "role": "user", "content": "What was the revenue in Q1 and in Q2?" });
    let first = json!({
        "model": "gpt-4o-mini",
        "max_tokens": 4096,
        "stream": true,
        "stream_options": { "include_usage": true },
        "tools": [{ "type": "function", "function": {
            "name": "sql_query",
            "description": "Revenue by quarter.",
            "parameters": {
                "type": "object",
                "properties": { "quarter": { "type": "string" } },
                "required": ["quarter"],
            },
        }}],
        "tool_choice": "auto",
        "messages": [system, question],
    });
    assert_eq!(seen[0].body, first);

    let call = |id: &str, quarter: &str| {
        json!({ "id": id, "type": "function", "function": {
            "name": "sql_query", "arguments": format!(r#"{{"quarter":"{quarter}"}}"#),
        }})
    };
    let result = |id: &str, revenue: &str| {
        json!({
            "role": "tool",
            "tool_call_id": id,
            "content": format!(r#"{{"ok":true,"untrusted_data":{{"revenue":"{revenue}"}}}}"#),
        })
    };
    let mut second = first;
    second["messages"] = json!([
        system,
        question,
        { "role": "assistant", "content": null, "tool_calls": [call("call_a", "Q1"), call("call_b", "Q2")] },
        result("call_a", "68.5 bn"),
        result("call_b", "70.1 bn"),
    ]);
    assert_eq!(seen[1].body, second);
}

#[tokio::test]
async fn a_local_server_needs_no_key_and_no_counts() {
    let fake = Fake::start([Say::events(
        "data: {\"choices\":[{\"delta\":{\"content\":\"Yes.\"},\"finish_reason\":\"stop\"}]}\n\n",
    )])
    .await;
    let mut config = fake.openai_config();
    config.key = None;
    config.count_tokens = false;
    config.prices = Some(prices());
    // The stream ends without its last word, as some servers' do.
    let turn = ask(openai(config), &FakeTools::sql()).await.unwrap();
    assert!(turn.is_answer());
    assert_eq!((turn.usage_complete, turn.cost), (false, None));
    // The budget counts all the same.
    assert!(turn.left.tokens.unwrap() < 200_000);
    assert!(
        turn.warnings[0].contains("cost is unknown"),
        "{:?}",
        turn.warnings
    );
    let seen = fake.seen();
    assert_eq!(seen[0].header("authorization"), None);
    assert!(seen[0].body.get("stream_options").is_none());
}

/// A stream of these chunks' first choices.
fn chunks(choices: &[Value]) -> Say {
    let chunks = choices.iter().map(|choice| json!({ "choices": [choice] }));
    let text: String = chunks.map(|chunk| format!("data: {chunk}\n\n")).collect();
    Say::events(text + "data: [DONE]\n\n")
}

#[tokio::test]
async fn calls_in_the_forms_of_several_servers() {
    let piece = |calls: Value| json!({ "delta": { "tool_calls": calls }, "finish_reason": null });
    let end = |reason: &str| json!({ "delta": {}, "finish_reason": reason });
    let q1 = json!({ "quarter": "Q1" });
    for (name, choices, expected) in [
        (
            "all at once, without an index, and `stop` at the end",
            vec![
                piece(json!([
                    { "id": "1", "function": { "name": "sql_query", "arguments": "{\"quarter\":\"Q1\"}" } },
                    { "id": "2", "function": { "name": "sql_query", "arguments": "{}" } },
                ])),
                end("stop"),
            ],
            vec![Some("1"), Some("2")],
        ),
        (
            "without ids",
            vec![
                piece(
                    json!([{ "index": 0, "function": { "name": "sql_query", "arguments": "{\"quarter\":\"Q1\"}" } }]),
                ),
                piece(
                    json!([{ "index": 1, "id": "", "function": { "name": "sql_query", "arguments": "{}" } }]),
                ),
                end("tool_calls"),
            ],
            vec![None, None],
        ),
        (
            "id and name with every piece, and arguments that are JSON",
            vec![
                piece(
                    json!([{ "index": 0, "id": "1", "function": { "name": "sql_query", "arguments": "{\"quarter\"" } }]),
                ),
                piece(
                    json!([{ "index": 0, "id": "1", "function": { "name": "sql_query", "arguments": ":\"Q1\"}" } }]),
                ),
                piece(
                    json!([{ "index": 1, "id": "2", "function": { "name": "sql_query", "arguments": {} } }]),
                ),
                end("tool_calls"),
            ],
            vec![Some("1"), Some("2")],
        ),
        (
            "empty ids and names after the first piece",
            vec![
                piece(
                    json!([{ "index": 0, "id": "1", "function": { "name": "sql_query", "arguments": "{\"quarter\"" } }]),
                ),
                piece(json!([{ "index": 0, "id": "", "function": { "name": "", "arguments": ":\"Q1\"}" } }])),
                piece(
                    json!([{ "index": 1, "id": "2", "function": { "name": "sql_query", "arguments": null } }]),
                ),
                end("tool_calls"),
            ],
            vec![Some("1"), Some("2")],
        ),
    ] {
        let fake = Fake::start([chunks(&choices), Say::events(OPENAI_TEXT)]).await;
        let tools = FakeTools::sql();
        ask(fake.openai(), &tools).await.unwrap();
        let called: Vec<_> = tools
            .calls
            .lock()
            .unwrap()
            .iter()
            .map(|(_, with)| with.clone())
            .collect();
        assert_eq!(called, [q1.clone(), json!({})], "{name}");
        let messages = fake.bodies()[1]["messages"].clone();
        for (at, id) in expected.iter().enumerate() {
            let echoed = messages[2]["tool_calls"][at]["id"].as_str().unwrap();
            assert_eq!(messages[3 + at]["tool_call_id"], echoed, "{name}");
            assert!(id.is_none_or(|id| id == echoed) && !echoed.is_empty(), "{name}");
        }
    }
}

#[tokio::test]
async fn every_reason_to_stop() {
    let choice = |delta: Value, reason: &str| json!({ "delta": delta, "finish_reason": reason });
    for (choice, stop, warnings) in [
        (choice(json!({ "content": "Yes." }), "stop"), Stop::EndTurn, 1),
        (choice(json!({ "content": "Ye" }), "length"), Stop::MaxTokens, 2),
        (
            choice(json!({ "content": "" }), "content_filter"),
            Stop::Refusal,
            2,
        ),
        (choice(json!({ "refusal": "I can't." }), "stop"), Stop::Refusal, 3),
        (choice(json!({ "content": "Yes." }), "eos"), Stop::EndTurn, 1),
    ] {
        let fake = Fake::start([chunks(std::slice::from_ref(&choice))]).await;
        let turn = ask(fake.openai(), &FakeTools::sql()).await.unwrap();
        // One of the warnings is that nothing was counted.
        assert_eq!(
            (turn.stop, turn.warnings.len()),
            (stop, warnings),
            "{choice} {:?}",
            turn.warnings
        );
    }
}

#[tokio::test]
async fn counts_that_make_no_sense_are_kept_within_the_whole() {
    for (details, input, write, read) in [
        (json!(null), 100, 0, 0),
        (
            json!({ "cached_tokens": 60, "cache_write_tokens": 30 }),
            10,
            30,
            60,
        ),
        (
            json!({ "cached_tokens": 60, "cache_write_tokens": 70 }),
            0,
            40,
            60,
        ),
        (
            json!({ "cached_tokens": 600, "cache_write_tokens": null }),
            0,
            0,
            100,
        ),
    ] {
        let fake = Fake::start([Say::json(
            200,
            json!({
                "choices": [{ "message": { "content": "Yes." }, "finish_reason": "stop" }],
                "usage": { "prompt_tokens": 100, "completion_tokens": 4, "prompt_tokens_details": details },
            }),
        )])
        .await;
        let usage = ask(fake.openai(), &FakeTools::sql()).await.unwrap().usage;
        assert_eq!(
            (usage.input, usage.cache_write, usage.cache_read),
            (input, write, read)
        );
        assert_eq!(usage.total(), 104);
    }
}

#[tokio::test]
async fn a_plain_json_reply_is_taken_too() {
    let whole = |message: Value, reason: &str| {
        Say::json(
            200,
            json!({
                "id": "chatcmpl", "object": "chat.completion",
                "choices": [{ "index": 0, "message": message, "finish_reason": reason }],
                "usage": { "prompt_tokens": 30, "completion_tokens": 4, "total_tokens": 34 },
            }),
        )
    };
    let call = json!({ "id": "1", "type": "function", "function": { "name": "sql_query", "arguments": "{\"quarter\":\"Q1\"}" } });
    let fake = Fake::start([
        whole(
            json!({ "role": "assistant", "content": null, "tool_calls": [call] }),
            "tool_calls",
        ),
        whole(
            json!({ "role": "assistant", "content": "68.5 bn.", "tool_calls": null }),
            "stop",
        ),
    ])
    .await;
    let tools = FakeTools::sql();
    let turn = ask(fake.openai(), &tools).await.unwrap();
    assert_eq!(
        (turn.text.as_str(), turn.usage.total(), tools.count()),
        ("68.5 bn.", 68, 1)
    );
    assert!(turn.usage_complete);
}
