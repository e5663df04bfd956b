//! Grants that are over, as people are told of them.

use crate::fact::Home;

#[test]
fn a_used_up_grant_is_told_from_one_that_holds() {
    let home = Home::new();
    home.ok(&["db", "seed"]);
    home.ok(&["plugin", "install", "builtin:sql"]);
    let grant = ["plugin", "grant", "sql", "sql:read:finance", "--calls", "1"];
    home.ok(&grant);
    let call = ["call", "sql_query", "statement=SELECT count(*) FROM companies"];
    home.ok(&call);
    let denied = home.fact(&call);
    assert_eq!(denied.code, 3, "the one call was made");
    assert!(
        denied.err.contains("Over by now: grant 1 `sql:read:finance` by")
            && denied
                .err
                .contains("its one call is used up; `fact plugin revoke sql 'sql:read:finance'` and then")
            && denied
                .err
                .contains("`fact plugin grant sql 'sql:read:finance' --calls 1` renews it"),
        "{denied:?}"
    );
    let denied = home.fact(&[&call[..], &["--receipt"]].concat());
    assert!(denied.err.contains("\nover      grant 1 "), "{denied:?}");

    let again = home.fact(&grant);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.err.contains("used up"), "{again:?}");
    assert!(again.err.contains("fact plugin revoke sql"), "{again:?}");
    let shown = home.fact(&["plugin", "show", "sql"]).out;
    let (may, no_longer) = shown.split_once("It may no longer").unwrap();
    assert!(may.contains("no capability is granted"), "{shown}");
    assert!(no_longer.contains("sql:read:finance"), "{shown}");

    // Another count is another grant, and counts from the start.
    home.ok(&["plugin", "grant", "sql", "sql:read:finance", "--calls", "2"]);
    home.ok(&call);
    let shown = home.fact(&["plugin", "show", "sql"]).out;
    assert!(!shown.contains("no longer"), "{shown}");
}

/// The same component again is no installation, and says what it changed.
#[test]
fn installing_again_says_what_it_did() {
    let home = Home::new();
    home.ok(&["db", "seed"]);
    let install = ["plugin", "install", "builtin:sql"];
    assert!(home.ok(&install).out.starts_with("Installed sql "));
    let again = home.ok(&install).out;
    assert!(
        again.contains("is installed already") && again.contains("nothing was changed"),
        "{again}"
    );
    let more: Vec<&str> = install
        .iter()
        .chain(&["--grant", "sql:read:finance"])
        .copied()
        .collect();
    let more = home.ok(&more).out;
    assert!(
        more.contains("grants were added") && more.contains("It may now read"),
        "{more}"
    );
    let json = home.ok(&["plugin", "install", "builtin:sql", "--json"]).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["new"], false, "{json}");
}

#[test]
fn a_plugin_that_was_dropped_in_is_removed_with_a_word_about_its_file() {
    let home = Home::new();
    let folder = home.path().join("data/plugins");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("echo.wasm"), fact_tests::guests::ECHO.bytes).unwrap();
    home.ok(&["plugin", "list"]);
    let removed = home.ok(&["plugin", "remove", "echo"]);
    assert!(
        removed.err.contains("rm ") && removed.err.contains("data/plugins/echo.wasm"),
        "{removed:?}"
    );
    home.ok(&["plugin", "install", &home.guest(fact_tests::guests::ECHO)]);
    let removed = home.ok(&["plugin", "remove", "echo"]);
    assert!(!removed.err.contains("drop-in"), "{removed:?}");
}
