//! What holds of every two capabilities, tried on many.

use super::*;
use crate::{Access, Resource};
use proptest::prelude::*;
use url::Url;

/// Texts of capabilities over a small world, so that two of them often have to do with each other.
fn capabilities() -> impl Strategy<Value = Capability> {
    let pick = |list: &'static [&'static str]| prop::sample::select(list);
    let host = pick(&[
        "*",
        "*.a.b",
        "*.b",
        "a.b",
        "c.a.b",
        "b",
        "1.1.1.1",
        "127.0.0.1",
        "169.254.169.254",
        "[::1]",
        "localhost",
    ]);
    let port = pick(&["", ":80", ":443", ":81", ":*"]);
    let path =
        prop::collection::vec(pick(&["/", "a", "b", "*", "/a", "/*", "%2f"]), 0..5).prop_map(|parts| {
            if parts.is_empty() {
                String::new()
            } else {
                format!("/{}", parts.concat())
            }
        });
    let private = pick(&["", "+private"]);
    let name = pick(&["a", "ab", "abc", "a*", "ab*", "*"]);
    let rights = pick(&["read", "write", "read,write", "write,read"]);
    let table = pick(&["t", "T(x)", "t(y,X)", "u", "u(x)"]);
    let tables = prop::collection::vec(table, 0..3);
    let methods = pick(&[
        "GET",
        "POST",
        "GET,POST",
        "*",
        "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS",
    ]);
    let scheme = pick(&["http", "https"]);
    let folder = (
        pick(&["/", "./", ""]),
        prop::collection::vec(pick(&["a", "ab", ".", "b"]), 0..3),
    )
        .prop_map(|(root, parts)| format!("{root}{}", parts.join("/")));
    prop_oneof![
        4 => (methods, scheme, host.clone(), port, path.clone(), private.clone())
            .prop_map(|(methods, scheme, host, port, path, private)| format!("http:{methods}:{scheme}://{host}{port}{path}{private}")),
        2 => (rights.clone(), name.clone(), tables).prop_map(|(rights, name, tables)| match tables.is_empty() {
            true => format!("sql:{rights}:{name}"),
            false => format!("sql:{rights}:{name}/{}", tables.join(",")),
        }),
        1 => (rights.clone(), folder).prop_map(|(rights, folder)| format!("fs:{rights}:{folder}")),
        1 => (rights, name.clone()).prop_map(|(rights, name)| format!("kv:{rights}:{name}")),
        1 => name.clone().prop_map(|name| format!("tool:call:{name}")),
        1 => (host, pick(&["80", "81"]), private).prop_map(|(host, port, private)| format!("net:tcp:{host}:{port}{private}")),
        1 => pick(&["clock:wall", "clock:monotonic", "random:secure", "secret:reveal:a", "secret:inject:a@https://a.b",
            "secret:inject:a@https://*", "model:ask:1/day", "env:read:a"]).prop_map(str::to_owned),
    ]
    .prop_filter_map("it does not parse", |text| text.parse().ok())
}

