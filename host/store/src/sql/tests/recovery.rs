//! Databases that a writer left in the midst of a transaction, as `kill -9` and power cuts do.

use super::*;
use std::fs;

/// Readers come first after the fall, and they may not write: what was not committed must be gone for them all the same.
#[tokio::test]
async fn what_a_dead_writer_left_is_undone() {
    for (journal, left) in [("DELETE", "-journal"), ("WAL", "-wal")] {
        let folder = tempfile::tempdir().unwrap();
        let (alive, dead) = (folder.path().join("alive.db"), folder.path().join("dead.db"));
        let conn = Connection::open(&alive).unwrap();
        conn.pragma_update_and_check(None, "journal_mode", journal, |_| Ok(()))
            .unwrap();
        // So small a cache has the transaction's pages written before its end.
        conn.execute_batch(
            "CREATE TABLE t (x TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
             INSERT INTO t SELECT 'old' || hex(zeroblob(1000)) FROM n;
             PRAGMA cache_size = 1;
             BEGIN;
             UPDATE t SET x = 'new' || substr(x, 4);",
        )
        .unwrap();
        // What is on disk at this moment is what is there after a fall.
        fs::copy(&alive, &dead).unwrap();
        let beside = |path: &std::path::Path| format!("{}{left}", path.display());
        fs::copy(beside(&alive), beside(&dead)).unwrap();

        let config = DatabaseConfig {
            path: dead,
            samples: vec![],
        };
        let databases = Databases::new(BTreeMap::from([("db".to_owned(), config)]), SqlLimits::default());
        let count = "SELECT count(*) FROM t WHERE x LIKE 'old%'";
        let rows = databases
            .query(&grants("read:t"), "db", count, vec![], None, soon())
            .await
            .unwrap_or_else(|error| panic!("{journal}: {error:?}"));
        assert_eq!(rows.rows, [[Value::Integer(200)]], "{journal}");
    }
}
