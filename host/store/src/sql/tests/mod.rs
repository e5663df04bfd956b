//! A database with things to be found and things to be kept, and one helper through which every case goes.

mod bounds;
mod names;
mod property;
mod reads;
mod recovery;
mod shape;
mod writes;

use super::*;
use fact_types::Capability;
use rusqlite::Connection;
use std::fmt::Debug;

/// `kept` and what stands on it is what nobody is granted unless a test says so.
const SCHEMA: &str = "
CREATE TABLE companies (
    id INTEGER PRIMARY KEY, name TEXT, sector TEXT, note TEXT,
    shout TEXT GENERATED ALWAYS AS (upper(note)) VIRTUAL
);
INSERT INTO companies (name, sector, note) VALUES
    ('Update Inc.', 'tech', 'n1'), ('Dash -- Co', 'tech', 'n2'), ('Plain', 'food', 'n3');
CREATE TABLE plain (a, b);
INSERT INTO plain VALUES (1, 'x'), (2, 'y'), (3, NULL);
CREATE TABLE child (
    id INTEGER PRIMARY KEY,
    company INTEGER REFERENCES companies (id) ON DELETE CASCADE ON UPDATE CASCADE,
    word TEXT UNIQUE
);
INSERT INTO child (company, word) VALUES (1, 'one'), (2, 'two');
CREATE TABLE kept (id INTEGER PRIMARY KEY, code TEXT, a);
INSERT INTO kept VALUES (1, 'KEPT-1', 1), (2, 'KEPT-2', 2);
CREATE TABLE \"odd name\" (\"col umn\" TEXT);
INSERT INTO \"odd name\" VALUES ('odd');
CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT);
CREATE TABLE log (what TEXT);
CREATE TABLE watched (x TEXT);
CREATE TRIGGER watch AFTER INSERT ON watched BEGIN INSERT INTO log VALUES (new.x); END;
CREATE TABLE snoop (x TEXT);
CREATE TRIGGER snooping AFTER INSERT ON snoop
    BEGIN UPDATE snoop SET x = (SELECT code FROM kept LIMIT 1) WHERE rowid = new.rowid; END;
CREATE VIEW company_names AS SELECT id, name FROM companies;
CREATE VIEW kept_codes AS SELECT code FROM kept;
CREATE VIEW kept_over AS SELECT code AS over_code FROM kept_codes;
CREATE VIEW kept_count AS SELECT count(*) AS n FROM kept;
CREATE VIEW plain_count AS SELECT 1 AS one FROM plain;
CREATE VIEW door AS SELECT word FROM child;
CREATE TRIGGER through_door INSTEAD OF INSERT ON door BEGIN INSERT INTO log VALUES (new.word); END;
CREATE VIEW risky AS SELECT load_extension('x') AS y;
CREATE VIRTUAL TABLE words USING fts5(body);
INSERT INTO words VALUES ('hello world');
";

pub(super) struct Bench {
    pub(super) databases: Databases,
    pub(super) path: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

pub(super) fn bench_with(limits: SqlLimits) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.db");
    let conn = Connection::open(&path).unwrap();
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        .unwrap();
    conn.execute_batch(SCHEMA).unwrap();
    let config = |path: &std::path::Path| DatabaseConfig {
        path: path.to_owned(),
        samples: vec![],
    };
    let all = BTreeMap::from([
        ("db".to_owned(), config(&path)),
        ("other".to_owned(), config(&path)),
        ("gone".to_owned(), config(&folder.path().join("gone.db"))),
    ]);
    Bench {
        databases: Databases::new(all, limits),
        path,
        _folder: folder,
    }
}

pub(super) fn bench() -> Bench {
    bench_with(SqlLimits::default())
}

/// Grants as text, with blanks between them: `read:plain write:log` are of the database `db`.
pub(super) fn grants(text: &str) -> Arc<[SqlGrant]> {
    text.split_whitespace()
        .map(|one| {
            let (rights, tables) = one.split_once(':').unwrap();
            let full = match tables {
                "*" => format!("sql:{rights}:db"),
                tables => format!("sql:{rights}:db/{tables}"),
            };
            match full.parse().unwrap() {
                Capability::Sql(grant) => grant,
                other => panic!("{other}"),
            }
        })
        .collect()
}

pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// What a statement should come to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Want {
    /// So many rows.
    Rows(usize),
    /// One cell, as SQL would write it.
    Cell(&'static str),
    /// So many rows changed.
    Changed(u64),
    /// Refused because of this table or function; empty: because of the act.
    Denied(&'static str),
    /// Wrong, with this in the message.
    Invalid(&'static str),
}

pub(super) fn show(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(n) => n.to_string(),
        Value::Real(x) => x.to_string(),
        Value::Text(text) => format!("'{text}'"),
        Value::Blob(bytes) => format!(
            "x'{}'",
            bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()
        ),
    }
}

/// What a statement came to, in the words of [`Want`]; none when it is as it should be.
fn differs<T: Debug>(
    want: Want,
    got: &Result<T, SqlError>,
    as_wanted: impl Fn(&T, Want) -> bool,
) -> Option<String> {
    let fits = match (want, got) {
        (Want::Denied(thing), Err(error)) => {
            error.kind == SqlErrorKind::Denied && error.denied.as_deref().unwrap_or("") == thing
        }
        (Want::Invalid(part), Err(error)) => {
            error.kind == SqlErrorKind::InvalidInput && error.message.contains(part)
        }
        (want, Ok(got)) => as_wanted(got, want),
        (_, Err(_)) => false,
    };
    (!fits).then(|| format!("wanted {want:?}, got {got:?}"))
}

pub(super) async fn query(bench: &Bench, grants_text: &str, statement: &str) -> Result<Rows, SqlError> {
    bench
        .databases
        .query(&grants(grants_text), "db", statement, vec![], None, soon())
        .await
}

/// Runs every case as a query, and lists all that went wrong.
pub(super) async fn check(cases: &[(&str, &str, Want)]) {
    let bench = bench();
    let mut wrong = Vec::new();
    for (grants, statement, want) in cases {
        let got = query(&bench, grants, statement).await;
        let as_wanted = |rows: &Rows, want: Want| match want {
            Want::Rows(n) => rows.rows.len() == n && !rows.truncated,
            Want::Cell(text) => rows.rows.len() == 1 && rows.rows[0].iter().map(show).eq([text.to_owned()]),
            _ => false,
        };
        wrong.extend(
            differs(*want, &got, as_wanted)
                .map(|what| format!("[{grants}] {statement:.200}\n    {what:.600}")),
        );
        // No statement may leave something behind on its connection.
        let healthy = query(&bench, "read:plain", "SELECT count(*) FROM plain").await;
        assert!(healthy.is_ok(), "after {statement}: {healthy:?}");
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// Runs every case as a writing statement, each in a fresh database.
pub(super) async fn check_writes(cases: &[(&str, &str, Want)]) {
    let mut wrong = Vec::new();
    for (text, statement, want) in cases {
        let bench = bench();
        let got = bench
            .databases
            .execute(&grants(text), "db", statement, vec![], soon())
            .await;
        let as_wanted = |changed: &Changed, want: Want| matches!(want, Want::Changed(n) if n == changed.rows);
        wrong.extend(
            differs(*want, &got, as_wanted).map(|what| format!("[{text}] {statement:.200}\n    {what:.600}")),
        );
        let kept = query(&bench, "read:kept", "SELECT group_concat(code) FROM kept")
            .await
            .unwrap();
        if !text.contains("write:*") {
            assert_eq!(show(&kept.rows[0][0]), "'KEPT-1,KEPT-2'", "after {statement}");
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
