//! Templates of users: what is read, what is refused, and what it says.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod common;

use common::Demo;
use fact_templates::{Origin, Resolution, Templates};

const GOOD: &str = r#"
[words]
staffing = ["manning"]

[kinds.founder]
type = "choice"
values = { old = ["ancient"], young = [] }

[[template]]
name = "revenue-per-employee"
description = "Revenue of a company in a quarter for each employee."
database = "finance"
statement = """
SELECT ROUND(1.0 * f.revenue / c.employees, 2) AS value
FROM companies AS c JOIN financial_records AS f ON f.company_id = c.id
WHERE c.name = :company AND f.quarter = :quarter_name AND f.year = :quarter_year AND :least <= c.employees
"""
phrasings = ["revenue per employee of {company} in {quarter} [with at least {least} manning]"]
examples = [{ question = "TechCorp revenue per employee in Q1 2025", expect = "500,000 dollars" }]
[template.parameters]
company = { kind = "company" }
quarter = { kind = "quarter" }
least = { type = "number", least = 0, most = 1e6, default = 1 }
[template.answer]
one = "{company} had a revenue of {value} for each employee in {quarter}."
columns = [{ name = "value", unit = "dollars" }]
"#;

#[tokio::test]
async fn a_users_template_is_asked_like_any_other() {
    let demo = Demo::new();
    let builtin = Templates::builtin();
    let question = "TechCorp revenue per employee in Q1 2025";
    assert!(matches!(
        demo.ask(&builtin, question, None).await.0,
        Resolution::Unknown(_)
    ));
    let templates = Templates::with_files([("mine.toml", GOOD)]).unwrap();
    let (_, text) = demo.ask(&templates, question, None).await;
    assert!(
        text.contains("500,000 dollars") && text.contains("least = 1 (default)"),
        "{text}"
    );
    let (_, text) = demo
        .ask(
            &templates,
            "TechCorp revenue per employee in Q1 2025 with at least 60000 staffing",
            None,
        )
        .await;
    assert!(
        text.contains("least = 60000") && text.contains("The data has nothing"),
        "{text}"
    );
    assert!(
        templates
            .test("revenue-per-employee", &demo)
            .await
            .unwrap()
            .unwrap()
            .passed()
    );
    assert_eq!(templates.list().len(), builtin.list().len() + 1);
    assert!(templates.notices().is_empty());
}

#[tokio::test]
async fn a_users_template_takes_the_place_of_a_builtin_one() {
    let demo = Demo::new();
    let text = GOOD.replace("revenue-per-employee", "company-profile");
    let templates = Templates::with_files([("mine.toml", text.as_str())]).unwrap();
    assert_eq!(templates.list().len(), Templates::builtin().list().len());
    assert!(templates.notices()[0].contains("`company-profile` of mine.toml takes the place"));
    let origin = &templates.get("company-profile").unwrap().origin;
    assert_eq!(
        *origin,
        Origin::File {
            file: "mine.toml".to_owned(),
            replaces_builtin: true
        }
    );
    let (resolution, text) = demo.ask(&templates, "Tell me about TechCorp", None).await;
    assert!(!matches!(resolution, Resolution::Filled(_)), "{text}");
}

#[tokio::test]
async fn an_example_that_fails_is_told() {
    let demo = Demo::new();
    for (from, to, says) in [
        ("500,000 dollars", "7 dollars", "does not have \"7 dollars\""),
        (
            "\"TechCorp revenue per employee in Q1 2025\"",
            "\"TechCorp revenue in Q1 2025\"",
            "leads to the template company-quarter-figure",
        ),
        (
            "\"TechCorp revenue per employee in Q1 2025\"",
            "\"Acme revenue per employee in Q1 2025\"",
            "\"Acme\" is not among",
        ),
        ("name = \"value\"", "name = \"val\"", "gives the columns value"),
        (
            "c.name = :company AND",
            "c.name = :company AND 1 = 0 AND",
            "has nothing",
        ),
    ] {
        let text = GOOD.replace(from, to).replace(
            "{value}",
            if from.starts_with("name") {
                "{val}"
            } else {
                "{value}"
            },
        );
        let templates = Templates::with_files([("mine.toml", text.as_str())]).unwrap();
        let report = templates
            .test("revenue-per-employee", &demo)
            .await
            .unwrap()
            .unwrap();
        let problem = report.examples[0].problem.as_ref().unwrap();
        assert!(!report.passed() && problem.contains(says), "{problem}");
    }
    let text = GOOD.replace("examples = [{", "#");
    let templates = Templates::with_files([("mine.toml", text.as_str())]).unwrap();
    assert!(
        !templates
            .test("revenue-per-employee", &demo)
            .await
            .unwrap()
            .unwrap()
            .passed(),
        "nothing is proven"
    );
}

