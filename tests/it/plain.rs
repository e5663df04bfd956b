//! Components without the plugin contract, from their installation to their answers. Their guests have their tests here.

use std::collections::BTreeSet;
use std::fs;

use fact_core::types::{Access, Code, Content, Outcome, Resource};
use fact_tests::guests;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::listener::{Listener, Reply};
use crate::rig::{Rig, code, folder, run, saw};

/// Calls of each echoing function with random values.
const CALLS: usize = 40;

/// A function that gives back what it gets, with values for it and what no value of it is.
struct Echo {
    function: &'static str,
    values: BoxedStrategy<Value>,
    edges: Vec<Value>,
    wrong: Vec<Value>,
}

fn echo_of(
    function: &'static str,
    values: impl Strategy<Value = Value> + 'static,
    edges: Value,
    wrong: Value,
) -> Echo {
    let list = |value: Value| value.as_array().unwrap().clone();
    Echo {
        function,
        values: values.boxed(),
        edges: list(edges),
        wrong: list(wrong),
    }
}

fn integers(function: &'static str, least: i64, most: i64) -> Echo {
    let outside = json!([least - 1, most + 1, 0.5, "0", true, null]);
    echo_of(
        function,
        (least..=most).prop_map(Value::from),
        json!([least, most]),
        outside,
    )
}

fn text() -> impl Strategy<Value = Value> {
    any::<String>().prop_map(Value::from)
}

fn base64() -> impl Strategy<Value = Value> {
    "([A-Za-z0-9+/]{4}){0,9}".prop_map(Value::from)
}

fn byte() -> impl Strategy<Value = Value> {
    any::<u8>().prop_map(Value::from)
}

fn optional(value: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    proptest::option::of(value).prop_map(|value| value.unwrap_or(Value::Null))
}

fn list(value: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    proptest::collection::vec(value, 0..9).prop_map(Value::from)
}

fn point() -> impl Strategy<Value = Value> {
    (any::<i32>(), proptest::option::of(any::<i32>()), any::<String>())
        .prop_map(|(x, y, name)| json!({ "x": x, "y": y, "name": name }))
}

fn shape() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("nothing")),
        point().prop_map(|point| json!({ "dot": point })),
        list(point()).prop_map(|path| json!({ "path": path })),
        optional(byte()).prop_map(|byte| json!({ "maybe": byte })),
    ]
}

fn float() -> impl Strategy<Value = Value> {
    any::<f64>().prop_map(Value::from)
}

