//! Turns in and out, their bounds, and whose they are.

use super::*;
use std::time::Duration;

const BOUNDS: ConversationBounds = ConversationBounds {
    turns: 3,
    conversations: 4,
};

fn at(second: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(1_000_000 + second)
}

fn principal(name: &str) -> Principal {
    name.parse().unwrap()
}

fn open() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(folder.path()).unwrap(), folder)
}

/// Adds a turn whose texts say which it is.
fn add(store: &Store, who: &str, id: &str, second: u64) -> u64 {
    let (question, answer) = (format!("question {second}"), format!("answer {second}"));
    let turn = NewTurn {
        at: at(second),
        question: &question,
        answer: &answer,
        details: "{}",
    };
    let sum = |summary: &str, gone: &TurnRow| format!("{summary}[{}]", gone.answer);
    store.add_turn(&principal(who), id, turn, BOUNDS, sum).unwrap()
}

fn ids(store: &Store, who: &str) -> Vec<String> {
    let all = store.conversations(&principal(who)).unwrap();
    all.into_iter().map(|conversation| conversation.id).collect()
}

#[test]
fn row_core_conversation_old_turns_leave_for_the_summary() {
    let (store, folder) = open();
    for second in 1..=5 {
        assert_eq!(add(&store, "ann", "work", second), second);
    }
    // Another process sees the same.
    let store = (drop(store), Store::open(folder.path()).unwrap()).1;
    let (conversation, turns) = store.conversation(&principal("ann"), "work").unwrap().unwrap();
    let expected = ConversationRow {
        id: "work".to_owned(),
        begun: at(1),
        used: at(5),
        turns: 5,
        summary: "[answer 1][answer 2]".to_owned(),
    };
    assert_eq!(conversation, expected);
    let numbers: Vec<u64> = turns.iter().map(|turn| turn.number).collect();
    assert_eq!(numbers, [3, 4, 5]);
    let last = TurnRow {
        number: 5,
        at: at(5),
        question: "question 5".to_owned(),
        answer: "answer 5".to_owned(),
        details: "{}".to_owned(),
    };
    assert_eq!(turns.last(), Some(&last));
}

#[test]
fn row_core_conversation_sessions_are_isolated() {
    let (store, _folder) = open();
    add(&store, "ann", "work", 1);
    add(&store, "ann", "home", 2);
    add(&store, "bob", "work", 3);
    for (who, id, expected) in [
        ("ann", "work", Some("question 1")),
        ("ann", "home", Some("question 2")),
        ("bob", "work", Some("question 3")),
        ("bob", "home", None),
        ("eve", "work", None),
    ] {
        let found = store.conversation(&principal(who), id).unwrap();
        let asked: Option<Vec<String>> =
            found.map(|(_, turns)| turns.into_iter().map(|turn| turn.question).collect());
        assert_eq!(asked, expected.map(|text| vec![text.to_owned()]), "{who} {id}");
    }
    assert_eq!(ids(&store, "ann"), ["home", "work"]);

    // Deleting takes one principal's, turns and all.
    assert!(!store.delete_conversation(&principal("eve"), "work").unwrap());
    assert!(store.delete_conversation(&principal("ann"), "work").unwrap());
    assert!(!store.delete_conversation(&principal("ann"), "work").unwrap());
    assert_eq!(ids(&store, "ann"), ["home"]);
    assert_eq!(ids(&store, "bob"), ["work"]);
    assert_eq!(add(&store, "ann", "work", 4), 1, "it begins anew");
    let (_, turns) = store.conversation(&principal("ann"), "work").unwrap().unwrap();
    assert_eq!(turns.len(), 1);
    assert_eq!(store.integrity_check().unwrap(), [] as [String; 0]);
}

#[test]
fn row_core_conversation_unused_ones_expire() {
    let (store, _folder) = open();
    add(&store, "ann", "old", 1);
    add(&store, "bob", "older", 2);
    add(&store, "ann", "used", 1);
    add(&store, "ann", "used", 9);
    for (before, gone, left) in [(1, 0, 2), (9, 2, 1), (9, 0, 1), (10, 1, 0)] {
        assert_eq!(store.expire_conversations(at(before)).unwrap(), gone, "{before}");
        assert_eq!(ids(&store, "ann").len(), left, "{before}");
    }
}

#[test]
fn there_is_a_bound_for_each_principal() {
    let (store, _folder) = open();
    add(&store, "bob", "one", 0);
    for second in 1..=6 {
        add(&store, "ann", &format!("c{second}"), second);
    }
    assert_eq!(ids(&store, "ann"), ["c6", "c5", "c4", "c3"]);
    assert_eq!(ids(&store, "bob"), ["one"]);
    // The one that is spoken in stays, whatever the clock says.
    add(&store, "ann", "late", 1);
    assert_eq!(ids(&store, "ann"), ["c6", "c5", "c4", "late"]);
    let long = "x".repeat(PART_MAX + 1);
    for (question, answer, details) in [(long.as_str(), "", ""), ("", &long, ""), ("", "", &long)] {
        let turn = NewTurn {
            at: at(1),
            question,
            answer,
            details,
        };
        let added = store.add_turn(&principal("ann"), "late", turn, BOUNDS, |_, _| String::new());
        assert!(matches!(added, Err(StoreError::TooLong { .. })), "{added:?}");
    }
}
