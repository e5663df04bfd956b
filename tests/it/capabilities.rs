//! Grants that are given and taken while the host runs, by this process or by another one.

use fact_core::Added;
use fact_core::types::{Code, PluginName, Terms};
use fact_tests::guests;
use serde_json::json;

use crate::listener::Listener;
use crate::rig::{Rig, code, folder, run};

const Q1: &str = "SELECT SUM(revenue) FROM financial_records WHERE quarter = 'Q1' AND year = 2025";

#[test]
fn a_grant_holds_for_the_next_call_and_so_does_its_end() {
    run(async {
        let rig = Rig::with_finance(|_| {});
        rig.builtin("sql", &[]).await;
        let plugin: PluginName = "sql".parse().unwrap();
        let capability = "sql:read:finance/financial_records".parse().unwrap();
        let query = || rig.call("sql_query", json!({ "database": "finance", "statement": Q1 }));
        // Twice, so that nothing that was linked before is used again.
        for _ in 0..2 {
            assert_eq!(code(&query().await), Some(Code::Denied));
            assert_eq!(
                Added::New,
                rig.host
                    .registry()
                    .grant(&plugin, &capability, &Terms::default(), "test", Some("to see"))
                    .unwrap()
                    .0
            );
            assert!(
                Added::Same
                    == rig
                        .host
                        .registry()
                        .grant(&plugin, &capability, &Terms::default(), "test", None)
                        .unwrap()
                        .0,
                "it has it already"
            );
            assert_eq!(
                query().await.json().unwrap()["rows"],
                json!([[68_500_000_000_i64]])
            );
            assert_eq!(
                rig.host
                    .registry()
                    .revoke(&plugin, &capability, &Terms::default())
                    .unwrap(),
                1
            );
            assert!(
                rig.host
                    .registry()
                    .revoke(&plugin, &capability, &Terms::default())
                    .unwrap()
                    == 0,
                "it is gone already"
            );
        }
        assert_eq!(code(&query().await), Some(Code::Denied));
    });
}

#[test]
fn another_host_on_the_same_folder_counts() {
    run(async {
        let one = Rig::with_finance(|_| {});
        one.builtin("sql", &[]).await;
        let two = one.second();
        let plugin: PluginName = "sql".parse().unwrap();
        let capability = "sql:read:finance/financial_records".parse().unwrap();
        for (giver, user) in [(&one, &two), (&two, &one)] {
            let query = || user.call("sql_query", json!({ "database": "finance", "statement": Q1 }));
            assert_eq!(code(&query().await), Some(Code::Denied));
            giver
                .host
                .registry()
                .grant(&plugin, &capability, &Terms::default(), "test", None)
                .unwrap();
            assert_eq!(code(&query().await), None);
            giver
                .host
                .registry()
                .revoke(&plugin, &capability, &Terms::default())
                .unwrap();
            assert_eq!(code(&query().await), Some(Code::Denied));
        }
        two.install_echo().await;
        assert_eq!(
            one.answer("echo_run", json!({ "text": "x" })).await,
            json!({ "text": "x" })
        );
        one.host
            .registry()
            .remove(&"echo".parse().unwrap(), std::time::Duration::ZERO)
            .await
            .unwrap();
        assert_eq!(
            code(&two.call("echo_run", json!({ "text": "x" })).await),
            Some(Code::NotFound)
        );
    });
}

/// A folder that is granted by one spelling can be taken back by another, and by the one that the host shows.
#[test]
fn a_folder_is_one_folder_however_it_is_spelled() {
    run(async {
        let outer = folder();
        std::fs::create_dir(outer.path().join("real")).unwrap();
        std::fs::write(outer.path().join("real/x"), "seen").unwrap();
        std::os::unix::fs::symlink("real", outer.path().join("link")).unwrap();
        let rig = Rig::new();
        rig.install(guests::FS_ESCAPE, &[]).await;
        let plugin: PluginName = "fs-escape".parse().unwrap();
        let real = outer.path().canonicalize().unwrap().join("real");
        let by_link = format!("fs:read:{}", outer.path().join("link").display())
            .parse()
            .unwrap();
        let read = || {
            rig.call(
                "fs-escape_attempt",
                json!({ "way": "read", "path": real.join("x") }),
            )
        };

        let (_, kept) = rig
            .host
            .registry()
            .grant(&plugin, &by_link, &Terms::default(), "test", None)
            .unwrap();
        assert_eq!(kept.to_string(), format!("fs:read:{}", real.display()));
        assert_eq!(code(&read().await), None);
        assert_eq!(
            rig.host
                .registry()
                .revoke(&plugin, &by_link, &Terms::default())
                .unwrap(),
            1
        );
        assert_eq!(code(&read().await), Some(Code::Denied));
        rig.host
            .registry()
            .grant(&plugin, &by_link, &Terms::default(), "test", None)
            .unwrap();
        assert_eq!(
            rig.host
                .registry()
                .revoke(&plugin, &kept, &Terms::default())
                .unwrap(),
            1
        );
        assert_eq!(code(&read().await), Some(Code::Denied));
    });
}

#[test]
fn what_can_not_be_granted_is_refused() {
    run(async {
        let rig = Rig::new();
        rig.install_echo().await;
        let echo: PluginName = "echo".parse().unwrap();
        let none: PluginName = "none".parse().unwrap();
        let grant = |plugin: &PluginName, capability: &str| {
            rig.host
                .registry()
                .grant(
                    plugin,
                    &capability.parse().unwrap(),
                    &Terms::default(),
                    "test",
                    None,
                )
                .unwrap_err()
                .code
        };
        assert_eq!(grant(&none, "clock:wall"), Code::NotFound);
        assert_eq!(grant(&echo, "fs:read:/nowhere-at-all"), Code::NotFound);
        assert_eq!(grant(&echo, "fs:read:/etc/passwd"), Code::InvalidInput);
        // Kinds that this host does not serve must not look as if they were given.
        for capability in ["secret:reveal:KEY", "model:ask:10/day"] {
            assert_eq!(grant(&echo, capability), Code::InvalidInput, "{capability}");
        }
        assert_eq!(rig.host.registry().plugin(&echo).unwrap().grants.len(), 0);
    });
}

/// One plugin's grant is not another's.
#[test]
fn grants_are_a_plugin_s_own() {
    run(async {
        let listener = Listener::start();
        let rig = Rig::new();
        let url = format!("http://127.0.0.1:{}/", listener.port);
        rig.builtin("http", &[&format!("http:GET:{url}*+private")]).await;
        rig.install(guests::HTTP_BYPASS, &[]).await;
        assert_eq!(
            code(&rig.call("http-bypass_run", json!({ "url": url })).await),
            Some(Code::Denied)
        );
        assert_eq!(listener.connections(), 0);
        assert_eq!(
            rig.answer("http_request", json!({ "url": url })).await["body"],
            "it works"
        );
        // Nor does a grant of one method open another.
        let post = rig
            .call("http_request", json!({ "url": url, "method": "POST" }))
            .await;
        assert_eq!(code(&post), Some(Code::Denied), "{post:?}");
        assert_eq!(listener.connections(), 1);
    });
}
