//! TCP connections: `net:tcp:db.internal:5432`.

use std::fmt;

use super::http::HostPattern;

/// A host and port to which TCP connections may be made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetGrant {
    /// The host.
    pub host: HostPattern,
    /// The port.
    pub port: u16,
    /// Addresses that are not public are allowed too.
    pub private: bool,
}

impl NetGrant {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let usage = "it is written net:tcp:HOST:PORT";
        let address = rest.strip_prefix("tcp:").ok_or(usage)?;
        let (address, private) = match address.strip_suffix("+private") {
            Some(address) => (address, true),
            None => (address, false),
        };
        let (host, port_text) = address.rsplit_once(':').ok_or(usage)?;
        let port: u16 = port_text.parse().map_err(|_| usage)?;
        if port == 0 || port.to_string() != port_text {
            return Err(usage.to_owned());
        }
        Ok(NetGrant {
            host: HostPattern::parse(host)?,
            port,
            private,
        })
    }

    pub(super) fn in_words(&self) -> String {
        let private = if self.private {
            ", in private networks too"
        } else {
            ""
        };
        format!(
            "open TCP connections to {} on port {}{private}",
            self.host, self.port
        )
    }
}

impl fmt::Display for NetGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tcp:{}:{}{}",
            self.host,
            self.port,
            if self.private { "+private" } else { "" }
        )
    }
}
