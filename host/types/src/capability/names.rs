//! Capabilities whose resource is a name: buckets, variables, tools, and the model's budget.

use std::fmt;

use super::rights;

/// A name, or the beginning of one followed by `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamePattern {
    stem: String,
    open: bool,
}

impl NamePattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (stem, open) = match text.strip_suffix('*') {
            Some(stem) => (stem, true),
            None => (text, false),
        };
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if !open && stem.is_empty() {
            return Err("the name is missing".to_owned());
        }
        if !stem.bytes().all(good) {
            return Err(format!(
                "`{text}` is no name: letters, digits, `_`, `-`, `.`, and `*` at the end"
            ));
        }
        Ok(NamePattern {
            stem: stem.to_owned(),
            open,
        })
    }

    /// Whether the pattern stands for this name.
    pub fn matches(&self, name: &str) -> bool {
        if self.open {
            name.starts_with(&self.stem)
        } else {
            name == self.stem
        }
    }

    /// Whether every name that `wanted` stands for is one that this pattern stands for.
    pub fn covers(&self, wanted: &NamePattern) -> bool {
        match self.open {
            true => wanted.stem.starts_with(&self.stem),
            false => self == wanted,
        }
    }

    /// Whether it stands for every name.
    pub fn is_everything(&self) -> bool {
        self.open && self.stem.is_empty()
    }

    /// The one name it stands for, if it is one.
    pub fn exact(&self) -> Option<&str> {
        (!self.open).then_some(self.stem.as_str())
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.stem, if self.open { "*" } else { "" })
    }
}

/// Parses `RIGHT:NAME` where only one right exists.
fn one_right(rest: &str, right: &str) -> Result<NamePattern, String> {
    let (first, name) = rest
        .split_once(':')
        .ok_or_else(|| format!("`:{right}:NAME` is missing"))?;
    rights(first, &[right])?;
    NamePattern::parse(name)
}

/// An environment variable: `env:read:TZ`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnvGrant {
    /// Which.
    pub name: NamePattern,
}

impl EnvGrant {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        one_right(rest, "read").map(|name| EnvGrant { name })
    }
}

/// Other tools: `tool:call:util_*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToolGrant {
    /// Which, by full name.
    pub name: NamePattern,
}

impl ToolGrant {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        one_right(rest, "call").map(|name| ToolGrant { name })
    }
}

/// A bucket: `kv:read,write:notes`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KvGrant {
    /// Values may be read and keys listed.
    pub read: bool,
    /// Values may be set and deleted.
    pub write: bool,
    /// Rights in the order they were written, so that the text comes back as it was.
    write_first: bool,
    /// Which bucket.
    pub bucket: NamePattern,
}

impl KvGrant {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let (first, bucket) = rest.split_once(':').ok_or("it is written kv:read:BUCKET")?;
        let rights = rights(first, &["read", "write"])?;
        Ok(KvGrant {
            read: rights.contains(&"read"),
            write: rights.contains(&"write"),
            write_first: rights.first() == Some(&"write"),
            bucket: NamePattern::parse(bucket)?,
        })
    }

    pub(super) fn in_words(&self) -> String {
        let verb = match (self.read, self.write) {
            (true, true) => "read and change",
            (false, true) => "change",
            _ => "read",
        };
        format!("{verb} what is kept in the bucket {}", self.bucket)
    }
}

impl KvGrant {
    /// The grant in pieces of one right.
    pub(super) fn pieces(&self) -> Vec<KvGrant> {
        let piece = |read: bool| KvGrant {
            read,
            write: !read,
            write_first: !read,
            bucket: self.bucket.clone(),
        };
        let rights = [(self.read, true), (self.write, false)];
        rights
            .into_iter()
            .filter(|(held, _)| *held)
            .map(|(_, read)| piece(read))
            .collect()
    }
}

/// The text of a pair of rights in the order in which they were written.
pub(super) fn read_write(read: bool, write: bool, write_first: bool) -> &'static str {
    match (read, write, write_first) {
        (true, true, false) => "read,write",
        (true, true, true) => "write,read",
        (false, true, _) => "write",
        _ => "read",
    }
}

impl fmt::Display for KvGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}",
            read_write(self.read, self.write, self.write_first),
            self.bucket
        )
    }
}

/// The span of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// Sixty seconds.
    Minute,
    /// Sixty minutes.
    Hour,
    /// Twenty-four hours.
    Day,
}

impl Period {
    fn minutes(self) -> u64 {
        match self {
            Period::Minute => 1,
            Period::Hour => 60,
            Period::Day => 24 * 60,
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Period::Minute => "minute",
            Period::Hour => "hour",
            Period::Day => "day",
        })
    }
}

/// The host's model: `model:ask:10000/day`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelGrant {
    /// Most tokens, question and answer together.
    pub tokens: u64,
    /// In which span.
    pub period: Period,
}

impl ModelGrant {
    /// Whether a budget is never used up before `wanted` is.
    pub fn covers(&self, wanted: &ModelGrant) -> bool {
        // In a shorter span all of a longer one's budget can be used; in a longer one that of each span in it, and of one
        // more where they do not begin together.
        let (own, other) = (self.period.minutes(), wanted.period.minutes());
        let spans = match own <= other {
            true => 1,
            false => own.div_euclid(other) + 1,
        };
        wanted
            .tokens
            .checked_mul(spans)
            .is_some_and(|tokens| self.tokens >= tokens)
    }

    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let usage = "it is written model:ask:TOKENS/PERIOD with a period of minute, hour or day";
        let budget = rest.strip_prefix("ask:").ok_or(usage)?;
        let (tokens, period) = budget.split_once('/').ok_or(usage)?;
        // A sign or leading zeros would not come back when the capability is written out.
        if !tokens.bytes().all(|b| b.is_ascii_digit()) || tokens.starts_with('0') {
            return Err(usage.to_owned());
        }
        let tokens = tokens.parse().map_err(|_| usage)?;
        let period = match period {
            "minute" => Period::Minute,
            "hour" => Period::Hour,
            "day" => Period::Day,
            _ => return Err(usage.to_owned()),
        };
        Ok(ModelGrant { tokens, period })
    }
}
