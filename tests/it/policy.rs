//! Policy files: what their rules give, and what they don't; and why something was refused.

use std::path::PathBuf;

use fact_core::types::{Access, Code, Principal, Resource};
use fact_core::{Asked, Circumstances, Config, Host};
use fact_tests::guests;
use serde_json::json;

use crate::rig::{Rig, code, run};

/// A policy file in a folder of its own.
fn policy(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

/// Whether `sql` may query the demo's database under a policy with one rule.
fn check(rule: &str, expected: &[Option<Code>]) {
    run(async {
        let (_folder, file) = policy(&format!(
            "[[rule]]\nname = \"one\"\nallow = [\"sql:read:finance\"]\n{rule}"
        ));
        let rig = Rig::with_finance(|config| config.policy = vec![file]);
        rig.builtin("sql", &[]).await;
        for (at, expected) in expected.iter().enumerate() {
            let answer = rig
                .call("sql_query", json!({ "statement": "SELECT name FROM companies" }))
                .await;
            assert_eq!(code(&answer), *expected, "{rule}, call {at}: {answer:?}");
        }
    });
}

#[test]
fn a_rule_gives_what_it_says_to_whom_it_names() {
    let digest = fact_core::types::Digest::of(fact_bundle::builtin("sql").unwrap().bytes);
    let refused = Some(Code::Denied);
    check("plugin = \"sql\"", &[None]);
    check("plugin = \"s*\"", &[None]);
    check("source = \"builtin:*\"", &[None]);
    check(&format!("digest = \"sha256:{digest}\""), &[None]);
    check("plugin = \"http\"", &[refused]);
    check("plugin = \"sql\"\nsource = \"https://*\"", &[refused]);
    check(&format!("digest = \"sha256:{}\"", "0".repeat(64)), &[refused]);
}

#[test]
fn the_terms_of_a_rule_hold() {
    let refused = Some(Code::Denied);
    check("plugin = \"sql\"\ntool = \"query\"", &[None]);
    check("plugin = \"sql\"\ntool = \"schema\"", &[refused]);
    check("plugin = \"sql\"\nprincipal = \"user:ann\"", &[refused]);
    check("plugin = \"sql\"\nuntil = 2020-01-01T00:00:00Z", &[refused]);
    check("plugin = \"sql\"\ncalls = 2", &[None, None, refused, refused]);
}

#[test]
fn without_its_policy_a_host_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let open = |file: PathBuf| {
        let mut config = Config::in_folder(folder.path());
        config.policy = vec![file];
        Host::open(config).map(drop)
    };
    open(folder.path().join("none.toml")).unwrap_err();
    let (_other, broken) = policy("[[rule]]\nname = \"x\"\nallow = [\"everything\"]");
    open(broken).unwrap_err();
}

/// Each refused effect of a call has an explanation that says no, and names a rule or says that there is none.
async fn explained(rig: &Rig, plugin: &str, arguments: serde_json::Value) {
    let tool = if plugin == "fs-escape" { "attempt" } else { "run" };
    let answer = rig.call(&format!("{plugin}_{tool}"), arguments.clone()).await;
    let circumstances = Circumstances {
        tool: None,
        principal: Principal::local(),
        now: jiff::Timestamp::now(),
    };
    let denied: Vec<&Resource> = answer
        .receipt
        .effects
        .iter()
        .filter(|effect| effect.access == Access::Denied)
        .map(|effect| &effect.resource)
        .collect();
    assert!(!denied.is_empty(), "{plugin} {arguments}: {answer:?}");
    for resource in denied {
        let asked = Asked::Denial(resource.clone());
        let explanation = rig
            .host
            .explain(&plugin.parse().unwrap(), &asked, &circumstances)
            .unwrap();
        assert!(!explanation.allowed, "{resource}: {explanation:?}");
        assert!(!explanation.because.is_empty(), "{resource}: {explanation:?}");
    }
}

#[test]
fn every_denial_of_the_hostile_corpus_is_explained() {
    run(async {
        let rig = Rig::new();
        rig.install(
            guests::HTTP_BYPASS,
            &["http:GET:http://*/*", "http:GET:https://*/*"],
        )
        .await;
        for url in [
            "http://127.0.0.1:1/",
            "http://[::ffff:127.0.0.1]:1/",
            "http://2130706433:1/",
            "http://0x7f000001:1/",
            "http://10.0.0.1/",
            "http://100.64.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://[fd00::1]/",
            "http://localhost.:1/",
            "http://192.0.0.192/latest/",
            "https://127.0.0.1:1/",
        ] {
            explained(&rig, "http-bypass", json!({ "url": url })).await;
        }
        rig.install(guests::FS_ESCAPE, &[]).await;
        for way in ["raw_read", "raw_list", "raw_write"] {
            let arguments = json!({ "way": way, "path": "/etc/passwd", "to": "/tmp/x" });
            let answer = rig.call("fs-escape_attempt", arguments.clone()).await;
            assert_eq!(code(&answer), Some(Code::Denied), "{way}");
            if answer.receipt.effects.any_denied() {
                explained(&rig, "fs-escape", arguments).await;
            }
        }
        rig.install(guests::NET_CONNECT, &[]).await;
        for (way, peer) in [
            ("tcp", "127.0.0.1:1"),
            ("tcp", "169.254.169.254:80"),
            ("lookup", "example.com:80"),
        ] {
            explained(&rig, "net-connect", json!({ "way": way, "peer": peer })).await;
        }
    });
}
