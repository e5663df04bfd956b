//! What authors of plugins use: beginning, building, looking at and testing.

use fact_tests::guests;
use serde_json::Value;

use crate::fact::{Home, Ran};

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn inspecting_runs_nothing() {
    let home = Home::new();
    let wasm = home.guest(guests::ECHO);
    let ran = home.ok(&["plugin", "inspect", &wasm]);
    for words in ["FACT plugin", "not signed", "fact:plugin/tools@", "could use"] {
        assert!(ran.out.contains(words), "{words}: {ran:?}");
    }
    let found = json(&home.ok(&["plugin", "inspect", &wasm, "--output", "json"]));
    assert_eq!(found["size"], guests::ECHO.bytes.len());
    assert_eq!(found["is_contract"], true);
    // This one never ends when it is asked what it is.
    home.ok(&["plugin", "inspect", &home.guest(guests::DESCRIBE_SPINS)]);
    let plain = home.ok(&["plugin", "inspect", &home.guest(guests::PLAIN_TIME)]);
    assert!(plain.out.contains("without the plugin contract"), "{plain:?}");

    std::fs::write(home.path().join("text.wasm"), "no component").unwrap();
    for (code, file) in [(2, "text.wasm"), (2, "."), (4, "nothing.wasm")] {
        let ran = home.fact(&["plugin", "inspect", file]);
        assert_eq!(ran.code, code, "{file}: {ran:?}");
    }
    assert!(
        !home.path().join("data").exists(),
        "looking at a file needs no data folder"
    );
}

/// What this version does not know in a manifest is told and no reason to refuse it; what can't be read says what to do.
#[test]
fn odd_manifests_are_told_of() {
    let home = Home::new();
    let echo = guests::ECHO.bytes;
    let text = fact_component::inspect(echo).unwrap().manifest;
    let mut manifest: Value = text.map_or_else(
        || serde_json::json!({ "name": "echo", "tools": [{ "name": "run", "input_schema": {} }] }),
        |text| serde_json::from_str(&text).unwrap(),
    );
    manifest["colour"] = "red".into();
    let put = |name: &str, manifest: &str| {
        let bytes = fact_component::embed_manifest(echo, manifest).unwrap();
        std::fs::write(home.path().join(name), bytes).unwrap();
    };
    put("newer.wasm", &manifest.to_string());
    let words = "keys that this version of FACT does not know and passes over: `colour`";
    let seen = home.ok(&["plugin", "inspect", "newer.wasm"]);
    assert!(seen.out.contains(words), "{seen:?}");
    let seen = home.ok(&["plugin", "install", "newer.wasm", "--dry-run"]);
    assert!(seen.err.contains(words), "{seen:?}");
    let seen = json(&home.ok(&["plugin", "install", "newer.wasm", "--json"]));
    assert!(
        seen["warnings"][0].as_str().unwrap().contains("`colour`"),
        "{seen}"
    );

    put("empty.wasm", " ");
    let deep = format!(
        "{{\"name\":\"p\",\"description\":\"\",\"tools\":[{{\"name\":\"t\",\"input_schema\":{}",
        "[".repeat(500)
    );
    put("deep.wasm", &deep);
    for (file, words) in [
        ("empty.wasm", "it is empty. `fact plugin build`"),
        ("deep.wasm", "nested too deep"),
    ] {
        let seen = home.ok(&["plugin", "inspect", file]);
        assert!(
            seen.out.contains(words) && seen.out.contains("will not be installed"),
            "{seen:?}"
        );
        let refused = home.fact(&["plugin", "install", file]);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.err.contains(words), "{refused:?}");
    }
}

