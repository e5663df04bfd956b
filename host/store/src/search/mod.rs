//! Which tool is meant: ranked search over what tools say of themselves.
//!
//! The index is a database of its own in memory (SQLite's FTS5), never a part of a file: it is made from the installed
//! plugins in some milliseconds, and thrown away when they change.
//!
//! A question is cut into words; each part of it is looked up for itself, by its words in all their forms (`changes`,
//! `changed`), by other words for the same ([`thesaurus`]), by its beginning, and, when nothing begins so, by words that are a
//! slip away ([`typos`]). What a part is worth for a tool is `bm25`: much when few tools have the word, more in a name than
//! in a description. A tool that has more of the parts comes before one that has a single part often.
//!
//! Questions are text and never become FTS5's own query language: only letters and digits of them reach it, in quotes.

mod acts;
mod rank;
mod thesaurus;
mod typos;
mod words;

use crate::store::{Doing, StoreError, patient};
use acts::Act;
use rank::{Part, Tally};
use rusqlite::{Connection, Row};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use thesaurus::{Sense, Thesaurus};

/// What the index knows of a tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolDoc {
    /// The full name, by which results are told.
    pub id: String,
    /// The name of the plugin.
    pub plugin: String,
    /// The name in the plugin.
    pub name: String,
    /// A few words for lists; may be empty.
    pub title: String,
    /// What it does.
    pub description: String,
    /// Names and descriptions of its parameters, as one text.
    pub parameters: String,
}

impl ToolDoc {
    /// Bytes of each text that are indexed; the rest is not. The longest descriptions in known collections have some
    /// four thousand.
    pub const TEXT_MAX: usize = 8 << 10;
}

/// A tool that a question may mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The full name.
    pub id: String,
    /// How well it fits. Only good for comparing hits of one question.
    pub score: f64,
}

/// The index. Searches take turns; each takes about a millisecond for a thousand tools.
pub struct ToolIndex {
    conn: Mutex<Connection>,
    tools: Vec<Indexed>,
    /// Places of tools by their full names, in small letters.
    ids: HashMap<String, usize>,
    /// Words of all tools, for those that are written wrongly.
    vocabulary: BTreeSet<String>,
    thesaurus: Thesaurus,
}

struct Indexed {
    id: String,
    /// How many different words its name has, the plugin's included.
    name_words: usize,
    act: Option<Act>,
}

/// What other ways to match are worth beside the very word: another word for the same, its beginning, a word a slip away.
const SYNONYM: f64 = 0.8;
const PREFIX: f64 = 0.4;
const TYPO: f64 = 0.6;

/// What verbs that say little weigh beside other words.
const LIGHT: f64 = 0.3;

/// Bytes of a question that are read. The rest is not: a question of a model is a sentence or two.
const QUESTION_MAX: usize = 1000;

/// Words of a question that count.
const WORDS_MAX: usize = 24;

/// Words of a question that are looked up as written wrongly: the most expensive kind.
const TYPOS_MAX: usize = 4;

/// Words as an expression that matches them, in this order, and nothing else.
fn phrase(words: &str) -> String {
    format!("\"{}\"", words.replace('"', " "))
}

