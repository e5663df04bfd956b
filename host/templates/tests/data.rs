//! Statements against the database: hostile values, indexes, changes, and what is not there.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod common;

use common::Demo;
use fact_templates::{Data, Filled, Resolution, Rows, Templates};
use serde_json::{Value, json};

/// A template's first example, filled.
async fn filled(demo: &Demo, templates: &Templates, name: &str) -> Filled {
    let example = templates.get(name).unwrap().example();
    match templates.resolve(&example, None, demo).await.unwrap() {
        Resolution::Filled(filled) => filled,
        other => panic!("{example}: {other:?}"),
    }
}

#[tokio::test]
async fn hostile_values_are_values() {
    let demo = Demo::new();
    let templates = Templates::builtin();
    let before = demo.figure("SELECT SUM(revenue) FROM financial_records").await;
    let hostile = [
        json!("' OR '1'='1"),
        json!("x'; DROP TABLE companies; --"),
        json!("\u{0}"),
        json!("%"),
        json!("_"),
        json!(":company"),
        json!("TechCorp Inc.' UNION SELECT name, name, name FROM companies --"),
        json!("é\u{202e}🙂".repeat(50)),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(-1),
        json!(0.5),
        json!(null),
    ];
    let mut run = 0;
    for listed in templates.list() {
        let good = filled(&demo, &templates, &listed.name).await;
        for name in good.parameters.keys() {
            for value in &hostile {
                let mut bad = good.clone();
                bad.parameters.insert(name.clone(), value.clone());
                run += 1;
                // Counts that are no counts are refused by the database; all else has no rows or rows of the table's own.
                if let Ok(rows) = demo.query(&bad.database, &bad.statement, &bad.parameters).await {
                    let reply = templates.render(&bad, &rows);
                    assert!(
                        !reply.text.chars().any(|c| c.is_control() && c != '\n'),
                        "{}",
                        reply.text
                    );
                    let entity = matches!(
                        name.as_str(),
                        "company" | "sector" | "quarter_name" | "year" | "quarter_year"
                    );
                    let table = rows.rows.len() > 1 || listed.name == "market-value-with-revenue";
                    assert!(
                        !entity || reply.empty || table,
                        "{} {name} = {value}: {}",
                        listed.name,
                        reply.text
                    );
                }
            }
        }
    }
    assert!(run > 1000, "{run}");
    assert_eq!(
        demo.figure("SELECT SUM(revenue) FROM financial_records").await,
        before
    );
    assert_eq!(demo.figure("SELECT COUNT(*) FROM companies").await, json!(5));
}

#[tokio::test]
async fn plans_use_an_index_where_there_is_a_condition() {
    let demo = Demo::new();
    let templates = Templates::builtin();
    for listed in templates.list() {
        let filled = filled(&demo, &templates, &listed.name).await;
        let plan = demo
            .plan(&filled.statement, &filled.parameters)
            .await
            .steps
            .join("\n");
        let selective = ["company", "sector", "year", "quarter_year"]
            .iter()
            .any(|name| filled.parameters.contains_key(*name));
        let searches = plan.contains("SEARCH") && (plan.contains("INDEX") || plan.contains("PRIMARY KEY"));
        assert!(!selective || searches, "{}:\n{plan}", listed.name);
    }
}

#[tokio::test]
async fn a_change_is_in_the_next_answer() {
    let demo = Demo::new();
    let templates = Templates::builtin();
    let ask = "total revenue in Q1 2025";
    assert!(demo.ask(&templates, ask, None).await.1.contains("68.5 bn"));
    demo.change("UPDATE financial_records SET revenue = revenue + 1000000000 WHERE id = 5")
        .await;
    assert!(demo.ask(&templates, ask, None).await.1.contains("69.5 bn"));
    demo.change("UPDATE financial_records SET revenue = revenue + 1 WHERE id = 5")
        .await;
    let text = demo.ask(&templates, ask, None).await.1;
    assert!(text.contains("69,500,000,001 dollars,"), "{text}");
    // A new company can be asked about at once.
    demo.change(
        "INSERT INTO companies (name, symbol, sector, employees) VALUES ('Techcorp Holding', 'THLD', 'Retail', 7)",
    )
    .await;
    let (_, text) = demo
        .ask(&templates, "How many employees does Techcorp Holding have?", None)
        .await;
    assert!(text.contains("Techcorp Holding has 7 employees"), "{text}");
    let (resolution, text) = demo
        .ask(&templates, "Techcorp Holding revenue in Q1 2025", None)
        .await;
    assert!(
        matches!(resolution, Resolution::Filled(_)) && text.contains("no figures of Techcorp Holding"),
        "{text}"
    );
}

