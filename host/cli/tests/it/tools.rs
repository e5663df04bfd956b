//! Finding tools, and how they are used.

use fact_tests::guests;
use serde_json::{Value, json};

use crate::fact::Home;

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn tools_are_found_by_what_they_do() {
    let home = Home::new();
    home.ok(&["plugin", "install", "builtin:util"]);
    home.ok(&["plugin", "install", "builtin:sql"]);
    let first = |arguments: &[&str]| {
        let all = [&["tool", "search", "--json"], arguments].concat();
        parse(&home.ok(&all).out)["tools"][0]["tool"].clone()
    };
    assert_eq!(first(&["fingerprint of a text, sha256"]), "util_hash");
    assert_eq!(first(&["util_hash"]), "util_hash");
    assert_eq!(first(&["ask", "the", "database", "--plugin", "sql"]), "sql_query");
    assert_ne!(first(&["execute", "sql", "--read-only"]), "sql_execute");

    home.ok(&["tool", "disable", "util_hash"]);
    assert_ne!(
        first(&["util_hash"]),
        "util_hash",
        "what can't be called is not offered"
    );
    assert_eq!(first(&["util_hash", "--disabled"]), "util_hash");
    home.ok(&["plugin", "remove", "util"]);
    assert_ne!(first(&["util_hash", "--disabled"]), "util_hash");

    for (code, arguments) in [
        (4, ["tool", "search", "xqzptv"]),
        (4, ["tool", "search", "\"*(NEAR"]),
        (4, ["tool", "search", "--plugin=nothing"]),
        (2, ["tool", "search", "--limit=0"]),
    ] {
        let ran = home.fact(&[&arguments[..], &["xqzptv"]].concat());
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
    }
    let none = home.ok(&["tool", "search", "xqzptv", "--json"]);
    assert_eq!(parse(&none.out)["tools"], serde_json::json!([]));
}

