//! Conversations: what was asked and answered, each principal's for itself.
//!
//! A conversation keeps its last turns as they were, and of older ones a summary that its owner writes when they leave. How
//! many are kept, of turns and of conversations, the caller says; nothing here grows without such a bound.

#[cfg(test)]
mod tests;

use fact_types::Principal;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::store::{Doing, Store, StoreError, patient, select, within};

/// The tables.
pub(crate) const SCHEMA: &str = include_str!("schema.sql");

/// A conversation, without its turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRow {
    /// Its name among those of its principal.
    pub id: String,
    /// When its first turn was.
    pub begun: Timestamp,
    /// When its last turn was.
    pub used: Timestamp,
    /// How many turns there were, those that are not kept any more included.
    pub turns: u64,
    /// What is left of the turns that are not kept.
    pub summary: String,
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnRow {
    /// Its place in the conversation, from 1.
    pub number: u64,
    /// When it was asked.
    pub at: Timestamp,
    /// The question.
    pub question: String,
    /// The answer's text.
    pub answer: String,
    /// What else is known of it: JSON.
    pub details: String,
}

/// A turn to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewTurn<'a> {
    /// When it was asked.
    pub at: Timestamp,
    /// The question.
    pub question: &'a str,
    /// The answer's text.
    pub answer: &'a str,
    /// What else is known of it: JSON.
    pub details: &'a str,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationBounds {
    /// Turns of one conversation that are kept as they were.
    pub turns: u32,
    /// Conversations of one principal. The ones that were used longest ago go first.
    pub conversations: u32,
}

/// Longest name of a conversation, question, answer, details and summary, in bytes. An answer of a model is a few KiB.
const ID_MAX: usize = 64;
const PART_MAX: usize = 128 << 10;

const KEEP: &str = "keep a turn of a conversation";
const READ: &str = "read conversations";
const COLUMNS: &str = "SELECT id, begun_at, used_at, turns, summary FROM conversations";

impl Store {
    /// The conversations of a principal, the last used first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn conversations(&self, principal: &Principal) -> Result<Vec<ConversationRow>, StoreError> {
        let sql = format!("{COLUMNS} WHERE principal = ?1 ORDER BY used_at DESC, id");
        patient(|| select(&self.main(), &sql, &[principal.as_str()], row))
    }

    /// A conversation of a principal, with the turns that are kept, the oldest first. None: this principal has none of that
    /// name.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn conversation(
        &self,
        principal: &Principal,
        id: &str,
    ) -> Result<Option<(ConversationRow, Vec<TurnRow>)>, StoreError> {
        patient(|| {
            let conn = self.main();
            // Read by one transaction; it changes nothing, so it needs no end.
            let reading = conn.unchecked_transaction().doing(READ)?;
            let Some(conversation) = one(&reading, principal, id)? else {
                return Ok(None);
            };
            Ok(Some((conversation, turns(&reading, principal, id)?)))
        })
    }

    /// Adds a turn to a conversation, which is begun if there is none of that name. Turns above the bound leave, the oldest
    /// first: `summarise` makes the new summary of the one that was and the turn that leaves. Gives the turn's number.
    ///
    /// # Errors
    /// When a text is too long or the store can't be written.
    pub fn add_turn(
        &self,
        principal: &Principal,
        id: &str,
        turn: NewTurn<'_>,
        bounds: ConversationBounds,
        summarise: impl Fn(&str, &TurnRow) -> String,
    ) -> Result<u64, StoreError> {
        within("the conversation's name", id, ID_MAX)?;
        within("the question", turn.question, PART_MAX)?;
        within("the answer", turn.answer, PART_MAX)?;
        within("what is known of the answer", turn.details, PART_MAX)?;
        let at = turn.at.as_millisecond();
        self.change(KEEP, |transaction| {
            transaction
                .execute(
                    "INSERT INTO conversations VALUES (?1, ?2, ?3, ?3, 1, '')
                     ON CONFLICT DO UPDATE SET used_at = max(used_at, ?3), turns = turns + 1",
                    (principal.as_str(), id, at),
                )
                .doing(KEEP)?;
            // There is one: it was just made or changed.
            let Some(conversation) = one(transaction, principal, id)? else {
                return Ok(0);
            };
            let number = conversation.turns;
            transaction
                .execute(
                    "INSERT INTO conversation_turns VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    (
                        principal.as_str(),
                        id,
                        i64::try_from(number).unwrap_or(i64::MAX),
                        at,
                        turn.question,
                        turn.answer,
                        turn.details,
                    ),
                )
                .doing(KEEP)?;
            trim(transaction, principal, conversation, bounds.turns, &summarise)?;
            transaction
                .execute(
                    "DELETE FROM conversations WHERE principal = ?1 AND id IN (SELECT id FROM conversations
                     WHERE principal = ?1 AND id <> ?2 ORDER BY used_at DESC, id LIMIT -1 OFFSET ?3)",
                    (principal.as_str(), id, bounds.conversations.saturating_sub(1)),
                )
                .doing(KEEP)?;
            Ok(number)
        })
    }

    /// Deletes a conversation of a principal. False: there was none.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn delete_conversation(&self, principal: &Principal, id: &str) -> Result<bool, StoreError> {
        const DOING: &str = "delete a conversation";
        self.change(DOING, |transaction| {
            let sql = "DELETE FROM conversations WHERE principal = ?1 AND id = ?2";
            let gone = transaction.execute(sql, (principal.as_str(), id)).doing(DOING)?;
            Ok(gone > 0)
        })
    }

    /// Deletes everybody's conversations that were last used before a time, and gives their count.
    ///
    /// # Errors
    /// When the store can't be used.
    pub fn expire_conversations(&self, before: Timestamp) -> Result<usize, StoreError> {
        const DOING: &str = "delete old conversations";
        let before = before.as_millisecond();
        // Mostly there is nothing to do, and then nobody need wait for the disk.
        let any = patient(|| {
            let sql = "SELECT EXISTS (SELECT 1 FROM conversations WHERE used_at < ?1)";
            self.main()
                .query_row(sql, [before], |row| row.get::<_, bool>(0))
                .doing(DOING)
        })?;
        if !any {
            return Ok(0);
        }
        self.change(DOING, |transaction| {
            let sql = "DELETE FROM conversations WHERE used_at < ?1";
            transaction.execute(sql, [before]).doing(DOING)
        })
    }
}

