//! Providers: who runs the model, and how it is asked.

mod anthropic;
mod endpoint;
mod exchange;
mod fault;
mod models;
mod openai;
mod sse;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::message::{Message, Part, json_bytes};
use crate::money::Prices;
use crate::tools::ToolInfo;
use crate::usage::Usage;

pub use anthropic::{Anthropic, AnthropicConfig};
pub use endpoint::egress_config;
pub use fault::{CallError, Fault};
pub use openai::{OpenAi, OpenAiConfig};

/// Receives the model's text as it comes.
pub type OnText<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// A model at a provider.
pub trait Provider: Send + Sync {
    /// The provider's name: `anthropic`, `openai`.
    fn name(&self) -> &'static str;

    /// The model's name, as the provider has it.
    fn model(&self) -> &str;

    /// What the model costs, where that is known.
    fn prices(&self) -> Option<&Prices>;

    /// Asks once, without retries. Dropping the future closes the connection.
    fn complete<'a>(
        &'a self,
        request: &'a Request<'a>,
        on_text: OnText<'a>,
    ) -> BoxFuture<'a, Result<Reply, CallError>>;
}

/// What a model is asked.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// What holds for the whole conversation.
    pub system: &'a str,
    /// The tools that the model knows of.
    pub tools: &'a [ToolInfo],
    /// How many of the tools, from the first, stay the same in every request.
    pub stable_tools: usize,
    /// Whether the model may call any of them now.
    pub may_call: bool,
    /// The conversation; the last message is a [`Message::User`].
    pub messages: &'a [Message],
    /// Most tokens of the reply.
    pub max_output: u32,
    /// When to give up.
    pub deadline: Instant,
}

impl Request<'_> {
    /// About how many bytes the request has, without its frame.
    pub(crate) fn bytes(&self) -> usize {
        let messages: usize = self.messages.iter().map(Message::bytes).sum();
        tools_bytes(self.tools) + self.system.len() + messages
    }
}

/// About how many bytes of a request a tool takes.
pub(crate) fn tools_bytes(tools: &[ToolInfo]) -> usize {
    tools
        .iter()
        .map(|tool| {
            let title = tool.title.as_ref().map_or(0, String::len);
            tool.name.len() + title + tool.description.len() + json_bytes(&tool.input_schema)
        })
        .sum()
}

/// How the model ended its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// It had said what it wanted to say.
    EndTurn,
    /// It waits for tools. Some servers say [`EndTurn`](StopReason::EndTurn) there: the calls tell.
    ToolUse,
    /// The reply reached [`Request::max_output`].
    MaxTokens,
    /// The provider paused a long turn: sending it back continues it.
    PauseTurn,
    /// The model, or its provider's filter, declines.
    Refusal,
    /// The conversation fills all that the model can read.
    ContextWindow,
    /// Something that this host does not know.
    Other,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What it said, in order.
    pub parts: Vec<Part>,
    /// How it ended.
    pub stop: StopReason,
    /// What it used; `None` where the provider did not say.
    pub usage: Option<Usage>,
    /// Something that whoever asked should know, such as why the model declined. From the provider, on one line.
    pub note: Option<String>,
}

/// What a tool is described as: its title says in a word what the description may say in many.
fn described(tool: &ToolInfo) -> String {
    match tool.title.as_deref() {
        Some(title) if !title.is_empty() && !tool.description.starts_with(title) => {
            format!("{title}. {}", tool.description)
        }
        _ => tool.description.clone(),
    }
}
