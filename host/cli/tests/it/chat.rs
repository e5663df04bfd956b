//! `fact chat` and conversations, as a script speaks with them.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::fact::{Home, Ran};

/// A home with the demo database, and the plugin that may read it.
pub(crate) fn finance() -> Home {
    let home = Home::new();
    home.ok(&["db", "seed"]);
    home.ok(&["plugin", "install", "builtin:sql", "--grant", "sql:read:finance"]);
    home
}

/// Runs a session of these lines, which must end with 0.
fn session(home: &Home, arguments: &[&str], lines: &str) -> Ran {
    let mut child = home
        .command(env!("CARGO_BIN_EXE_fact"))
        .arg("chat")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let ran = Ran::new(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{lines}: {ran:?}");
    ran
}

const TECHCORP: &str = "What was TechCorp's Q1 2025 revenue?";

#[test]
fn row_core_cli_each_command_of_a_session_works() {
    let home = finance();
    for (lines, expected) in [
        (
            ["help", "?"],
            &["status, stats", "samples, examples", "exit, quit, q"][..],
        ),
        (
            ["status", "stats"],
            &["ready         yes", "finance", "templates alone"],
        ),
        (["tools", "list-tools"], &["sql_query", "sql_schema"]),
        (["schema", "db-schema"], &["financial_records", "COLUMN"]),
        (["samples", "examples"], &["1. ", "7. "]),
        (
            ["metrics", "performance"],
            &["hit rate      no data", "misses        0"],
        ),
    ] {
        for line in lines {
            let ran = session(&home, &[], &format!("{line}\n"));
            for text in expected {
                assert!(ran.out.contains(text), "{line}: {text:?} in {ran:?}");
            }
            assert_eq!(ran.err, "", "{line}");
            assert!(!ran.out.contains("fact>"), "a pipe gets no prompt: {ran:?}");
        }
    }
    assert!(!session(&home, &[], "samples\n").out.contains("8. "));
    for leave in ["exit", "quit", "q", "QUIT"] {
        let ran = session(&home, &[], &format!("{leave}\nhelp\n"));
        assert_eq!(ran.out, "", "nothing is read after {leave}");
    }
    assert_eq!(session(&home, &[], "").out, "", "the end of input leaves");
}

#[test]
fn row_core_cli_questions_go_on_from_one_another() {
    let home = finance();
    let ran = session(
        &home,
        &[],
        &format!("{TECHCORP}\n\nnonsense\nand for Q4?\nstatus\n"),
    );
    assert_eq!(ran.out.matches("company = \"TechCorp").count(), 2, "{ran:?}");
    assert!(ran.out.contains("turns: 3"), "{ran:?}");

    // What fails is told, and the session goes on; machines get a document a line.
    let ran = session(&home, &["--json", "--continue"], "and for Q1 2024?\nmetrics\n");
    let documents: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(documents.len(), 2, "{ran:?}");
    assert_eq!(documents[0]["by"]["kind"], "template", "{ran:?}");
    assert!(documents[1]["misses"].as_u64() > Some(0), "{ran:?}");
}

#[test]
fn row_core_cli_a_failure_does_not_end_a_session() {
    let home = Home::new();
    let ran = session(&home, &[], &format!("{TECHCORP}\nschema\nhelp\n"));
    assert_eq!(ran.err.matches("error: ").count(), 2, "{ran:?}");
    assert!(ran.out.contains("COMMAND"), "{ran:?}");
}

#[test]
fn row_core_conversation_ask_goes_on_by_name_or_with_the_last() {
    let home = finance();
    home.ok(&["ask", "--conversation", "budget", TECHCORP]);
    home.ok(&["ask", "--conversation", "other", "list all companies"]);
    let q4 = home.ok(&["ask", "--conversation", "budget", "and for Q4?"]);
    assert!(q4.out.contains("TechCorp"), "{q4:?}");
    let last = home.ok(&["ask", "--continue", "--json", "and for Q1 2024?"]);
    let last: Value = serde_json::from_str(&last.out).unwrap();
    assert_eq!(last["conversation"], "budget", "{last}");

    let list = home.ok(&["conversation", "list", "--json"]);
    let list: Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!(list["conversations"][0]["id"], "budget", "{list}");
    assert_eq!(list["conversations"][0]["turns"], 3, "{list}");
    let shown = home.ok(&["conversation", "show", "budget"]).out;
    for text in ["1. What was TechCorp's Q1 2025 revenue?", "2. and for Q4?", "3. "] {
        assert!(shown.contains(text), "{text:?} in {shown}");
    }
    home.ok(&["conversation", "delete", "budget"]);

    // Without the turn before, nobody knows what is meant.
    for (code, arguments) in [
        (1, &["ask", "--conversation", "budget", "and for Q4?"][..]),
        (1, &["ask", "and for Q4?"]),
        (2, &["ask", "--conversation", "a b", TECHCORP]),
        (2, &["ask", "--conversation", "a", "--continue", TECHCORP]),
        (4, &["conversation", "show", "nothing"]),
        (4, &["conversation", "delete", "nothing"]),
    ] {
        let ran = home.fact(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
    }
    let empty = Home::new();
    assert_eq!(empty.fact(&["ask", "--continue", TECHCORP]).code, 4);
    assert_eq!(empty.fact(&["chat", "--continue"]).code, 4);
}

#[test]
fn row_core_cli_an_interrupt_leaves() {
    let home = finance();
    let mut child = home
        .command(env!("CARGO_BIN_EXE_fact"))
        .arg("chat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Once it has answered, it waits for the next line.
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"help\n").unwrap();
    let mut first = [0; 7];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    let status = home
        .command("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let ran = Ran::new(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    drop(input);
}
