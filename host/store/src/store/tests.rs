//! Rows in and out, versions, several users at once, and being killed.

use super::*;
use fact_types::{Capability, Digest, Grant, PluginName, Terms};

fn name(text: &str) -> PluginName {
    text.parse().unwrap()
}

fn plugin(text: &str, bytes: &[u8]) -> PluginRow {
    PluginRow {
        name: name(text),
        digest: Digest::of(bytes),
        manifest: r#"{"name":"x"}"#.to_owned(),
        source: "file".to_owned(),
        installed_at: "2025-04-01T00:00:00Z".to_owned(),
        enabled: true,
        disabled_tools: Default::default(),
    }
}

fn grant(plugin: &str, capability: &str) -> NewGrant {
    NewGrant {
        plugin: name(plugin),
        capability: capability.parse().unwrap(),
        terms: Terms::default(),
        granted_by: "someone".to_owned(),
        granted_at: "2025-04-01T00:00:00Z".parse().unwrap(),
        reason: Some("because".to_owned()),
    }
}

fn version(plugin: &str, bytes: &[u8]) -> VersionRow {
    VersionRow {
        plugin: name(plugin),
        state: VersionState::Held,
        digest: Digest::of(bytes),
        manifest: "{}".to_owned(),
        source: "file".to_owned(),
        since: NOW.to_owned(),
    }
}

const NOW: &str = "2025-04-02T00:00:00Z";

fn capabilities(rows: &[Grant]) -> Vec<String> {
    rows.iter().map(|row| row.capability.to_string()).collect()
}

fn open() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(&folder.path().join("data")).unwrap(), folder)
}

#[test]
fn plugins_and_their_grants() {
    let (store, folder) = open();
    assert_eq!(store.plugin(&name("sql")).unwrap(), None);
    let mut sql = plugin("sql", b"1");
    assert!(
        store
            .put_plugin(&sql, &[grant("sql", "sql:read:finance")])
            .unwrap()
    );
    assert_eq!(store.plugin(&name("sql")).unwrap(), Some(sql.clone()));
    assert_eq!(
        capabilities(&store.grants(&name("sql")).unwrap()),
        ["sql:read:finance"]
    );

    // The same component again adds grants, and an old grant keeps its reason. Another component is no installation.
    let again = NewGrant {
        reason: None,
        ..grant("sql", "sql:read:finance")
    };
    assert!(
        store
            .put_plugin(&sql, &[again.clone(), grant("sql", "clock:wall")])
            .unwrap()
    );
    let other = plugin("sql", b"2");
    assert!(
        !store
            .put_plugin(&other, &[grant("sql", "env:read:HOME")])
            .unwrap()
    );
    assert_eq!(store.plugins().unwrap(), [sql.clone()]);
    assert_eq!(
        capabilities(&store.grants(&name("sql")).unwrap()),
        ["clock:wall", "sql:read:finance"]
    );
    assert_eq!(
        store.grants(&name("sql")).unwrap()[1].reason.as_deref(),
        Some("because")
    );
    assert_eq!(store.add_grant(&again).unwrap(), Added::Same);
    assert_eq!(store.add_grant(&grant("sql", "env:read:TZ")).unwrap(), Added::New);

    // Calls and tools are allowed and forbidden for themselves.
    let query = "query".parse().unwrap();
    assert!(store.enable_plugin(&name("sql"), false).unwrap());
    assert!(store.enable_tool(&name("sql"), &query, false).unwrap());
    sql.enabled = false;
    sql.disabled_tools.insert(query.clone());
    assert_eq!(store.plugins().unwrap(), [sql.clone()]);
    assert_eq!(store.plugin(&name("sql")).unwrap(), Some(sql));
    assert!(store.enable_tool(&name("sql"), &query, true).unwrap());
    assert!(
        store
            .plugin(&name("sql"))
            .unwrap()
            .unwrap()
            .disabled_tools
            .is_empty()
    );
    assert!(!store.enable_plugin(&name("none"), true).unwrap());
    assert!(!store.enable_tool(&name("none"), &query, false).unwrap());

    store
        .put_plugin(&plugin("http", b"2"), &[grant("http", "clock:wall")])
        .unwrap();
    assert_eq!(
        store.digests_in_use().unwrap().len(),
        2,
        "{:?}",
        store.digests_in_use()
    );
    assert_eq!(store.all_grants().unwrap().len(), 4);

    let clock: Capability = "clock:wall".parse().unwrap();
    let all = Terms::default();
    assert_eq!(store.remove_grant(&name("sql"), &clock, &all).unwrap(), 1);
    assert_eq!(store.remove_grant(&name("sql"), &clock, &all).unwrap(), 0);
    assert!(store.remove_plugin(&name("sql")).unwrap());
    assert!(!store.remove_plugin(&name("sql")).unwrap());
    assert_eq!(capabilities(&store.all_grants().unwrap()), ["clock:wall"]);
    assert!(matches!(store.add_grant(&again), Err(StoreError::NoPlugin(_))));

    drop(store);
    let store = Store::open(&folder.path().join("data")).unwrap();
    assert_eq!(store.plugins().unwrap(), [plugin("http", b"2")]);
    assert!(store.integrity_check().unwrap().is_empty());
    assert_eq!(store.migrations().unwrap().len() as i64, migrate::known());
}

