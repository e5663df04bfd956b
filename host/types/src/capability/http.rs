//! HTTP requests: `http:GET,POST:https://api.github.com/repos/*`.
//!
//! A request is compared in its parsed form, so that no spelling of a host or a path slips by: `0x7f.1` is `127.0.0.1`, and
//! `/repos/../admin` is `/admin`, before any pattern sees them.

use std::fmt;
use std::net::IpAddr;
use url::{Host, Url};

use super::{Risk, glob};
use crate::check_address;

/// The methods that a grant can name.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Methods that change nothing, by RFC 9110.
const SAFE: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// Which methods.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Methods {
    /// Every method.
    Any,
    /// These, in the order in which they were written.
    These(Vec<&'static str>),
}

/// Which hosts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// Every host: `*`.
    Any,
    /// Every host below a domain: `*.example.com`, without `example.com` itself.
    Below(String),
    /// One name.
    Name(String),
    /// One address.
    Ip(IpAddr),
}

/// Which ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortPattern {
    /// The scheme's own: none is written.
    Default,
    /// One.
    Is(u16),
    /// Every port: `:*`.
    Any,
}

/// Which URLs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UrlPattern {
    https: bool,
    /// The hosts.
    pub host: HostPattern,
    /// The ports.
    pub port: PortPattern,
    /// The path as it was written, empty for every path. A `*` at the end stands for anything, one elsewhere for anything
    /// but a slash.
    path: String,
}

/// Requests that may be made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HttpGrant {
    /// With which methods.
    pub methods: Methods,
    /// To which URLs.
    pub url: UrlPattern,
    /// Addresses that are not public are allowed too.
    pub private: bool,
}

impl Methods {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Methods::Any);
        }
        let mut out = Vec::new();
        for method in text.split(',') {
            let known = METHODS.iter().find(|known| **known == method).ok_or_else(|| {
                format!(
                    "`{method}` is no method; the methods are {} or `*`, in capitals",
                    METHODS.join(", ")
                )
            })?;
            if out.contains(known) {
                return Err(format!("`{method}` stands twice"));
            }
            out.push(*known);
        }
        Ok(Methods::These(out))
    }

    /// Whether this method is among them.
    pub fn allow(&self, method: &str) -> bool {
        match self {
            Methods::Any => METHODS.contains(&method),
            Methods::These(list) => list.contains(&method),
        }
    }

    /// Whether every method of `wanted` is among them.
    pub fn covers(&self, wanted: &Methods) -> bool {
        METHODS
            .iter()
            .all(|method| self.allow(method) || !wanted.allow(method))
    }

    /// Each method by itself.
    pub fn each(&self) -> impl Iterator<Item = &'static str> {
        METHODS.into_iter().filter(|method| self.allow(method))
    }

    fn only_safe(&self) -> bool {
        matches!(self, Methods::These(list) if list.iter().all(|m| SAFE.contains(m)))
    }
}

