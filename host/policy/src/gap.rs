//! What a grant lacks to cover what is wanted, where it has to do with it at all.

use std::fmt;

use fact_types::Capability;
use fact_types::capability::{HttpGrant, Methods, NetGrant, PortPattern, SecretUse, SqlGrant, UrlPattern};
use serde::Serialize;

/// One thing that a grant lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// The address is not public, and the grant has no `+private`.
    Private,
    /// Only a grant that has the address as its host opens it: a cloud's metadata service.
    Address,
    /// The grant has these methods only.
    Methods(String),
    /// The grant is for `https` only, or for `http` only.
    Scheme(&'static str),
    /// The grant is for this port only.
    Port(String),
    /// The grant is for these paths only.
    Path(String),
    /// The grant has these rights only: `read` or `write`.
    Rights(&'static str),
    /// The grant is for these tables and columns only.
    Tables(String),
    /// The grant is for this folder only, which lies in the one that is wanted.
    Folder(String),
    /// The grant is for part of the hosts, databases, buckets or names only.
    Names(String),
    /// The budget is smaller.
    Budget(String),
    /// The secret is granted for another use.
    Use(&'static str),
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gap::Private => f.write_str("the address is not public and the grant has no +private"),
            Gap::Address => f.write_str("this address is opened only by a grant that names it"),
            Gap::Methods(methods) => write!(f, "only with {methods}"),
            Gap::Scheme(scheme) => write!(f, "only over {scheme}"),
            Gap::Port(port) => write!(f, "only on {port}"),
            Gap::Path(path) => write!(f, "only for {path}"),
            Gap::Rights(rights) => write!(f, "only to {rights}"),
            Gap::Tables(tables) => write!(f, "only for {tables}"),
            Gap::Folder(folder) => write!(f, "only for {folder}"),
            Gap::Names(names) => write!(f, "only for {names}"),
            Gap::Budget(budget) => write!(f, "only {budget}"),
            Gap::Use(how) => write!(f, "only {how}"),
        }
    }
}

/// What `own` lacks to cover `wanted`: nothing, where it covers it. None where the two have nothing to do with each other.
pub(crate) fn gaps(own: &Capability, wanted: &Capability) -> Option<Vec<Gap>> {
    if own.covers(wanted) {
        return Some(Vec::new());
    }
    let found = match (own, wanted) {
        (Capability::Http(own), Capability::Http(wanted)) => http(own, wanted),
        (Capability::Net(own), Capability::Net(wanted)) => net(own, wanted),
        (Capability::Sql(own), Capability::Sql(wanted)) => sql(own, wanted),
        (Capability::Fs(own), Capability::Fs(wanted)) => {
            let inside = |outer: &fact_types::capability::FsGrant,
                          inner: &fact_types::capability::FsGrant| {
                let mut same = outer.clone();
                same.rights = inner.rights;
                same.covers(inner)
            };
            let mut gaps = rights(
                (own.rights.read, own.rights.write),
                (wanted.rights.read, wanted.rights.write),
            );
            if !inside(own, wanted) {
                gaps.push(Gap::Folder(own.folder().display().to_string()));
            }
            (inside(own, wanted) || inside(wanted, own)).then_some(gaps)
        }
        (Capability::Kv(own), Capability::Kv(wanted)) => {
            let mut gaps = rights((own.read, own.write), (wanted.read, wanted.write));
            if !own.bucket.covers(&wanted.bucket) {
                gaps.push(Gap::Names(own.bucket.to_string()));
            }
            (own.bucket.covers(&wanted.bucket) || wanted.bucket.covers(&own.bucket)).then_some(gaps)
        }
        (Capability::Env(own), Capability::Env(wanted)) => wanted
            .name
            .covers(&own.name)
            .then(|| vec![Gap::Names(own.name.to_string())]),
        (Capability::Tool(own), Capability::Tool(wanted)) => wanted
            .name
            .covers(&own.name)
            .then(|| vec![Gap::Names(own.name.to_string())]),
        (Capability::Secret(own), Capability::Secret(wanted)) if own.name == wanted.name => {
            Some(match (&own.how, &wanted.how) {
                (SecretUse::Inject(url), SecretUse::Inject(_)) => vec![Gap::Path(url.to_string())],
                (SecretUse::Inject(_), _) => vec![Gap::Use("put into requests, never to be seen")],
                (SecretUse::Reveal, _) => vec![Gap::Use("to be seen, not put into requests")],
            })
        }
        (Capability::Model(own), Capability::Model(_)) => Some(vec![Gap::Budget(format!(
            "{} tokens each {}",
            own.tokens, own.period
        ))]),
        _ => None,
    };
    found.filter(|gaps| !gaps.is_empty())
}

