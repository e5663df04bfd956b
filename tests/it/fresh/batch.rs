//! Programs, and what happens between their runs.

use serde_json::{Value, json};

use super::dice::Dice;
use super::ground::{Change, DATABASES, FILES, FOLDERS, LINKS};
use super::site::{KINDS, PAGES};

/// One operation of a program, as the guest takes it; `ROOT` and `SITE` stand for where the files and the server are.
pub(super) type Operation = Value;

/// Most programs that are alive at the same time.
const PROGRAMS: usize = 8;

/// Changes that are done in the middle of programs.
const PAUSES: usize = 3;

/// How often something happens and all programs are run again.
const ROUNDS: usize = 2;

/// What happens between two rounds.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Outside(Change),
    /// A program that writes, run by the host.
    Writes(Vec<Operation>),
    /// Long enough for everything to be settled.
    Rest,
    /// The twin may do something more, or no longer.
    Grant(bool),
    /// The twin may be called, or not.
    Enable(bool),
    /// The other plugin says something else.
    Version(bool),
    /// The host is another process, which finds what is kept on disk.
    Reopen,
}

#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) programs: Vec<Vec<Operation>>,
    pub(super) pauses: Vec<Change>,
    /// Before each round, what happens.
    pub(super) rounds: Vec<Vec<Event>>,
}

impl Batch {
    pub(super) fn random(seed: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let programs = (0..PROGRAMS)
            .map(|_| {
                let length = 1 + dice.below(5);
                (0..length).map(|_| reads(dice, 0)).collect()
            })
            .collect();
        let pauses = (0..PAUSES).map(|_| Change::random(dice)).collect();
        let mut rounds = vec![Vec::new()];
        for _ in 0..ROUNDS {
            let events = (0..dice.below(4)).map(|_| event(dice)).collect();
            rounds.push(events);
        }
        Batch {
            programs,
            pauses,
            rounds,
        }
    }

    /// Batches with something left out.
    pub(super) fn smaller(&self) -> impl Iterator<Item = Batch> + '_ {
        let programs = (0..self.programs.len()).map(|at| {
            let mut batch = self.clone();
            batch.programs.remove(at);
            batch
        });
        let events = self
            .rounds
            .iter()
            .enumerate()
            .flat_map(|(round, events)| (0..events.len()).map(move |at| (round, at)));
        let events = events.map(|(round, at)| {
            let mut batch = self.clone();
            batch.rounds[round].remove(at);
            batch
        });
        let operations = self
            .programs
            .iter()
            .enumerate()
            .flat_map(|(program, operations)| (0..operations.len()).map(move |at| (program, at)));
        let operations = operations.map(|(program, at)| {
            let mut batch = self.clone();
            batch.programs[program].remove(at);
            batch
        });
        programs.chain(events).chain(operations)
    }
}

fn event(dice: &mut Dice) -> Event {
    match dice.below(100) {
        0..=7 => Event::Writes(vec![writes(dice), writes(dice)]),
        8 | 9 => Event::Rest,
        10 => Event::Reopen,
        11 => Event::Grant(dice.once_in(2)),
        12 | 13 => Event::Enable(!dice.once_in(3)),
        14 => Event::Version(dice.once_in(2)),
        _ => Event::Outside(Change::random(dice)),
    }
}

fn path(of: &str) -> String {
    format!("ROOT/{of}")
}

fn reads(dice: &mut Dice, depth: usize) -> Operation {
    let (file, folder, link) = (
        path(dice.pick(&FILES)),
        path(dice.pick(&FOLDERS)),
        path(dice.pick(&LINKS)),
    );
    let database = dice.pick(&DATABASES);
    let page = dice.below(PAGES);
    match dice.below(40) {
        0..=4 => json!({ "do": "read", "path": file }),
        5 => json!({ "do": "part", "path": file, "offset": dice.below(6), "length": 1 + dice.below(6) }),
        6 | 7 => json!({ "do": "follow", "path": path("one/name") }),
        8 | 9 => {
            json!({ "do": "stat", "path": if dice.once_in(2) { file } else { folder }, "link": dice.once_in(2) })
        }
        10..=12 => json!({ "do": "list", "path": folder }),
        13 => json!({ "do": "link", "path": link }),
        14 | 15 => json!({ "do": "hold", "path": file }),
        16 | 17 => json!({ "do": "read-held" }),
        18 => json!({ "do": "stat-held" }),
        19..=25 => {
            let statement = dice.pick(&[
                "SELECT sum(v) FROM t",
                "SELECT v FROM t WHERE id = 1",
                "SELECT * FROM t ORDER BY id",
                "SELECT total FROM s",
                "SELECT w FROM u",
                "SELECT x FROM late",
                "SELECT count(*) FROM t JOIN u",
                "SELECT nonsense",
                "SELECT name FROM t WHERE v > 1 ORDER BY id LIMIT 2",
            ]);
            json!({ "do": "query", "database": database, "statement": statement })
        }
        26 => json!({ "do": "schema", "database": database }),
        27 => json!({ "do": "plan", "database": database, "statement": "SELECT * FROM t WHERE v = 1" }),
        28..=32 => {
            let kind = dice.pick(&KINDS);
            let flavour = dice.pick(&[None, Some("sweet"), Some("sour")]);
            json!({ "do": "get", "url": format!("SITE/{kind}/{page}"), "flavour": flavour })
        }
        33 | 34 => {
            json!({ "do": "get", "url": format!("SITE/pause/{}", dice.below(PAUSES)), "flavour": null })
        }
        35 => json!({ "do": "env", "name": dice.pick(&["PATH", "FACT_TEST_NONE"]) }),
        36 => json!({ "do": "tool", "name": "word_say", "arguments": {} }),
        _ if depth > 1 => json!({ "do": "query", "database": database, "statement": "SELECT sum(v) FROM t" }),
        _ => {
            let inner: Vec<_> = (0..=dice.below(2)).map(|_| reads(dice, depth + 1)).collect();
            let name = dice.pick(&["program_run", "twin_run"]);
            json!({ "do": "tool", "name": name, "arguments": { "operations": inner } })
        }
    }
}

fn writes(dice: &mut Dice) -> Operation {
    let (file, to) = (path(dice.pick(&FILES)), path(dice.pick(&FILES)));
    let database = dice.pick(&DATABASES);
    let v = dice.below(4);
    match dice.below(8) {
        0 | 1 => json!({ "do": "write", "path": file, "text": dice.pick(&["uno", "tre"]) }),
        2 => json!({ "do": "move", "path": file, "to": to }),
        3 => json!({ "do": "remove", "path": file }),
        4 => {
            let inner = json!([{ "do": "execute", "database": database, "statement": format!("UPDATE t SET v = {v}") }]);
            json!({ "do": "tool", "name": "twin_run", "arguments": { "operations": inner } })
        }
        5 => json!({ "do": "execute", "database": database, "statement": "UPDATE u SET w = w + 1" }),
        _ => {
            json!({ "do": "execute", "database": database, "statement": format!("UPDATE t SET v = {v} WHERE id = 1") })
        }
    }
}