impl HostPattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(HostPattern::Any);
        }
        let (name, below) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name.contains('*') {
            return Err("`*` may stand for a whole host, or as `*.` before one".to_owned());
        }
        // The same parser that reads requests, so that both sides have one spelling.
        match Host::parse(name).map_err(|_| format!("`{name}` is no host"))? {
            Host::Domain(domain) if domain != name => Err(format!("write the host as `{domain}`")),
            Host::Domain(domain) if domain.ends_with('.') => {
                Err("write the host without the dot at its end".to_owned())
            }
            Host::Domain(domain) if below => Ok(HostPattern::Below(domain)),
            Host::Domain(domain) => Ok(HostPattern::Name(domain)),
            _ if below => Err("an address has nothing below it".to_owned()),
            host => {
                let ip = match host {
                    Host::Ipv4(ip) => IpAddr::V4(ip),
                    Host::Ipv6(ip) => IpAddr::V6(ip),
                    Host::Domain(_) => return Err("it is no address".to_owned()),
                };
                let pattern = HostPattern::Ip(ip);
                if pattern.to_string() != name {
                    return Err(format!("write the address as `{pattern}`"));
                }
                Ok(pattern)
            }
        }
    }

    /// Whether this host, as a URL's parser gives it, is one of them. A dot at the end of a name changes nothing.
    pub fn matches(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (HostPattern::Any, _) => true,
            (HostPattern::Name(name), Host::Domain(host)) => host.trim_end_matches('.') == name,
            (HostPattern::Below(name), Host::Domain(host)) => host
                .trim_end_matches('.')
                .strip_suffix(name.as_str())
                .is_some_and(|front| front.len() > 1 && front.ends_with('.')),
            (HostPattern::Ip(IpAddr::V4(ip)), Host::Ipv4(host)) => ip == host,
            (HostPattern::Ip(IpAddr::V6(ip)), Host::Ipv6(host)) => ip == host,
            _ => false,
        }
    }

    /// Whether every host that `wanted` stands for is one of them.
    pub fn covers(&self, wanted: &HostPattern) -> bool {
        match (self, wanted) {
            (HostPattern::Any, _) => true,
            (_, HostPattern::Any) => false,
            (HostPattern::Below(own), HostPattern::Below(domain)) => {
                own == domain || self.matches(&Host::Domain(domain))
            }
            (_, HostPattern::Below(_)) => false,
            (_, HostPattern::Name(name)) => self.matches(&Host::Domain(name)),
            (_, HostPattern::Ip(IpAddr::V4(ip))) => self.matches(&Host::Ipv4(*ip)),
            (_, HostPattern::Ip(IpAddr::V6(ip))) => self.matches(&Host::Ipv6(*ip)),
        }
    }

    /// Whether, of the addresses that are open to a grant for `wanted`, all are open to one for these hosts.
    ///
    /// `own` and `other` say whether the two grants say `+private`.
    pub(super) fn reaches_all(&self, own: bool, wanted: &HostPattern, other: bool) -> bool {
        match wanted {
            // Some addresses are open only to a grant that has them as its host.
            HostPattern::Ip(ip) => {
                check_address(*ip, other, Some(*ip)).is_err()
                    || check_address(*ip, own, self.address()).is_ok()
            }
            _ => own || !other,
        }
    }

    /// The address, where it is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            HostPattern::Ip(ip) => Some(*ip),
            _ => None,
        }
    }

    /// Whether it stands for one host only.
    pub fn is_exact(&self) -> bool {
        matches!(self, HostPattern::Name(_) | HostPattern::Ip(_))
    }

    /// Whether it stands for every host.
    pub fn is_everything(&self) -> bool {
        matches!(self, HostPattern::Any)
    }
}

impl UrlPattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("the URL begins with https:// or http://")?;
        let https = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err("the URL begins with https:// or http://".to_owned()),
        };
        if rest.contains(['@', '?', '#', '\\']) {
            return Err("a URL is granted without user, query and fragment".to_owned());
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let after_bracket = authority.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match authority.get(after_bracket..).and_then(|tail| tail.rfind(':')) {
            Some(at) => authority.split_at(after_bracket + at),
            None => (authority, ""),
        };
        let port = match port.strip_prefix(':') {
            None => PortPattern::Default,
            Some("*") => PortPattern::Any,
            Some(digits) => match digits.parse::<u16>() {
                Ok(number) if number > 0 && number.to_string() == digits => PortPattern::Is(number),
                _ => return Err(format!("`{digits}` is no port")),
            },
        };
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err("a path is granted without `.` and `..`".to_owned());
        }
        Ok(UrlPattern {
            https,
            host: HostPattern::parse(host)?,
            port,
            path: path.to_owned(),
        })
    }

    /// Whether this URL is one of them.
    pub fn matches(&self, url: &Url) -> bool {
        self.matches_server(url) && self.matches_path(url.path())
    }

    /// Whether some URL that begins with this one may be one of them: what is left to say of a URL that was cut.
    pub(super) fn may_match(&self, cut: &Url) -> bool {
        self.matches_server(cut) && (self.path.is_empty() || glob::begins(&self.path, cut.path()))
    }

    fn matches_server(&self, url: &Url) -> bool {
        let scheme = if self.https { "https" } else { "http" };
        let port = match self.port {
            PortPattern::Any => true,
            PortPattern::Is(port) => url.port_or_known_default() == Some(port),
            PortPattern::Default => url.port().is_none(),
        };
        url.scheme() == scheme && port && url.host().is_some_and(|host| self.host.matches(&host))
    }

    /// Whether every URL that `wanted` stands for is one of them. Where that can't be told, it is not.
    pub fn covers(&self, wanted: &UrlPattern) -> bool {
        let port = match (self.port_number(), wanted.port_number()) {
            (None, _) => true,
            (own, other) => own == other,
        };
        // A pattern with a path refuses hidden separators, which one without takes.
        let path =
            self.path.is_empty() || (!wanted.path.is_empty() && glob::covers(&self.path, &wanted.path));
        self.https == wanted.https && port && self.host.covers(&wanted.host) && path
    }

    /// The same server with every path.
    pub fn server(&self) -> UrlPattern {
        UrlPattern {
            path: String::new(),
            ..self.clone()
        }
    }

    /// Whether it stands for `https` URLs; else for `http` ones.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The one port, where it is one.
    fn port_number(&self) -> Option<u16> {
        match self.port {
            PortPattern::Any => None,
            PortPattern::Is(port) => Some(port),
            PortPattern::Default if self.https => Some(443),
            PortPattern::Default => Some(80),
        }
    }

    /// The pattern for this one URL, or for every path of its server.
    pub(super) fn exactly(url: &Url, with_path: bool) -> Option<UrlPattern> {
        let host = match url.host()? {
            Host::Domain(name) => HostPattern::Name(name.trim_end_matches('.').to_owned()),
            Host::Ipv4(ip) => HostPattern::Ip(IpAddr::V4(ip)),
            Host::Ipv6(ip) => HostPattern::Ip(IpAddr::V6(ip)),
        };
        let pattern = UrlPattern {
            https: url.scheme() == "https",
            host,
            port: url.port().map_or(PortPattern::Default, PortPattern::Is),
            path: if with_path {
                url.path().to_owned()
            } else {
                String::new()
            },
        };
        // A `*` of a URL's own would stand for more than itself.
        let plain = !pattern.to_string().contains('*');
        let same = UrlPattern::parse(&pattern.to_string()).as_ref() == Ok(&pattern);
        (plain && same && pattern.matches(url)).then_some(pattern)
    }

    fn matches_path(&self, path: &str) -> bool {
        // Slashes and dots that a server might decode after us would make this comparison a different one.
        self.path.is_empty() || (!hides_separators(path) && glob::fits(&self.path, path))
    }
}

