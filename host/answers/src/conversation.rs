//! Conversations: questions that go on from one another, each principal's for itself.
//!
//! A conversation keeps its last turns as they were; they are what a model is told, and what "and for Q4?" goes on from. Of
//! older turns a summary is left: the first sentence of each answer. A conversation that nobody used for long is deleted.

mod id;
mod summary;

use std::sync::Arc;

use fact_core::Host;
use fact_core::store::{ConversationBounds, ConversationRow, NewTurn, StoreError, TurnRow};
use fact_driver::{Said, Watch};
use fact_templates::Filled;
use fact_types::{Code, Error, Principal};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Answered, Answers, Ask, By};

pub use id::{BadConversationId, ConversationId};

/// Longest question, in bytes: as the driver's.
const QUESTION_MAX: usize = 64 << 10;

/// Longest answer that is kept, in bytes. What is longer is clipped; an answer of a model has a few KiB.
const ANSWER_MAX: usize = 32 << 10;

/// What is known of an answer beside its text, in bytes. What is longer is not kept, and then no question goes on from it.
const DETAILS_MAX: usize = 64 << 10;

/// What a model is told of a conversation, in bytes: half of what the driver takes.
const HISTORY_MAX: usize = 256 << 10;

/// A conversation in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name.
    pub id: String,
    /// When its first turn was.
    pub begun: Timestamp,
    /// When its last turn was.
    pub used: Timestamp,
    /// How many turns there were.
    pub turns: u64,
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conversation {
    /// What a list says of it.
    #[serde(flatten)]
    pub listed: Listed,
    /// What is left of turns that are not kept as they were: the first sentence of each answer, one a line. Empty where all are
    /// kept.
    pub summary: String,
    /// The turns that are kept, the oldest first.
    pub kept: Vec<Spoken>,
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spoken {
    /// Its place in the conversation, from 1.
    pub number: u64,
    /// When it was asked.
    pub at: Timestamp,
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
    /// What else is known of it.
    #[serde(flatten)]
    pub details: Details,
}

/// What is known of an answer beside its text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// Who answered.
    pub by: Answerer,
    /// What the question came to, where a template answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled: Option<Filled>,
    /// The tools that were called for the answer.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Whether the answer was a kept one, for which nothing ran.
    #[serde(default)]
    pub cached: bool,
}

/// Who answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answerer {
    /// A template.
    Template,
    /// A model.
    Model,
    /// Nobody: the text said what can be asked.
    #[default]
    Nobody,
}

impl Conversation {
    /// What answered last, for a question that goes on from it. None where a model did: what it spoke of, only a model knows.
    pub fn previous(&self) -> Option<&Filled> {
        let said = |turn: &&Spoken| turn.details.by != Answerer::Nobody;
        self.kept.iter().rev().find(said)?.details.filled.as_ref()
    }

    /// What was said, the oldest first, as far as there is room for it. What was not understood is left out.
    fn history(&self) -> Vec<Said> {
        let mut room = HISTORY_MAX.saturating_sub(self.summary.len());
        let mut said = Vec::new();
        for turn in self.kept.iter().rev() {
            if turn.details.by == Answerer::Nobody {
                continue;
            }
            let Some(left) = room.checked_sub(turn.question.len() + turn.answer.len()) else {
                break;
            };
            room = left;
            said.push(Said::Assistant(turn.answer.clone()));
            said.push(Said::User(turn.question.clone()));
        }
        said.reverse();
        if let (false, Some(Said::User(first))) = (self.summary.is_empty(), said.first_mut()) {
            *first = format!(
                "(A summary of what was said before, the first sentence of each answer:\n{}\n)\n\n{first}",
                self.summary
            );
        }
        said
    }
}

impl Answers {
    /// Answers a question of a conversation, and keeps both in it. A conversation of a name that the principal does not have yet
    /// begins with it. What `ask` says of the past counts for nothing: the conversation knows.
    ///
    /// # Errors
    /// As [`ask`](Answers::ask); `invalid-input` for a question that is too long; where the store can't be read. An answer that
    /// can't be kept is given all the same.
    pub async fn converse(
        &self,
        id: &ConversationId,
        ask: Ask<'_>,
        watch: &dyn Watch,
    ) -> Result<Answered, Error> {
        if ask.question.len() > QUESTION_MAX {
            return Err(Error::new(
                Code::InvalidInput,
                format!("The question is longer than {QUESTION_MAX} bytes; shorten it."),
            ));
        }
        let at = Timestamp::now();
        let past = self.conversation(ask.principal, id).await?;
        // Without a model nobody is told of it, and equal questions share an answer whatever was said before.
        let history = match (&past, self.driver.is_some()) {
            (Some(past), true) => past.history(),
            _ => Vec::new(),
        };
        let ask = Ask {
            history: &history,
            previous: past.as_ref().and_then(Conversation::previous),
            ..ask
        };
        let answered = self.ask(ask, watch).await?;
        if let Err(error) = self.note(ask.principal, id, at, &answered).await {
            tracing::warn!(%error, "a turn of a conversation can't be kept");
        }
        Ok(answered)
    }

