//! Anthropic's protocol, field by field.

use fact_driver::{
    AnthropicConfig, ApiKey, Budget, Driver, Limit, OpenAiConfig, Question, Said, Settings, Stop,
    SystemPrompt, ToolAnswer, Unwatched,
};
use fact_types::Code;
use serde_json::{Value, json};

use crate::fake::{End, Fake, Say, TEXT, TWO_TOOLS, anthropic, ask, ask_with, openai, prices, settings};
use crate::tools::{FakeTools, tool};

/// Where `cache_control` stands in a request.
fn marks(body: &Value) -> Vec<String> {
    let mut marks = Vec::new();
    collect(body, String::new(), &mut marks);
    marks
}

fn collect(value: &Value, at: String, marks: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                if name == "cache_control" {
                    assert_eq!(*value, json!({ "type": "ephemeral" }));
                    marks.push(at.clone());
                } else {
                    collect(value, format!("{at}/{name}"), marks);
                }
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                collect(value, format!("{at}/{index}"), marks);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn core_driver_question_two_tools_text_in_two_model_calls() {
    let fake = Fake::start([Say::events(TWO_TOOLS), Say::events(TEXT)]).await;
    let mut config = fake.anthropic_config();
    config.prices = Some(prices());
    // Both calls run at the same time: each waits for the other.
    let tools = FakeTools::sql().together(2);
    let turn = ask(anthropic(config), &tools).await.unwrap();

    assert_eq!(turn.text, "Q1 was 68.5 bn, Q2 70.1 bn.");
    assert_eq!((turn.stop, turn.is_answer()), (Stop::EndTurn, true));
    assert_eq!((turn.model_calls, turn.retries), (2, 0));
    assert_eq!(
        (turn.provider, turn.model.as_str()),
        ("anthropic", "claude-sonnet-4-5")
    );
    assert_eq!(turn.warnings, Vec::<String>::new());
    let used: Vec<_> = turn
        .tools
        .iter()
        .map(|used| {
            (
                used.name.as_str(),
                used.arguments["quarter"].as_str().unwrap(),
                used.round,
            )
        })
        .collect();
    assert_eq!(used, [("sql_query", "Q1", 1), ("sql_query", "Q2", 1)]);
    assert_eq!(turn.tools[0].reads, ["sql:read:finance/financial_records"]);
    assert_eq!(turn.reads(), ["sql:read:finance/financial_records"]);

    assert_eq!(turn.usage.input, 12 + 90);
    assert_eq!(turn.usage.cache_write, 2100 + 300);
    assert_eq!(turn.usage.cache_read, 2100);
    assert_eq!(turn.usage.output, 140 + 25);
    assert!(turn.usage_complete);
    // 102 * 3 + 2400 * 3.75 + 2100 * 0.3 + 165 * 15 millionths of a dollar.
    assert_eq!(turn.cost.unwrap().to_string(), "$0.012411");
    assert_eq!(turn.left.tokens, Some(200_000 - turn.usage.total()));
    assert_eq!((turn.left.model_calls, turn.left.tool_calls), (5, 48));
    assert!(turn.stages.first_text.unwrap() <= turn.stages.total);
    let json = serde_json::to_value(&turn).unwrap();
    assert_eq!(json["cost"], 0.012411);
    assert_eq!(json["tools"][0]["ms"], 3);
}

#[tokio::test]
async fn requests_are_as_the_protocol_says() {
    let fake = Fake::start([Say::events(TWO_TOOLS), Say::events(TEXT)]).await;
    ask(fake.anthropic(), &FakeTools::sql()).await.unwrap();

    let seen = fake.seen();
    for seen in &seen {
        assert_eq!(seen.line, "POST /v1/messages HTTP/1.1");
        assert_eq!(seen.header("x-api-key"), Some(crate::fake::KEY));
        assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
        assert_eq!(seen.header("content-type"), Some("application/json"));
    }
    let system = SystemPrompt::default();
    let question = json!({ "role": "user", "content": [
        { "type": "text", "text": "What was the revenue in Q1 and in Q2?" },
    ]});
    let first = json!({
        "model": "claude-sonnet-4-5",
        "max_tokens": 4096,
        "stream": true,
        "tools": [{
            "name": "sql_query",
            "description": "Revenue by quarter.",
            "input_schema": {
                "type": "object",
                "properties": { "quarter": { "type": "string" } },
                "required": ["quarter"],
            },
        }],
        "tool_choice": { "type": "auto" },
        "system": [{ "type": "text", "text": system.as_str() }],
        "messages": [question],
    });
    assert_eq!(seen[0].body, first);

    let result = |id: &str, revenue: &str| {
        json!({
            "type": "tool_result",
            "tool_use_id": id,
            "content": format!(r#"{{"ok":true,"untrusted_data":{{"revenue":"{revenue}"}}}}"#),
            "is_error": false,
        })
    };
    let mut second = first;
    second["messages"] = json!([
        question,
        { "role": "assistant", "content": [
            // Signed thinking goes back as it came.
            { "type": "thinking", "thinking": "Two quarters, two queries.", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h" },
            { "type": "text", "text": "I'll look up both." },
            { "type": "tool_use", "id": "toolu_01", "name": "sql_query", "input": { "quarter": "Q1" } },
            { "type": "tool_use", "id": "toolu_02", "name": "sql_query", "input": { "quarter": "Q2" } },
        ]},
        // All results in one message, in the order of the calls.
        { "role": "user", "content": [result("toolu_01", "68.5 bn"), result("toolu_02", "70.1 bn")] },
    ]);
    assert_eq!(seen[1].body, second);
    // All of it together has too few tokens to be cached.
    assert_eq!((marks(&seen[0].body), marks(&seen[1].body)), (vec![], vec![]));
}

/// A tool whose description makes the tools about so many tokens long.
fn long_tool(tokens: usize) -> FakeTools {
    let list = vec![
        tool("a_first", "First."),
        tool("sql_query", &"word".repeat(tokens)),
    ];
    FakeTools::new(list, |_, arguments| crate::tools::revenue(arguments))
}

#[tokio::test]
async fn cache_marks_stand_where_the_model_can_cache() {
    let long_prompt = SystemPrompt::new(&"word".repeat(1200)).unwrap();
    let tools_and_more = ["/tools/1", "/system/0", "/messages/0/content/0"];
    for (model, cache_min, tools, prompt, first) in [
        // The smallest cacheable beginning of this model is 1024 tokens.
        ("claude-sonnet-4-5", None, 1100, None, tools_and_more.as_slice()),
        (
            "claude-sonnet-4-5",
            None,
            20,
            Some(&long_prompt),
            &tools_and_more[1..],
        ),
        ("claude-sonnet-4-5", None, 20, None, &[]),
        // And 4096 of this one, and of one that is not known.
        ("claude-haiku-4-5", None, 1100, None, &[]),
        ("claude-haiku-4-5", None, 4200, None, &tools_and_more),
        ("some-proxy-model", None, 1100, None, &[]),
        ("some-proxy-model", Some(1000), 1100, None, &tools_and_more),
    ] {
        let fake = Fake::start([Say::events(TWO_TOOLS), Say::events(TEXT)]).await;
        let mut config = fake.anthropic_config();
        config.model = model.to_owned();
        config.cache_min = cache_min;
        let mut settings = settings();
        if let Some(prompt) = prompt {
            settings.system = prompt.clone();
        }
        ask_with(anthropic(config), settings, Budget::default(), &long_tool(tools))
            .await
            .unwrap();
        let bodies = fake.bodies();
        assert_eq!(marks(&bodies[0]), first, "{model} {tools}");
        // The second round reads up to the question, and writes up to the results.
        let mut second: Vec<&str> = first.to_vec();
        if !first.is_empty() {
            second.push("/messages/2/content/1");
        }
        assert_eq!(marks(&bodies[1]), second, "{model} {tools}");
    }
}

#[tokio::test]
async fn what_an_answer_depends_on_has_a_fingerprint() {
    let fake = Fake::start([]).await;
    let tools = FakeTools::sql();
    let mut prints = Vec::new();
    let mut print = |model: Option<&str>, prompt: Option<&str>, shown: usize, tools: &FakeTools| {
        let mut config = fake.anthropic_config();
        config.model = model.unwrap_or("claude-sonnet-4-5").to_owned();
        let mut settings = settings();
        settings.result_shown = shown;
        if let Some(prompt) = prompt {
            settings.system = SystemPrompt::new(prompt).unwrap();
        }
        prints.push(
            Driver::new(anthropic(config), settings)
                .unwrap()
                .fingerprint(tools),
        );
    };
    print(None, None, 1000, &tools);
    print(None, None, 1000, &FakeTools::sql());
    print(Some("claude-opus-5"), None, 1000, &tools);
    print(None, Some("Be brief."), 1000, &tools);
    print(None, None, 1001, &tools);
    print(None, None, 1000, &long_tool(1));
    assert_eq!(prints[0], prints[1]);
    prints.dedup();
    let different: std::collections::HashSet<_> = prints.iter().collect();
    assert_eq!((prints.len(), different.len()), (5, 5));
}

#[tokio::test]
async fn prices_are_known_at_the_provider_itself_only() {
    let own = AnthropicConfig::new(ApiKey::new("k").unwrap(), "claude-sonnet-4-5-20250929");
    assert_eq!(anthropic(own.clone()).prices(), Some(&prices()));
    let mut proxy = own.clone();
    proxy.base_url = "https://proxy.example.com".to_owned();
    assert_eq!(anthropic(proxy).prices(), None);
    let mut unknown = own;
    unknown.model = "claude-next".to_owned();
    assert_eq!(anthropic(unknown).prices(), None);
    let own = OpenAiConfig::new(ApiKey::new("k").unwrap(), "gpt-4o-mini");
    assert!(openai(own).prices().is_some());
}

#[tokio::test]
async fn settings_that_are_none_are_refused() {
    let fake = Fake::start([]).await;
    type Change = fn(&mut Settings);
    let changes: [Change; 8] = [
        |settings| settings.max_output = 0,
        |settings| settings.max_output = 200_000,
        |settings| settings.parallel = 0,
        |settings| settings.calls_per_reply = 0,
        |settings| settings.result_shown = 10,
        |settings| settings.results_kept = 1 << 30,
        |settings| settings.retry.times = 11,
        |settings| settings.tool_time = std::time::Duration::ZERO,
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut settings = settings();
        change(&mut settings);
        let error = Driver::new(fake.anthropic(), settings).err().unwrap();
        assert_eq!(error.code, Code::Config, "{at}");
    }
    for model in ["", "a b", "a\nb"] {
        let mut config = fake.anthropic_config();
        config.model = model.to_owned();
        let egress = fact_egress::Egress::new(fact_driver::egress_config()).unwrap();
        let error = fact_driver::Anthropic::new(config, egress).unwrap_err();
        assert_eq!(error.code, Code::Config, "{model}");
    }
}

#[tokio::test]
async fn there_are_never_more_than_four_marks() {
    let again = TWO_TOOLS.replace("toolu_0", "toolu_1");
    let fake = Fake::start([Say::events(TWO_TOOLS), Say::events(again), Say::events(TEXT)]).await;
    let history = [
        Said::User("word".repeat(2000)),
        Said::Assistant("Yes.".to_owned()),
    ];
    let question = Question {
        history: &history,
        ..Question::new("And Q1?")
    };
    let driver = Driver::new(fake.anthropic(), settings()).unwrap();
    driver.ask(question, &long_tool(1100), &Unwatched).await.unwrap();
    let bodies = fake.bodies();
    let all = |messages: [&'static str; 2]| [["/tools/1", "/system/0"], messages].concat();
    assert_eq!(
        marks(&bodies[0]),
        all(["/messages/0/content/0", "/messages/2/content/0"])
    );
    assert_eq!(
        marks(&bodies[1]),
        all(["/messages/2/content/0", "/messages/4/content/1"])
    );
    assert_eq!(
        marks(&bodies[2]),
        all(["/messages/4/content/1", "/messages/6/content/1"])
    );
}

#[tokio::test]
async fn the_last_round_forbids_tools_and_marks_no_messages() {
    let again = |n: u32| Say::events(TWO_TOOLS.replace("toolu_0", &format!("toolu_{n}")));
    let fake = Fake::start([again(1), again(2), Say::events(TEXT)]).await;
    let budget = Budget {
        model_calls: 3,
        ..Budget::default()
    };
    let turn = ask_with(fake.anthropic(), settings(), budget, &long_tool(1100))
        .await
        .unwrap();
    assert_eq!(
        (turn.stop, turn.model_calls, turn.left.model_calls),
        (Stop::EndTurn, 3, 0)
    );
    let body = &fake.bodies()[2];
    assert_eq!(body["tool_choice"], json!({ "type": "none" }));
    assert_eq!(body["tools"].as_array().unwrap().len(), 2);
    assert_eq!(marks(body), ["/tools/1", "/system/0"]);
    let last = body["messages"][4]["content"].as_array().unwrap();
    let kinds: Vec<_> = last.iter().map(|part| part["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tool_result", "tool_result", "text"]);
}

/// An event stream of one reply: its blocks as they begin, and its end.
fn reply(blocks: &[Value], end: Value) -> Say {
    let mut events = vec![json!({ "type": "message_start", "message": {
        "content": [], "usage": { "input_tokens": 10, "output_tokens": 1 },
    }})];
    for (index, block) in blocks.iter().enumerate() {
        events.push(json!({ "type": "content_block_start", "index": index, "content_block": block }));
        events.push(json!({ "type": "content_block_stop", "index": index }));
    }
    events.push(json!({ "type": "message_delta", "delta": end, "usage": { "output_tokens": 5 } }));
    events.push(json!({ "type": "message_stop" }));
    let text: String = events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
        .collect();
    Say::events(text)
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

#[tokio::test]
async fn every_reason_to_stop() {
    let calls = json!({ "type": "tool_use", "id": "t", "name": "sql_query", "input": { "quarter": "Q1" } });
    for (blocks, end, stop, warnings) in [
        (
            vec![text("Yes.")],
            json!({ "stop_reason": "end_turn" }),
            Stop::EndTurn,
            vec![],
        ),
        (
            vec![text("Yes.")],
            json!({ "stop_reason": "stop_sequence" }),
            Stop::EndTurn,
            vec![],
        ),
        (
            vec![text("Yes.")],
            json!({ "stop_reason": "an_invention" }),
            Stop::EndTurn,
            vec![],
        ),
        (
            vec![],
            json!({ "stop_reason": "end_turn" }),
            Stop::EndTurn,
            vec!["without an answer"],
        ),
        (
            vec![text("Ye")],
            json!({ "stop_reason": "max_tokens" }),
            Stop::MaxTokens,
            vec!["is cut"],
        ),
        (
            vec![text("Ye"), calls],
            json!({ "stop_reason": "max_tokens" }),
            Stop::MaxTokens,
            vec!["is cut", "were not called"],
        ),
        (
            vec![text("Ye")],
            json!({ "stop_reason": "model_context_window_exceeded" }),
            Stop::ContextWindow,
            vec!["is cut"],
        ),
        (
            vec![],
            json!({ "stop_reason": "refusal", "stop_details": { "category": "bio", "explanation": "Not\nthis." } }),
            Stop::Refusal,
            vec!["The provider says: Not this.", "declined"],
        ),
    ] {
        let fake = Fake::start([reply(&blocks, end.clone())]).await;
        let tools = FakeTools::sql();
        let turn = ask(fake.anthropic(), &tools).await.unwrap();
        assert_eq!(turn.stop, stop, "{end}");
        assert_eq!(turn.warnings.len(), warnings.len(), "{end} {:?}", turn.warnings);
        for (had, wanted) in turn.warnings.iter().zip(warnings) {
            assert!(had.contains(wanted), "{had}");
        }
        assert_eq!((tools.count(), fake.seen().len()), (0, 1), "{end}");
        assert_eq!(turn.is_answer(), stop == Stop::EndTurn && !blocks.is_empty());
    }
}

#[tokio::test]
async fn a_paused_turn_is_sent_back_and_goes_on() {
    let server_tool =
        json!({ "type": "server_tool_use", "id": "s", "name": "web_search", "input": { "q": "x" } });
    let fake = Fake::start([
        reply(
            &[text("First, "), server_tool.clone()],
            json!({ "stop_reason": "pause_turn" }),
        ),
        reply(&[text("then.")], json!({ "stop_reason": "end_turn" })),
    ])
    .await;
    let turn = ask(fake.anthropic(), &FakeTools::sql()).await.unwrap();
    assert_eq!((turn.text.as_str(), turn.model_calls), ("First, then.", 2));
    let messages = fake.bodies()[1]["messages"].clone();
    assert_eq!(messages.as_array().unwrap().len(), 2);
    assert_eq!(
        messages[1],
        json!({ "role": "assistant", "content": [text("First, "), server_tool] })
    );
}

#[tokio::test]
async fn a_turn_that_is_paused_for_ever_ends_with_the_budget() {
    let pause = || reply(&[text("And ")], json!({ "stop_reason": "pause_turn" }));
    let fake = Fake::start((0..9).map(|_| pause())).await;
    let turn = ask(fake.anthropic(), &FakeTools::sql()).await.unwrap();
    assert_eq!(
        (turn.stop, turn.model_calls),
        (Stop::Budget(Limit::ModelCalls), 7)
    );
    assert_eq!(turn.text, "And ".repeat(7));
    assert_eq!(fake.seen().len(), 7);
}

#[tokio::test]
async fn nothing_after_the_end_of_a_reply_matters() {
    let fake = Fake::start([Say::events(format!("{TEXT}data: nonsense\n\n")).end(End::Hang)]).await;
    let turn = ask(fake.anthropic(), &FakeTools::sql()).await.unwrap();
    assert!(turn.is_answer());
    // And nobody waits for it.
    fake.closed().await;
}

#[tokio::test]
async fn a_plain_json_reply_is_taken_too() {
    let whole = |content: Value, stop: &str| {
        Say::json(
            200,
            json!({
                "id": "msg", "type": "message", "role": "assistant", "content": content, "stop_reason": stop,
                "usage": { "input_tokens": 20, "output_tokens": 5 },
            }),
        )
    };
    let fake = Fake::start([
        whole(
            json!([text(" \n"), { "type": "tool_use", "id": "t", "name": "sql_query", "input": { "quarter": "Q1" } }]),
            "tool_use",
        ),
        whole(json!([text("68.5 bn.")]), "end_turn"),
    ])
    .await;
    let tools = FakeTools::sql();
    let turn = ask(fake.anthropic(), &tools).await.unwrap();
    assert_eq!((turn.text.as_str(), turn.usage.total()), ("68.5 bn.", 50));
    assert_eq!(
        *tools.calls.lock().unwrap(),
        [("sql_query".to_owned(), json!({ "quarter": "Q1" }))]
    );
    // The API would refuse the blank text, though it came from there.
    let echoed = fake.bodies()[1]["messages"][1]["content"].clone();
    assert_eq!(echoed.as_array().unwrap().len(), 1);
    assert_eq!(echoed[0]["type"], "tool_use");
}

/// A call whose arguments come in one piece.
fn call(id: &str, name: &str, arguments: &str) -> [Value; 2] {
    [
        json!({ "type": "tool_use", "id": id, "name": name, "input": {} }),
        json!({ "type": "input_json_delta", "partial_json": arguments }),
    ]
}

fn calls(list: &[[Value; 2]]) -> Say {
    let mut text = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n".to_owned();
    for (index, [block, delta]) in list.iter().enumerate() {
        let start = json!({ "type": "content_block_start", "index": index, "content_block": block });
        let delta = json!({ "type": "content_block_delta", "index": index, "delta": delta });
        text.push_str(&format!("data: {start}\n\ndata: {delta}\n\n"));
    }
    text.push_str("data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":9}}\n\n");
    text.push_str("data: {\"type\":\"message_stop\"}\n\n");
    Say::events(text)
}

#[tokio::test]
async fn bad_calls_go_back_to_the_model_as_errors() {
    let fake = Fake::start([
        calls(&[
            call("a", "sql_query", "{\"quarter\": \"Q1"),
            call("b", "sql_query", "[1]"),
            call("c", "no such tool!", "{}"),
            call("d", "sql_query", ""),
            call("d", "sql_query", "{\"quarter\":\"Q2\"}"),
        ]),
        Say::events(TEXT),
    ])
    .await;
    let tools = FakeTools::new(vec![tool("sql_query", "")], |_, arguments| {
        match arguments.get("quarter") {
            Some(_) => ToolAnswer::ok(json!(7)),
            None => ToolAnswer::failed(Code::InvalidInput, "`quarter` is missing."),
        }
    });
    let turn = ask(fake.anthropic(), &tools).await.unwrap();
    assert!(turn.is_answer());
    // Only the last two reached the tool.
    assert_eq!(tools.count(), 2);

    let messages = fake.bodies()[1]["messages"].clone();
    let echoed: Vec<_> = messages[1]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| {
            (
                block["id"].as_str().unwrap(),
                block["name"].as_str().unwrap(),
                block["input"].to_string(),
            )
        })
        .collect();
    let none = || "{}".to_owned();
    assert_eq!(
        echoed,
        [
            ("a", "sql_query", none()),
            ("b", "sql_query", none()),
            ("c", "no_such_tool", none()),
            ("d", "sql_query", none()),
            ("call_5", "sql_query", "{\"quarter\":\"Q2\"}".to_owned()),
        ]
    );
    let results: Vec<_> = messages[2]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| {
            let content: Value = serde_json::from_str(block["content"].as_str().unwrap()).unwrap();
            (
                block["tool_use_id"].as_str().unwrap(),
                block["is_error"].as_bool().unwrap(),
                content,
            )
        })
        .collect();
    assert_eq!(
        results[0].2["error"],
        "The arguments are no JSON object: {\"quarter\": \"Q1"
    );
    assert_eq!(results[1].2["error"], "The arguments are no JSON object: [1]");
    assert_eq!(results[2].2["code"], "not-found");
    assert_eq!(
        results[2].2["error"],
        "There is no tool `no such tool!`. The tools are: sql_query."
    );
    assert_eq!(
        results[3].2,
        json!({ "ok": false, "code": "invalid-input", "untrusted_data": "`quarter` is missing." })
    );
    assert_eq!(results[4].2, json!({ "ok": true, "untrusted_data": 7 }));
    let flags: Vec<_> = results.iter().map(|(id, is_error, _)| (*id, *is_error)).collect();
    assert_eq!(
        flags,
        [
            ("a", true),
            ("b", true),
            ("c", true),
            ("d", true),
            ("call_5", false)
        ]
    );

    let errors: Vec<_> = turn.tools.iter().map(|used| used.error).collect();
    let invalid = Some(Code::InvalidInput);
    assert_eq!(errors, [invalid, invalid, Some(Code::NotFound), invalid, None]);
    assert_eq!(turn.tools[1].arguments, json!("[1]"));
}
