//! The model loop: a question goes to a model that may call tools, and comes back as an answer that says what it rests on.
//!
//! # The order of things
//!
//! 1. **Bounds**: question, conversation and budget are checked before anything is sent.
//! 2. **Catalogue**: the model sees every tool, or above a [threshold](Thresholds) a search over them.
//! 3. **Rounds**, at most seven: the model is asked; where it fails before its first word, again after a wait. The tools it
//!    wants run at the same time. It gets all results in one message. In the last round no tool can be called.
//! 4. **Report**: a [`Turn`] has the text, the tools with what they read, tokens, cost, times, and what is left of the budget.
//!
//! What a tool returns is data for the model, marked as untrusted; arguments that are no JSON, tools that do not exist and
//! calls that fail go back to the model as errors. A repeated request never runs a tool again.
//!
//! # Who is asked
//!
//! A [`Provider`] knows one API: [`Anthropic`] and [`OpenAi`], which many local servers speak too. They reach the network
//! through [`fact_egress`] alone, and their keys have no text form. What a model costs is known from a table or from the
//! configuration; otherwise the cost is unknown, not zero.
//!
//! ```no_run
//! # async fn example(tools: &dyn fact_driver::Tools) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use fact_driver::{Driver, OpenAi, OpenAiConfig, Question, Settings, Unwatched, egress_config};
//! use fact_egress::Egress;
//!
//! let config = OpenAiConfig::local("http://127.0.0.1:11434/v1", "qwen3");
//! let model = OpenAi::new(config, Egress::new(egress_config())?)?;
//! let driver = Driver::new(Arc::new(model), Settings::default())?;
//! let turn = driver.ask(Question::new("Which file is the largest?"), tools, &Unwatched).await?;
//! println!("{} ({} tools)", turn.text, turn.tools.len());
//! # Ok(())
//! # }
//! ```

mod budget;
mod calls;
mod catalogue;
mod driver;
mod key;
mod message;
mod money;
mod prompt;
mod provider;
mod results;
mod retry;
mod run;
mod tools;
mod turn;
mod usage;

pub use budget::{Budget, Left, Limit, MODEL_CALLS_MAX};
pub use catalogue::Thresholds;
pub use driver::{Driver, Progress, Question, Settings, Unwatched, Watch};
pub use key::ApiKey;
pub use message::{Message, Part, Said, ToolRequest, ToolResult, UserPart};
pub use money::{Money, NoAmount, Prices, Rate};
pub use prompt::SystemPrompt;
pub use provider::{
    Anthropic, AnthropicConfig, CallError, Fault, OnText, OpenAi, OpenAiConfig, Provider, Reply, Request,
    StopReason, egress_config,
};
pub use retry::Retry;
pub use tools::{ToolAnswer, ToolInfo, Tools};
pub use turn::{Failure, Stages, Stop, ToolUse, Turn};
pub use usage::Usage;