#[test]
fn a_failed_installation_leaves_nothing() {
    let (store, _folder) = open();
    let stray = store.put_plugin(
        &plugin("sql", b"1"),
        &[grant("sql", "clock:wall"), grant("http", "clock:wall")],
    );
    assert!(matches!(stray, Err(StoreError::NoPlugin(_))));
    let long = PluginRow {
        manifest: "x".repeat(PluginRow::MANIFEST_MAX + 1),
        ..plugin("sql", b"1")
    };
    assert!(matches!(
        store.put_plugin(&long, &[]),
        Err(StoreError::TooLong { .. })
    ));
    let reason = NewGrant {
        reason: Some("x".repeat(5_000)),
        ..grant("sql", "clock:wall")
    };
    assert!(matches!(
        store.put_plugin(&plugin("sql", b"1"), &[reason]),
        Err(StoreError::TooLong { .. })
    ));
    assert!(store.plugins().unwrap().is_empty() && store.all_grants().unwrap().is_empty());
}

#[test]
fn the_counter_moves_with_every_change_by_anyone() {
    let (store, folder) = open();
    let other = Store::open(&folder.path().join("data")).unwrap();
    let mut seen = store.change_counter().unwrap();
    assert_eq!(store.change_counter().unwrap(), seen);
    let mut moved = |what: &str, act: &dyn Fn()| {
        act();
        let now = store.change_counter().unwrap();
        assert_ne!(now, seen, "{what}");
        assert_eq!(store.change_counter().unwrap(), now);
        seen = now;
    };
    moved("own change", &|| {
        assert!(store.put_plugin(&plugin("sql", b"1"), &[]).unwrap())
    });
    moved("another's change", &|| {
        assert_eq!(other.add_grant(&grant("sql", "clock:wall")).unwrap(), Added::New)
    });
    moved("own removal", &|| {
        assert!(store.remove_plugin(&name("sql")).unwrap())
    });
    store.plugins().unwrap();
    other.plugins().unwrap();
    assert_eq!(store.change_counter().unwrap(), seen, "reading changes nothing");
    let start = Instant::now();
    for _ in 0..1_000 {
        store.change_counter().unwrap();
    }
    assert!(
        start.elapsed() < Duration::from_millis(500),
        "{:?} for 1000",
        start.elapsed()
    );
}

#[test]
fn rows_that_do_not_parse_give_nothing() {
    let (store, _folder) = open();
    store
        .put_plugin(&plugin("sql", b"1"), &[grant("sql", "clock:wall")])
        .unwrap();
    store
        .main()
        .execute_batch(
            "CREATE TEMP VIEW g AS SELECT * FROM grants;
             CREATE TEMP TRIGGER t INSTEAD OF INSERT ON g BEGIN
                 INSERT INTO grants (plugin, capability, tool, until, granted_by, granted_at)
                 VALUES (new.plugin, new.capability, coalesce(new.tool, ''), new.until, 'x', '2025-04-01T00:00:00Z');
             END;
             INSERT INTO g (plugin, capability) VALUES ('sql', 'future:thing'), ('sql', '');
             INSERT INTO g (plugin, capability, until) VALUES ('sql', 'env:read:TZ', 'tomorrow');
             INSERT INTO g (plugin, capability, tool) VALUES ('sql', 'env:read:TZ', 'no such name');
             INSERT INTO plugins VALUES ('Bad Name', 'nothex', '{}', 'x', 'x', 1);
             INSERT INTO g (plugin, capability) VALUES ('Bad Name', 'clock:wall');",
        )
        .unwrap();
    assert_eq!(capabilities(&store.all_grants().unwrap()), ["clock:wall"]);
    assert_eq!(store.plugins().unwrap().len(), 1);
    let bad = store.unreadable().unwrap();
    let mut places: Vec<_> = bad.iter().map(|b| (b.table, b.plugin.as_str())).collect();
    places[1..].sort_unstable();
    assert_eq!(
        places,
        [
            ("plugins", "Bad Name"),
            ("grants", "Bad Name"),
            ("grants", "sql"),
            ("grants", "sql"),
            ("grants", "sql"),
            ("grants", "sql")
        ]
    );
    assert!(bad.iter().all(|b| !b.why.is_empty()));
    // What can't be read must not be taken for garbage.
    assert!(store.digests_in_use().is_err());
}

