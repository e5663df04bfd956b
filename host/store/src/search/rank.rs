//! What a tool is worth for a question: parts, and how they come together.

use super::thesaurus::Sense;
use super::{phrase, place};
use rusqlite::Connection;
use std::collections::HashMap;

/// Looks a phrase up: the tool, `bm25` with a weight for each column (a word in the name says most, one among the parameters
/// least), and whether the name or the plugin's has it.
const LOOK_UP: &str =
    "SELECT rowid, -bm25(tools, 8.0, 6.0, 6.0, 4.0, 0.6), bm25(tools, 1.0, 1.0, 0.0, 0.0, 0.0) <> 0.0
    FROM tools WHERE tools MATCH ?1";

/// What is left of a tool's score when it has only little of a question.
const LEAST_COVERED: f64 = 0.2;

/// How much a name raises a score in which each word was asked for.
const WHOLE_NAME: f64 = 0.3;

/// What two parts are worth that stand together in the tool's text as they do in the question.
const TOGETHER: f64 = 0.5;

/// The tools that a part of a question finds.
pub(super) struct Part<'c> {
    conn: &'c Connection,
    /// How many tools there are.
    tools: usize,
    /// By the tool's place.
    found: HashMap<usize, Found>,
}

/// How well a tool has a part of a question.
#[derive(Default, Clone, Copy)]
struct Found {
    /// What bm25 says, times how sure it is that the part is meant.
    score: f64,
    /// How sure that is, 0 to 1.
    worth: f64,
    /// It stands in the name.
    named: bool,
}

impl<'c> Part<'c> {
    pub(super) fn new(conn: &'c Connection, tools: usize) -> Self {
        Part {
            conn,
            tools,
            found: HashMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Looks a phrase up. Of several phrases, the best one counts for a tool.
    pub(super) fn add(&mut self, expression: &str, worth: f64) -> rusqlite::Result<()> {
        let mut select = self.conn.prepare_cached(LOOK_UP)?;
        let rows = select.query_map([expression], |row| {
            Ok((place(row)?, row.get::<_, f64>(1)?, row.get::<_, bool>(2)?))
        })?;
        for row in rows {
            let (tool, score, named) = row?;
            let found = self.found.entry(tool).or_default();
            found.named |= named;
            if score * worth > found.score {
                found.score = score * worth;
                found.worth = worth;
            }
        }
        Ok(())
    }

    /// How much a part says that so many tools have: the inverse document frequency, as FTS5 computes it.
    fn rarity(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "numbers of tools are small")]
        let (all, having) = (self.tools as f64, self.found.len() as f64);
        ((all - having + 0.5) / (having + 0.5)).ln().max(1e-6)
    }
}

/// Scores as they come together, by the tools' places.
pub(super) struct Tally {
    score: Vec<f64>,
    /// The rarity of the parts that each tool has.
    covered: Vec<f64>,
    /// How many parts each tool has in its name.
    named: Vec<f64>,
    /// The rarity of the parts that some tool has.
    parts: f64,
}

impl Tally {
    pub(super) fn new(tools: usize) -> Self {
        Tally {
            score: vec![0.0; tools],
            covered: vec![0.0; tools],
            named: vec![0.0; tools],
            parts: 0.0,
        }
    }

    /// Counts a part of a question, by its weight beside the others.
    pub(super) fn add(&mut self, part: &Part<'_>, weight: f64) {
        if part.is_empty() {
            return;
        }
        let rarity = part.rarity() * weight;
        self.parts += rarity;
        for (tool, found) in &part.found {
            let named = if found.named { found.worth } else { 0.0 };
            for (sums, by) in [
                (&mut self.score, found.score * weight),
                (&mut self.covered, found.worth * rarity),
                (&mut self.named, named),
            ] {
                if let Some(sum) = sums.get_mut(*tool) {
                    *sum += by;
                }
            }
        }
    }

    /// Two parts that stand together in a question, with at most a small word between them: tools in which they stand
    /// just so are worth more. Without that, JSON to YAML would be the same as YAML to JSON.
    pub(super) fn together(
        &mut self,
        conn: &Connection,
        words: &[String],
        one: &Sense,
        two: &Sense,
    ) -> rusqlite::Result<()> {
        let end = one.at + one.words.len();
        let said = match words.get(end..two.at) {
            Some([]) => [one.words.join(" "), two.words.join(" ")].join(" "),
            Some([from]) if from == "from" => format!("{} to {}", two.words.join(" "), one.words.join(" ")),
            Some([small]) => [one.words.join(" "), small.clone(), two.words.join(" ")].join(" "),
            _ => return Ok(()),
        };
        let mut select = conn.prepare_cached(LOOK_UP)?;
        let rows = select.query_map([phrase(&said)], |row| Ok((place(row)?, row.get::<_, f64>(1)?)))?;
        for row in rows {
            let (tool, score) = row?;
            if let Some(sum) = self.score.get_mut(tool) {
                *sum += score * TOGETHER;
            }
        }
        Ok(())
    }

    /// The scores. `name_words` tells how many words each tool's name has.
    pub(super) fn scores(self, name_words: impl Iterator<Item = usize>) -> Vec<f64> {
        let parts = self.parts.max(1e-6);
        let sums = self
            .score
            .iter()
            .zip(&self.covered)
            .zip(&self.named)
            .zip(name_words);
        sums.map(|(((score, covered), named), words)| {
            #[allow(clippy::cast_precision_loss, reason = "a name has a handful of words")]
            let name = (named / words.max(1) as f64).min(1.0);
            score * (LEAST_COVERED + (1.0 - LEAST_COVERED) * covered / parts) * (1.0 + WHOLE_NAME * name)
        })
        .collect()
    }
}
