//! What may be read: grants, a statement, and what it comes to.

use super::Want::{Cell, Denied, Invalid, Rows};
use super::check;

#[tokio::test]
async fn ordinary_statements() {
    check(&[
        ("read:*", "SELECT * FROM companies", Rows(3)),
        ("read:*", "SELECT name FROM companies WHERE name = 'Update Inc.'", Cell("'Update Inc.'")),
        ("read:*", "SELECT name FROM companies WHERE name LIKE '%--%'", Cell("'Dash -- Co'")),
        ("read:*", "SELECT 'DROP TABLE kept; DELETE FROM kept'", Cell("'DROP TABLE kept; DELETE FROM kept'")),
        ("read:plain", "SELECT count(*) FROM plain", Cell("3")),
        ("read:plain", "select COUNT ( * ) from PLAIN", Cell("3")),
        ("read:PLAIN", "SELECT a FROM plain WHERE a = 1", Cell("1")),
        ("read:plain", "SELECT a FROM main.plain WHERE a > 1", Rows(2)),
        ("read:plain", "SELECT a FROM plain UNION SELECT 9", Rows(4)),
        ("read:plain", "SELECT a FROM plain  UNION  ALL SELECT a FROM plain", Rows(6)),
        ("read:plain", "SELECT a FROM plain EXCEPT SELECT 1 INTERSECT SELECT 2", Rows(1)),
        ("read:plain", "WITH x AS (SELECT a FROM plain) SELECT sum(a) FROM x", Cell("6")),
        ("read:plain", "WITH x(n) AS (SELECT a FROM plain) SELECT count(*) FROM x", Cell("3")),
        ("read:plain", "WITH x AS MATERIALIZED (SELECT a FROM plain) SELECT count(*) FROM x, x AS y", Cell("9")),
        ("read:plain", "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10) SELECT sum(n) FROM c", Cell("55")),
        ("read:plain", "SELECT /* Update */ 1 -- the end", Cell("1")),
        ("read:plain", "-- first\nSELECT 1;", Cell("1")),
        ("read:plain", "SELECT 1 ; ; -- and no more\n /* none */ ;", Cell("1")),
        ("read:plain", "; SELECT 1", Cell("1")),
        ("read:plain", "VALUES (1), (2)", Rows(2)),
        ("read:plain", "SELECT 1 WHERE 2 = 2 OR 'a' = 'a'", Cell("1")),
        ("read:plain", "SELECT rowid FROM plain WHERE rowid = 2", Cell("2")),
        ("read:plain", "SELECT replace('a-b', '-', '+')", Cell("'a+b'")),
        ("read:plain", "SELECT group_concat(b, '/') FROM plain", Cell("'x/y'")),
        ("read:plain", "SELECT row_number() OVER (ORDER BY a DESC) FROM plain", Rows(3)),
        ("read:plain", "SELECT value FROM json_each('[1, 2, 3]')", Rows(3)),
        ("read:plain", "SELECT count(*) FROM json_each('[1, 2, 3]')", Cell("3")),
        ("read:plain", "SELECT key FROM json_tree('{\"a\": {\"b\": 1}}') WHERE key = 'b'", Cell("'b'")),
        ("read:plain", "SELECT '{\"a\": 5}' ->> 'a'", Cell("5")),
        ("read:plain", "SELECT json_extract('{\"a\": 5}', '$.a')", Cell("5")),
        ("read:plain", "SELECT strftime('%Y', '2025-03-01')", Cell("'2025'")),
        ("read:plain", "SELECT abs(-3) + round(2.6) + length('abc')", Cell("9")),
        ("read:plain", "SELECT 1.5", Cell("1.5")),
        ("read:plain", "SELECT x'00ff'", Cell("x'00ff'")),
        ("read:plain", "SELECT CAST(x'ff' AS TEXT)", Cell("x'ff'")),
        ("read:plain", "SELECT 9223372036854775807", Cell("9223372036854775807")),
        ("read:*", "SELECT \"col umn\" FROM \"odd name\"", Cell("'odd'")),
        ("read:*", "SELECT [col umn] FROM `odd name`", Cell("'odd'")),
        ("read:companies", "SELECT shout FROM companies WHERE id = 1", Cell("'N1'")),
        ("read:*", "SELECT count(*) FROM companies JOIN child ON child.company = companies.id", Cell("2")),
        ("read:plain", "SELECT a FROM plain WHERE a IN (SELECT max(a) FROM plain)", Cell("3")),
        ("read:plain", "SELECT 1 FROM plain WHERE EXISTS (SELECT 1 FROM plain AS p WHERE p.a = plain.a + 1)", Rows(2)),
    ])
    .await;
}

