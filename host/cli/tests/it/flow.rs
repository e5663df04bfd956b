//! `fact flow`, from the file to the exit code.

use serde_json::Value;

use crate::chat::finance;

const FLOW: &str = r#"
name = "largest"

[set]
sector = "Technology"

[[step]]
id = "largest"
tool = "sql_query"
with.statement = "SELECT name FROM companies WHERE sector = :sector ORDER BY market_cap DESC LIMIT 1"
with.parameters.sector = { set = "sector" }

[[step]]
id = "revenue"
when = { from = "largest", at = "/rows/0/0", exists = true }
ask = "revenue of {company} in Q1 2025"
with.company = { from = "largest", at = "/rows/0/0" }
"#;

#[test]
fn row_core_agentic_flow_runs_and_resumes_from_a_file() {
    let home = finance();
    std::fs::write(home.path().join("largest.toml"), FLOW).unwrap();
    std::fs::write(
        home.path().join("broken.toml"),
        FLOW.replace("sql_query", "sql_nothing"),
    )
    .unwrap();
    std::fs::write(home.path().join("wrong.toml"), "name = 'x'").unwrap();
    let shown = home.ok(&["flow", "show", "largest.toml"]).out;
    for text in ["set sector = \"Technology\"", "call sql_query", "on a condition"] {
        assert!(shown.contains(text), "{text:?} in {shown}");
    }
    let ran = home.ok(&["flow", "run", "largest.toml", "--set", "sector=Retail", "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["done"], true, "{report}");
    let answer = report["steps"][1]["result"]["text"].as_str().unwrap();
    assert!(answer.contains("RetailMax"), "{answer}");
    let run = report["run"].as_str().unwrap();
    let again = home.ok(&["flow", "run", "largest.toml", "--resume", run]).out;
    assert!(
        again.contains("kept, still true") && again.contains("RetailMax"),
        "{again}"
    );

    for (code, arguments) in [
        (4, &["flow", "run", "broken.toml"][..]),
        (4, &["flow", "run", "nothing.toml"]),
        (2, &["flow", "show", "wrong.toml"]),
        (2, &["flow", "run", "largest.toml", "--set", "colour=red"]),
        (2, &["flow", "run", "largest.toml", "--resume", "x"]),
        (2, &["flow", "run", "broken.toml", "--resume", run]),
    ] {
        let ran = home.fact(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
    }
}
