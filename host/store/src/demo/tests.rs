//! The golden values, the sample questions, and seeding again and again.

use super::*;
use crate::{DatabaseConfig, Databases, Rows, SqlLimits, Value};
use fact_types::Capability;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

async fn ask(path: &Path, statement: &str) -> Rows {
    let config = DatabaseConfig {
        path: path.to_owned(),
        samples: samples(),
    };
    let databases = Databases::new(
        BTreeMap::from([("finance".to_owned(), config)]),
        SqlLimits::default(),
    );
    let Capability::Sql(grant) = "sql:read:finance".parse().unwrap() else {
        panic!()
    };
    let deadline = Instant::now() + BUSY;
    databases
        .query(&Arc::from([grant]), "finance", statement, vec![], None, deadline)
        .await
        .unwrap()
}

/// Cells as text, blanks between them, a row a line.
fn text(rows: &Rows) -> String {
    let cell = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::Integer(n) => n.to_string(),
        Value::Real(x) => x.to_string(),
        Value::Text(t) => t.replace(' ', "_"),
        Value::Blob(_) => "blob".to_owned(),
    };
    let line = |row: &Vec<Value>| row.iter().map(cell).collect::<Vec<_>>().join(" ");
    rows.rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn golden_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("finance.db");
    assert!(seed(&path).unwrap().created);
    for (statement, want) in [
        (
            "SELECT SUM(revenue) FROM financial_records WHERE quarter='Q1' AND year=2025",
            "68500000000",
        ),
        (
            "SELECT SUM(revenue) FROM financial_records WHERE year=2024",
            "280900000000",
        ),
        (
            "SELECT symbol, SUM(revenue) FROM financial_records JOIN companies AS c ON c.id = company_id \
             WHERE year=2024 GROUP BY symbol ORDER BY 2 DESC",
            "TECH 101000000000\nRTLM 75300000000\nFINF 50800000000\nHLTH 32000000000\nGREN 21800000000",
        ),
        (
            "SELECT AVG(revenue), AVG(profit), AVG(expenses) FROM financial_records WHERE year=2024",
            "14045000000 2434000000 11611000000",
        ),
        (
            "SELECT COUNT(*) FROM financial_records WHERE expenses <> revenue - profit",
            "0",
        ),
        (
            "SELECT COUNT(*) FROM (SELECT company_id, quarter, year, revenue, profit, expenses FROM financial_records \
             EXCEPT SELECT company_id, quarter, year, revenue, profit, expenses FROM financial_data)",
            "0",
        ),
        (
            "SELECT avg_response_time_ms FROM benchmarks ORDER BY id",
            "250.5\n180.2",
        ),
    ] {
        assert_eq!(text(&ask(&path, statement).await), want, "{statement}");
    }
    let indexes: i64 = Connection::open(&path)
        .unwrap()
        .query_row(
            "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL",
            [],
            |r| r.get(0),
        )
        .unwrap();
    assert_eq!(indexes, 10);
}

#[tokio::test]
async fn sample_questions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("finance.db");
    seed(&path).unwrap();
    let answers = [
        "TechCorp_Inc. TECH 50000 250000000000",
        "TechCorp_Inc. TECH 101000000000\nRetailMax_Group RTLM 75300000000\nFinanceFirst_LLC FINF 50800000000\n\
         HealthTech_Solutions HLTH 32000000000\nGreen_Energy_Corp GREN 21800000000",
        "TechCorp_Inc. 25000000000 5000000000 20000000000\nRetailMax_Group 18000000000 1800000000 16200000000\n\
         FinanceFirst_LLC 12000000000 3000000000 9000000000\nHealthTech_Solutions 8000000000 1200000000 6800000000\n\
         Green_Energy_Corp 5500000000 800000000 4700000000",
        "Energy 1\nFinancial_Services 1\nHealthcare 1\nRetail 1\nTechnology 1",
        "2024 Q1 23000000000 4600000000\n2024 Q2 24000000000 4800000000\n2024 Q3 26000000000 5500000000\n\
         2024 Q4 28000000000 6000000000\n2025 Q1 25000000000 5000000000",
        "14045000000 2434000000 11611000000",
        "TechCorp_Inc. 250000000000 25000000000\nFinanceFirst_LLC 125000000000 12000000000\n\
         RetailMax_Group 95000000000 18000000000\nHealthTech_Solutions 75000000000 8000000000\n\
         Green_Energy_Corp 45000000000 5500000000",
    ];
    assert_eq!(samples().len(), answers.len());
    for (sample, want) in samples().iter().zip(answers) {
        assert_eq!(
            text(&ask(&path, &sample.statement).await),
            want,
            "{}",
            sample.question
        );
    }
}

#[test]
fn seeding_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/finance.db");
    assert!(seed(&path).unwrap().created);
    let first = check(&path).unwrap();
    let counts: Vec<_> = first
        .tables
        .iter()
        .map(|(table, rows)| (table.as_str(), *rows))
        .collect();
    assert_eq!(
        counts,
        [
            ("companies", 5),
            ("financial_records", 25),
            ("financial_data", 25),
            ("benchmarks", 2)
        ]
    );
    let conn = Connection::open(&path).unwrap();
    conn.execute("UPDATE companies SET employees = 1 WHERE symbol = 'TECH'", [])
        .unwrap();
    for _ in 0..3 {
        assert!(!seed(&path).unwrap().created);
    }
    assert_eq!(check(&path).unwrap(), first);
    let kept: i64 = conn
        .query_row("SELECT employees FROM companies WHERE symbol = 'TECH'", [], |r| {
            r.get(0)
        })
        .unwrap();
    assert_eq!(kept, 1);
    conn.execute("DELETE FROM benchmarks WHERE id = 2", []).unwrap();
    assert!(check(&path).is_err());
    assert!(seed(&path).unwrap().created);
    assert_eq!(check(&path).unwrap(), first);
}

#[test]
fn seeding_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("finance.db");
    let created: Vec<bool> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| seed(&path).unwrap().created))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(created.iter().filter(|created| **created).count(), 1);
    assert_eq!(check(&path).unwrap().tables[1].1, 25);
}

#[test]
fn damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    assert!(check(&folder.path().join("absent.db")).is_err());
    for table in ["companies", "financial_records", "financial_data", "benchmarks"] {
        let path = folder.path().join(format!("{table}.db"));
        seed(&path).unwrap();
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(&format!("PRAGMA foreign_keys = 0; DROP TABLE {table}"))
            .unwrap();
        let error = check(&path).unwrap_err().to_string();
        assert!(error.contains(table), "{error}");
    }
    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is no database, however long it may be ".repeat(100)).unwrap();
    assert!(check(&text).is_err() && seed(&text).is_err());
}