#[tokio::test]
async fn tables_that_are_not_granted() {
    check(&[
        ("read:plain", "SELECT * FROM kept", Denied("kept")),
        ("read:plain", "SELECT code FROM KEPT", Denied("kept")),
        ("read:plain", "SELECT count(*) FROM kept", Denied("kept")),
        ("read:plain", "SELECT count(*) FROM main.kept", Denied("kept")),
        ("read:plain", "SELECT 1 FROM kept", Denied("kept")),
        ("read:plain", "SELECT max(rowid) FROM kept", Denied("kept")),
        ("read:plain", "SELECT * FROM \"kept\"", Denied("kept")),
        ("read:plain", "SELECT * FROM [kept]", Denied("kept")),
        ("read:plain", "SELECT * FROM `kept`", Denied("kept")),
        ("read:plain", "SELECT * FROM 'kept'", Denied("kept")),
        ("read:plain", "SELECT * FROM plain, kept", Denied("kept")),
        ("read:plain", "SELECT plain.* FROM plain, kept", Denied("kept")),
        (
            "read:plain",
            "SELECT a FROM plain NATURAL JOIN kept",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT plain.a FROM plain LEFT JOIN kept ON 1",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT plain.a FROM plain JOIN kept USING (a)",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT a FROM plain UNION SELECT code FROM kept",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT a FROM plain  union  all  select code FROM kept",
            Denied("kept"),
        ),
        ("read:plain", "SELECT (SELECT code FROM kept)", Denied("kept")),
        (
            "read:plain",
            "SELECT a FROM plain WHERE EXISTS (SELECT 1 FROM kept)",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT a FROM plain WHERE EXISTS (SELECT 1 FROM kept WHERE kept.a = plain.a)",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT a FROM plain WHERE a IN kept",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT a FROM plain WHERE a IN (SELECT a FROM kept)",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT a FROM plain ORDER BY (SELECT code FROM kept)",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT a FROM plain GROUP BY (SELECT count(*) FROM kept)",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT a FROM plain LIMIT (SELECT count(*) FROM kept)",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT * FROM (SELECT * FROM (SELECT code FROM kept))",
            Denied("kept"),
        ),
        (
            "read:plain",
            "WITH x AS (SELECT code FROM kept) SELECT * FROM x",
            Denied("kept"),
        ),
        (
            "read:plain",
            "WITH x AS (SELECT count(*) AS n FROM kept) SELECT n FROM x",
            Denied("kept"),
        ),
        (
            "read:plain",
            "WITH RECURSIVE x(n) AS (SELECT 1 UNION SELECT id FROM kept, x) SELECT n FROM x",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT value FROM plain, json_each((SELECT code FROM kept))",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT sum(a) FILTER (WHERE a > (SELECT min(a) FROM kept)) FROM plain",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT sum(a) OVER (ORDER BY (SELECT max(a) FROM kept)) FROM plain",
            Denied("kept"),
        ),
        ("read:plain", "VALUES ((SELECT code FROM kept))", Denied("kept")),
        ("write:*", "SELECT a FROM plain", Denied("plain")),
        ("write:kept", "SELECT code FROM kept", Denied("kept")),
        ("read:plain", "SELECT code FROM absent", Invalid("no such table")),
        (
            "read:plain",
            "SELECT a FROM other.plain",
            Invalid("no such table"),
        ),
        ("read:plain", "SELECT \"x\" FROM plain", Invalid("no such column")),
    ])
    .await;
}