fn rights(own: (bool, bool), wanted: (bool, bool)) -> Vec<Gap> {
    let lacking = (wanted.0 && !own.0) || (wanted.1 && !own.1);
    let has = if own.0 { "read" } else { "write" };
    lacking.then_some(Gap::Rights(has)).into_iter().collect()
}

fn http(own: &HttpGrant, wanted: &HttpGrant) -> Option<Vec<Gap>> {
    let (has, wants) = (&own.url, &wanted.url);
    let mut gaps = Vec::new();
    if !has.host.covers(&wants.host) {
        if !wants.host.covers(&has.host) {
            return None;
        }
        gaps.push(Gap::Names(format!("the host {}", has.host)));
    }
    if !own.methods.covers(&wanted.methods) {
        gaps.push(Gap::Methods(own.methods.to_string()));
    }
    if has.is_https() != wants.is_https() {
        gaps.push(Gap::Scheme(if has.is_https() { "https" } else { "http" }));
    }
    let port = port(has);
    if port.is_some() && port != self::port(wants) {
        gaps.push(Gap::Port(
            port.map_or_else(|| "every port".to_owned(), |port| format!("port {port}")),
        ));
    }
    let elsewhere = gaps
        .iter()
        .any(|gap| matches!(gap, Gap::Names(_) | Gap::Scheme(_) | Gap::Port(_)));
    if !elsewhere && !has.covers(wants) {
        gaps.push(Gap::Path(has.to_string()));
    }
    // What is left of a grant that has everything else.
    let mut full = own.clone();
    full.methods = Methods::Any;
    full.url = wants.server();
    full.url.host = has.host.clone();
    if has.host.covers(&wants.host) && !full.covers(wanted) {
        gaps.push(match own.private {
            false => Gap::Private,
            true => Gap::Address,
        });
    }
    Some(gaps)
}

fn port(url: &UrlPattern) -> Option<u16> {
    match url.port {
        PortPattern::Any => None,
        PortPattern::Is(port) => Some(port),
        PortPattern::Default if url.is_https() => Some(443),
        PortPattern::Default => Some(80),
    }
}

fn net(own: &NetGrant, wanted: &NetGrant) -> Option<Vec<Gap>> {
    if !own.host.covers(&wanted.host) && !wanted.host.covers(&own.host) {
        return None;
    }
    let mut gaps = Vec::new();
    if own.port != wanted.port {
        gaps.push(Gap::Port(format!("port {}", own.port)));
    }
    let mut full = own.clone();
    full.port = wanted.port;
    if !full.covers(wanted) {
        full.private = true;
        gaps.push(match (full.covers(wanted), own.host.covers(&wanted.host)) {
            (true, _) => Gap::Private,
            (false, true) if own.host.is_everything() => Gap::Address,
            // A pattern of names opens lookups and no connection.
            (false, _) => Gap::Names(format!("the host {}", own.host)),
        });
    }
    Some(gaps)
}

