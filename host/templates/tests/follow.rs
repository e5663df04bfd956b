//! Questions that go on from the one before.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod common;

use common::{Demo, has_figure};
use fact_templates::{Filled, From, Resolution, Templates};

/// A question; the template and what it is filled with (without where from), or none; and a piece of the answer.
type Turn = (&'static str, Option<(&'static str, &'static str)>, &'static str);

/// Asks one after the other.
async fn check(chain: &[Turn]) {
    let demo = Demo::new();
    let templates = Templates::builtin();
    let mut previous: Option<Filled> = None;
    for (question, expected, says) in chain {
        let (resolution, text) = demo.ask(&templates, question, previous.as_ref()).await;
        assert!(text.contains(says), "{question}: {text}");
        match (resolution, expected) {
            (Resolution::Filled(filled), Some((template, slots))) => {
                let line = filled.slots_line().replace(" (from the question before)", "");
                assert_eq!(
                    (filled.template.as_str(), line.as_str()),
                    (*template, *slots),
                    "{question}: {text}"
                );
                // It goes through what a conversation keeps.
                previous = Some(serde_json::from_str(&serde_json::to_string(&filled).unwrap()).unwrap());
            }
            (Resolution::Filled(_), None) => unreachable!("{question}: {text}"),
            (_, Some(_)) => unreachable!("{question}: {text}"),
            (_, None) => assert!(!has_figure(&text), "{question}: {text}"),
        }
    }
}

#[tokio::test]
async fn a_company_and_what_comes_after() {
    let company = "company-quarter-figure";
    check(&[
        (
            "What was TechCorp's Q1 2025 revenue?",
            Some((
                company,
                "company = TechCorp Inc., metric = revenue, quarter = Q1-2025",
            )),
            "25 bn",
        ),
        (
            "and for Q4?",
            Some((
                company,
                "company = TechCorp Inc., metric = revenue, quarter = Q4-2024",
            )),
            "The data has no Q4-2025; this is Q4-2024",
        ),
        (
            "and for HealthTech?",
            Some((
                company,
                "company = HealthTech Solutions, metric = revenue, quarter = Q4-2024",
            )),
            "8.5 bn",
        ),
        (
            "what about profit?",
            Some((
                company,
                "company = HealthTech Solutions, metric = profit, quarter = Q4-2024",
            )),
            "1.3 bn",
        ),
        (
            "and Q2?",
            Some((
                company,
                "company = HealthTech Solutions, metric = profit, quarter = Q2-2024",
            )),
            "1.15 bn",
        ),
        (
            "How about RetailMax in Q1 2024?",
            Some((
                company,
                "company = RetailMax Group, metric = profit, quarter = Q1-2024",
            )),
            "1.65 bn",
        ),
        (
            "and for Microsoft?",
            None,
            "\"Microsoft\" is not among the companies",
        ),
        ("and for Q3 2019?", None, "\"Q3-2019\" is not among the quarters"),
        (
            "and in 2025?",
            Some((
                company,
                "company = RetailMax Group, metric = profit, quarter = Q1-2025",
            )),
            "ask for the full year 2025",
        ),
        (
            "and for the full year 2024?",
            Some((
                "company-year-figure",
                "company = RetailMax Group, metric = profit, year = 2024",
            )),
            "7.8 bn",
        ),
        (
            "and for Q4?",
            Some((
                company,
                "company = RetailMax Group, metric = profit, quarter = Q4-2024",
            )),
            "2.4 bn",
        ),
        (
            "and for the energy sector?",
            Some((
                "sector-quarter-figure",
                "metric = profit, quarter = Q4-2024, sector = Energy",
            )),
            "900 million",
        ),
        (
            "and in total?",
            Some(("total-quarter-figure", "metric = profit, quarter = Q4-2024")),
            "13.8 bn",
        ),
        (
            "and by sector?",
            Some(("each-sector-quarter-figure", "metric = profit, quarter = Q4-2024")),
            "2,400,000,000 (2.4 bn)",
        ),
        (
            "and of all companies together?",
            Some(("total-quarter-figure", "metric = profit, quarter = Q4-2024")),
            "13.8 bn",
        ),
        ("and without TechCorp?", None, "\"without\""),
        ("and per employee?", None, "\"per\""),
        ("and in euros?", None, "\"euros\""),
        ("and the first?", None, "\"first\""),
        ("and for HealthTech and RetailMax?", None, "\"HealthTech\""),
        ("why?", None, "\"why\""),
        (
            "and the expenses?",
            Some(("total-quarter-figure", "metric = expenses, quarter = Q4-2024")),
            "expenses",
        ),
    ])
    .await;
}

