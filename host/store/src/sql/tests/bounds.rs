//! Statements that want too much time, memory or depth, and callers that go away.

use super::Want::{Cell, Denied, Invalid};
use super::*;

const FOREVER: &str =
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c";

fn short() -> SqlLimits {
    SqlLimits {
        statement_time_max: Duration::from_millis(300),
        ..SqlLimits::default()
    }
}

/// The longest that a statement with the limits of [`short`] may take, on a busy machine.
const AT_MOST: Duration = Duration::from_secs(3);

#[tokio::test]
async fn sizes_and_depths() {
    let nested = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    let deep = format!("SELECT -{}1", "1+".repeat(5_000));
    let long = format!("SELECT '{}'", "x".repeat(100_000));
    let wide = vec!["SELECT 1"; 200].join(" UNION ALL ");
    let parameters = format!(
        "SELECT {}",
        (0..1_500).map(|i| format!(":p{i}")).collect::<Vec<_>>().join(",")
    );
    let many = "SELECT 1;".repeat(10_000);
    let semicolons = ";".repeat(90_000) + "SELECT 1";
    let pattern = format!("SELECT 'aaaa' LIKE '{}'", "%a".repeat(500));
    let chain = format!("SELECT 1 WHERE {}", vec!["1 = 2"; 200].join(" OR "));
    check(&[
        ("read:*", &nested, Invalid("")),
        ("read:*", &deep, Invalid("")),
        ("read:*", &long, Invalid("longer than")),
        ("read:*", &wide, Invalid("")),
        ("read:*", &parameters, Invalid("")),
        ("read:*", &many, Invalid("more than one")),
        ("read:*", &semicolons, Cell("1")),
        ("read:*", &pattern, Invalid("")),
        ("read:*", &chain, Want::Rows(0)),
        ("read:*", "SELECT randomblob(1000000000)", Invalid("too large")),
        ("read:*", "SELECT zeroblob(1e9)", Invalid("too large")),
        ("read:*", "SELECT hex(zeroblob(8000000))", Invalid("too large")),
        (
            "read:*",
            "SELECT replace(hex(zeroblob(3000000)), '0', '0000')",
            Invalid("too large"),
        ),
        (
            "read:*",
            "SELECT length(printf('%.*c', 100000000, 'x'))",
            Invalid(""),
        ),
        (
            "read:*",
            "SELECT group_concat(zeroblob(4000000)) FROM plain",
            Invalid("too large"),
        ),
        (
            "read:*",
            "SELECT json_group_array(hex(zeroblob(1000000))) FROM plain, plain, plain",
            Invalid(""),
        ),
        ("read:plain", "SELECT count(*) FROM kept, plain", Denied("kept")),
    ])
    .await;
}

#[tokio::test]
async fn runaways_end_at_the_deadline() {
    let bench = bench_with(short());
    // 40 levels of doubling: compiling it alone would take for ever.
    let doubling = (1..40).fold("WITH t0 AS (SELECT 1 AS x)".to_owned(), |sql, i| {
        format!("{sql}, t{i} AS (SELECT a.x FROM t{p} AS a, t{p} AS b)", p = i - 1)
    }) + " SELECT count(*) FROM t39";
    let cross = format!(
        "SELECT count(*) FROM {}",
        ["companies"; 40]
            .iter()
            .enumerate()
            .map(|(i, t)| format!("{t} AS c{i}"))
            .collect::<Vec<_>>()
            .join(",")
    );
    for statement in [
        FOREVER,
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION SELECT n + 1 FROM c) SELECT max(n) FROM c",
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c ORDER BY n DESC LIMIT 1",
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 0",
        &doubling,
        &cross,
    ] {
        let start = Instant::now();
        let error = query(&bench, "read:*", statement).await.unwrap_err();
        let kind = (error.kind, start.elapsed() < AT_MOST);
        assert!(
            matches!(
                kind,
                (SqlErrorKind::Unavailable | SqlErrorKind::InvalidInput, true)
            ),
            "{statement:.100}: {error} after {:?}",
            start.elapsed()
        );
        assert!(query(&bench, "read:*", "SELECT 1").await.is_ok());
    }
    let error = query(&bench, "read:*", FOREVER).await.unwrap_err();
    assert!(error.message.contains("longer than it may"), "{error}");
}

#[tokio::test]
async fn the_callers_deadline_counts_when_it_is_earlier() {
    let bench = bench();
    let start = Instant::now();
    let soon = start + Duration::from_millis(100);
    let error = bench
        .databases
        .query(&grants("read:plain"), "db", FOREVER, vec![], None, soon)
        .await
        .unwrap_err();
    assert_eq!(error.kind, SqlErrorKind::Unavailable);
    assert!(start.elapsed() < AT_MOST);
}

#[tokio::test]
async fn a_write_that_runs_away_is_rolled_back() {
    let bench = bench_with(short());
    let statement =
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) INSERT INTO log SELECT n FROM c";
    let error = bench
        .databases
        .execute(&grants("write:log"), "db", statement, vec![], soon())
        .await
        .unwrap_err();
    assert_eq!(error.kind, SqlErrorKind::Unavailable);
    assert_eq!(
        show(
            &query(&bench, "read:*", "SELECT count(*) FROM log")
                .await
                .unwrap()
                .rows[0][0]
        ),
        "0"
    );
    let after = bench
        .databases
        .execute(
            &grants("write:log"),
            "db",
            "INSERT INTO log VALUES (1)",
            vec![],
            soon(),
        )
        .await;
    assert_eq!(after.unwrap().rows, 1);
}

