//! For each kind a table: what is allowed, what is denied, what does not parse.

use super::*;
use url::Url;

/// Each text is a capability, and comes back as it was.
fn round_trips(texts: &[&str]) {
    for text in texts {
        match text.parse::<Capability>() {
            Ok(capability) => assert_eq!(capability.to_string(), *text),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Each text is refused, with words that say why.
fn malformed(texts: &[&str]) {
    for text in texts {
        let error = text.parse::<Capability>().expect_err(text).to_string();
        assert!(error.contains("is no capability: "), "{error}");
    }
}

#[test]
fn texts_of_no_kind() {
    malformed(&[
        "",
        "sql",
        ":",
        "::",
        "shell:run:ls",
        "SQL:read:finance",
        "sql:read:a b",
        "sql:read:a\n",
        " sql:read:a",
    ]);
    malformed(&[&format!("kv:read:{}", "a".repeat(MAX_LEN))]);
}

fn http(grant: &str, method: &str, url: &str) -> bool {
    match grant.parse().unwrap() {
        Capability::Http(grant) => grant.allows(method, &Url::parse(url).unwrap()),
        other => panic!("{other}"),
    }
}

#[test]
fn http_texts() {
    round_trips(&[
        "http:GET:https://api.github.com/repos/*",
        "http:GET,POST:https://api.github.com",
        "http:POST,GET:https://api.github.com/",
        "http:*:https://*",
        "http:GET:http://*.example.com:8080/a/*/c",
        "http:GET:http://127.0.0.1:*/*+private",
        "http:GET:http://[::1]:80/+private",
        "http:GET:https://xn--bcher-kva.example/",
    ]);
    malformed(&[
        "http:GET",
        "http::https://a.example/",
        "http:get:https://a.example/",
        "http:GET,GET:https://a.example/",
        "http:CONNECT:https://a.example/",
        "http:GET:ftp://a.example/",
        "http:GET:a.example",
        "http:GET:https://",
        "http:GET:https://A.example/",
        "http:GET:https://a.example./",
        "http:GET:https://a.*.example/",
        "http:GET:https://a*.example/",
        "http:GET:https://*.10.0.0.1/",
        "http:GET:https://0x7f.1/",
        "http:GET:https://2130706433/",
        "http:GET:https://[0:0:0:0:0:0:0:1]/",
        "http:GET:https://user@a.example/",
        "http:GET:https://a.example/?q=1",
        "http:GET:https://a.example/#f",
        "http:GET:https://a.example:0/",
        "http:GET:https://a.example:080/",
        "http:GET:https://a.example:99999/",
        "http:GET:https://a.example/x/../y",
        "http:GET:https://a.example/*/*/*/*/*/*/*/*/*",
    ]);
}

#[test]
fn http_allows() {
    for (grant, method, url) in [
        (
            "http:GET:https://api.github.com/repos/*",
            "GET",
            "https://api.github.com/repos/a/b?page=2",
        ),
        (
            "http:GET:https://api.github.com/repos/*",
            "GET",
            "https://API.GITHUB.COM:443/x/../repos/a",
        ),
        (
            "http:GET:https://api.github.com",
            "GET",
            "https://api.github.com/anything",
        ),
        (
            "http:GET:https://api.github.com",
            "GET",
            "https://api.github.com./anything",
        ),
        ("http:*:https://*", "DELETE", "https://a.example/"),
        (
            "http:GET:https://*.example.com/*",
            "GET",
            "https://a.b.example.com/",
        ),
        (
            "http:GET:https://a.example/v*/items",
            "GET",
            "https://a.example/v2/items",
        ),
        ("http:GET:http://127.0.0.1:*/*", "GET", "http://0x7f.1:8080/"),
        ("http:GET:http://[::1]/*", "GET", "http://[0:0:0:0:0:0:0:1]/"),
    ] {
        assert!(http(grant, method, url), "{grant} must allow {method} {url}");
    }
}

#[test]
fn http_denies() {
    for (grant, method, url) in [
        (
            "http:GET:https://api.github.com/repos/*",
            "POST",
            "https://api.github.com/repos/a",
        ),
        (
            "http:GET:https://api.github.com/repos/*",
            "GET",
            "http://api.github.com/repos/a",
        ),
        (
            "http:GET:https://api.github.com/repos/*",
            "GET",
            "https://api.github.com:8443/repos/a",
        ),
        (
            "http:GET:https://api.github.com/repos/*",
            "GET",
            "https://api.github.com/repos/../user",
        ),
        (
            "http:GET:https://api.github.com/repos/*",
            "GET",
            "https://api.github.com/repos/%2e%2e/user",
        ),
        (
            "http:GET:https://api.github.com/repos/*",
            "GET",
            "https://api.github.com/repos/..%2fuser",
        ),
        (
            "http:GET:https://api.github.com/repos/*",
            "GET",
            "https://api.github.com/repos/%252e%252e/user",
        ),
        (
            "http:GET:https://api.github.com/repos/*",
            "GET",
            "https://api.github.com/repos",
        ),
        (
            "http:GET:https://api.github.com/repos/*",
            "GET",
            "https://api.github.com.evil.example/repos/a",
        ),
        (
            "http:GET:https://api.github.com/repos/*",
            "GET",
            "https://evil.example/@api.github.com/repos/a",
        ),
        (
            "http:GET:https://api.github.com/repos/*",
            "GET",
            "https://api.github.com@evil.example/repos/a",
        ),
        ("http:GET:https://*.example.com/*", "GET", "https://example.com/"),
        ("http:GET:https://*.example.com/*", "GET", "https://.example.com/"),
        (
            "http:GET:https://*.example.com/*",
            "GET",
            "https://badexample.com/",
        ),
        (
            "http:GET:https://a.example/v*/items",
            "GET",
            "https://a.example/v2/x/items",
        ),
        ("http:*:https://*", "CONNECT", "https://a.example/"),
        ("http:*:https://*", "GET", "http://a.example/"),
        ("http:GET:http://127.0.0.1/*", "GET", "http://127.0.0.2/"),
        ("http:GET:http://127.0.0.1/*", "GET", "http://[::ffff:127.0.0.1]/"),
    ] {
        assert!(!http(grant, method, url), "{grant} must deny {method} {url}");
    }
}

fn sql(grant: &str) -> SqlGrant {
    match grant.parse().unwrap() {
        Capability::Sql(grant) => grant,
        other => panic!("{other}"),
    }
}

#[test]
fn sql_texts() {
    round_trips(&[
        "sql:read:finance",
        "sql:read:*",
        "sql:read,write:finance",
        "sql:write,read:finance/companies",
        "sql:read:finance/companies,financial_records",
        "sql:read:finance/companies(name,sector),financial_records",
    ]);
    malformed(&[
        "sql:finance",
        "sql:drop:finance",
        "sql:read:",
        "sql:read:finance/",
        "sql:read:finance/a,",
        "sql:read:finance/a;b",
        "sql:read:finance/a(",
        "sql:read:finance/a()",
        "sql:read:finance/a)",
        "sql:read:finance/a(b(c))",
        "sql:read:fin/ance/x",
        "sql:read,read:finance",
    ]);
}

#[test]
fn sql_matching() {
    // Grant, database, table, column, may read, may write.
    for (grant, database, table, column, read, write) in [
        (
            "sql:read:finance",
            "finance",
            "companies",
            Some("name"),
            true,
            false,
        ),
        ("sql:read:finance", "hr", "companies", Some("name"), false, false),
        (
            "sql:write:finance",
            "finance",
            "companies",
            Some("name"),
            false,
            true,
        ),
        ("sql:read,write:*", "anything", "t", None, true, true),
        (
            "sql:read:finance/companies",
            "finance",
            "COMPANIES",
            Some("name"),
            true,
            false,
        ),
        (
            "sql:read:finance/companies",
            "finance",
            "benchmarks",
            Some("name"),
            false,
            false,
        ),
        (
            "sql:read:finance/companies",
            "finance",
            "companies2",
            None,
            false,
            false,
        ),
        (
            "sql:read:finance/companies(name)",
            "finance",
            "companies",
            Some("Name"),
            true,
            false,
        ),
        (
            "sql:read:finance/companies(name)",
            "finance",
            "companies",
            Some("sector"),
            false,
            false,
        ),
        (
            "sql:read:finance/companies(name)",
            "finance",
            "companies",
            None,
            true,
            false,
        ),
        (
            "sql:write:finance/companies(name)",
            "finance",
            "companies",
            Some("name"),
            false,
            true,
        ),
        (
            "sql:write:finance/companies(name)",
            "finance",
            "companies",
            None,
            false,
            false,
        ),
    ] {
        let parsed = sql(grant);
        assert_eq!(
            parsed.allows_read(database, table, column),
            read,
            "{grant} read {database}/{table} {column:?}"
        );
        assert_eq!(
            parsed.allows_write(database, table, column),
            write,
            "{grant} write {database}/{table} {column:?}"
        );
    }
}

#[test]
fn fs_texts() {
    round_trips(&[
        "fs:read:./data",
        "fs:read:/srv/my data",
        "fs:write:/srv/out",
        "fs:read,write:/srv/a:b",
        "fs:read:/",
        "fs:read:data+x",
    ]);
    malformed(&[
        "fs:read",
        "fs:read:",
        "fs:run:/bin",
        "fs:read:../x",
        "fs:read:/a/../b",
        "fs:read:/data/*",
        "fs::/a",
    ]);
    for (text, read, write) in [
        ("fs:read:/a", true, false),
        ("fs:write:/a", false, true),
        ("fs:read,write:/a", true, true),
    ] {
        let Capability::Fs(grant) = text.parse().unwrap() else {
            panic!("{text}")
        };
        assert_eq!((grant.rights.read, grant.rights.write), (read, write), "{text}");
        assert_eq!(
            grant.at("/srv/x".as_ref()).unwrap().to_string(),
            text.replace(":/a", ":/srv/x").replacen("fs:", "", 1)
        );
        assert!(grant.at("/srv/x\ny".as_ref()).is_err());
    }
}

#[test]
fn named_things() {
    round_trips(&[
        "kv:read:notes",
        "kv:read,write:notes",
        "kv:write,read:app.*",
        "env:read:TZ",
        "env:read:APP_*",
        "tool:call:util_*",
        "tool:call:*",
        "secret:inject:GITHUB_TOKEN@https://api.github.com",
        "secret:inject:T@https://*.example.com/v1/*",
        "secret:reveal:KEY",
        "model:ask:10000/day",
        "clock:wall",
        "clock:monotonic",
        "random:secure",
        "host:read:registry",
        "host:read:metrics",
        "net:tcp:db.internal:5432",
        "net:tcp:[::1]:5432+private",
        "net:tcp:*:443",
    ]);
    malformed(&[
        "kv:read:",
        "kv:read:a/b",
        "kv:read:*a",
        "env:write:TZ",
        "host:read",
        "host:read:*",
        "host:write:registry",
        "env:read:",
        "env:TZ",
        "tool:run:x",
        "tool:call:a b",
        "secret:inject:KEY",
        "secret:inject:KEY@ftp://a",
        "secret:inject:*@https://a.example",
        "secret:reveal:*",
        "secret:take:KEY",
        "model:ask:0/day",
        "model:ask:+5/day",
        "model:ask:05/day",
        "model:ask:5/week",
        "model:5/day",
        "clock:sun",
        "random:dice",
        "net:udp:a:1",
        "net:tcp:a",
        "net:tcp:a:0",
        "net:tcp:a:+1",
        "net:tcp:A:1",
    ]);
    for (pattern, name, fits) in [
        ("tool:call:util_*", "util_hash", true),
        ("tool:call:util_*", "utils", false),
        ("tool:call:util_hash", "util_hash", true),
        ("tool:call:util_hash", "util_hash2", false),
        ("tool:call:*", "x", true),
    ] {
        let Capability::Tool(grant) = pattern.parse().unwrap() else {
            panic!("{pattern}")
        };
        assert_eq!(grant.name.matches(name), fits, "{pattern} {name}");
    }
}

#[test]
fn risks_order_what_people_are_asked() {
    for (text, risk) in [
        ("http:GET:https://api.github.com/*", Risk::Low),
        ("http:POST:https://api.github.com/*", Risk::Medium),
        ("http:GET:https://*", Risk::High),
        ("http:GET:http://localhost/*+private", Risk::High),
        ("sql:read:finance", Risk::Low),
        ("sql:read,write:finance", Risk::Medium),
        ("sql:write:*", Risk::High),
        ("fs:read:./data", Risk::Low),
        ("fs:read:/", Risk::High),
        ("fs:write:/srv/out", Risk::Medium),
        ("secret:reveal:KEY", Risk::High),
        ("env:read:*", Risk::High),
        ("clock:wall", Risk::Low),
    ] {
        assert_eq!(text.parse::<Capability>().unwrap().risk(), risk, "{text}");
    }
}