#[tokio::test]
async fn comparisons_go_on() {
    let sector = "compare-sector";
    check(&[
        (
            "compare Q1 2025 with Q1 2024 for retail",
            Some((sector, "other = Q1-2024, quarter = Q1-2025, sector = Retail")),
            "1.2 bn",
        ),
        ("and for Q4?", None, "\"Q4-2025\" is not among the quarters"),
        (
            "and for energy?",
            Some((sector, "other = Q1-2024, quarter = Q1-2025, sector = Energy")),
            "700 million",
        ),
        (
            "and with Q4 2024?",
            Some((sector, "other = Q4-2024, quarter = Q1-2025, sector = Energy")),
            "-500 million",
        ),
        (
            "and for TechCorp?",
            Some((
                "compare-company",
                "company = TechCorp Inc., other = Q4-2024, quarter = Q1-2025",
            )),
            "-3 bn",
        ),
        (
            "what about profit?",
            Some((
                "growth-company",
                "company = TechCorp Inc., metric = profit, other = Q4-2024, quarter = Q1-2025",
            )),
            "from 6,000,000,000 dollars (6 bn) in Q4-2024",
        ),
    ])
    .await;
}

#[tokio::test]
async fn rankings_and_others_go_on() {
    check(&[
        (
            "top 3 companies by revenue in 2024",
            Some((
                "ranking-year-figure",
                "count = 3, metric = revenue, order = highest, year = 2024",
            )),
            "101 bn",
        ),
        (
            "and in Q1 2025?",
            Some((
                "ranking-quarter-figure",
                "count = 3, metric = revenue, order = highest, quarter = Q1-2025",
            )),
            "25 bn",
        ),
        (
            "what about profit?",
            Some((
                "ranking-quarter-figure",
                "count = 3, metric = profit, order = highest, quarter = Q1-2025",
            )),
            "5 bn",
        ),
        (
            "and the lowest?",
            Some((
                "ranking-quarter-figure",
                "count = 3, metric = profit, order = lowest, quarter = Q1-2025",
            )),
            "800 million",
        ),
        ("and not the lowest?", None, "\"not\""),
        ("and in retail?", None, "not understood"),
        ("and TechCorp?", None, "not understood"),
        (
            "What is TechCorp's latest revenue?",
            Some((
                "company-latest-figure",
                "company = TechCorp Inc., metric = revenue",
            )),
            "25 bn",
        ),
        (
            "and RetailMax?",
            Some((
                "company-latest-figure",
                "company = RetailMax Group, metric = revenue",
            )),
            "18 bn",
        ),
        (
            "How many employees does TechCorp have?",
            Some(("company-employees", "company = TechCorp Inc.")),
            "50,000",
        ),
        (
            "and HealthTech?",
            Some(("company-employees", "company = HealthTech Solutions")),
            "15,000",
        ),
        (
            "and its market value?",
            Some(("company-market-value", "company = HealthTech Solutions")),
            "75 bn",
        ),
        (
            "when was it founded?",
            Some(("company-founded", "company = HealthTech Solutions")),
            "2005",
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_was_taken_over_is_shown() {
    let demo = Demo::new();
    let templates = Templates::builtin();
    let (first, _) = demo
        .ask(&templates, "What was TechCorp's Q1 2025 revenue?", None)
        .await;
    let Resolution::Filled(first) = first else {
        unreachable!()
    };
    assert!(first.slots.iter().all(|slot| slot.from == From::Question));
    let (next, text) = demo.ask(&templates, "and for HealthTech?", Some(&first)).await;
    let Resolution::Filled(next) = next else {
        unreachable!()
    };
    let from: Vec<(&str, From)> = next
        .slots
        .iter()
        .map(|slot| (slot.name.as_str(), slot.from))
        .collect();
    assert_eq!(
        from,
        [
            ("company", From::Question),
            ("metric", From::Previous),
            ("quarter", From::Previous)
        ]
    );
    assert!(
        text.contains("quarter = Q1-2025 (from the question before)"),
        "{text}"
    );
}

#[tokio::test]
async fn what_goes_on_from_nothing_is_not_answered() {
    let demo = Demo::new();
    let templates = Templates::builtin();
    for question in [
        "and for Q4?",
        "what about profit?",
        "and in 2024?",
        "its profit in Q1 2025",
        "and the lowest?",
    ] {
        let (resolution, text) = demo.ask(&templates, question, None).await;
        assert!(!matches!(resolution, Resolution::Filled(_)), "{question}: {text}");
    }
    // A conversation may have been stored by anyone: what does not fit is not used.
    let (first, _) = demo
        .ask(&templates, "What was TechCorp's Q1 2025 revenue?", None)
        .await;
    let Resolution::Filled(first) = first else {
        unreachable!()
    };
    let mut gone = first.clone();
    gone.template = "gone".to_owned();
    let mut odd = first;
    for slot in &mut odd.slots {
        slot.value = serde_json::json!({"a": 1});
    }
    for previous in [gone, odd] {
        let (resolution, text) = demo.ask(&templates, "and for Q4?", Some(&previous)).await;
        assert!(!matches!(resolution, Resolution::Filled(_)), "{text}");
    }
}
