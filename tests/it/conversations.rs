//! Conversations: questions that go on from one another.

use std::sync::Arc;

use fact_answers::driver::Unwatched;
use fact_answers::{Answered, Answerer, Answers, Ask, ConversationId};
use fact_core::ModelProvider;
use fact_core::types::{Code, Freshness, Principal, Span};
use serde_json::json;

use crate::answers::{Model, finance, says};
use crate::rig::run;

fn id(name: &str) -> ConversationId {
    name.parse().unwrap()
}

async fn say(answers: &Answers, who: &Principal, name: &str, question: &str) -> Answered {
    let ask = Ask::new(question, who);
    answers
        .converse(&id(name), ask, &Unwatched)
        .await
        .unwrap_or_else(|error| panic!("{question}: {error}"))
}

const TECHCORP: &str = "What was TechCorp's Q1 2025 revenue?";

/// The value of a parameter of the statement that answered.
fn parameter(answered: &Answered, name: &str) -> String {
    let filled = answered
        .filled()
        .unwrap_or_else(|| panic!("not by a template: {answered:?}"));
    let slot = filled.slots.iter().find(|slot| slot.name.contains(name));
    slot.unwrap_or_else(|| panic!("{filled:?}")).shown.clone()
}

#[test]
fn row_core_conversation_a_follow_up_uses_the_earlier_turn() {
    run(async {
        let (rig, answers) = finance(|_| {}).await;
        let local = Principal::local();
        let first = say(&answers, &local, "a", TECHCORP).await;
        // What is not understood is no turn that anything could go on from.
        assert!(!say(&answers, &local, "a", "xyzzy").await.is_answer());
        let then = say(&answers, &local, "a", "and for Q1 2024?").await;
        assert_eq!(parameter(&first, "company"), parameter(&then, "company"));
        assert!(parameter(&then, "company").contains("TechCorp"), "{then:?}");
        assert_ne!(first.text, then.text);

        // Another process goes on with it.
        let second = rig.second_caching();
        let elsewhere = Answers::open(Arc::clone(&second.host)).unwrap();
        let q4 = say(&elsewhere, &local, "a", "and for Q4?").await;
        assert!(parameter(&q4, "company").contains("TechCorp"), "{q4:?}");

        let found = answers.conversation(&local, &id("a")).await.unwrap().unwrap();
        let asked: Vec<&str> = found.kept.iter().map(|turn| &*turn.question).collect();
        assert_eq!(asked, [TECHCORP, "xyzzy", "and for Q1 2024?", "and for Q4?"]);
        let by: Vec<Answerer> = found.kept.iter().map(|turn| turn.details.by).collect();
        use Answerer::{Nobody, Template};
        assert_eq!(by, [Template, Nobody, Template, Template]);
        assert_eq!(found.kept[0].details.tools, ["sql_query"]);
        assert_eq!(found.kept[0].answer, first.text);
    });
}

#[test]
fn row_core_conversation_sessions_do_not_know_one_another() {
    run(async {
        let (_rig, answers) = finance(|_| {}).await;
        let (ann, bob): (Principal, Principal) = ("ann".parse().unwrap(), "bob".parse().unwrap());
        say(&answers, &ann, "work", TECHCORP).await;
        for (who, name) in [(&bob, "work"), (&ann, "home")] {
            let lost = say(&answers, who, name, "and for Q4?").await;
            assert!(!lost.is_answer(), "{who} {name}: {lost:?}");
        }
        let names = async |who| {
            let all = answers.conversations(who).await.unwrap();
            all.into_iter().map(|one| one.id).collect::<Vec<_>>()
        };
        assert_eq!(names(&bob).await, ["work"]);
        assert!(answers.delete_conversation(&bob, &id("work")).await.unwrap());
        assert!(!answers.delete_conversation(&bob, &id("home")).await.unwrap());
        assert_eq!(names(&bob).await, [""; 0]);
        assert_eq!(names(&ann).await.len(), 2);
        assert!(say(&answers, &ann, "work", "and for Q4?").await.is_answer());
    });
}

