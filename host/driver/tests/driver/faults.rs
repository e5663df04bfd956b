//! Providers that fail, in every way that was thought of.

use fact_driver::{Driver, Fault, Question, Retry, Stop, Turn, Unwatched};
use fact_types::Code;
use serde_json::{Value, json};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::fake::{
    End, Fake, KEY, OPENAI_TEXT, OPENAI_TWO_TOOLS, Say, TEXT, TWO_TOOLS, anthropic, ask, ask_with, openai,
    prices, settings,
};
use crate::tools::FakeTools;

fn refusal(status: u16) -> Say {
    let error =
        json!({ "type": "error", "error": { "type": "some_error", "message": "Some\u{1b}[2J text." } });
    Say::json(status, error)
}

#[tokio::test]
async fn a_provider_that_recovers_is_asked_again_and_tools_are_not() {
    for status in [429, 500, 502, 503, 504, 529] {
        let fake = Fake::start([
            Say::events(TWO_TOOLS),
            refusal(status),
            refusal(status),
            Say::events(TEXT),
        ])
        .await;
        let tools = FakeTools::sql();
        let turn = ask(fake.anthropic(), &tools).await.unwrap();
        assert!(turn.is_answer());
        assert_eq!(
            (turn.model_calls, turn.retries, tools.count()),
            (2, 2, 2),
            "{status}"
        );
        let bodies = fake.bodies();
        assert_eq!(bodies.len(), 4);
        assert_eq!((&bodies[1], &bodies[2]), (&bodies[2], &bodies[3]), "{status}");
    }
    let fake = Fake::start([
        Say::events(OPENAI_TWO_TOOLS),
        refusal(503),
        Say::events(OPENAI_TEXT),
    ])
    .await;
    let tools = FakeTools::sql();
    let turn = ask(fake.openai(), &tools).await.unwrap();
    assert_eq!((turn.model_calls, turn.retries, tools.count()), (2, 1, 2));
}

#[tokio::test]
async fn what_will_not_get_better_is_not_asked_again() {
    for (status, code, says) in [
        (400, Code::InvalidInput, true),
        (401, Code::Config, false),
        (403, Code::Config, false),
        (402, Code::Unavailable, true),
        (404, Code::Config, true),
        (413, Code::InvalidInput, true),
        (501, Code::Unavailable, true),
        (302, Code::Config, true),
    ] {
        for provider in ["anthropic", "openai"] {
            let fake = Fake::start([refusal(status).header("location", "http://127.0.0.1:1/")]).await;
            let asked = if provider == "openai" {
                fake.openai()
            } else {
                fake.anthropic()
            };
            let failure = ask(asked, &FakeTools::sql()).await.unwrap_err();
            assert_eq!((failure.error.code, fake.seen().len()), (code, 1), "{status}");
            let message = &failure.error.message;
            assert!(message.contains(provider), "{message}");
            assert_eq!(message.contains("It says: Some [2J text."), says, "{message}");
            let turn = failure.turn.unwrap();
            assert_eq!(
                (turn.stop, turn.model_calls, turn.usage.total()),
                (Stop::Failed, 0, 0)
            );
        }
    }
}

#[tokio::test]
async fn credit_that_is_used_up_does_not_come_back_by_waiting() {
    let error = json!({ "error": { "message": "You exceeded your quota.", "code": "insufficient_quota" } });
    let fake = Fake::start([Say::json(429, error)]).await;
    let failure = ask(fake.openai(), &FakeTools::sql()).await.unwrap_err();
    assert_eq!(fake.seen().len(), 1);
    assert!(failure.error.message.contains("wants payment"), "{failure}");
}

#[tokio::test]
async fn addresses_that_are_not_public_need_a_word() {
    let fake = Fake::start([]).await;
    let mut config = fake.openai_config();
    config.base_url = "https://10.1.2.3/v1".to_owned();
    let failure = ask(openai(config), &FakeTools::sql()).await.unwrap_err();
    assert_eq!(failure.error.code, Code::Config);
    assert!(failure.error.message.contains("does not connect to"), "{failure}");
}

