//! The narrowest capability that would have allowed what was refused, and the pieces that a capability is made of.

use std::net::{IpAddr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use url::{Host, Url};

use super::covers::{is_local_name, uncut};
use super::{Capability, HttpGrant, Methods, NamePattern, SecretUse, TableGrant, UrlPattern};
use crate::{Access, Resource, check_address};

impl Resource {
    /// The narrowest capability that lets a call read (or write) this. With [`Access::Denied`], which does not say what
    /// was tried: the one that lets it do both.
    ///
    /// The names in a resource are a guest's own text. They are taken literally: a guest that asks for the bucket `*` must
    /// not have someone advised to grant every bucket. None where no capability says this and little more, and where none
    /// can open it: the address of a group of machines, a lookup without a port.
    ///
    /// ```
    /// use fact_types::{Access, Resource};
    ///
    /// let refused = Resource::Http {
    ///     method: "GET".to_owned(),
    ///     url: "http://10.0.0.1/status".to_owned(),
    /// };
    /// let needed = refused.needed(Access::Read).map(|capability| capability.to_string());
    /// assert_eq!(needed.as_deref(), Some("http:GET:http://10.0.0.1/status+private"));
    /// ```
    pub fn needed(&self, access: Access) -> Option<Capability> {
        let rights = match access {
            Access::Read => "read",
            Access::Write => "write",
            Access::Denied => "read,write",
        };
        match self {
            Resource::Http { method, url } => needed_http(method, url),
            Resource::Sql { database, table } => {
                let database = literal(database)?;
                let (table, columns) = match table.split_once('.') {
                    Some((table, column)) => (table, Some(vec![column.to_owned()])),
                    None => (table.as_str(), None),
                };
                let entry = TableGrant {
                    table: table.to_owned(),
                    columns,
                };
                // What can't be written as one table stands only in the whole database.
                parsed(format!("sql:{rights}:{database}/{entry}"))
                    .filter(|found| matches!(found, Capability::Sql(sql) if sql.tables.as_deref() == Some(&[entry])))
                    .or_else(|| parsed(format!("sql:{rights}:{database}")))
            }
            Resource::File { path } => {
                let path = straightened(path)?;
                // A folder is what can be granted.
                let folder = path.parent().unwrap_or(&path).to_str()?.to_owned();
                parsed(format!("fs:{rights}:{folder}"))
            }
            Resource::Kv { bucket, .. } => parsed(format!("kv:{rights}:{}", literal(bucket)?)),
            Resource::Env { name } => parsed(format!("env:read:{}", literal(name)?)),
            Resource::Secret { name } => parsed(format!("secret:reveal:{}", literal(name)?)),
            Resource::Tool { name } => parsed(format!("tool:call:{}", literal(name)?)),
            Resource::Net { peer } => needed_net(peer),
            Resource::Clock { name } => match name.as_str() {
                "wall" => Some(Capability::ClockWall),
                "monotonic" => Some(Capability::ClockMonotonic),
                _ => None,
            },
            Resource::Random => Some(Capability::RandomSecure),
            Resource::Host { name } => match name.as_str() {
                "registry" => Some(Capability::HostRegistry),
                "metrics" => Some(Capability::HostMetrics),
                _ => None,
            },
            // How many tokens, only a person can say.
            Resource::Model => None,
            // What the host does not serve, no grant opens.
            Resource::Import { .. } => None,
        }
    }
}

impl Capability {
    /// The capability in pieces that are no more than one right to one thing: a method, a table, reading or writing. A
    /// capability is given where each of its pieces is, by whichever grants.
    pub fn pieces(&self) -> Vec<Capability> {
        match self {
            Capability::Http(grant) => grant
                .methods
                .each()
                .map(|method| Capability::Http(grant.with_method(method)))
                .collect(),
            Capability::Sql(grant) => grant.pieces().into_iter().map(Capability::Sql).collect(),
            Capability::Fs(grant) => grant.pieces().into_iter().map(Capability::Fs).collect(),
            Capability::Kv(grant) => grant.pieces().into_iter().map(Capability::Kv).collect(),
            other => vec![other.clone()],
        }
    }

    /// What this capability must say besides so that it opens the address that it names: `+private` for one that is not
    /// public. The same capability where nothing is missing, and none where no grant opens that address.
    pub fn for_its_address(&self) -> Option<Capability> {
        let host = match self {
            Capability::Http(grant) => &grant.url.host,
            Capability::Net(grant) => &grant.host,
            _ => return Some(self.clone()),
        };
        let private = match host {
            super::HostPattern::Ip(ip) => needs_private(*ip)?,
            super::HostPattern::Name(name) => is_local_name(name),
            _ => false,
        };
        let mut whole = self.clone();
        match &mut whole {
            Capability::Http(grant) => grant.private |= private,
            Capability::Net(grant) => grant.private |= private,
            _ => {}
        }
        Some(whole)
    }
}

/// Whether an address is open only to a grant with `+private`. None: to no grant.
fn needs_private(ip: IpAddr) -> Option<bool> {
    match check_address(ip, false, Some(ip)) {
        Ok(()) => Some(false),
        Err(_) => check_address(ip, true, Some(ip)).is_ok().then_some(true),
    }
}

/// Parses what was put together, which must come back as it was.
fn parsed(text: String) -> Option<Capability> {
    text.parse::<Capability>()
        .ok()
        .filter(|capability| capability.to_string() == text)
}

/// A name that stands for itself only.
fn literal(name: &str) -> Option<&str> {
    NamePattern::parse(name).ok()?.exact().is_some().then_some(name)
}

fn needed_http(method: &str, url: &str) -> Option<Capability> {
    let (text, cut) = uncut(url);
    let methods = Methods::parse(method)
        .ok()
        .filter(|methods| *methods != Methods::Any && !method.contains(','))?;
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let private = match url.host()? {
        Host::Ipv4(ip) => needs_private(IpAddr::V4(ip))?,
        Host::Ipv6(ip) => needs_private(IpAddr::V6(ip))?,
        Host::Domain(name) => is_local_name(name),
    };
    [!cut, false].into_iter().find_map(|with_path| {
        let grant = HttpGrant {
            methods: methods.clone(),
            url: UrlPattern::exactly(&url, with_path)?,
            private,
        };
        let whole = Capability::Http(grant);
        // A path that ends like a right would be read as one.
        parsed(whole.to_string()).filter(|read| *read == whole)
    })
}

fn needed_net(peer: &str) -> Option<Capability> {
    let address: SocketAddr = peer.parse().ok()?;
    let private = match needs_private(address.ip())? {
        true => "+private",
        false => "",
    };
    let host = match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    parsed(format!("net:tcp:{host}:{}{private}", address.port()))
}

/// An absolute path without `.` and `..`, by its text alone: what a link is can't be seen from here.
pub(super) fn straightened(path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    if !path.is_absolute() {
        return None;
    }
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            // Above the root is the root.
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    Some(out)
}

impl super::SecretGrant {
    /// Whether every use of a secret that `wanted` allows is allowed by this grant too.
    pub fn covers(&self, wanted: &super::SecretGrant) -> bool {
        self.name.covers(&wanted.name)
            && match (&self.how, &wanted.how) {
                (SecretUse::Reveal, SecretUse::Reveal) => true,
                (SecretUse::Inject(own), SecretUse::Inject(wanted)) => own.covers(wanted),
                _ => false,
            }
    }

    /// Whether the guest never has the secret itself.
    pub fn is_injected(&self) -> bool {
        matches!(self.how, SecretUse::Inject(_))
    }
}
