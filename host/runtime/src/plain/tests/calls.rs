//! What a call comes to.

use super::*;

/// A component whose function of the world, `f`, has a type and a core function.
fn function(types: &str, ty: &str, core: &str) -> Vec<u8> {
    of_text(&format!(
        r#"(component
            (core module $m
                (memory (export "memory") 2)
                (global $top (mut i32) (i32.const 4096))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (global.set $top (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
                    (global.get $top)
                    (global.set $top (i32.add (global.get $top) (local.get 3))))
                {core})
            (core instance $i (instantiate $m))
            {types}
            (func (export "f") {ty}
                (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
    ))
}

/// Gives back a text, as a `result` whose other side is an error.
fn either(discriminant: u32) -> Vec<u8> {
    function(
        "",
        r#"(param "text" string) (result (result string (error string)))"#,
        &format!(
            r#"(func (export "f") (param i32 i32) (result i32)
                (i32.store (i32.const 1024) (i32.const {discriminant}))
                (i32.store (i32.const 1028) (local.get 0))
                (i32.store (i32.const 1032) (local.get 1))
                (i32.const 1024))"#
        ),
    )
}

#[test]
fn a_text_is_for_readers_and_for_programs() {
    let report = call(either(0), "f", &json!({ "text": "häh?" }));
    let Ok(Outcome::Complete(output)) = report.result else {
        panic!("{report:?}")
    };
    assert_eq!(output.structured, Some(json!({ "result": "häh?" })));
    assert_eq!(
        output.content,
        [Content::Text {
            text: "häh?".to_owned()
        }]
    );
    assert!(!output.is_error);
}

#[test]
fn an_error_is_a_failure_of_the_tool() {
    let failure = call(either(1), "f", &json!({ "text": "no such page" }))
        .result
        .unwrap_err();
    assert_eq!(failure.code, Code::ToolFailed);
    assert_eq!(failure.message, "no such page");
    assert_eq!(failure.details, Some(json!("no such page")));

    let silent = call(either(1), "f", &json!({ "text": "" })).result.unwrap_err();
    assert_eq!(silent.message, "The tool failed and does not say why.");

    // Of a long one, the beginning.
    let long = call(either(1), "f", &json!({ "text": "x".repeat(9000) }))
        .result
        .unwrap_err();
    assert_eq!(long.message.len(), 2000);

    // One that is no text, as JSON.
    let typed = function(
        r#"(type $e (record (field "code" u8))) (export $named "e" (type $e))"#,
        r#"(result (result (error $named)))"#,
        r#"(func (export "f") (result i32) (i32.store8 (i32.const 0) (i32.const 1)) (i32.store8 (i32.const 1) (i32.const 7)) (i32.const 0))"#,
    );
    let failure = call(typed, "f", &json!({})).result.unwrap_err();
    assert_eq!(failure.message, r#"{"code":7}"#);
    assert_eq!(failure.details, Some(json!({ "code": 7 })));
}

#[test]
fn a_function_without_a_result_answers_with_nothing() {
    let report = call(function("", "", r#"(func (export "f"))"#), "f", &json!({}));
    assert_eq!(structured(report), None);
}

#[test]
fn arguments_that_do_not_fit_are_named() {
    let bytes = function(
        "",
        r#"(param "count" u8) (param "word" (option string))"#,
        r#"(func (export "f") (param i32 i32 i32 i32))"#,
    );
    assert_eq!(code(&call(bytes.clone(), "f", &json!({ "count": 255 }))), None);
    for (arguments, message) in [
        (
            json!({ "count": 256 }),
            "do not fit at /count: it is outside the range from 0 to 255.",
        ),
        (json!({}), "do not fit: the parameter `count` is missing."),
        (
            json!({ "count": 1, "wort": "x" }),
            "do not fit: there is no parameter `wort`; there are `count`, `word`.",
        ),
        (
            json!({ "count": 1, "word": 5 }),
            "do not fit at /word: it is a number, not a string.",
        ),
        (json!([]), "Arguments are a JSON object."),
    ] {
        let failure = call(bytes.clone(), "f", &arguments).result.unwrap_err();
        assert_eq!(failure.code, Code::InvalidInput, "{arguments}");
        assert!(failure.message.contains(message), "{}", failure.message);
    }
    assert_eq!(code(&call(bytes, "g", &json!({}))), Some(Code::NotFound));
}

#[test]
fn a_huge_list_is_stopped_before_it_is_made() {
    let huge = |element: &str, length: u32, pages: u32| {
        of_text(&format!(
            r#"(component
                (core module $m
                    (memory (export "memory") {pages})
                    (func (export "f") (result i32)
                        (i32.store (i32.const 4) (i32.const {length}))
                        (i32.const 0)))
                (core instance $i (instantiate $m))
                (func (export "f") (result (list {element}))
                    (canon lift (core func $i "f") (memory (core memory $i "memory")))))"#
        ))
    };
    // More than the engine may move at once, and more than an answer may have.
    for (bytes, limits, expected) in [
        (huge("u8", 100_000_000, 1600), Limits::default(), Code::CallLimit),
        (
            huge("bool", 100_000_000, 1600),
            Limits::default(),
            Code::CallLimit,
        ),
        (
            huge("bool", 200_000, 16),
            Limits {
                output: ByteSize::kib(64),
                ..Limits::default()
            },
            Code::OutputLimit,
        ),
        (
            huge("u8", 200_000, 16),
            Limits {
                output: ByteSize::kib(64),
                ..Limits::default()
            },
            Code::OutputLimit,
        ),
    ] {
        let report = call_with(bytes, &[], &limits, "f", &json!({}));
        assert_eq!(code(&report), Some(expected), "{report:?}");
    }
    let fits = call(huge("u8", 200_000, 16), "f", &json!({}));
    let answer = structured(fits).unwrap();
    assert_eq!(answer["result"].as_str().unwrap().len(), 266_668);
}
