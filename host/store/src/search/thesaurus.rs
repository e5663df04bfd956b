//! Other words for the same thing, from `thesaurus.txt`.

use rusqlite::Connection;

const LINES: &str = include_str!("thesaurus.txt");

/// Most other words for one: each is looked up. The richest has some twenty.
const OTHERS_MAX: usize = 40;

/// A line: whoever says one of the heads may mean one of the members.
struct Group {
    heads: Vec<Vec<String>>,
    members: Vec<String>,
}

/// The groups. Single words are looked up in the index's own database, so that they are found in each of their forms.
pub(super) struct Thesaurus {
    groups: Vec<Group>,
}

/// A part of a question: its words, and what else they may be called.
pub(super) struct Sense {
    /// Where it begins, in words of the question.
    pub(super) at: usize,
    /// The words, one or more that belong together.
    pub(super) words: Vec<String>,
    /// Words or phrases that may mean the same.
    pub(super) others: Vec<String>,
}

impl Thesaurus {
    /// Reads the groups, and puts their single heads into a table of the index.
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        conn.execute_batch(
            "CREATE VIRTUAL TABLE thesaurus USING fts5(heads, content = '', tokenize = 'porter unicode61 remove_diacritics 2')",
        )?;
        let mut insert = conn.prepare("INSERT INTO thesaurus (rowid, heads) VALUES (?1, ?2)")?;
        let groups: Vec<Group> = LINES.lines().filter_map(group).collect();
        for (at, group) in groups.iter().enumerate() {
            let single: Vec<&str> = group
                .heads
                .iter()
                .filter_map(|head| match head.as_slice() {
                    [word] => Some(word.as_str()),
                    _ => None,
                })
                .collect();
            insert.execute((super::row_id(at), single.join(" ")))?;
        }
        Ok(Thesaurus { groups })
    }

    /// The parts of a question. The longest phrase that the thesaurus knows is one part.
    pub(super) fn senses(&self, conn: &Connection, words: &[String]) -> rusqlite::Result<Vec<Sense>> {
        let mut senses = Vec::new();
        let mut rest = words;
        while let Some((first, after)) = rest.split_first() {
            let at = words.len().saturating_sub(rest.len());
            let phrase = self
                .phrases()
                .filter(|head| rest.starts_with(head))
                .max_by_key(|head| head.len());
            if let Some(phrase) = phrase {
                let groups = self.groups.iter().filter(|group| group.heads.contains(phrase));
                senses.push(Sense {
                    at,
                    words: phrase.clone(),
                    others: groups.flat_map(|group| group.members.iter().cloned()).collect(),
                });
                rest = rest.get(phrase.len()..).unwrap_or_default();
            } else {
                senses.push(Sense {
                    at,
                    others: self.others(conn, first)?,
                    words: vec![first.clone()],
                });
                rest = after;
            }
        }
        Ok(senses)
    }

    fn phrases(&self) -> impl Iterator<Item = &Vec<String>> {
        self.groups
            .iter()
            .flat_map(|group| &group.heads)
            .filter(|head| head.len() > 1)
    }

    fn others(&self, conn: &Connection, word: &str) -> rusqlite::Result<Vec<String>> {
        let mut select = conn.prepare_cached("SELECT rowid FROM thesaurus WHERE thesaurus MATCH ?1")?;
        let rows = select.query_map([super::phrase(word)], super::place)?;
        let mut others: Vec<String> = Vec::new();
        for row in rows {
            let members = self.groups.get(row?).map(|group| group.members.as_slice());
            others.extend(
                members
                    .unwrap_or_default()
                    .iter()
                    .filter(|other| *other != word)
                    .cloned(),
            );
        }
        others.sort_unstable();
        others.dedup();
        others.truncate(OTHERS_MAX);
        Ok(others)
    }
}

fn group(line: &str) -> Option<Group> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let list = |text: &str| text.split(',').map(super::words::words).collect::<Vec<_>>();
    let (heads, members) = match line.split_once('>') {
        Some((heads, members)) => (list(heads), list(members)),
        None => (list(line), list(line)),
    };
    let members = members.into_iter().map(|words| words.join(" ")).collect();
    Some(Group { heads, members })
}
