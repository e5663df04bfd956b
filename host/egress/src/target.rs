//! A request's method and URL, in the one form that is checked, resolved, sent and noted.

use fact_types::capability::Methods;
use fact_types::{Access, Resource};
use http::{HeaderValue, Method, Uri};
use std::net::IpAddr;
use url::{Host, Position, Url};

use crate::error::{EgressError, Part, Reason};

/// Longest URL in bytes. What servers and proxies commonly accept.
const MAX_URL: usize = 8 << 10;

/// Longest part of a URL that an error or an effect shows, in bytes. Effects are kept for each call.
const MAX_SHOWN: usize = 1000;

/// Where a request goes, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    method: Method,
    url: Url,
    host: Host<String>,
    port: u16,
}

impl Target {
    /// Parses what a guest asked for.
    ///
    /// # Errors
    /// [`EgressError::InvalidUrl`], [`EgressError::TooLarge`], and [`EgressError::Denied`] for a method that no grant can
    /// name.
    pub fn new(method: &Method, uri: &Uri) -> Result<Self, EgressError> {
        if uri.scheme().is_none() || uri.authority().is_none() {
            return Err(EgressError::InvalidUrl("it has no scheme or no host"));
        }
        Self::parse(method, &uri.to_string())
    }

    /// As [`new`](Self::new), from text.
    ///
    /// # Errors
    /// As there.
    pub fn parse(method: &Method, text: &str) -> Result<Self, EgressError> {
        let (url, host, port) = parse_url(text)?;
        let target = Target {
            method: method.clone(),
            url,
            host,
            port,
        };
        if !Methods::Any.allow(method.as_str()) {
            return Err(target.denied(Reason::Method));
        }
        Ok(target)
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URL. Its query may hold secrets.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What the request touches, without the query, for the list of a call's effects.
    pub fn resource(&self) -> Resource {
        Resource::Http {
            method: shown_method(&self.method),
            url: shorten(&self.url[..Position::AfterPath]),
        }
    }

    /// Whether the request reads or writes, by its method. An `OPTIONS`, `GET` or `HEAD` changes nothing, by RFC 9110.
    pub fn access(&self) -> Access {
        if self.method.is_safe() {
            Access::Read
        } else {
            Access::Write
        }
    }

    /// As [`resource`](Self::resource), for a request that may not even parse.
    pub fn resource_of(method: &Method, uri: &Uri) -> Resource {
        if let Ok((url, ..)) = parse_url(&uri.to_string()) {
            return Resource::Http {
                method: shown_method(method),
                url: shorten(&url[..Position::AfterPath]),
            };
        }
        let host = uri.authority().map_or("", |authority| authority.host());
        Resource::Http {
            method: shown_method(method),
            url: shorten(&format!(
                "{}://{host}{}",
                uri.scheme_str().unwrap_or(""),
                uri.path()
            )),
        }
    }

    pub(crate) fn host(&self) -> &Host<String> {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Path and query, as they stand in the request line.
    pub(crate) fn request_line(&self) -> Result<Uri, EgressError> {
        self.url[Position::BeforePath..Position::AfterQuery]
            .parse()
            .map_err(|_| EgressError::InvalidUrl("its path can't be sent"))
    }

    /// What stands in `Host`: the port only where it is not the scheme's own.
    pub(crate) fn host_header(&self) -> Result<HeaderValue, EgressError> {
        HeaderValue::from_str(&self.url[Position::BeforeHost..Position::AfterPort])
            .map_err(|_| EgressError::InvalidUrl("its host can't be sent"))
    }

    pub(crate) fn denied(&self, why: Reason) -> EgressError {
        let what = format!(
            "{} {}",
            shown_method(&self.method),
            shorten(&self.url[..Position::AfterPath])
        );
        EgressError::Denied { what, why }
    }
}

/// A host as a URL's parser has it, for text that is only a host: `0x7f.1` is `127.0.0.1`, and a dot at the end is gone.
pub(crate) fn parse_host(text: &str) -> Result<Host<String>, EgressError> {
    let bad = EgressError::InvalidUrl("its host is not usable");
    // A bare IPv6 address is what sockets have; URLs put it in brackets.
    let host = match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => Host::Ipv4(ip),
        Ok(IpAddr::V6(ip)) => Host::Ipv6(ip),
        Err(_) => Host::parse(text).map_err(|_| bad.clone())?,
    };
    let Host::Domain(name) = host else { return Ok(host) };
    let name = name.strip_suffix('.').unwrap_or(&name);
    // The bounds of the domain name system.
    let labels = name
        .split('.')
        .all(|label| !label.is_empty() && label.len() <= 63);
    if name.len() > 253 || !labels {
        return Err(bad);
    }
    Ok(Host::Domain(name.to_owned()))
}

fn parse_url(text: &str) -> Result<(Url, Host<String>, u16), EgressError> {
    if text.len() > MAX_URL {
        return Err(EgressError::TooLarge {
            what: Part::Url,
            limit: MAX_URL as u64,
        });
    }
    // The parser would skip or encode these, so that what is checked is not what was written.
    if text.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return Err(EgressError::InvalidUrl("it holds a space or a control character"));
    }
    let (_, after_scheme) = text
        .split_once("://")
        .ok_or(EgressError::InvalidUrl("it has no scheme or no host"))?;
    let authority = after_scheme.split(['/', '\\', '?', '#']).next().unwrap_or("");
    // The parser would skip further slashes and find a host behind them.
    if authority.is_empty() {
        return Err(EgressError::InvalidUrl("it has no scheme or no host"));
    }
    if authority.contains('@') {
        return Err(EgressError::InvalidUrl("it holds a user name or a password"));
    }
    let mut url = Url::parse(text).map_err(|_| EgressError::InvalidUrl("it is malformed"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(EgressError::InvalidUrl("its scheme is neither https nor http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EgressError::InvalidUrl("it holds a user name or a password"));
    }
    if url.fragment().is_some() {
        return Err(EgressError::InvalidUrl("it has a fragment"));
    }
    let no_host = EgressError::InvalidUrl("its host is not usable");
    let host = parse_host(url.host_str().ok_or(no_host.clone())?)?;
    if let Host::Domain(name) = &host {
        url.set_host(Some(name)).map_err(|_| no_host.clone())?;
    }
    // Taking a dot away must not have made the host another kind of thing.
    if url.host().map(|h| h.to_owned()).as_ref() != Some(&host) {
        return Err(no_host);
    }
    match url.port_or_known_default() {
        Some(port) if port != 0 => Ok((url, host, port)),
        _ => Err(EgressError::InvalidUrl("its port is not usable")),
    }
}

/// A method is a guest's own text until a grant allows it.
fn shown_method(method: &Method) -> String {
    method.as_str().chars().take(16).collect()
}

fn shorten(text: &str) -> String {
    if text.len() <= MAX_SHOWN {
        return text.to_owned();
    }
    let mut shown: String = text.chars().take(MAX_SHOWN).collect();
    shown.push('…');
    shown
}
