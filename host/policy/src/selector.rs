//! Which plugins a rule is about.

use std::fmt;

use fact_types::capability::glob;
use fact_types::{Digest, PluginName};
use serde::Serialize;

/// What a rule may ask of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginFacts {
    /// The name under which it is installed. Whoever installs it chooses.
    pub name: PluginName,
    /// The digest of its component.
    pub digest: Digest,
    /// Where it came from, as it was given to `fact plugin install`.
    pub source: String,
}

/// Which plugins: all that is said must fit. At least one thing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Selector {
    /// By the name under which it is installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Pattern>,
    /// By its very bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// By where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Pattern>,
}

/// A text in which `*` stands for any characters but a slash, and for any characters at all as the last one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// Longest pattern: sources are URLs and paths.
    pub const MAX: usize = 1000;

    /// Takes a text for a pattern.
    ///
    /// # Errors
    /// A sentence's end, when it is empty, too long, or holds control characters.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty; leave it out to ask nothing".to_owned());
        }
        if text.len() > Self::MAX {
            return Err(format!("is longer than {} characters", Self::MAX));
        }
        if text.chars().any(char::is_control) {
            return Err("holds a control character".to_owned());
        }
        Ok(Pattern(text.to_owned()))
    }

    /// Whether a text fits.
    pub fn matches(&self, text: &str) -> bool {
        glob::fits(&self.0, text)
    }

    /// Whether every text that fits `other` fits this. No, where that can't be told.
    pub fn covers(&self, other: &Pattern) -> bool {
        glob::covers(&self.0, &other.0)
    }

    /// Whether it stands for more than one text.
    pub fn is_open(&self) -> bool {
        self.0.contains('*')
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Selector {
    /// Whether a plugin is selected. A selector that says nothing selects nothing.
    pub fn selects(&self, plugin: &PluginFacts) -> bool {
        let Selector {
            plugin: name,
            digest,
            source,
        } = self;
        (name.is_some() || digest.is_some() || source.is_some())
            && name
                .as_ref()
                .is_none_or(|name| name.matches(plugin.name.as_str()))
            && digest.is_none_or(|digest| digest == plugin.digest)
            && source
                .as_ref()
                .is_none_or(|source| comes_from(source, &plugin.source))
    }

    /// Whether every plugin that `other` selects is selected. No, where that can't be told.
    pub fn covers(&self, other: &Selector) -> bool {
        let open = |own: &Option<Pattern>, other: &Option<Pattern>| match (own, other) {
            (None, _) => true,
            (Some(own), Some(other)) => own.covers(other),
            (Some(_), None) => false,
        };
        (self.digest.is_none() || self.digest == other.digest)
            && open(&self.plugin, &other.plugin)
            && open(&self.source, &other.source)
    }
}

/// Whether a plugin's source fits a pattern. A `*` must not be a way up and out again: a source with `..` in it, plain or
/// encoded, fits only the pattern that is its own text.
fn comes_from(pattern: &Pattern, source: &str) -> bool {
    let lower = source.to_ascii_lowercase();
    let strays = lower.contains('\\')
        || ["%2e", "%2f", "%5c", "%25"]
            .iter()
            .any(|hidden| lower.contains(hidden))
        || lower.split(['/', '?', '#']).any(|part| part == "..");
    match strays {
        true => pattern.as_str() == source,
        false => pattern.matches(source),
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        if let Some(name) = &self.plugin {
            write!(f, "plugin {name}")?;
            between = ", ";
        }
        if let Some(digest) = &self.digest {
            write!(f, "{between}digest sha256:{}", digest.short())?;
            between = ", ";
        }
        if let Some(source) = &self.source {
            write!(f, "{between}source {source}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_is_said_must_fit() {
        let digest: Digest = "ab".repeat(32).parse().unwrap();
        let facts = |name: &str, source: &str| PluginFacts {
            name: name.parse().unwrap(),
            digest,
            source: source.to_owned(),
        };
        let from = "https://e.example/p/a.wasm";
        for (name, own, source, plugin, is) in [
            (None, None, None, facts("a", from), false),
            (Some("a"), None, None, facts("a", from), true),
            (Some("a"), None, None, facts("ab", from), false),
            (Some("a*"), None, None, facts("ab", from), true),
            (Some("*-x"), None, None, facts("ab-x", from), true),
            (None, Some(digest), None, facts("a", from), true),
            (None, Some(Digest::of(b"")), None, facts("a", from), false),
            (None, None, Some("https://e.example/p/*"), facts("a", from), true),
            (None, None, Some("https://e.example/q/*"), facts("a", from), false),
            (
                None,
                None,
                Some("https://e.example/*.wasm"),
                facts("a", from),
                false,
            ),
            (
                Some("b"),
                None,
                Some("https://e.example/p/*"),
                facts("a", from),
                false,
            ),
            (Some("a"), Some(Digest::of(b"")), None, facts("a", from), false),
            (
                None,
                None,
                Some("https://e.example/p/*"),
                facts("a", "https://e.example/p/../q"),
                false,
            ),
            (
                None,
                None,
                Some("https://e.example/p/*"),
                facts("a", "https://e.example/p/%2E%2e/q"),
                false,
            ),
            (
                None,
                None,
                Some("https://e.example/p/*"),
                facts("a", "https://e.example/p/..\\q"),
                false,
            ),
            (
                None,
                None,
                Some("https://e.example/p/../q"),
                facts("a", "https://e.example/p/../q"),
                true,
            ),
            (
                None,
                None,
                Some("https://e.example/p/*"),
                facts("a", "https://e.example/p/a..b"),
                true,
            ),
        ] {
            let selector = Selector {
                plugin: name.map(|name| Pattern::parse(name).unwrap()),
                digest: own,
                source: source.map(|source| Pattern::parse(source).unwrap()),
            };
            assert_eq!(selector.selects(&plugin), is, "{selector}: {plugin:?}");
        }
    }

    #[test]
    fn a_selector_that_asks_less_covers_one_that_asks_more() {
        let selector = |name: Option<&str>, digest: Option<&[u8]>| Selector {
            plugin: name.map(|name| Pattern::parse(name).unwrap()),
            digest: digest.map(Digest::of),
            source: None,
        };
        for (own, other, is) in [
            (selector(Some("a*"), None), selector(Some("ab"), None), true),
            (selector(Some("ab"), None), selector(Some("a*"), None), false),
            (selector(Some("a*"), None), selector(Some("ab"), Some(b"x")), true),
            (selector(None, Some(b"x")), selector(Some("ab"), Some(b"x")), true),
            (
                selector(None, Some(b"y")),
                selector(Some("ab"), Some(b"x")),
                false,
            ),
            (selector(Some("a*"), None), selector(None, Some(b"x")), false),
        ] {
            assert_eq!(own.covers(&other), is, "{own} covers {other}");
        }
    }
}
