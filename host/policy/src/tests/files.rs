//! Reading, checking and comparing policies.

use super::{facts, now};
use crate::{Concern, LoadError, Policy, Rule};
use fact_types::Digest;
use jiff::Timestamp;

/// Each text is refused with all of these, line and words.
fn refused(text: &str, expected: &[(usize, &str)]) {
    let problems = match Policy::parse(text, "p.toml") {
        Ok(policy) => panic!("{text}\nis {policy:?}"),
        Err(error) => error.problems,
    };
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), expected.len(), "{text}\n{told:#?}");
    for (problem, (line, words)) in problems.iter().zip(expected) {
        assert_eq!(problem.line, *line, "{text}\n{told:#?}");
        assert!(problem.message.contains(words), "{problem} has no `{words}`");
    }
}

#[test]
fn a_policy_is_read() {
    let digest = Digest::of(b"x");
    let text = format!(
        r#"
        # Comments are fine.
        [[rule]]
        name = "github for the issue plugin"
        plugin = "issue-*"
        source = "https://plugins.example/*"
        allow = ["http:GET:https://api.github.com/repos/*", "clock:wall"]
        tool = "fetch"
        principal = "user:ann"
        calls = 10
        until = "2026-12-01T18:00:00Z"
        reason = "the weekly report"

        [[rule]]
        name = "by its bytes"
        digest = "sha256:{digest}"
        allow = ["sql:read:finance"]
        until = 2026-12-01T19:00:00+01:00
        "#
    );
    let since: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let policy = Policy::parse_since(&text, "team.toml", since).unwrap();
    let [first, second] = policy.rules() else {
        panic!("{policy:?}")
    };
    assert_eq!((first.line, second.line), (3, 14));
    assert_eq!(first.terms.until, second.terms.until);

    let grants = policy.grants_for(&facts("issue-tracker"));
    let keys: Vec<String> = grants.iter().map(fact_types::Grant::key).collect();
    assert_eq!(
        keys,
        [
            "policy:github for the issue plugin:http:GET:https://api.github.com/repos/*",
            "policy:github for the issue plugin:clock:wall"
        ]
    );
    let grant = &grants[0];
    assert_eq!(grant.granted_by, "policy team.toml");
    assert_eq!((grant.granted_at, grant.used), (since, 0));
    assert_eq!(grant.reason.as_deref(), Some("the weekly report"));
    assert_eq!(grant.terms.calls, Some(10));
    assert_eq!(grant.terms.tool.as_ref().unwrap().as_str(), "fetch");
    assert_eq!(grant.terms.principal.as_ref().unwrap().as_str(), "user:ann");

    assert!(policy.grants_for(&facts("other")).is_empty());
    let pinned = crate::PluginFacts {
        digest,
        ..facts("other")
    };
    assert_eq!(policy.grants_for(&pinned).len(), 1);
    assert!(Policy::parse("", "empty").unwrap().is_empty());
}

#[test]
fn all_that_is_wrong_is_told_with_its_line() {
    refused(
        "colour = 1\n[rule]\nname = \"a\"",
        &[(1, "no key `colour`"), (2, "two brackets")],
    );
    refused(
        "[[rule]]\nname = \"a\"\nplugin = \"a\"\nallow = [\"clock:sun\", 5, \"clock:wall\",\n \"clock:wall\"]\ncals = 5",
        &[
            (4, "a clock is"),
            (4, "not an integer"),
            (5, "stands twice"),
            (6, "no key `cals`"),
        ],
    );
    refused(
        "[[rule]]",
        &[(1, "for which plugins"), (1, "`allow`"), (1, "`name`")],
    );
    refused(
        "[[rule]]\nname = 5\nplugin = \"\"\ndigest = \"abc\"\nsource = [\"x\"]\nallow = \"clock:wall\"",
        &[
            (2, "`name` is a text"),
            (3, "is empty"),
            (4, "is no digest"),
            (5, "not an array"),
            (6, "a list of capabilities"),
        ],
    );
    let rule =
        |line: &str| format!("[[rule]]\nname = \"a\"\nplugin = \"p\"\nallow = [\"clock:wall\"]\n{line}");
    for (line, words) in [
        ("calls = 0", "`calls`"),
        ("calls = -1", "`calls`"),
        ("calls = \"5\"", "`calls`"),
        ("calls = 5000000000", "`calls`"),
        ("until = \"tomorrow\"", "`until`"),
        ("until = 2026-12-01", "`until`"),
        ("until = 2026-12-01T18:00:00", "`until`"),
        ("until = 5", "`until`"),
        ("tool = \"a b\"", "is no tool name"),
        ("principal = \"\"", "is no principal"),
        ("reason = \"a\\nb\"", "control characters"),
    ] {
        refused(&rule(line), &[(5, words)]);
    }
    for name in ["", " a", "a:b", "a\\u001b", &"x".repeat(Rule::MAX_NAME + 1)] {
        refused(
            &format!("[[rule]]\nname = \"{name}\"\nplugin = \"p\"\nallow = [\"clock:wall\"]"),
            &[(2, "`name`")],
        );
    }
    refused(
        "[[rule]]\nname = \"a\"\nplugin = \"p\"\nallow = [\"fs:read:data\"]",
        &[(4, "from the root")],
    );
    refused(
        "[[rule]]\nname = \"a\"\nplugin = \"p\"\nallow = []",
        &[(4, "from 1 to 64")],
    );
    refused(&(rule("") + &rule("")), &[(5, "there already, in p.toml:1")]);
    refused("[[rule]]\nname = \"a\"\nname = \"b\"", &[(3, "duplicate")]);
    refused("[[rule\n", &[(1, "")]);
    refused("rule = [1]", &[(1, "a table")]);
}

