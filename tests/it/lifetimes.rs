//! Lifetimes that a tool declares: for answers that can't be proven unchanged, and for its failures.

use fact_core::types::{CacheState, Code, Span};
use fact_tests::guests;
use serde_json::{Value, json};

use crate::rig::{Rig, folder, run};

/// Makes a call, and says where its answer came from.
async fn ask(rig: &Rig, tool: &str, arguments: &Value) -> (Result<Value, Code>, CacheState) {
    let answer = rig.call(tool, arguments.clone()).await;
    let note = &answer.receipt.cache;
    assert_eq!(
        answer.receipt.run.is_zero(),
        note.is_hit(),
        "{tool} {arguments}: {answer:?}"
    );
    (answer.json().map_err(|error| error.code), note.state)
}

/// An answer with a lifetime is used until it ends, or until a file changes that was read too.
#[test]
pub(crate) fn lifetimes() {
    run(async {
        let rig = Rig::with_finance(|config| {
            config.cache.enabled = true;
            config.cache.max_lifetime = Span::secs(600);
        });
        let files = folder();
        let path = files.path().join("a.txt");
        std::fs::write(&path, "one").unwrap();
        let read = format!("fs:read:{}", files.path().display());
        rig.install(guests::LIFETIMES, &["clock:wall", &read]).await;
        let look = json!({ "path": path });

        let (first, state) = ask(&rig, "lifetimes_long", &look).await;
        assert_eq!(state, CacheState::Miss);
        let again = rig.call("lifetimes_long", look.clone()).await;
        let note = &again.receipt.cache;
        assert_eq!((again.json().ok(), note.state), (first.ok(), CacheState::Memory));
        let (created, expires) = (note.created.unwrap(), note.expires.unwrap());
        assert_eq!(
            expires.duration_since(created).as_secs(),
            600,
            "the configuration bounds what a tool declares"
        );
        assert!(note.why.as_ref().unwrap().contains("clock"), "{note:?}");

        // What can be proven is, however long the lifetime.
        std::fs::write(&path, "two").unwrap();
        let (changed, state) = ask(&rig, "lifetimes_long", &look).await;
        assert_eq!(
            (changed.unwrap()["text"].as_str(), state),
            (Some("two"), CacheState::Stale)
        );

        for (tool, arguments) in [("lifetimes_short", &look), ("lifetimes_never", &look)] {
            let (first, _) = ask(&rig, tool, arguments).await;
            tokio::time::sleep(std::time::Duration::from_millis(320)).await;
            let (again, state) = ask(&rig, tool, arguments).await;
            assert_eq!(state, CacheState::Miss, "{tool}");
            assert_ne!(first, again, "{tool}");
        }
        // Without a clock there is nothing to declare a lifetime for.
        rig.host
            .registry()
            .revoke(
                &"lifetimes".parse().unwrap(),
                &"clock:wall".parse().unwrap(),
                &Default::default(),
            )
            .unwrap();
        let _ = ask(&rig, "lifetimes_short", &look).await;
        let proven = rig.call("lifetimes_short", look).await;
        assert!(proven.receipt.cache.is_hit() && proven.receipt.cache.expires.is_none());
    });
}

#[test]
fn a_failure_with_a_lifetime_is_remembered_where_the_tool_reported_it() {
    run(async {
        let rig = Rig::with_finance(|config| {
            config.cache.enabled = true;
            config.cache.max_negative_lifetime = Span::secs(30);
        });
        let files = folder();
        let path = files.path().join("a.txt");
        let read = format!("fs:read:{}", files.path().display());
        rig.install(guests::LIFETIMES, &[&read]).await;
        let outside = files.path().join("../elsewhere.txt");
        for (tool, arguments, code, kept) in [
            (
                "fail",
                json!({ "how": "invalid-input" }),
                Code::InvalidInput,
                true,
            ),
            ("fail", json!({ "how": "internal" }), Code::ToolFailed, true),
            ("fail", json!({ "path": path }), Code::NotFound, true),
            ("fail", json!({ "how": "denied" }), Code::Denied, false),
            ("fail", json!({ "how": "unavailable" }), Code::Unavailable, false),
            ("fail", json!({ "how": "retry" }), Code::ToolFailed, false),
            // It failed since it was refused something: whoever asks again is refused again, and on record.
            ("fail", json!({ "path": outside }), Code::NotFound, false),
            ("forget", json!({ "how": "internal" }), Code::ToolFailed, false),
            ("forget", json!({ "path": path }), Code::NotFound, false),
        ] {
            let tool = format!("lifetimes_{tool}");
            let first = rig.call(&tool, arguments.clone()).await;
            let again = rig.call(&tool, arguments.clone()).await;
            assert_eq!(
                again.receipt.cache.is_hit(),
                kept,
                "{tool} {arguments}: {again:?}"
            );
            let (first, error) = (first.output().unwrap_err(), again.output().unwrap_err());
            assert_eq!(error.code, code, "{tool} {arguments}");
            assert_eq!((&error.message, &error.details), (&first.message, &first.details));
            assert_ne!(error.call_id, first.call_id, "it is a call of its own");
            if kept {
                let note = &again.receipt.cache;
                let lives = note.expires.unwrap().duration_since(note.created.unwrap());
                assert_eq!(lives.as_secs(), 30, "the configuration bounds it");
            } else {
                assert!(first.call_id.is_some());
                assert!(again.receipt.cache.why.is_some(), "{:?}", again.receipt);
            }
        }

        // The file appears: the failure is over at once.
        std::fs::write(&path, "there").unwrap();
        let (found, state) = ask(&rig, "lifetimes_fail", &json!({ "path": path })).await;
        assert_eq!((found, state), (Ok(json!("there")), CacheState::Stale));
        // And when it is gone again, so is the answer.
        std::fs::remove_file(&path).unwrap();
        let (gone, state) = ask(&rig, "lifetimes_fail", &json!({ "path": path })).await;
        assert_eq!((gone, state), (Err(Code::NotFound), CacheState::Stale));
    });
}

#[test]
fn with_no_time_for_failures_none_is_kept() {
    run(async {
        let rig = Rig::with_finance(|config| {
            config.cache.enabled = true;
            config.cache.max_negative_lifetime = Span::secs(0);
        });
        rig.install(guests::LIFETIMES, &[]).await;
        for _ in 0..2 {
            let (_, state) = ask(&rig, "lifetimes_fail", &json!({ "how": "internal" })).await;
            assert_eq!(state, CacheState::Miss);
        }
    });
}
