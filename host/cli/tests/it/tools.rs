//! Finding tools, and how they are used.

use fact_tests::guests;
use serde_json::Value;

use crate::fact::Home;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn tools_are_found_by_what_they_do() {
    let home = Home::new();
    home.ok(&["plugin", "install", "builtin:util"]);
    home.ok(&["plugin", "install", "builtin:sql"]);
    let first = |arguments: &[&str]| {
        let all = [&["tool", "search", "--json"], arguments].concat();
        json(&home.ok(&all).out)["tools"][0]["tool"].clone()
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
    assert_eq!(json(&none.out)["tools"], serde_json::json!([]));
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
        json(&home.ok(&["tool", "stats", "util_hash", "--json"]).out)["usage"],
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

    let told = json(&home.ok(&["tool", "stats", "--json"]).out);
    let tools = told["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 2, "{told}");
    let trap = &tools[0];
    assert_eq!(
        (&trap["tool"], &trap["successes"]),
        (&"trap_run".into(), &0.into())
    );
    assert_eq!(trap["failures"]["crashed"], 1);
    let hash = json(&home.ok(&["tool", "stats", "util_hash", "--json"]).out)["usage"].clone();
    assert_eq!(hash, tools[1]);
    assert_eq!(hash["successes"], 3);
    assert_eq!(hash["failures"]["invalid-input"], 1, "{hash}");
    let time = |name: &str| hash[name].as_u64().unwrap();
    assert!(time("mean_us") > 0 && time("p50_us") <= time("p95_us") && time("p95_us") <= time("max_us"));

    let text = home.ok(&["tool", "stats", "util_hash"]).out;
    assert!(text.contains("4 calls") && text.contains("75.0 %"), "{text}");
    home.ok(&["plugin", "remove", "util"]);
    assert_eq!(
        json(&home.ok(&["tool", "stats", "--json"]).out)["tools"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