#[tokio::test]
async fn a_failure_that_stays_ends_after_four_attempts() {
    let fake = Fake::start((0..9).map(|_| refusal(529))).await;
    let failure = ask(fake.anthropic(), &FakeTools::sql()).await.unwrap_err();
    assert_eq!((failure.error.code, fake.seen().len()), (Code::Unavailable, 4));
    assert_eq!(failure.turn.unwrap().retries, 3);
}

#[tokio::test]
async fn the_time_that_the_provider_asks_for_is_waited() {
    let fake = Fake::start([
        refusal(429).header("retry-after", "1"),
        refusal(429).header("retry-after-ms", "150"),
        Say::events(TEXT),
    ])
    .await;
    let started = Instant::now();
    let turn = ask(fake.anthropic(), &FakeTools::sql()).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(1150));
    assert!(turn.stages.waiting >= Duration::from_millis(1150));
    assert_eq!(turn.retries, 2);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_left_to_the_caller() {
    let fake = Fake::start([refusal(429).header("retry-after", "90")]).await;
    let failure = ask(fake.anthropic(), &FakeTools::sql()).await.unwrap_err();
    assert_eq!(failure.error.code, Code::Unavailable);
    assert_eq!(failure.error.retry_after_ms, Some(90_000));
    assert_eq!(fake.seen().len(), 1);
}

/// The beginning of a stream, up to and without some text.
fn until(stream: &str, text: &str) -> String {
    let at = stream.find(text).unwrap();
    stream[..at].to_owned()
}

#[tokio::test]
async fn a_stream_that_breaks_before_the_first_word_is_asked_for_again() {
    let beginning = until(TEXT, "event: content_block_start");
    for (name, say) in [
        ("cut at once", Say::events("").end(End::Cut)),
        ("cut after the head", Say::events(&beginning).end(End::Cut)),
        ("ended after the head", Say::events(&beginning)),
        (
            "overloaded within the stream",
            Say::events(
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
            ),
        ),
        ("half a JSON", Say::json(200, "{\"content\": [").end(End::Whole)),
    ] {
        let fake = Fake::start([say, Say::events(TEXT)]).await;
        let turn = ask(fake.anthropic(), &FakeTools::sql()).await.unwrap();
        assert_eq!((turn.retries, turn.is_answer()), (1, true), "{name}");
    }
    let beginning = until(OPENAI_TEXT, "Q1 was")
        .rsplit_once("data:")
        .unwrap()
        .0
        .to_owned();
    let fake = Fake::start([Say::events(beginning).end(End::Cut), Say::events(OPENAI_TEXT)]).await;
    let turn = ask(fake.openai(), &FakeTools::sql()).await.unwrap();
    assert_eq!((turn.retries, turn.is_answer()), (1, true));
}

#[tokio::test]
async fn a_stream_that_breaks_after_the_first_word_is_not() {
    let beginning = until(TEXT, "event: a_later_invention");
    for say in [
        Say::events(&beginning).end(End::Cut),
        Say::events(&beginning),
        Say::events(
            beginning.clone()
                + "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
        ),
    ] {
        let fake = Fake::start([say, Say::events(TEXT)]).await;
        let mut config = fake.anthropic_config();
        config.prices = Some(prices());
        let failure = ask(anthropic(config), &FakeTools::sql()).await.unwrap_err();
        assert_eq!((failure.error.code, fake.seen().len()), (Code::Unavailable, 1));
        let turn = failure.turn.unwrap();
        // The budget counts what was heard, though the count of the beginning says one token.
        assert!(turn.left.tokens.unwrap() < 200_000 - turn.usage.total());
        // What had come and what is known to be used is told; what it cost is not known.
        assert_eq!((turn.text.as_str(), turn.stop), ("Q1 was 68.5 bn", Stop::Failed));
        assert_eq!(
            (turn.usage.cache_read, turn.usage_complete, turn.cost),
            (2100, false, None)
        );
    }
    let beginning = until(OPENAI_TEXT, ", Q2")
        .rsplit_once("data:")
        .unwrap()
        .0
        .to_owned();
    let fake = Fake::start([Say::events(beginning), Say::events(OPENAI_TEXT)]).await;
    let failure = ask(fake.openai(), &FakeTools::sql()).await.unwrap_err();
    let turn = failure.turn.unwrap();
    assert_eq!(
        (turn.text.as_str(), turn.usage_complete),
        ("Q1 was 68.5 bn", false)
    );
    // Nothing was counted; the budget has the whole request for it.
    assert!(turn.left.tokens.unwrap() < 200_000 - 300);
}