#[test]
fn usage_is_counted_over_runs_of_the_command() {
    let home = Home::new();
    home.ok(&["plugin", "install", "builtin:util"]);
    home.ok(&["plugin", "install", &home.guest(guests::TRAP)]);
    assert!(home.ok(&["tool", "stats"]).out.starts_with("No data"));
    assert!(
        home.ok(&["tool", "stats", "util_hash"])
            .out
            .starts_with("No data")
    );
    assert_eq!(
        parse(&home.ok(&["tool", "stats", "util_hash", "--json"]).out)["usage"],
        Value::Null
    );
    assert_eq!(home.fact(&["tool", "stats", "nothing_here"]).code, 4);

    for _ in 0..3 {
        home.ok(&["call", "util_hash", "text=abc"]);
    }
    assert_eq!(home.fact(&["call", "util_hash", "nonsense=1"]).code, 2);
    assert_eq!(home.fact(&["call", "util_hash", "{}"]).code, 2);
    assert_eq!(home.fact(&["call", "trap_run"]).code, 1);
    assert_eq!(home.fact(&["call", "nothing_here"]).code, 4);

    let told = parse(&home.ok(&["tool", "stats", "--json"]).out);
    let tools = told["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 2, "{told}");
    let trap = &tools[0];
    assert_eq!(
        (&trap["tool"], &trap["successes"]),
        (&"trap_run".into(), &0.into())
    );
    assert_eq!(trap["failures"]["crashed"], 1);
    let hash = parse(&home.ok(&["tool", "stats", "util_hash", "--json"]).out)["usage"].clone();
    assert_eq!(hash, tools[1]);
    assert_eq!(hash["successes"], 3);
    assert_eq!(hash["failures"]["invalid-input"], 1, "{hash}");
    let time = |name: &str| hash[name].as_u64().unwrap();
    assert!(time("mean_us") > 0 && time("p50_us") <= time("p95_us") && time("p95_us") <= time("max_us"));

    let text = home.ok(&["tool", "stats", "util_hash"]).out;
    assert!(text.contains("4 calls") && text.contains("75.0 %"), "{text}");
    home.ok(&["plugin", "remove", "util"]);
    assert_eq!(
        parse(&home.ok(&["tool", "stats", "--json"]).out)["tools"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

/// A component whose manifest has one tool, `find`, as a file.
fn plugin(home: &Home, file: &str, version: &str, input_schema: Value, output_schema: Value) -> String {
    let manifest = json!({
        "name": "attic",
        "version": version,
        "description": "Finds things",
        "tools": [{
            "name": "find",
            "description": format!("Finds things in the attic, {version}"),
            "input_schema": input_schema,
            "output_schema": output_schema,
        }],
    });
    let path = home.path().join(file);
    let bytes = fact_component::embed_manifest(guests::ECHO.bytes, &manifest.to_string()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[test]
fn versions_of_a_tool_are_compared() {
    let home = Home::new();
    let takes = |what: Value, required: &[&str]| {
        json!({
            "type": "object",
            "properties": { "what": what, "most": { "type": "integer" } },
            "required": required,
            "additionalProperties": false,
        })
    };
    let answers = |kind: &str| json!({ "type": "object", "properties": { "found": { "type": kind } } });
    let first = plugin(
        &home,
        "one.wasm",
        "1.0.0",
        takes(json!({ "type": "string" }), &[]),
        answers("integer"),
    );
    let second = plugin(
        &home,
        "two.wasm",
        "2.0.0",
        takes(json!({ "type": "string", "format": "uri" }), &["most"]),
        answers("integer"),
    );
    home.ok(&["plugin", "install", &first]);
    let none = home.ok(&["tool", "diff", "attic_find"]);
    assert!(none.out.starts_with("There is nothing to compare"), "{none:?}");
    let none = home.ok(&["tool", "diff", "attic_find", "--json"]);
    assert_eq!(parse(&none.out)["diff"], Value::Null);
    for (code, arguments) in [(4, "attic_lose"), (4, "cellar_find"), (4, "attic")] {
        assert_eq!(home.fact(&["tool", "diff", arguments]).code, code, "{arguments}");
    }
    assert!(home.ok(&["tool", "diff", "--help"]).out.contains("Examples:"));

    // One that waits is what would come.
    home.ok(&["plugin", "update", "attic", &second]);
    let held = parse(&home.ok(&["tool", "diff", "attic_find", "--json"]).out)["diff"].clone();
    assert_eq!(
        (&held["from"]["state"], &held["to"]["state"], &held["verdict"]),
        (&json!("live"), &json!("held"), &json!("breaking"))
    );
    let told: Vec<_> = held["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| json!([change["part"], change["path"], change["verdict"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["input", "/most", "breaking"]),
            json!(["input", "/what", "unknown"]),
            json!(["description", "", "compatible"]),
        ],
        "{held}"
    );
    let text = home.ok(&["tool", "diff", "attic_find"]).out;
    for part in [
        "(2.0.0, waits for approval)",
        "Breaks those who use it as before\n  input /most: it is required now\n",
        "Can't be decided\n  input /what: ",
        "    + Finds things in the attic, 2.0.0\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }

    // What answered before is what callers may still be used to.
    home.ok(&["plugin", "approve", "attic"]);
    let past = parse(&home.ok(&["tool", "diff", "attic_find", "--json"]).out)["diff"].clone();
    assert_eq!(
        (&past["from"]["state"], &past["to"]["state"]),
        (&json!("previous"), &json!("live"))
    );
    assert_eq!(past["changes"], held["changes"]);
}

#[test]
fn a_schema_that_never_ends_is_refused_with_why_and_what_to_do() {
    let home = Home::new();
    let twice = |next: usize| json!({ "anyOf": [{ "$ref": format!("#/$defs/d{next}") }, { "$ref": format!("#/$defs/d{next}") }] });
    let mut defs: serde_json::Map<_, _> = (0..40).map(|n| (format!("d{n}"), twice(n + 1))).collect();
    defs.insert("d40".to_owned(), json!({ "type": "string" }));
    let bomb = json!({ "type": "object", "properties": { "what": { "$ref": "#/$defs/d0" } }, "$defs": defs });
    let fine = json!({ "type": "object" });
    for (input, output, which) in [(&bomb, &fine, "input"), (&fine, &bomb, "output")] {
        let file = plugin(&home, "bomb.wasm", "1.0.0", input.clone(), output.clone());
        let ran = home.fact(&["plugin", "install", &file]);
        // As for any component that is none.
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
        for part in [
            "`find`",
            &format!("its {which} schema may look at one value more than"),
            "its author has to make it simpler",
        ] {
            assert!(ran.err.contains(part), "{part}: {ran:?}");
        }
        assert_eq!(
            parse(&home.ok(&["plugin", "list", "--json"]).out)["plugins"],
            json!([])
        );
    }
}
