//! What an audit finds.

use super::{cap, facts, given, now};
use crate::{AuditOptions, Audited, AuditedGrant, Kind, Policy, Severity, audit};
use fact_types::{Grant, Terms, ToolId};
use jiff::Timestamp;

fn plugin(name: &str, grants: Vec<(Grant, Option<&str>)>, asks: &[&str]) -> Audited {
    Audited {
        name: name.parse().unwrap(),
        tools: vec![ToolId::new(name.parse().unwrap(), "run".parse().unwrap()).unwrap()],
        grants: grants
            .into_iter()
            .map(|(grant, used)| AuditedGrant {
                grant: Grant {
                    plugin: name.parse().unwrap(),
                    ..grant
                },
                last_used: used.map(|used| used.parse::<Timestamp>().unwrap()),
            })
            .collect(),
        asks: asks.iter().map(|asked| (*asked).to_owned()).collect(),
    }
}

fn run(plugins: &[Audited], policy: &Policy) -> Vec<(String, Severity, Kind)> {
    let options = AuditOptions {
        now: now(),
        unused_days: 30,
        home: Some("/data/ann".into()),
        policy,
    };
    audit(plugins, &options)
        .into_iter()
        .map(|finding| (finding.plugin.to_string(), finding.severity, finding.kind))
        .collect()
}

/// A grant of today, in use.
fn live(capability: &str) -> (Grant, Option<&'static str>) {
    (
        given(1, capability, Terms::default(), 0),
        Some("2026-06-01T11:00:00Z"),
    )
}

#[test]
fn one_grant() {
    use Kind::*;
    let expired = Terms {
        until: Some(now()),
        ..Terms::default()
    };
    let counted = Terms {
        calls: Some(2),
        ..Terms::default()
    };
    let plain = |capability: &str, used| (given(1, capability, Terms::default(), 0), used);
    for (grant, asks, expected) in [
        (live("kv:read:notes"), &[][..], &[][..]),
        (plain("kv:read:notes", None), &[], &[(Severity::Low, Unused)]),
        (plain("kv:read:notes", Some("2026-05-02T12:00:00Z")), &[], &[]),
        (
            plain("kv:read:notes", Some("2026-05-02T11:59:59Z")),
            &[],
            &[(Severity::Low, Unused)],
        ),
        (
            (given(1, "http:GET:https://*", expired, 0), None),
            &[],
            &[(Severity::Low, Lapsed)],
        ),
        (
            (given(1, "kv:read:notes", counted.clone(), 2), None),
            &[],
            &[(Severity::Low, Lapsed)],
        ),
        (
            (
                given(1, "kv:read:notes", counted, 1),
                Some("2026-06-01T11:00:00Z"),
            ),
            &[],
            &[],
        ),
        (live("http:GET:https://*"), &[], &[(Severity::High, Broad)]),
        (live("net:tcp:*:443"), &[], &[(Severity::Medium, Broad)]),
        (live("sql:read:*"), &[], &[(Severity::Medium, Broad)]),
        (live("sql:write:finance"), &[], &[(Severity::Medium, Broad)]),
        (live("sql:write:finance/a"), &[], &[]),
        (live("fs:read:/"), &[], &[(Severity::High, Broad)]),
        (live("fs:read:/home"), &[], &[(Severity::Medium, Broad)]),
        (live("fs:read:/home/ann"), &[], &[(Severity::Medium, Broad)]),
        (live("fs:read:/root"), &[], &[(Severity::Medium, Broad)]),
        (live("fs:read:/root/x"), &[], &[]),
        (live("fs:read:/data"), &[], &[(Severity::Medium, Broad)]),
        (live("fs:read:/data/ann"), &[], &[(Severity::Medium, Broad)]),
        (live("fs:read:/data/ann/reports"), &[], &[]),
        (live("fs:read:/home/ann/reports"), &[], &[]),
        (live("kv:read:*"), &[], &[(Severity::Medium, Broad)]),
        (live("env:read:*"), &[], &[(Severity::High, Broad)]),
        (live("tool:call:*"), &[], &[(Severity::High, Broad)]),
        (live("host:read:registry"), &[], &[(Severity::Low, Broad)]),
        (live("host:read:metrics"), &[], &[(Severity::Medium, Broad)]),
        (live("secret:reveal:KEY"), &[], &[(Severity::High, Risky)]),
        (
            live("http:GET:http://a.example/+private"),
            &[],
            &[(Severity::High, Risky)],
        ),
        (
            plain("secret:reveal:KEY", None),
            &[],
            &[(Severity::High, Risky), (Severity::Medium, Unused)],
        ),
        (live("kv:read:notes"), &["kv:read:*"], &[]),
        (
            live("kv:read:notes"),
            &["kv:read:n", "kv:read:n"],
            &[(Severity::Low, NotAsked), (Severity::Info, NotGranted)],
        ),
        (live("kv:read:notes"), &["kv:read,write:notes"], &[]),
        (live("fs:read:/srv"), &["fs:read:./"], &[]),
        (
            live("fs:write:/srv"),
            &["fs:read:./"],
            &[(Severity::Low, NotAsked), (Severity::Info, NotGranted)],
        ),
        (
            live("kv:read:notes"),
            &["kv:read:notes", "clock:wall", "nonsense"],
            &[(Severity::Info, NotGranted)],
        ),
    ] {
        let shown = grant.0.capability.to_string();
        let found = run(&[plugin("p", vec![grant], asks)], &Policy::default());
        let found: Vec<(Severity, Kind)> = found
            .into_iter()
            .map(|(_, severity, kind)| (severity, kind))
            .collect();
        assert_eq!(found, expected, "{shown} {asks:?}");
    }
}

