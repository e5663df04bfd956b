//! The cache: an answer is used again until what it was read from changes, whoever changes it.

use std::path::Path;
use std::process::{Command, Stdio};

use fact_core::{Host, InstallOptions, Source};
use fact_types::{CacheState, Capability, Code, Terms};
use serde_json::json;

use super::report::{Group, Row};
use crate::failure::Failure;

/// The plugin that another process writes with.
const WRITER: &str = "writer";

/// What is asked.
const QUESTION: &str =
    "SELECT SUM(revenue) AS total FROM financial_records WHERE quarter = 'Q1' AND year = 2025";

/// What another process does, what is asked then, and what must come of it.
struct Step {
    title: &'static str,
    write: Option<&'static str>,
    state: CacheState,
    total: i64,
}

const STEPS: [Step; 6] = [
    Step {
        title: "asked for the first time",
        write: None,
        state: CacheState::Miss,
        total: 68_500_000_000,
    },
    Step {
        title: "asked again: no tool runs",
        write: None,
        state: CacheState::Memory,
        total: 68_500_000_000,
    },
    Step {
        title: "another process changes another table",
        write: Some("UPDATE companies SET employees = employees + 1 WHERE symbol = 'TECH'"),
        state: CacheState::Memory,
        total: 68_500_000_000,
    },
    Step {
        title: "another process changes a figure",
        write: Some(
            "UPDATE financial_records SET revenue = revenue + 7 WHERE quarter = 'Q1' AND year = 2025 AND company_id = 1",
        ),
        state: CacheState::Stale,
        total: 68_500_000_007,
    },
    Step {
        title: "the new answer is kept",
        write: None,
        state: CacheState::Memory,
        total: 68_500_000_007,
    },
    Step {
        title: "another process changes it back",
        write: Some(
            "UPDATE financial_records SET revenue = revenue - 7 WHERE quarter = 'Q1' AND year = 2025 AND company_id = 1",
        ),
        state: CacheState::Stale,
        total: 68_500_000_000,
    },
];

/// Makes the steps, one row each.
pub(super) async fn run(host: &Host, data: &Path, program: Option<&Path>) -> Result<Vec<Row>, Failure> {
    install_writer(host).await?;
    let mut rows = Vec::new();
    for step in &STEPS {
        let outside = match step.write {
            Some(statement) => write(data, program, statement).await,
            None => Ok(()),
        };
        let answer = host
            .call_json("sql_query", json!({ "statement": QUESTION }))
            .await;
        let told = |state: CacheState, total: &str| format!("{}: {total}", word(state));
        let state = answer.receipt.cache.state;
        let got = match answer.json() {
            Ok(document) => document
                .pointer("/rows/0/0")
                .map_or_else(|| "no figure".to_owned(), ToString::to_string),
            Err(error) => error.code.to_string(),
        };
        // A hit that ran something, or a run that took no time, would be a lie of the receipt.
        let honest = answer.receipt.run.is_zero() == answer.receipt.cache.is_hit();
        let expected = told(step.state, &step.total.to_string());
        let got = told(state, &got);
        rows.push(Row {
            group: Group::Kept,
            title: step.title.to_owned(),
            call: "sql_query".to_owned(),
            good: got == expected && honest && outside.is_ok(),
            expected,
            got,
            remark: outside.err().or_else(|| answer.receipt.cache.why.clone()),
            milliseconds: answer.receipt.total.as_secs_f64() * 1e3,
            receipt: Some(answer.receipt),
        });
    }
    Ok(rows)
}

fn word(state: CacheState) -> &'static str {
    match state {
        CacheState::Off => "not asked",
        CacheState::Memory | CacheState::Disk => "hit",
        CacheState::Miss => "miss",
        CacheState::Stale => "fresh",
    }
}

/// The plugin that writes for the other process: the one that asks may only read.
async fn install_writer(host: &Host) -> Result<(), Failure> {
    let sql = fact_bundle::builtin("sql")
        .ok_or_else(|| Failure::new(Code::Internal, "This program was built without its plugins."))?;
    let grants: Result<Vec<Capability>, _> = ["sql:read:finance", "sql:write:finance"]
        .iter()
        .map(|text| text.parse())
        .collect();
    let grants = grants.map_err(|error| Failure::new(Code::Internal, format!("{error}.")))?;
    let options = InstallOptions {
        name: WRITER.parse().ok(),
        grants: grants
            .into_iter()
            .map(|capability| (capability, Terms::default()))
            .collect(),
        by: "demo".to_owned(),
    };
    let source = Source::Bytes {
        label: "builtin:sql".to_owned(),
        bytes: sql.bytes.to_vec(),
    };
    host.registry().install(source, options).await?;
    Ok(())
}

/// Runs this program once more, which changes something and ends.
async fn write(data: &Path, program: Option<&Path>, statement: &'static str) -> Result<(), String> {
    let program = program
        .ok_or("this program can't be started once more")?
        .to_owned();
    let data = data.to_owned();
    let ran = tokio::task::spawn_blocking(move || {
        Command::new(program)
            // The settings of whoever runs the demo are not its own.
            .env_clear()
            .env("HOME", &data)
            .arg("--data-dir")
            .arg(&data)
            .args(["--quiet", "call"])
            .arg(format!("{WRITER}_execute"))
            .arg(format!("statement={statement}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output()
    });
    match ran.await {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => Err(format!(
            "the other process ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
        Ok(Err(error)) => Err(format!("the other process can't be started: {}", error.kind())),
        Err(_) => Err("the other process was lost sight of".to_owned()),
    }
}
