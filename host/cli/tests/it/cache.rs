//! `fact cache`, and what `fact call` says of answers that were kept.

use std::os::unix::fs::PermissionsExt;

use fact_tests::guests;
use serde_json::{Value, json};

use crate::fact::{Home, Ran};

const COUNT: &str = "statement=SELECT SUM(employees) AS n FROM companies";

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A home with the demo's database and the plugin that reads it.
fn home() -> Home {
    let home = Home::new();
    home.ok(&["db", "seed"]);
    home.ok(&["plugin", "install", "builtin:sql", "--grant", "sql:read:finance"]);
    home
}

/// Changes the database behind the host's back.
fn outside(home: &Home, statement: &str) {
    // The store's own SQLite is in the program: so that no other has to be there, another plugin writes, in another process.
    let sql = [
        "plugin",
        "install",
        "builtin:sql",
        "--name",
        "writer",
        "--grant",
        "sql:write:finance",
        "--grant",
        "sql:read:finance",
    ];
    if home.fact(&["plugin", "show", "writer"]).code != 0 {
        home.ok(&sql);
    }
    home.ok(&["call", "writer_execute", &format!("statement={statement}")]);
}

fn note(ran: &Ran) -> Value {
    parse(&ran.out)["receipt"]["cache"].clone()
}

#[test]
fn a_call_says_that_its_answer_was_kept() {
    let home = home();
    let call = ["call", "sql_query", COUNT];
    let json = [&call[..], &["--output", "json"]].concat();
    let first = home.ok(&call);
    assert_eq!(first.err, "", "{first:?}");
    let again = home.ok(&call);
    assert_eq!(again.out, first.out);
    assert!(
        again.err.starts_with("(kept from ") && again.err.trim().ends_with(", still true)"),
        "{again:?}"
    );
    assert_eq!(note(&home.ok(&json))["state"], "disk");
    let receipt = home.ok(&[&call[..], &["--receipt"]].concat());
    assert!(
        receipt.err.contains("cache     hit on disk (kept from "),
        "{receipt:?}"
    );
    assert_eq!(home.ok(&[&call[..], &["--quiet"]].concat()).err, "");

    let fresh = home.ok(&[&call[..], &["--fresh"]].concat());
    assert_eq!((fresh.out.as_str(), fresh.err.as_str()), (first.out.as_str(), ""));
    assert_eq!(
        note(&home.ok(&[&json[..], &["--fresh"]].concat()))["state"],
        "miss"
    );

    outside(&home, "UPDATE companies SET employees = 1");
    let stale = home.ok(&json);
    assert_eq!(note(&stale)["state"], "stale");
    assert!(
        note(&stale)["why"].as_str().unwrap().contains("companies"),
        "{stale:?}"
    );

    // Many at once: each line says it.
    let line = json!({ "tool": "sql_query", "arguments": { "statement": "SELECT SUM(employees) AS n FROM companies" } });
    std::fs::write(home.path().join("calls.jsonl"), format!("{line}\n")).unwrap();
    let batch = ["call", "--batch", "calls.jsonl"];
    assert_eq!(note(&home.ok(&batch))["state"], "disk");
    assert_eq!(
        note(&home.ok(&[&batch[..], &["--fresh"]].concat()))["state"],
        "miss"
    );
}

