//! `fact ask`.

use std::sync::Arc;

use clap::Args;
use fact_answers::driver::Unwatched;
use fact_answers::{Answered, Answers, Ask as Question, By, ConversationId};
use fact_types::{Code, Error, Freshness, Principal};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{clean, clip, counted, one_line};

const EXAMPLES: &str = "\
Examples:
  fact ask 'total revenue in Q1 2025'
  fact ask 'compare Q1 2025 with Q1 2024 for retail'
  fact ask 'TechCorp revenue Q1 2025' --json
  fact ask --conversation budget 'What was TechCorp revenue in Q1 2025?'
  fact ask --continue 'and for Q4?'

An answer is kept, and used again while everything that it rests on is still so: then neither a tool nor a model runs, and
the answer says so. Without a model (`model.provider` in the configuration), questions are answered by templates: `fact
template list` shows them, and a question that none answers is told what can be asked.

Templates read by the tool sql_query, so the plugin `sql` must be installed, and granted what they read:
  fact plugin install builtin:sql --grant sql:read:finance";

/// Most characters of a statement that are shown. With --json it is there in full.
const STATEMENT_SHOWN: usize = 200;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ask {
    /// The question. Several words need no quotes.
    #[arg(required = true, value_name = "QUESTION")]
    question: Vec<String>,
    /// Ask anew, whatever is kept.
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    which: Which,
}

/// Which conversation a question belongs to.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Go on with the conversation of this name, or begin it.
    #[arg(long, value_name = "NAME")]
    conversation: Option<ConversationId>,
    /// Go on with the conversation that was used last.
    #[arg(long = "continue", conflicts_with = "conversation")]
    last: bool,
}

impl Which {
    /// The conversation that was named; none when none was.
    pub(super) async fn find(
        self,
        answers: &Answers,
        principal: &Principal,
    ) -> Result<Option<ConversationId>, Failure> {
        if !self.last {
            return Ok(self.conversation);
        }
        let all = answers.conversations(principal).await?;
        let last = all.first().and_then(|last| last.id.parse().ok());
        last.map(Some).ok_or_else(|| {
            Failure::new(Code::NotFound, "There is no conversation to go on with.")
                .hint("`fact chat` begins one, and so does --conversation with a name of your choice.")
        })
    }
}

impl Ask {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let answers = answers(context).await?;
        let question = self.question.join(" ");
        let principal = Principal::local();
        let mut ask = Question::new(&question, &principal);
        if self.fresh {
            ask.freshness = Freshness::Run;
        }
        let conversation = self.which.find(&answers, &principal).await?;
        let answered = match &conversation {
            Some(id) => answers.converse(id, ask, &Unwatched).await?,
            None => answers.ask_plainly(ask).await?,
        };
        show(context, &answered, conversation.as_ref())?;
        if answered.is_answer() {
            return Ok(());
        }
        Err(Error::new(Code::ToolFailed, "The question was not answered.").into())
    }
}

/// Everything that answers questions, as it is configured.
pub(super) async fn answers(context: &Context) -> Result<Answers, Failure> {
    let host = context.host().await?;
    Ok(Answers::open(Arc::clone(&host))?)
}

/// Prints an answer.
pub(super) fn show(
    context: &Context,
    answered: &Answered,
    conversation: Option<&ConversationId>,
) -> Result<(), Failure> {
    let screen = context.screen();
    if screen.json_wanted() {
        return screen.json(&Document {
            answered,
            conversation,
        });
    }
    screen.foreign(&answered.text)?;
    for line in provenance(answered) {
        screen.line(line)?;
    }
    Ok(())
}

/// An answer for a program.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    answered: &'a Answered,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a ConversationId>,
}

/// Where an answer is from.
pub(super) fn provenance(answered: &Answered) -> Vec<String> {
    let mut lines = Vec::new();
    match &answered.by {
        By::Template { source, .. } => {
            let values: Vec<String> = source
                .parameters
                .iter()
                .map(|(name, value)| format!("{name} = {value}"))
                .collect();
            let with = match values.is_empty() {
                true => String::new(),
                false => format!(" with {}", one_line(&values.join(", "))),
            };
            lines.push(format!(
                "Source: the database {}, by {}{with}",
                one_line(&source.database),
                clip(&one_line(&source.statement), STATEMENT_SHOWN),
            ));
        }
        By::Model { turn, tokens, .. } => {
            let called = turn["tools"].as_array().map_or(0, Vec::len);
            let model = turn["model"].as_str().unwrap_or("a model");
            lines.push(format!(
                "Source: {}, by {}; {}",
                clean(model),
                counted(called, "call of a tool"),
                counted(usize::try_from(*tokens).unwrap_or(usize::MAX), "token")
            ));
        }
        By::Nobody => {}
    }
    if !answered.reads.is_empty() && answered.is_answer() {
        let reads: Vec<String> = answered.reads.iter().map(|read| one_line(read)).collect();
        lines.push(format!("Read: {}", reads.join(", ")));
    }
    if answered.cache.is_hit() {
        let since = answered
            .cache
            .created
            .map_or_else(String::new, |created| format!(" since {created:.0}"));
        lines.push(format!(
            "Kept{since}, and still true: no tool and no model ran ({} µs)",
            answered.total_us
        ));
    }
    lines
}
