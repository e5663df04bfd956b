//! Everything that programs read, and what others do to it behind the host's back.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use super::dice::Dice;
use super::outside::Outside;
use super::site::{PAGES, Site, lock};

/// Places of files, below the root. Not all are there, and some lead out of what is granted.
pub(super) const FILES: [&str; 14] = [
    "one/a",
    "one/b",
    "one/new",
    "one/link",
    "one/sub/a",
    "one/sub/b",
    "one/sub/deep/a",
    "one/other/a",
    "one/other/b",
    "one/way/a",
    "one/way/deep/a",
    "one/name",
    "two/a",
    "hidden/sub/a",
];

/// Places of folders.
pub(super) const FOLDERS: [&str; 8] = [
    "one",
    "one/sub",
    "one/other",
    "one/sub/deep",
    "one/way",
    "one/none",
    "two",
    "hidden/sub",
];

/// Places of links.
pub(super) const LINKS: [&str; 3] = ["one/link", "one/way", "one/a"];

/// Two of them are as long as each other.
const TEXTS: [&str; 4] = ["uno", "due", "", "a longer text"];

pub(super) const DATABASES: [&str; 2] = ["wal", "plain"];

/// What somebody does who is not the host.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// In place, and the old time put back or not.
    Write {
        file: &'static str,
        text: &'static str,
        backdate: bool,
    },
    Append {
        file: &'static str,
    },
    /// Other bytes, as many as before, and the old time put back or not.
    Flip {
        file: &'static str,
        backdate: bool,
    },
    /// By another file that is moved there.
    Replace {
        file: &'static str,
        text: &'static str,
    },
    Touch {
        path: &'static str,
    },
    Remove {
        path: &'static str,
    },
    Move {
        from: &'static str,
        to: &'static str,
    },
    /// Two paths change places. Nothing of what lies in folders is touched by that.
    Exchange {
        a: &'static str,
        b: &'static str,
    },
    Link {
        at: &'static str,
        to: &'static str,
    },
    HardLink {
        from: &'static str,
        to: &'static str,
    },
    Folder {
        at: &'static str,
    },
    /// It goes out of the granted folder, and a link to it stays.
    MoveOut {
        folder: &'static str,
    },
    Name {
        file: &'static str,
    },
    Sql {
        database: &'static str,
        statement: String,
    },
    /// In a transaction that stays open.
    Held {
        database: &'static str,
        statement: String,
    },
    /// Another database is moved to its place.
    ExchangeDatabase,
    Rewrite {
        page: usize,
    },
    Restate {
        page: usize,
    },
    Gone {
        page: usize,
        gone: bool,
    },
}