#[test]
fn sizes_are_bounded() {
    let many = |n: usize| (0..n).map(|i| format!("\"kv:read:b{i}\",")).collect::<String>();
    let rule = |allow: usize| {
        format!(
            "[[rule]]\nname = \"a\"\nplugin = \"p\"\nallow = [{}]",
            many(allow)
        )
    };
    assert!(Policy::parse(&rule(Rule::MAX_ALLOW), "p").is_ok());
    refused(&rule(Rule::MAX_ALLOW + 1), &[(4, "65 capabilities")]);
    let rules = |n: usize| {
        (0..n)
            .map(|i| format!("[[rule]]\nname = \"r{i}\"\nplugin = \"p\"\nallow = [\"clock:wall\"]\n"))
            .collect::<String>()
    };
    assert_eq!(
        Policy::parse(&rules(Policy::MAX_RULES), "p")
            .unwrap()
            .rules()
            .len(),
        Policy::MAX_RULES
    );
    refused(&rules(Policy::MAX_RULES + 1), &[(1, "1001 rules")]);
    let padded = |bytes: usize| format!("#{}", "x".repeat(bytes - 1));
    assert!(Policy::parse(&padded(Policy::MAX_FILE), "p").is_ok());
    refused(&padded(Policy::MAX_FILE + 1), &[(1, "larger than")]);
}