#[test]
fn a_test_tells_good_plugins_from_bad_ones() {
    let home = Home::new();
    // A guest, the checks that it fails, and some more of the command line.
    let cases: &[(fact_tests::Guest, &[&str], &[&str])] = &[
        (guests::ECHO, &[], &[]),
        (guests::TRAP, &["no-crash"], &[]),
        (guests::PANIC, &["no-crash"], &[]),
        (guests::SPIN, &["within-limits"], &["--deadline", "200ms"]),
        (guests::FLOOD_LOG, &["within-limits"], &[]),
        (guests::BAD_JSON_OUTPUT, &["described"], &[]),
    ];
    for (guest, checks, more) in cases {
        let wasm = home.guest(*guest);
        let mut arguments = vec!["plugin", "test", &wasm, "--cases", "9", "--output", "json"];
        arguments.extend(*more);
        let ran = home.fact(&arguments);
        assert_eq!(ran.code, i32::from(!checks.is_empty()), "{guest:?}: {ran:?}");
        let report = json(&ran);
        let mut failed: Vec<&str> = report["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| problem["check"].as_str().unwrap())
            .collect();
        failed.dedup();
        assert_eq!(failed, *checks, "{guest:?}: {ran:?}");
        assert_eq!(report["size"], guest.bytes.len(), "{guest:?}");
    }
    assert!(!home.path().join("data").exists(), "a test leaves nothing behind");
}

#[test]
fn the_same_seed_makes_the_same_test() {
    let home = Home::new();
    let wasm = home.guest(guests::ECHO);
    let counts = |seed: &str| {
        let file = home.path().join(format!("report-{seed}.json"));
        let file = file.display().to_string();
        let ran = home.ok(&[
            "plugin", "test", &wasm, "--seed", seed, "--cases", "30", "--report", &file,
        ]);
        assert!(ran.out.contains("Passed."), "{ran:?}");
        let report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(report["seed"].to_string(), seed);
        report["tools"][0]["ended"].clone()
    };
    let first = counts("7");
    assert_eq!(first, counts("7"));
    assert_eq!(first["ok"], 40, "two thirds fit, and each is tried twice");
    assert_eq!(first["invalid-input"], 10);
}

#[test]
fn a_new_project_is_built_tested_and_called() {
    let home = Home::new();
    let root = Home::repository();
    let sdk = root.join("sdk/rust").display().to_string();
    home.ok(&["plugin", "new", "--lang", "rust", "hello", "--sdk", &sdk]);
    let again = home.fact(&["plugin", "new", "hello", "--sdk", &sdk]);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(!again.err.is_empty());
    let other = home.fact(&["plugin", "new", "--lang", "cobol", "other", "--sdk", &sdk]);
    assert!(
        other.code == 2 && other.err.contains("there is: rust"),
        "{other:?}"
    );
    // The versions of this repository, which are there already.
    std::fs::copy(root.join("Cargo.lock"), home.path().join("hello/Cargo.lock")).unwrap();

    let build = |home: &Home, arguments: &[&str]| {
        let mut command = home.command(env!("CARGO_BIN_EXE_fact"));
        Home::with_cargo(&mut command);
        Ran::new(command.args(arguments).output().unwrap())
    };
    let ran = build(&home, &["plugin", "build", "hello", "--output", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let built = json(&ran);
    assert_eq!(built["plugin"], "hello");
    assert_eq!(built["tools"], serde_json::json!(["greet"]));
    assert_eq!(built["asks_for"], serde_json::json!([]));

    let found = json(&home.ok(&["plugin", "inspect", "hello/hello.wasm", "--output", "json"]));
    assert_eq!(found["digest"], built["digest"]);
    assert_eq!(found["manifest"]["name"], "hello");
    assert_eq!(found["manifest"]["imports"], built["imports"]);
    assert_eq!(found["metadata"]["version"], "0.1.0");

    let tested = home.ok(&["plugin", "test", "hello/hello.wasm"]);
    assert!(tested.out.contains("Passed."), "{tested:?}");
    home.ok(&["plugin", "install", "hello/hello.wasm"]);
    let greeted = home.ok(&["call", "hello_greet", "name=Ann"]);
    assert!(greeted.out.contains("Hello, Ann!"), "{greeted:?}");

    // One that does not compile fails, and the last build stays.
    std::fs::write(home.path().join("hello/src/lib.rs"), "no rust").unwrap();
    let broken = build(&home, &["plugin", "build", "hello"]);
    assert!(
        broken.code == 1 && broken.err.contains("does not compile"),
        "{broken:?}"
    );
    assert!(home.path().join("hello/hello.wasm").is_file());
    assert_eq!(home.fact(&["plugin", "build", "data"]).code, 4);
}
