//! Clocks and dice are capabilities: without them a component can't tell one call from another.

use fact_core::types::{Access, Resource};
use fact_tests::guests;
use serde_json::{Value, json};

use crate::rig::{Rig, run, saw};

async fn moments(rig: &Rig) -> Value {
    rig.answer("clock-random_run", json!({})).await
}

#[test]
fn an_ungranted_component_gives_the_same_bytes_every_time() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::CLOCK_RANDOM, &[]).await;
        let first = rig.call("clock-random_run", json!({})).await;
        assert_eq!(
            first.receipt.effects.iter().count(),
            0,
            "it read nothing: {first:?}"
        );
        let first = first.json().unwrap();
        for moment in first.as_array().unwrap() {
            assert_eq!(moment["passed"], "0", "{moment}");
            assert_eq!(moment["wall"], first[0]["wall"]);
        }
        assert_eq!(moments(&rig).await, first);
        assert_eq!(moments(&rig.second()).await, first, "in another host too");
    });
}

#[test]
fn what_is_granted_is_real_and_seen() {
    run(async {
        let rig = Rig::new();
        rig.install(
            guests::CLOCK_RANDOM,
            &["clock:wall", "clock:monotonic", "random:secure"],
        )
        .await;
        let answer = rig.call("clock-random_run", json!({})).await;
        let (first, second) = (answer.json().unwrap(), moments(&rig).await);
        for (key, differs) in [("wall", true), ("secure", true), ("hash", true)] {
            assert_eq!(
                first[0][key] != second[0][key],
                differs,
                "{key}: {first} {second}"
            );
        }
        let seconds: u64 = first[0]["wall"].as_str().unwrap().parse::<u64>().unwrap() / 1_000_000_000;
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        assert!(now.abs_diff(seconds) < 60, "{seconds} is not now");
        assert_ne!(first[0]["passed"], "0");
        for (name, seen) in [
            (
                "wall",
                saw(
                    &answer,
                    Access::Read,
                    |r| matches!(r, Resource::Clock { name } if name == "wall"),
                ),
            ),
            (
                "monotonic",
                saw(
                    &answer,
                    Access::Read,
                    |r| matches!(r, Resource::Clock { name } if name == "monotonic"),
                ),
            ),
            ("random", saw(&answer, Access::Read, |r| *r == Resource::Random)),
        ] {
            assert!(seen, "{name} is not in the receipt: {answer:?}");
        }
    });
}

/// Each of them opens itself and no other.
#[test]
fn one_grant_opens_one_thing() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::CLOCK_RANDOM, &["clock:wall"]).await;
        let (first, second) = (moments(&rig).await, moments(&rig).await);
        assert_ne!(first[0]["wall"], second[0]["wall"]);
        for key in ["passed", "secure", "insecure", "hash"] {
            assert_eq!(first[0][key], second[0][key], "{key}");
        }
    });
}
