//! What decides, and what is said about it.

use super::{cap, facts, given, now};
use crate::{Explanation, Policy, Question, Reason};
use fact_types::{Capability, Grant, Principal, Resource, Terms, ToolName};
use proptest::prelude::*;

fn serves(capability: &Capability) -> bool {
    !matches!(capability.kind(), "kv" | "secret" | "model")
}

/// Asks about a plugin `p` with some grants; `change` sets what is not as usual.
fn ask<T>(
    grants: &[Grant],
    change: impl FnOnce(&mut Question<'_>),
    look: impl FnOnce(&Question<'_>) -> T,
) -> T {
    let (plugin, principal) = ("p".parse().unwrap(), Principal::local());
    let mut question = Question {
        plugin: &plugin,
        grants,
        tool: None,
        principal: &principal,
        now: now(),
        plugin_enabled: true,
        tool_enabled: true,
        serves,
    };
    change(&mut question);
    look(&question)
}

fn explain(grants: &[Grant], wanted: &str) -> Explanation {
    ask(grants, |_| {}, |question| question.explain(&cap(wanted)))
}

#[test]
fn each_answer_names_what_decides() {
    let plain = |capability: &str| given(3, capability, Terms::default(), 0);
    let full = Terms {
        tool: Some("fetch".parse().unwrap()),
        ..Terms::default()
    };
    let expired = Terms {
        until: Some("2026-05-31T18:00:00Z".parse().unwrap()),
        ..Terms::default()
    };
    let counted = Terms {
        calls: Some(10),
        ..Terms::default()
    };
    let anns = Terms {
        principal: Some("user:ann".parse().unwrap()),
        ..Terms::default()
    };
    let get = "http:GET:https://a.example/x";
    let whole = "http:GET:https://a.example/*";
    let grant = "grant 3 `http:GET:https://a.example/*` by ann at 2026-05-01T12:00:00Z";
    let advice = format!("`fact plugin grant p '{get}'` would allow it");
    let later = format!("`fact plugin grant p '{whole}' --until TIME`, with a new end for TIME, renews it");
    for (grants, wanted, expected) in [
        (vec![plain(whole)], get, format!("allowed: {grant}")),
        (vec![], get, format!("denied: no rule; {advice}")),
        (vec![plain("clock:wall")], get, format!("denied: no rule; {advice}")),
        (
            vec![given(3, whole, full, 0)],
            get,
            format!("denied: {grant} covers it, but only for the tool `fetch`; {advice}"),
        ),
        (
            vec![given(3, whole, expired.clone(), 0)],
            get,
            format!("denied: {grant} covers it, but it expired at 2026-05-31T18:00:00Z; {later}"),
        ),
        (
            vec![given(3, whole, counted.clone(), 10)],
            get,
            format!(
                "denied: {grant} covers it, but its 10 calls are used up; `fact plugin revoke p '{whole}'` and then \
                 `fact plugin grant p '{whole}' --calls 10` renews it"
            ),
        ),
        (vec![given(3, whole, counted, 9)], get, format!("allowed: {grant}")),
        (
            vec![given(3, whole, anns, 0)],
            get,
            format!("denied: {grant} covers it, but only for calls by `user:ann`; `fact plugin grant p '{get}' --principal local` would allow it"),
        ),
        (
            vec![plain(whole)],
            "http:POST:https://a.example/x",
            format!(
                "denied: {grant} is about it, but only with GET; `fact plugin grant p 'http:POST:https://a.example/x'` would allow it"
            ),
        ),
        (
            vec![plain("http:GET:http://*")],
            "http:GET:http://10.0.0.1/",
            "denied: grant 3 `http:GET:http://*` by ann at 2026-05-01T12:00:00Z is about it, but the address is not public and the \
             grant has no +private; `fact plugin grant p 'http:GET:http://10.0.0.1/+private'` would allow it"
                .to_owned(),
        ),
        (
            vec![plain("http:GET:http://*+private")],
            "http:GET:http://224.0.0.1/",
            "denied: no rule can give it: no grant opens this address".to_owned(),
        ),
        (
            vec![plain("kv:read:notes")],
            "kv:read:notes",
            "denied: no rule can give it: this version of FACT offers plugins no `kv` capability".to_owned(),
        ),
        // What lapsed is nearer than what is narrower, and one gap is nearer than two.
        (
            vec![plain("http:HEAD:https://a.example/y"), given(4, whole, expired, 0), plain("http:GET:https://a.example/y")],
            get,
            format!(
                "denied: grant 4 `{whole}` by ann at 2026-05-01T12:00:00Z covers it, but it expired at 2026-05-31T18:00:00Z; {later}"
            ),
        ),
        // Grants add up, and only what is missing is advised.
        (
            vec![plain("sql:read:f/a"), given(4, "sql:read:f/b", Terms::default(), 0)],
            "sql:read:f/a,b",
            "allowed: grant 3 `sql:read:f/a` by ann at 2026-05-01T12:00:00Z; grant 4 `sql:read:f/b` by ann at 2026-05-01T12:00:00Z"
                .to_owned(),
        ),
        (
            vec![plain("sql:read:f/a")],
            "sql:read,write:f/a",
            "denied: grant 3 `sql:read:f/a` by ann at 2026-05-01T12:00:00Z is about it, but only to read; \
             `fact plugin grant p 'sql:write:f/a'` would allow it"
                .to_owned(),
        ),
    ] {
        assert_eq!(explain(&grants, wanted).to_string(), expected);
    }
}

/// What is advised keeps the terms that someone chose, and asks for no more than what is missing.
#[test]
fn advice_keeps_the_terms_of_what_lapsed() {
    let (fetch, list): (ToolName, ToolName) = ("fetch".parse().unwrap(), "list".parse().unwrap());
    let (ann, bob): (Principal, Principal) = ("user:ann".parse().unwrap(), "user:bob".parse().unwrap());
    let (early, late) = ("2026-05-31T18:00:00Z", "2026-06-30T18:00:00Z");
    let grant = |used, until: &str| {
        let terms = Terms {
            tool: Some(fetch.clone()),
            principal: Some(ann.clone()),
            calls: Some(3),
            until: Some(until.parse().unwrap()),
        };
        given(3, "sql:read:f", terms, used)
    };
    let (anns, others) = (
        "--tool fetch --principal user:ann",
        "--tool list --principal user:bob",
    );
    for (grants, tool, principal, wanted, expected) in [
        (
            vec![grant(3, late)],
            &fetch,
            &ann,
            "sql:read:f/a",
            format!(
                "`fact plugin revoke p 'sql:read:f' {anns}` and then `fact plugin grant p 'sql:read:f' {anns} --calls 3 --until \
                 {late}` renews it"
            ),
        ),
        (
            vec![grant(3, early)],
            &fetch,
            &ann,
            "sql:read:f/a",
            format!(
                "`fact plugin grant p 'sql:read:f' {anns} --calls 3 --until TIME`, with a new end for TIME, renews it"
            ),
        ),
        (
            vec![grant(0, late)],
            &list,
            &bob,
            "sql:read:f/a",
            format!("`fact plugin grant p 'sql:read:f/a' {others} --calls 3 --until {late}` would allow it"),
        ),
        (
            vec![grant(0, early)],
            &list,
            &bob,
            "sql:read:f/a",
            format!(
                "`fact plugin grant p 'sql:read:f/a' {others} --calls 3 --until TIME`, with a new end for TIME, would allow it"
            ),
        ),
        // Only what is missing besides is granted anew.
        (
            vec![grant(0, early)],
            &fetch,
            &ann,
            "sql:read,write:f",
            format!(
                "`fact plugin grant p 'sql:read:f' {anns} --calls 3 --until TIME`, with a new end for TIME, renews it, and \
                 `fact plugin grant p 'sql:write:f'` would allow the rest"
            ),
        ),
    ] {
        let answer = ask(
            &grants,
            |_| {},
            |question| {
                let question = Question {
                    tool: Some(tool),
                    principal,
                    ..*question
                };
                question.explain(&cap(wanted))
            },
        );
        assert_eq!(answer.advice, Some(expected));
    }
}

/// A denial while something is disabled says what it takes, and no grant that is there already.
#[test]
fn a_disabled_plugin_needs_no_more_grants_than_it_lacks() {
    let file = Resource::File {
        path: "/srv/a.txt".to_owned(),
    };
    for (grants, expected) in [
        (&["fs:read:/srv"][..], "`fact plugin enable p` enables it"),
        (&["fs:read,write:/srv"], "`fact plugin enable p` enables it"),
        (
            &[],
            "to read it, `fact plugin enable p` enables it, and then `fact plugin grant p 'fs:read:/srv'` would allow it; to \
             write it, `fact plugin enable p` enables it, and then `fact plugin grant p 'fs:write:/srv'` would allow it",
        ),
    ] {
        let grants: Vec<Grant> = grants
            .iter()
            .map(|text| given(1, text, Terms::default(), 0))
            .collect();
        let answer = ask(
            &grants,
            |question| question.plugin_enabled = false,
            |question| question.explain_denial(&file),
        );
        assert_eq!(answer.advice.as_deref(), Some(expected), "{grants:?}");
        assert!(matches!(answer.because[0], Reason::Disabled { .. }), "{answer}");
    }
}

#[test]
fn sockets_without_a_peer() {
    let of = |peer: &str| {
        let peer = peer.to_owned();
        ask(
            &[],
            |_| {},
            |question| question.explain_denial(&Resource::Net { peer }),
        )
    };
    let udp = of("udp").to_string();
    assert!(
        udp.contains("no UDP") && !udp.contains("fact plugin grant"),
        "{udp}"
    );
    let tcp = of("tcp").to_string();
    assert!(tcp.contains("`fact plugin grant p 'net:tcp:HOST:PORT'`"), "{tcp}");
}

#[test]
fn a_rule_is_named_with_its_file() {
    let text =
        "[[rule]]\nname = \"read it\"\nplugin = \"p\"\nallow = [\"http:GET:https://a.example/*\"]\ncalls = 1";
    let mut grants = Policy::parse(text, "team.toml").unwrap().grants_for(&facts("p"));
    let wanted = "http:GET:https://a.example/x";
    let rule = "rule `read it` of policy team.toml `http:GET:https://a.example/*`";
    assert_eq!(explain(&grants, wanted).to_string(), format!("allowed: {rule}"));
    grants[0].used = 1;
    let denied = explain(&grants, wanted);
    assert!(
        denied
            .to_string()
            .starts_with(&format!("denied: {rule} covers it, but its one call is used up")),
        "{denied}"
    );
    let json = serde_json::to_value(&denied).unwrap();
    let renewed = "a larger `calls` in rule `read it` of policy team.toml renews it";
    assert_eq!(denied.advice.as_deref(), Some(renewed));
    assert_eq!(json["because"][0]["why"], "lapsed", "{json}");
    assert_eq!(json["because"][0]["grant"]["policy"]["rule"], "read it", "{json}");
}

#[test]
fn terms_and_switches() {
    let fetch: ToolName = "fetch".parse().unwrap();
    let ann: Principal = "user:ann".parse().unwrap();
    let terms = Terms {
        tool: Some(fetch.clone()),
        principal: Some(ann.clone()),
        ..Terms::default()
    };
    let grants = [given(3, "clock:wall", terms, 0)];
    let allowed = |change: &dyn Fn(&mut Question<'_>)| {
        let (fetch, ann) = (fetch.clone(), ann.clone());
        ask(
            &grants,
            |_| {},
            |question| {
                let mut question = Question {
                    tool: Some(&fetch),
                    principal: &ann,
                    ..*question
                };
                change(&mut question);
                question.explain(&cap("clock:wall"))
            },
        )
    };
    assert!(allowed(&|_| {}).allowed);
    assert!(!allowed(&|question| question.tool = None).allowed);
    let off = allowed(&|question| question.plugin_enabled = false);
    assert_eq!(
        off.to_string(),
        "denied: the plugin is disabled; `fact plugin enable p` enables it"
    );
    let off = allowed(&|question| question.tool_enabled = false);
    assert_eq!(
        off.to_string(),
        "denied: the tool is disabled; `fact tool enable p_fetch` enables it"
    );
    let both = ask(
        &[],
        |question| question.plugin_enabled = false,
        |question| question.explain(&cap("clock:wall")),
    );
    assert_eq!(
        both.to_string(),
        "denied: the plugin is disabled; `fact plugin enable p` enables it, and then `fact plugin grant p 'clock:wall'` would allow it"
    );
}

#[test]
fn advice_is_safe_to_paste() {
    let denied = ask(
        &[],
        |_| {},
        |question| {
            question.explain_denial(&Resource::Http {
                method: "GET".to_owned(),
                url: "https://a.example/';touch${IFS}x;'".to_owned(),
            })
        },
    );
    let advice = denied.advice.unwrap();
    assert!(
        advice.contains(r"'http:GET:https://a.example/'\'';touch$%7BIFS%7Dx;'\'''"),
        "{advice}"
    );
}

/// What the hostile plugins are refused, and the words that name what decided.
#[test]
fn each_denial_is_explained() {
    let http = |url: &str| Resource::Http {
        method: "GET".to_owned(),
        url: url.to_owned(),
    };
    let file = |path: &str| Resource::File {
        path: path.to_owned(),
    };
    let net = |peer: &str| Resource::Net {
        peer: peer.to_owned(),
    };
    let sql = |database: &str, table: &str| Resource::Sql {
        database: database.to_owned(),
        table: table.to_owned(),
    };
    let public = ["http:*:http://*:*", "http:*:https://*:*"];
    let folder = ["fs:read,write:/srv/granted"];
    let reading = ["fs:read:/srv/granted"];
    let tables = ["sql:read:finance/companies(name)"];
    for (grants, resource, expected) in [
        (
            &[][..],
            http("http://169.254.169.254/latest/meta-data/"),
            "no rule",
        ),
        (
            &public[..],
            http("http://127.0.0.1:81/"),
            "grant 1 `http:*:http://*:*`",
        ),
        (&public, http("http://[::ffff:7f00:1]:81/"), "has no +private"),
        (&public, http("http://2130706433:81/"), "has no +private"),
        (&public, http("http://localhost:81/"), "has no +private"),
        (
            &public,
            http("https://localhost/"),
            "grant 2 `http:*:https://*:*`",
        ),
        (&public, http("http://169.254.169.254/latest/"), "has no +private"),
        (
            &public,
            http("http://metadata.google.internal/"),
            "grant 1 `http:*:http://*:*`",
        ),
        (&public, http("http://0.0.0.0:81/"), "can name or open"),
        (&public, http("http://[ff02::1]:81/"), "can name or open"),
        (&public, http("file://localhost/etc/passwd"), "can name or open"),
        (&public, http("gopher://127.0.0.1:81/"), "can name or open"),
        (
            &["http:GET:http://*+private"],
            http("http://169.254.169.254/"),
            "opened only by a grant that names it",
        ),
        (
            &folder,
            file("/srv/granted/../secret.txt"),
            "only for /srv/granted; to read it, `fact plugin grant p \'fs:read:/srv\'` would allow it; to write it, `",
        ),
        (
            &folder,
            file("/srv/granted/sub/../../secret.txt"),
            "only for /srv/granted; to read it, `fact plugin grant p \'fs:read:/srv\'` would allow it; to write it, `",
        ),
        (&folder, file("/srv/granted/link-up"), "links that lead out"),
        (&folder, file("/etc/passwd"), "no rule"),
        (&reading, file("/srv/granted/ok.txt"), "only to read"),
        (&[], file("/srv/granted/ok.txt"), "no rule"),
        (&[], net("127.0.0.1:81"), "no rule"),
        (
            &["net:tcp:127.0.0.1:81+private"],
            net("127.0.0.1:1"),
            "only on port 81",
        ),
        (
            &["net:tcp:127.0.0.1:81+private"],
            net("127.0.0.1:81"),
            "another act",
        ),
        (&[], net("example.com"), "no rule"),
        (
            &["net:tcp:*.example:80"],
            net("a.example"),
            "did not reach as far",
        ),
        (&[], net("0.0.0.0:0"), "can name or open"),
        (&[], sql("finance", ""), "no rule"),
        (&tables, sql("finance", "secrets"), "only for companies(name)"),
        (&tables, sql("finance", "companies"), "only for companies(name)"),
        (
            &["sql:read,write:finance"],
            sql("finance", "companies"),
            "of a kind that is never allowed",
        ),
        (
            &[],
            Resource::Kv {
                bucket: "notes".to_owned(),
                key: "k".to_owned(),
            },
            "no `kv` capability",
        ),
        (
            &[],
            Resource::Secret {
                name: "KEY".to_owned(),
            },
            "no `secret` capability",
        ),
        (
            &[],
            Resource::Tool {
                name: "util_hash".to_owned(),
            },
            "no rule",
        ),
        (&[], Resource::Tool { name: "*".to_owned() }, "can name or open"),
        (&[], Resource::Model, "no rule"),
        (
            &[],
            Resource::Clock {
                name: "wall".to_owned(),
            },
            "no rule",
        ),
        (&[], Resource::Random, "no rule"),
    ] {
        let grants: Vec<Grant> = grants
            .iter()
            .zip(1..)
            .map(|(text, number)| given(number, text, Terms::default(), 0))
            .collect();
        let answer = ask(&grants, |_| {}, |question| question.explain_denial(&resource));
        assert!(
            !answer.allowed && !answer.because.is_empty(),
            "{resource}: {answer}"
        );
        assert!(answer.to_string().contains(expected), "{resource}: {answer}");
    }
}

proptest! {
    /// A yes is one only where each piece is covered by a grant that holds, and following the advice makes a no a yes.
    #[test]
    fn advice_that_is_followed_helps(picked in prop::collection::vec(0_usize..GRANTS.len(), 0..4), wanted in 0_usize..GRANTS.len()) {
        let grants: Vec<Grant> = picked.iter().zip(1..).map(|(at, number)| given(number, GRANTS[*at], Terms::default(), 0)).collect();
        let wanted = cap(GRANTS[wanted]);
        let answer = explain(&grants, &wanted.to_string());
        let needed = wanted.for_its_address();
        let covered = needed.as_ref().is_some_and(|needed| {
            needed.pieces().iter().all(|piece| grants.iter().any(|grant| grant.capability.covers(piece)))
        });
        prop_assert_eq!(answer.allowed, covered, "{}", answer);
        prop_assert!(!answer.because.is_empty());
        if let Some(advice) = &answer.advice {
            let mut more = grants.clone();
            for (at, quoted) in advice.split('\'').enumerate().filter(|(at, _)| at % 2 == 1) {
                more.push(given(100 + at as i64, quoted, Terms::default(), 0));
            }
            prop_assert!(explain(&more, &wanted.to_string()).allowed, "{answer}");
        } else {
            prop_assert!(answer.allowed || matches!(answer.because[0], Reason::NeverGranted { .. }), "{answer}");
        }
    }
}

const GRANTS: [&str; 16] = [
    "http:GET:https://a.example/*",
    "http:GET,POST:https://a.example/x",
    "http:*:https://*",
    "http:GET:http://127.0.0.1/",
    "http:GET:http://*+private",
    "http:GET:http://224.0.0.1/",
    "http:GET:http://169.254.169.254/+private",
    "sql:read:f",
    "sql:read,write:f/a,b(x)",
    "sql:write:f/a",
    "fs:read:/srv",
    "fs:read,write:/srv/a",
    "net:tcp:*:80",
    "net:tcp:10.0.0.1:80",
    "clock:wall",
    "random:secure",
];