impl Change {
    pub(super) fn random(dice: &mut Dice) -> Self {
        let file = dice.pick(&FILES);
        let text = dice.pick(&TEXTS);
        let page = dice.below(PAGES);
        match dice.below(34) {
            28..=33 => Change::Flip {
                file,
                backdate: dice.once_in(2),
            },
            0..=3 => Change::Write {
                file,
                text,
                backdate: dice.once_in(3),
            },
            4 => Change::Append { file },
            5 => Change::Replace { file, text },
            6 => Change::Touch {
                path: if dice.once_in(3) {
                    dice.pick(&FOLDERS)
                } else {
                    file
                },
            },
            7 => Change::Remove { path: file },
            8 => Change::Move {
                from: file,
                to: dice.pick(&FILES),
            },
            9 | 10 => {
                let twins = [
                    ("one/sub", "one/other"),
                    ("one/a", "one/b"),
                    ("one/sub/deep", "one/other"),
                    ("one", "two"),
                    ("one/sub", "one/none"),
                    ("two", "gone"),
                    ("one", "gone"),
                    ("one/way", "one/sub"),
                ];
                let (a, b) = dice.pick(&twins);
                Change::Exchange { a, b }
            }
            11 => {
                let at = dice.pick(&LINKS);
                let to = dice.pick(&[
                    "b",
                    "sub/a",
                    "sub",
                    "other",
                    "../two",
                    "../hidden/sub",
                    "none",
                    "way",
                ]);
                Change::Link { at, to }
            }
            12 => Change::HardLink {
                from: file,
                to: dice.pick(&FILES),
            },
            13 => Change::Folder {
                at: dice.pick(&FOLDERS),
            },
            14 => Change::MoveOut {
                folder: dice.pick(&["one/sub", "one/other", "two"]),
            },
            15 => Change::Name { file },
            16..=20 => Change::Sql {
                database: dice.pick(&DATABASES),
                statement: statement(dice),
            },
            21 => Change::Held {
                database: dice.pick(&DATABASES),
                statement: "BEGIN IMMEDIATE".to_owned(),
            },
            22 => Change::Held {
                database: dice.pick(&DATABASES),
                statement: update(dice),
            },
            23 => {
                let end = dice.pick(&["COMMIT", "ROLLBACK"]);
                Change::Held {
                    database: dice.pick(&DATABASES),
                    statement: end.to_owned(),
                }
            }
            24 => Change::ExchangeDatabase,
            25 => Change::Restate { page },
            26 => Change::Gone {
                page,
                gone: dice.once_in(2),
            },
            _ => Change::Rewrite { page },
        }
    }
}

fn update(dice: &mut Dice) -> String {
    let (id, v) = (dice.below(4), dice.below(3));
    format!("UPDATE t SET v = {v} WHERE id = {id}")
}

/// Statements that others run, `{other}` being the other database's path.
fn statement(dice: &mut Dice) -> String {
    let (id, v) = (dice.below(6), dice.below(3));
    match dice.below(18) {
        0..=3 => update(dice),
        4 => format!("INSERT OR REPLACE INTO t VALUES ({id}, {v}, 'x')"),
        5 => format!("DELETE FROM t WHERE id = {id}"),
        6 => format!("UPDATE u SET w = {v}"),
        7 => "VACUUM".to_owned(),
        8 => "PRAGMA wal_checkpoint(TRUNCATE)".to_owned(),
        9 => format!("DROP VIEW IF EXISTS s; CREATE VIEW s AS SELECT sum(v) + {v} AS total FROM t"),
        10 => "ALTER TABLE t ADD COLUMN extra DEFAULT 7".to_owned(),
        11 => "CREATE TABLE late (x); INSERT INTO late VALUES (1)".to_owned(),
        12 => "DROP TABLE late".to_owned(),
        13 => format!("ATTACH '{{other}}' AS o; UPDATE o.t SET v = {v} WHERE id = 1; UPDATE t SET v = {v} WHERE id = 1"),
        14 => "DROP TRIGGER IF EXISTS on_u; CREATE TRIGGER on_u AFTER UPDATE ON u BEGIN UPDATE t SET v = v + 1 WHERE id = 2; END".to_owned(),
        15 => "BEGIN; UPDATE t SET v = 99; ROLLBACK".to_owned(),
        16 => "CREATE INDEX IF NOT EXISTS t_v ON t (v); ANALYZE".to_owned(),
        _ => format!("BEGIN; DELETE FROM t; INSERT INTO t VALUES (1, {v}, 'only'); COMMIT"),
    }
}

const SCHEMA: &str = "
    DROP VIEW IF EXISTS s; DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS u; DROP TABLE IF EXISTS late;
    CREATE TABLE t (id INTEGER PRIMARY KEY, v, name TEXT); CREATE TABLE u (w);
    INSERT INTO t VALUES (1, 1, 'one'), (2, 2, 'two'), (3, 3, 'three'); INSERT INTO u VALUES (1);
    CREATE VIEW s AS SELECT sum(v) AS total FROM t;";

/// What is done in the middle of calls.
#[derive(Default)]
struct Pauses {
    changes: Vec<Change>,
    /// Which of them are still to be done.
    armed: Vec<bool>,
    open: bool,
    happened: bool,
}