fn echoes() -> Vec<Echo> {
    let not_numbers = json!([
        "NaN",
        "Infinity",
        "-Infinity",
        0.0,
        -0.0,
        5e-324,
        1.7976931348623157e308
    ]);
    vec![
        echo_of(
            "a-bool",
            any::<bool>().prop_map(Value::from),
            json!([]),
            json!([0, "true", null]),
        ),
        integers("an-s8", -128, 127),
        integers("a-u8", 0, 255),
        integers("an-s16", -32_768, 32_767),
        integers("a-u16", 0, 65_535),
        integers("an-s32", i32::MIN.into(), i32::MAX.into()),
        integers("a-u32", 0, u32::MAX.into()),
        echo_of(
            "an-s64",
            (-9_007_199_254_740_991i64..=9_007_199_254_740_991).prop_map(Value::from),
            json!([
                "9007199254740992",
                "-9007199254740992",
                "9223372036854775807",
                "-9223372036854775808"
            ]),
            json!([
                "9223372036854775808",
                "-9223372036854775809",
                "1.0",
                "+1",
                "01",
                "-0",
                "",
                1e30,
                0.5
            ]),
        ),
        echo_of(
            "a-u64",
            (0u64..=9_007_199_254_740_991).prop_map(Value::from),
            json!(["9007199254740992", "18446744073709551615"]),
            json!(["18446744073709551616", "-1", -1, "", "x", 1e20]),
        ),
        echo_of(
            "an-f32",
            any::<f32>().prop_map(|float| Value::from(float.to_string().parse::<f64>().unwrap())),
            json!(["NaN", "Infinity", "-Infinity", 0.1, -0.0, 3.4028235e38]),
            json!([1e39, "1", "nan", true]),
        ),
        echo_of("an-f64", float(), not_numbers, json!(["1", "inf", null])),
        echo_of(
            "a-char",
            any::<char>().prop_map(|letter| Value::from(letter.to_string())),
            json!(["\u{0}", "🦀"]),
            json!(["", "ab", 65]),
        ),
        echo_of(
            "a-string",
            text(),
            json!(["", "\u{0}\"\\\u{1b}"]),
            json!([5, null, ["x"]]),
        ),
        echo_of(
            "bytes",
            base64(),
            json!(["", "AA==", "AAE="]),
            json!(["A", "AA", "ä", [256], [-1]]),
        ),
        echo_of("a-list", list(text()), json!([[]]), json!(["x", [5], {}])),
        echo_of(
            "a-nested-list",
            list(list(any::<u16>().prop_map(Value::from))),
            json!([[], [[]]]),
            json!([[5], [[65_536]]]),
        ),
        echo_of(
            "a-record",
            (point(), point()).prop_map(|(start, end)| json!({ "start": start, "end": end, "width": 0.5 })),
            json!([]),
            json!([
                {},
                { "start": { "x": 1, "name": "" }, "end": { "x": 1 }, "width": 1 },
                { "start": { "x": 1, "name": "" }, "end": { "x": 1, "name": "" }, "width": 1, "height": 2 },
                [1, 2, 3],
            ]),
        ),
        echo_of(
            "a-tuple",
            (any::<u8>(), any::<String>(), any::<bool>()).prop_map(|(a, b, c)| json!([a, b, c])),
            json!([]),
            json!([[], [1, "x"], [1, "x", true, null], ["x", 1, true]]),
        ),
        echo_of(
            "a-variant",
            shape(),
            json!(["nothing", { "maybe": null }, { "path": [] }]),
            json!(["dot", { "nothing": null }, {}, { "dot": 1 }, { "maybe": 1, "path": [] }, "circle"]),
        ),
        echo_of(
            "an-enum",
            Just(json!("light-green")),
            json!(["red", "blue"]),
            json!(["Red", "", 0]),
        ),
        echo_of("an-option", optional(text()), json!([null, ""]), json!([5, []])),
        echo_of(
            "a-nested-option",
            optional(optional(byte()).prop_map(|byte| json!({ "some": byte }))),
            json!([null, { "some": null }, { "some": 5 }]),
            json!([5, {}, { "none": 1 }]),
        ),
        echo_of(
            "some-flags",
            proptest::sample::subsequence(vec!["read", "write", "run"], 0..=3).prop_map(|flags| json!(flags)),
            json!([[], ["read", "write", "run"]]),
            json!(["read", ["fly"], ["read", "read"], null]),
        ),
        echo_of(
            "a-nested-result",
            list(prop_oneof![
                byte().prop_map(|byte| json!({ "ok": byte })),
                text().prop_map(|text| json!({ "err": text })),
            ]),
            json!([[]]),
            json!([[5], [{}], [{ "ok": 1, "err": "x" }], [{ "ok": "x" }]]),
        ),
    ]
}

