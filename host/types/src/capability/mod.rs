//! What a plugin may do.
//!
//! A capability is *kind + rights + resource*, written the same way everywhere: `http:GET:https://api.github.com/*`. It is
//! parsed once, here; [`Display`](std::fmt::Display) gives the same text back. Whether an act is allowed is asked of the
//! parsed form, next to the act.
//!
//! | kind | example | grants |
//! |---|---|---|
//! | `http` | `http:GET,POST:https://api.github.com/repos/*` | requests with these methods to these URLs |
//! | `sql` | `sql:read:finance/companies(name,sector)` | reading or writing a database, some tables, some columns |
//! | `fs` | `fs:read,write:./data` | a folder and everything in it |
//! | `kv` | `kv:read,write:notes` | a bucket of keys |
//! | `secret` | `secret:inject:TOKEN@https://api.github.com` | a secret, put into requests or revealed |
//! | `env` | `env:read:TZ` | an environment variable |
//! | `tool` | `tool:call:util_*` | other tools |
//! | `model` | `model:ask:10000/day` | the host's model, up to so many tokens |
//! | `clock` | `clock:wall` | the time; without it, clocks stand still |
//! | `random` | `random:secure` | randomness; without it, random numbers are always the same |
//! | `host` | `host:read:registry` | what is installed on the host; `host:read:metrics`: how busy it is, and how tools are used |
//! | `net` | `net:tcp:db.internal:5432` | a TCP connection |
//!
//! `+private` at the end of an `http` or `net` grant allows addresses that are not public: loopback, private networks,
//! link-local and so on.

mod covers;
mod fs;
pub mod glob;
mod http;
mod names;
mod needed;
mod net;
mod secret;
mod sql;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

pub use fs::{FsGrant, FsRights};
pub use http::{HostPattern, HttpGrant, Methods, PortPattern, UrlPattern};
pub use names::{EnvGrant, KvGrant, ModelGrant, NamePattern, Period, ToolGrant};
pub use net::NetGrant;
pub use secret::{SecretGrant, SecretUse};
pub use sql::{SqlGrant, SqlRights, TableGrant};

/// Longest text of a capability: room for a long URL, and nothing that could be mistaken for data.
pub const MAX_LEN: usize = 1000;

/// Why a text is no capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no capability: {why}")]
pub struct CapabilityError {
    text: String,
    why: String,
}

impl CapabilityError {
    fn new(text: &str, why: impl Into<String>) -> Self {
        let shown: String = text.chars().take(120).flat_map(char::escape_debug).collect();
        CapabilityError {
            text: shown,
            why: why.into(),
        }
    }
}

/// What a plugin may do, parsed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Capability {
    /// HTTP requests.
    Http(HttpGrant),
    /// Databases.
    Sql(SqlGrant),
    /// Folders.
    Fs(FsGrant),
    /// Buckets of keys.
    Kv(KvGrant),
    /// Secrets.
    Secret(SecretGrant),
    /// Environment variables.
    Env(EnvGrant),
    /// Other tools.
    Tool(ToolGrant),
    /// The host's model.
    Model(ModelGrant),
    /// The time of day.
    ClockWall,
    /// A clock that measures spans of time.
    ClockMonotonic,
    /// Randomness fit for keys.
    RandomSecure,
    /// A TCP connection.
    Net(NetGrant),
    /// Which plugins and tools the host has.
    HostRegistry,
    /// How busy the host is, and how its tools are used.
    HostMetrics,
}

/// How much harm a capability can do, for the order in which people are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Reads something that was named, or nothing of anyone's.
    Low,
    /// Changes something, or reaches out to something that was named.
    Medium,
    /// Broad, secret or private.
    High,
}

impl Capability {
    /// The kind: the text before the first colon.
    pub fn kind(&self) -> &'static str {
        match self {
            Capability::Http(_) => "http",
            Capability::Sql(_) => "sql",
            Capability::Fs(_) => "fs",
            Capability::Kv(_) => "kv",
            Capability::Secret(_) => "secret",
            Capability::Env(_) => "env",
            Capability::Tool(_) => "tool",
            Capability::Model(_) => "model",
            Capability::ClockWall | Capability::ClockMonotonic => "clock",
            Capability::RandomSecure => "random",
            Capability::Net(_) => "net",
            Capability::HostRegistry | Capability::HostMetrics => "host",
        }
    }

    /// What the capability allows, as a sentence's end: "It may …".
    pub fn in_words(&self) -> String {
        match self {
            Capability::Http(grant) => grant.in_words(),
            Capability::Sql(grant) => grant.in_words(),
            Capability::Fs(grant) => grant.in_words(),
            Capability::Kv(grant) => grant.in_words(),
            Capability::Secret(grant) => grant.in_words(),
            Capability::Env(grant) => format!("read the environment variable {}", grant.name),
            Capability::Tool(grant) => format!("call the tools {}", grant.name),
            Capability::Model(grant) => {
                format!(
                    "use up to {} tokens of the model each {}",
                    grant.tokens, grant.period
                )
            }
            Capability::ClockWall => "know the date and the time".to_owned(),
            Capability::ClockMonotonic => "measure how long something takes".to_owned(),
            Capability::RandomSecure => "draw random numbers".to_owned(),
            Capability::Net(grant) => grant.in_words(),
            Capability::HostRegistry => "see which plugins and tools there are".to_owned(),
            Capability::HostMetrics => {
                "see how busy the host is, how long it runs, and how often which tools are called".to_owned()
            }
        }
    }

    /// How much harm it can do.
    pub fn risk(&self) -> Risk {
        match self {
            Capability::Http(grant) => grant.risk(),
            Capability::Sql(grant) => grant.risk(),
            Capability::Fs(grant) => grant.risk(),
            Capability::Secret(grant) => grant.risk(),
            Capability::Net(grant) if grant.private => Risk::High,
            // What others do at this moment shows in the numbers.
            Capability::Net(_) | Capability::Model(_) | Capability::HostMetrics => Risk::Medium,
            Capability::Kv(grant) if grant.write => Risk::Medium,
            Capability::Tool(ToolGrant { name }) | Capability::Env(EnvGrant { name })
                if name.is_everything() =>
            {
                Risk::High
            }
            Capability::Tool(_) => Risk::Medium,
            Capability::Kv(_)
            | Capability::Env(_)
            | Capability::ClockWall
            | Capability::ClockMonotonic
            | Capability::RandomSecure
            | Capability::HostRegistry => Risk::Low,
        }
    }
}