    /// A principal's conversations, the last used first.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub async fn conversations(&self, principal: &Principal) -> Result<Vec<Listed>, Error> {
        let principal = principal.clone();
        let rows = self
            .stored(move |host| {
                expire(host)?;
                host.store().conversations(&principal)
            })
            .await?;
        Ok(rows.into_iter().map(listed).collect())
    }

    /// A conversation. None: the principal has none of that name.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub async fn conversation(
        &self,
        principal: &Principal,
        id: &ConversationId,
    ) -> Result<Option<Conversation>, Error> {
        let (principal, id) = (principal.clone(), id.clone());
        let found = self
            .stored(move |host| {
                expire(host)?;
                host.store().conversation(&principal, id.as_str())
            })
            .await?;
        Ok(found.map(|(row, turns)| Conversation {
            summary: row.summary.clone(),
            listed: listed(row),
            kept: turns.into_iter().map(spoken).collect(),
        }))
    }

    /// Deletes a conversation. False: the principal has none of that name.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub async fn delete_conversation(
        &self,
        principal: &Principal,
        id: &ConversationId,
    ) -> Result<bool, Error> {
        let (principal, id) = (principal.clone(), id.clone());
        self.stored(move |host| host.store().delete_conversation(&principal, id.as_str()))
            .await
    }

    async fn note(
        &self,
        principal: &Principal,
        id: &ConversationId,
        at: Timestamp,
        answered: &Answered,
    ) -> Result<(), Error> {
        let mut details = Details {
            by: match answered.by {
                By::Template { .. } => Answerer::Template,
                By::Model { .. } => Answerer::Model,
                By::Nobody => Answerer::Nobody,
            },
            filled: answered.filled().cloned(),
            tools: answered.tools(),
            cached: answered.cache.is_hit(),
        };
        let mut text = serde_json::to_string(&details).unwrap_or_default();
        if text.len() > DETAILS_MAX {
            details.filled = None;
            text = serde_json::to_string(&details).unwrap_or_default();
        }
        let (principal, id) = (principal.clone(), id.clone());
        let (question, answer) = (
            answered.question.clone(),
            summary::clip_bytes(&answered.text, ANSWER_MAX),
        );
        self.stored(move |host| {
            let config = &host.config().conversation;
            let bounds = ConversationBounds {
                turns: config.turns,
                conversations: config.most,
            };
            let turn = NewTurn {
                at,
                question: &question,
                answer: &answer,
                details: &text,
            };
            let sum = |summary: &str, gone: &TurnRow| match details_of(gone).by {
                // It said nothing of what was asked about.
                Answerer::Nobody => summary.to_owned(),
                Answerer::Template | Answerer::Model => summary::extend(summary, &gone.answer),
            };
            host.store().add_turn(&principal, id.as_str(), turn, bounds, sum)
        })
        .await
        .map(drop)
    }

    /// Does something with the store, in a thread that may wait for the disk.
    async fn stored<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Host) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        let host = Arc::clone(&self.host);
        let done = tokio::task::spawn_blocking(move || work(&host)).await;
        done.map_err(|_| Error::internal())?.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
            Error::new(
                Code::Unavailable,
                "Conversations can't be read or kept at the moment; `fact doctor` may say why.",
            )
        })
    }
}

/// Deletes what nobody used for too long, whoever's it is.
fn expire(host: &Host) -> Result<(), StoreError> {
    let lifetime = host.config().conversation.lifetime.0;
    match Timestamp::now().checked_sub(lifetime) {
        Ok(before) => host.store().expire_conversations(before).map(drop),
        // Longer than there is time: nothing expires.
        Err(_) => Ok(()),
    }
}

fn listed(row: ConversationRow) -> Listed {
    Listed {
        id: row.id,
        begun: row.begun,
        used: row.used,
        turns: row.turns,
    }
}

fn details_of(row: &TurnRow) -> Details {
    // What another version wrote is shown as text, and nothing goes on from it.
    serde_json::from_str(&row.details).unwrap_or_default()
}

fn spoken(row: TurnRow) -> Spoken {
    Spoken {
        details: details_of(&row),
        number: row.number,
        at: row.at,
        question: row.question,
        answer: row.answer,
    }
}