#[test]
pub(crate) fn every_type() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::EVERY_TYPE, &[]).await;
        let plugin = rig
            .host
            .registry()
            .plugin(&"every-type".parse().unwrap())
            .unwrap();
        let listed: BTreeSet<String> = plugin.tools.keys().map(ToString::to_string).collect();
        let echoes = echoes();
        let mut expected: BTreeSet<String> = echoes
            .iter()
            .map(|echo| format!("echo_{}", echo.function))
            .collect();
        expected.extend(
            [
                "echo_a-result",
                "echo_an-empty-result",
                "echo_nothing",
                "echo_many",
                "whole-world",
            ]
            .map(str::to_owned),
        );
        // Neither what deals in resources nor what a language leaves behind for its own start.
        assert_eq!(listed, expected);

        let mut runner = TestRunner::deterministic();
        for echo in echoes {
            let tool = format!("every-type_echo_{}", echo.function);
            let random: Vec<Value> = (0..CALLS)
                .map(|_| echo.values.new_tree(&mut runner).unwrap().current())
                .collect();
            for value in echo.edges.into_iter().chain(random) {
                let answer = rig.answer(&tool, json!({ "value": value })).await;
                // A record is the structured answer itself; what is no record stands in one.
                let expected = match echo.function {
                    "a-record" => value,
                    _ => json!({ "result": value }),
                };
                assert_eq!(answer, expected, "{tool}");
            }
            for value in echo.wrong {
                let error = rig.refusal(&tool, json!({ "value": value })).await;
                assert_eq!(error.code, Code::InvalidInput, "{tool} {value}: {error:?}");
                assert!(error.message.contains("/value"), "{tool} {value}: {error:?}");
            }
        }

        // What may be written in another way than it is answered.
        for (tool, given, answered) in [
            ("an-s64", json!("-12"), json!(-12)),
            (
                "a-u64",
                json!(18_446_744_073_709_551_615u64),
                json!("18446744073709551615"),
            ),
            ("an-s32", json!(5.0), json!(5)),
            ("an-f64", json!(5), json!(5.0)),
            ("bytes", json!([0, 1, 2]), json!("AAEC")),
        ] {
            let answer = rig
                .answer(&format!("every-type_echo_{tool}"), json!({ "value": given }))
                .await;
            assert_eq!(answer, json!({ "result": answered }), "{tool}");
        }
        for missing in ["an-option", "a-nested-option"] {
            let answer = rig.answer(&format!("every-type_echo_{missing}"), json!({})).await;
            assert_eq!(answer, json!({ "result": null }));
        }
        assert_eq!(
            rig.answer("every-type_echo_many", json!({ "a": 1, "c": "x", "d": "AAEC" }))
                .await,
            json!({ "result": [1, null, "x", "AAEC"] })
        );
        assert_eq!(
            rig.answer("every-type_whole-world", json!({ "words": ["a", "b"] }))
                .await,
            json!({ "result": "a b" })
        );
        assert_eq!(rig.answer("every-type_echo_nothing", json!({})).await, json!(""));
    });
}

#[test]
fn a_result_answers_or_fails() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::EVERY_TYPE, &[]).await;
        let good = json!({ "x": 1, "y": null, "name": "here" });
        assert_eq!(
            rig.answer("every-type_echo_a-result", json!({ "value": { "ok": good } }))
                .await,
            good
        );
        let bad = json!({ "maybe": 7 });
        let error = rig
            .refusal("every-type_echo_a-result", json!({ "value": { "err": bad } }))
            .await;
        assert_eq!(error.code, Code::ToolFailed);
        assert_eq!(error.message, r#"{"maybe":7}"#);
        assert_eq!(error.details, Some(bad));
        for good in [true, false] {
            let answer = rig
                .call("every-type_echo_an-empty-result", json!({ "good": good }))
                .await;
            assert_eq!(code(&answer), (!good).then_some(Code::ToolFailed));
        }
    });
}

#[test]
pub(crate) fn plain_fetch() {
    let page = "<p>some text</p>".repeat(10_000);
    let listener = Listener::with([("/page", Reply::Text(page.clone()))]);
    run(async {
        let rig = Rig::new();
        let there = format!("http://127.0.0.1:{}", listener.port);
        rig.install(guests::PLAIN_FETCH, &[]).await;
        let url = json!({ "url": format!("{there}/page") });
        let error = rig.refusal("plain-fetch_fetch", url.clone()).await;
        assert_eq!(error.code, Code::ToolFailed);
        assert!(error.message.contains("HttpRequestDenied"), "{error:?}");
        assert_eq!(listener.connections(), 0);
        let answer = rig.call("plain-fetch_fetch", url.clone()).await;
        assert!(saw(&answer, Access::Denied, |r| matches!(
            r,
            Resource::Http { .. }
        )));

        rig.install(guests::PLAIN_FETCH, &[&format!("http:GET:{there}/*+private")])
            .await;
        let answer = rig.call("plain-fetch_fetch", url).await;
        let Ok(Outcome::Complete(output)) = &answer.result else {
            panic!("{answer:?}")
        };
        // For a reader the page, for a program a document with the page in it.
        assert_eq!(output.content, [Content::Text { text: page.clone() }]);
        assert_eq!(output.structured, Some(json!({ "result": page })));
        assert!(saw(&answer, Access::Read, |r| matches!(r, Resource::Http { .. })));
    });
}