impl FromStr for Capability {
    type Err = CapabilityError;

    fn from_str(text: &str) -> Result<Self, CapabilityError> {
        let error = |why: String| CapabilityError::new(text, why);
        if text.len() > MAX_LEN {
            return Err(error(format!("it is longer than {MAX_LEN} characters")));
        }
        // Folders may have spaces in their names; nothing else has.
        let stray = |c: char| c.is_control() || (c.is_whitespace() && !(c == ' ' && text.starts_with("fs:")));
        if text.chars().any(stray) || text.trim() != text {
            return Err(error("it holds a space or a control character".to_owned()));
        }
        let (kind, rest) = text.split_once(':').ok_or_else(|| {
            error("it is written KIND:RIGHTS:RESOURCE, for example sql:read:finance".to_owned())
        })?;
        match (kind, rest) {
            ("http", rest) => HttpGrant::parse(rest).map(Capability::Http),
            ("sql", rest) => SqlGrant::parse(rest).map(Capability::Sql),
            ("fs", rest) => FsGrant::parse(rest).map(Capability::Fs),
            ("kv", rest) => KvGrant::parse(rest).map(Capability::Kv),
            ("secret", rest) => SecretGrant::parse(rest).map(Capability::Secret),
            ("env", rest) => EnvGrant::parse(rest).map(Capability::Env),
            ("tool", rest) => ToolGrant::parse(rest).map(Capability::Tool),
            ("model", rest) => ModelGrant::parse(rest).map(Capability::Model),
            ("clock", "wall") => Ok(Capability::ClockWall),
            ("clock", "monotonic") => Ok(Capability::ClockMonotonic),
            ("clock", _) => Err("a clock is `clock:wall` or `clock:monotonic`".to_owned()),
            ("random", "secure") => Ok(Capability::RandomSecure),
            ("random", _) => Err("randomness is `random:secure`".to_owned()),
            ("net", rest) => NetGrant::parse(rest).map(Capability::Net),
            ("host", "read:registry") => Ok(Capability::HostRegistry),
            ("host", "read:metrics") => Ok(Capability::HostMetrics),
            ("host", _) => {
                Err("facts about the host are `host:read:registry` and `host:read:metrics`".to_owned())
            }
            _ => Err(
                "the kinds are http, sql, fs, kv, secret, env, tool, model, clock, random, net and host"
                    .to_owned(),
            ),
        }
        .map_err(error)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Capability::Http(grant) => write!(f, "http:{grant}"),
            Capability::Sql(grant) => write!(f, "sql:{grant}"),
            Capability::Fs(grant) => write!(f, "fs:{grant}"),
            Capability::Kv(grant) => write!(f, "kv:{grant}"),
            Capability::Secret(grant) => write!(f, "secret:{grant}"),
            Capability::Env(grant) => write!(f, "env:read:{}", grant.name),
            Capability::Tool(grant) => write!(f, "tool:call:{}", grant.name),
            Capability::Model(grant) => write!(f, "model:ask:{}/{}", grant.tokens, grant.period),
            Capability::ClockWall => f.write_str("clock:wall"),
            Capability::ClockMonotonic => f.write_str("clock:monotonic"),
            Capability::RandomSecure => f.write_str("random:secure"),
            Capability::Net(grant) => write!(f, "net:{grant}"),
            Capability::HostRegistry => f.write_str("host:read:registry"),
            Capability::HostMetrics => f.write_str("host:read:metrics"),
        }
    }
}

impl TryFrom<String> for Capability {
    type Error = CapabilityError;
    fn try_from(text: String) -> Result<Self, CapabilityError> {
        text.parse()
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> String {
        capability.to_string()
    }
}

/// Splits the comma-separated rights of a capability, each of which may stand once, and none of which is unknown.
fn rights<'a>(text: &'a str, known: &[&str]) -> Result<Vec<&'a str>, String> {
    let mut out = Vec::new();
    for right in text.split(',') {
        if !known.contains(&right) {
            return Err(format!(
                "`{right}` is no right here; the rights are {}",
                known.join(" and ")
            ));
        }
        if out.contains(&right) {
            return Err(format!("`{right}` stands twice"));
        }
        out.push(right);
    }
    Ok(out)
}

#[cfg(test)]
mod covers_laws;
#[cfg(test)]
mod covers_tests;
#[cfg(test)]
mod tests;