#[tokio::test]
async fn errors_within_a_stream_mean_what_their_status_would() {
    let anthropic_says =
        |kind: &str| json!({ "type": "error", "error": { "type": kind, "message": "Told." } });
    let openai_says =
        |code: Value, kind: &str| json!({ "error": { "message": "Told.", "code": code, "type": kind } });
    for (event, openai, code, asked) in [
        (anthropic_says("overloaded_error"), false, Code::Unavailable, 4),
        (anthropic_says("rate_limit_error"), false, Code::Unavailable, 4),
        (anthropic_says("api_error"), false, Code::Unavailable, 4),
        (anthropic_says("timeout_error"), false, Code::Unavailable, 4),
        (anthropic_says("authentication_error"), false, Code::Config, 1),
        (anthropic_says("permission_error"), false, Code::Config, 1),
        (anthropic_says("not_found_error"), false, Code::Config, 1),
        (anthropic_says("billing_error"), false, Code::Unavailable, 1),
        (anthropic_says("request_too_large"), false, Code::InvalidInput, 1),
        (
            anthropic_says("invalid_request_error"),
            false,
            Code::InvalidInput,
            1,
        ),
        (openai_says(json!(429), ""), true, Code::Unavailable, 4),
        (openai_says(json!(401), ""), true, Code::Config, 1),
        (
            openai_says(json!("rate_limit_exceeded"), ""),
            true,
            Code::Unavailable,
            4,
        ),
        (
            openai_says(Value::Null, "server_error"),
            true,
            Code::Unavailable,
            4,
        ),
        (
            openai_says(json!("insufficient_quota"), ""),
            true,
            Code::Unavailable,
            1,
        ),
        (openai_says(json!("invalid_api_key"), ""), true, Code::Config, 1),
        (openai_says(json!("model_not_found"), ""), true, Code::Config, 1),
        (
            openai_says(json!("context_length_exceeded"), ""),
            true,
            Code::InvalidInput,
            1,
        ),
    ] {
        // As an event, and as the whole of a reply whose status is a good one.
        for say in [Say::events(format!("data: {event}\n\n")), Say::json(200, &event)] {
            let fake = Fake::start((0..4).map(|_| say.clone())).await;
            let provider = if openai { fake.openai() } else { fake.anthropic() };
            let failure = ask(provider, &FakeTools::sql()).await.unwrap_err();
            assert_eq!((failure.error.code, fake.seen().len()), (code, asked), "{event}");
            // What is said of a key may hold some of it.
            let about_key = failure.error.message.contains("API key");
            assert_eq!(
                failure.error.message.contains("It says: Told."),
                !about_key,
                "{event}"
            );
        }
    }
}

#[tokio::test]
async fn tools_of_a_reply_that_breaks_are_not_run() {
    let beginning = until(TWO_TOOLS, "event: message_delta");
    let fake = Fake::start([Say::events(beginning).end(End::Cut)]).await;
    let tools = FakeTools::sql();
    assert!(ask(fake.anthropic(), &tools).await.is_err());
    assert_eq!(tools.count(), 0);
}

