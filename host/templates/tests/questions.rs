//! Questions as people ask them: the template, what it is filled with, and the figure, which a statement of its own gives.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod common;

use common::{Demo, invented};
use fact_templates::{Resolution, Templates};
use serde_json::Value;

/// A number as answers show it.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[tokio::test]
async fn questions_are_answered_with_the_right_figure() {
    let demo = Demo::new();
    let templates = Templates::builtin();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("questions.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let [question, template, slots, statement] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        count += 1;
        let (resolution, text) = demo.ask(&templates, question, None).await;
        let Resolution::Filled(filled) = resolution else {
            wrong.push(format!("{question}: {text}"));
            continue;
        };
        let figure = match demo.figure(statement).await {
            Value::Number(number) => match number.as_i64() {
                Some(number) => grouped(number),
                None => format!("{} %", number.to_string().trim_end_matches(".0")),
            },
            Value::String(text) => text,
            other => panic!("{statement}: {other}"),
        };
        if filled.template != template
            || filled.slots_line() != slots
            || !text.contains(&figure)
            || invented(&text)
        {
            wrong.push(format!(
                "{question}: {} {} not {template} {slots} {figure}: {text}",
                filled.template,
                filled.slots_line()
            ));
        }
    }
    assert!(count >= 150, "{count} questions");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test]
async fn golden_values() {
    let demo = Demo::new();
    let templates = Templates::builtin();
    for (question, figures) in [
        (
            "total revenue in Q1 2025",
            &["68,500,000,000 dollars (68.5 bn)"][..],
        ),
        ("total revenue in 2024", &["280,900,000,000 dollars (280.9 bn)"]),
        (
            "What was each company's revenue in 2024?",
            &["(101 bn)", "(75.3 bn)", "(50.8 bn)", "(32 bn)", "(21.8 bn)"],
        ),
        (
            "averages for 2024",
            &[
                "14,045,000,000 dollars (14.045 bn)",
                "2,434,000,000 dollars (2.434 bn)",
                "11,611,000,000 dollars (11.611 bn)",
            ],
        ),
    ] {
        let (_, text) = demo.ask(&templates, question, None).await;
        for figure in figures {
            assert!(text.contains(figure), "{question}: {text}");
        }
    }
}

/// A host runs this on any of its threads.
#[test]
fn resolving_may_move_between_threads() {
    fn check(_: impl Send) {}
    let (demo, templates) = (Demo::new(), Templates::builtin());
    check(templates.resolve("total revenue in Q1 2025", None, &demo));
}
