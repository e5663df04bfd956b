//! Values under keys: what plugins share and what they don't, and how long a result that rests on a key is true.

use fact_core::types::{Access, CacheState, Code, Resource, Terms};
use fact_core::{Answer, Fleeting, InstallOptions, Proof, Source};
use fact_store::KvStore;
use fact_tests::guests;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use crate::rig::{Rig, code, run, saw};

/// Installs the guest under a name, as a plugin of its own.
async fn install(rig: &Rig, name: &str, grants: &[&str]) {
    let options = InstallOptions {
        name: Some(name.parse().unwrap()),
        grants: grants
            .iter()
            .map(|grant| (grant.parse().unwrap(), Terms::default()))
            .collect(),
        by: "test".to_owned(),
    };
    let source = Source::Bytes {
        label: format!("test:{name}"),
        bytes: guests::KV_KEYS.bytes.to_vec(),
    };
    rig.host.registry().install(source, options).await.unwrap();
}

fn at(bucket: &str, key: &str) -> Value {
    json!({ "bucket": bucket, "key": key })
}

fn put(bucket: &str, key: &str, value: &str) -> Value {
    json!({ "bucket": bucket, "key": key, "value": value })
}

async fn value(rig: &Rig, plugin: &str, bucket: &str, key: &str) -> Value {
    rig.answer(&format!("{plugin}_get"), at(bucket, key)).await["value"].clone()
}

async fn done(rig: &Rig, tool: &str, arguments: Value) -> bool {
    rig.answer(tool, arguments).await["done"].as_bool().unwrap()
}

fn kv(bucket: &str, key: &str) -> impl Fn(&Resource) -> bool {
    let wanted = Resource::Kv {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    };
    move |resource| *resource == wanted
}

/// Whether an answer's result is still true.
async fn holds(rig: &Rig, answer: &Answer) -> bool {
    !matches!(rig.host.still_true(&answer.trace).await, Proof::Stale(_))
}

/// Calls a tool that must succeed with a result that can be proven.
async fn proven(rig: &Rig, tool: &str, arguments: Value) -> Answer {
    let answer = rig.call(tool, arguments.clone()).await;
    answer.json().unwrap();
    assert_eq!(answer.trace.fleeting(), None, "{tool} {arguments}");
    assert!(answer.trace.reads() > 0, "{tool} {arguments}");
    answer
}

#[test]
fn values_outlive_calls_and_hosts() {
    run(async {
        let rig = Rig::new();
        install(&rig, "notes", &["kv:read,write:notes"]).await;
        assert!(!rig.data().join(KvStore::FILE).exists(), "nobody kept anything");
        assert_eq!(value(&rig, "notes", "notes", "a").await, Value::Null);
        let set = rig.call("notes_set", put("notes", "a", "one")).await;
        assert!(saw(&set, Access::Write, kv("notes", "a")), "{set:?}");
        assert!(set.trace.wrote(), "{set:?}");
        assert_eq!(value(&rig, "notes", "notes", "a").await, "one");
        for key in ["b/1", "b/2", "b/3"] {
            rig.answer("notes_set", put("notes", key, "x")).await;
        }
        let list = |arguments: Value| {
            let rig = &rig;
            async move { rig.answer("notes_list", arguments).await["keys"].clone() }
        };
        let all = json!({ "bucket": "notes" });
        assert_eq!(list(all).await, json!(["a", "b/1", "b/2", "b/3"]));
        let some = json!({ "bucket": "notes", "prefix": "b/", "after": "b/1", "limit": 1 });
        assert_eq!(list(some).await, json!(["b/2"]));

        assert!(done(&rig, "notes_delete", at("notes", "b/2")).await);
        assert!(!done(&rig, "notes_delete", at("notes", "b/2")).await);
        let swap = |from: Value, to: &str| json!({ "bucket": "notes", "key": "a", "from": from, "to": to });
        assert!(!done(&rig, "notes_swap", swap(Value::Null, "two")).await);
        assert!(!done(&rig, "notes_swap", swap(json!("two"), "three")).await);
        assert!(done(&rig, "notes_swap", swap(json!("one"), "two")).await);
        assert!(!done(&rig, "notes_swap_late", put("notes", "a", "three")).await);

        let second = rig.second();
        assert_eq!(value(&second, "notes", "notes", "a").await, "three");
        assert_eq!(value(&second, "notes", "notes", "b/2").await, Value::Null);
    });
}

