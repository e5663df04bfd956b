//! The `system` connector: what a plugin learns of the host when it may, and what it never does.

use fact_core::types::{Access, Code, PluginName, Resource, Terms};
use serde_json::{Value, json};

use crate::rig::{Rig, code, folder, run, saw};

const REGISTRY: &str = "host:read:registry";
const METRICS: &str = "host:read:metrics";

#[test]
fn each_tool_needs_its_grant() {
    let cases = [
        ("system_plugins", "registry"),
        ("system_tools", "registry"),
        ("system_health", "metrics"),
        ("system_metrics", "metrics"),
    ];
    let grants: [&[&str]; 4] = [&[], &[REGISTRY], &[METRICS], &[REGISTRY, METRICS]];
    run(async {
        for granted in grants {
            let rig = Rig::new();
            rig.builtin("system", granted).await;
            for (tool, fact) in cases {
                let answer = rig.call(tool, json!({})).await;
                let expected = granted.contains(&format!("host:read:{fact}").as_str());
                let refused = (!expected).then_some(Code::Denied);
                assert_eq!(code(&answer), refused, "{granted:?} {tool}: {answer:?}");
                let access = if expected { Access::Read } else { Access::Denied };
                assert!(
                    saw(
                        &answer,
                        access,
                        |resource| matches!(resource, Resource::Host { name } if name == fact)
                    ),
                    "{granted:?} {tool}: {answer:?}"
                );
                assert_eq!(answer.receipt.effects.iter().count(), 1, "{answer:?}");
            }
        }
    });
}

#[test]
fn it_tells_what_is_installed_and_not_more() {
    run(async {
        let rig = Rig::new();
        let files = folder();
        let grant = format!("fs:read:{}", files.path().display());
        rig.builtin("system", &[REGISTRY]).await;
        rig.builtin("file", &[&grant]).await;
        let file: PluginName = "file".parse().unwrap();
        let clock = "clock:wall".parse().unwrap();
        let registry = rig.host.registry();
        registry
            .grant(
                &file,
                &clock,
                &Terms::default(),
                "grantor-of-it",
                Some("reason-for-it"),
            )
            .unwrap();

        let found = rig.answer("system_plugins", json!({ "words": "file" })).await;
        let plugin = &found["plugins"][0];
        assert_eq!(found["plugins"].as_array().unwrap().len(), 1, "{found}");
        assert_eq!(
            (&plugin["name"], &plugin["enabled"]),
            (&json!("file"), &json!(true))
        );
        assert_eq!(plugin["granted"], json!(["clock", "fs"]));
        assert!(
            plugin["tools"].as_array().unwrap().contains(&json!("read")),
            "{found}"
        );

        let tools = rig
            .answer("system_tools", json!({ "words": "delete", "plugin": "file" }))
            .await;
        let tool = |name: &str| {
            let tools = tools["tools"].as_array().unwrap();
            tools.iter().find(|tool| tool["name"] == name).cloned().unwrap()
        };
        assert_eq!(tool("file_delete")["destructive"], true, "{tools}");

        let all = [
            rig.answer("system_plugins", json!({})).await,
            rig.answer("system_tools", json!({ "limit": 1000 })).await,
        ];
        assert_eq!(all[0]["plugins"].as_array().unwrap().len(), 2);
        let shown = format!("{all:?}");
        let path = files.path().display().to_string();
        for secret in [
            path.as_str(),
            "builtin:",
            "grantor-of-it",
            "reason-for-it",
            "sha256",
        ] {
            assert!(!shown.contains(secret), "`{secret}` in {shown}");
        }
    });
}

#[test]
fn the_numbers_are_those_of_the_host() {
    run(async {
        let rig = Rig::with(|config| config.runtime.slots = 7);
        rig.builtin("system", &[METRICS]).await;
        let metrics = rig.answer("system_metrics", json!({})).await;
        for (name, value) in [
            ("calls_running", 1),
            ("call_slots", 7),
            ("plugins", 1),
            ("tools", 4),
        ] {
            assert_eq!(metrics[name], value, "{name}: {metrics}");
        }
        // How tools were used, as the store has it.
        rig.call("system_plugins", json!({})).await;
        rig.call("system_metrics", json!({})).await;
        rig.host.save_usage();
        let metrics = rig.answer("system_metrics", json!({})).await;
        let told: Vec<_> = metrics["usage"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| json!([one["tool"], one["calls"], one["successes"], one["failures"]]))
            .collect();
        assert_eq!(
            told,
            [
                json!(["system_metrics", 2, 2, {}]),
                json!(["system_plugins", 1, 0, { "denied": 1 }]),
            ],
            "{metrics}"
        );
        assert_eq!(metrics["usage_truncated"], false, "{metrics}");
        let metrics = rig.answer("system_metrics", json!({ "tools": 1 })).await;
        assert_eq!(metrics["usage"].as_array().unwrap().len(), 1, "{metrics}");
        assert_eq!(metrics["usage_truncated"], true, "{metrics}");
        let health = rig.answer("system_health", json!({})).await;
        assert_eq!(health["metrics"]["usage"], Value::Null, "{health}");
        assert_eq!(health["state"], "idle", "{health}");
        assert_ne!(health["metrics"]["memory_bytes"], Value::Null, "{health}");
    });
}
