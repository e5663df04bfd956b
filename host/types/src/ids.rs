//! Names and identities.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a name or an id does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a plugin name.
    #[error(
        "`{0}` is no plugin name: 1 to 32 of a-z, 0-9 and `-`, beginning with a letter, without `--` or a `-` at the end"
    )]
    Plugin(String),
    /// Not a tool name.
    #[error("`{0}` is no tool name: 1 to 64 of a-z, A-Z, 0-9, `_` and `-`")]
    Tool(String),
    /// Not a tool of a plugin.
    #[error("`{0}` names no tool: it is written PLUGIN_TOOL, for example `sql_query`")]
    ToolId(String),
    /// Not a digest.
    #[error("`{0}` is no digest: 64 hexadecimal digits, `sha256:` may stand before them")]
    Digest(String),
    /// Not a call id.
    #[error("`{0}` is no call id")]
    Call(String),
    /// Not a principal.
    #[error("`{0}` is no principal: 1 to 128 of a-z, A-Z, 0-9 and `_ - . : @ /`, for example user:ann")]
    Principal(String),
}

/// Longest text that an error repeats, so that a hostile name can't flood a log or a terminal.
const SHOWN: usize = 80;

/// A short, printable form of a text from outside.
fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

/// The name of an installed plugin: `sql`, `issue-tracker`. No underscore, so that the full name of a tool has one
/// reading only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginName(String);

impl PluginName {
    /// Longest plugin name: it leaves the tool half of the 64 characters that models allow for a name.
    pub const MAX: usize = 32;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PluginName {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        let good = s.len() <= Self::MAX
            && s.starts_with(|c: char| c.is_ascii_lowercase())
            && !s.ends_with('-')
            && !s.contains("--")
            && s.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if good {
            Ok(PluginName(s.to_owned()))
        } else {
            Err(NameError::Plugin(shown(s)))
        }
    }
}

/// The name of a tool inside its plugin: `query`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ToolName(String);

impl ToolName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ToolName {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        if is_tool_text(s) {
            Ok(ToolName(s.to_owned()))
        } else {
            Err(NameError::Tool(shown(s)))
        }
    }
}

/// The characters and the length that models and MCP clients allow for a tool's name.
fn is_tool_text(s: &str) -> bool {
    (1..=64).contains(&s.len())
        && s.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The full name of a tool, as callers write it: plugin, underscore, tool. At most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToolId {
    /// The plugin that has the tool.
    pub plugin: PluginName,
    /// The tool's name in it.
    pub tool: ToolName,
}

impl ToolId {
    /// The full name of `tool` of `plugin`.
    ///
    /// # Errors
    /// When the two together are longer than 64 characters.
    pub fn new(plugin: PluginName, tool: ToolName) -> Result<Self, NameError> {
        let id = ToolId { plugin, tool };
        let text = id.to_string();
        if is_tool_text(&text) {
            Ok(id)
        } else {
            Err(NameError::Tool(shown(&text)))
        }
    }
}

impl fmt::Display for ToolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.plugin, self.tool)
    }
}

impl FromStr for ToolId {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        let bad = || NameError::ToolId(shown(s));
        let (plugin, tool) = s.split_once('_').ok_or_else(bad)?;
        match (plugin.parse(), tool.parse()) {
            (Ok(plugin), Ok(tool)) => ToolId::new(plugin, tool),
            _ => Err(bad()),
        }
    }
}

impl Serialize for ToolId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ToolId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Who calls: a person, a key, or a plugin that calls another's tool.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Principal(String);

impl Principal {
    /// The user of this machine, at the command line.
    pub const LOCAL: &str = "local";

    /// The user of this machine.
    pub fn local() -> Self {
        Principal(Self::LOCAL.to_owned())
    }

    /// A plugin that calls another's tool. It acts for itself, not for whoever called it.
    pub fn plugin(name: &PluginName) -> Self {
        Principal(format!("plugin:{name}"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Principal {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        let good = (1..=128).contains(&s.len())
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.:@/".contains(&b));
        if good {
            Ok(Principal(s.to_owned()))
        } else {
            Err(NameError::Principal(shown(s)))
        }
    }
}

/// SHA-256 of a component's bytes, by which it is stored and known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Digest(sha2::Sha256::digest(bytes).into())
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        let bad = || NameError::Digest(shown(s));
        let hex = s.strip_prefix("sha256:").unwrap_or(s);
        if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let mut out = [0u8; 32];
        for (byte, pair) in out.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        Ok(Digest(out))
    }
}

/// The id of one call, ordered by time, by which the log, the audit and the caller speak of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallId(uuid::Uuid);

impl CallId {
    /// A new id.
    pub fn new() -> Self {
        CallId(uuid::Uuid::now_v7())
    }
}

impl Default for CallId {
    fn default() -> Self {
        CallId::new()
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

impl FromStr for CallId {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        uuid::Uuid::try_parse(s)
            .map(CallId)
            .map_err(|_| NameError::Call(shown(s)))
    }
}

macro_rules! text_forms {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(s: String) -> Result<Self, NameError> {
                s.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.to_string()
            }
        }
    )*};
}
text_forms!(PluginName, ToolName, Principal, Digest, CallId);

macro_rules! plain_display {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
plain_display!(PluginName, ToolName, Principal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugin_names() {
        for good in ["sql", "a", "issue-tracker", "x2", &"a".repeat(32)] {
            assert_eq!(good.parse::<PluginName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "a-",
            "a--b",
            "2x",
            "A",
            "a_b",
            "a b",
            "ä",
            "../x",
            &"a".repeat(33),
        ] {
            assert!(bad.parse::<PluginName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn tool_ids_have_one_reading() {
        let id: ToolId = "issue-tracker_list_open".parse().unwrap();
        assert_eq!(
            (id.plugin.as_str(), id.tool.as_str()),
            ("issue-tracker", "list_open")
        );
        assert_eq!(id.to_string(), "issue-tracker_list_open");
        for bad in [
            "",
            "sql",
            "_query",
            "sql_",
            "SQL_query",
            "sql_que ry",
            &format!("sql_{}", "q".repeat(61)),
        ] {
            assert!(bad.parse::<ToolId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn digests() {
        let digest = Digest::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert_eq!(format!("sha256:{text}").parse::<Digest>().unwrap(), digest);
        for bad in ["", "abc", &text[1..], "sha1:00", &format!("{}é", &text[2..])] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_repeats_no_more_than_it_should() {
        let error = "\u{1b}[2J"
            .repeat(1000)
            .parse::<PluginName>()
            .unwrap_err()
            .to_string();
        assert!(!error.contains('\u{1b}') && error.len() < 1000, "{error}");
    }
}