#[test]
fn what_can_t_be_kept_is_refused_with_the_bound() {
    run(async {
        let rig = Rig::new();
        install(&rig, "all", &["kv:read,write:*"]).await;
        let long = "k".repeat(513);
        for (tool, arguments, word) in [
            ("all_set", put("n", &long, "x"), "512"),
            ("all_set", put("n", "", "x"), "empty"),
            ("all_set", put("a b", "k", "x"), "bucket"),
            ("all_get", at("n/", "k"), "bucket"),
            (
                "all_set",
                json!({ "bucket": "n", "key": "k", "value": "x", "times": (1 << 20) + 1 }),
                "1048576",
            ),
            ("all_list", json!({ "bucket": "n", "limit": 1001 }), "1000"),
        ] {
            let error = rig.refusal(tool, arguments).await;
            assert_eq!(error.code, Code::InvalidInput, "{tool}: {error:?}");
            assert!(error.message.contains(word), "{tool}: {error:?}");
        }
        let most = json!({ "bucket": "n", "key": "k", "value": "x", "times": 1 << 20 });
        assert!(done(&rig, "all_set", most).await);
    });
}

/// Each plugin has the buckets that it was granted, for what it was granted, and no others.
#[test]
fn buckets_are_for_those_who_are_granted_them() {
    run(async {
        let rig = Rig::new();
        install(&rig, "owner", &["kv:read,write:app.*"]).await;
        install(&rig, "reader", &["kv:read:app.a"]).await;
        install(&rig, "writer", &["kv:write:app.a"]).await;
        install(&rig, "nobody", &[]).await;
        rig.answer("owner_set", put("app.a", "k", "kept")).await;
        rig.answer("owner_set", put("app.b", "k", "other")).await;
        assert_eq!(value(&rig, "reader", "app.a", "k").await, "kept", "it is shared");
        assert!(done(&rig, "writer_set", put("app.a", "w", "x")).await);

        let swap = |bucket: &str| json!({ "bucket": bucket, "key": "k", "to": "taken" });
        for (tool, arguments, bucket, named) in [
            ("owner_get", at("app", "k"), "app", "kv:read:app"),
            ("owner_set", put("other", "k", "taken"), "other", "kv:write:other"),
            ("reader_get", at("app.b", "k"), "app.b", "kv:read:app.b"),
            (
                "reader_set",
                put("app.a", "k", "taken"),
                "app.a",
                "kv:write:app.a",
            ),
            ("reader_delete", at("app.a", "k"), "app.a", "kv:write:app.a"),
            ("reader_swap", swap("app.a"), "app.a", "kv:write:app.a"),
            ("writer_get", at("app.a", "k"), "app.a", "kv:read:app.a"),
            ("writer_swap", swap("app.a"), "app.a", "kv:read:app.a"),
            (
                "writer_set",
                put("app.b", "k", "taken"),
                "app.b",
                "kv:write:app.b",
            ),
            ("nobody_get", at("app.a", "k"), "app.a", "kv:read:BUCKET"),
            (
                "nobody_set",
                put("app.a", "k", "taken"),
                "app.a",
                "kv:write:BUCKET",
            ),
            ("nobody_delete", at("app.a", "k"), "app.a", "kv:write:BUCKET"),
            ("nobody_swap", swap("app.a"), "app.a", "kv:read,write:BUCKET"),
        ] {
            let answer = rig.call(tool, arguments.clone()).await;
            let error = answer.output().unwrap_err();
            assert_eq!(error.code, Code::Denied, "{tool}: {error:?}");
            assert!(error.message.contains(named), "{tool}: {error:?}");
            assert!(
                saw(&answer, Access::Denied, kv(bucket, "k")),
                "{tool}: {answer:?}"
            );
            assert!(!saw(&answer, Access::Write, |_| true), "{tool}: {answer:?}");
            assert!(
                matches!(answer.trace.fleeting(), Some(Fleeting::Denied { .. })),
                "{tool}"
            );
        }
        let refused = rig
            .call("writer_list", json!({ "bucket": "app.a", "prefix": "k" }))
            .await;
        assert_eq!(code(&refused), Some(Code::Denied));
        assert_eq!(value(&rig, "owner", "app.a", "k").await, "kept");
        assert_eq!(value(&rig, "owner", "app.b", "k").await, "other");
    });
}

