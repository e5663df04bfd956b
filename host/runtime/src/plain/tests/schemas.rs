//! What becomes a tool, and how it is described.

use crate::plain::schema::F32_END;
use crate::plain::shape::{MAX_DEPTH, MAX_TYPES};

use super::*;

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
                    { "type": "number", "exclusiveMinimum": -F32_END, "exclusiveMaximum": F32_END },
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

#[test]
fn the_largest_schema_can_be_installed() {
    // The registry takes no larger one.
    const MAX_SCHEMA: usize = 256 << 10;
    let long = "n".repeat(50);
    let bytes = vec!["list<u8>"; MAX_TYPES - 20].join(", ");
    let fields: String = (0..MAX_TYPES / 2 - 20)
        .map(|n| format!("f{n}-{long}: u64, "))
        .collect();
    for text in [
        format!("package a:b; interface i {{ f: func(x: tuple<{bytes}>); }} world w {{ export i; }}"),
        format!(
            "package a:b; interface i {{ record r {{ {fields} }} f: func(x: r); }} world w {{ export i; }}"
        ),
    ] {
        let tools = tools(of_wit(&text)).unwrap();
        let size = tools[0].input_schema.to_string().len();
        assert!(size > MAX_SCHEMA / 4, "{size}: the test is about large ones");
        assert!(size < MAX_SCHEMA, "{size}");
    }
}