/// The bound before them changes nothing about the functions.
#[tokio::test]
async fn bounded_functions_are_what_they_were() {
    check(&[
        ("read:*", "SELECT instr('héllo', 'l')", Cell("3")),
        ("read:*", "SELECT instr(x'0102', x'02')", Cell("2")),
        ("read:*", "SELECT instr(31.5, '.')", Cell("3")),
        ("read:*", "SELECT instr(NULL, 'a')", Cell("NULL")),
        ("read:*", "SELECT replace(1234, 23, '-')", Cell("'1-4'")),
        ("read:*", "SELECT replace('abc', '', 'x')", Cell("'abc'")),
        (
            "read:*",
            "SELECT trim('xxaxx', 'x') || ltrim('xa', 'x') || rtrim('ax', 'x')",
            Cell("'aaa'"),
        ),
        ("read:*", "SELECT trim('  a ') || rtrim('b ')", Cell("'ab'")),
        (
            "read:*",
            "SELECT count(*) FROM companies WHERE instr(name, 'a') > 0",
            Cell("3"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn full_text() {
    check(&[
        (
            "read:*",
            "SELECT count(*) FROM words WHERE words MATCH 'hello'",
            Cell("1"),
        ),
        ("read:*", "SELECT body FROM words", Cell("'hello world'")),
        (
            "read:*",
            "SELECT highlight(words, 0, '<', '>') FROM words WHERE words MATCH 'world'",
            Cell("'hello <world>'"),
        ),
        (
            "read:plain",
            "SELECT count(*) FROM words WHERE words MATCH 'hello'",
            Denied("words"),
        ),
        (
            "read:plain",
            "SELECT * FROM words_content",
            Denied("words_content"),
        ),
        ("read:plain", "SELECT block FROM words_data", Denied("words_data")),
        ("read:*", "PRAGMA data_version", Denied("")),
    ])
    .await;
}

/// The columns that NATURAL and USING compare are not told to the authorizer.
#[tokio::test]
async fn silent_joins() {
    check(&[
        (
            "read:*",
            "SELECT count(*) FROM plain NATURAL JOIN kept",
            Cell("2"),
        ),
        (
            "read:plain,kept",
            "SELECT count(*) FROM plain JOIN kept USING (a)",
            Cell("2"),
        ),
        (
            "read:plain",
            "SELECT count(*) FROM plain JOIN kept USING (a)",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT count(*) FROM plain LEFT JOIN kept USING (a)",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT count(*) FROM plain FULL JOIN kept USING (a)",
            Denied("kept"),
        ),
        (
            "read:plain",
            "WITH g(code) AS (VALUES ('KEPT-1')) SELECT 1 FROM g JOIN kept USING (code)",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT 1 FROM (SELECT 'KEPT-1' AS code) NATURAL JOIN kept",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM (SELECT 'KEPT-1' AS code) JOIN main.kept USING (code))",
            Denied("kept"),
        ),
        (
            "read:plain",
            "SELECT 1 FROM plain WHERE a IN (SELECT 1 FROM plain NATURAL JOIN kept)",
            Denied("kept"),
        ),
        (
            "read:kept(a)",
            "WITH g(code) AS (VALUES ('KEPT-1')) SELECT a FROM g JOIN kept USING (code)",
            Denied("kept"),
        ),
        (
            "read:kept(a)",
            "WITH g(code) AS (VALUES ('KEPT-1')) SELECT a FROM g NATURAL JOIN kept",
            Denied("kept"),
        ),
        (
            "read:kept_codes,plain",
            "SELECT count(*) FROM plain NATURAL JOIN kept",
            Denied("kept"),
        ),
        (
            "read:*",
            "WITH g(name) AS (VALUES ('kept')) SELECT 1 FROM g JOIN sqlite_schema USING (name)",
            Denied("sqlite_schema"),
        ),
        (
            "read:*",
            "WITH g(name) AS (VALUES ('code')) SELECT 1 FROM g JOIN pragma_table_info('kept') USING (name)",
            Denied(""),
        ),
        (
            "read:*",
            "WITH g(body) AS (VALUES ('x')) SELECT 1 FROM g NATURAL JOIN words",
            Denied(""),
        ),
    ])
    .await;
}

#[tokio::test]
async fn columns() {
    check(&[
        ("read:companies(name)", "SELECT name FROM companies", Rows(3)),
        (
            "read:companies(name)",
            "SELECT NAME FROM companies AS c WHERE c.\"name\" LIKE 'P%'",
            Rows(1),
        ),
        (
            "read:companies(name)",
            "SELECT count(*) FROM companies",
            Cell("3"),
        ),
        (
            "read:companies(name)",
            "SELECT * FROM companies",
            Denied("companies"),
        ),
        (
            "read:companies(name)",
            "SELECT note FROM companies",
            Denied("companies"),
        ),
        (
            "read:companies(name)",
            "SELECT name FROM companies WHERE note = 'n1'",
            Denied("companies"),
        ),
        (
            "read:companies(name)",
            "SELECT name FROM companies ORDER BY note",
            Denied("companies"),
        ),
        (
            "read:companies(name)",
            "SELECT count(note) FROM companies",
            Denied("companies"),
        ),
        (
            "read:companies(name)",
            "SELECT rowid FROM companies",
            Denied("companies"),
        ),
        (
            "read:companies(name)",
            "SELECT _rowid_ FROM companies",
            Denied("companies"),
        ),
        (
            "read:companies(name)",
            "SELECT c.note FROM companies AS c",
            Denied("companies"),
        ),
        (
            "read:companies(name)",
            "SELECT 1 FROM companies GROUP BY name HAVING max(note) > ''",
            Denied("companies"),
        ),
        (
            "read:companies(name)",
            "SELECT x FROM (SELECT note AS x FROM companies)",
            Denied("companies"),
        ),
        // A generated column is its own: it is granted by its name, whatever it is made from.
        (
            "read:companies(name)",
            "SELECT shout FROM companies",
            Denied("companies"),
        ),
        ("read:companies(shout)", "SELECT shout FROM companies", Rows(3)),
        (
            "read:companies(shout)",
            "SELECT note FROM companies",
            Denied("companies"),
        ),
        (
            "read:companies(id,name),child(company)",
            "SELECT name FROM companies JOIN child ON company = companies.id",
            Rows(2),
        ),
        (
            "read:companies(id,name),child(company)",
            "SELECT * FROM companies NATURAL JOIN child",
            Denied("companies"),
        ),
        (
            "read:plain(a),kept(a)",
            "SELECT a FROM plain NATURAL JOIN kept",
            // Which columns were compared is not known: whole tables must be granted.
            Denied("plain"),
        ),
        (
            "read:plain(a),kept(code)",
            "SELECT plain.a FROM plain NATURAL JOIN kept",
            Denied("plain"),
        ),
        ("read:plain(a)", "SELECT rowid FROM plain", Denied("plain")),
        ("read:plain(a) read:plain(b)", "SELECT a, b FROM plain", Rows(3)),
        ("read:plain(a)", "SELECT (b) FROM plain", Denied("plain")),
        (
            "read:plain(a)",
            "SELECT a FROM plain WHERE (a, b) > (0, '')",
            Denied("plain"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn acts_and_functions() {
    check(&[
        ("read:*", "INSERT INTO plain VALUES (1, 2)", Denied("plain")),
        ("read,write:*", "INSERT INTO plain VALUES (1, 2)", Denied("plain")),
        (
            "read,write:*",
            "INSERT INTO plain VALUES (1, 2) RETURNING a",
            Denied("plain"),
        ),
        ("read,write:*", "UPDATE plain SET a = 1", Denied("plain")),
        ("read,write:*", "DELETE FROM plain", Denied("plain")),
        (
            "read,write:*",
            "WITH x AS (SELECT 1) DELETE FROM plain",
            Denied("plain"),
        ),
        (
            "read,write:*",
            "REPLACE INTO plain VALUES (1, 2)",
            Denied("plain"),
        ),
        ("read,write:*", "CREATE TABLE x (a)", Denied("sqlite_master")),
        ("read,write:*", "CREATE TEMP TABLE x (a)", Denied("")),
        (
            "read,write:*",
            "CREATE TEMP VIEW x AS SELECT * FROM kept",
            Denied(""),
        ),
        (
            "read,write:*",
            "CREATE VIEW x AS SELECT * FROM kept",
            Denied("sqlite_master"),
        ),
        (
            "read,write:*",
            "CREATE VIRTUAL TABLE x USING fts5(a)",
            Denied("sqlite_master"),
        ),
        ("read,write:*", "DROP TABLE kept", Denied("sqlite_master")),
        ("read,write:*", "DROP VIEW kept_codes", Denied("sqlite_master")),
        ("read,write:*", "ALTER TABLE kept ADD COLUMN x", Denied("")),
        (
            "read,write:*",
            "CREATE INDEX x ON kept (a)",
            Denied("sqlite_master"),
        ),
        ("read,write:*", "REINDEX", Denied("")),
        ("read,write:*", "ANALYZE", Denied("sqlite_master")),
        ("read:*", "PRAGMA table_info(kept)", Denied("")),
        ("read:*", "PRAGMA query_only = 0", Denied("")),
        ("read:*", "PRAGMA writable_schema = 1", Denied("")),
        ("read:*", "PRAGMA data_version", Denied("")),
        ("read:*", "ATTACH ':memory:' AS x", Denied("")),
        ("read:*", "ATTACH DATABASE 'file:x?mode=ro' AS x", Denied("")),
        ("read:*", "DETACH main", Denied("")),
        ("read:*", "VACUUM", Denied("")),
        ("read:*", "VACUUM INTO 'copy.db'", Denied("")),
        ("read:*", "BEGIN", Denied("")),
        ("read:*", "COMMIT", Denied("")),
        ("read:*", "ROLLBACK", Denied("")),
        ("read:*", "SAVEPOINT x", Denied("")),
        ("read:*", "EXPLAIN SELECT 1", Invalid("EXPLAIN")),
        ("read:*", "EXPLAIN QUERY PLAN SELECT 1", Invalid("EXPLAIN")),
        ("read:*", "EXPLAIN DELETE FROM plain", Denied("plain")),
        ("read:*", "SELECT load_extension('x')", Denied("load_extension")),
        (
            "read:*",
            "SELECT Load_Extension('x', 'y')",
            Denied("load_extension"),
        ),
        (
            "read:*",
            "SELECT readfile('/etc/passwd')",
            Invalid("no such function"),
        ),
        (
            "read:*",
            "SELECT writefile('x', 'y')",
            Invalid("no such function"),
        ),
        (
            "read:*",
            "SELECT fts3_tokenizer('simple')",
            Denied("fts3_tokenizer"),
        ),
        (
            "read:*",
            "SELECT sqlite_compileoption_get(1)",
            Denied("sqlite_compileoption_get"),
        ),
        (
            "read:*",
            "SELECT last_insert_rowid()",
            Denied("last_insert_rowid"),
        ),
        ("read:*", "SELECT changes()", Denied("changes")),
        (
            "read:*",
            "SELECT a FROM plain ORDER BY total_changes()",
            Denied("total_changes"),
        ),
        ("read:*", "SELECT rtreecheck('words')", Denied("rtreecheck")),
    ])
    .await;
}

#[tokio::test]
async fn malformed() {
    check(&[
        ("read:*", "", Invalid("no statement")),
        ("read:*", "   ", Invalid("no statement")),
        ("read:*", "-- only this", Invalid("no statement")),
        ("read:*", ";;;", Invalid("no statement")),
        ("read:*", "SELEC 1", Invalid("syntax error")),
        ("read:*", "SELECT", Invalid("incomplete input")),
        ("read:*", "SELECT 'open", Invalid("unrecognized token")),
        ("read:*", "SELECT (1", Invalid("incomplete input")),
        ("read:*", "SELECT 1; SELECT 2", Invalid("more than one")),
        ("read:*", "SELECT 1; DROP TABLE kept", Invalid("more than one")),
        ("read:*", "SELECT 1; garbage", Invalid("more than one")),
        ("read:*", "SELECT 1;/**/;SELECT 2", Invalid("more than one")),
        ("read:*", "SELECT 1\0", Invalid("NUL")),
        ("read:*", "SELECT 1\0; DROP TABLE kept", Invalid("NUL")),
        ("read:*", "SELECT ?", Invalid("names")),
        ("read:*", "SELECT ?1", Invalid("names")),
        ("read:*", "SELECT :a", Invalid("`a`")),
        (
            "read:*",
            "SELECT no_such_function(1)",
            Invalid("no such function"),
        ),
        (
            "read:*",
            "SELECT abs(1, 2, 3)",
            Invalid("wrong number of arguments"),
        ),
        ("read:*", "SELECT json('{')", Invalid("malformed JSON")),
    ])
    .await;
}
