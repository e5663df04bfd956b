//! What `fact plugin update` and `rollback` say about the version that waited.

use fact_tests::guests;
use serde_json::{Value, json};

use crate::fact::Home;

#[test]
fn a_version_that_waited_is_not_thrown_away_in_silence() {
    let home = Home::new();
    let echo = guests::ECHO.bytes;
    let put = |name: &str, key: &str, value: &str| {
        let mut manifest = json!({
            "name": "echo",
            "version": "1.0.0",
            "tools": [{ "name": "run", "input_schema": { "type": "object" } }],
        });
        manifest[key] = json!(value);
        let bytes = fact_component::embed_manifest(echo, &manifest.to_string()).unwrap();
        std::fs::write(home.path().join(name), bytes).unwrap();
    };
    put("first.wasm", "license", "MIT");
    put("wider.wasm", "description", "Says something else about itself");
    put("later.wasm", "version", "99.0.0");
    home.ok(&["plugin", "install", "first.wasm"]);
    let wider = home.ok(&["plugin", "update", "echo", "wider.wasm"]).out;
    assert!(
        wider.contains("waits for your approval") && !wider.contains("thrown away"),
        "{wider}"
    );
    let words = "which waited for your approval, is thrown away";
    let later = home.ok(&["plugin", "update", "echo", "later.wasm"]).out;
    assert!(later.contains(words), "{later}");
    home.ok(&["plugin", "update", "echo", "wider.wasm"]);
    let back = home.ok(&["plugin", "rollback", "echo"]).out;
    assert!(back.contains(words), "{back}");
    home.ok(&["plugin", "update", "echo", "wider.wasm"]);
    let back: Value = serde_json::from_str(&home.ok(&["plugin", "rollback", "echo", "--json"]).out).unwrap();
    assert!(back["dropped"].is_string(), "{back}");
    let again: Value = serde_json::from_str(&home.ok(&["plugin", "rollback", "echo", "--json"]).out).unwrap();
    assert!(again.get("dropped").is_none(), "{again}");
}
