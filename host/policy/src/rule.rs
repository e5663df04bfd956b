//! One rule, read from its table.

use std::collections::BTreeSet;
use std::ops::Range;

use fact_types::{Capability, Digest, Terms};
use jiff::Timestamp;
use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::place::Lines;
use crate::selector::{Pattern, Selector};

/// Capabilities that are given to the plugins that are selected, on some terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// What it is called; no two rules are called the same.
    pub name: String,
    /// The file that it stands in.
    pub file: String,
    /// The line, counted from 1, in which it begins.
    pub line: usize,
    /// To which plugins.
    #[serde(flatten)]
    pub selector: Selector,
    /// What.
    pub allow: Vec<Capability>,
    /// When.
    #[serde(flatten)]
    pub terms: Terms,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when the rule is there, as far as is known: when its file was last changed.
    pub since: Timestamp,
}

impl Rule {
    /// Most capabilities of one rule: a rule that needs more is several.
    pub const MAX_ALLOW: usize = 64;
    /// Longest name in bytes. It stands in messages and in the store, beside each count of uses.
    pub const MAX_NAME: usize = 100;
    /// Longest reason in bytes, as that of a grant that someone gives.
    pub const MAX_REASON: usize = 1000;
}

/// The keys of a rule.
const KEYS: [&str; 9] = [
    "name",
    "plugin",
    "digest",
    "source",
    "allow",
    "tool",
    "principal",
    "calls",
    "until",
];

/// What is wrong, and in which line.
pub(crate) type Wrong = (usize, String);

/// What reads one rule: it goes on after a mistake, so that all of them are told.
pub(crate) struct Reader<'a> {
    pub(crate) lines: &'a Lines,
    pub(crate) file: &'a str,
    pub(crate) since: Timestamp,
    pub(crate) wrong: &'a mut Vec<Wrong>,
}