#[test]
fn rules_without_a_digest() {
    let text = |extra: &str| {
        format!("[[rule]]\nname = \"r\"\nplugin = \"p\"\n{extra}\nallow = [\"kv:write:a\", \"kv:read:b\"]")
    };
    for (extra, expected) in [
        (String::new(), 1),
        (format!("digest = \"{}\"", "ab".repeat(32)), 0),
    ] {
        let policy = Policy::parse_since(&text(&extra), "p.toml", now()).unwrap();
        let grants = policy
            .grants_for(&facts("p"))
            .into_iter()
            .map(|grant| (grant, None))
            .collect();
        let found = run(&[plugin("p", grants, &[])], &policy);
        assert_eq!(found.len(), expected, "{found:?}");
        assert!(
            found.iter().all(|(.., kind)| *kind == Kind::Unpinned),
            "{found:?}"
        );
    }
}

#[test]
fn reading_and_sending_in_one_hand() {
    // The grants of plugins a, b and c, and which of them can leak.
    for (grants, expected) in [
        (
            [&["sql:read:f/a", "http:POST:https://*.example/"][..], &[], &[]],
            &["a"][..],
        ),
        ([&["fs:read:/srv", "net:tcp:*.example:443"], &[], &[]], &["a"]),
        ([&["secret:reveal:K", "http:GET:https://*"], &[], &[]], &["a"]),
        ([&["env:read:K", "http:GET:https://*"], &[], &[]], &["a"]),
        ([&["kv:read:n", "http:GET:https://*"], &[], &[]], &["a"]),
        ([&["sql:write:f/a", "http:POST:https://*"], &[], &[]], &[]),
        (
            [
                &["secret:inject:K@https://a.example", "http:GET:https://*"],
                &[],
                &[],
            ],
            &[],
        ),
        ([&["sql:read:f/a", "http:POST:https://a.example/"], &[], &[]], &[]),
        ([&["sql:read:f/a"], &["http:POST:https://*"], &[]], &[]),
        (
            [&["sql:read:f/a", "tool:call:b_*"], &["http:POST:https://*"], &[]],
            &["a"],
        ),
        (
            [
                &["sql:read:f/a", "tool:call:b_other"],
                &["http:POST:https://*"],
                &[],
            ],
            &[],
        ),
        (
            [
                &["http:POST:https://*", "tool:call:b_run"],
                &["sql:read:f/a"],
                &[],
            ],
            &["a"],
        ),
        (
            [
                &["tool:call:b_run", "tool:call:c_run"],
                &["sql:read:f/a"],
                &["http:GET:https://*"],
            ],
            &["a"],
        ),
        // By way of another, and round in a circle.
        (
            [
                &["sql:read:f/a", "tool:call:b_run"],
                &["tool:call:c_run"],
                &["http:GET:https://*", "tool:call:a_run"],
            ],
            &["a", "b", "c"],
        ),
    ] {
        let plugins: Vec<Audited> = ["a", "b", "c"]
            .iter()
            .zip(grants)
            .map(|(name, grants)| plugin(name, grants.iter().map(|grant| live(grant)).collect(), &[]))
            .collect();
        let found: Vec<String> = run(&plugins, &Policy::default())
            .into_iter()
            .filter(|(.., kind)| *kind == Kind::Leak)
            .map(|(plugin, ..)| plugin)
            .collect();
        assert_eq!(found, expected, "{grants:?}");
    }
}

