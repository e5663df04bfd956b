//! Random statements over granted and ungranted tables never show an ungranted cell.

use super::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// Names that stand where a table may stand: granted, not granted, views over both, and made up.
fn table() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "plain",
        "kept",
        "kept_codes",
        "kept_over",
        "company_names",
        "main.kept",
        "\"kept\"",
        "plain AS kept",
        "kept AS plain",
        "x",
        "child",
        "json_each('[1]')",
        "sqlite_schema",
        "pragma_table_info('kept')",
        "kept_count",
    ])
    .prop_map(str::to_owned)
}

fn column() -> impl Strategy<Value = String> {
    let any_table = prop::sample::select(vec!["*", "count(*)", "1", "count(*) AS a", "1 AS a"]);
    let some_table = prop::sample::select(vec![
        "a",
        "b",
        "code",
        "kept.code",
        "plain.a",
        "rowid",
        "group_concat(code)",
        "name",
        "x.code",
        "over_code",
        "max(code)",
        "plain.*",
        "kept.*",
    ]);
    prop_oneof![2 => any_table, 1 => some_table].prop_map(str::to_owned)
}

fn statement() -> impl Strategy<Value = String> {
    let simple = (column(), table()).prop_map(|(c, t)| format!("SELECT {c} FROM {t}"));
    simple.prop_recursive(4, 24, 3, |inner| {
        let cte = prop::sample::select(vec!["x", "plain", "kept", "kept_codes", "company_names"]);
        prop_oneof![
            (column(), inner.clone()).prop_map(|(c, s)| format!("SELECT {c} FROM ({s})")),
            (column(), inner.clone(), cte.clone())
                .prop_map(|(c, s, n)| format!("SELECT {c} FROM ({s}) AS {n}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} UNION ALL {b}")),
            (column(), table(), inner.clone())
                .prop_map(|(c, t, s)| format!("SELECT {c} FROM {t} WHERE EXISTS ({s})")),
            (table(), inner.clone()).prop_map(|(t, s)| format!("SELECT ({s}) FROM {t}")),
            (column(), table(), table())
                .prop_map(|(c, t, u)| format!("SELECT {c} FROM {t} NATURAL LEFT JOIN {u}")),
            (column(), table(), table()).prop_map(|(c, t, u)| format!("SELECT {c} FROM {t}, {u}")),
            (column(), table(), table())
                .prop_map(|(c, t, u)| format!("SELECT {c} FROM {t} JOIN {u} USING (a)")),
            (cte, inner.clone(), inner).prop_map(|(n, s, body)| format!("WITH {n} AS ({s}) {body}")),
        ]
    })
}

/// With these grants `KEPT-` is in nothing that may be read; the names of columns may be seen.
fn leaks(rows: &Rows) -> bool {
    rows.rows
        .iter()
        .flatten()
        .any(|value| matches!(value, Value::Text(text) if text.contains("KEPT-")))
}

#[test]
fn nothing_leaks() {
    let bench = bench();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let (mut answered, mut denied) = (0, 0);
    let result = runner.run(&statement(), |statement| {
        for text in [
            "read:plain,company_names,child",
            "read:plain,kept(a),kept_count,companies(name)",
        ] {
            match runtime.block_on(query(&bench, text, &statement)) {
                Ok(rows) => {
                    prop_assert!(!leaks(&rows), "[{text}] {statement}");
                    prop_assert!(!rows.touched.reads.contains("kept_codes"), "{statement}");
                }
                Err(error) => prop_assert!(error.kind != SqlErrorKind::Internal, "{statement}: {error}"),
            }
        }
        Ok(())
    });
    result.unwrap();
    // The generator must make statements of both kinds, or the test says nothing.
    let mut sample = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..300 {
        let statement = statement().new_tree(&mut sample).unwrap().current();
        match runtime.block_on(query(&bench, "read:plain,company_names,child", &statement)) {
            Ok(_) => answered += 1,
            Err(error) if error.kind == SqlErrorKind::Denied => denied += 1,
            Err(_) => {}
        }
    }
    assert!(
        answered > 20 && denied > 20,
        "{answered} answered, {denied} denied"
    );
}