/// Takes the turns above the bound out, and writes what is left of them into the summary.
fn trim(
    transaction: &Transaction<'_>,
    principal: &Principal,
    conversation: ConversationRow,
    keep: u32,
    summarise: &impl Fn(&str, &TurnRow) -> String,
) -> Result<(), StoreError> {
    let kept = turns(transaction, principal, &conversation.id)?;
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    let leaving = kept.get(..kept.len().saturating_sub(keep)).unwrap_or_default();
    let Some(last) = leaving.last() else {
        return Ok(());
    };
    let summary = leaving
        .iter()
        .fold(conversation.summary, |summary, turn| summarise(&summary, turn));
    within("the summary", &summary, PART_MAX)?;
    let names = (principal.as_str(), &conversation.id);
    transaction
        .execute(
            "DELETE FROM conversation_turns WHERE principal = ?1 AND conversation = ?2 AND number <= ?3",
            (names.0, names.1, i64::try_from(last.number).unwrap_or(i64::MAX)),
        )
        .doing(KEEP)?;
    transaction
        .execute(
            "UPDATE conversations SET summary = ?3 WHERE principal = ?1 AND id = ?2",
            (names.0, names.1, summary),
        )
        .doing(KEEP)
        .map(drop)
}

fn one(conn: &Connection, principal: &Principal, id: &str) -> Result<Option<ConversationRow>, StoreError> {
    let sql = format!("{COLUMNS} WHERE principal = ?1 AND id = ?2");
    conn.prepare_cached(&sql)
        .doing(READ)?
        .query_row((principal.as_str(), id), row)
        .optional()
        .doing(READ)
}

fn turns(conn: &Connection, principal: &Principal, id: &str) -> Result<Vec<TurnRow>, StoreError> {
    let sql = "SELECT number, asked_at, question, answer, details FROM conversation_turns
               WHERE principal = ?1 AND conversation = ?2 ORDER BY number";
    select(conn, sql, &[principal.as_str(), id], |row| {
        Ok(TurnRow {
            number: row.get::<_, i64>(0)?.unsigned_abs(),
            at: time(row.get(1)?),
            question: row.get(2)?,
            answer: row.get(3)?,
            details: row.get(4)?,
        })
    })
}

fn row(row: &Row<'_>) -> rusqlite::Result<ConversationRow> {
    Ok(ConversationRow {
        id: row.get(0)?,
        begun: time(row.get(1)?),
        used: time(row.get(2)?),
        turns: row.get::<_, i64>(3)?.unsigned_abs(),
        summary: row.get(4)?,
    })
}

/// A time that someone's hand put out of all range is the first of all times: what it is of has expired.
fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