#[test]
fn files_are_read_together() {
    let folder = std::env::temp_dir().join(format!("fact-policy-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let rule = |name: &str| {
        format!("[[rule]]\nname = \"{name}\"\nplugin = \"p\"\nallow = [\"clock:wall\"]\n").into_bytes()
    };
    let (a, b, twice) = (
        file("a", &rule("a")),
        file("b", &rule("b")),
        file("twice", &rule("a")),
    );
    let policy = Policy::load(&[&a, &b]).unwrap();
    assert_eq!(policy.rules().len(), 2);
    assert_eq!(policy.rules()[1].file, b.display().to_string());
    assert!(policy.rules()[0].since > Timestamp::UNIX_EPOCH);
    let nothing: [&str; 0] = [];
    assert!(Policy::load(&nothing).unwrap().is_empty());

    let problems = |files: &[&std::path::PathBuf]| match Policy::load(files) {
        Err(LoadError::Wrong(error)) => error.problems,
        other => panic!("{other:?}"),
    };
    assert!(problems(&[&a, &twice])[0].message.contains("there already"));
    let (bad, none) = (file("bad", b"x = 1"), file("none", b"\xff"));
    let told = problems(&[&bad, &none]);
    assert_eq!(
        (told[0].file.clone(), told[1].file.clone()),
        (bad.display().to_string(), none.display().to_string())
    );
    for missing in [folder.join("missing"), folder.clone()] {
        assert!(
            matches!(Policy::load(&[&missing]), Err(LoadError::File { .. })),
            "{missing:?}"
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn concerns(text: &str) -> Vec<(String, Concern)> {
    let policy = Policy::parse(text, "p.toml").unwrap();
    policy
        .check(now())
        .into_iter()
        .map(|warning| (warning.rule, warning.concern))
        .collect()
}

fn rule(name: &str, lines: &str, allow: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\n{lines}\nallow = [\"{allow}\"]\n")
}

#[test]
fn what_is_unwise() {
    let pinned = format!("digest = \"{}\"", "ab".repeat(32));
    for (lines, allow, expected) in [
        (pinned.as_str(), "clock:wall", &[][..]),
        ("plugin = \"p\"", "clock:wall", &[Concern::Unpinned]),
        (
            "source = \"https://a.example/*\"",
            "clock:wall",
            &[Concern::Unpinned],
        ),
        (
            "source = \"https://*/p.wasm\"",
            "clock:wall",
            &[Concern::Unpinned, Concern::OpenSource],
        ),
        (
            "source = \"https://a.example*\"",
            "clock:wall",
            &[Concern::Unpinned, Concern::OpenSource],
        ),
        (
            "source = \"http://a.example/*\"",
            "clock:wall",
            &[Concern::Unpinned, Concern::OpenSource],
        ),
        (
            "source = \"*\"",
            "clock:wall",
            &[Concern::Unpinned, Concern::OpenSource],
        ),
        (
            &format!("{pinned}\nplugin = \"No_Name\""),
            "clock:wall",
            &[Concern::Never],
        ),
        (
            &format!("{pinned}\nplugin = \"a--*\""),
            "clock:wall",
            &[Concern::Never],
        ),
        (&format!("{pinned}\nplugin = \"issue-*\""), "clock:wall", &[]),
        (&pinned, "http:GET:https://*", &[Concern::Risk]),
        (
            &format!("{pinned}\nuntil = 2026-06-01T12:00:00Z"),
            "clock:wall",
            &[Concern::Expired],
        ),
        (
            &format!("{pinned}\nuntil = 2026-06-01T12:00:01Z"),
            "clock:wall",
            &[],
        ),
    ] {
        let found: Vec<Concern> = concerns(&rule("a", lines, allow))
            .into_iter()
            .map(|(_, concern)| concern)
            .collect();
        assert_eq!(found, expected, "{lines} {allow}");
    }
}

#[test]
fn rules_that_change_nothing() {
    let digest = "ab".repeat(32);
    let pinned = format!("digest = \"{digest}\"");
    let both = format!("{pinned}\nplugin = \"p\"");
    for (first, second, expected) in [
        // The same twice: the second is the one too many.
        (
            (pinned.as_str(), "kv:read:a"),
            (pinned.as_str(), "kv:read:a"),
            Some("b"),
        ),
        ((&pinned, "kv:read:*"), (&both, "kv:read:a"), Some("b")),
        ((&both, "kv:read:a"), (&pinned, "kv:read:*"), Some("a")),
        ((&both, "kv:read:*"), (&pinned, "kv:read:a"), None),
        ((&pinned, "kv:read:a"), (&pinned, "kv:read:b"), None),
        (
            (&format!("{pinned}\ncalls = 5"), "kv:read:a"),
            (&pinned, "kv:read:a"),
            Some("a"),
        ),
        (
            (&format!("{pinned}\ncalls = 5"), "kv:read:a"),
            (&format!("{pinned}\ncalls = 5"), "kv:read:a"),
            None,
        ),
        (
            (&format!("{pinned}\ntool = \"t\""), "kv:read:*"),
            (&pinned, "kv:read:a"),
            None,
        ),
        (
            (&format!("{pinned}\nuntil = 2027-01-01T00:00:00Z"), "kv:read:a"),
            (&format!("{pinned}\nuntil = 2027-01-02T00:00:00Z"), "kv:read:a"),
            Some("a"),
        ),
    ] {
        let text = rule("a", first.0, first.1) + &rule("b", second.0, second.1);
        let found: Vec<String> = concerns(&text)
            .into_iter()
            .filter(|(_, concern)| *concern == Concern::Shadowed)
            .map(|(rule, _)| rule)
            .collect();
        assert_eq!(found.first().map(String::as_str), expected, "{text}");
        assert!(found.len() <= 1, "{text}");
    }
}

#[test]
fn searching_for_useless_rules_ends() {
    let allow = (0..Rule::MAX_ALLOW)
        .map(|i| format!("kv:read:b{i}"))
        .collect::<Vec<_>>()
        .join("\",\"");
    let pinned = format!("digest = \"{}\"", "ab".repeat(32));
    let text: String = (0..Policy::MAX_RULES)
        .map(|i| rule(&format!("r{i}"), &format!("{pinned}\ncalls = {}", i + 1), &allow))
        .collect();
    assert!(
        concerns(&text)
            .iter()
            .any(|(_, concern)| *concern == Concern::Unchecked)
    );
}

#[test]
fn what_another_policy_would_change() {
    let text = |name: &str, plugin: &str, allow: &str| rule(name, &format!("plugin = \"{plugin}\""), allow);
    let parse = |text: &str| Policy::parse_since(text, "p.toml", now()).unwrap();
    let before = parse(&(text("a", "one", "kv:read:a") + &text("b", "*", "clock:wall")));
    let after = parse(&(text("a", "one", "kv:read,write:a") + &text("renamed", "*", "clock:wall")));
    let changes = before.change_to(&after, &[facts("one"), facts("two")]);
    let [change] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!(change.plugin.as_str(), "one");
    assert_eq!(change.gains[0].capability.to_string(), "kv:read,write:a");
    assert_eq!(change.loses[0].capability.to_string(), "kv:read:a");
    assert!(before.change_to(&before, &[facts("one")]).is_empty());
}