#[test]
pub(crate) fn plain_files() {
    run(async {
        let field = folder();
        fs::write(field.path().join("a.txt"), "some text").unwrap();
        let rig = Rig::new();
        let at = |name: &str| field.path().join(name).display().to_string();
        rig.install(
            guests::PLAIN_FILES,
            &[&format!("fs:read:{}", field.path().display())],
        )
        .await;
        assert_eq!(
            rig.answer("plain-files_list-directory", json!({ "path": at("") }))
                .await,
            json!({ "result": ["a.txt"] })
        );
        assert_eq!(
            rig.answer("plain-files_read-file", json!({ "path": at("a.txt") }))
                .await,
            json!({ "result": "some text" })
        );
        assert_eq!(
            rig.answer("plain-files_file-info", json!({ "path": at("a.txt") }))
                .await,
            json!({ "kind": "file", "size": 9 })
        );
        assert_eq!(
            rig.answer("plain-files_file-exists", json!({ "path": at("b.txt") }))
                .await,
            json!({ "result": false })
        );
        let error = rig
            .refusal("plain-files_file-info", json!({ "path": "/etc/passwd" }))
            .await;
        assert_eq!(error.code, Code::ToolFailed);
        assert_eq!(
            error.details,
            Some(json!({ "path": "/etc/passwd", "reason": "entity not found" }))
        );
        let arguments = json!({ "path": at("b.txt"), "content": "more" });
        let answer = rig.call("plain-files_write-file", arguments).await;
        assert_eq!(code(&answer), Some(Code::ToolFailed), "{answer:?}");
        assert!(saw(&answer, Access::Denied, |r| matches!(
            r,
            Resource::File { .. }
        )));
        assert!(!field.path().join("b.txt").exists());
    });
}

#[test]
pub(crate) fn plain_time() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::PLAIN_TIME, &[]).await;
        let tool = "plain-time_time_get-current-time";
        assert_eq!(
            rig.answer(tool, json!({})).await,
            json!({ "result": "1735689600" })
        );
        rig.install(guests::PLAIN_TIME, &["clock:wall"]).await;
        let answer = rig.answer(tool, json!({})).await;
        let seconds: u64 = answer["result"].as_str().unwrap().parse().unwrap();
        assert!(seconds > 1_735_689_600, "{seconds}");
    });
}

#[test]
pub(crate) fn plain_settings() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::PLAIN_SETTINGS, &["env:read:CARGO_PKG_NAME"])
            .await;
        assert_eq!(
            rig.answer("plain-settings_setting", json!({ "name": "CARGO_PKG_NAME" }))
                .await,
            json!({ "result": env!("CARGO_PKG_NAME") })
        );
        assert_eq!(
            rig.answer("plain-settings_settings", json!({})).await,
            json!({ "result": [["CARGO_PKG_NAME", env!("CARGO_PKG_NAME")]] })
        );
        let answer = rig
            .call("plain-settings_setting", json!({ "name": "PATH" }))
            .await;
        assert_eq!(
            answer.output().unwrap_err().message,
            "this plugin was not granted env:read:PATH"
        );
        assert!(saw(
            &answer,
            Access::Denied,
            |r| matches!(r, Resource::Env { name } if name == "PATH")
        ));

        // It imports what this host does not serve, and may as long as it does not use it.
        let answer = rig.call("plain-settings_shelve", json!({ "word": "x" })).await;
        assert_eq!(code(&answer), Some(Code::Denied), "{answer:?}");
        let name = "other:host/shelf@3.1.0#find";
        assert!(answer.output().unwrap_err().message.contains(name));
        assert!(saw(
            &answer,
            Access::Denied,
            |r| matches!(r, Resource::Import { name: n } if n == name)
        ));
    });
}