/// A file in which one thing is changed: the line and a piece of each message, in order.
#[track_caller]
fn check(from: &str, to: &str, expected: &[(usize, &str)]) {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replace(from, to);
    let error = Templates::with_files([("mine.toml", text.as_str())]).unwrap_err();
    let found: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{to}: {found:#?}");
    for (problem, (line, says)) in error.problems.iter().zip(expected) {
        assert!(
            problem.line == *line && problem.message.contains(says),
            "{to}: {found:#?}"
        );
    }
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    check("[words]", "[wards]", &[(2, "`wards` is no key")]);
    check("staffing = [", "staffing = 3 #", &[(3, "invalid type")]);
    check("\"choice\"", "\"chance\"", &[(5, "the type `chance`")]);
    check(
        "{ old = [\"ancient\"], young = [] }",
        "{}",
        &[(5, "needs 1 to 200 `values`")],
    );
    check(
        "name = \"revenue-per-employee\"",
        "name = \"Revenue\"",
        &[(10, "small letters")],
    );
    check("name = \"revenue-per-employee\"", "nom = \"x\"", &[(10, "nom")]);
    check(
        "description = \"Revenue",
        "description = \"\" # ",
        &[(11, "the description")],
    );
    check("SELECT ROUND", "DELETE", &[(13, "must begin with SELECT")]);
    check("AND :least <=", "AND ? <=", &[(13, "`?`")]);
    check("AND :least <=", "AND 1 <=", &[(13, "does not use `:least`")]);
    check(
        "AND :least <=",
        "AND :leest <= :least AND :least <=",
        &[(13, "`:leest`")],
    );
    check(
        "c.employees\n\"\"\"",
        "c.employees; DROP TABLE x\n\"\"\"",
        &[(13, "one statement only")],
    );
    check(
        "phrasings = [\"revenue per",
        "phrasings = [] #",
        &[(18, "1 to 50 phrasings")],
    );
    check("of {company} in", "of {firm} in", &[(18, "{firm}")]);
    check("of {company} in", "of the in", &[(18, "does not have {company}")]);
    check("of {company} in", "of {company} {company} in", &[(18, "twice")]);
    check("[with at", "with at", &[(18, "] where none can be")]);
    check("manning]\"", "manning\"", &[(18, "[ without its ]")]);
    check("in {quarter} [", "in [{quarter}] [", &[(18, "no default")]);
    check(
        "kind = \"company\"",
        "kind = \"campaign\"",
        &[(21, "no kind `campaign`")],
    );
    check("default = 1 }", "default = -1 }", &[(23, "default of `least`")]);
    check(
        "type = \"number\"",
        "type = \"number\", values = {}",
        &[(23, "`values`, which only")],
    );
    check(
        "least = 0, most = 1e6",
        "least = 2, most = 1",
        &[(23, "`least` above")],
    );
    check("{value} for", "{valeu} for", &[(24, "{valeu}")]);
    check(
        "columns = [{ name = \"value\", unit = \"dollars\" }]",
        "columns = []",
        &[(24, "1 to 40 columns")],
    );
    check("[template.answer]", "[template.answers]", &[(24, "answers")]);
    // One wrong thing hides no other.
    check(
        "SELECT ROUND(1.0 * f.revenue / c.employees, 2) AS value",
        "SELECT ?, @a",
        &[(13, "`?`"), (13, "`@a`")],
    );
}

#[test]
fn problems_of_all_files_are_told_together() {
    let broken = "x = [\n\ny = 3";
    let wrong = GOOD
        .replace("kind = \"company\"", "kind = \"a\"")
        .replace("in {quarter} [", "in {q} [");
    let large = "#".repeat(300 << 10);
    let files = [
        ("a.toml", broken),
        ("b.toml", GOOD),
        ("c.toml", wrong.as_str()),
        ("d.toml", large.as_str()),
        ("e.toml", GOOD),
    ];
    let error = Templates::with_files(files).unwrap_err();
    let text = error.to_string();
    for says in [
        "a.toml:",
        "c.toml:21: there is no kind `a`",
        "c.toml:18: ",
        "d.toml:1: the file has",
        "e.toml:1: `revenue-per-employee` is in b.toml too",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    assert!(!text.contains("b.toml:"), "{text}");
    let twice = format!(
        "{GOOD}\n{}",
        GOOD.split_once("[[template]]")
            .map(|(_, rest)| format!("[[template]]{rest}"))
            .unwrap()
    );
    let error = Templates::with_files([("f.toml", twice.as_str())]).unwrap_err();
    assert!(
        error.to_string().contains("two templates with the name"),
        "{error}"
    );
    let many: Vec<(&str, &str)> = (0..101).map(|_| ("n.toml", "")).collect();
    assert!(
        Templates::with_files(many)
            .unwrap_err()
            .to_string()
            .contains("more than 100 files")
    );
}