#[test]
fn row_core_conversation_answers_are_kept_whatever_was_said_before() {
    run(async {
        let (_rig, answers) = finance(|_| {}).await;
        let local = Principal::local();
        assert!(!say(&answers, &local, "a", TECHCORP).await.cache.is_hit());
        assert!(say(&answers, &local, "b", TECHCORP).await.cache.is_hit());
        // The same words after other ones are another question.
        say(&answers, &local, "a", "and for Q4?").await;
        say(&answers, &local, "c", "What was RetailMax's Q1 2025 revenue?").await;
        let other = say(&answers, &local, "c", "and for Q4?").await;
        assert!(parameter(&other, "company").contains("RetailMax"), "{other:?}");
        assert!(say(&answers, &local, "b", "and for Q4?").await.cache.is_hit());
        let fresh = Ask {
            freshness: Freshness::Run,
            ..Ask::new(TECHCORP, &local)
        };
        let fresh = answers.converse(&id("d"), fresh, &Unwatched).await.unwrap();
        assert!(!fresh.cache.is_hit());
    });
}

#[test]
fn row_core_conversation_old_turns_are_dropped_for_a_summary() {
    run(async {
        let (_rig, answers) = finance(|config| config.conversation.turns = 2).await;
        let local = Principal::local();
        let first = say(&answers, &local, "a", TECHCORP).await;
        for question in ["xyzzy", "and for Q4?", "and for Q1 2024?"] {
            say(&answers, &local, "a", question).await;
        }
        let found = answers.conversation(&local, &id("a")).await.unwrap().unwrap();
        let numbers: Vec<u64> = found.kept.iter().map(|turn| turn.number).collect();
        assert_eq!((found.listed.turns, numbers), (4, vec![3, 4]));
        // The first's first sentence, and nothing of what was not understood.
        assert_eq!(found.summary.lines().count(), 1, "{}", found.summary);
        let start: String = found.summary.trim_end_matches('…').to_owned();
        assert!(!start.is_empty() && first.text.starts_with(&start), "{found:?}");
    });
}

#[test]
fn row_core_conversation_unused_ones_expire() {
    run(async {
        let (_rig, answers) = finance(|config| config.conversation.lifetime = Span::millis(1)).await;
        let local = Principal::local();
        say(&answers, &local, "a", TECHCORP).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!(answers.conversation(&local, &id("a")).await.unwrap(), None);
        assert!(!say(&answers, &local, "a", "and for Q4?").await.is_answer());
    });
}

#[test]
fn row_core_conversation_a_model_is_told_what_was_said() {
    run(async {
        let model = Model::start(vec![says("It is blue. Mostly."), says("Green."), says("Both.")]);
        let (_rig, answers) = finance(|config| {
            config.conversation.turns = 1;
            config.model.provider = ModelProvider::Anthropic;
            config.model.name = Some("claude-test".to_owned());
            config.model.base_url = Some(format!("http://127.0.0.1:{}", model.port));
        })
        .await;
        let local = Principal::local();
        for question in [
            "Which colour has the sky?",
            "And grass, which one?",
            "So which is it?",
        ] {
            assert!(say(&answers, &local, "a", question).await.is_answer());
        }
        let told: Vec<_> = model
            .asked()
            .iter()
            .map(|asked| {
                let messages = asked["messages"].as_array().unwrap().clone();
                let text = |message: &serde_json::Value| {
                    (message["role"].clone(), message["content"][0]["text"].clone())
                };
                messages.iter().map(text).collect::<Vec<_>>()
            })
            .collect();
        let of = |role: &str, text: &str| (json!(role), json!(text));
        assert_eq!(told[0], [of("user", "Which colour has the sky?")]);
        assert_eq!(
            told[1],
            [
                of("user", "Which colour has the sky?"),
                of("assistant", "It is blue. Mostly."),
                of("user", "And grass, which one?"),
            ]
        );
        let summed = "(A summary of what was said before, the first sentence of each answer:\nIt is blue.\n)\n\nAnd grass, which one?";
        assert_eq!(
            told[2],
            [
                of("user", summed),
                of("assistant", "Green."),
                of("user", "So which is it?"),
            ]
        );
    });
}

#[test]
fn a_question_has_a_bound() {
    run(async {
        let (_rig, answers) = finance(|_| {}).await;
        let long = "why ".repeat(20_000);
        let local = Principal::local();
        let error = answers
            .converse(&id("a"), Ask::new(&long, &local), &Unwatched)
            .await;
        assert_eq!(error.unwrap_err().code, Code::InvalidInput);
        assert_eq!(answers.conversations(&local).await.unwrap(), []);
    });
}
