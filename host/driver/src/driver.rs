//! The driver, and what it is asked.

use fact_types::{Code, Digest, Error};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

use crate::budget::Budget;
use crate::catalogue::{Thresholds, found};
use crate::message::{Message, Part, Said, UserPart};
use crate::prompt::SystemPrompt;
use crate::provider::Provider;
use crate::retry::Retry;
use crate::run::Run;
use crate::tools::Tools;
use crate::turn::{Failure, ToolUse, Turn};

/// Longest question in bytes. A page of text has three thousand.
const QUESTION_MAX: usize = 64 << 10;

/// Most earlier messages, and most bytes of them all: half of what the smaller models can read. A conversation is summarised
/// long before.
const HISTORY_MAX: usize = 200;
const HISTORY_BYTES_MAX: usize = 512 << 10;

/// How questions are handled.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What stands before every conversation.
    pub system: SystemPrompt,
    /// Most tokens of one reply; from 1 to 128,000. 4096.
    pub max_output: u32,
    /// When a failed request is repeated.
    pub retry: Retry,
    /// Longest time of one tool call. 30 s, as for any caller.
    pub tool_time: Duration,
    /// Most tool calls at the same time; from 1 to 64. 8.
    pub parallel: usize,
    /// Most tool calls of one reply; those beyond are answered with an error. 32.
    pub calls_per_reply: usize,
    /// From when on the model searches for tools.
    pub thresholds: Thresholds,
    /// Most bytes of a tool's result that the model gets at once, at least 256. 32 KiB: eight to twelve thousand tokens.
    pub result_shown: usize,
    /// Most bytes of larger results that are kept for paging, of one question. 16 MiB.
    pub results_kept: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            system: SystemPrompt::default(),
            max_output: 4096,
            retry: Retry::default(),
            tool_time: Duration::from_secs(30),
            parallel: 8,
            calls_per_reply: 32,
            thresholds: Thresholds::default(),
            result_shown: 32 << 10,
            results_kept: 16 << 20,
        }
    }
}

impl Settings {
    fn check(&self) -> Result<(), Error> {
        for (name, value, least, most) in [
            ("max_output", self.max_output as usize, 1, 128_000),
            ("retry.times", self.retry.times as usize, 0, 10),
            ("parallel", self.parallel, 1, 64),
            ("calls_per_reply", self.calls_per_reply, 1, 1000),
            ("result_shown", self.result_shown, 256, 1 << 20),
            ("results_kept", self.results_kept, 0, 256 << 20),
        ] {
            if !(least..=most).contains(&value) {
                return Err(Error::new(
                    Code::Config,
                    format!("The driver's setting `{name}` is {value}; it must be from {least} to {most}."),
                ));
            }
        }
        let hour = Duration::from_secs(3600);
        if self.tool_time.is_zero() || self.tool_time > hour {
            return Err(Error::new(
                Code::Config,
                "The driver's setting `tool_time` must be above nothing and at most an hour.",
            ));
        }
        Ok(())
    }
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What is asked.
    pub text: &'a str,
    /// What was said before, the oldest first.
    pub history: &'a [Said],
    /// What the answer may cost.
    pub budget: Budget,
}

impl<'a> Question<'a> {
    /// A question without a past and with the default budget.
    pub fn new(text: &'a str) -> Self {
        Question {
            text,
            history: &[],
            budget: Budget::default(),
        }
    }

    /// The conversation as messages.
    fn messages(&self) -> Result<Vec<Message>, Error> {
        let too_long = |message: String| Err(Error::new(Code::InvalidInput, message));
        if self.text.trim().is_empty() {
            return too_long("The question is empty; ask something.".to_owned());
        }
        if self.text.len() > QUESTION_MAX {
            return too_long(format!(
                "The question has {} bytes; it may have {QUESTION_MAX}. Shorten it, or let a tool read the text from a file.",
                self.text.len()
            ));
        }
        let bytes: usize = self.history.iter().map(Said::len).sum();
        if self.history.len() > HISTORY_MAX || bytes > HISTORY_BYTES_MAX {
            return too_long(format!(
                "The conversation is too long: it may have {HISTORY_MAX} messages and {HISTORY_BYTES_MAX} bytes. Start a new one."
            ));
        }
        // Providers refuse messages without text, and a conversation that the model began.
        let said = self
            .history
            .iter()
            .filter(|said| said.has_text())
            .skip_while(|said| matches!(said, Said::Assistant(_)));
        let mut messages: Vec<Message> = said
            .map(|said| match said {
                Said::User(text) => Message::User(vec![UserPart::Text(text.clone())]),
                Said::Assistant(text) => Message::Assistant(vec![Part::Text(text.clone())]),
            })
            .collect();
        messages.push(Message::User(vec![UserPart::Text(self.text.to_owned())]));
        Ok(messages)
    }
}

