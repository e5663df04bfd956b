//! The form of answers: columns, parameters, truncation, what was touched, schema and plans.

use super::*;

#[tokio::test]
async fn columns_are_there_without_rows() {
    let bench = bench();
    let rows = query(
        &bench,
        "read:*",
        "SELECT id, name AS n, 1 + 1 FROM companies WHERE 0",
    )
    .await
    .unwrap();
    let columns: Vec<_> = rows
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.declared_type.as_deref()))
        .collect();
    assert_eq!(
        columns,
        [("id", Some("INTEGER")), ("n", Some("TEXT")), ("1 + 1", None)]
    );
    assert!(rows.rows.is_empty() && !rows.truncated);
}

#[tokio::test]
async fn parameters() {
    let bench = bench();
    let text = |s: &str| Value::Text(s.to_owned());
    let both = vec![("a", Value::Integer(1)), ("b", text("x"))];
    for (statement, given, want) in [
        (
            "SELECT a FROM plain WHERE a = :a AND b = :b",
            both.clone(),
            Ok("1"),
        ),
        (
            "SELECT a FROM plain WHERE a = @a AND b = $b",
            both.clone(),
            Ok("1"),
        ),
        ("SELECT :a + @a + $a", vec![("a", Value::Integer(2))], Ok("6")),
        ("SELECT :a", vec![("a", Value::Null)], Ok("NULL")),
        ("SELECT :a", vec![("a", Value::Real(0.5))], Ok("0.5")),
        ("SELECT :a", vec![("a", Value::Blob(vec![1, 2]))], Ok("x'0102'")),
        (
            "SELECT :a",
            vec![("a", text("'; DROP TABLE kept --"))],
            Ok("''; DROP TABLE kept --'"),
        ),
        ("SELECT :a", vec![], Err("no value for the parameter `a`")),
        (
            "SELECT :a, :b",
            vec![],
            Err("no value for the parameter `a`, `b`"),
        ),
        (
            "SELECT :a",
            vec![("A", Value::Null)],
            Err("no value for the parameter `a`"),
        ),
        ("SELECT :a", both.clone(), Err("has no parameter `b`")),
        ("SELECT 1", both.clone(), Err("has no parameter `a`")),
        (
            "SELECT :a",
            vec![("a", Value::Null), ("a", Value::Null)],
            Err("given twice"),
        ),
        ("SELECT :a", vec![(":a", Value::Null)], Err("no value")),
        ("SELECT ?, :a", vec![("a", Value::Null)], Err("with names")),
        ("SELECT ?2", vec![("2", Value::Null)], Err("with names")),
    ] {
        let given = given.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        let got = bench
            .databases
            .query(&grants("read:*"), "db", statement, given, None, soon())
            .await;
        match (want, got) {
            (Ok(cell), Ok(rows)) => assert_eq!(show(&rows.rows[0][0]), cell, "{statement}"),
            (Err(part), Err(error)) => assert!(error.message.contains(part), "{statement}: {error}"),
            (want, got) => panic!("{statement}: wanted {want:?}, got {got:?}"),
        }
    }
}

#[tokio::test]
async fn what_was_read_is_known() {
    let bench = bench();
    for (statement, reads, unstable) in [
        ("SELECT 1", "", ""),
        ("SELECT count(*) FROM PLAIN", "plain", ""),
        ("SELECT a FROM plain WHERE 0", "plain", ""),
        (
            "SELECT p.a FROM plain AS p LEFT JOIN kept ON kept.id = p.a",
            "kept plain",
            "",
        ),
        (
            "SELECT 1 FROM plain WHERE EXISTS (SELECT 1 FROM kept)",
            "kept plain",
            "",
        ),
        ("WITH x AS (SELECT a FROM plain) SELECT * FROM x", "plain", ""),
        ("SELECT a FROM plain NATURAL JOIN kept", "kept plain", ""),
        ("SELECT count(*) FROM kept_codes", "kept kept_codes", ""),
        ("SELECT code FROM kept_codes", "kept kept_codes", ""),
        ("SELECT over_code FROM kept_over", "kept kept_codes kept_over", ""),
        ("SELECT value FROM json_each('[1]')", "", ""),
        ("SELECT Random()", "", "random"),
        (
            "SELECT CURRENT_TIMESTAMP, datetime('now')",
            "",
            "current_timestamp datetime",
        ),
        ("SELECT \"col umn\" FROM \"ODD name\"", "odd name", ""),
    ] {
        let touched = query(&bench, "read:*", statement).await.unwrap().touched;
        let words = |set: std::collections::BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(words(touched.reads), reads, "{statement}");
        assert_eq!(words(touched.unstable), unstable, "{statement}");
        assert!(touched.writes.is_empty());
    }
    let refused = query(&bench, "read:plain", "SELECT * FROM plain, kept")
        .await
        .unwrap_err();
    assert_eq!(*refused.touched, Touched::default());
}

