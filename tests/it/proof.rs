//! What a result rests on, and whether it is still so: asked again after each kind of change, without running a guest.

use fact_core::types::Code;
use fact_core::{Answer, Fleeting, Proof};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

use crate::rig::{Rig, code, folder, run};

/// Whether an answer's result is still true.
async fn holds(rig: &Rig, answer: &Answer) -> bool {
    !matches!(rig.host.still_true(&answer.trace).await, Proof::Stale(_))
}

/// Calls a tool that must succeed with a result that can be proven.
async fn proven(rig: &Rig, tool: &str, arguments: Value) -> Answer {
    let answer = rig.call(tool, arguments.clone()).await;
    answer.json().unwrap();
    assert_eq!(answer.trace.fleeting(), None, "{tool} {arguments}");
    answer
}

/// Changes a database as another program would.
pub(crate) fn outside(path: &Path, statement: &str) {
    let done = std::process::Command::new("python3")
        .args([
            "-c",
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()",
        ])
        .arg(path)
        .arg(statement)
        .status()
        .unwrap();
    assert!(done.success());
}

#[test]
fn sql_holds_until_its_answer_changes() {
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &["sql:read:finance", "sql:write:finance"])
            .await;
        let total = json!({ "statement": "SELECT sum(revenue) FROM financial_records WHERE year = 2025" });
        let answer = proven(&rig, "sql_query", total.clone()).await;
        assert!(answer.trace.reads() > 0);
        assert!(holds(&rig, &answer).await);

        let database = rig.data().join("finance.db");
        outside(&database, "DELETE FROM benchmarks");
        assert!(holds(&rig, &answer).await, "a table that it never read");
        outside(&database, "UPDATE companies SET employees = employees + 1");
        assert!(holds(&rig, &answer).await, "another table");
        outside(
            &database,
            "UPDATE financial_records SET revenue = revenue + 1 WHERE year = 2024",
        );
        assert!(holds(&rig, &answer).await, "other rows, the same answer");
        outside(
            &database,
            "UPDATE financial_records SET revenue = revenue + 1 WHERE year = 2025",
        );
        assert!(!holds(&rig, &answer).await);

        // By the host itself.
        let answer = proven(&rig, "sql_query", total.clone()).await;
        let write = |statement: &str| json!({ "statement": statement });
        rig.answer("sql_execute", write("UPDATE companies SET employees = 1"))
            .await;
        assert!(holds(&rig, &answer).await);
        rig.answer("sql_execute", write("UPDATE financial_records SET revenue = 0"))
            .await;
        assert!(!holds(&rig, &answer).await);

        // Another file in its place.
        let answer = proven(&rig, "sql_query", total.clone()).await;
        fact_core::store::demo::seed(&rig.data().join("other.db")).unwrap();
        std::fs::rename(rig.data().join("other.db"), &database).unwrap();
        assert!(!holds(&rig, &answer).await);
        let again = rig.answer("sql_query", total.clone()).await;
        assert_eq!(again["rows"][0][0], json!(68_500_000_000_u64), "{again}");
        std::fs::remove_file(&database).unwrap();
        assert!(!holds(&rig, &answer).await);
    });
}

#[test]
fn what_is_never_the_same_twice_does_not_hold() {
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &["sql:read:finance", "sql:write:finance"])
            .await;
        for statement in ["SELECT random()", "SELECT datetime('now')"] {
            let answer = rig.call("sql_query", json!({ "statement": statement })).await;
            assert!(
                matches!(answer.trace.fleeting(), Some(Fleeting::Read { .. })),
                "{statement}: {:?}",
                answer.trace
            );
            assert!(!holds(&rig, &answer).await);
        }
        let wrote = rig
            .call(
                "sql_execute",
                json!({ "statement": "UPDATE companies SET employees = 2" }),
            )
            .await;
        assert!(wrote.trace.wrote(), "{:?}", wrote.trace);
        let denied = rig
            .call("sql_query", json!({ "statement": "SELECT * FROM sqlite_schema" }))
            .await;
        assert!(denied.trace.fleeting().is_some(), "{denied:?}");
    });
}

