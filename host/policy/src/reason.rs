//! Why something is allowed or not, as sentences and as JSON.

use std::fmt;

use fact_types::{Capability, Grant, GrantId, Lapse, Origin};
use jiff::Timestamp;
use serde::Serialize;

use crate::gap::Gap;

/// The grant or rule of which a reason speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The grant's number, or the rule's name.
    #[serde(flatten)]
    pub origin: Origin,
    /// What it allows.
    pub capability: Capability,
    /// Who granted it, or the policy file.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Named {
    pub(crate) fn of(grant: &Grant) -> Self {
        Named {
            origin: grant.origin.clone(),
            capability: grant.capability.clone(),
            by: grant.granted_by.clone(),
            at: grant.granted_at,
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Given(GrantId(number)) => {
                write!(
                    f,
                    "grant {number} `{}` by {} at {:.0}",
                    self.capability, self.by, self.at
                )
            }
            Origin::Policy { rule } => write!(f, "rule `{rule}` of {} `{}`", self.by, self.capability),
        }
    }
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Reason {
    /// A grant that allows it, or a part of it.
    Allows {
        /// The grant.
        grant: Named,
    },
    /// The plugin, or the tool, is disabled.
    Disabled {
        /// `plugin` or `tool`.
        what: &'static str,
    },
    /// This host has no import that a capability of this kind opens.
    NotServed {
        /// The kind.
        kind: &'static str,
    },
    /// No grant opens it.
    NeverGranted {
        /// What can't be granted, as a sentence's end.
        what: String,
    },
    /// A grant that covers it and does not hold.
    Lapsed {
        /// The grant.
        grant: Named,
        /// Which of its terms is not met.
        lapse: Lapse,
    },
    /// A grant that covers the capability, while the act goes beyond what capabilities tell.
    Beyond {
        /// The grant.
        grant: Named,
        /// What the act may have been, as a sentence's end.
        what: &'static str,
    },
    /// A grant that has to do with it and does not cover it.
    Narrower {
        /// The grant.
        grant: Named,
        /// What it lacks.
        gaps: Vec<Gap>,
        /// It does not hold either.
        #[serde(skip_serializing_if = "Option::is_none")]
        lapse: Option<Lapse>,
    },
    /// No grant and no rule has to do with it.
    NoRule {
        /// With what.
        capabilities: Vec<Capability>,
    },
}

impl Reason {
    /// The grant or rule, where the reason is one.
    pub fn named(&self) -> Option<&Named> {
        match self {
            Reason::Allows { grant }
            | Reason::Lapsed { grant, .. }
            | Reason::Beyond { grant, .. }
            | Reason::Narrower { grant, .. } => Some(grant),
            _ => None,
        }
    }

    /// How far the reason is from a yes.
    pub(crate) fn distance(&self) -> usize {
        match self {
            Reason::Disabled { .. } => 0,
            Reason::NotServed { .. } | Reason::NeverGranted { .. } => 1,
            Reason::Lapsed { .. } => 2,
            Reason::Beyond { .. } => 3,
            Reason::Narrower { gaps, lapse, .. } => 4 + 2 * gaps.len() + usize::from(lapse.is_some()),
            Reason::NoRule { .. } => 100,
            Reason::Allows { .. } => 200,
        }
    }
}

/// A term that is not met, as a sentence's end.
pub(crate) fn lapse_words(lapse: &Lapse) -> String {
    match lapse {
        Lapse::OtherTool(tool) => format!("only for the tool `{tool}`"),
        Lapse::OtherPrincipal(principal) => format!("only for calls by `{principal}`"),
        Lapse::Expired(until) => format!("it expired at {until:.0}"),
        Lapse::UsedUp(1) => "its one call is used up".to_owned(),
        Lapse::UsedUp(calls) => format!("its {calls} calls are used up"),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Allows { grant } => write!(f, "{grant}"),
            Reason::Disabled { what } => write!(f, "the {what} is disabled"),
            Reason::NotServed { kind } => {
                write!(
                    f,
                    "no rule can give it: this version of FACT offers plugins no `{kind}` capability"
                )
            }
            Reason::NeverGranted { what } => write!(f, "no rule can give it: {what}"),
            Reason::Lapsed { grant, lapse } => write!(f, "{grant} covers it, but {}", lapse_words(lapse)),
            Reason::Beyond { grant, what } => write!(f, "{grant} is about it, but {what}"),
            Reason::Narrower { grant, gaps, lapse } => {
                let lapse = lapse.iter().map(lapse_words);
                let words: Vec<String> = gaps.iter().map(ToString::to_string).chain(lapse).collect();
                write!(f, "{grant} is about it, but {}", words.join(", and "))
            }
            Reason::NoRule { capabilities } if capabilities.is_empty() => f.write_str("no rule"),
            Reason::NoRule { capabilities } => {
                let texts: Vec<String> = capabilities.iter().map(|c| format!("`{c}`")).collect();
                write!(f, "no rule for {}", texts.join(", "))
            }
        }
    }
}