#[tokio::test]
async fn rows_are_capped() {
    let limits = SqlLimits {
        rows_max: 100,
        answer_bytes_max: 100_000,
        ..SqlLimits::default()
    };
    let bench = bench_with(limits);
    let count = |n: u32| {
        format!("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT {n}) SELECT n FROM c")
    };
    for (statement, asked, rows, truncated) in [
        (count(99), None, 99, false),
        (count(100), None, 100, false),
        (count(101), None, 100, true),
        (count(101), Some(1_000), 100, true),
        (count(10), Some(5), 5, true),
        (count(5), Some(5), 5, false),
        (count(5), Some(0), 0, true),
        ("SELECT zeroblob(40000) FROM plain".to_owned(), None, 2, true),
        ("SELECT zeroblob(200000) FROM plain".to_owned(), None, 0, true),
    ] {
        let got = bench
            .databases
            .query(&grants("read:*"), "db", &statement, vec![], asked, soon())
            .await
            .unwrap();
        assert_eq!(
            (got.rows.len(), got.truncated),
            (rows, truncated),
            "{statement} {asked:?}"
        );
        assert_eq!(got.columns.len(), 1);
    }
}

#[tokio::test]
async fn a_schema_shows_what_may_be_read() {
    let bench = bench();
    for (text, want) in [
        ("read:plain", "plain(a,b)"),
        ("read:companies(name,shout)", "companies(name,shout)"),
        ("read:company_names(name)", "company_names(name)"),
        ("read:plain write:kept", "plain(a,b)"),
        ("read:companies(name) read:companies(id)", "companies(id,name)"),
        ("write:*", ""),
        ("read:nothing", ""),
        ("read:sqlite_master", ""),
        ("read:counted,sqlite_sequence", "counted(id,x)"),
    ] {
        let tables = bench.databases.schema(&grants(text), "db", soon()).await.unwrap();
        let show = |t: &Table| {
            format!(
                "{}({})",
                t.name,
                t.columns
                    .iter()
                    .map(|c| c.name.as_str())
                    .collect::<Vec<_>>()
                    .join(",")
            )
        };
        assert_eq!(
            tables.iter().map(show).collect::<Vec<_>>().join(" "),
            want,
            "{text}"
        );
    }
    let all = bench
        .databases
        .schema(&grants("read:*"), "db", soon())
        .await
        .unwrap();
    let names: Vec<_> = all.iter().map(|t| t.name.as_str()).collect();
    assert!(
        names.contains(&"words") && !names.contains(&"words_data"),
        "{names:?}"
    );
    let companies = all.iter().find(|t| t.name == "companies").unwrap();
    let id = &companies.columns[0];
    assert_eq!(
        (id.declared_type.as_str(), id.primary_key, id.nullable),
        ("INTEGER", true, false)
    );
}