#[test]
fn files_hold_until_what_was_seen_of_them_changes() {
    run(async {
        let rig = Rig::new();
        let files = folder();
        let at = |name: &str| files.path().join(name);
        rig.builtin("file", &[&format!("fs:read:{}", files.path().display())])
            .await;
        std::fs::write(at("a.txt"), "one").unwrap();
        std::fs::write(at("b.txt"), "two").unwrap();
        std::fs::create_dir(at("sub")).unwrap();
        let path = |name: &str| at(name).display().to_string();

        let read = json!({ "path": path("a.txt") });
        let answer = proven(&rig, "file_read", read.clone()).await;
        assert!(holds(&rig, &answer).await, "just written, and the same");
        std::fs::write(at("b.txt"), "three").unwrap();
        std::fs::write(at("c.txt"), "").unwrap();
        assert!(holds(&rig, &answer).await, "a neighbour");
        // Within one tick of the file system's clock, and as long as before.
        std::fs::write(at("a.txt"), "eno").unwrap();
        assert!(!holds(&rig, &answer).await, "other bytes");
        let answer = proven(&rig, "file_read", read.clone()).await;
        std::fs::OpenOptions::new()
            .append(true)
            .open(at("a.txt"))
            .and_then(|mut file| std::io::Write::write_all(&mut file, b"more"))
            .unwrap();
        assert!(!holds(&rig, &answer).await, "more bytes");

        // Settled, and then changed with its old time put back.
        let answer = proven(&rig, "file_read", read.clone()).await;
        let before = std::fs::metadata(at("a.txt")).unwrap().modified().unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
        let settled = proven(&rig, "file_read", read.clone()).await;
        assert!(holds(&rig, &answer).await && holds(&rig, &settled).await);
        std::fs::write(at("a.txt"), "enomerX").unwrap();
        let file = std::fs::File::options().write(true).open(at("a.txt")).unwrap();
        file.set_modified(before).unwrap();
        assert!(!holds(&rig, &answer).await && !holds(&rig, &settled).await);

        let missing = rig.call("file_read", json!({ "path": path("none.txt") })).await;
        assert_eq!(code(&missing), Some(Code::NotFound), "{missing:?}");
        assert_eq!(missing.trace.fleeting(), None);
        assert!(holds(&rig, &missing).await);
        std::fs::write(at("none.txt"), "now").unwrap();
        assert!(!holds(&rig, &missing).await, "it is there now");

        let list = proven(&rig, "file_list", json!({ "path": path("sub") })).await;
        assert!(holds(&rig, &list).await);
        std::fs::write(at("b.txt"), "elsewhere").unwrap();
        assert!(holds(&rig, &list).await);
        std::fs::write(at("sub/new.txt"), "").unwrap();
        assert!(!holds(&rig, &list).await);
        let list = proven(&rig, "file_list", json!({ "path": path("sub") })).await;
        std::fs::rename(at("sub/new.txt"), at("sub/old.txt")).unwrap();
        assert!(!holds(&rig, &list).await);

        let answer = proven(&rig, "file_read", json!({ "path": path("b.txt") })).await;
        std::fs::remove_file(at("b.txt")).unwrap();
        assert!(!holds(&rig, &answer).await);
    });
}

#[test]
fn other_grants_or_another_version_are_another_result() {
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &["sql:read:finance"]).await;
        let ask = json!({ "statement": "SELECT count(*) FROM companies" });
        let answer = proven(&rig, "sql_query", ask.clone()).await;
        let (registry, sql) = (rig.host.registry(), "sql".parse().unwrap());
        assert!(holds(&rig, &answer).await);
        registry
            .grant(
                &sql,
                &"clock:wall".parse().unwrap(),
                &Default::default(),
                "test",
                None,
            )
            .unwrap();
        assert!(!holds(&rig, &answer).await);
        let answer = proven(&rig, "sql_query", ask.clone()).await;
        registry.enable(&sql, false).unwrap();
        assert!(!holds(&rig, &answer).await);
    });
}

#[test]
fn a_pure_result_holds_for_ever() {
    run(async {
        let rig = Rig::new();
        rig.builtin("util", &[]).await;
        let answer = rig.call("util_parse_size", json!({ "text": "1 MiB" })).await;
        assert!(answer.trace.is_pure(), "{answer:?}");
        assert!(holds(&rig, &answer).await);
    });
}