/// The guest that says that it only reads is stopped before it changes a key.
#[test]
pub(crate) fn kv_keys() {
    run(async {
        let rig = Rig::new();
        install(&rig, "liar", &["kv:read,write:n"]).await;
        rig.answer("liar_set", put("n", "k", "kept")).await;
        for (tool, arguments, key) in [
            ("liar_lie", put("n", "k", "changed"), "k"),
            ("liar_lie_delete", at("n", "k"), "k"),
            ("liar_lie_swap", put("n", "new", "made"), "new"),
        ] {
            let answer = rig.call(tool, arguments).await;
            assert_eq!(code(&answer), Some(Code::EffectViolation), "{tool}: {answer:?}");
            assert!(saw(&answer, Access::Denied, kv("n", key)), "{tool}: {answer:?}");
            assert!(!saw(&answer, Access::Write, |_| true), "{tool}: {answer:?}");
        }
        assert_eq!(value(&rig, "liar", "n", "k").await, "kept");
        assert_eq!(value(&rig, "liar", "n", "new").await, Value::Null);
    });
}

#[test]
fn a_result_holds_until_its_key_changes() {
    run(async {
        let rig = Rig::new();
        install(&rig, "reader", &["kv:read:n"]).await;
        install(&rig, "writer", &["kv:read,write:n", "kv:write:m"]).await;
        let other = rig.second();
        let set = |key: &str, value: &str| ("writer_set", put("n", key, value));
        let swap = |from: Value, to: &str| {
            let arguments = json!({ "bucket": "n", "key": "k", "from": from, "to": to });
            ("writer_swap", arguments)
        };
        let delete = || ("writer_delete", at("n", "k"));
        // What is done, by another process or not, and whether the value and the list of keys that begin with `k` hold.
        for (what, outside, (tool, arguments), get_holds, list_holds) in [
            ("made", false, set("k", "one"), false, false),
            ("nothing", false, swap(json!("none"), "x"), true, true),
            ("another key", false, set("other", "x"), true, true),
            ("another key, outside", true, set("other", "y"), true, true),
            (
                "another bucket",
                false,
                ("writer_set", put("m", "k", "x")),
                true,
                true,
            ),
            ("a key that begins so", false, set("k2", "x"), true, false),
            ("another value", false, set("k", "two"), false, true),
            ("another value, outside", true, set("k", "three"), false, true),
            // The version differs, and the guest saw it.
            ("the same value", false, set("k", "three"), false, true),
            ("the same value, outside", true, set("k", "three"), false, true),
            ("swapped", false, swap(json!("three"), "four"), false, true),
            ("swapped, outside", true, swap(json!("four"), "five"), false, true),
            ("deleted", false, delete(), false, false),
            ("deleted again", false, delete(), true, true),
            (
                "made by a swap, outside",
                true,
                swap(Value::Null, "six"),
                false,
                false,
            ),
            ("deleted, outside", true, delete(), false, false),
        ] {
            let get = proven(&rig, "reader_get", at("n", "k")).await;
            let list = proven(&rig, "reader_list", json!({ "bucket": "n", "prefix": "k" })).await;
            assert!(saw(&get, Access::Read, kv("n", "k")), "{get:?}");
            assert!(
                holds(&rig, &get).await && holds(&rig, &list).await,
                "before {what}"
            );
            match outside {
                true => other.answer(tool, arguments).await,
                false => rig.answer(tool, arguments).await,
            };
            assert_eq!(holds(&rig, &get).await, get_holds, "get, {what}");
            assert_eq!(holds(&rig, &list).await, list_holds, "list, {what}");
            // What another process kept has no stamp of this one, and is as good.
            let text = serde_json::to_string(&*get.trace).unwrap();
            let kept = Answer {
                trace: std::sync::Arc::new(serde_json::from_str(&text).unwrap()),
                ..get
            };
            assert_eq!(holds(&other, &kept).await, get_holds, "get, kept, {what}");
        }
    });
}

