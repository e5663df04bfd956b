//! What covers what, what is behind an effect, and what a refused one would have needed.

use super::*;
use crate::{Access, Resource};

fn cap(text: &str) -> Capability {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_covers_what() {
    // The wider, the narrower, and whether the first covers the second. Where it does and they differ, never the other way.
    for (own, wanted, expected) in [
        (
            "http:GET:https://a.example",
            "http:GET:https://a.example/x/*",
            true,
        ),
        (
            "http:GET,POST:https://a.example/*",
            "http:POST:https://a.example/*",
            true,
        ),
        (
            "http:POST:https://a.example/*",
            "http:GET:https://a.example/*",
            false,
        ),
        (
            "http:*:https://a.example/",
            "http:GET,HEAD:https://a.example/",
            true,
        ),
        (
            "http:GET:https://a.example/*",
            "http:GET:http://a.example/*",
            false,
        ),
        ("http:GET:https://*", "http:GET:https://*.a.example/", true),
        (
            "http:GET:https://*.example/*",
            "http:GET:https://*.a.example/*",
            true,
        ),
        (
            "http:GET:https://*.a.example/*",
            "http:GET:https://*.ba.example/*",
            false,
        ),
        (
            "http:GET:https://*.a.example/*",
            "http:GET:https://a.example/*",
            false,
        ),
        (
            "http:GET:https://*.a.example/*",
            "http:GET:https://b.a.example/*",
            true,
        ),
        (
            "http:GET:https://a.example/*",
            "http:GET:https://*.a.example/*",
            false,
        ),
        ("http:GET:https://*/*", "http:GET:https://1.1.1.1/*", true),
        (
            "http:GET:https://a.example:*/",
            "http:GET:https://a.example:8443/",
            true,
        ),
        (
            "http:GET:https://a.example/",
            "http:GET:https://a.example:8443/",
            false,
        ),
        // A path may be compared only after what hides separators was refused; without a path nothing is.
        (
            "http:GET:https://a.example/*",
            "http:GET:https://a.example",
            false,
        ),
        (
            "http:GET:https://a.example/r/*/i",
            "http:GET:https://a.example/r/x/i",
            true,
        ),
        (
            "http:GET:https://a.example/r/*/i",
            "http:GET:https://a.example/r/*",
            false,
        ),
        (
            "http:GET:http://*+private",
            "http:GET:http://127.0.0.1/+private",
            true,
        ),
        ("http:GET:http://*", "http:GET:http://127.0.0.1/+private", false),
        ("http:GET:http://*", "http:GET:http://a.example/+private", false),
        ("http:GET:http://*", "http:GET:http://1.1.1.1/+private", true),
        // Metadata services open only to a grant that names them.
        (
            "http:GET:http://*+private",
            "http:GET:http://169.254.169.254/+private",
            false,
        ),
        ("sql:read,write:finance", "sql:read:finance/a", true),
        ("sql:read:*", "sql:read:finance", true),
        ("sql:read:fin*", "sql:read:finan*", true),
        ("sql:read:finance", "sql:write:finance", false),
        ("sql:read:finance/a,b", "sql:read:finance/B", true),
        ("sql:read:finance/a", "sql:read:finance/a(x)", true),
        ("sql:read:finance/a(x,y)", "sql:read:finance/a(Y)", true),
        ("sql:read:finance/a(x),a(y)", "sql:read:finance/a(y)", true),
        ("sql:read:finance/a(x)", "sql:read:finance/a", false),
        ("sql:write:finance/a(x)", "sql:write:finance/a", false),
        ("sql:read:finance/a", "sql:read:finance", false),
        ("fs:read,write:/srv", "fs:write:/srv/data", true),
        ("fs:read:/srv/", "fs:read:/srv/./data/", true),
        ("fs:read:/srv/data", "fs:read:/srv/data-too", false),
        ("fs:read:/srv/data", "fs:read:/srv", false),
        ("fs:read:/srv", "fs:write:/srv", false),
        ("fs:read:/", "fs:read:data", false),
        ("fs:read:./", "fs:read:/srv", false),
        ("fs:read:./", "fs:read:data", true),
        ("fs:read:./data", "fs:read:data/x", true),
        ("kv:read,write:notes*", "kv:read:notes", true),
        ("kv:read:notes", "kv:read:notes*", false),
        ("kv:read:notes", "kv:read,write:notes", false),
        ("env:read:APP_*", "env:read:APP_X*", true),
        ("tool:call:*", "tool:call:util_hash", true),
        ("tool:call:util_*", "tool:call:*", false),
        (
            "secret:inject:T@https://*.a.example",
            "secret:inject:T@https://b.a.example/x",
            true,
        ),
        (
            "secret:inject:T@https://a.example",
            "secret:inject:U@https://a.example",
            false,
        ),
        ("secret:reveal:T", "secret:inject:T@https://a.example", false),
        ("secret:inject:T@https://a.example", "secret:reveal:T", false),
        ("model:ask:100/day", "model:ask:99/day", true),
        ("model:ask:100/minute", "model:ask:100/day", true),
        ("model:ask:1441/day", "model:ask:1/minute", true),
        ("model:ask:1440/day", "model:ask:1/minute", false),
        (
            "model:ask:18446744073709551615/day",
            "model:ask:18446744073709551615/hour",
            false,
        ),
        ("net:tcp:*:443", "net:tcp:a.example:443", true),
        ("net:tcp:*:443", "net:tcp:a.example:80", false),
        ("net:tcp:*.example:443", "net:tcp:a.example:443", false),
        ("net:tcp:*:80+private", "net:tcp:10.0.0.1:80+private", true),
        ("net:tcp:*:80", "net:tcp:10.0.0.1:80+private", false),
        (
            "net:tcp:*:80+private",
            "net:tcp:169.254.169.254:80+private",
            false,
        ),
        ("clock:wall", "clock:monotonic", false),
        ("random:secure", "clock:wall", false),
        ("sql:read:*", "kv:read:x", false),
    ] {
        let (own, wanted) = (cap(own), cap(wanted));
        assert_eq!(own.covers(&wanted), expected, "{own} covers {wanted}");
        assert!(own.covers(&own) && wanted.covers(&wanted), "{own}, {wanted}");
        if expected {
            assert!(!wanted.covers(&own), "{wanted} covers {own}");
        }
    }
    // Two spellings of the same.
    for (one, other) in [
        ("http:GET:https://a.example/", "http:GET:https://a.example:443/"),
        (
            "http:GET,POST:http://a.example",
            "http:POST,GET:http://a.example:80",
        ),
        ("sql:read,write:finance/A(x,y)", "sql:write,read:finance/a(Y,X)"),
        ("sql:write:finance/a(x),a", "sql:write:finance/a"),
        ("sql:read:finance/a(x),a(y)", "sql:read:finance/a(x,y)"),
        ("fs:read:/srv/data", "fs:read:/srv//data/"),
    ] {
        assert!(
            cap(one).covers(&cap(other)) && cap(other).covers(&cap(one)),
            "{one} is {other}"
        );
    }
}

fn http(method: &str, url: &str) -> Resource {
    Resource::Http {
        method: method.to_owned(),
        url: url.to_owned(),
    }
}

fn sql(database: &str, table: &str) -> Resource {
    Resource::Sql {
        database: database.to_owned(),
        table: table.to_owned(),
    }
}

fn file(path: &str) -> Resource {
    Resource::File {
        path: path.to_owned(),
    }
}

fn host(name: &str) -> Resource {
    Resource::Host {
        name: name.to_owned(),
    }
}

fn net(peer: &str) -> Resource {
    Resource::Net {
        peer: peer.to_owned(),
    }
}

#[test]
fn what_is_behind_an_effect() {
    use Access::{Denied, Read, Write};
    let long = format!("https://a.example/v1/{}…", "x".repeat(990));
    for (own, access, resource, expected) in [
        (
            "http:GET:https://a.example/*",
            Read,
            http("GET", "https://a.example/x"),
            true,
        ),
        (
            "http:GET:https://a.example/*",
            Denied,
            http("GET", "https://a.example/x"),
            true,
        ),
        (
            "http:GET:https://a.example/*",
            Write,
            http("POST", "https://a.example/x"),
            false,
        ),
        (
            "http:GET:https://a.example/*",
            Read,
            http("GET", "https://b.example/x"),
            false,
        ),
        (
            "http:GET:https://a.example/*",
            Read,
            http("GET", "nonsense"),
            false,
        ),
        // What was cut off may have been anything.
        (
            "http:GET:https://a.example/v1/*/i",
            Read,
            http("GET", &long),
            true,
        ),
        ("http:GET:https://a.example/v2/*", Read, http("GET", &long), false),
        (
            "http:GET:https://a.example/v1/*",
            Denied,
            http("GET", &long),
            false,
        ),
        // A grant that covers the name but not the address did not let it.
        (
            "http:GET:http://*:*",
            Read,
            http("GET", "http://127.0.0.1:8080/"),
            false,
        ),
        (
            "http:GET:http://*:*+private",
            Read,
            http("GET", "http://127.0.0.1:8080/"),
            true,
        ),
        (
            "http:GET:http://*+private",
            Denied,
            http("GET", "http://169.254.169.254/"),
            false,
        ),
        (
            "http:GET:http://*",
            Denied,
            http("GET", "http://localhost/"),
            false,
        ),
        ("http:GET:http://*", Read, http("GET", "http://localhost/"), true),
        ("sql:read:finance/a(x)", Read, sql("finance", "A"), true),
        ("sql:read:finance/a(x)", Denied, sql("finance", "a"), false),
        ("sql:read,write:finance/a", Denied, sql("finance", "a"), true),
        ("sql:read:finance", Denied, sql("finance", "a"), false),
        ("sql:read:finance/a", Write, sql("finance", "a"), false),
        ("sql:read:finance/a", Read, sql("finance", "b"), false),
        ("sql:read,write:finance/a", Denied, sql("finance", ""), false),
        ("sql:read,write:finance", Denied, sql("finance", ""), true),
        ("fs:read:/srv", Read, file("/srv/a"), true),
        ("fs:read:/srv", Write, file("/srv/a"), false),
        ("fs:write:/srv", Read, file("/srv/a"), true),
        ("fs:read:/srv", Read, file("/srv-too/a"), false),
        ("fs:read:/srv", Read, file("/srv/link/../../a"), true),
        ("fs:read,write:/srv", Denied, file("/srv/../a"), false),
        ("fs:read,write:/srv", Denied, file("/srv/x/../a"), true),
        ("fs:write:/srv", Denied, file("/srv/a"), false),
        ("net:tcp:10.0.0.1:80+private", Write, net("10.0.0.1:80"), true),
        ("net:tcp:10.0.0.1:80", Write, net("10.0.0.1:80"), false),
        ("net:tcp:db.internal:80+private", Write, net("10.0.0.1:80"), true),
        (
            "net:tcp:db.internal:80+private",
            Denied,
            net("10.0.0.1:80"),
            false,
        ),
        ("net:tcp:db.internal:80+private", Write, net("10.0.0.1:81"), false),
        ("net:tcp:[::1]:80+private", Write, net("[::1]:80"), true),
        ("net:tcp:*.internal:80", Read, net("db.internal"), true),
        ("net:tcp:*.internal:80", Write, net("1.1.1.1:80"), false),
        ("net:tcp:db.internal:80", Read, net("example.com"), false),
        (
            "clock:wall",
            Read,
            Resource::Clock {
                name: "wall".to_owned(),
            },
            true,
        ),
        (
            "clock:wall",
            Read,
            Resource::Clock {
                name: "monotonic".to_owned(),
            },
            false,
        ),
        ("host:read:registry", Read, host("registry"), true),
        ("host:read:registry", Read, host("metrics"), false),
        ("host:read:metrics", Read, host("metrics"), true),
        ("host:read:metrics", Read, host("registry"), false),
        ("random:secure", Read, Resource::Random, true),
        ("model:ask:1/day", Write, Resource::Model, true),
        (
            "env:read:A*",
            Read,
            Resource::Env {
                name: "AB".to_owned(),
            },
            true,
        ),
        (
            "tool:call:a_b",
            Write,
            Resource::Tool {
                name: "a_c".to_owned(),
            },
            false,
        ),
        (
            "secret:inject:K@https://a.example",
            Read,
            Resource::Secret { name: "K".to_owned() },
            true,
        ),
        (
            "secret:inject:K@https://a.example",
            Denied,
            Resource::Secret { name: "K".to_owned() },
            false,
        ),
    ] {
        let own = cap(own);
        assert_eq!(
            own.allows(access, &resource),
            expected,
            "{own}: {access:?} {resource}"
        );
    }
}

#[test]
fn what_a_refused_act_needs() {
    use Access::{Denied, Read, Write};
    let long = format!("https://a.example/v1/{}…", "x".repeat(990));
    let name = |kind: fn(String) -> Resource, name: &str| kind(name.to_owned());
    let kv = |bucket: String| Resource::Kv {
        bucket,
        key: "k".to_owned(),
    };
    for (access, resource, expected) in [
        (
            Read,
            http("GET", "https://a.example/x/y"),
            Some("http:GET:https://a.example/x/y"),
        ),
        (
            Denied,
            http("POST", "http://a.example:81/"),
            Some("http:POST:http://a.example:81/"),
        ),
        (
            Read,
            http("GET", "http://10.0.0.1/"),
            Some("http:GET:http://10.0.0.1/+private"),
        ),
        (
            Read,
            http("GET", "http://2130706433/"),
            Some("http:GET:http://127.0.0.1/+private"),
        ),
        (
            Read,
            http("GET", "http://[::ffff:10.0.0.1]/"),
            Some("http:GET:http://[::ffff:10.0.0.1]/+private"),
        ),
        (
            Read,
            http("GET", "http://localhost.:1/"),
            Some("http:GET:http://localhost:1/+private"),
        ),
        (
            Read,
            http("GET", "http://169.254.169.254/latest/"),
            Some("http:GET:http://169.254.169.254/latest/+private"),
        ),
        // No grant opens these.
        (Read, http("GET", "http://0.0.0.0/"), None),
        (Read, http("GET", "http://224.0.0.1/"), None),
        (Read, http("CONNECT", "https://a.example/"), None),
        (Read, http("*", "https://a.example/"), None),
        (Read, http("GET,POST", "https://a.example/"), None),
        (Read, http("GET", "ftp://a.example/"), None),
        (Read, http("GET", "nonsense"), None),
        // A guest's own stars would stand for more than it asked for.
        (Read, http("GET", "https://*/"), None),
        (Read, http("GET", "https://*.example/"), None),
        (
            Read,
            http("GET", "https://a.example/*"),
            Some("http:GET:https://a.example"),
        ),
        (
            Read,
            http("GET", "https://a.example/x%2fy"),
            Some("http:GET:https://a.example"),
        ),
        (
            Read,
            http("GET", "https://a.example/@x"),
            Some("http:GET:https://a.example"),
        ),
        (Read, http("GET", &long), Some("http:GET:https://a.example")),
        (
            Read,
            http("GET", "https://a.example/x+private"),
            Some("http:GET:https://a.example"),
        ),
        (Read, sql("finance", "a"), Some("sql:read:finance/a")),
        (Write, sql("finance", "a"), Some("sql:write:finance/a")),
        (Denied, sql("finance", ""), Some("sql:read,write:finance")),
        (Read, sql("finance", "a.x"), Some("sql:read:finance/a(x)")),
        (Read, sql("finance", "a b"), Some("sql:read:finance")),
        (Read, sql("finance", "a,b"), Some("sql:read:finance")),
        (Read, sql("finance", "a(x)"), Some("sql:read:finance")),
        (Read, sql("*", "a"), None),
        (Read, sql("a/b", ""), None),
        (Read, file("/srv/data/x"), Some("fs:read:/srv/data")),
        (Write, file("/srv/data/../x"), Some("fs:write:/srv")),
        (Read, file("/../.."), Some("fs:read:/")),
        (Read, file("x"), None),
        (Denied, kv("notes".to_owned()), Some("kv:read,write:notes")),
        (Read, kv("*".to_owned()), None),
        (
            Read,
            name(|name| Resource::Secret { name }, "KEY"),
            Some("secret:reveal:KEY"),
        ),
        (Read, name(|name| Resource::Secret { name }, "*"), None),
        (
            Read,
            name(|name| Resource::Tool { name }, "util_hash"),
            Some("tool:call:util_hash"),
        ),
        (Read, name(|name| Resource::Tool { name }, "util_*"), None),
        (Read, name(|name| Resource::Env { name }, "A B"), None),
        (Write, net("1.1.1.1:443"), Some("net:tcp:1.1.1.1:443")),
        (Write, net("[::1]:80"), Some("net:tcp:[::1]:80+private")),
        (Write, net("0.0.0.0:80"), None),
        (Write, net("127.0.0.1:0"), None),
        (Read, net("example.com"), None),
        (Read, host("registry"), Some("host:read:registry")),
        (Denied, host("metrics"), Some("host:read:metrics")),
        (Denied, host("else"), None),
        (Read, Resource::Random, Some("random:secure")),
        (Read, Resource::Model, None),
    ] {
        let found = resource.needed(access);
        assert_eq!(
            found.as_ref().map(ToString::to_string).as_deref(),
            expected,
            "{access:?} {resource}"
        );
        if let Some(capability) =
            found.filter(|_| !matches!(&resource, Resource::Http { url, .. } if url.ends_with('…')))
        {
            assert!(
                capability.allows(access, &resource) || resource == sql("finance", "a.x"),
                "{capability}"
            );
        }
    }
}

#[test]
fn pieces_are_one_right_to_one_thing() {
    for (whole, pieces) in [
        (
            "http:POST,GET:https://a.example/x+private",
            &[
                "http:GET:https://a.example/x+private",
                "http:POST:https://a.example/x+private",
            ][..],
        ),
        (
            "sql:write,read:f/a(x,y),b",
            &[
                "sql:read:f/a(x,y)",
                "sql:read:f/b",
                "sql:write:f/a(x,y)",
                "sql:write:f/b",
            ],
        ),
        ("sql:read:f", &["sql:read:f"]),
        ("fs:read,write:/a", &["fs:read:/a", "fs:write:/a"]),
        ("kv:write,read:a*", &["kv:read:a*", "kv:write:a*"]),
        ("clock:wall", &["clock:wall"]),
    ] {
        let whole = cap(whole);
        let found = whole.pieces();
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>(),
            pieces,
            "{whole}"
        );
        for piece in found {
            assert!(
                whole.covers(&piece) && cap(&piece.to_string()) == piece,
                "{piece}"
            );
        }
    }
    assert_eq!(cap("http:*:https://a.example").pieces().len(), 7);
}

#[test]
fn an_address_that_is_not_public_needs_to_be_said() {
    for (text, whole) in [
        (
            "http:GET:http://10.0.0.1/",
            Some("http:GET:http://10.0.0.1/+private"),
        ),
        (
            "http:GET:http://localhost/",
            Some("http:GET:http://localhost/+private"),
        ),
        ("http:GET:http://1.1.1.1/", Some("http:GET:http://1.1.1.1/")),
        ("http:GET:http://a.example/", Some("http:GET:http://a.example/")),
        ("http:GET:http://224.0.0.1/+private", None),
        ("net:tcp:[::1]:1", Some("net:tcp:[::1]:1+private")),
        ("clock:wall", Some("clock:wall")),
    ] {
        assert_eq!(cap(text).for_its_address(), whole.map(cap), "{text}");
    }
}