#[test]
fn versions_take_turns() {
    let (store, folder) = open();
    let sql = name("sql");
    let [one, two, three] = [b"1", b"2", b"3"].map(|bytes| Digest::of(bytes));
    store
        .put_plugin(&plugin("sql", b"1"), &[grant("sql", "clock:wall")])
        .unwrap();
    let live = || store.plugin(&sql).unwrap().unwrap().digest;
    let others = || -> Vec<(VersionState, Digest)> {
        let rows = store.versions().unwrap();
        rows.iter().map(|row| (row.state, row.digest)).collect()
    };
    use VersionState::{Held, Previous};

    assert!(store.hold(&sql, one, &version("sql", b"2")).unwrap());
    assert_eq!((live(), others()), (one, vec![(Held, two)]));
    assert!(
        store.hold(&sql, one, &version("sql", b"3")).unwrap(),
        "the latest waits"
    );
    assert_eq!(others(), [(Held, three)]);
    assert!(
        !store.hold(&sql, two, &version("sql", b"2")).unwrap(),
        "two does not answer"
    );
    assert!(!store.swap(&sql, two, &version("sql", b"3"), &[], NOW).unwrap());
    assert_eq!((live(), others()), (one, vec![(Held, three)]));

    assert!(store.swap(&sql, one, &version("sql", b"3"), &[], NOW).unwrap());
    assert_eq!((live(), others()), (three, vec![(Previous, one)]));
    assert_eq!(capabilities(&store.grants(&sql).unwrap()), ["clock:wall"]);
    assert_eq!(store.digests_in_use().unwrap().len(), 2, "both are kept");
    assert!(store.swap(&sql, three, &version("sql", b"1"), &[], NOW).unwrap());
    assert_eq!((live(), others()), (one, vec![(Previous, three)]));
    assert!(store.hold(&sql, one, &version("sql", b"2")).unwrap());
    assert!(store.unhold(&sql).unwrap());
    assert!(!store.unhold(&sql).unwrap());

    let mut from = one;
    for n in 0..10u8 {
        assert!(store.swap(&sql, from, &version("sql", &[n]), &[], NOW).unwrap());
        from = Digest::of(&[n]);
    }
    let kept: Vec<_> = (4..9u8).rev().map(|n| (Previous, Digest::of(&[n]))).collect();
    assert_eq!(others(), kept, "the latest ones");
    drop(folder);
    assert!(store.remove_plugin(&sql).unwrap());
    assert!(others().is_empty());
}

#[test]
fn terms_are_kept_and_uses_counted() {
    let (store, _folder) = open();
    let sql = name("sql");
    store.put_plugin(&plugin("sql", b"1"), &[]).unwrap();
    let bounded = |calls: u32| NewGrant {
        terms: Terms {
            tool: Some("query".parse().unwrap()),
            principal: Some("user:ann".parse().unwrap()),
            calls: Some(calls),
            until: Some("2030-01-01T18:00:00Z".parse().unwrap()),
        },
        ..grant("sql", "clock:wall")
    };
    assert_eq!(store.add_grant(&bounded(2)).unwrap(), Added::New);
    assert_eq!(store.add_grant(&bounded(2)).unwrap(), Added::Same);
    assert_eq!(store.add_grant(&grant("sql", "clock:wall")).unwrap(), Added::New);
    let grants = store.grants(&sql).unwrap();
    assert_eq!(grants.len(), 2);
    assert_eq!(grants[0].terms, bounded(2).terms);
    let key = grants[0].key();

    let revision = store.revision().unwrap();
    let one = [(key.as_str(), 2)];
    assert_eq!(store.take_uses(&sql, &one).unwrap(), [key.as_str()]);
    assert_eq!(store.take_uses(&sql, &one).unwrap(), [key.as_str()]);
    assert!(store.take_uses(&sql, &one).unwrap().is_empty(), "both were taken");
    store.return_uses(&sql, std::slice::from_ref(&key)).unwrap();
    assert_eq!(store.grants(&sql).unwrap()[0].used, 1);
    let now = "2025-05-01T00:00:00Z".parse().unwrap();
    store.note_uses(&sql, std::slice::from_ref(&key), now).unwrap();
    store
        .note_uses(&name("gone"), std::slice::from_ref(&key), now)
        .unwrap();
    let seen = store.change_counter().unwrap();
    let soon = "2025-05-01T00:59:59Z".parse().unwrap();
    store.note_uses(&sql, std::slice::from_ref(&key), soon).unwrap();
    assert_eq!(
        store.change_counter().unwrap(),
        seen,
        "a use soon after another writes nothing"
    );
    let uses = store.grant_uses().unwrap();
    assert_eq!((uses.len(), uses[0].used, uses[0].last_used), (1, 1, Some(now)));
    let later = "2025-05-01T01:00:01Z".parse().unwrap();
    store.note_uses(&sql, std::slice::from_ref(&key), later).unwrap();
    assert_eq!(store.grant_uses().unwrap()[0].last_used, Some(later));
    assert_eq!(store.revision().unwrap(), revision, "uses change no plugin");

    assert_eq!(store.add_grant(&bounded(5)).unwrap(), Added::Changed);
    assert_ne!(store.revision().unwrap(), revision);
    let grants = store.grants(&sql).unwrap();
    let renewed = grants.iter().find(|grant| grant.terms.calls == Some(5)).unwrap();
    assert_eq!(renewed.used, 0, "a changed grant counts from the start");

    let clock: Capability = "clock:wall".parse().unwrap();
    let for_tool = Terms {
        tool: Some("query".parse().unwrap()),
        ..Terms::default()
    };
    assert_eq!(store.remove_grant(&sql, &clock, &for_tool).unwrap(), 1);
    assert!(store.grants(&sql).unwrap()[0].terms.are_empty());
}