/// Proving again what nothing changed since asks no key, and proving it after another key changed asks once.
#[test]
fn a_proof_is_renewed_by_asking_again() {
    run(async {
        let rig = Rig::new();
        install(&rig, "notes", &["kv:read,write:n"]).await;
        rig.answer("notes_set", put("n", "k", "one")).await;
        let answer = proven(&rig, "notes_get", at("n", "k")).await;
        let first = rig.host.still_true(&answer.trace).await;
        assert!(matches!(first, Proof::Holds), "{first:?}");
        rig.answer("notes_set", put("n", "other", "x")).await;
        let Proof::Renewed(renewed) = rig.host.still_true(&answer.trace).await else {
            panic!("another key changed, and it holds");
        };
        let again = rig.host.still_true(&renewed).await;
        assert!(matches!(again, Proof::Holds), "{again:?}");
        let told: Vec<String> = renewed.describe().collect();
        assert_eq!(told, ["kv n/k"]);
    });
}

/// By a handle that is no host's.
#[test]
fn another_program_s_change_is_seen() {
    run(async {
        let rig = Rig::new();
        install(&rig, "notes", &["kv:read,write:n"]).await;
        rig.answer("notes_set", put("n", "k", "one")).await;
        let answer = proven(&rig, "notes_get", at("n", "k")).await;
        let other = KvStore::new(rig.data());
        let name = |name: &str| name.to_owned();
        let (bucket, key) = (name("n").try_into().unwrap(), name("k").try_into().unwrap());
        let value = b"two".to_vec().try_into().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        other.set(&bucket, &key, value, deadline).await.unwrap();
        assert!(!holds(&rig, &answer).await);
        let now = rig.answer("notes_get", at("n", "k")).await;
        assert_eq!(now["value"], "two");
    });
}

/// Many calls that count in one key at the same time lose none.
#[test]
fn swaps_by_many_calls_at_once_lose_nothing() {
    run(async {
        let rig = Rig::new();
        install(&rig, "notes", &["kv:read,write:n"]).await;
        let mut calls = tokio::task::JoinSet::new();
        for n in 0..24 {
            let host = std::sync::Arc::clone(&rig.host);
            let arguments = json!({ "bucket": "n", "key": "k", "to": n.to_string() });
            calls.spawn(async move { host.call_json("notes_swap", arguments).await });
        }
        let answers = calls.join_all().await;
        let won = answers
            .iter()
            .filter(|answer| answer.json().unwrap()["done"] == json!(true));
        assert_eq!(won.count(), 1, "one of them found no key");
    });
}

/// A result that rests on a key is kept until the key changes, whoever changes it.
#[test]
fn a_key_is_kept_until_it_changes() {
    run(async {
        let rig = Rig::with(|config| config.cache.enabled = true);
        install(&rig, "reader", &["kv:read:n"]).await;
        install(&rig, "writer", &["kv:read,write:n"]).await;
        let other = rig.second();
        let ask = || async {
            let answer = rig.call("reader_get", at("n", "k")).await;
            let value = answer.json().unwrap()["value"].clone();
            (value, answer.receipt.cache.state)
        };
        assert_eq!(ask().await, (Value::Null, CacheState::Miss));
        assert_eq!(ask().await, (Value::Null, CacheState::Memory));
        rig.answer("writer_set", put("n", "k", "one")).await;
        assert_eq!(ask().await, (json!("one"), CacheState::Stale));
        other.answer("writer_set", put("n", "other", "x")).await;
        assert_eq!(ask().await, (json!("one"), CacheState::Memory));
        other.answer("writer_set", put("n", "k", "two")).await;
        assert_eq!(ask().await, (json!("two"), CacheState::Stale));
        assert_eq!(ask().await, (json!("two"), CacheState::Memory));
        other.answer("writer_delete", at("n", "k")).await;
        assert_eq!(ask().await, (Value::Null, CacheState::Stale));
    });
}
