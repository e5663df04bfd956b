//! Grants that are over, as people are told of them.

use crate::fact::Home;

#[test]
fn a_used_up_grant_is_told_from_one_that_holds() {
    let home = Home::new();
    home.ok(&["db", "seed"]);
    home.ok(&["plugin", "install", "builtin:sql"]);
    let grant = ["plugin", "grant", "sql", "sql:read:finance", "--calls", "1"];
    home.ok(&grant);
    let call = ["call", "sql_query", "statement=SELECT count(*) FROM companies"];
    home.ok(&call);
    assert_eq!(home.fact(&call).code, 3, "the one call was made");

    let again = home.fact(&grant);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.err.contains("used up"), "{again:?}");
    assert!(again.err.contains("fact plugin revoke sql"), "{again:?}");
    let shown = home.fact(&["plugin", "show", "sql"]).out;
    let (may, no_longer) = shown.split_once("It may no longer").unwrap();
    assert!(may.contains("no capability is granted"), "{shown}");
    assert!(no_longer.contains("sql:read:finance"), "{shown}");

    // Another count is another grant, and counts from the start.
    home.ok(&["plugin", "grant", "sql", "sql:read:finance", "--calls", "2"]);
    home.ok(&call);
    let shown = home.fact(&["plugin", "show", "sql"]).out;
    assert!(!shown.contains("no longer"), "{shown}");
}