/// Things of the same small world.
fn resources() -> impl Strategy<Value = Resource> {
    let pick = |list: &'static [&'static str]| prop::sample::select(list).prop_map(str::to_owned);
    let path = prop::collection::vec(pick(&["/", "a", "b", "/a", "%2f", "ab"]), 0..6)
        .prop_map(|parts| parts.concat());
    let host = pick(&[
        "a.b",
        "c.a.b",
        "b",
        "d.b",
        "1.1.1.1",
        "127.0.0.1",
        "169.254.169.254",
        "[::1]",
        "localhost",
        "xa.b",
    ]);
    prop_oneof![
        4 => (pick(&["GET", "POST", "HEAD", "DELETE"]), pick(&["http", "https"]), host.clone(), pick(&["", ":80", ":443", ":81"]), path, pick(&["", "…"]))
            .prop_map(|(method, scheme, host, port, path, cut)| Resource::Http { method, url: format!("{scheme}://{host}{port}/{path}{cut}") }),
        2 => (pick(&["a", "ab", "abc", "b"]), pick(&["t", "u", "v", ""])).prop_map(|(database, table)| Resource::Sql { database, table }),
        1 => prop::collection::vec(pick(&["a", "ab", ".", "..", "b"]), 0..4)
            .prop_map(|parts| Resource::File { path: format!("/{}", parts.join("/")) }),
        1 => (pick(&["a", "ab", "b"])).prop_map(|bucket| Resource::Kv { bucket, key: "k".to_owned() }),
        1 => (pick(&["a", "ab", "b"])).prop_map(|name| Resource::Tool { name }),
        1 => (host, pick(&["", ":80", ":81"])).prop_map(|(host, port)| Resource::Net { peer: format!("{host}{port}") }),
        1 => prop_oneof![
            Just(Resource::Random),
            Just(Resource::Model),
            Just(Resource::Host {
                name: "registry".to_owned()
            }),
            Just(Resource::Host {
                name: "metrics".to_owned()
            }),
            Just(Resource::Clock { name: "wall".to_owned() }),
            Just(Resource::Secret { name: "a".to_owned() }),
            Just(Resource::Env { name: "a".to_owned() }),
        ],
    ]
}

/// Whether the host would let a request pass with this one grant, asked of the grant itself and of its address.
fn passes(capability: &Capability, method: &str, url: &Url) -> bool {
    let Capability::Http(grant) = capability else {
        return false;
    };
    let ip = match url.host() {
        Some(url::Host::Ipv4(ip)) => Some(std::net::IpAddr::V4(ip)),
        Some(url::Host::Ipv6(ip)) => Some(std::net::IpAddr::V6(ip)),
        _ => None,
    };
    grant.allows(method, url)
        && ip.is_none_or(|ip| crate::check_address(ip, grant.private, grant.url.host.address()).is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, max_global_rejects: 1_000_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_covers_allows_as_much(own in capabilities(), other in capabilities(), things in prop::collection::vec(resources(), 12)) {
        prop_assert!(own.covers(&own));
        for piece in own.pieces() {
            prop_assert!(own.covers(&piece), "{own} {piece}");
        }
        if !own.covers(&other) {
            return Ok(());
        }
        for resource in &things {
            for access in [Access::Read, Access::Write, Access::Denied] {
                prop_assert!(!other.allows(access, resource) || own.allows(access, resource), "{own} covers {other}: {access:?} {resource}");
            }
            match (resource, &own, &other) {
                (Resource::Http { method, url }, ..) => {
                    let url = Url::parse(url).unwrap();
                    prop_assert!(!passes(&other, method, &url) || passes(&own, method, &url), "{own} covers {other}: {method} {url}");
                }
                (Resource::Sql { database, table }, Capability::Sql(own), Capability::Sql(other)) => {
                    for column in [None, Some("x"), Some("Y"), Some("z")] {
                        prop_assert!(!other.allows_read(database, table, column) || own.allows_read(database, table, column), "{own} {other}");
                        prop_assert!(!other.allows_write(database, table, column) || own.allows_write(database, table, column), "{own} {other}");
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn covering_is_an_order(a in capabilities(), b in capabilities(), c in capabilities()) {
        prop_assert!(!(a.covers(&b) && b.covers(&c)) || a.covers(&c), "{a} {b} {c}");
    }

    #[test]
    fn what_is_needed_is_enough(resource in resources()) {
        for access in [Access::Read, Access::Write, Access::Denied] {
            if let Some(needed) = resource.needed(access) {
                let cut = matches!(&resource, Resource::Http { url, .. } if url.ends_with('…'));
                prop_assert!(needed.allows(access, &resource) || cut, "{needed}: {access:?} {resource}");
                prop_assert_eq!(needed.for_its_address(), Some(needed.clone()));
            }
        }
    }
}