#[tokio::test]
async fn a_database_grows_only_so_far() {
    let bench = bench_with(SqlLimits {
        database_bytes_max: 1 << 20,
        ..SqlLimits::default()
    });
    let statement = "INSERT INTO log SELECT zeroblob(300000) FROM plain, plain";
    let error = bench
        .databases
        .execute(&grants("write:log read:plain"), "db", statement, vec![], soon())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.message.contains("room")),
        (SqlErrorKind::Unavailable, true),
        "{error}"
    );
}

/// Whether the statements on the only connection end soon: then a call by someone else gets it.
async fn connection_comes_back(bench: &Bench) -> bool {
    let start = Instant::now();
    query(bench, "read:*", "SELECT 1").await.is_ok() && start.elapsed() < Duration::from_secs(2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_call_ends_its_statement() {
    let bench = bench_with(SqlLimits {
        readers_max: 1,
        ..SqlLimits::default()
    });
    for wait in [0, 1, 5, 20, 100] {
        let call = query(&bench, "read:*", FOREVER);
        assert!(
            tokio::time::timeout(Duration::from_millis(wait), call)
                .await
                .is_err()
        );
        assert!(connection_comes_back(&bench).await, "after {wait} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_never_hits_the_next_statement() {
    let bench = bench_with(SqlLimits {
        readers_max: 1,
        ..SqlLimits::default()
    });
    for round in 0..300u64 {
        let call = query(&bench, "read:*", FOREVER);
        let _ = tokio::time::timeout(Duration::from_micros(round * 10), call).await;
        let next = query(
            &bench,
            "read:plain",
            "SELECT count(*) FROM plain, plain, plain, plain, plain",
        )
        .await;
        assert!(next.is_ok(), "round {round}: {next:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_eleventh_caller_waits_and_goes_on() {
    let bench = Arc::new(bench());
    let ten: Vec<_> = (0..10)
        .map(|_| {
            let bench = Arc::clone(&bench);
            let until = Instant::now() + Duration::from_millis(600);
            tokio::spawn(async move {
                bench
                    .databases
                    .query(&grants("read:*"), "db", FOREVER, vec![], None, until)
                    .await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(150)).await;
    let hurried = Instant::now() + Duration::from_millis(50);
    let eleventh = bench
        .databases
        .query(&grants("read:*"), "db", "SELECT 1", vec![], None, hurried)
        .await;
    assert_eq!(eleventh.unwrap_err().message, "the database is busy");
    assert!(query(&bench, "read:*", "SELECT 1").await.is_ok());
    for one in ten {
        assert_eq!(one.await.unwrap().unwrap_err().kind, SqlErrorKind::Unavailable);
    }
}

#[tokio::test]
async fn a_locked_database_is_waited_for_until_the_deadline() {
    let bench = bench_with(short());
    let owner = Connection::open(&bench.path).unwrap();
    owner.execute_batch("BEGIN IMMEDIATE").unwrap();
    let write = || async {
        bench
            .databases
            .execute(
                &grants("write:log"),
                "db",
                "INSERT INTO log VALUES (1)",
                vec![],
                soon(),
            )
            .await
    };
    let error = write().await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (SqlErrorKind::Unavailable, "the database is busy")
    );
    assert!(
        query(&bench, "read:*", "SELECT 1 FROM plain").await.is_ok(),
        "readers don't wait for a writer"
    );
    owner.execute_batch("COMMIT").unwrap();
    assert!(write().await.is_ok());
}

#[tokio::test]
async fn slow_single_steps_are_bounded() {
    let bench = bench_with(SqlLimits {
        statement_time_max: Duration::from_secs(2),
        ..SqlLimits::default()
    });
    // Each is one step of SQLite's machine, which can't be interrupted; the sizes are the largest allowed.
    for statement in [
        "SELECT instr(hex(zeroblob(3900000)), hex(zeroblob(1900000)) || '1')",
        "SELECT length(replace(hex(zeroblob(3900000)), hex(zeroblob(1900000)) || '1', ''))",
        "SELECT length(trim(hex(zeroblob(1900000)) || '1', hex(zeroblob(1900000)) || '23'))",
        "SELECT hex(zeroblob(3900000)) LIKE '%' || hex(zeroblob(120)) || '1'",
        "SELECT hex(zeroblob(3900000)) GLOB '*' || hex(zeroblob(120)) || '1'",
        "SELECT hex(zeroblob(3900000)) LIKE '%0%0%0%0%0%0%0%0%0%0%0%0%0%1'",
        "SELECT hex(zeroblob(3900000)) GLOB '*0*0*0*0*0*0*0*0*0*0*0*0*0*1'",
    ] {
        let start = Instant::now();
        let _ = query(&bench, "read:*", statement).await;
        let taken = start.elapsed();
        assert!(taken < Duration::from_secs(5), "{statement}: {taken:?}");
        assert!(
            bench.is_idle(Duration::from_secs(5)).await,
            "{statement} still runs"
        );
    }
}

impl Bench {
    /// Whether all connections come back within a time.
    async fn is_idle(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let all = &self.databases.all["db"].readers;
        while Instant::now() < until {
            if all.free() == self.databases.limits.readers_max {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }
}