#[tokio::test]
async fn slow_bytes_end_in_time() {
    let short = Duration::from_secs(1);
    // Before the head, since the fake has no script that hangs there, the silence is one within the stream.
    let fake = Fake::start([Say::events(until(TEXT, "event: content_block_delta")).end(End::Hang)]).await;
    let mut config = fake.anthropic_config();
    config.quiet = short;
    let failure = ask(anthropic(config), &FakeTools::sql()).await.unwrap_err();
    assert_eq!((failure.error.code, fake.seen().len()), (Code::Deadline, 1));
    fake.closed().await;

    let fake = Fake::start([Say::events(": a comment\n").end(End::Hang)]).await;
    let mut config = fake.openai_config();
    config.quiet = short;
    let failure = ask(openai(config), &FakeTools::sql()).await.unwrap_err();
    assert_eq!(failure.error.code, Code::Deadline);
    fake.closed().await;
}

#[tokio::test]
async fn what_is_no_reply_is_none() {
    for (body, openai_too) in [
        ("<html>Welcome to the wifi</html>\n\n", true),
        ("data: nonsense\n\n", true),
        (
            "data: {\"type\":\"content_block_delta\",\"index\":7,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n",
            false,
        ),
        ("{\"choices\": [{}]}", true),
        ("{\"content\": 7}", true),
        ("{]", true),
    ] {
        // An object without anything in it is a chunk of the chat completions.
        for openai in [false, true].into_iter().filter(|openai| openai_too || !openai) {
            let fake = Fake::start([Say::json(200, body)]).await;
            let provider = if openai { fake.openai() } else { fake.anthropic() };
            let failure = ask(provider, &FakeTools::sql()).await.unwrap_err();
            assert_eq!(failure.error.code, Code::Unavailable, "{body}");
            assert!(
                failure.error.message.contains("makes no sense"),
                "{body}: {failure}"
            );
            assert_eq!(fake.seen().len(), 1, "{body}");
        }
    }
}

#[tokio::test]
async fn a_reply_of_endless_parts_is_none() {
    let block = |n| {
        let start = json!({ "type": "content_block_start", "index": n, "content_block": { "type": "text" } });
        format!("data: {start}\n\n")
    };
    let call = |n| {
        let call = json!({ "index": n, "id": format!("c{n}"), "function": { "name": "x" } });
        format!(
            "data: {}\n\n",
            json!({ "choices": [{ "delta": { "tool_calls": [call] } }] })
        )
    };
    for (openai, most) in [(false, 1000), (true, 1000)] {
        let stream: String = (0..=most)
            .map(|n| if openai { call(n) } else { block(n) })
            .collect();
        let fake = Fake::start([Say::events(stream).end(End::Hang)]).await;
        let provider = if openai { fake.openai() } else { fake.anthropic() };
        let failure = ask(provider, &FakeTools::sql()).await.unwrap_err();
        assert!(failure.error.message.contains("makes no sense"), "{failure}");
    }
}

