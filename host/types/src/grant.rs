//! What was granted to whom, on which terms.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Capability, PluginName, Principal, ToolName};

/// A capability that a plugin has, the terms on which it has it, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who or what made it.
    pub origin: Origin,
    /// The plugin.
    pub plugin: PluginName,
    /// What it may do.
    pub capability: Capability,
    /// When it may.
    #[serde(flatten)]
    pub terms: Terms,
    /// How many calls have used it, where that is counted.
    #[serde(default)]
    pub used: u32,
    /// Who granted it.
    pub granted_by: String,
    /// When.
    pub granted_at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where a grant comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Someone gave it; the store holds it under this number.
    Given(GrantId),
    /// A rule of a policy file.
    Policy {
        /// The rule's name.
        rule: String,
    },
}

/// The number of a grant in the store. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantId(pub i64);

/// The terms of a grant. What is left out does not narrow it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Terms {
    /// Only calls of this tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolName>,
    /// Only calls by this principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// Only so many calls that make use of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u32>,
    /// Only before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Why a grant does not hold for a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lapse {
    /// It is for calls of another tool.
    OtherTool(ToolName),
    /// It is for calls by someone else.
    OtherPrincipal(Principal),
    /// Its time is over.
    Expired(Timestamp),
    /// All of its calls were made.
    UsedUp(u32),
}

impl Terms {
    /// Whether there are none.
    pub fn are_empty(&self) -> bool {
        *self == Terms::default()
    }
}

impl Grant {
    /// What the calls of a grant with [`Terms::calls`] are counted under, for each plugin. The grants that a rule makes of its
    /// capabilities share one count: the rule is for so many calls, whatever they use of it.
    pub fn counted_under(&self) -> String {
        match &self.origin {
            Origin::Given(GrantId(id)) => format!("given:{id}"),
            Origin::Policy { rule } => format!("policy:{rule}"),
        }
    }

    /// What is noted of the grant is kept under this: stable as long as the grant is.
    pub fn key(&self) -> String {
        match &self.origin {
            Origin::Given(GrantId(id)) => format!("given:{id}"),
            Origin::Policy { rule } => format!("policy:{rule}:{}", self.capability),
        }
    }

    /// Whether the grant holds for a call of `tool` by `principal` at a moment.
    ///
    /// # Errors
    /// The first of its terms that is not met.
    pub fn holds(&self, tool: &ToolName, principal: &Principal, now: Timestamp) -> Result<(), Lapse> {
        self.holds_for(Some(tool), principal, now)
    }

    /// As [`holds`](Self::holds); without a tool: whether it holds whichever tool is called.
    ///
    /// # Errors
    /// The first of its terms that is not met.
    pub fn holds_for(
        &self,
        tool: Option<&ToolName>,
        principal: &Principal,
        now: Timestamp,
    ) -> Result<(), Lapse> {
        let terms = &self.terms;
        match &terms.tool {
            Some(own) if Some(own) != tool => return Err(Lapse::OtherTool(own.clone())),
            _ => {}
        }
        match &terms.principal {
            Some(own) if own != principal => return Err(Lapse::OtherPrincipal(own.clone())),
            _ => {}
        }
        self.lapsed(now).map_or(Ok(()), Err)
    }

    /// Why the grant holds for no call any more, whoever calls what. None: it still may.
    pub fn lapsed(&self, now: Timestamp) -> Option<Lapse> {
        match (self.terms.until, self.terms.calls) {
            (Some(until), _) if now >= until => Some(Lapse::Expired(until)),
            (_, Some(calls)) if self.used >= calls => Some(Lapse::UsedUp(calls)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let keys = |origin: Origin| {
            let grant = Grant {
                origin,
                plugin: "p".parse().unwrap(),
                capability: Capability::ClockWall,
                terms: Terms::default(),
                used: 0,
                granted_by: "ann".to_owned(),
                granted_at: Timestamp::UNIX_EPOCH,
                reason: None,
            };
            (grant.key(), grant.counted_under())
        };
        let rule = "time".to_owned();
        let own = |key: &str, count: &str| (key.to_owned(), count.to_owned());
        assert_eq!(keys(Origin::Given(GrantId(12))), own("given:12", "given:12"));
        assert_eq!(
            keys(Origin::Policy { rule }),
            own("policy:time:clock:wall", "policy:time")
        );
    }

    #[test]
    fn each_term_narrows_a_grant_for_itself() {
        let tool: ToolName = "fetch".parse().unwrap();
        let other: ToolName = "other".parse().unwrap();
        let ann: Principal = "user:ann".parse().unwrap();
        let six: Timestamp = "2026-01-01T18:00:00Z".parse().unwrap();
        let before = six - jiff::SignedDuration::from_secs(1);
        let grant = |terms: Terms, used: u32| Grant {
            origin: Origin::Given(GrantId(1)),
            plugin: "p".parse().unwrap(),
            capability: Capability::ClockWall,
            terms,
            used,
            granted_by: "ann".to_owned(),
            granted_at: before,
            reason: None,
        };
        let full = Terms {
            tool: Some(tool.clone()),
            principal: Some(ann.clone()),
            calls: Some(10),
            until: Some(six),
        };
        let local = Principal::local();
        let cases = [
            (Terms::default(), 99, &other, &local, six, Ok(())),
            (full.clone(), 9, &tool, &ann, before, Ok(())),
            (
                full.clone(),
                9,
                &other,
                &ann,
                before,
                Err(Lapse::OtherTool(tool.clone())),
            ),
            (
                full.clone(),
                9,
                &tool,
                &local,
                before,
                Err(Lapse::OtherPrincipal(ann.clone())),
            ),
            (full.clone(), 9, &tool, &ann, six, Err(Lapse::Expired(six))),
            (full, 10, &tool, &ann, before, Err(Lapse::UsedUp(10))),
        ];
        for (terms, used, tool, principal, now, expected) in cases {
            assert_eq!(grant(terms, used).holds(tool, principal, now), expected);
        }
    }
}