#[test]
fn what_is_kept_is_listed_shown_explained_and_cleared() {
    let home = home();
    home.ok(&["plugin", "install", "builtin:util"]);
    let nothing = home.ok(&["cache", "list"]);
    assert_eq!(
        (nothing.out.as_str(), nothing.err.trim()),
        ("", "Nothing is kept.")
    );
    for _ in 0..2 {
        home.ok(&["call", "sql_query", COUNT]);
    }
    home.ok(&["call", "util_hash", "text=abc"]);

    let listed = parse(&home.ok(&["cache", "list", "--json"]).out);
    assert_eq!(listed["total"], 2, "{listed}");
    let only = parse(&home.ok(&["cache", "list", "--tool", "sql_query", "--json"]).out)["entries"].clone();
    let entry = only[0].clone();
    assert_eq!(only.as_array().unwrap().len(), 1);
    assert!(
        entry["label"].as_str().unwrap().starts_with("sql_query {"),
        "{entry}"
    );
    assert_eq!(
        (&entry["uses"], &entry["expires"]),
        (&json!(1), &Value::Null),
        "{entry}"
    );
    let key = entry["key"].as_str().unwrap();
    let short = &key[..12];
    assert!(home.ok(&["cache", "list"]).out.contains(short));

    let shown = parse(&home.ok(&["cache", "show", short, "--json"]).out);
    assert_eq!(shown["output"]["structured"]["row_count"], 1, "{shown}");
    assert!(shown["read"].to_string().contains("FROM companies"), "{shown}");
    let text = home.ok(&["cache", "show", short]).out;
    assert!(
        text.contains("Read from\n") && text.contains("Answered\n"),
        "{text}"
    );

    // By its call or by its key, it is the same.
    for arguments in [
        vec!["cache", "explain", short],
        vec!["cache", "explain", "sql_query", COUNT],
    ] {
        let told = parse(&home.ok(&[&arguments[..], &["--json"]].concat()).out);
        assert_eq!(
            (&told["holds"], &told["key"]),
            (&json!(true), &json!(key)),
            "{told}"
        );
        let rests_on = told["entry"]["rests_on"].as_array().unwrap();
        assert!(
            !rests_on.is_empty() && rests_on.iter().all(|read| read.get("changed").is_none()),
            "{told}"
        );
        let text = home.ok(&arguments).out;
        assert!(text.contains("\n  holds    sql"), "{text}");
        assert!(
            text.contains("A call would be answered with it, and no tool would run."),
            "{text}"
        );
    }
    outside(&home, "UPDATE companies SET employees = 2");
    let told = home.ok(&["cache", "explain", short]).out;
    assert!(
        told.contains("\n  changed  sql") && told.contains("A call would not be answered"),
        "{told}"
    );
    let pure = home.ok(&["cache", "explain", "util_hash", "text=abc"]).out;
    assert!(pure.contains("follows from its arguments alone"), "{pure}");

    // What nobody asked, what nobody can ask.
    let never = home.ok(&["cache", "explain", "util_hash", "text=other"]).out;
    assert!(
        never.contains("Nothing is kept") && never.contains("never asked"),
        "{never}"
    );
    for (code, arguments) in [
        (4, vec!["cache", "explain", "nothing_here"]),
        (2, vec!["cache", "explain", "util_hash", "nonsense=1"]),
        (4, vec!["cache", "explain", "ffffffffffff"]),
        (4, vec!["cache", "show", "ffffffffffff"]),
        (2, vec!["cache", "show", "xyz"]),
        (2, vec!["cache", "list", "--limit", "0"]),
        (2, vec!["cache", "warm", "--most", "51"]),
        (2, vec!["cache", "validate", "--level", "deep"]),
    ] {
        let ran = home.fact(&arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
    }

    let exported = home.ok(&["cache", "export"]).out;
    let all: Vec<Value> = exported.lines().map(parse).collect();
    assert_eq!(all.len(), 2, "{exported}");
    assert!(
        all.iter()
            .all(|entry| entry["output"].is_object() && entry["effects"].is_array()
                || entry["effects"].is_object())
    );

    let removed = parse(&home.ok(&["cache", "clear", "--tool", "sql_query", "--json"]).out);
    assert_eq!(removed["removed"], 1);
    assert_eq!(home.fact(&["cache", "show", short]).code, 4);
    assert_eq!(parse(&home.ok(&["cache", "clear", "--json"]).out)["removed"], 1);
    assert_eq!(parse(&home.ok(&["cache", "list", "--json"]).out)["total"], 0);
}

#[test]
fn an_entry_of_other_times_is_told_from_none() {
    let home = home();
    home.ok(&["call", "sql_query", COUNT]);
    home.ok(&["plugin", "grant", "sql", "env:read:TZ"]);
    let other = home.ok(&["cache", "explain", "sql_query", COUNT]).out;
    assert!(
        other.contains("a result of the same call is kept, under other grants"),
        "{other}"
    );
    home.ok(&[
        "plugin",
        "grant",
        "sql",
        "sql:read:finance/companies",
        "--calls",
        "5",
    ]);
    home.ok(&["plugin", "revoke", "sql", "sql:read:finance"]);
    let counted = home.ok(&["cache", "explain", "sql_query", COUNT]).out;
    assert!(counted.contains("grants that are counted"), "{counted}");
    home.ok(&["tool", "disable", "sql_query"]);
    let disabled = home.ok(&["cache", "explain", "sql_query", COUNT]).out;
    assert!(disabled.contains("it is disabled"), "{disabled}");
}

#[test]
fn stats_tell_what_is_on_disk_from_what_a_process_did() {
    let home = home();
    let text = home.ok(&["cache", "stats"]).out;
    for part in [
        "  0 entries of at most 100000\n",
        "  no data: no call was counted yet\n",
        "  traffic: no data, since this process has answered no call\n",
        "Health of this process' cache: no data\n",
        "weight 30: no data\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for _ in 0..3 {
        home.ok(&["call", "sql_query", COUNT]);
    }
    let told = parse(&home.ok(&["cache", "stats", "--json"]).out);
    assert_eq!(
        (&told["disk"]["entries"], &told["disk"]["calls"]),
        (&json!(1), &json!(1)),
        "{told}"
    );
    assert_eq!(
        (&told["asked"][0]["tool"], &told["asked"][0]["count"]),
        (&json!("sql_query"), &json!(3))
    );
    assert_eq!(told["process"]["health"]["condition"], "no-data");
    let weights: Vec<u64> = told["process"]["health"]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["weight"].as_u64().unwrap())
        .collect();
    assert_eq!(weights, [30, 25, 20, 15, 10]);
    assert!(home.ok(&["cache", "stats"]).out.contains("  3 times, last "));
}

