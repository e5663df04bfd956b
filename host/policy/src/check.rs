//! What is allowed in a policy and unwise all the same.

use std::fmt;

use fact_types::PluginName;
use fact_types::capability::Risk;
use jiff::Timestamp;
use serde::Serialize;

use crate::rule::Rule;
use crate::selector::Pattern;
use crate::{Policy, Selector};

/// Something to think about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The file.
    pub file: String,
    /// The line in which the rule begins.
    pub line: usize,
    /// The rule.
    pub rule: String,
    /// Of what kind.
    pub concern: Concern,
    /// What it is, as a sentence.
    pub message: String,
}

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Concern {
    /// The plugin is not known by its bytes.
    Unpinned,
    /// The source's pattern takes in more than it seems to.
    OpenSource,
    /// A capability of high risk.
    Risk,
    /// The rule's time is over.
    Expired,
    /// No plugin is ever selected.
    Never,
    /// Another rule gives as much.
    Shadowed,
    /// Not everything was compared.
    Unchecked,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: rule `{}`: {}",
            self.file, self.line, self.rule, self.message
        )
    }
}

/// Most pairs of capabilities that are held against each other when rules are searched for ones that others make useless.
const COMPARISONS: usize = 2_000_000;

impl Policy {
    /// What is unwise in the rules at a moment, in their order.
    pub fn check(&self, now: Timestamp) -> Vec<Warning> {
        let mut found = Vec::new();
        for rule in self.rules() {
            found.extend(selection(rule));
            found.extend(
                rule.allow
                    .iter()
                    .filter(|capability| capability.risk() == Risk::High)
                    .map(|capability| {
                        let words = capability.in_words();
                        warn(
                            rule,
                            Concern::Risk,
                            format!("`{capability}` is a high risk: it lets the plugin {words}"),
                        )
                    }),
            );
            if let Some(until) = rule.terms.until
                && now >= until
            {
                found.push(warn(rule, Concern::Expired, format!("it expired at {until:.0}")));
            }
        }
        found.extend(self.shadowed());
        found.sort_by_key(|warning| self.rules().iter().position(|rule| rule.name == warning.rule));
        found
    }

    /// Rules that change nothing, since another gives the same plugins as much.
    fn shadowed(&self) -> Vec<Warning> {
        let mut found = Vec::new();
        let mut left = COMPARISONS;
        for (at, rule) in self.rules().iter().enumerate() {
            for (other_at, other) in self.rules().iter().enumerate() {
                // Of two rules that say the same, the second is the one too many.
                if at == other_at || (other_at > at && shadows(rule, other)) {
                    continue;
                }
                let Some(rest) = left.checked_sub(1 + rule.allow.len() * other.allow.len()) else {
                    found.push(warn(
                        rule,
                        Concern::Unchecked,
                        "it was not compared with all other rules: there are too many",
                    ));
                    return found;
                };
                left = rest;
                if shadows(other, rule) {
                    found.push(warn(
                        rule,
                        Concern::Shadowed,
                        format!(
                            "it changes nothing: the rule `{}` gives the same plugins as much",
                            other.name
                        ),
                    ));
                    break;
                }
            }
        }
        found
    }
}

/// Whether `other` gives nothing that `rule` does not give.
fn shadows(rule: &Rule, other: &Rule) -> bool {
    let (own, others) = (&rule.terms, &other.terms);
    let terms = (own.tool.is_none() || own.tool == others.tool)
        && (own.principal.is_none() || own.principal == others.principal)
        && own.calls.is_none()
        && own
            .until
            .is_none_or(|until| others.until.is_some_and(|other| other <= until));
    terms
        && rule.selector.covers(&other.selector)
        && other
            .allow
            .iter()
            .all(|wanted| rule.allow.iter().any(|own| own.covers(wanted)))
}

fn warn(rule: &Rule, concern: Concern, message: impl Into<String>) -> Warning {
    Warning {
        file: rule.file.clone(),
        line: rule.line,
        rule: rule.name.clone(),
        concern,
        message: message.into(),
    }
}

fn selection(rule: &Rule) -> Vec<Warning> {
    let Selector {
        plugin,
        digest,
        source,
    } = &rule.selector;
    let mut found = Vec::new();
    if let Some(plugin) = plugin
        && !names_a_plugin(plugin)
    {
        let message = format!("no plugin is called `{plugin}`: names are made of a-z, 0-9 and `-`");
        found.push(warn(rule, Concern::Never, message));
    }
    if digest.is_some() {
        return found;
    }
    found.push(match source {
        Some(source) => warn(
            rule,
            Concern::Unpinned,
            format!("anyone who can publish under `{source}` gets this; a `digest` would pin the plugin's bytes"),
        ),
        None => warn(
            rule,
            Concern::Unpinned,
            "whatever is installed under this name gets this, and so does each update; a `digest` would pin the plugin's bytes",
        ),
    });
    if let Some(source) = source {
        found.extend(open_source(source).map(|message| warn(rule, Concern::OpenSource, message)));
    }
    found
}

/// Whether some plugin name fits a pattern.
fn names_a_plugin(pattern: &Pattern) -> bool {
    // A star may stand for a letter, for more, or for nothing.
    let shortest = pattern.as_str().replace('*', "");
    let filled = pattern.as_str().replace('*', "a");
    [shortest, filled]
        .iter()
        .any(|name| name.parse::<PluginName>().is_ok())
}

/// What a pattern of sources takes in that its author may not have meant.
fn open_source(source: &Pattern) -> Option<String> {
    let text = source.as_str();
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split('/').next().unwrap_or_default();
            if host.contains('*') {
                return Some(format!(
                    "`{text}` leaves the host open: anyone can have a server that fits"
                ));
            }
            (scheme != "https")
                .then(|| format!("`{text}` is not https: whoever is on the way can change the plugin"))
        }
        None => text
            .starts_with('*')
            .then(|| format!("`{text}` begins with `*`: it fits sources of every kind")),
    }
}
