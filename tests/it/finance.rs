//! The demo's database: its golden values, and what a read grant on two of its tables does not open.

use fact_core::types::{Access, Code, Resource, Span};
use serde_json::{Value, json};

use crate::rig::{Rig, code, run, saw};

/// What a statement comes to.
#[derive(Debug)]
enum Expect {
    /// These rows.
    Rows(Value),
    /// So many rows, and whether there were more.
    Count(u64, bool),
    /// Any of these failures.
    Fails(&'static [Code]),
}

const NARROW: &str = "sql:read:finance/companies,financial_records";
const DENIED: Expect = Expect::Fails(&[Code::Denied]);
/// What SQLite says of a name that may not be known need not be that it is there.
const REFUSED: Expect = Expect::Fails(&[Code::Denied, Code::InvalidInput]);
/// A bound of the database, or the call's own deadline, whichever comes first.
const BOUNDED: Expect = Expect::Fails(&[Code::Unavailable, Code::Deadline]);

/// Runs each statement on a host of its own sort, with the narrow grant.
fn check(tool: &str, cases: &[(&str, Expect)]) {
    run(async {
        let rig = Rig::with_finance(|config| config.limits.deadline = Span::secs(5));
        rig.builtin("sql", &[NARROW]).await;
        for (statement, expect) in cases {
            let answer = rig.call(tool, json!({ "statement": statement })).await;
            match expect {
                Expect::Fails(codes) => {
                    let code = code(&answer);
                    assert!(
                        code.is_some_and(|code| codes.contains(&code)),
                        "{statement}: {answer:?}, not {codes:?}"
                    );
                }
                Expect::Rows(rows) => {
                    let got = answer
                        .json()
                        .unwrap_or_else(|error| panic!("{statement}: {error}"));
                    assert_eq!(&got["rows"], rows, "{statement}");
                    assert_eq!(got["truncated"], false, "{statement}");
                }
                Expect::Count(rows, truncated) => {
                    let got = answer
                        .json()
                        .unwrap_or_else(|error| panic!("{statement}: {error}"));
                    assert_eq!(
                        (&got["row_count"], &got["truncated"]),
                        (&json!(rows), &json!(truncated)),
                        "{statement}"
                    );
                }
            }
        }
        // The same number as ever, after all that.
        let total = rig.answer("sql_query", json!({ "statement": Q1 })).await;
        assert_eq!(total["rows"], json!([[68_500_000_000_i64]]));
    });
}

const Q1: &str = "SELECT SUM(revenue) FROM financial_records WHERE quarter = 'Q1' AND year = 2025";

#[test]
fn golden_values() {
    check(
        "sql_query",
        &[
            (Q1, Expect::Rows(json!([[68_500_000_000_i64]]))),
            (
                "SELECT SUM(revenue) FROM financial_records WHERE year = 2024",
                Expect::Rows(json!([[280_900_000_000_i64]])),
            ),
            (
                "SELECT c.symbol, SUM(r.revenue) FROM companies c JOIN financial_records r ON r.company_id = c.id \
                 WHERE r.year = 2024 GROUP BY c.symbol ORDER BY 2 DESC",
                Expect::Rows(json!([
                    ["TECH", 101_000_000_000_i64],
                    ["RTLM", 75_300_000_000_i64],
                    ["FINF", 50_800_000_000_i64],
                    ["HLTH", 32_000_000_000_i64],
                    ["GREN", 21_800_000_000_i64]
                ])),
            ),
            (
                "SELECT AVG(revenue), AVG(profit), AVG(revenue - profit) FROM financial_records WHERE year = 2024",
                Expect::Rows(json!([[14_045_000_000.0, 2_434_000_000.0, 11_611_000_000.0]])),
            ),
        ],
    );
}

#[test]
fn what_reads_is_allowed() {
    check(
        "sql_query",
        &[
            ("SELECT COUNT(*) FROM companies", Expect::Rows(json!([[5]]))),
            (
                "SELECT 'Update', 'DROP TABLE companies; --' -- a comment",
                Expect::Rows(json!([["Update", "DROP TABLE companies; --"]])),
            ),
            (
                "SELECT /* DELETE */ symbol FROM companies WHERE name LIKE 'Tech%'",
                Expect::Rows(json!([["TECH"]])),
            ),
            (
                "WITH big AS (SELECT symbol FROM companies WHERE employees > 40000) SELECT symbol FROM big ORDER BY 1",
                Expect::Rows(json!([["RTLM"], ["TECH"]])),
            ),
            (
                "SELECT symbol FROM companies WHERE sector = 'Energy' UNION SELECT symbol FROM companies WHERE sector = 'Retail' ORDER BY 1",
                Expect::Rows(json!([["GREN"], ["RTLM"]])),
            ),
            (
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n",
                Expect::Rows(json!([[1], [2], [3]])),
            ),
            (
                "SELECT symbol FROM companies WHERE 1 = 0",
                Expect::Count(0, false),
            ),
        ],
    );
}

#[test]
fn writes_are_refused() {
    let writes = [
        "INSERT INTO companies (name, symbol) VALUES ('Evil', 'EVIL')",
        "UPDATE financial_records SET revenue = 0",
        "UPDATE financial_records SET revenue = 0 RETURNING revenue",
        "DELETE FROM financial_records",
        "DROP TABLE financial_records",
        "ALTER TABLE companies ADD COLUMN evil TEXT",
        "CREATE TABLE evil (x)",
        "CREATE TEMP TABLE evil (x)",
        "CREATE TRIGGER evil AFTER UPDATE ON companies BEGIN DELETE FROM companies; END",
        "REPLACE INTO companies (name, symbol) VALUES ('Evil', 'EVIL')",
        "WITH x AS (SELECT 1) DELETE FROM companies",
        "VACUUM",
        "REINDEX",
        "PRAGMA writable_schema = 1",
        "PRAGMA query_only = 0",
        "ATTACH 'evil.db' AS evil",
        "BEGIN",
        "SELECT 1; DELETE FROM companies",
    ];
    for tool in ["sql_query", "sql_execute"] {
        let cases: Vec<(&str, Expect)> = writes.iter().map(|statement| (*statement, REFUSED)).collect();
        check(tool, &cases);
    }
}

#[test]
fn what_is_not_granted_is_refused() {
    check(
        "sql_query",
        &[
            ("SELECT * FROM benchmarks", DENIED),
            ("SELECT * FROM financial_data", DENIED),
            ("SELECT COUNT(*) FROM benchmarks", DENIED),
            ("SELECT * FROM companies, benchmarks", DENIED),
            (
                "SELECT name FROM companies WHERE EXISTS (SELECT 1 FROM benchmarks)",
                DENIED,
            ),
            (
                "SELECT name FROM companies UNION SELECT notes FROM benchmarks",
                DENIED,
            ),
            ("WITH b AS (SELECT * FROM benchmarks) SELECT * FROM b", DENIED),
            ("SELECT * FROM \"benchmarks\"", DENIED),
            ("SELECT * FROM main.benchmarks", DENIED),
            ("SELECT * FROM sqlite_master", DENIED),
            ("SELECT * FROM sqlite_schema", DENIED),
            ("SELECT sql FROM main.sqlite_master", DENIED),
            ("SELECT * FROM sqlite_temp_master", REFUSED),
            ("SELECT * FROM pragma_table_info('companies')", REFUSED),
            ("SELECT load_extension('evil')", REFUSED),
            ("SELECT readfile('/etc/passwd')", REFUSED),
            ("SELECT writefile('evil', 'x')", REFUSED),
        ],
    );
}

#[test]
fn what_does_not_end_is_bounded() {
    check(
        "sql_query",
        &[
            (
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n",
                BOUNDED,
            ),
            (
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
                Expect::Count(10_000, true),
            ),
        ],
    );
}

#[test]
fn bombs_are_bounded() {
    check(
        "sql_query",
        &[
            (
                "SELECT randomblob(1000000000)",
                Expect::Fails(&[Code::Unavailable, Code::InvalidInput, Code::Denied]),
            ),
            (
                "SELECT length(replace(hex(zeroblob(4000000)), '0', 'xxxxxxxxxx'))",
                Expect::Fails(&[Code::Unavailable, Code::InvalidInput, Code::Denied]),
            ),
        ],
    );
}

#[test]
fn a_write_grant_opens_its_table_and_no_other() {
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &[NARROW, "sql:write:finance/benchmarks"])
            .await;
        let add = "UPDATE benchmarks SET notes = 'seen'";
        let answer = rig.call("sql_execute", json!({ "statement": add })).await;
        assert_eq!(answer.json().unwrap()["rows_changed"], 2, "{answer:?}");
        let table = |name: &'static str| move |r: &Resource| matches!(r, Resource::Sql { table, .. } if table == name);
        assert!(saw(&answer, Access::Write, table("benchmarks")), "{answer:?}");
        let answer = rig
            .call("sql_execute", json!({ "statement": "DELETE FROM companies" }))
            .await;
        assert_eq!(code(&answer), Some(Code::Denied), "{answer:?}");
        assert!(!saw(&answer, Access::Write, |_| true), "{answer:?}");
    });
}

#[test]
fn without_a_grant_there_is_no_database() {
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &[]).await;
        let answer = rig
            .call("sql_query", json!({ "database": "finance", "statement": Q1 }))
            .await;
        assert_eq!(code(&answer), Some(Code::Denied), "{answer:?}");
        assert!(saw(
            &answer,
            Access::Denied,
            |r| matches!(r, Resource::Sql { database, .. } if database == "finance")
        ));
    });
}

#[test]
fn the_receipt_names_the_tables_that_were_read() {
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &[NARROW]).await;
        let answer = rig.call("sql_query", json!({ "statement": Q1 })).await;
        let read: Vec<String> = answer
            .receipt
            .effects
            .iter()
            .map(|e| e.resource.to_string())
            .collect();
        assert_eq!(read, ["sql finance/financial_records"]);
    });
}