impl ToolIndex {
    /// An index of tools. Of tools with the same full name, the last one counts.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn build(docs: impl IntoIterator<Item = ToolDoc>) -> Result<Self, StoreError> {
        const DOING: &str = "index the tools";
        let conn = Connection::open_in_memory().doing(DOING)?;
        conn.execute_batch(
            "CREATE VIRTUAL TABLE tools USING fts5(name, plugin, title, description, parameters,
                 content = '', tokenize = 'porter unicode61 remove_diacritics 2');",
        )
        .doing(DOING)?;
        let thesaurus = Thesaurus::load(&conn).doing(DOING)?;
        let unique: HashMap<String, ToolDoc> =
            docs.into_iter().map(|doc| (doc.id.to_lowercase(), doc)).collect();
        let mut docs: Vec<(String, ToolDoc)> = unique.into_iter().collect();
        docs.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut index = ToolIndex {
            conn: Mutex::new(conn),
            tools: Vec::with_capacity(docs.len()),
            ids: HashMap::with_capacity(docs.len()),
            vocabulary: BTreeSet::new(),
            thesaurus,
        };
        index.fill(docs).doing(DOING)?;
        Ok(index)
    }

    fn fill(&mut self, docs: Vec<(String, ToolDoc)>) -> rusqlite::Result<()> {
        let conn = self.conn.get_mut().unwrap_or_else(PoisonError::into_inner);
        let transaction = conn.transaction()?;
        {
            let mut insert = transaction.prepare(
                "INSERT INTO tools (rowid, name, plugin, title, description, parameters) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for (at, (id, doc)) in docs.into_iter().enumerate() {
                let name = names(&doc.name);
                let plugin = names(&doc.plugin);
                let texts = [&doc.title, &doc.description].map(|text| prose(clip(text, ToolDoc::TEXT_MAX)));
                let parameters = prose(clip(&doc.parameters, ToolDoc::TEXT_MAX));
                let own: BTreeSet<&String> = name.iter().chain(&plugin).collect();
                let name_words = own.len();
                for word in [&name, &plugin, &parameters].into_iter().chain(&texts).flatten() {
                    if self.vocabulary.len() < typos::VOCABULARY_MAX && !self.vocabulary.contains(word) {
                        self.vocabulary.insert(word.clone());
                    }
                }
                let [title, description] = texts;
                let act = acts::of_tool(&name, &description);
                insert.execute((
                    row_id(at),
                    name.join(" "),
                    plugin.join(" "),
                    title.join(" "),
                    description.join(" "),
                    parameters.join(" "),
                ))?;
                self.ids.insert(id, at);
                self.tools.push(Indexed {
                    id: doc.id,
                    name_words,
                    act,
                });
            }
        }
        transaction.commit()
    }

    /// The number of tools.
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Whether there are no tools.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// The tools that a question may mean, the likeliest first, at most `limit`, and only those that `scope` lets through by
    /// their full names. A question that says nothing, or nothing that any tool knows, has no hits.
    ///
    /// # Errors
    /// When there is no memory for it; never for what the question says.
    pub fn search(
        &self,
        question: &str,
        scope: impl Fn(&str) -> bool,
        limit: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        let question = clip(question, QUESTION_MAX);
        let scores = patient(|| {
            let conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
            self.scores(&conn, question).doing("search the tools")
        })?;
        let mut hits: Vec<(f64, &Indexed)> = scores
            .into_iter()
            .zip(&self.tools)
            .filter(|(score, tool)| *score > 0.0 && scope(&tool.id))
            .collect();
        hits.sort_by(|(a, tool), (b, other)| b.total_cmp(a).then_with(|| tool.id.cmp(&other.id)));
        let hits = hits.into_iter().take(limit);
        Ok(hits
            .map(|(score, tool)| Hit {
                id: tool.id.clone(),
                score,
            })
            .collect())
    }

    /// What each tool is worth for a question.
    fn scores(&self, conn: &Connection, question: &str) -> rusqlite::Result<Vec<f64>> {
        let words = self.words(question);
        let senses = self.senses(conn, &words)?;
        let mut tally = Tally::new(self.tools.len());
        let mut typos = 0;
        for (at, sense) in senses.iter().enumerate() {
            let mut part = Part::new(conn, self.tools.len());
            let said = phrase(&sense.words.join(" "));
            part.add(&said, 1.0)?;
            // Where no tool has the word itself, others for it are all there is, and as good.
            let worth = if part.is_empty() { 1.0 } else { SYNONYM };
            for other in &sense.others {
                part.add(&phrase(other), worth)?;
            }
            // The last word may still be in the making.
            if is_beginning(sense) && (at + 1 == senses.len() || part.is_empty()) {
                part.add(&format!("{said} *"), PREFIX)?;
            }
            if part.is_empty() && typos < TYPOS_MAX {
                typos += 1;
                for word in &sense.words {
                    for right in typos::corrections(word, self.vocabulary.iter().map(String::as_str)) {
                        part.add(&phrase(right), TYPO)?;
                    }
                }
            }
            let light = matches!(sense.words.as_slice(), [word] if words::is_light(word));
            tally.add(&part, if light { LIGHT } else { 1.0 });
        }
        for pair in senses.windows(2) {
            if let [one, two] = pair {
                tally.together(conn, &words, one, two)?;
            }
        }
        let asked = acts::of_question(&words, &senses);
        let mut scores = tally.scores(self.tools.iter().map(|tool| tool.name_words));
        for (score, tool) in scores.iter_mut().zip(&self.tools) {
            *score *= acts::fit(asked, tool.act);
        }
        self.exact(question, &mut scores);
        Ok(scores)
    }

    /// The words of a question, as far as they are read.
    fn words(&self, question: &str) -> Vec<String> {
        let mut words = Vec::new();
        for compound in words::compounds(question) {
            let joined = compound.concat().to_lowercase();
            // `re-run` and `GitHub` are words that tools use, `listIssues` is two.
            if self.vocabulary.contains(&joined) {
                words.push(joined);
            } else {
                words.extend(compound.iter().flat_map(|word| words::camel(word)));
            }
        }
        words.truncate(WORDS_MAX);
        words
    }

    /// The parts of a question. Where it has nothing but words that say nothing, they are all there is.
    fn senses(&self, conn: &Connection, words: &[String]) -> rusqlite::Result<Vec<Sense>> {
        let mut senses = self.thesaurus.senses(conn, words)?;
        let says = |sense: &Sense| match sense.words.as_slice() {
            [word] => !words::is_stop(word),
            _ => true,
        };
        if senses.iter().any(says) {
            senses.retain(says);
        }
        let mut seen = BTreeSet::new();
        senses.retain(|sense| seen.insert(sense.words.clone()));
        Ok(senses)
    }

    /// A full name is meant, whatever its words may mean elsewhere; more so if nothing else is asked.
    fn exact(&self, question: &str, scores: &mut [f64]) {
        const NAMED: f64 = 1e3;
        const NAMED_ALONE: f64 = 1e6;
        let question = question.trim().to_lowercase();
        let bare = |c: char| !(c.is_alphanumeric() || c == '_' || c == '-');
        let mut raise = |name: &str, by: f64| {
            let score = self.ids.get(name).and_then(|at| scores.get_mut(*at));
            if let Some(score) = score {
                *score += by;
            }
        };
        raise(&question, NAMED_ALONE);
        for word in question.split_whitespace().take(WORDS_MAX) {
            raise(word.trim_matches(bare), NAMED);
        }
    }
}