pub(super) struct Ground {
    pub(super) root: PathBuf,
    pub(super) site: Mutex<Site>,
    outside: Mutex<Outside>,
    pauses: Mutex<Pauses>,
    /// How many sets of files lie ready, with times long past.
    stock: Mutex<usize>,
}

/// Sets of files that are made at once.
const STOCK: usize = 64;

impl Ground {
    pub(super) fn new(root: &Path) -> Self {
        let ground = Ground {
            root: root.canonicalize().unwrap(),
            site: Mutex::default(),
            outside: Mutex::new(Outside::start()),
            pauses: Mutex::default(),
            stock: Mutex::new(0),
        };
        for folder in ["one", "two"] {
            fs::create_dir(ground.at(folder)).unwrap();
        }
        for (database, mode) in [("wal", "WAL"), ("plain", "DELETE"), ("spare", "DELETE")] {
            ground
                .sql(
                    database,
                    false,
                    &format!("PRAGMA journal_mode = {mode}; {SCHEMA}"),
                )
                .unwrap();
        }
        ground
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(super) fn database(&self, name: &str) -> PathBuf {
        self.at(&format!("{name}.db"))
    }

    /// Everything as in the beginning. The files' last change is long past.
    pub(super) fn reset(&self) {
        let mut stock = lock(&self.stock);
        if *stock == 0 {
            for n in 0..STOCK {
                self.fill(&self.at(&format!("stock/{n}")));
            }
            *stock = STOCK;
            // Longer than a tick of the file system's clock, by far.
            std::thread::sleep(Duration::from_millis(150));
        }
        *stock -= 1;
        for folder in ["one", "two", "hidden", "gone"] {
            erase(&self.at(folder));
            let _ = fs::rename(self.at(&format!("stock/{stock}/{folder}")), self.at(folder));
        }
        self.settle();
        for database in DATABASES {
            self.sql(database, false, SCHEMA).unwrap();
        }
        let other = format!("{SCHEMA} UPDATE t SET v = v * 10;");
        self.sql("spare", false, &other).unwrap();
        *lock(&self.pauses) = Pauses::default();
        for page in 0..PAGES {
            lock(&self.site).remove(page, false);
        }
    }

    fn fill(&self, root: &Path) {
        for folder in ["one/sub/deep", "one/other", "two", "hidden/sub/deep"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in FILES {
            if !matches!(
                file,
                "one/link" | "one/new" | "one/way/a" | "one/way/deep/a" | "one/name"
            ) {
                fs::write(root.join(file), format!("of {file}")).unwrap();
            }
        }
        fs::write(root.join("one/name"), self.at("one/sub/a").to_str().unwrap()).unwrap();
        symlink("sub/a", root.join("one/link")).unwrap();
        symlink("sub", root.join("one/way")).unwrap();
    }

    /// Nobody holds a transaction open.
    pub(super) fn settle(&self) {
        lock(&self.outside).close();
    }

    fn sql(&self, database: &str, hold: bool, statement: &str) -> Result<(), String> {
        let other = if database == "wal" { "plain" } else { "wal" };
        let statement = statement.replace("{other}", self.database(other).to_str().unwrap());
        lock(&self.outside).run(&self.database(database), hold, &statement)
    }

    /// Does it, as far as it can be done.
    pub(super) fn apply(&self, change: &Change) {
        let _ = self.try_apply(change);
    }

    fn try_apply(&self, change: &Change) -> std::io::Result<()> {
        let spare = self.at("spare");
        match change {
            Change::Write { file, text, backdate } => {
                self.write(file, text.as_bytes(), *backdate)?;
            }
            Change::Flip { file, backdate } => {
                let mut bytes = fs::read(self.at(file))?;
                bytes
                    .iter_mut()
                    .filter(|byte| byte.is_ascii_alphabetic())
                    .for_each(|byte| *byte ^= 0x20);
                self.write(file, &bytes, *backdate)?;
            }
            Change::Append { file } => {
                let mut file = fs::File::options().append(true).open(self.at(file))?;
                std::io::Write::write_all(&mut file, b"+")?;
            }
            Change::Replace { file, text } => {
                fs::write(&spare, text)?;
                fs::rename(&spare, self.at(file))?;
            }
            Change::Touch { path } => fs::File::open(self.at(path))?.set_modified(SystemTime::now())?,
            Change::Remove { path } => fs::remove_file(self.at(path))?,
            Change::Move { from, to } => fs::rename(self.at(from), self.at(to))?,
            Change::Exchange { a, b } => {
                let (a, b) = (self.at(a), self.at(b));
                // Either may be missing: then the other one moves.
                let moved = fs::rename(&a, &spare);
                let back = fs::rename(&b, &a);
                if moved.is_ok() && fs::rename(&spare, &b).is_err() {
                    fs::rename(&spare, &a)?;
                }
                back?;
            }
            Change::Link { at, to } => {
                erase(&self.at(at));
                symlink(to, self.at(at))?;
            }
            Change::HardLink { from, to } => {
                let _ = fs::remove_file(self.at(to));
                fs::hard_link(self.at(from), self.at(to))?;
            }
            Change::Folder { at } => fs::create_dir(self.at(at))?,
            Change::MoveOut { folder } => {
                let away = self.at("hidden/away");
                erase(&away);
                fs::rename(self.at(folder), &away)?;
                symlink(&away, self.at(folder))?;
            }
            Change::Name { file } => {
                fs::write(self.at("one/name"), self.at(file).to_str().unwrap_or_default())?
            }
            Change::Sql { database, statement } => drop(self.sql(database, false, statement)),
            Change::Held { database, statement } => drop(self.sql(database, true, statement)),
            Change::ExchangeDatabase => {
                self.settle();
                let (plain, other) = (self.database("plain"), self.database("spare"));
                fs::rename(&plain, &spare)?;
                fs::rename(&other, &plain)?;
                fs::rename(&spare, &other)?;
            }
            Change::Rewrite { page } => lock(&self.site).rewrite(*page),
            Change::Restate { page } => lock(&self.site).restate(*page),
            Change::Gone { page, gone } => lock(&self.site).remove(*page, *gone),
        }
        Ok(())
    }

    /// Writes a file in place.
    fn write(&self, file: &str, bytes: &[u8], backdate: bool) -> std::io::Result<()> {
        let before = fs::metadata(self.at(file)).and_then(|found| found.modified());
        fs::write(self.at(file), bytes)?;
        if backdate && let Ok(before) = before {
            fs::File::options()
                .write(true)
                .open(self.at(file))?
                .set_modified(before)?;
        }
        Ok(())
    }

    /// Which changes are done when programs pause.
    pub(super) fn arm(&self, changes: &[Change]) {
        let mut pauses = lock(&self.pauses);
        pauses.changes = changes.to_vec();
        pauses.armed = vec![true; changes.len()];
    }

    /// Whether programs that pause now find things changed. Says whether one did since the last time.
    pub(super) fn open(&self, open: bool) -> bool {
        let mut pauses = lock(&self.pauses);
        pauses.open = open;
        std::mem::take(&mut pauses.happened)
    }

    /// A program pauses.
    pub(super) fn pause(&self, number: usize) {
        let change = {
            let mut pauses = lock(&self.pauses);
            let armed = pauses.open && pauses.armed.get(number).is_some_and(|armed| *armed);
            if !armed {
                return;
            }
            pauses.armed[number] = false;
            pauses.happened = true;
            pauses.changes[number].clone()
        };
        self.apply(&change);
    }
}

/// Removes whatever lies there.
fn erase(path: &Path) {
    let _ = fs::remove_file(path).or_else(|_| fs::remove_dir_all(path));
}