#[test]
fn buckets_that_several_share() {
    // The grants of plugins a, b and c, and which of them tell others something.
    for (grants, expected) in [
        ([&["kv:write:n"][..], &["kv:read:n"], &[]], &[("a", "`b`")][..]),
        ([&["kv:write:n"], &["kv:write:n"], &[]], &[]),
        ([&["kv:read:n"], &["kv:read:n"], &[]], &[]),
        ([&["kv:read,write:n"], &[], &[]], &[]),
        ([&["kv:write:n"], &["kv:read:m"], &["kv:read:n.x"]], &[]),
        (
            [&["kv:write:n*"], &["kv:read:n.x"], &["kv:read:m"]],
            &[("a", "`b`")],
        ),
        ([&["kv:write:n.x"], &["kv:read:*"], &[]], &[("a", "`b`")]),
        (
            [&["kv:read,write:n"], &["kv:read,write:n"], &["kv:read:n"]],
            &[("a", "`b`, `c`"), ("b", "`a`, `c`")],
        ),
    ] {
        let plugins: Vec<Audited> = ["a", "b", "c"]
            .iter()
            .zip(grants)
            .map(|(name, grants)| plugin(name, grants.iter().map(|grant| live(grant)).collect(), &[]))
            .collect();
        let options = AuditOptions {
            now: now(),
            unused_days: 30,
            home: None,
            policy: &Policy::default(),
        };
        let found: Vec<_> = audit(&plugins, &options)
            .into_iter()
            .filter(|finding| finding.kind == Kind::Channel)
            .collect();
        let told: Vec<(String, bool)> = found
            .iter()
            .zip(expected)
            .map(|(finding, (_, readers))| {
                let said = format!("can be read by {readers},");
                (finding.plugin.to_string(), finding.message.contains(&said))
            })
            .collect();
        let wanted: Vec<(String, bool)> = expected
            .iter()
            .map(|(name, _)| ((*name).to_owned(), true))
            .collect();
        assert_eq!(
            (found.len(), told),
            (expected.len(), wanted),
            "{grants:?} {found:#?}"
        );
        for finding in &found {
            assert_eq!(finding.severity, Severity::Low);
            let advice = finding.advice.as_deref().unwrap();
            assert!(
                advice.contains(&format!("fact plugin revoke {} ", finding.plugin)),
                "{advice}"
            );
        }
    }
}

#[test]
fn what_lapsed_is_no_channel() {
    let expired = Terms {
        until: Some(now()),
        ..Terms::default()
    };
    for (writes, reads) in [
        (
            live("kv:write:n"),
            (given(2, "kv:read:n", expired.clone(), 0), None),
        ),
        (
            (given(2, "kv:write:n", expired.clone(), 0), None),
            live("kv:read:n"),
        ),
    ] {
        let plugins = [plugin("a", vec![writes], &[]), plugin("b", vec![reads], &[])];
        let found = run(&plugins, &Policy::default());
        assert!(found.iter().all(|(.., kind)| *kind == Kind::Lapsed), "{found:?}");
    }
}

#[test]
fn what_lapsed_leaks_nothing() {
    let expired = Terms {
        until: Some(now()),
        ..Terms::default()
    };
    let sending = (given(2, "http:GET:https://*", expired, 0), None);
    let found = run(
        &[plugin("a", vec![live("sql:read:f/a"), sending], &[])],
        &Policy::default(),
    );
    assert!(found.iter().all(|(.., kind)| *kind == Kind::Lapsed), "{found:?}");
}

#[test]
fn findings_say_what_to_do() {
    let plugins = [plugin(
        "p",
        vec![
            live("http:GET:https://*"),
            (given(2, "kv:read:n", Terms::default(), 0), None),
        ],
        &["clock:wall"],
    )];
    let options = AuditOptions {
        now: now(),
        unused_days: 30,
        home: None,
        policy: &Policy::default(),
    };
    let found = audit(&plugins, &options);
    assert!(
        found.windows(2).all(|pair| pair[0].severity >= pair[1].severity),
        "{found:#?}"
    );
    let advice = |kind: Kind| {
        found
            .iter()
            .find(|finding| finding.kind == kind)
            .unwrap()
            .advice
            .clone()
            .unwrap()
    };
    assert!(advice(Kind::Broad).contains("`fact plugin revoke p 'http:GET:https://*'`"));
    assert!(advice(Kind::Unused).contains("`fact plugin revoke p 'kv:read:n'`"));
    assert!(advice(Kind::NotGranted).contains("`fact plugin grant p 'clock:wall'`"));
    assert_eq!(cap("clock:wall").kind(), "clock");
}
