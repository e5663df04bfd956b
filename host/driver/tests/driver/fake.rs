//! A provider on loopback that says what a test tells it to say, and remembers what it was asked.

use fact_driver::{
    Anthropic, AnthropicConfig, ApiKey, Budget, Driver, Failure, OpenAi, OpenAiConfig, Prices, Provider,
    Question, Retry, Settings, Tools, Turn, Unwatched, egress_config,
};
use fact_egress::Egress;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// The key of every test. It must appear in no text that the driver gives away.
pub(crate) const KEY: &str = "sk-test-7f3a9c-do-not-show";

pub(crate) const TWO_TOOLS: &str = include_str!("exchanges/anthropic_two_tools.sse");
pub(crate) const TEXT: &str = include_str!("exchanges/anthropic_text.sse");
pub(crate) const OPENAI_TWO_TOOLS: &str = include_str!("exchanges/openai_two_tools.sse");
pub(crate) const OPENAI_TEXT: &str = include_str!("exchanges/openai_text.sse");

/// What happens after the pieces of an answer were sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    /// The body ends as it should.
    Whole,
    /// The connection is closed in the middle of the body.
    Cut,
    /// Nothing more comes, until the other side closes.
    Hang,
}

/// An answer of the fake.
#[derive(Debug, Clone)]
pub(crate) struct Say {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    end: End,
}

impl Say {
    pub(crate) fn events(body: impl Into<String>) -> Self {
        Say {
            status: 200,
            headers: vec![("content-type", "text/event-stream".to_owned())],
            body: body.into(),
            end: End::Whole,
        }
    }

    pub(crate) fn json(status: u16, body: impl ToString) -> Self {
        Say {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
            end: End::Whole,
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn end(self, end: End) -> Self {
        Say { end, ..self }
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    head: String,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (had, value) = line.split_once(": ")?;
            had.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

struct Shared {
    script: Mutex<VecDeque<Say>>,
    seen: Mutex<Vec<Seen>>,
    /// The other side closed a connection that hung.
    closed: Notify,
    /// All pieces of an answer are sent.
    said: Notify,
}

/// The fake. It stops with the test.
pub(crate) struct Fake {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

impl Fake {
    /// A provider that gives these answers, one a request. What is asked beyond them is answered with a refusal that no
    /// test expects.
    pub(crate) async fn start(script: impl IntoIterator<Item = Say>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            script: Mutex::new(script.into_iter().collect()),
            seen: Mutex::default(),
            closed: Notify::new(),
            said: Notify::new(),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Fake { port, shared }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The bodies of the requests.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.seen().into_iter().map(|seen| seen.body).collect()
    }

    /// Until the other side closes a connection that hangs.
    pub(crate) async fn closed(&self) {
        self.shared.closed.notified().await;
    }

    /// Until an answer is sent as far as it goes.
    pub(crate) async fn said(&self) {
        self.shared.said.notified().await;
    }

    pub(crate) fn anthropic_config(&self) -> AnthropicConfig {
        AnthropicConfig {
            base_url: format!("http://127.0.0.1:{}", self.port),
            ..AnthropicConfig::new(ApiKey::new(KEY).unwrap(), "claude-sonnet-4-5")
        }
    }

    pub(crate) fn anthropic(&self) -> Arc<dyn Provider> {
        anthropic(self.anthropic_config())
    }

    pub(crate) fn openai_config(&self) -> OpenAiConfig {
        OpenAiConfig {
            key: Some(ApiKey::new(KEY).unwrap()),
            ..OpenAiConfig::local(format!("http://127.0.0.1:{}/v1", self.port), "gpt-4o-mini")
        }
    }

    pub(crate) fn openai(&self) -> Arc<dyn Provider> {
        openai(self.openai_config())
    }
}

pub(crate) fn anthropic(config: AnthropicConfig) -> Arc<dyn Provider> {
    Arc::new(Anthropic::new(config, Egress::new(egress_config()).unwrap()).unwrap())
}

pub(crate) fn openai(config: OpenAiConfig) -> Arc<dyn Provider> {
    Arc::new(OpenAi::new(config, Egress::new(egress_config()).unwrap()).unwrap())
}

/// Three dollars for a million tokens in, fifteen out, and Anthropic's ratios for the cache.
pub(crate) fn prices() -> Prices {
    serde_json::from_str(r#"{"input":3,"output":15,"cache_read":0.3,"cache_write":3.75}"#).unwrap()
}

/// Settings whose waits are short.
pub(crate) fn settings() -> Settings {
    Settings {
        retry: Retry {
            base: Duration::from_millis(2),
            ..Retry::default()
        },
        ..Settings::default()
    }
}

pub(crate) async fn ask(provider: Arc<dyn Provider>, tools: &dyn Tools) -> Result<Turn, Failure> {
    ask_with(provider, settings(), Budget::default(), tools).await
}

pub(crate) async fn ask_with(
    provider: Arc<dyn Provider>,
    settings: Settings,
    budget: Budget,
    tools: &dyn Tools,
) -> Result<Turn, Failure> {
    let question = Question {
        budget,
        ..Question::new("What was the revenue in Q1 and in Q2?")
    };
    let driver = Driver::new(provider, settings).unwrap();
    let answer = driver.ask(question, tools, &Unwatched).await;
    let shown = format!(
        "{answer:?} {driver_provider}",
        driver_provider = driver.provider().model()
    );
    assert!(!shown.contains(KEY), "{shown}");
    answer
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut seen = Seen {
        line: head.lines().next().unwrap().to_owned(),
        head,
        body: Value::Null,
    };
    let length = seen.header("content-length").unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    seen.body = serde_json::from_slice(&body).unwrap();
    shared.seen.lock().unwrap().push(seen);
    let say = shared.script.lock().unwrap().pop_front();
    let say = say.unwrap_or_else(|| Say::json(418, "the test expects no further request"));

    let mut answer = format!("HTTP/1.1 {} X\r\ntransfer-encoding: chunked\r\n", say.status);
    for (name, value) in &say.headers {
        answer.push_str(&format!("{name}: {value}\r\n"));
    }
    answer.push_str("\r\n");
    // Pieces that end in the middle of lines and of characters.
    let mut answer = answer.into_bytes();
    for piece in say.body.as_bytes().chunks(97) {
        answer.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        answer.extend_from_slice(piece);
        answer.extend_from_slice(b"\r\n");
    }
    if say.end == End::Whole {
        answer.extend_from_slice(b"0\r\n\r\n");
    }
    let _ = stream.write_all(&answer).await;
    shared.said.notify_one();
    match say.end {
        End::Cut => {}
        End::Whole => {
            let _ = stream.shutdown().await;
        }
        End::Hang => {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            shared.closed.notify_one();
        }
    }
}