/// What happens while a question is answered.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// The model says this next. Text before a tool call is no part of the answer.
    Text(&'a str),
    /// A tool is called.
    Calling {
        /// Its name.
        name: &'a str,
    },
    /// A tool has answered, or a call was refused. Whether the result was [cut](ToolUse::cut) is told at the end only.
    Called(&'a ToolUse),
    /// The provider failed for now, and is asked again after a wait.
    Waiting(Duration),
}

/// Who watches. Called from within the driver: it must not block.
pub trait Watch: Send + Sync {
    /// Takes note.
    fn progress(&self, progress: Progress<'_>);
}

impl<F: Fn(Progress<'_>) + Send + Sync> Watch for F {
    fn progress(&self, progress: Progress<'_>) {
        self(progress);
    }
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn progress(&self, _: Progress<'_>) {}
}

/// Answers questions with a model and tools.
#[derive(Clone)]
pub struct Driver {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) settings: Arc<Settings>,
}

impl Driver {
    /// A driver for a model.
    ///
    /// # Errors
    /// With [`Code::Config`] where a setting is out of its range.
    pub fn new(provider: Arc<dyn Provider>, settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        Ok(Driver {
            provider,
            settings: Arc::new(settings),
        })
    }

    /// The model's provider.
    pub fn provider(&self) -> &dyn Provider {
        self.provider.as_ref()
    }

    /// What an answer depends on besides question, conversation and what the tools read: model, system prompt, the tools as
    /// the model sees them, and the settings that shape what it reads and writes. Answers of two drivers, or of one at two
    /// times, may stand for each other only where this is equal.
    pub fn fingerprint(&self, tools: &dyn Tools) -> Digest {
        let tools: Vec<_> = tools.list().iter().map(found).collect();
        let settings = &self.settings;
        let all = json!({
            "provider": self.provider.name(),
            "model": self.provider.model(),
            "system": settings.system.as_str(),
            "tools": tools,
            "max_output": settings.max_output,
            "calls_per_reply": settings.calls_per_reply,
            "thresholds": [settings.thresholds.tools as u64, settings.thresholds.tokens],
            "results": [settings.result_shown, settings.results_kept],
        });
        Digest::of(all.to_string().as_bytes())
    }

    /// Answers a question. Dropping the future ends it: the connection to the provider is closed, and tools that run are
    /// cancelled.
    ///
    /// A budget that is used up is no failure: the turn's [`stop`](Turn::stop) says so.
    ///
    /// # Errors
    /// Where the question or its budget is none, or the provider fails for good.
    pub async fn ask(
        &self,
        question: Question<'_>,
        tools: &dyn Tools,
        watch: &dyn Watch,
    ) -> Result<Turn, Failure> {
        let messages = question.messages()?;
        Run::new(self, tools, watch, messages, question.budget)?
            .finish()
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_that_are_none() {
        let long = "x".repeat(QUESTION_MAX + 1);
        for text in ["", " \n", &long] {
            let error = Question::new(text).messages().unwrap_err();
            assert_eq!(error.code, Code::InvalidInput);
        }
        let history = vec![Said::User("x".repeat(1 << 10)); 201];
        let question = |history| Question {
            history,
            ..Question::new("and for Q4?")
        };
        assert!(question(&history[..200]).messages().is_ok());
        assert!(question(&history).messages().is_err());
        assert!(
            question(&[Said::User("x".repeat(HISTORY_BYTES_MAX + 1))])
                .messages()
                .is_err()
        );
    }

    #[test]
    fn a_conversation_begins_with_the_person() {
        let history = [
            Said::Assistant("Hello.".to_owned()),
            Said::User(" ".to_owned()),
            Said::User("One?".to_owned()),
            Said::Assistant("Two.".to_owned()),
        ];
        let question = Question {
            history: &history,
            ..Question::new("Three?")
        };
        let text = |text: &str| vec![UserPart::Text(text.to_owned())];
        assert_eq!(
            question.messages().unwrap(),
            [
                Message::User(text("One?")),
                Message::Assistant(vec![Part::Text("Two.".to_owned())]),
                Message::User(text("Three?")),
            ]
        );
    }
}
