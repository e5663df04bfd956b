//! What may be written.

use super::Want::{Changed, Denied, Invalid};
use super::{bench, check_writes, grants, query, show, soon};

#[tokio::test]
async fn grants_for_writing() {
    check_writes(&[
        (
            "write:plain",
            "INSERT INTO plain VALUES (4, 'z'), (5, 'w')",
            Changed(2),
        ),
        ("write:plain", "DELETE FROM plain", Changed(3)),
        ("write:plain", "DELETE FROM plain WHERE a = 1", Denied("plain")),
        ("read,write:plain", "DELETE FROM plain WHERE a = 1", Changed(1)),
        ("read,write:plain", "UPDATE plain SET a = a + 1", Changed(3)),
        (
            "read,write:plain",
            "UPDATE plain SET a = a + 1 WHERE a > 100",
            Changed(0),
        ),
        ("read:plain", "DELETE FROM plain", Denied("plain")),
        ("read:*", "INSERT INTO plain VALUES (4, 'z')", Denied("plain")),
        (
            "read:plain write:log",
            "INSERT INTO log SELECT b FROM plain",
            Changed(3),
        ),
        (
            "write:log",
            "INSERT INTO log SELECT b FROM plain",
            Denied("plain"),
        ),
        (
            "write:log",
            "INSERT INTO log SELECT code FROM kept",
            Denied("kept"),
        ),
        (
            "write:log",
            "INSERT INTO log VALUES ((SELECT code FROM kept))",
            Denied("kept"),
        ),
        (
            "read,write:plain",
            "UPDATE plain SET a = code FROM kept",
            Denied("kept"),
        ),
        (
            "read,write:plain",
            "UPDATE plain SET a = (SELECT max(code) FROM kept)",
            Denied("kept"),
        ),
        (
            "read,write:plain",
            "UPDATE plain SET b = k.code FROM kept AS k WHERE k.id = plain.a",
            Denied("kept"),
        ),
        (
            "read,write:plain read:kept",
            "UPDATE plain SET b = k.code FROM kept AS k WHERE k.id = plain.a",
            Changed(2),
        ),
        ("read,write:plain", "UPDATE kept SET code = 'x'", Denied("kept")),
        ("read,write:plain", "DELETE FROM kept", Denied("kept")),
        (
            "read,write:plain",
            "WITH plain AS (SELECT 1) DELETE FROM kept",
            Denied("kept"),
        ),
        // Columns.
        ("write:plain(a)", "UPDATE plain SET a = 0", Changed(3)),
        ("write:plain(a)", "UPDATE plain SET b = 0", Denied("plain")),
        ("write:plain(a)", "UPDATE plain SET a = 0, b = 0", Denied("plain")),
        ("write:plain(a)", "UPDATE plain SET a = b", Denied("plain")),
        (
            "write:plain(a)",
            "INSERT INTO plain (a) VALUES (1)",
            Denied("plain"),
        ),
        ("write:plain(a)", "DELETE FROM plain", Denied("plain")),
        (
            "write:child(word)",
            "UPDATE OR REPLACE child SET word = 'one'",
            Denied("child"),
        ),
        (
            "write:child read:companies",
            "UPDATE OR REPLACE child SET word = 'one'",
            Changed(2),
        ),
        // What triggers and foreign keys write, and read.
        ("write:watched", "INSERT INTO watched VALUES ('x')", Denied("log")),
        (
            "write:watched,log read:watched",
            "INSERT INTO watched VALUES ('x')",
            Changed(1),
        ),
        (
            "read,write:snoop",
            "INSERT INTO snoop VALUES ('x')",
            Denied("kept"),
        ),
        ("write:companies", "DELETE FROM companies", Denied("child")),
        (
            "read,write:companies,child",
            "DELETE FROM companies WHERE id = 1",
            Changed(1),
        ),
        (
            "read,write:companies",
            "UPDATE companies SET id = id + 10",
            Denied("child"),
        ),
        (
            "read,write:companies",
            "INSERT OR REPLACE INTO companies (id, name) VALUES (1, 'x')",
            Denied("child"),
        ),
        (
            "write:child",
            "INSERT INTO child (company) VALUES (1)",
            Denied("companies"),
        ),
        (
            "write:child read:companies(id)",
            "INSERT INTO child (company) VALUES (1)",
            Changed(1),
        ),
        (
            "write:child read:companies(id)",
            "INSERT INTO child (company) VALUES (99)",
            Invalid("FOREIGN KEY"),
        ),
        (
            "write:door read:door",
            "INSERT INTO door VALUES ('x')",
            Denied("log"),
        ),
        (
            "write:door,log read:door",
            "INSERT INTO door VALUES ('x')",
            Changed(0),
        ),
        ("write:log", "INSERT INTO door VALUES ('x')", Denied("door")),
        (
            "write:counted",
            "INSERT INTO counted (x) VALUES ('x')",
            Changed(1),
        ),
        (
            "write:*",
            "DELETE FROM sqlite_sequence",
            Denied("sqlite_sequence"),
        ),
        (
            "write:*",
            "UPDATE sqlite_master SET sql = ''",
            Invalid("may not be modified"),
        ),
        (
            "write:*",
            "INSERT INTO words_data VALUES (1, 2)",
            Invalid("may not be modified"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn acts_that_are_no_writing_of_rows() {
    check_writes(&[
        ("read,write:*", "SELECT 1", Invalid("only reads")),
        (
            "read,write:*",
            "INSERT INTO log VALUES (1) RETURNING what",
            Invalid("RETURNING"),
        ),
        (
            "read,write:*",
            "INSERT INTO log VALUES (1); DELETE FROM log",
            Invalid("more than one"),
        ),
        ("read,write:*", "CREATE TABLE x (a)", Denied("sqlite_master")),
        (
            "read,write:*",
            "CREATE TABLE x AS SELECT * FROM kept",
            Denied("sqlite_master"),
        ),
        ("read,write:*", "CREATE TEMP TABLE x (a)", Denied("")),
        (
            "read,write:*",
            "CREATE TRIGGER x AFTER INSERT ON log BEGIN DELETE FROM kept; END",
            Denied(""),
        ),
        ("read,write:*", "DROP TABLE plain", Denied("sqlite_master")),
        ("read,write:*", "ALTER TABLE plain RENAME TO x", Denied("")),
        ("read,write:*", "VACUUM INTO 'copy.db'", Denied("")),
        ("read,write:*", "ATTACH 'x.db' AS x", Denied("")),
        ("read,write:*", "PRAGMA journal_mode = DELETE", Denied("")),
        ("read,write:*", "BEGIN", Denied("")),
        ("read,write:*", "COMMIT", Denied("")),
        ("read,write:*", "EXPLAIN DELETE FROM plain", Invalid("EXPLAIN")),
        ("read,write:*", "", Invalid("no statement")),
        (
            "read,write:*",
            "INSERT INTO child (word) VALUES ('one')",
            Invalid("UNIQUE"),
        ),
        (
            "read,write:*",
            "INSERT INTO log VALUES (load_extension('x'))",
            Denied("load_extension"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_failed_write_leaves_nothing() {
    let bench = bench();
    let all = grants("read,write:*");
    let statement = "INSERT INTO child (word) VALUES ('new'), ('one')";
    let failed = bench
        .databases
        .execute(&all, "db", statement, vec![], soon())
        .await;
    assert!(failed.is_err());
    let rows = query(&bench, "read:*", "SELECT count(*) FROM child")
        .await
        .unwrap();
    assert_eq!(show(&rows.rows[0][0]), "2");
}

#[tokio::test]
async fn what_was_written_is_known() {
    for (statement, reads, writes) in [
        ("DELETE FROM plain", "", "plain"),
        ("INSERT INTO log SELECT b FROM plain", "plain", "log"),
        ("INSERT INTO watched VALUES (1)", "watched", "log watched"),
        (
            "DELETE FROM companies WHERE id = 1",
            "child companies",
            "child companies",
        ),
        (
            "INSERT OR REPLACE INTO companies (id) VALUES (1)",
            "child companies",
            "child companies",
        ),
        ("INSERT INTO LOG VALUES (1)", "", "log"),
    ] {
        let bench = bench();
        let all = grants("read,write:*");
        let changed = bench
            .databases
            .execute(&all, "db", statement, vec![], soon())
            .await
            .unwrap();
        let words = |set: std::collections::BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(words(changed.touched.writes), writes, "{statement}");
        assert_eq!(words(changed.touched.reads), reads, "{statement}");
    }
}