/// Whether a path holds encoded separators, or an encoding of an encoding.
fn hides_separators(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    ["%2f", "%5c", "%00", "%25"]
        .iter()
        .any(|hidden| lower.contains(hidden))
}

impl HttpGrant {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let (methods, url) = rest
            .split_once(':')
            .ok_or("it is written http:GET:https://HOST/PATH")?;
        let (url, private) = match url.strip_suffix("+private") {
            Some(url) => (url, true),
            None => (url, false),
        };
        if url.matches('*').count() > 8 {
            return Err("more than eight `*`".to_owned());
        }
        Ok(HttpGrant {
            methods: Methods::parse(methods)?,
            url: UrlPattern::parse(url)?,
            private,
        })
    }

    /// Whether a request may be made, as far as its method and its URL tell. The address that the host's name stands for
    /// is another question, asked when it is known.
    pub fn allows(&self, method: &str, url: &Url) -> bool {
        self.methods.allow(method) && self.url.matches(url)
    }

    /// Whether every request that `wanted` allows is allowed by this grant too.
    pub fn covers(&self, wanted: &HttpGrant) -> bool {
        self.methods.covers(&wanted.methods)
            && self.url.covers(&wanted.url)
            && self
                .url
                .host
                .reaches_all(self.private, &wanted.url.host, wanted.private)
    }

    /// The same grant for one of its methods.
    pub(super) fn with_method(&self, method: &'static str) -> HttpGrant {
        HttpGrant {
            methods: Methods::These(vec![method]),
            ..self.clone()
        }
    }

    pub(super) fn in_words(&self) -> String {
        let private = if self.private {
            ", in private networks and on this machine too"
        } else {
            ""
        };
        match &self.methods {
            Methods::Any => format!("make requests of any kind to {}{private}", self.url),
            Methods::These(_) => format!("make {} requests to {}{private}", self.methods, self.url),
        }
    }

    pub(super) fn risk(&self) -> Risk {
        if self.private || self.url.host.is_everything() || self.methods == Methods::Any {
            Risk::High
        } else if self.methods.only_safe() {
            Risk::Low
        } else {
            Risk::Medium
        }
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Methods::Any => f.write_str("*"),
            Methods::These(list) => f.write_str(&list.join(",")),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Any => f.write_str("*"),
            HostPattern::Below(name) => write!(f, "*.{name}"),
            HostPattern::Name(name) => f.write_str(name),
            HostPattern::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            HostPattern::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.host)?;
        match self.port {
            PortPattern::Default => {}
            PortPattern::Is(port) => write!(f, ":{port}")?,
            PortPattern::Any => f.write_str(":*")?,
        }
        f.write_str(&self.path)
    }
}

impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}{}",
            self.methods,
            self.url,
            if self.private { "+private" } else { "" }
        )
    }
}