fn sql(own: &SqlGrant, wanted: &SqlGrant) -> Option<Vec<Gap>> {
    if !own.database.covers(&wanted.database) && !wanted.database.covers(&own.database) {
        return None;
    }
    let mut gaps = rights(
        (own.rights.read, own.rights.write),
        (wanted.rights.read, wanted.rights.write),
    );
    if !own.database.covers(&wanted.database) {
        gaps.push(Gap::Names(format!("the database {}", own.database)));
    }
    let mut full = own.clone();
    full.rights = wanted.rights;
    full.database = wanted.database.clone();
    if !full.covers(wanted) {
        let tables: Vec<String> = own.tables.iter().flatten().map(ToString::to_string).collect();
        gaps.push(Gap::Tables(tables.join(", ")));
    }
    Some(gaps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking() {
        for (own, wanted, expected) in [
            (
                "http:GET:https://a.example/*",
                "http:GET:https://a.example/x",
                Some(""),
            ),
            (
                "http:GET:https://a.example/*",
                "http:POST:https://a.example/x",
                Some("only with GET"),
            ),
            (
                "http:GET:https://a.example/*",
                "http:GET:https://b.example/x",
                None,
            ),
            (
                "http:GET:https://a.example/*",
                "http:GET:http://a.example:443/x",
                Some("only over https"),
            ),
            (
                "http:GET:https://a.example/*",
                "http:GET:https://a.example:81/x",
                Some("only on port 443"),
            ),
            (
                "http:GET:https://a.example/v1/*",
                "http:GET:https://a.example/x",
                Some("only for https://a.example/v1/*"),
            ),
            (
                "http:GET:https://a.example",
                "http:GET:https://*",
                Some("only for the host a.example"),
            ),
            (
                "http:GET:http://*:*",
                "http:POST:http://127.0.0.1:80/+private",
                Some("only with GET; the address is not public and the grant has no +private"),
            ),
            (
                "http:GET:http://*+private",
                "http:GET:http://169.254.169.254/+private",
                Some("this address is opened only by a grant that names it"),
            ),
            (
                "net:tcp:*:80",
                "net:tcp:10.0.0.1:80+private",
                Some("the address is not public and the grant has no +private"),
            ),
            (
                "net:tcp:a.example:80",
                "net:tcp:a.example:81",
                Some("only on port 80"),
            ),
            (
                "net:tcp:*.example:80",
                "net:tcp:a.example:80",
                Some("only for the host *.example"),
            ),
            ("net:tcp:a.example:80", "net:tcp:1.1.1.1:80", None),
            ("sql:read:finance", "sql:write:finance/a", Some("only to read")),
            (
                "sql:read:finance/a(x)",
                "sql:read:finance/a",
                Some("only for a(x)"),
            ),
            (
                "sql:read:finance",
                "sql:read:*",
                Some("only for the database finance"),
            ),
            ("sql:read:finance", "sql:read:hr", None),
            ("fs:read:/srv/data", "fs:write:/srv/data/x", Some("only to read")),
            ("fs:read:/srv/data", "fs:read:/srv", Some("only for /srv/data")),
            ("fs:read:/srv/data", "fs:read:/etc", None),
            ("kv:write:a", "kv:read:a", Some("only to write")),
            ("env:read:A", "env:read:A*", Some("only for A")),
            ("env:read:A", "env:read:B", None),
            (
                "secret:reveal:A",
                "secret:inject:A@https://a.example",
                Some("only to be seen, not put into requests"),
            ),
            (
                "model:ask:5/day",
                "model:ask:6/day",
                Some("only 5 tokens each day"),
            ),
            ("clock:wall", "clock:monotonic", None),
            ("clock:wall", "sql:read:finance", None),
        ] {
            let found = gaps(&own.parse().unwrap(), &wanted.parse().unwrap());
            let found = found.map(|gaps| {
                gaps.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; ")
            });
            assert_eq!(found.as_deref(), expected, "{own} for {wanted}");
        }
    }
}
