//! Flows: steps that build on one another.

use fact_core::types::{Code, Principal};
use fact_flow::{Ended, Flow, Report, RunId, Runner};
use fact_tests::guests;
use serde_json::{Map, Value, json};

use crate::answers::finance;
use crate::proof::outside;
use crate::rig::run;

fn parse(text: &str) -> Flow {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn sets(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn ended(report: &Report) -> Vec<Ended> {
    report.steps.iter().map(|step| step.ended).collect()
}

async fn go(answers: &fact_answers::Answers, flow: &Flow, given: Value, resume: Option<RunId>) -> Report {
    let local = Principal::local();
    let runner = Runner::new(answers, &local);
    runner.run(flow, sets(given), resume).await.unwrap()
}

const LARGEST: &str = r#"
name = "largest"
description = "The largest company of a sector, and what it earned"

[set]
sector = "Technology"
enough = 1000

[[step]]
id = "largest"
tool = "sql_query"
with.statement = "SELECT name, employees FROM companies WHERE sector = :sector ORDER BY market_cap DESC LIMIT 1"
with.parameters.sector = { set = "sector" }

[[step]]
id = "records"
tool = "sql_query"
with.statement = "SELECT SUM(f.revenue) FROM financial_records AS f JOIN companies AS c ON f.company_id = c.id WHERE c.name = :name AND year = 2025"
with.parameters.name = { from = "largest", at = "/rows/0/0" }

[[step]]
id = "asked"
when = { from = "largest", at = "/rows/0/1", above = 1000 }
ask = "revenue of {company} in Q1 2025"
with.company = { from = "largest", at = "/rows/0/0" }

[[step]]
id = "small"
when = { from = "largest", at = "/rows/0/1", below = 1001 }
tool = "sql_schema"
"#;

#[test]
fn row_core_agentic_flow_a_chain_with_a_condition_counts_its_calls() {
    use Ended::{Done, Skipped};
    run(async {
        let (rig, answers) = finance(|_| {}).await;
        let counted = || {
            let usage = rig.host.usage(None).unwrap();
            usage.iter().map(|tool| tool.calls).sum::<u64>()
        };
        let flow = parse(LARGEST);
        let before = counted();
        let first = go(&answers, &flow, json!({}), None).await;
        assert_eq!(ended(&first), [Done, Done, Done, Skipped], "{first:#?}");
        assert!(first.done);
        assert_eq!(u64::from(first.tool_calls), counted() - before, "{first:#?}");
        let name = first.steps[0].result.as_ref().unwrap()["rows"][0][0].clone();
        let asked = first.steps[2].result.as_ref().unwrap()["text"].as_str().unwrap();
        assert!(asked.contains(name.as_str().unwrap()), "{asked}");

        // Again, and nothing runs; with another sector something does.
        let again = go(&answers, &flow, json!({}), None).await;
        assert!(again.steps[..3].iter().all(|step| step.cached), "{again:#?}");
        assert_eq!(again.tool_calls, again.cached_calls);
        let other = go(&answers, &flow, json!({ "sector": "Energy" }), None).await;
        assert!(!other.steps[0].cached && other.done, "{other:#?}");
        assert_ne!(other.steps[0].result, first.steps[0].result);
    });
}

#[test]
fn row_core_agentic_flow_a_run_is_resumed_without_what_is_still_true() {
    use Ended::{Done, Kept, Skipped};
    run(async {
        // Without a cache, so that nothing else keeps results.
        let (rig, answers) = finance(|config| config.cache.enabled = false).await;
        let flow = parse(LARGEST);
        let first = go(&answers, &flow, json!({}), None).await;
        let database = rig.data().join("finance.db");

        outside(&database, "DELETE FROM benchmarks");
        let again = go(&answers, &flow, json!({}), Some(first.run)).await;
        assert_eq!(ended(&again), [Kept, Kept, Done, Skipped], "{again:#?}");
        assert_eq!(
            (again.run, &again.steps[0].result),
            (first.run, &first.steps[0].result)
        );

        outside(
            &database,
            "UPDATE financial_records SET revenue = revenue + 1 WHERE year = 2025",
        );
        let changed = go(&answers, &flow, json!({}), Some(first.run)).await;
        assert_eq!(ended(&changed), [Kept, Done, Done, Skipped], "{changed:#?}");
        assert_ne!(changed.steps[1].result, first.steps[1].result);

        // Other values are other arguments.
        let other = go(&answers, &flow, json!({ "sector": "Energy" }), Some(first.run)).await;
        assert_eq!(ended(&other)[..2], [Done, Done], "{other:#?}");

        let eve = "eve".parse().unwrap();
        let theirs = Runner::new(&answers, &eve)
            .run(&flow, Map::new(), Some(first.run))
            .await;
        assert_eq!(theirs.unwrap_err().code, Code::NotFound);
        let local = Principal::local();
        let runner = Runner::new(&answers, &local);
        let changed = parse(&LARGEST.replace("LIMIT 1", "LIMIT 2"));
        let refused = runner.run(&changed, Map::new(), Some(first.run)).await;
        assert_eq!(refused.unwrap_err().code, Code::Conflict);
        let unknown = runner.run(&flow, sets(json!({ "colour": 1 })), None).await;
        assert_eq!(unknown.unwrap_err().code, Code::InvalidInput);
    });
}

#[test]
fn row_core_agentic_flow_a_failure_in_passing_is_tried_again() {
    run(async {
        let (rig, answers) = finance(|_| {}).await;
        rig.install(guests::SPIN, &[]).await;
        let flow = parse(
            r#"
name = "late"
[[step]]
id = "spin"
tool = "spin_run"
retries = 2
wait = "1ms"
timeout = "50ms"
[[step]]
id = "then"
tool = "sql_schema"
"#,
        );
        let report = go(&answers, &flow, json!({}), None).await;
        assert_eq!(ended(&report), [Ended::Failed, Ended::NotBegun]);
        assert_eq!((report.steps[0].tries, report.tool_calls), (3, 3), "{report:#?}");
        assert_eq!(report.error().map(|error| error.code), Some(Code::Deadline));

        // What can't get better is not tried again.
        let flow = parse("name = \"none\"\n[[step]]\nid = \"a\"\ntool = \"no_tool\"");
        let report = go(&answers, &flow, json!({}), None).await;
        assert_eq!((ended(&report)[0], report.steps[0].tries), (Ended::Failed, 1));
    });
}

#[test]
fn row_core_agentic_flow_what_was_written_is_not_written_again() {
    run(async {
        let (_rig, answers) = finance(|_| {}).await;
        let flow = parse(
            r#"
name = "write"
[[step]]
id = "a"
parallel = "both"
tool = "sql_execute"
with.statement = "UPDATE companies SET employees = employees + 1 WHERE id = 1"
[[step]]
id = "b"
parallel = "both"
tool = "sql_execute"
with.statement = "UPDATE companies SET employees = employees + 1 WHERE id = 2"
[[step]]
id = "sum"
tool = "sql_query"
with.statement = "SELECT SUM(employees) FROM companies"
"#,
        );
        let first = go(&answers, &flow, json!({}), None).await;
        assert!(first.done, "{first:#?}");
        let again = go(&answers, &flow, json!({}), Some(first.run)).await;
        assert_eq!(ended(&again), [Ended::Kept; 3], "{again:#?}");
        assert_eq!(again.tool_calls, 0);
        let anew = go(&answers, &flow, json!({}), None).await;
        let sum = |report: &Report| {
            report.steps[2].result.as_ref().unwrap()["rows"][0][0]
                .as_i64()
                .unwrap()
        };
        assert_eq!(sum(&anew), sum(&first) + 2);
    });
}

#[test]
fn what_is_wrong_with_a_flow_is_said_at_once() {
    for (text, words) in [
        ("name = \"a\"", &["it has 0 steps"][..]),
        (
            "name = \"a b\"\n[[step]]\nid = \"a\"\n[[step]]\nid = \"a\"\ntool = \"sql_query\"",
            &["`name` must be a name", "either `tool` or `ask`", "two steps `a`"],
        ),
        (
            "name = \"a\"\n[[step]]\nid = \"a\"\ntool = \"sql_query\"\nwith.x = { from = \"b\", at = \"y\" }",
            &["is no JSON pointer"],
        ),
        (
            "name = \"a\"\n[[step]]\nid = \"a\"\ntool = \"sql_query\"\nwith.x = { from = \"a\" }\nwith.y = { set = \"z\" }",
            &["`a`, which it refers to", "`z` is not among"],
        ),
        (
            "name = \"a\"\n[[step]]\nid = \"a\"\nask = \"why\"\nwith.x = 1\nretries = 99\ntimeout = \"1day\"",
            &["the question has no `{x}`", "`retries` is 99", "`timeout`"],
        ),
        ("name = \"a\"\ncolour = 1", &["colour"]),
    ] {
        let error = text.parse::<Flow>().unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{text}: {word:?} in {error}");
        }
    }
}