impl Reader<'_> {
    /// Reads a rule. None where something in it is wrong, which has then been told.
    pub(crate) fn read(&mut self, span: &Range<usize>, table: &DeTable<'_>) -> Option<Rule> {
        let line = self.lines.line(span);
        let before = self.wrong.len();
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !KEYS.contains(&name) && name != "reason" {
                let known = KEYS.join(", ");
                self.say(
                    &key.span(),
                    format!(
                        "there is no key `{}` in a rule; the keys are {known} and reason",
                        shown(name)
                    ),
                );
            }
        }
        let name = self
            .text(table, "name")
            .and_then(|(span, name)| self.settle(&span, "name", rule_name(name)));
        let digest = self.parsed::<Digest>(table, "digest");
        let plugin = self.pattern(table, "plugin");
        let source = self.pattern(table, "source");
        if ["plugin", "digest", "source"]
            .iter()
            .all(|key| !table.contains_key(*key))
        {
            self.wrong.push((
                line,
                "a rule says for which plugins it is: by `plugin`, `digest` or `source`".to_owned(),
            ));
        }
        let terms = Terms {
            tool: self.parsed(table, "tool"),
            principal: self.parsed(table, "principal"),
            calls: self.calls(table),
            until: self.until(table),
        };
        let reason = self.text(table, "reason").and_then(|(span, text)| {
            let bounded = match text.len() > Rule::MAX_REASON || text.chars().any(char::is_control) {
                true => Err(format!(
                    "is longer than {} bytes or holds control characters",
                    Rule::MAX_REASON
                )),
                false => Ok(text.to_owned()),
            };
            self.settle(&span, "reason", bounded)
        });
        let allow = self.allow(table, line);
        if !table.contains_key("name") {
            self.wrong.push((
                line,
                "a rule has a `name`, by which explanations and counts speak of it".to_owned(),
            ));
        }
        (self.wrong.len() == before).then_some(())?;
        Some(Rule {
            name: name?,
            file: self.file.to_owned(),
            line,
            selector: Selector {
                plugin,
                digest,
                source,
            },
            allow: allow?,
            terms,
            reason,
            since: self.since,
        })
    }

    fn say(&mut self, span: &Range<usize>, what: impl Into<String>) {
        self.wrong.push((self.lines.line(span), what.into()));
    }

    fn settle<T>(&mut self, span: &Range<usize>, key: &str, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(what) => {
                self.say(span, format!("`{key}` {what}"));
                None
            }
        }
    }

    fn text<'t>(&mut self, table: &'t DeTable<'_>, key: &str) -> Option<(Range<usize>, &'t str)> {
        let value = table.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some((value.span(), text)),
            other => {
                self.say(
                    &value.span(),
                    format!("`{key}` is a text in quotes, not {}", kind(other)),
                );
                None
            }
        }
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
    ) -> Option<T> {
        let (span, text) = self.text(table, key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.say(&span, format!("`{key}`: {error}"));
                None
            }
        }
    }

    fn pattern(&mut self, table: &DeTable<'_>, key: &str) -> Option<Pattern> {
        let (span, text) = self.text(table, key)?;
        self.settle(&span, key, Pattern::parse(text))
    }

    fn calls(&mut self, table: &DeTable<'_>) -> Option<u32> {
        let value = table.get("calls")?;
        let number = match value.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        if number.is_none_or(|number| number == 0) {
            self.say(
                &value.span(),
                format!("`calls` is a whole number from 1 to {}", u32::MAX),
            );
            return None;
        }
        number
    }

    fn until(&mut self, table: &DeTable<'_>) -> Option<Timestamp> {
        let value = table.get("until")?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(moment) => moment.to_string(),
            _ => String::new(),
        };
        // A time without a zone is no moment, and is refused by the parser.
        let moment = text.parse().ok();
        if moment.is_none() {
            self.say(
                &value.span(),
                "`until` is a moment with its zone, for example 2026-12-01T18:00:00Z",
            );
        }
        moment
    }

    fn allow(&mut self, table: &DeTable<'_>, line: usize) -> Option<Vec<Capability>> {
        let Some(value) = table.get("allow") else {
            self.wrong
                .push((line, "a rule has `allow`, a list of capabilities".to_owned()));
            return None;
        };
        let DeValue::Array(list) = value.get_ref() else {
            self.say(
                &value.span(),
                format!(
                    "`allow` is a list of capabilities in quotes, not {}",
                    kind(value.get_ref())
                ),
            );
            return None;
        };
        if list.is_empty() || list.len() > Rule::MAX_ALLOW {
            let most = Rule::MAX_ALLOW;
            self.say(
                &value.span(),
                format!(
                    "`allow` holds {} capabilities; it must be from 1 to {most}",
                    list.len()
                ),
            );
            return None;
        }
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for entry in list.iter() {
            match capability(entry) {
                Ok(capability) if seen.insert(capability.clone()) => found.push(capability),
                Ok(capability) => self.say(&entry.span(), format!("`{capability}` stands twice in `allow`")),
                Err(what) => self.say(&entry.span(), what),
            }
        }
        Some(found)
    }
}

fn capability(entry: &Spanned<DeValue<'_>>) -> Result<Capability, String> {
    let DeValue::String(text) = entry.get_ref() else {
        return Err(format!(
            "a capability is a text in quotes, not {}",
            kind(entry.get_ref())
        ));
    };
    let capability: Capability = text
        .parse()
        .map_err(|error: fact_types::CapabilityError| error.to_string())?;
    match &capability {
        // A policy has no folder of its own from which a relative one could be taken.
        Capability::Fs(grant) if !grant.folder().is_absolute() => Err(format!(
            "`{capability}`: in a policy a folder is named from the root"
        )),
        _ => Ok(capability),
    }
}

/// A rule's name is part of the key under which its uses are counted, where a colon ends it.
fn rule_name(text: &str) -> Result<String, String> {
    let good = !text.trim().is_empty() && text.trim() == text && text.len() <= Rule::MAX_NAME;
    if good && !text.chars().any(|c| c.is_control() || c == ':') {
        return Ok(text.to_owned());
    }
    Err(format!(
        "is 1 to {} bytes without colons, control characters, and spaces at its ends",
        Rule::MAX_NAME
    ))
}

fn kind(value: &DeValue<'_>) -> String {
    match value.type_str() {
        word @ ("integer" | "array") => format!("an {word}"),
        word => format!("a {word}"),
    }
}

/// A short, printable form of a text from outside.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}
