//! Names that are not what they seem: common table expressions, aliases, pragmas' tables, views.

use super::Want::{Cell, Denied, Invalid, Rows};
use super::check;

#[tokio::test]
async fn names_that_are_no_tables() {
    check(&[
        (
            "read:plain",
            "SELECT * FROM sqlite_master",
            Denied("sqlite_master"),
        ),
        ("read:*", "SELECT * FROM sqlite_master", Denied("sqlite_master")),
        (
            "read:*",
            "SELECT count(*) FROM sqlite_master",
            Denied("sqlite_master"),
        ),
        ("read:*", "SELECT sql FROM SQLITE_SCHEMA", Denied("sqlite_master")),
        (
            "read:*",
            "SELECT 1 FROM main.sqlite_schema",
            Denied("sqlite_schema"),
        ),
        ("read:*", "SELECT name FROM sqlite_temp_master", Denied("")),
        ("read:*", "SELECT count(*) FROM temp.sqlite_schema", Denied("")),
        (
            "read:*",
            "SELECT * FROM \"sqlite_master\"",
            Denied("sqlite_master"),
        ),
        (
            "read:*",
            "SELECT * FROM sqlite_sequence",
            Denied("sqlite_sequence"),
        ),
        (
            "read:*",
            "SELECT count(*) FROM sqlite_sequence",
            Denied("sqlite_sequence"),
        ),
        (
            "read:*",
            "SELECT * FROM pragma_table_info('kept')",
            Denied("pragma_table_info"),
        ),
        (
            "read:*",
            "SELECT count(*) FROM pragma_table_info('kept')",
            Denied("pragma_table_info"),
        ),
        (
            "read:*",
            "SELECT 1 FROM pragma_table_list",
            Denied("pragma_table_list"),
        ),
        (
            "read:*",
            "SELECT * FROM pragma_database_list",
            Denied("pragma_database_list"),
        ),
        (
            "read:*",
            "SELECT 1 FROM Pragma_Function_List()",
            Denied("Pragma_Function_List"),
        ),
        ("read:*", "SELECT * FROM dbstat", Denied("dbstat")),
        ("read:*", "SELECT count(*) FROM dbstat", Denied("dbstat")),
        (
            "read:*",
            "SELECT input FROM fts3tokenize('simple')",
            Denied("fts3tokenize"),
        ),
        // A CTE may have any name that the schema does not have.
        (
            "read:plain",
            "WITH made_up AS (SELECT 1) SELECT count(*) FROM made_up",
            Cell("1"),
        ),
        (
            "read:plain",
            "WITH kept AS (SELECT 1) SELECT * FROM kept",
            Cell("1"),
        ),
        (
            "read:plain",
            "WITH kept AS (SELECT 1 AS code) SELECT code FROM kept",
            Cell("1"),
        ),
        // Where it has, and the columns don't matter, SQLite does not tell one from the other.
        (
            "read:plain",
            "WITH kept AS (SELECT 1) SELECT count(*) FROM kept",
            Denied("kept"),
        ),
        (
            "read:plain",
            "WITH kept AS (SELECT 1) SELECT * FROM main.kept",
            Denied("kept"),
        ),
        (
            "read:plain",
            "WITH kept AS (SELECT code FROM main.kept) SELECT * FROM kept",
            Denied("kept"),
        ),
        (
            "read:plain",
            "WITH plain AS (SELECT code FROM kept) SELECT * FROM plain",
            Denied("kept"),
        ),
        (
            "read:plain",
            "WITH plain AS (SELECT 5 AS a) SELECT a FROM plain",
            Cell("5"),
        ),
        (
            "read:plain",
            "WITH json_each AS (SELECT code FROM kept) SELECT * FROM json_each",
            Denied("kept"),
        ),
        (
            "read:plain",
            "WITH sqlite_master AS (SELECT 1) SELECT count(*) FROM sqlite_master",
            Denied("sqlite_master"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn views() {
    check(&[
        // A grant on the view is enough to read through it, and only through it.
        ("read:kept_codes", "SELECT code FROM kept_codes", Rows(2)),
        ("read:kept_codes", "SELECT count(*) FROM kept_codes", Cell("2")),
        ("read:kept_codes", "SELECT * FROM KEPT_CODES AS v WHERE v.code LIKE '%1'", Rows(1)),
        ("read:kept_codes,plain", "SELECT a FROM plain, kept_codes", Rows(6)),
        ("read:kept_codes", "SELECT code FROM kept", Denied("kept")),
        ("read:kept_codes", "SELECT a.code FROM kept_codes AS a, kept AS b", Denied("kept")),
        ("read:kept_codes", "SELECT code FROM kept_codes WHERE code IN (SELECT code FROM kept)", Denied("kept")),
        ("read:kept_codes", "SELECT code FROM kept_codes UNION SELECT a FROM kept", Denied("kept")),
        ("read:kept_codes", "SELECT kept_codes.code FROM (SELECT code FROM kept) AS kept_codes", Denied("kept")),
        ("read:kept_codes", "SELECT code FROM kept AS kept_codes", Denied("kept")),
        // A view over a view: the grant on the upper one is enough.
        ("read:kept_over", "SELECT over_code FROM kept_over", Rows(2)),
        ("read:kept_over", "SELECT code FROM kept_codes", Denied("kept_codes")),
        ("read:kept_over", "SELECT over_code, code FROM kept_over, kept_codes", Denied("kept_codes")),
        ("read:kept_count", "SELECT n FROM kept_count", Cell("2")),
        ("read:kept_count", "SELECT n FROM kept_count, kept", Denied("kept")),
        // Columns of a view.
        ("read:company_names(name)", "SELECT name FROM company_names", Rows(3)),
        ("read:company_names(name)", "SELECT id FROM company_names", Denied("company_names")),
        ("read:company_names(name)", "SELECT note FROM company_names", Invalid("no such column")),
        // The tables below are no grant on the view.
        ("read:kept", "SELECT code FROM kept_codes", Denied("kept_codes")),
        ("read:kept", "SELECT count(*) FROM kept_codes", Denied("kept_codes")),
        ("read:kept,kept_codes", "SELECT over_code FROM kept_over", Denied("kept_over")),
        ("read:plain", "SELECT one FROM plain_count", Denied("plain_count")),
        ("read:plain", "SELECT count(*) FROM plain_count", Denied("plain_count")),
        ("read:plain_count", "SELECT count(one) FROM plain_count", Cell("3")),
        // A CTE must not pass for a view.
        ("read:kept_codes", "WITH kept_codes AS (SELECT code FROM kept) SELECT code FROM kept_codes", Denied("kept")),
        ("read:kept_codes", "WITH kept_codes AS (SELECT code, a FROM kept) SELECT a FROM kept_codes", Denied("kept")),
        ("read:kept_codes", "WITH x AS (WITH kept_codes AS (SELECT a FROM kept) SELECT * FROM kept_codes) SELECT * FROM x", Denied("kept")),
        ("read:kept_codes", "SELECT * FROM (with\"kept_codes\"as(SELECT a FROM kept)SELECT*FROM\"kept_codes\")", Denied("kept")),
        ("read:kept_codes", "WITH RECURSIVE kept_codes(n) AS (SELECT 1 UNION SELECT a FROM kept, kept_codes) SELECT n FROM kept_codes", Denied("kept")),
        ("read:kept_codes", "WITH kept_codes AS (SELECT a FROM kept) SELECT kept_codes.a FROM kept_codes, main.kept_codes AS m", Denied("kept")),
        ("read:kept_codes", "WITH x AS (SELECT code FROM kept_codes) SELECT * FROM x", Rows(2)),
        // Whoever spells out the table's name gets it for no table's name: a literal could be anything.
        ("read:kept_codes", "SELECT code FROM kept_codes WHERE code <> 'kept'", Denied("kept")),
        ("read:kept_codes", "SELECT kept.code FROM kept_codes AS kept", Denied("kept")),
        ("read:kept_codes", "SELECT code FROM kept_codes, company_names", Denied("kept")),
        ("read:kept_codes", "SELECT (SELECT count(*) FROM plain_count), code FROM kept_codes", Denied("kept")),
        ("read:risky", "SELECT y FROM risky", Invalid("unsafe use")),
    ])
    .await;
}