#[test]
fn a_newer_store_is_refused() {
    let (store, folder) = open();
    store.main().pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    match Store::open(&folder.path().join("data")) {
        Err(StoreError::TooNew { found: 99, known }) => assert!(known < 99),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_broken_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(Store::FILE), "no database at all ".repeat(500)).unwrap();
    assert!(matches!(
        Store::open(folder.path()),
        Err(StoreError::Database { .. })
    ));
    assert!(matches!(
        Store::open(&folder.path().join(Store::FILE)),
        Err(StoreError::Create(_))
    ));
}

#[test]
fn many_open_and_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::thread::scope(|scope| {
        for i in 0..8 {
            let data = &data;
            scope.spawn(move || {
                let store = Store::open(data).unwrap();
                for j in 0..5 {
                    let text = format!("p{i}-{j}");
                    store
                        .put_plugin(&plugin(&text, &[i]), &[grant(&text, "clock:wall")])
                        .unwrap();
                }
            });
        }
    });
    let store = Store::open(&data).unwrap();
    assert_eq!(
        (store.plugins().unwrap().len(), store.all_grants().unwrap().len()),
        (40, 40)
    );
    assert_eq!(store.migrations().unwrap().len() as i64, migrate::known());
    assert!(store.integrity_check().unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let (store, folder) = open();
    store.put_plugin(&plugin("sql", b"1"), &[]).unwrap();
    let data = folder.path().join("data");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// The half of the next test that is killed: installs plugins and says so on standard output, for ever.
#[test]
fn victim() {
    use std::io::Write;
    let Some(data) = std::env::var_os("FACT_STORE_TEST_VICTIM") else {
        return;
    };
    let store = Store::open(Path::new(&data)).unwrap();
    let first = store.plugins().unwrap().len();
    let mut out = std::io::stdout();
    for i in first.. {
        let text = format!("p{i}");
        store
            .put_plugin(
                &plugin(&text, text.as_bytes()),
                &[grant(&text, "clock:wall"), grant(&text, "random:secure")],
            )
            .unwrap();
        writeln!(out, "\ndone {text}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn killed_at_any_moment_it_loses_nothing() {
    use std::io::Read;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut acknowledged = std::collections::BTreeSet::new();
    for round in 0..40u64 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "store::tests::victim",
                "--exact",
                "--nocapture",
                "--test-threads=1",
            ])
            .env("FACT_STORE_TEST_VICTIM", &data)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(5 + round * 13 % 70));
        child.kill().unwrap();
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        child.wait().unwrap();
        acknowledged.extend(
            said.lines()
                .filter_map(|line| line.strip_prefix("done "))
                .map(str::to_owned),
        );

        let store = Store::open(&data).unwrap();
        assert!(store.integrity_check().unwrap().is_empty(), "round {round}");
        let there: std::collections::BTreeSet<_> = store
            .plugins()
            .unwrap()
            .iter()
            .map(|p| p.name.to_string())
            .collect();
        assert!(
            acknowledged.is_subset(&there),
            "round {round}: lost {:?}",
            acknowledged.difference(&there)
        );
        assert_eq!(
            store.all_grants().unwrap().len(),
            there.len() * 2,
            "round {round}: half a plugin"
        );
    }
    assert!(
        acknowledged.len() > 10,
        "only {} changes in all",
        acknowledged.len()
    );
}
