//! Plain components as a whole: what becomes a tool, what a call comes to, what is refused.

use fact_egress::{Egress, EgressConfig};
use fact_store::{Databases, SqlLimits};
use fact_types::{Access, ByteSize, CallId, Capability, Code, Content, Digest, Limits, Outcome, ToolSpec};
use serde_json::{Value, json};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

use super::shape::{MAX_DEPTH, MAX_TYPES};
use crate::nobody::Nobody;
use crate::{CallInput, CallReport, Compiled, Grants, LoadError, Runtime, RuntimeConfig, Services};

fn runtime() -> Runtime {
    let services = Services {
        egress: Egress::new(EgressConfig::default()).unwrap(),
        databases: Databases::new(Default::default(), SqlLimits::default()),
        peers: Nobody::new(),
        facts: Nobody::new(),
    };
    let config = RuntimeConfig {
        slots: 4,
        ..RuntimeConfig::default()
    };
    Runtime::new(config, services).unwrap()
}

/// A component with the types of a world and no work in it.
fn of_wit(text: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve
        .push_source("world.wit", text)
        .unwrap_or_else(|error| panic!("{error:?}"));
    let world = resolve.select_world(&[package], Some("w")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

/// A component written out.
fn of_text(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn load(runtime: &Runtime, bytes: Vec<u8>) -> Compiled {
    runtime
        .load(Digest::of(&bytes), &Limits::default(), || Ok(bytes))
        .unwrap()
}

fn tools(bytes: Vec<u8>) -> Result<Vec<ToolSpec>, LoadError> {
    let runtime = runtime();
    let compiled = load(&runtime, bytes);
    assert!(!compiled.is_contract());
    let linked = runtime.link(&compiled, Grants::default(), &Limits::default());
    let tools = runtime.plain_tools(&compiled, &|_, _| None, 31);
    // What has tools can be linked, and what has none can't.
    let linked = linked.map(drop);
    assert_eq!(tools.is_ok(), linked.is_ok(), "{tools:?} {linked:?}");
    tools
}

fn names(tools: &[ToolSpec]) -> Vec<&str> {
    tools.iter().map(|tool| tool.name.as_str()).collect()
}

/// Calls a function once, with grants.
fn call_with(
    bytes: Vec<u8>,
    grants: &[&str],
    limits: &Limits,
    export: &str,
    arguments: &Value,
) -> CallReport {
    let runtime = runtime();
    let compiled = load(&runtime, bytes);
    let grants: Vec<Capability> = grants.iter().map(|grant| grant.parse().unwrap()).collect();
    let linked = runtime.link(&compiled, Grants::new(&grants), limits).unwrap();
    let arguments = arguments.to_string();
    let input = CallInput {
        id: CallId::new(),
        plugin: &"plain".parse().unwrap(),
        within: None,
        tool: "any",
        export: Some(export),
        arguments: &arguments,
        resume: None,
        grants: None,
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(runtime.call(&linked, limits, input, std::future::pending()))
}

fn call(bytes: Vec<u8>, export: &str, arguments: &Value) -> CallReport {
    call_with(bytes, &[], &Limits::default(), export, arguments)
}

fn structured(report: CallReport) -> Option<Value> {
    match report.result {
        Ok(Outcome::Complete(output)) => output.structured,
        other => panic!("{other:?}"),
    }
}

fn code(report: &CallReport) -> Option<Code> {
    report.result.as_ref().err().map(|failure| failure.code)
}

#[test]
fn every_type_has_its_schema() {
    let tools = tools(of_wit(
        r#"package local:x@1.2.3;
        interface types {
            record point { x: s8, y: option<u16> }
            variant shape { empty, circle(f32), at(point) }
            variant always { a(bool), b(char) }
            enum colour { red, green }
            flags rights { read, write }
            all: func(a: bool, b: s64, c: u64, d: f64, e: string, f: list<u8>, g: list<colour>) -> point;
            more: func(t: tuple<u32, s32>, v: shape, w: always, o: option<string>, n: option<option<u8>>, r: result<_, string>,
                       s: rights, c: option<colour>) -> result<shape, string>;
            none: func();
            done: func() -> result<_, colour>;
        }
        world w { export types; }"#,
    ))
    .unwrap();
    assert_eq!(
        names(&tools),
        ["types_all", "types_more", "types_none", "types_done"]
    );
    let point = json!({
        "type": "object",
        "properties": {
            "x": { "type": "integer", "minimum": -128, "maximum": 127 },
            "y": { "type": ["integer", "null"], "minimum": 0, "maximum": 65535 },
        },
        "additionalProperties": false,
        "required": ["x"],
    });
    let colour = json!({ "type": "string", "enum": ["red", "green"] });
    let shape = json!({ "anyOf": [
        { "type": "string", "enum": ["empty"] },
        {
            "type": "object",
            "properties": {
                "circle": { "anyOf": [
                    { "type": "number", "minimum": f64::from(f32::MIN), "maximum": f64::from(f32::MAX) },
                    { "enum": ["NaN", "Infinity", "-Infinity"] },
                ] },
                "at": point,
            },
            "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
        },
    ] });
    assert_eq!(
        tools[0].input_schema,
        json!({
            "type": "object",
            "properties": {
                "a": { "type": "boolean" },
                "b": { "anyOf": [
                    { "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX },
                    { "type": "string", "pattern": "^(0|-?[1-9][0-9]{0,18})$" },
                ] },
                "c": { "anyOf": [
                    { "type": "integer", "minimum": 0, "maximum": u64::MAX },
                    { "type": "string", "pattern": "^(0|[1-9][0-9]{0,19})$" },
                ] },
                "d": { "anyOf": [{ "type": "number" }, { "enum": ["NaN", "Infinity", "-Infinity"] }] },
                "e": { "type": "string" },
                "f": {
                    "description": "Bytes: base64, or an array of numbers from 0 to 255.",
                    "anyOf": [
                        { "type": "string", "contentEncoding": "base64" },
                        { "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 255 } },
                    ],
                },
                "g": { "type": "array", "items": colour },
            },
            "additionalProperties": false,
            "required": ["a", "b", "c", "d", "e", "f", "g"],
        })
    );
    assert_eq!(tools[0].output_schema, Some(point));
    assert_eq!(tools[0].export.as_deref(), Some("local:x/types@1.2.3#all"));
    assert_eq!(
        tools[1].input_schema["properties"],
        json!({
            "t": {
                "type": "array",
                "prefixItems": [
                    { "type": "integer", "minimum": 0, "maximum": u32::MAX },
                    { "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX },
                ],
                "items": false, "minItems": 2, "maxItems": 2,
            },
            "v": shape,
            "w": {
                "type": "object",
                "properties": {
                    "a": { "type": "boolean" },
                    "b": { "type": "string", "minLength": 1, "maxLength": 1 },
                },
                "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
            },
            "o": { "type": ["string", "null"] },
            "n": {
                "type": ["object", "null"],
                "properties": { "some": { "type": ["integer", "null"], "minimum": 0, "maximum": 255 } },
                "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
            },
            "r": {
                "type": "object",
                "properties": { "ok": { "type": "null" }, "err": { "type": "string" } },
                "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
            },
            "s": {
                "type": "array",
                "items": { "type": "string", "enum": ["read", "write"] },
                "uniqueItems": true, "maxItems": 2,
            },
            "c": { "anyOf": [colour, { "type": "null" }] },
        })
    );
    assert_eq!(
        tools[1].input_schema["required"],
        json!(["t", "v", "w", "r", "s"])
    );
    assert_eq!(
        tools[1].output_schema,
        Some(json!({
            "type": "object",
            "properties": { "result": shape },
            "required": ["result"],
            "additionalProperties": false,
        }))
    );
    assert_eq!(
        tools[2].input_schema,
        json!({ "type": "object", "properties": {}, "additionalProperties": false })
    );
    assert_eq!((&tools[2].output_schema, &tools[3].output_schema), (&None, &None));
}

#[test]
fn descriptions_are_asked_for_by_export() {
    let runtime = runtime();
    let bytes = of_wit(
        "package a:b@1.0.0; interface i { f: func(); } world w { export i; export g: func(); export h: func(); }",
    );
    let compiled = load(&runtime, bytes);
    let docs = |interface: Option<&str>, function: &str| match (interface, function) {
        (Some("a:b/i@1.0.0"), "f") => Some(" Does f.\n".to_owned()),
        (None, "g") => Some("Does g.".to_owned()),
        _ => None,
    };
    let tools = runtime.plain_tools(&compiled, &docs, 31).unwrap();
    let mut found: Vec<_> = tools
        .iter()
        .map(|tool| (tool.name.as_str(), tool.description.as_str()))
        .collect();
    found.sort_unstable();
    assert_eq!(found, [("g", "Does g."), ("h", ""), ("i_f", "Does f.")]);
}

#[test]
fn what_has_no_json_form_is_left_out() {
    let tools = tools(of_wit(
        r#"package a:b;
        interface i {
            resource thing { constructor(); count: func() -> u32; make: static func() -> u32; }
            owned: func(x: thing);
            borrowed: func(x: list<option<borrow<thing>>>);
            given: func() -> result<thing>;
            good: func() -> u32;
        }
        world w { export i; export init: func(); export initial: func(); }"#,
    ))
    .unwrap();
    let mut names = names(&tools);
    names.sort_unstable();
    assert_eq!(names, ["i_good", "initial"]);
}

#[test]
fn components_without_a_tool_are_refused() {
    let deep = |levels: usize| {
        let types: String = (1..levels)
            .map(|n| format!("type t{n} = list<t{}>; ", n - 1))
            .collect();
        format!(
            "package a:b; interface i {{ type t0 = string; {types} f: func(x: t{}); }} world w {{ export i; }}",
            levels - 1
        )
    };
    // Each level twice as many: a few lines that stand for many thousands.
    let wide: String = (1..15)
        .map(|n| format!("record t{n} {{ a: t{0}, b: t{0} }} ", n - 1))
        .collect();
    let wide = format!(
        "package a:b; interface i {{ type t0 = u32; {wide} f: func() -> t14; }} world w {{ export i; }}"
    );
    let cases = [
        (
            "package a:b; world w { }".to_owned(),
            "neither `fact:plugin/tools` nor a function",
        ),
        (
            "package a:b; interface i { resource r; f: func(x: r); } world w { export i; }".to_owned(),
            "`a:b/i#f`: it belongs to a resource, or takes or gives one",
        ),
        (deep(MAX_DEPTH + 1), "nest deeper than 64"),
        (wide, &*format!("more than {MAX_TYPES} types")),
        (
            "package wasi:cli@0.2.0; interface run { run: func() -> result; } world w { export run; }"
                .to_owned(),
            "a part of the language's runtime",
        ),
        (
            "package fact:plugin@0.2.0; interface tools { f: func(); } world w { export tools; }".to_owned(),
            "exports version 0.2.0 of `fact:plugin/tools`, and this host speaks 0.1",
        ),
    ];
    for (text, word) in &cases {
        match tools(of_wit(text)) {
            Err(LoadError::Contract(why)) => assert!(why.contains(word), "{why}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    // One level less is fine.
    assert_eq!(names(&tools(of_wit(&deep(MAX_DEPTH))).unwrap()), ["i_f"]);
}

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

/// A component that calls an imported function, which takes and gives nothing.
fn importer(interface: &str) -> Vec<u8> {
    of_text(&format!(
        r#"(component
            (import "{interface}" (instance $import (export "act" (func))))
            (core func $act (canon lower (func $import "act")))
            (core module $m
                (import "" "act" (func $act))
                (func (export "act") (call $act))
                (func (export "idle")))
            (core instance $i (instantiate $m (with "" (instance (export "act" (func $act))))))
            (func (export "act") (canon lift (core func $i "act")))
            (func (export "idle") (canon lift (core func $i "idle"))))"#
    ))
}

#[test]
fn unknown_imports_are_denied_when_they_are_called() {
    for name in [
        "foo:bar/baz",
        "foo:bar/baz@7.0.0-x",
        "wasi:keyvalue/store@0.2.0-draft",
        "wasi:logging/logging",
        "wasi:clocks/timezone@0.2.0",
        "baz",
        // A function that a later version of an interface has.
        "wasi:cli/environment@0.2.99",
        "fact:plugin/kv@0.1.7",
        "wasi:config/store@0.2.0-draft",
    ] {
        let report = call(importer(name), "idle", &json!({}));
        assert_eq!(code(&report), None, "{name}: {report:?}");
        assert!(report.effects.is_empty());

        let report = call(importer(name), "act", &json!({}));
        let failure = report.result.unwrap_err();
        assert_eq!(failure.code, Code::Denied, "{name}: {failure:?}");
        let path = format!("{name}#act");
        assert_eq!(
            failure.message,
            format!("The call was stopped: it called `{path}`, which this host does not serve.")
        );
        let effects: Vec<_> = report.effects.iter().collect();
        assert_eq!(effects.len(), 1);
        assert_eq!(effects[0].access, Access::Denied);
        assert_eq!(effects[0].resource.to_string(), format!("import {path}"));
    }
}

#[test]
fn versions_that_this_host_does_not_speak_are_refused_at_once() {
    let runtime = runtime();
    for (name, word) in [
        (
            "wasi:cli/environment@0.3.0",
            "`wasi:cli/environment` in 0.3.0, and this host speaks 0.2",
        ),
        ("wasi:cli/environment@1.2.0", "speaks 0.2"),
        ("wasi:http/types@0.2.0-rc-2023-12-05", "speaks 0.2"),
        ("wasi:io/anything", "no version"),
        (
            "fact:plugin/kv@0.2.0",
            "`fact:plugin/kv` in 0.2.0, and this host speaks 0.1",
        ),
    ] {
        let compiled = load(&runtime, importer(name));
        match runtime
            .link(&compiled, Grants::default(), &Limits::default())
            .map(drop)
        {
            Err(LoadError::Contract(why)) => assert!(why.contains(word), "{why}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let module = of_text(r#"(component (import "m" (core module)))"#);
    let compiled = load(&runtime, module);
    match runtime
        .link(&compiled, Grants::default(), &Limits::default())
        .map(drop)
    {
        Err(LoadError::Contract(why)) => assert!(why.contains("`m`, which is neither a function"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_resources_and_functions_of_the_world_are_stood_in_for() {
    // A resource of an unknown interface, used by another; one of WASI, used by an unknown interface.
    let bytes = of_wit(
        r#"package a:b;
        package wasi:io@0.2.0 { interface error { resource error; } }
        package foo:store@0.1.0 {
            interface types { resource bucket { constructor(name: string); get: func(key: string) -> option<list<u8>>; } }
            interface more { use types.{bucket}; use wasi:io/error@0.2.0.{error};
                             open: func() -> result<bucket, error>; close: func(b: bucket); }
        }
        world w {
            import foo:store/types@0.1.0; import foo:store/more@0.1.0; import lone: func(x: u8) -> u8;
            export f: func();
        }"#,
    );
    assert_eq!(names(&tools(bytes).unwrap()), ["f"]);
}

#[test]
fn what_is_served_is_what_the_linker_has() {
    let runtime = runtime();
    let kind = crate::engine::Kind {
        pooled: true,
        fuel: false,
    };
    let mut linker = wasmtime::component::Linker::new(runtime.engines.get(kind).unwrap());
    crate::link::world(&mut linker, &Grants::default()).unwrap();
    crate::imports::unserved::tests_support::check_served(&mut linker);
}

#[test]
fn the_configuration_is_the_granted_variables() {
    // Answers with what the lookup of `PATH` wrote: a result of an option of text, or a text.
    let bytes = of_text(
        r#"(component
            (import "wasi:config/store@0.2.0-draft" (instance $config
                (type $e (variant (case "upstream" string) (case "io" string)))
                (export "error" (type $error (eq $e)))
                (export "get" (func (param "key" string) (result (result (option string) (error $error)))))))
            (alias export $config "error" (type $error))
            (core module $libc
                (memory (export "memory") 2)
                (global $top (mut i32) (i32.const 4096))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (global.set $top (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
                    (global.get $top)
                    (global.set $top (i32.add (global.get $top) (local.get 3)))))
            (core instance $libc (instantiate $libc))
            (core func $get (canon lower (func $config "get") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
            (core module $m
                (import "libc" "memory" (memory 1))
                (import "" "get" (func $get (param i32 i32 i32)))
                (func (export "f") (param i32 i32) (result i32)
                    (call $get (local.get 0) (local.get 1) (i32.const 1024))
                    (i32.const 1024)))
            (core instance $i (instantiate $m
                (with "libc" (instance $libc))
                (with "" (instance (export "get" (func $get))))))
            (export $named "error" (type $error))
            (func (export "f") (param "key" string) (result (result (option string) (error $named)))
                (canon lift (core func $i "f") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))"#,
    );
    let get = |grants: &[&str], key: &str| {
        let report = call_with(
            bytes.clone(),
            grants,
            &Limits::default(),
            "f",
            &json!({ "key": key }),
        );
        let effects: Vec<String> = report
            .effects
            .iter()
            .map(|effect| format!("{:?} {}", effect.access, effect.resource))
            .collect();
        (report.result, effects)
    };
    let (result, effects) = get(&["env:read:PATH"], "PATH");
    let Ok(Outcome::Complete(output)) = result else {
        panic!("{result:?}")
    };
    assert_eq!(
        output.structured,
        Some(json!({ "result": std::env::var("PATH").unwrap() }))
    );
    assert_eq!(effects, ["Read env PATH"]);

    let (result, effects) = get(&["env:read:*"], "FACT_NO_SUCH_VARIABLE");
    let Ok(Outcome::Complete(output)) = result else {
        panic!("{result:?}")
    };
    assert_eq!(output.structured, Some(json!({ "result": null })));
    assert_eq!(effects, ["Read env FACT_NO_SUCH_VARIABLE"]);

    let (result, effects) = get(&["env:read:HOME"], "PATH");
    let failure = result.unwrap_err();
    assert_eq!(
        failure.message,
        r#"{"upstream":"this plugin was not granted env:read:PATH"}"#
    );
    assert_eq!(effects, ["Denied env PATH"]);
}
