//! The memory that SQLite may have is the process's, so this test has a process of its own.

use fact_store::{DatabaseConfig, Databases, PluginRow, SqlErrorKind, SqlLimits, Store, demo};
use fact_types::{Capability, Digest};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_fill_memory_end_and_harm_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("finance.db");
    demo::seed(&path).unwrap();
    let store = Store::open(folder.path()).unwrap();
    let limits = SqlLimits {
        heap_bytes_max: 64 << 20,
        ..SqlLimits::default()
    };
    let config = DatabaseConfig {
        path,
        samples: vec![],
    };
    let databases = Databases::new(BTreeMap::from([("finance".to_owned(), config)]), limits);
    let Capability::Sql(grant) = "sql:read:finance".parse().unwrap() else {
        panic!()
    };
    let grants: Arc<[_]> = Arc::from([grant]);
    let deadline = || Instant::now() + Duration::from_secs(10);

    // A sort, a temporary table and a growing queue.
    let bombs = [
        "SELECT a.id FROM financial_data a, financial_data b ORDER BY randomblob(1000000)",
        "WITH RECURSIVE c(n, x) AS (SELECT 1, randomblob(100000) UNION SELECT n + 1, randomblob(100000) FROM c) \
         SELECT count(*) FROM c",
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c UNION ALL SELECT n + 2 FROM c) \
         SELECT count(n) FROM c",
    ];
    let start = Instant::now();
    let running: Vec<_> = bombs
        .into_iter()
        .map(|bomb| {
            let (databases, grants) = (databases.clone(), Arc::clone(&grants));
            tokio::spawn(async move {
                databases
                    .query(&grants, "finance", bomb, vec![], None, deadline())
                    .await
                    .map(|rows| rows.rows.len())
            })
        })
        .collect();
    let mut stored = 0;
    while !running.iter().all(tokio::task::JoinHandle::is_finished) {
        let row = PluginRow {
            name: format!("p{stored}").parse().unwrap(),
            digest: Digest::of(b"x"),
            manifest: "{}".to_owned(),
            source: "file".to_owned(),
            installed_at: "2025-04-01T00:00:00Z".to_owned(),
            enabled: true,
            disabled_tools: Default::default(),
        };
        store.put_plugin(&row, &[]).unwrap();
        stored += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for (bomb, one) in bombs.iter().zip(running) {
        let error = one.await.unwrap().unwrap_err();
        assert_eq!(error.kind, SqlErrorKind::Unavailable, "{bomb}: {error}");
    }
    assert!(start.elapsed() < Duration::from_secs(15));
    assert_eq!(store.plugins().unwrap().len(), stored);
    let after = databases.query(
        &grants,
        "finance",
        "SELECT COUNT(*) FROM companies",
        vec![],
        None,
        deadline(),
    );
    assert_eq!(after.await.unwrap().rows.len(), 1);
}
