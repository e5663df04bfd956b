//! An answer, and all that is known of how it came about.

use std::time::Duration;

use fact_core::KeptAnswer;
use fact_driver::Turn;
use fact_templates::{Filled, Reply, Resolution};
use fact_types::{Access, CacheNote};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ledger::Ledger;

/// Most reads that an answer lists.
const READS_MAX: usize = 200;

/// Most tools that an answer names.
const TOOLS_MAX: usize = 100;

/// An answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answered {
    /// What was asked.
    pub question: String,
    /// The answer.
    pub text: String,
    /// Who answered.
    pub by: By,
    /// Whether it was kept, and is still true.
    #[serde(default)]
    pub cache: CacheNote,
    /// What it rests on, each thing once.
    pub reads: Vec<String>,
    /// Calls of tools that were made for it; none where it was kept.
    #[serde(default)]
    pub calls: u32,
    /// Those of them that the cache answered.
    #[serde(default)]
    pub cached_calls: u32,
    /// Why it can't be kept, where it can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleeting: Option<String>,
    /// From the question to the answer, in microseconds.
    pub total_us: u64,
}

/// Who answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum By {
    /// A template.
    Template {
        /// What the question came to, for questions that go on from it.
        filled: Box<Filled>,
        /// Where the figures are from.
        source: Box<Source>,
    },
    /// A model.
    Model {
        /// What it did and cost.
        turn: Value,
        /// All tokens together, as the provider counted them.
        tokens: u64,
        /// It ended by itself, and said something.
        whole: bool,
    },
    /// Nobody: the text says what can be asked.
    Nobody,
}

/// Where figures are from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Source {
    /// The template.
    pub template: String,
    /// The database.
    pub database: String,
    /// The statement.
    pub statement: String,
    /// The values of its parameters.
    pub parameters: Map<String, Value>,
}

impl Answered {
    fn new(question: &str, text: String, by: By) -> Self {
        Answered {
            question: question.to_owned(),
            text,
            by,
            cache: CacheNote::default(),
            reads: Vec::new(),
            calls: 0,
            cached_calls: 0,
            fleeting: None,
            total_us: 0,
        }
    }

    pub(crate) fn of_template(question: &str, filled: Filled, reply: Reply) -> Self {
        let source = Source {
            template: reply.source.template,
            database: reply.source.database,
            statement: reply.source.statement,
            parameters: reply.source.parameters,
        };
        let by = By::Template {
            filled: Box::new(filled),
            source: Box::new(source),
        };
        Answered::new(question, reply.text, by)
    }

    pub(crate) fn not_understood(question: &str, resolution: &Resolution) -> Self {
        let text = resolution.text().unwrap_or_default();
        Answered::new(question, text, By::Nobody)
    }

    pub(crate) fn of_model(question: &str, turn: &Turn) -> Self {
        let by = By::Model {
            turn: serde_json::to_value(turn).unwrap_or_default(),
            tokens: turn.usage.total(),
            whole: turn.is_answer(),
        };
        Answered::new(question, turn.text.clone(), by)
    }

    /// A kept answer. None where it is not one.
    pub(crate) fn restore(kept: KeptAnswer) -> Option<Self> {
        let answered: Answered = serde_json::from_value(kept.document).ok()?;
        Some(Answered {
            cache: kept.note,
            calls: 0,
            cached_calls: 0,
            ..answered
        })
    }

    pub(crate) fn resting_on(mut self, ledger: &Ledger) -> Self {
        let (trace, effects) = ledger.read();
        (self.calls, self.cached_calls) = ledger.calls();
        self.reads = effects
            .iter()
            .filter(|effect| effect.access == Access::Read)
            .take(READS_MAX)
            .map(|effect| effect.resource.to_string())
            .collect();
        self.fleeting = trace.fleeting().map(ToString::to_string);
        self
    }

    pub(crate) fn after(mut self, elapsed: Duration) -> Self {
        self.total_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self
    }

    /// How long it took.
    pub fn elapsed(&self) -> Duration {
        Duration::from_micros(self.total_us)
    }

    /// Tokens that a model took for it.
    pub fn tokens(&self) -> u64 {
        match self.by {
            By::Model { tokens, .. } => tokens,
            By::Template { .. } | By::Nobody => 0,
        }
    }

    /// The tools that were called for it, each once. They were then, where the answer was kept.
    pub fn tools(&self) -> Vec<String> {
        match &self.by {
            By::Template { .. } => vec![crate::data::TOOL.to_owned()],
            By::Model { turn, .. } => {
                let used = turn.get("tools").and_then(Value::as_array).into_iter().flatten();
                let mut tools = Vec::new();
                for name in used.filter_map(|used| used.get("name")?.as_str()) {
                    if !tools.iter().any(|known| known == name) && tools.len() < TOOLS_MAX {
                        tools.push(name.to_owned());
                    }
                }
                tools
            }
            By::Nobody => Vec::new(),
        }
    }

    /// Whether the question was answered.
    pub fn is_answer(&self) -> bool {
        match self.by {
            By::Template { .. } => true,
            By::Model { whole, .. } => whole,
            By::Nobody => false,
        }
    }

    /// What the next question may go on from.
    pub fn filled(&self) -> Option<&Filled> {
        match &self.by {
            By::Template { filled, .. } => Some(filled),
            By::Model { .. } | By::Nobody => None,
        }
    }
}