/// Whether a part of a question can be the beginning of a word: a letter or a number is too little to tell.
fn is_beginning(sense: &Sense) -> bool {
    let tells = |word: &String| word.chars().nth(1).is_some() && word.parse::<u64>().is_err();
    sense.words.iter().any(tells)
}

/// A place in a list as the number of a row.
fn row_id(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

/// The number of a row as a place in a list.
fn place(row: &Row<'_>) -> rusqlite::Result<usize> {
    Ok(usize::try_from(row.get::<_, i64>(0)?).unwrap_or(usize::MAX))
}

/// The words of names: those in camel case as a whole and in their parts.
fn names(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for word in words::words(text) {
        let parts = words::camel(&word);
        if parts.len() > 1 {
            all.extend(parts);
        }
        all.push(word.to_lowercase());
    }
    all
}

/// The words of a text. Those that a hyphen joins stand there apart, and joined after all others.
fn prose(text: &str) -> Vec<String> {
    let mut apart = Vec::new();
    let mut joined = Vec::new();
    for compound in words::compounds(text) {
        if compound.len() > 1 {
            joined.push(compound.concat().to_lowercase());
        }
        apart.extend(compound.iter().map(|word| word.to_lowercase()));
    }
    apart.append(&mut joined);
    apart
}

/// The beginning of a text, of at most so many bytes.
fn clip(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}