#[test]
fn warming_makes_the_most_asked_calls_and_lists_failures() {
    let home = home();
    assert!(
        home.ok(&["cache", "warm"])
            .err
            .contains("No call was asked 3 times")
    );
    let missing = home.path().join("gone.txt");
    std::fs::write(&missing, "here").unwrap();
    let read = format!("fs:read:{}", home.path().display());
    home.ok(&["plugin", "install", "builtin:file", "--grant", &read]);
    let path = format!("path={}", missing.display());
    for _ in 0..3 {
        home.ok(&["call", "sql_query", COUNT]);
        home.ok(&["call", "file_read", &path]);
        home.fact(&[
            "call",
            "sql_execute",
            "statement=UPDATE companies SET employees = 7",
        ]);
    }
    outside(&home, "UPDATE companies SET employees = 3");
    std::fs::remove_file(&missing).unwrap();
    let ran = home.fact(&["cache", "warm", "--json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let calls = parse(&ran.out)["calls"].clone();
    let outcome = |tool: &str| {
        let all = calls.as_array().unwrap();
        let one = all.iter().find(|call| call["tool"] == tool);
        one.unwrap_or_else(|| panic!("{tool}: {calls}"))["outcome"].clone()
    };
    assert_eq!(outcome("sql_query"), "kept");
    assert_eq!(outcome("file_read"), "failed");
    assert_eq!(outcome("sql_execute"), "skipped");
    // What was warmed is there, and was nobody's question.
    let call = home.ok(&["call", "sql_query", COUNT, "--output", "json"]);
    assert_eq!(note(&call)["state"], "disk");
    let asked = parse(&home.ok(&["cache", "stats", "--json"]).out)["asked"].clone();
    let count = asked
        .as_array()
        .unwrap()
        .iter()
        .find(|call| call["tool"] == "sql_query")
        .unwrap()["count"]
        .clone();
    assert_eq!(count, 4, "{asked}");
}

#[test]
fn a_broken_entry_is_found_and_repaired() {
    let home = home();
    home.ok(&["call", "sql_query", COUNT]);
    let check = |verb: &str, level: &str| {
        let ran = home.fact(&["cache", verb, "--level", level, "--json"]);
        (ran.code, parse(&ran.out))
    };
    for level in ["basic", "standard", "comprehensive"] {
        let (code, found) = check("validate", level);
        assert_eq!(
            (code, &found["status"], &found["checked"]),
            (0, &json!("healthy"), &json!(1)),
            "{found}"
        );
    }
    outside(&home, "UPDATE companies SET employees = 4");
    let (_, found) = check("validate", "standard");
    assert_eq!(
        found["status"], "healthy",
        "whether it is true is not asked: {found}"
    );
    let (_, found) = check("validate", "comprehensive");
    assert_eq!(found["counts"]["stale"], 1, "{found}");
    let (_, found) = check("repair", "comprehensive");
    assert_eq!(found["removed"], 1, "{found}");
    let (_, found) = check("validate", "comprehensive");
    assert_eq!(found["status"], "empty", "{found}");
    let text = home.ok(&["cache", "validate"]).out;
    assert!(text.starts_with("no data: 0 looked at"), "{text}");
}

#[test]
fn a_tool_says_what_it_may_reach_and_whether_it_is_pure() {
    let home = home();
    home.ok(&["plugin", "install", "builtin:util"]);
    home.ok(&[
        "plugin",
        "install",
        &home.guest(guests::LIFETIMES),
        "--grant",
        "clock:wall",
    ]);
    let show = |tool: &str| home.ok(&["tool", "show", tool]).out;
    let query = show("sql_query");
    assert!(
        query.contains("\nMay read\n  read ") && query.contains("\nMay change\n  nothing: it says"),
        "{query}"
    );
    let hash = show("util_hash");
    assert!(
        hash.contains("follow from its arguments alone, and never expire"),
        "{hash}"
    );
    let long = show("lifetimes_long");
    assert!(
        long.contains("may be used for 1h where nothing can prove them"),
        "{long}"
    );
    assert!(show("lifetimes_fail").contains("failures which it reports itself may be used for 1h"));
    let told = parse(&home.ok(&["tool", "show", "lifetimes_long", "--json"]).out);
    assert_eq!(
        (&told["cache"]["ttl"], &told["reach"]["pure"]),
        (&json!("1h"), &json!(false))
    );
}

#[test]
fn the_settings_are_told_with_their_ranges_and_the_doctor_looks() {
    let home = home();
    let shown = home.ok(&["config", "show"]).out;
    for part in [
        "cache.memory = \"64MiB\"",
        "0, or from 64KiB to 64GiB",
        "cache.warm_every",
        "from 100 to 10000000",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    home.ok(&["call", "sql_query", COUNT]);
    let cache = |home: &Home| -> Vec<String> {
        let ran = home.fact(&["doctor", "--json"]);
        let checks = parse(&ran.out)["checks"].clone();
        let own = checks
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["name"] == "cache");
        own.map(|check| check["state"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(cache(&home), ["ok"]);
    let keys = home.path().join("data/cache.keys");
    let mode = || keys.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(cache(&home), ["ok", "warn"]);
    assert_eq!((mode(), cache(&home)), (0o600, vec!["ok".to_owned()]));
    // A disk that can't be used is no failure: calls are answered all the same.
    std::fs::remove_file(home.path().join("data/cache.db")).unwrap();
    std::fs::create_dir(home.path().join("data/cache.db")).unwrap();
    assert_eq!(cache(&home), ["warn"]);
    home.ok(&["call", "sql_query", COUNT]);
}

#[test]
fn the_demo_shows_a_miss_a_hit_an_outside_write_and_a_fresh_answer() {
    let home = Home::new();
    // Whether all of it is good depends on how busy the machine is, which is not asked here.
    let told = parse(&home.fact(&["demo", "--json"]).out);
    let rows: Vec<Value> = told["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["group"] == "kept")
        .cloned()
        .collect();
    let got: Vec<&str> = rows.iter().map(|row| row["got"].as_str().unwrap()).collect();
    assert_eq!(
        got,
        [
            "miss: 68500000000",
            "hit: 68500000000",
            "hit: 68500000000",
            "fresh: 68500000007",
            "hit: 68500000007",
            "fresh: 68500000000",
        ],
        "{told}"
    );
    assert!(rows.iter().all(|row| row["good"] == true), "{rows:?}");
    // The other rows are about what happens, so they run.
    let others = told["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["group"] != "kept");
    for row in others {
        assert!(
            !row["receipt"]["cache"]["state"]
                .as_str()
                .is_some_and(|state| state == "memory" || state == "disk"),
            "{row}"
        );
    }
}
