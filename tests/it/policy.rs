//! Policy files: what their rules give, and what they don't; and why something was refused.

use std::path::PathBuf;

use fact_core::types::{Access, Code, Principal, Resource};
use fact_core::{Asked, Circumstances, Config, Host};
use fact_tests::guests;
use serde_json::json;

use crate::fs_corpus::{ESCAPES, Field};
use crate::http_corpus::{BYPASSES, PUBLIC};
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
            // Rules outlast a change of something else.
            let other = "sql_samples".parse().unwrap();
            rig.host.registry().enable_tool(&other, at % 2 == 1).unwrap();
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

/// A rule is read anew at each start: a link that was put into its folder's path since it was written must not lead it
/// elsewhere.
#[test]
fn a_rule_follows_no_link() {
    run(async {
        let field = Field::new();
        for (folder, given) in [
            ("granted", true),
            ("granted/./", true),
            ("granted/folder-absolute", false),
        ] {
            let folder = field.at(folder);
            let (_folder, file) = policy(&format!(
                "[[rule]]\nname = \"one\"\nplugin = \"fs-escape\"\nallow = [\"fs:read:{}\"]",
                folder.display()
            ));
            let rig = Rig::with(|config| config.policy = vec![file]);
            rig.install(guests::FS_ESCAPE, &[]).await;
            let has = !rig.host.rights(&"fs-escape".parse().unwrap()).unwrap().is_empty();
            assert_eq!(has, given, "{}", folder.display());
        }
    });
}

/// Each refused effect of a call has an explanation that says no, and names a grant or rule, or says that there is none or
/// can be none. Returns how many there were.
async fn explained(rig: &Rig, plugin: &str, arguments: serde_json::Value) -> usize {
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
    if code(&answer) == Some(Code::Denied) {
        assert!(!denied.is_empty(), "{plugin} {arguments}: {answer:?}");
    }
    for resource in &denied {
        let asked = Asked::Denial((*resource).clone());
        let explanation = rig
            .host
            .explain(&plugin.parse().unwrap(), &asked, &circumstances)
            .unwrap();
        let shown = explanation.to_string();
        assert!(!explanation.allowed, "{resource}: {explanation:?}");
        let decides = ["grant ", "rule ", "no rule"]
            .iter()
            .any(|word| shown.contains(word));
        assert!(shown.starts_with("denied: ") && decides, "{resource}: {shown}");
    }
    denied.len()
}

#[test]
fn every_refused_url_is_explained() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::HTTP_BYPASS, &PUBLIC).await;
        let mut seen = 0;
        for url in BYPASSES {
            let arguments = json!({ "url": url.replace("PORT", "1") });
            seen += explained(&rig, "http-bypass", arguments).await;
        }
        assert!(seen > BYPASSES.len() / 2, "only {seen} refusals");
        rig.install(guests::NET_CONNECT, &[]).await;
        for (way, peer) in [
            ("tcp", "127.0.0.1:1"),
            ("tcp", "[::1]:80"),
            ("tcp", "169.254.169.254:80"),
            ("udp", "8.8.8.8:53"),
            ("listen", "0.0.0.0:0"),
            ("lookup", "example.com:80"),
        ] {
            explained(&rig, "net-connect", json!({ "way": way, "peer": peer })).await;
        }
    });
}

#[test]
fn every_refused_path_is_explained() {
    run(async {
        let field = Field::new();
        let mut seen = 0;
        for rights in ["read,write", "read", "write"] {
            let rig = Rig::new();
            rig.install(guests::FS_ESCAPE, &[&field.grant(rights)]).await;
            for (way, path, to) in ESCAPES {
                let arguments = json!({ "way": way, "path": field.path(path), "to": field.path(to) });
                let tool = "fs-escape_attempt";
                let answer = rig.call(tool, arguments.clone()).await;
                // What a guest's own library refuses never reaches the host.
                if answer.receipt.effects.any_denied() {
                    seen += explained(&rig, "fs-escape", arguments).await;
                }
            }
        }
        assert!(seen > ESCAPES.len(), "only {seen} refusals");
    });
}