#[tokio::test]
async fn of_a_long_refusal_little_is_repeated() {
    for (length, told) in [(1000, 300), (100_000, 0)] {
        let error = json!({ "error": { "message": "y".repeat(length) } });
        let fake = Fake::start([Say::json(400, error)]).await;
        let failure = ask(fake.openai(), &FakeTools::sql()).await.unwrap_err();
        assert_eq!(failure.error.message.matches("yy").count(), told / 2, "{failure}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let fake = Fake::start([]).await;
    let mut config = fake.anthropic_config();
    // Nobody listens on a port that was just given back.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    config.base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failure = ask(anthropic(config), &FakeTools::sql()).await.unwrap_err();
    assert_eq!(failure.error.code, Code::Unavailable);
    assert!(failure.error.message.contains("can't be reached"), "{failure}");
    assert_eq!(failure.turn.unwrap().retries, 3);
}

#[tokio::test]
async fn dropping_the_question_closes_the_connection() {
    for provider in ["anthropic", "openai"] {
        let stream = if provider == "openai" { OPENAI_TEXT } else { TEXT };
        let beginning = until(stream, ", Q2");
        let fake = Fake::start([Say::events(beginning).end(End::Hang)]).await;
        let model = if provider == "openai" {
            fake.openai()
        } else {
            fake.anthropic()
        };
        let driver = Driver::new(model, settings()).unwrap();
        let tools = FakeTools::sql();
        tokio::select! {
            answer = driver.ask(Question::new("Q1?"), &tools, &Unwatched) => panic!("{answer:?}"),
            () = fake.said() => {}
        }
        // The future is gone; the server sees the end of the connection.
        fake.closed().await;
    }
}

#[tokio::test]
async fn dropping_the_question_cancels_its_tools() {
    let fake = Fake::start([Say::events(TWO_TOOLS)]).await;
    let mut tools = FakeTools::sql();
    tools.stuck = true;
    let driver = Driver::new(fake.anthropic(), settings()).unwrap();
    {
        let mut asking = std::pin::pin!(driver.ask(Question::new("Q1?"), &tools, &Unwatched));
        while tools.count() < 2 {
            let wait = Duration::from_millis(5);
            assert!(tokio::time::timeout(wait, asking.as_mut()).await.is_err());
        }
        assert_eq!(tools.dropped.load(Ordering::SeqCst), 0);
    }
    assert_eq!(tools.dropped.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_question_can_be_asked_from_any_thread() {
    let fake = Fake::start([Say::events(TWO_TOOLS), Say::events(TEXT)]).await;
    let provider = fake.anthropic();
    let asking = tokio::spawn(async move { ask(provider, &FakeTools::sql()).await });
    assert!(asking.await.unwrap().unwrap().is_answer());
}

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_key_is_nowhere() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let repeats = |status| {
        let message = format!("Incorrect API key provided: {KEY}.");
        Say::json(status, json!({ "error": { "message": message, "type": "x" } }))
    };
    for status in [400, 401, 404, 429, 500] {
        for openai in [false, true] {
            let fake = Fake::start((0..4).map(|_| repeats(status))).await;
            let model = if openai { fake.openai() } else { fake.anthropic() };
            let failure = ask(model, &FakeTools::sql()).await.unwrap_err();
            let json = serde_json::to_string(&failure.error).unwrap();
            assert!(!json.contains(KEY), "{json}");
            assert_eq!(json.contains("provided: [key]"), status != 401, "{json}");
        }
    }
    let fake = Fake::start([]).await;
    for config in [
        format!("{:?}", fake.anthropic_config()),
        format!("{:?}", fake.openai_config()),
    ] {
        assert!(
            config.contains("ApiKey([key])") && !config.contains(KEY),
            "{config}"
        );
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("a model provider refused a request"), "{log}");
    assert!(!log.contains(KEY));
}

#[test]
fn what_may_be_repeated_says_so() {
    for (fault, repeated) in [
        (Fault::RateLimited, true),
        (Fault::Connection, true),
        (Fault::Timeout, false),
        (Fault::Malformed, false),
        (Fault::Denied, false),
    ] {
        assert_eq!(
            fact_driver::CallError::from(fault).may_retry(),
            repeated,
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_wait_longer_than_the_question_is_not_begun() {
    let fake = Fake::start([refusal(503), Say::events(TEXT)]).await;
    let mut settings = settings();
    settings.retry = Retry {
        times: 3,
        base: Duration::from_secs(20),
        longest: Duration::from_secs(30),
    };
    let budget = fact_driver::Budget {
        time: Duration::from_secs(5),
        ..Default::default()
    };
    let failure = ask_with(fake.anthropic(), settings, budget, &FakeTools::sql())
        .await
        .unwrap_err();
    assert_eq!(failure.error.code, Code::Unavailable);
    let turn: Turn = *failure.turn.unwrap();
    assert_eq!((turn.retries, turn.stages.waiting), (0, Duration::ZERO));
    assert_eq!(serde_json::to_value(&turn).unwrap()["cost"], Value::Null);
}
