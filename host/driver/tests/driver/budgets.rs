//! What a question may cost is what it costs at most.

use fact_driver::{Budget, Limit, Money, Stop, ToolAnswer};
use fact_types::Code;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::fake::{
    End, Fake, OPENAI_TWO_TOOLS, Say, TEXT, TWO_TOOLS, anthropic, ask, ask_with, prices, settings,
};
use crate::tools::{FakeTools, tool};

/// Replies that always want tools, with ids of their own.
fn endless(stream: &str, id: &str) -> Vec<Say> {
    let rounds = 0..20;
    rounds
        .map(|round| Say::events(stream.replace(id, &format!("{id}{round}_"))))
        .collect()
}

#[tokio::test]
async fn core_driver_a_loop_without_end_ends_after_seven_model_calls_with_text() {
    // A model that obeys, and is told that it must answer.
    let mut script = endless(TWO_TOOLS, "toolu_0");
    script[6] = Say::events(TEXT);
    let fake = Fake::start(script).await;
    let tools = FakeTools::sql();
    let turn = ask(fake.anthropic(), &tools).await.unwrap();
    assert_eq!(
        (turn.model_calls, turn.stop, turn.is_answer()),
        (7, Stop::EndTurn, true)
    );
    assert_eq!((tools.count(), fake.seen().len()), (12, 7));
    let bodies = fake.bodies();
    let choices: Vec<&str> = bodies
        .iter()
        .map(|body| body["tool_choice"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(choices, ["auto", "auto", "auto", "auto", "auto", "auto", "none"]);
    let told = |body: &Value| body.to_string().contains("No more tools can be called");
    assert_eq!(bodies.iter().filter(|body| told(body)).count(), 1);

    // One that does not.
    let fake = Fake::start(endless(TWO_TOOLS, "toolu_0")).await;
    let tools = FakeTools::sql();
    let turn = ask(fake.anthropic(), &tools).await.unwrap();
    assert_eq!((turn.model_calls, turn.text.as_str()), (7, "I'll look up both."));
    assert_eq!((tools.count(), fake.seen().len()), (12, 7));
    assert!(turn.warnings[0].contains("were not called"));

    // And one that has no text at all.
    let fake = Fake::start(endless(OPENAI_TWO_TOOLS, "call_")).await;
    let tools = FakeTools::sql();
    let turn = ask(fake.openai(), &tools).await.unwrap();
    assert_eq!(
        (turn.model_calls, turn.stop),
        (7, Stop::Budget(Limit::ModelCalls))
    );
    assert_eq!((tools.count(), turn.is_answer()), (12, false));
    let last = &fake.bodies()[6];
    assert!(last.get("tools").is_none() && last.get("tool_choice").is_none());
    let messages = last["messages"].as_array().unwrap();
    assert_eq!(messages.last().unwrap()["role"], "user");
}

#[tokio::test]
async fn tokens_end_between_rounds() {
    let fake = Fake::start([Say::events(TWO_TOOLS), Say::events(TEXT)]).await;
    // The first round uses 2252; what is left pays for no second one.
    let budget = Budget {
        tokens: Some(3000),
        ..Budget::default()
    };
    let tools = FakeTools::sql();
    let turn = ask_with(fake.anthropic(), settings(), budget, &tools)
        .await
        .unwrap();
    assert_eq!(turn.stop, Stop::Budget(Limit::Tokens));
    assert_eq!((turn.model_calls, tools.count(), fake.seen().len()), (1, 2, 1));
    assert_eq!(turn.left.tokens, Some(748));
    assert_eq!(turn.warnings, ["The question's budget of tokens is used up."]);
    assert!(!turn.is_answer());
}

#[tokio::test]
async fn tokens_bound_the_reply() {
    let fake = Fake::start([Say::events(TEXT)]).await;
    let budget = Budget {
        tokens: Some(2000),
        ..Budget::default()
    };
    ask_with(fake.anthropic(), settings(), budget, &FakeTools::sql())
        .await
        .unwrap();
    let asked = fake.bodies()[0]["max_tokens"].as_u64().unwrap();
    assert!((256..2000).contains(&asked), "{asked}");

    // And nothing is sent where not even the question fits.
    let fake = Fake::start([Say::events(TEXT)]).await;
    let budget = Budget {
        tokens: Some(300),
        ..Budget::default()
    };
    let turn = ask_with(fake.anthropic(), settings(), budget, &FakeTools::sql())
        .await
        .unwrap();
    assert_eq!(
        (turn.stop, turn.model_calls, fake.seen().len()),
        (Stop::Budget(Limit::Tokens), 0, 0)
    );
}

#[tokio::test]
async fn money_ends_between_rounds() {
    let fake = Fake::start([Say::events(TWO_TOOLS), Say::events(TEXT)]).await;
    let mut config = fake.anthropic_config();
    config.prices = Some(prices());
    // The first round costs 12 * 3 + 2100 * 3.75 + 140 * 15 = 10,011 millionths.
    let budget = Budget {
        money: Some(Money::from_nanos(14_000_000)),
        ..Budget::default()
    };
    let turn = ask_with(anthropic(config), settings(), budget, &FakeTools::sql())
        .await
        .unwrap();
    assert_eq!((turn.stop, fake.seen().len()), (Stop::Budget(Limit::Money), 1));
    assert_eq!(turn.cost, Some(Money::from_nanos(10_011_000)));
    assert_eq!(turn.left.money, Some(Money::from_nanos(3_989_000)));
}

#[tokio::test]
async fn money_without_prices_is_refused_before_anything_is_sent() {
    let fake = Fake::start([]).await;
    let budget = Budget {
        money: Some(Money::from_nanos(1_000_000_000)),
        ..Budget::default()
    };
    let failure = ask_with(fake.anthropic(), settings(), budget, &FakeTools::sql())
        .await
        .unwrap_err();
    assert_eq!((failure.error.code, fake.seen().len()), (Code::Config, 0));
    assert!(failure.turn.is_none());
}

#[tokio::test]
async fn tool_calls_beyond_the_budget_are_not_made() {
    let fake = Fake::start([Say::events(TWO_TOOLS), Say::events(TEXT)]).await;
    let budget = Budget {
        tool_calls: 1,
        ..Budget::default()
    };
    let tools = FakeTools::sql();
    let turn = ask_with(fake.anthropic(), settings(), budget, &tools)
        .await
        .unwrap();
    assert_eq!(
        (tools.count(), turn.left.tool_calls, turn.is_answer()),
        (1, 0, true)
    );
    assert_eq!(turn.tools[1].error, Some(Code::CallLimit));
    let body = &fake.bodies()[1];
    assert_eq!(body["tool_choice"]["type"], "none");
    assert_eq!(body["messages"][2]["content"][1]["is_error"], true);
}

#[tokio::test]
async fn too_many_calls_at_once_are_not_made() {
    let fake = Fake::start([Say::events(TWO_TOOLS), Say::events(TEXT)]).await;
    let mut settings = settings();
    settings.calls_per_reply = 1;
    let tools = FakeTools::sql();
    let turn = ask_with(fake.anthropic(), settings, Budget::default(), &tools)
        .await
        .unwrap();
    assert_eq!((tools.count(), turn.left.tool_calls), (1, 49));
    // The model may call the other one in the next round.
    assert_eq!(fake.bodies()[1]["tool_choice"]["type"], "auto");
}

#[tokio::test]
async fn so_many_calls_run_at_once_and_no_more() {
    let calls: Vec<Value> = (0..7)
        .map(|n| json!({ "type": "tool_use", "id": format!("t{n}"), "name": "sql_query", "input": { "quarter": n } }))
        .collect();
    let usage = json!({ "input_tokens": 20, "output_tokens": 5 });
    let body = json!({ "content": calls, "stop_reason": "tool_use", "usage": usage });
    let fake = Fake::start([Say::json(200, body), Say::events(TEXT)]).await;
    let mut settings = settings();
    settings.parallel = 3;
    let mut tools = FakeTools::new(vec![tool("sql_query", "")], |_, arguments| {
        ToolAnswer::ok(arguments["quarter"].clone())
    });
    tools.later_first = true;
    ask_with(fake.anthropic(), settings, Budget::default(), &tools)
        .await
        .unwrap();
    assert_eq!(tools.most.load(Ordering::SeqCst), 3);
    // The results stand in the order of the calls, in whichever they came.
    let results = fake.bodies()[1]["messages"][2]["content"].clone();
    for (n, result) in results.as_array().unwrap().iter().enumerate() {
        assert_eq!(result["tool_use_id"], format!("t{n}"));
        assert_eq!(
            result["content"],
            format!("{{\"ok\":true,\"untrusted_data\":{n}}}")
        );
    }
}

#[tokio::test]
async fn a_reply_that_the_budget_cuts_says_so() {
    let body = json!({
        "content": [{ "type": "text", "text": "It wa" }], "stop_reason": "max_tokens",
        "usage": { "input_tokens": 20, "output_tokens": 300 },
    });
    let fake = Fake::start([Say::json(200, body)]).await;
    let budget = Budget {
        tokens: Some(2000),
        ..Budget::default()
    };
    let turn = ask_with(fake.anthropic(), settings(), budget, &FakeTools::sql())
        .await
        .unwrap();
    assert_eq!(turn.stop, Stop::MaxTokens);
    assert!(turn.warnings[0].contains("budget"), "{:?}", turn.warnings);
}

#[tokio::test]
async fn a_server_that_counts_nothing_has_a_budget_all_the_same() {
    let body = |usage: Value| {
        Say::json(
            200,
            json!({ "content": [{ "type": "text", "text": "Yes." }], "stop_reason": "end_turn", "usage": usage }),
        )
    };
    for usage in [
        Value::Null,
        json!({}),
        json!({ "input_tokens": 0, "output_tokens": 0 }),
    ] {
        let fake = Fake::start([body(usage.clone())]).await;
        let mut config = fake.anthropic_config();
        config.prices = Some(prices());
        let turn = ask(anthropic(config), &FakeTools::sql()).await.unwrap();
        assert_eq!((turn.usage_complete, turn.cost), (false, None), "{usage}");
        assert!(turn.left.tokens.unwrap() < 199_800, "{usage}");
    }
}

#[tokio::test]
async fn time_ends_a_model_that_hangs() {
    let at = TEXT.find("event: a_later_invention").unwrap();
    let fake = Fake::start([Say::events(&TEXT[..at]).end(End::Hang)]).await;
    let budget = Budget {
        time: Duration::from_secs(2),
        ..Budget::default()
    };
    let started = Instant::now();
    let turn = ask_with(fake.anthropic(), settings(), budget, &FakeTools::sql())
        .await
        .unwrap();
    assert!(started.elapsed() >= Duration::from_secs(2));
    assert_eq!(
        (turn.stop, turn.text.as_str()),
        (Stop::Budget(Limit::Time), "Q1 was 68.5 bn")
    );
    assert_eq!((turn.left.time, turn.usage_complete), (Duration::ZERO, false));
    fake.closed().await;
}

#[tokio::test]
async fn time_ends_a_tool_that_hangs() {
    let fake = Fake::start([Say::events(TWO_TOOLS), Say::events(TEXT)]).await;
    let mut tools = FakeTools::sql();
    tools.stuck = true;
    let mut settings = settings();
    settings.tool_time = Duration::from_millis(200);
    let turn = ask_with(fake.anthropic(), settings, Budget::default(), &tools)
        .await
        .unwrap();
    // The tool's time is over, not the question's: the model gets to know.
    assert!(turn.is_answer());
    assert_eq!(turn.tools[0].error, Some(Code::Deadline));
    assert_eq!(fake.bodies()[1]["messages"][2]["content"][0]["is_error"], true);

    let fake = Fake::start([Say::events(TWO_TOOLS)]).await;
    let mut tools = FakeTools::sql();
    tools.stuck = true;
    let budget = Budget {
        time: Duration::from_secs(2),
        ..Budget::default()
    };
    let turn = ask_with(fake.anthropic(), crate::fake::settings(), budget, &tools)
        .await
        .unwrap();
    assert_eq!((turn.stop, turn.model_calls), (Stop::Budget(Limit::Time), 1));
}

#[tokio::test]
async fn a_single_model_call_has_no_tools() {
    let fake = Fake::start([Say::events(TEXT)]).await;
    let budget = Budget {
        model_calls: 1,
        ..Budget::default()
    };
    ask_with(fake.anthropic(), settings(), budget, &FakeTools::sql())
        .await
        .unwrap();
    let body = &fake.bodies()[0];
    assert!(body.get("tools").is_none() && body.get("tool_choice").is_none());
}
