//! Which capability allows as much as another, and which is behind an effect.

use std::net::{IpAddr, SocketAddr};
use url::{Host, Url};

use super::{Capability, HostPattern, NetGrant};
use crate::{Access, Resource, check_address};

impl Capability {
    /// Whether everything that `wanted` allows is allowed by this capability too. Where that can't be told, it is not.
    ///
    /// ```
    /// use fact_types::Capability;
    ///
    /// let whole: Capability = "http:GET,POST:https://*.example.com".parse()?;
    /// assert!(whole.covers(&"http:GET:https://api.example.com/v1/*".parse()?));
    /// assert!(!whole.covers(&"http:GET:https://example.com/".parse()?));
    /// # Ok::<(), fact_types::CapabilityError>(())
    /// ```
    pub fn covers(&self, wanted: &Capability) -> bool {
        match (self, wanted) {
            (Capability::Http(own), Capability::Http(wanted)) => own.covers(wanted),
            (Capability::Sql(own), Capability::Sql(wanted)) => own.covers(wanted),
            (Capability::Fs(own), Capability::Fs(wanted)) => own.covers(wanted),
            (Capability::Kv(own), Capability::Kv(wanted)) => {
                own.bucket.covers(&wanted.bucket)
                    && (own.read || !wanted.read)
                    && (own.write || !wanted.write)
            }
            (Capability::Secret(own), Capability::Secret(wanted)) => own.covers(wanted),
            (Capability::Env(own), Capability::Env(wanted)) => own.name.covers(&wanted.name),
            (Capability::Tool(own), Capability::Tool(wanted)) => own.name.covers(&wanted.name),
            (Capability::Model(own), Capability::Model(wanted)) => own.covers(wanted),
            (Capability::Net(own), Capability::Net(wanted)) => own.covers(wanted),
            (Capability::ClockWall, Capability::ClockWall)
            | (Capability::ClockMonotonic, Capability::ClockMonotonic)
            | (Capability::RandomSecure, Capability::RandomSecure)
            | (Capability::HostRegistry, Capability::HostRegistry)
            | (Capability::HostMetrics, Capability::HostMetrics) => true,
            _ => false,
        }
    }

    /// Whether this capability is what lets a call have an effect.
    ///
    /// An effect says less than the act did: a table without its columns, an address without the name that led there. Of
    /// one that happened ([`Access::Read`], [`Access::Write`]) the answer is yes wherever the capability may be what let
    /// it, so that no use goes uncounted. Of one that was refused the answer is yes only where this capability alone
    /// would certainly have allowed it, read or write.
    pub fn allows(&self, access: Access, resource: &Resource) -> bool {
        let refused = access == Access::Denied;
        // What an act needs: of one that was refused it is not known, so both.
        let held = |read: bool, write: bool| match access {
            Access::Read => read,
            Access::Write => write,
            Access::Denied => read && write,
        };
        match (self, resource) {
            (Capability::Http(grant), Resource::Http { method, url }) => {
                grant.methods.allow(method) && {
                    let (text, cut) = uncut(url);
                    Url::parse(text).is_ok_and(|url| {
                        let path = match cut && !refused {
                            true => grant.url.may_match(&url),
                            false => !cut && grant.url.matches(&url),
                        };
                        path && open(url.host(), grant.private, grant.url.host.address(), refused)
                    })
                }
            }
            (Capability::Sql(grant), Resource::Sql { database, table }) => {
                held(grant.rights.read, grant.rights.write) && grant.touches(database, table, refused)
            }
            (Capability::Fs(grant), Resource::File { path }) => match access {
                // In a folder that can only be written, a guest still sees what is there: names, sizes, times.
                Access::Read => (grant.rights.read || grant.rights.write) && grant.holds(path, false),
                Access::Write => grant.rights.write && grant.holds(path, false),
                Access::Denied => grant.rights.read && grant.rights.write && grant.holds(path, true),
            },
            (Capability::Kv(grant), Resource::Kv { bucket, .. }) => {
                held(grant.read, grant.write) && grant.bucket.matches(bucket)
            }
            (Capability::Env(grant), Resource::Env { name }) => grant.name.matches(name),
            (Capability::Secret(grant), Resource::Secret { name }) => {
                grant.name.matches(name) && !(refused && grant.is_injected())
            }
            (Capability::Tool(grant), Resource::Tool { name }) => grant.name.matches(name),
            (Capability::Net(grant), Resource::Net { peer }) => grant.allows_peer(peer, refused),
            (Capability::ClockWall, Resource::Clock { name }) => name == "wall",
            (Capability::ClockMonotonic, Resource::Clock { name }) => name == "monotonic",
            (Capability::HostRegistry, Resource::Host { name }) => name == "registry",
            (Capability::HostMetrics, Resource::Host { name }) => name == "metrics",
            (Capability::RandomSecure, Resource::Random) | (Capability::Model(_), Resource::Model) => true,
            _ => false,
        }
    }
}

/// The text of an effect's URL, and whether its end was cut off: that is marked with a character that no URL has.
pub(super) fn uncut(url: &str) -> (&str, bool) {
    match url.strip_suffix('…') {
        Some(text) => (text, true),
        None => (url, false),
    }
}

/// Whether a grant opens the address that a host is. Of a name only what is certain is known: that it is this machine's.
fn open(host: Option<Host<&str>>, private: bool, named: Option<IpAddr>, sure: bool) -> bool {
    match host {
        Some(Host::Ipv4(ip)) => check_address(IpAddr::V4(ip), private, named).is_ok(),
        Some(Host::Ipv6(ip)) => check_address(IpAddr::V6(ip), private, named).is_ok(),
        Some(Host::Domain(name)) => private || !(sure && is_local_name(name)),
        None => false,
    }
}

/// Whether a name is this machine's, by RFC 6761.
pub(super) fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

impl NetGrant {
    /// Whether every connection that `wanted` allows is allowed by this grant too.
    pub fn covers(&self, wanted: &NetGrant) -> bool {
        // An address tells no name: a connection is never allowed by a pattern of names, so that it covers no name.
        let host = match (&self.host, &wanted.host) {
            (HostPattern::Below(_), HostPattern::Name(_)) => false,
            (own, other) => own.covers(other),
        };
        host && self.port == wanted.port && self.host.reaches_all(self.private, &wanted.host, wanted.private)
    }

    /// Whether this grant lets a call reach a peer: an address with its port, or a name that is looked up.
    fn allows_peer(&self, peer: &str, refused: bool) -> bool {
        let Ok(address) = peer.parse::<SocketAddr>() else {
            return Host::parse(peer).is_ok_and(|host| {
                let host = match &host {
                    Host::Domain(name) => Host::Domain(name.as_str()),
                    Host::Ipv4(ip) => Host::Ipv4(*ip),
                    Host::Ipv6(ip) => Host::Ipv6(*ip),
                };
                self.host.matches(&host)
            });
        };
        let named = match &self.host {
            HostPattern::Any => true,
            HostPattern::Ip(own) => *own == address.ip(),
            // Whether the name led to this address is not in the effect.
            HostPattern::Name(_) => !refused,
            HostPattern::Below(_) => false,
        };
        named
            && self.port == address.port()
            && check_address(address.ip(), self.private, self.host.address()).is_ok()
    }
}
