//! Exit codes and where words go: data to standard output, everything else to standard error.

use fact_tests::guests;

use crate::fact::Home;

#[test]
fn exit_codes() {
    let home = Home::new();
    home.ok(&["db", "seed"]);
    home.ok(&[
        "plugin",
        "install",
        "builtin:sql",
        "--grant",
        "sql:read:finance/companies",
    ]);
    home.ok(&["plugin", "install", &home.guest(guests::TRAP)]);
    home.ok(&["plugin", "install", &home.guest(guests::SPIN)]);
    let wasm = home.guest(guests::DESCRIBE_BAD);
    std::fs::write(home.path().join("text.wasm"), "no component").unwrap();
    let cases: &[(i32, &[&str])] = &[
        (0, &["version"]),
        (0, &["--version"]),
        (0, &["--help"]),
        (0, &["plugin", "list"]),
        (0, &["call", "sql_query", "statement=SELECT name FROM companies"]),
        (1, &["call", "trap_run"]),
        (2, &[]),
        (2, &["nonsense"]),
        (2, &["call", "sql_query"]),
        (2, &["call", "sql_query", "nonsense=1"]),
        (2, &["call", "sql_query", "statement=SELEC"]),
        (2, &["plugin", "grant", "sql", "nonsense"]),
        (2, &["plugin", "install", &wasm]),
        (2, &["plugin", "install", "text.wasm"]),
        (3, &["call", "sql_query", "statement=SELECT * FROM benchmarks"]),
        (3, &["call", "sql_query", "statement=SELECT * FROM sqlite_master"]),
        (3, &["call", "sql_query", "statement=DELETE FROM companies"]),
        (3, &["call", "sql_execute", "statement=DELETE FROM companies"]),
        (2, &["--log-level", "foo", "plugin", "list"]),
        (4, &["call", "nothing_here"]),
        (4, &["call", "nope"]),
        (4, &["tool", "show", "zz"]),
        (4, &["plugin", "show", "nothing"]),
        (4, &["plugin", "install", "nothing.wasm"]),
        (5, &["call", "spin_run", "--deadline", "300ms"]),
    ];
    for (code, arguments) in cases {
        let ran = home.fact(arguments);
        assert_eq!(ran.code, *code, "fact {arguments:?}: {ran:?}");
        if *code == 0 {
            assert!(!ran.out.is_empty(), "fact {arguments:?} says nothing");
        } else {
            assert_eq!(ran.out, "", "fact {arguments:?}: complaints are no data");
            assert!(
                ran.err.contains("error: ") || ran.err.contains("Usage:"),
                "fact {arguments:?}: {ran:?}"
            );
            assert!(
                !ran.err.contains("panicked") && !ran.err.contains("stack backtrace"),
                "fact {arguments:?}: {ran:?}"
            );
        }
    }
}

#[test]
fn errors_for_machines_are_json_too() {
    let home = Home::new();
    for (arguments, code) in [
        (&["plugin", "show", "nothing", "--json"][..], "not-found"),
        (&["call", "nothing_here", "--output", "json"], "not-found"),
        (&["call", "nope", "--output", "json"], "not-found"),
        (&["tool", "show", "zz", "--json"], "not-found"),
        (&["nonsense", "--json"], "invalid-input"),
    ] {
        let ran = home.fact(arguments);
        let last = ran.err.lines().last().unwrap_or_default();
        let document: serde_json::Value =
            serde_json::from_str(last).unwrap_or_else(|_| panic!("{arguments:?}: {ran:?}"));
        assert_eq!(document["error"]["code"], code, "{arguments:?}: {ran:?}");
        assert_eq!(ran.out, "");
    }
}

/// The number that the project is judged by.
#[test]
fn the_golden_total() {
    let home = Home::new();
    home.ok(&["db", "seed"]);
    home.ok(&["plugin", "install", "builtin:sql", "--grant", "sql:read:finance"]);
    let statement =
        "SELECT SUM(revenue) AS total FROM financial_records WHERE quarter = 'Q1' AND year = 2025";
    let ran = home.ok(&[
        "call",
        "sql_query",
        "--json",
        &serde_json::json!({ "statement": statement }).to_string(),
    ]);
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["rows"], serde_json::json!([[68_500_000_000_i64]]));
}
