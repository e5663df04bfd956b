//! `fact policy` and `fact plugin audit`: what they print, and how they end.

use serde_json::Value;

use crate::fact::Home;

const RULE: &str = "[[rule]]\nname = \"finance for sql\"\nplugin = \"sql\"\nallow = [\"sql:read:finance\"]\ntool = \"query\"\n";

#[test]
fn a_policy_is_checked() {
    let home = Home::new();
    let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
    write("good.toml", RULE);
    write(
        "bad.toml",
        "colour = 1\n[[rule]]\nname = \"a\"\nallow = [\"clock:sun\"]",
    );
    let good = home.ok(&["policy", "check", "good.toml"]);
    assert!(
        good.out
            .contains("good.toml:1: rule `finance for sql`: whatever is installed under this name"),
        "{good:?}"
    );
    assert!(good.out.contains("1 rule and 1 warning"), "{good:?}");

    let bad = home.fact(&["policy", "check", "good.toml", "bad.toml"]);
    assert_eq!((bad.code, bad.out.as_str()), (2, ""), "{bad:?}");
    for words in ["bad.toml:1: ", "bad.toml:2: ", "bad.toml:4: "] {
        assert!(bad.err.contains(words), "{words}: {bad:?}");
    }
    assert_eq!(home.fact(&["policy", "check", "missing.toml"]).code, 2);
    assert_eq!(home.fact(&["policy", "check"]).code, 2);
    let device = home.fact(&["policy", "check", "/dev/zero"]);
    assert_eq!(device.code, 2, "{device:?}");
    assert!(
        device.err.contains("`/dev/zero` can't be read: it is no file"),
        "{device:?}"
    );

    assert!(!good.out.contains("note:"), "{good:?}");
    write("counted.toml", &format!("{RULE}calls = 1\n"));
    let counted = home.ok(&["policy", "check", "counted.toml"]);
    let note = "note: counted.toml:1: rule `finance for sql` is for 1 call of each plugin that it selects, all of its \
                capabilities together; under another name the count starts again";
    assert!(counted.out.contains(note), "{counted:?}");
    let json: Value =
        serde_json::from_str(&home.ok(&["policy", "check", "counted.toml", "--json"]).out).unwrap();
    assert!(
        json["notes"][0].as_str().is_some_and(|own| note.ends_with(own)),
        "{json}"
    );
    let help = home.ok(&["policy", "--help"]);
    let words: Vec<&str> = help.out.split_whitespace().collect();
    assert!(
        words.join(" ").contains("with another name it starts again"),
        "{help:?}"
    );

    let json: Value =
        serde_json::from_str(&home.ok(&["policy", "check", "good.toml", "--json"]).out).unwrap();
    assert_eq!(json["warnings"][0]["concern"], "unpinned", "{json}");
    assert_eq!(json["rules"][0]["name"], "finance for sql", "{json}");
}

#[test]
fn a_policy_that_is_wrong_keeps_the_host_closed() {
    let home = Home::new();
    std::fs::write(home.path().join("bad.toml"), "colour = 1").unwrap();
    for file in ["bad.toml", "missing.toml"] {
        let ran = home.fact(&["--policy", file, "plugin", "list"]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{file}: {ran:?}");
        assert!(ran.err.contains(file), "{file}: {ran:?}");
        assert_eq!(
            home.fact(&["--policy", file, "config", "check"]).code,
            2,
            "{file}"
        );
    }
    let variable = home
        .command("fact")
        .env("FACT_POLICY", "bad.toml")
        .args(["plugin", "list"])
        .output()
        .unwrap();
    assert_eq!(variable.status.code(), Some(2));
}

#[test]
fn what_decides_is_explained_and_audited() {
    let home = Home::new();
    std::fs::write(home.path().join("team.toml"), RULE).unwrap();
    home.ok(&["plugin", "install", "builtin:sql"]);
    home.ok(&["plugin", "grant", "sql", "sql:write:finance"]);
    let explain = |more: &[&str]| {
        let all: Vec<&str> = ["policy", "explain", "sql"].iter().chain(more).copied().collect();
        home.fact(&all)
    };
    for (arguments, code, words) in [
        (
            &["sql:read:finance"][..],
            3,
            "denied: grant 1 `sql:write:finance` by unknown at ",
        ),
        (
            &["clock:wall"],
            3,
            "denied: no rule; `fact plugin grant sql 'clock:wall'` would allow it",
        ),
        (
            &["sql:write:finance/companies"],
            0,
            "allowed: grant 1 `sql:write:finance` by unknown at ",
        ),
        (
            &["sql:read:finance", "--policy", "team.toml"],
            3,
            "denied: rule `finance for sql` of policy team.toml `sql:read:finance` covers it, but only for the tool `query`",
        ),
        (
            &["sql:read:finance", "--policy", "team.toml", "--tool", "query"],
            0,
            "allowed: rule `finance for sql` of policy team.toml",
        ),
        (
            &["--denied", "http GET http://10.0.0.1/"],
            3,
            "'http:GET:http://10.0.0.1/+private'` would allow it",
        ),
        (&["sql:read:finance", "--tool", "none"], 4, ""),
        (&["sql:read:finance", "--denied", "random"], 2, ""),
        (&["--denied", "nonsense"], 2, ""),
        (&["sql:read:finance", "--at", "tomorrow"], 2, ""),
        (&[], 2, ""),
    ] {
        let ran = explain(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(ran.out.contains(words), "{arguments:?}: {ran:?}");
    }
    assert_eq!(home.fact(&["policy", "explain", "none", "clock:wall"]).code, 4);
    let json: Value = serde_json::from_str(&explain(&["sql:read:finance", "--json"]).out).unwrap();
    assert_eq!(
        (&json["allowed"], &json["because"][0]["why"]),
        (&false.into(), &"narrower".into()),
        "{json}"
    );
    assert!(
        json["because"][0]["in_words"]
            .as_str()
            .unwrap()
            .contains("only to write"),
        "{json}"
    );

    let dry = home.ok(&["policy", "check", "team.toml", "--dry-run"]);
    assert!(
        dry.out
            .contains("sql would be allowed to read the whole database finance"),
        "{dry:?}"
    );
    let same = home.ok(&[
        "--policy",
        "team.toml",
        "policy",
        "check",
        "team.toml",
        "--dry-run",
    ]);
    assert!(same.out.contains("nothing would change"), "{same:?}");

    let audit = home.ok(&["plugin", "audit"]);
    assert!(
        audit.out.contains("medium  sql: `sql:write:finance` is broad"),
        "{audit:?}"
    );
    assert!(
        audit
            .out
            .contains("`fact plugin revoke sql 'sql:write:finance'` takes it back"),
        "{audit:?}"
    );
    assert_eq!(home.fact(&["plugin", "audit", "--strict"]).code, 1);
    assert_eq!(home.fact(&["plugin", "audit", "none"]).code, 4);
    let json: Value = serde_json::from_str(&home.ok(&["plugin", "audit", "sql", "--json"]).out).unwrap();
    assert_eq!(json["worst"], "medium", "{json}");
    home.ok(&["plugin", "revoke", "sql", "sql:write:finance"]);
    home.ok(&["plugin", "audit", "--strict"]);
}