#[tokio::test]
async fn a_name_of_two_is_asked_back() {
    let demo = Demo::new();
    let templates = Templates::builtin();
    demo.change("INSERT INTO companies (name, symbol, sector) VALUES ('TechCorp LLC', 'TCL', 'Energy')")
        .await;
    let (resolution, text) = demo.ask(&templates, "TechCorp revenue in Q1 2025", None).await;
    assert!(matches!(resolution, Resolution::Missing(_)), "{text}");
    assert!(
        text.contains("one of several companies: TechCorp Inc., TechCorp LLC. Say which."),
        "{text}"
    );
    let (_, text) = demo
        .ask(&templates, "TechCorp Inc revenue in Q1 2025", None)
        .await;
    assert!(text.contains("25 bn"), "{text}");
}

#[tokio::test]
async fn names_of_the_data_are_no_words_of_questions() {
    let demo = Demo::new();
    let templates = Templates::builtin();
    demo.change("INSERT INTO companies (name, symbol, sector) VALUES ('Total', 'ALL', 'Energy'), ('The', 'A', 'Retail')")
        .await;
    demo.change("INSERT INTO companies (name, symbol, sector) VALUES ('x\u{1b}[31m\u{202e}y', 'ESC', 'a|b')")
        .await;
    for question in [
        "total revenue in Q1 2025",
        "What was the revenue of all companies in Q1 2025?",
    ] {
        let text = demo.ask(&templates, question, None).await.1;
        assert!(text.contains("68.5 bn"), "{question}: {text}");
    }
    let text = demo.ask(&templates, "list companies", None).await.1;
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}') && text.contains("a/b"),
        "{text}"
    );
}

#[tokio::test]
async fn rows_are_shown_as_what_they_are() {
    let demo = Demo::new();
    let templates = Templates::builtin();
    let good = filled(&demo, &templates, "companies").await;
    let names = [
        "company",
        "symbol",
        "sector",
        "founded",
        "employees",
        "market_value",
    ];
    let columns: Vec<String> = names.map(str::to_owned).to_vec();
    let row = |n: usize| -> Vec<Value> {
        vec![
            json!(format!("C{n}")),
            json!("S"),
            json!("T"),
            json!(1999),
            json!(1),
            json!(null),
        ]
    };
    let many = Rows {
        columns: columns.clone(),
        rows: (0..60).map(row).collect(),
        truncated: false,
    };
    let text = templates.render(&good, &many).text;
    assert!(text.contains("first 50 rows; there are 10 more"), "{text}");
    assert!(text.contains("1999") && text.contains("no figure"), "{text}");
    let cut = Rows {
        truncated: true,
        ..many.clone()
    };
    assert!(
        templates
            .render(&good, &cut)
            .text
            .contains("there are more, which were not read")
    );
    let none = Rows {
        columns: columns.clone(),
        rows: Vec::new(),
        truncated: false,
    };
    let reply = templates.render(&good, &none);
    assert!(
        reply.empty && reply.text.contains("The data has no companies."),
        "{}",
        reply.text
    );
    // Columns that are others than the template's are not given its names or units.
    let other = Rows {
        columns: vec!["x".to_owned()],
        rows: vec![vec![json!(5)]],
        truncated: false,
    };
    let text = templates.render(&good, &other).text;
    assert!(text.contains("| x |") && !text.contains("dollars"), "{text}");
    assert_eq!(templates.render(&good, &none).source.statement, good.statement);
}

#[tokio::test]
async fn a_slip_that_may_mean_two_is_none() {
    let demo = Demo::new();
    let templates = Templates::builtin();
    let question = "Helthtech revenue in Q1 2025";
    let (_, text) = demo.ask(&templates, question, None).await;
    assert!(
        text.contains("8 bn") && text.contains("was read as \"HealthTech Solutions\""),
        "{text}"
    );
    demo.change("INSERT INTO companies (name, symbol, sector) VALUES ('Heelthtech', 'HEEL', 'Energy')")
        .await;
    let (resolution, text) = demo.ask(&templates, question, None).await;
    assert!(!matches!(resolution, Resolution::Filled(_)), "{text}");
    assert!(
        text.contains("\"Helthtech\" is not among the companies"),
        "{text}"
    );
}
