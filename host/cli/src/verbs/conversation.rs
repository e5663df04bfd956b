//! `fact conversation`: what was asked and answered.

use clap::Subcommand;
use fact_answers::{Conversation as Found, ConversationId};
use fact_types::{Code, Principal};
use serde_json::json;

use super::ask::answers;
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{counted, one_line};

const EXAMPLES: &str = "\
Examples:
  fact conversation list
  fact conversation show budget
  fact conversation delete budget

`fact chat` and `fact ask --conversation NAME` begin conversations. The last turns are kept as they were, the first
sentence of each older answer as a summary; one that nobody used for long is deleted (`conversation` in the
configuration).";

/// Conversations.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Conversation {
    /// List the conversations, the last used first.
    List,
    /// Show what was asked and answered.
    Show {
        /// The conversation's name.
        name: ConversationId,
    },
    /// Delete a conversation.
    Delete {
        /// The conversation's name.
        name: ConversationId,
    },
}

impl Conversation {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Conversation::List => list(context).await,
            Conversation::Show { name } => show(context, &name).await,
            Conversation::Delete { name } => delete(context, &name).await,
        }
    }
}

fn none(name: &ConversationId) -> Failure {
    Failure::new(Code::NotFound, format!("There is no conversation `{name}`."))
        .hint("`fact conversation list` shows those there are.")
}

async fn list(context: &Context) -> Result<(), Failure> {
    let (answers, screen) = (answers(context).await?, context.screen());
    let all = answers.conversations(&Principal::local()).await?;
    if screen.json_wanted() {
        return screen.json(&json!({ "conversations": all }));
    }
    if all.is_empty() {
        screen.note("There are no conversations. `fact chat` begins one.");
        return Ok(());
    }
    let rows = all.into_iter().map(|one| {
        let used = format!("{:.0}", one.used);
        [one.id, one.turns.to_string(), used]
    });
    screen.table(["CONVERSATION", "TURNS", "LAST USED"], rows)
}

async fn show(context: &Context, name: &ConversationId) -> Result<(), Failure> {
    let (answers, screen) = (answers(context).await?, context.screen());
    let found: Found = answers
        .conversation(&Principal::local(), name)
        .await?
        .ok_or_else(|| none(name))?;
    if screen.json_wanted() {
        return screen.json(&found);
    }
    let older = found.listed.turns.saturating_sub(found.kept.len() as u64);
    if older > 0 {
        let older = counted(usize::try_from(older).unwrap_or(usize::MAX), "older turn");
        screen.line(format!(
            "Of {older}, a summary (the first sentence of each answer):"
        ))?;
        for line in found.summary.lines() {
            screen.line(format!("  {}", one_line(line)))?;
        }
    }
    for turn in found.kept {
        let head = format!("{}. {}", turn.number, one_line(&turn.question));
        screen.line(format!("{head}  ({:.0})", turn.at))?;
        for line in turn.answer.lines() {
            screen.line(format!("   {}", one_line(line)))?;
        }
    }
    Ok(())
}

async fn delete(context: &Context, name: &ConversationId) -> Result<(), Failure> {
    let (answers, screen) = (answers(context).await?, context.screen());
    if !answers.delete_conversation(&Principal::local(), name).await? {
        return Err(none(name));
    }
    if screen.json_wanted() {
        return screen.json(&json!({ "conversation": name, "deleted": true }));
    }
    screen.line(format!("The conversation `{name}` is deleted."))
}