#[tokio::test]
async fn plans() {
    let bench = bench();
    let plan = |text: &str, statement: &str| {
        let (granted, statement, databases) = (grants(text), statement.to_owned(), bench.databases.clone());
        async move {
            databases
                .explain(&granted, "db", &statement, vec![], soon())
                .await
        }
    };
    let found = plan("read:companies", "SELECT name FROM companies WHERE id = 1")
        .await
        .unwrap();
    assert!(found.steps[0].contains("SEARCH companies"), "{:?}", found.steps);
    assert_eq!(found.touched.reads.len(), 1);
    for (text, statement, kind) in [
        ("read:plain", "SELECT * FROM kept", SqlErrorKind::Denied),
        ("read,write:*", "DELETE FROM plain", SqlErrorKind::Denied),
        ("read:*", "EXPLAIN SELECT 1", SqlErrorKind::InvalidInput),
        ("read:*", "SELECT 1; SELECT 2", SqlErrorKind::InvalidInput),
        ("read:*", "SELECT :a", SqlErrorKind::InvalidInput),
    ] {
        assert_eq!(plan(text, statement).await.unwrap_err().kind, kind, "{statement}");
    }
}

#[tokio::test]
async fn databases_are_found_by_grant_only() {
    let bench = bench();
    let granted = grants("read:plain");
    assert_eq!(bench.databases.granted(&granted), ["db"]);
    assert_eq!(bench.databases.names(), ["db", "gone", "other"]);
    let mut messages = std::collections::BTreeSet::new();
    for name in ["other", "gone", "nowhere", "", "DB", "../db"] {
        let error = bench
            .databases
            .query(&granted, name, "SELECT 1", vec![], None, soon())
            .await
            .unwrap_err();
        assert_eq!(error.kind, SqlErrorKind::NotFound, "{name}");
        messages.insert(error.message);
        assert_eq!(
            bench.databases.samples(&granted, name).unwrap_err().kind,
            SqlErrorKind::NotFound
        );
    }
    assert_eq!(messages.len(), 1, "one must not learn which databases there are");
    let Capability::Sql(gone) = "sql:read:gone".parse().unwrap() else {
        panic!()
    };
    let error = bench
        .databases
        .query(&Arc::from([gone]), "gone", "SELECT 1", vec![], None, soon())
        .await
        .unwrap_err();
    assert_eq!(error.kind, SqlErrorKind::Unavailable);
    assert!(
        !error.message.contains('/') && !bench.path.with_file_name("gone.db").exists(),
        "{error}"
    );
}

#[tokio::test]
async fn grants_of_one_call_are_not_those_of_the_next() {
    let limits = SqlLimits {
        readers_max: 1,
        ..SqlLimits::default()
    };
    let bench = bench_with(limits);
    for _ in 0..3 {
        assert!(query(&bench, "read:kept", "SELECT code FROM kept").await.is_ok());
        assert!(
            query(&bench, "read:plain", "SELECT code FROM kept")
                .await
                .is_err()
        );
    }
}

#[tokio::test]
async fn a_new_schema_is_seen_at_once() {
    let bench = bench();
    let count = "SELECT count(*) FROM fresh";
    assert!(query(&bench, "read:plain", count).await.is_err());
    let owner = Connection::open(&bench.path).unwrap();
    owner
        .execute_batch("CREATE TABLE fresh (a); CREATE VIEW fresh_view AS SELECT a FROM kept;")
        .unwrap();
    let refused = query(&bench, "read:plain", count).await.unwrap_err();
    assert_eq!(refused.denied.as_deref(), Some("fresh"));
    assert!(query(&bench, "read:fresh", count).await.is_ok());
    assert!(
        query(&bench, "read:fresh_view", "SELECT a FROM fresh_view")
            .await
            .is_ok()
    );
}

#[test]
fn the_engine_refuses_writes_even_without_the_guard() {
    let bench = bench();
    let limits = SqlLimits::default();
    let session = Session::open(&bench.path, Mode::Read, &limits).unwrap();
    for statement in [
        "DELETE FROM plain",
        "CREATE TABLE x (a)",
        "PRAGMA user_version = 5",
        "PRAGMA writable_schema = 1; DELETE FROM sqlite_master",
    ] {
        assert!(session.conn.execute_batch(statement).is_err(), "{statement}");
    }
}
