//! Whether a plugin may do something, and what decides about it.

use std::fmt;

use fact_types::{Access, Capability, Grant, Lapse, PluginName, Principal, Resource, ToolName};
use jiff::Timestamp;
use serde::Serialize;

use crate::gap::gaps;
use crate::reason::{Named, Reason};
use crate::renew::{Caller, instead};

/// Who asks, and all that decides.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The plugin.
    pub plugin: &'a PluginName,
    /// Its grants: those that were given, and those of the policy.
    pub grants: &'a [Grant],
    /// The tool that is called; none: whichever it is.
    pub tool: Option<&'a ToolName>,
    /// Who calls it.
    pub principal: &'a Principal,
    /// When.
    pub now: Timestamp,
    /// Whether the plugin is enabled.
    pub plugin_enabled: bool,
    /// Whether the tool is.
    pub tool_enabled: bool,
    /// Whether this host has an import for a capability.
    pub serves: fn(&Capability) -> bool,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether it may.
    pub allowed: bool,
    /// Why: of a yes the grants that allow it, of a no what it fails on, the nearest to a yes first. Never empty.
    pub because: Vec<Reason>,
    /// What to do about a no, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Most reasons of an answer. A plugin may have more grants than anyone reads.
const REASONS: usize = 20;

impl Question<'_> {
    /// Whether the plugin may do all that `wanted` allows.
    pub fn explain(&self, wanted: &Capability) -> Explanation {
        let closed = "no grant opens this address".to_owned();
        let Some(wanted) = wanted.for_its_address() else {
            return self.denied(vec![Reason::NeverGranted { what: closed }], None);
        };
        let mut because = self.disabled();
        let mut advice = because.first().map(|_| self.enable());
        if !(self.serves)(&wanted) {
            because.push(Reason::NotServed { kind: wanted.kind() });
            return self.denied(because, None);
        }
        let (missing, allows) = self.settle(&wanted);
        if missing.is_empty() {
            let allowed = because.is_empty();
            because.extend(allows);
            because.truncate(REASONS);
            return Explanation {
                allowed,
                because,
                advice,
            };
        }
        let near = self.near(&missing);
        let left_out: Vec<Capability> = missing
            .iter()
            .filter(|piece| !near.iter().any(|reason| is_about(reason, piece)))
            .cloned()
            .collect();
        let whole = missing.len() == wanted.pieces().len();
        if !left_out.is_empty() {
            let capabilities = match near.is_empty() && whole {
                true => Vec::new(),
                false => left_out,
            };
            because.push(Reason::NoRule { capabilities });
        }
        because.extend(near);
        let needed = match whole {
            true => vec![wanted],
            false => missing,
        };
        let grant = self.mend(needed);
        advice = Some(match advice {
            Some(enable) => format!("{enable}, and then {grant}"),
            None => grant,
        });
        self.denied(because, advice)
    }

    /// Why an effect was refused. `resource` is what the host noted with [`Access::Denied`].
    ///
    /// The answer is always a no: where the grants cover all that the effect tells, it says what else may be behind it.
    pub fn explain_denial(&self, resource: &Resource) -> Explanation {
        let accesses: &[Access] = match resource {
            // Whether it was to be read or written is not known.
            Resource::Sql { .. } | Resource::File { .. } | Resource::Kv { .. } => {
                &[Access::Read, Access::Write]
            }
            _ => &[Access::Denied],
        };
        let needed: Vec<Capability> = accesses
            .iter()
            .filter_map(|access| resource.needed(*access))
            .collect();
        if needed.is_empty() {
            return self.nothing_needed(resource);
        }
        let answers: Vec<Explanation> = needed.iter().map(|capability| self.explain(capability)).collect();
        let mut because: Vec<Reason> = Vec::new();
        for reason in answers
            .iter()
            .filter(|answer| !answer.allowed)
            .flat_map(|answer| &answer.because)
        {
            if !because.contains(reason) {
                because.push(reason.clone());
            }
        }
        // Enabling is all that is missing to read it or to write it, and which of the two was tried nobody knows.
        if !(self.plugin_enabled && self.tool_enabled)
            && answers.iter().any(|answer| {
                answer
                    .because
                    .iter()
                    .any(|reason| matches!(reason, Reason::Allows { .. }))
            })
        {
            because.retain(|reason| matches!(reason, Reason::Disabled { .. } | Reason::Allows { .. }));
            return self.denied(because, Some(self.enable()));
        }
        let many = accesses.len() > 1;
        let advice: Vec<String> = accesses
            .iter()
            .zip(&answers)
            .filter_map(|(access, answer)| match (access, answer.advice.clone()?) {
                (Access::Read, advice) if many => Some(format!("to read it, {advice}")),
                (Access::Write, advice) if many => Some(format!("to write it, {advice}")),
                (_, advice) => Some(advice),
            })
            .collect();
        if because.is_empty() {
            let behind = behind(resource);
            because = self
                .grants
                .iter()
                .filter(|grant| {
                    self.holds(grant).is_ok() && needed.iter().any(|piece| grant.capability.covers(piece))
                })
                .map(|grant| Reason::Beyond {
                    grant: Named::of(grant),
                    what: behind,
                })
                .collect();
        }
        self.denied(because, (!advice.is_empty()).then(|| advice.join("; ")))
    }

    /// Why an effect was refused for which no capability can be written down.
    fn nothing_needed(&self, resource: &Resource) -> Explanation {
        let example = match resource {
            Resource::Model => "model:ask:TOKENS/PERIOD".to_owned(),
            // What the host notes when a socket is asked for and nobody is named yet.
            Resource::Net { peer } if peer == "udp" => {
                let what = "FACT offers plugins TCP connections (net:tcp:HOST:PORT) and no UDP".to_owned();
                return self.denied(vec![Reason::NeverGranted { what }], None);
            }
            Resource::Net { peer } if peer == "tcp" => "net:tcp:HOST:PORT".to_owned(),
            Resource::Net { peer } if lookup(peer) => format!("net:tcp:{peer}:PORT"),
            _ => {
                let what = format!("`{resource}` is nothing that a capability can name or open");
                return self.denied(vec![Reason::NeverGranted { what }], None);
            }
        };
        let mut because = self.disabled();
        for grant in self
            .grants
            .iter()
            .filter(|grant| grant.capability.allows(Access::Read, resource))
        {
            let named = Named::of(grant);
            because.push(match self.holds(grant) {
                Err(lapse) => Reason::Lapsed { grant: named, lapse },
                Ok(()) => Reason::Beyond {
                    grant: named,
                    what: "it did not reach as far as this act",
                },
            });
        }
        if because.is_empty() {
            because.push(Reason::NoRule {
                capabilities: Vec::new(),
            });
        }
        let lapsed = self.grants.iter().find_map(|grant| {
            grant.lapsed(self.now)?;
            grant.capability.allows(Access::Read, resource).then_some(grant)
        });
        let grant = match lapsed {
            Some(grant) => self.mend(vec![grant.capability.clone()]),
            None => format!(
                "`fact plugin grant {} {}`, with its words in capitals filled in, would allow it",
                self.plugin,
                quoted(&example)
            ),
        };
        let advice = match self.plugin_enabled && self.tool_enabled {
            true => grant,
            false => format!("{}, and then {grant}", self.enable()),
        };
        self.denied(because, Some(advice))
    }

    /// The pieces of what is wanted that no grant gives, and the grants that give the others.
    fn settle(&self, wanted: &Capability) -> (Vec<Capability>, Vec<Reason>) {
        let holding: Vec<&Grant> = self
            .grants
            .iter()
            .filter(|grant| self.holds(grant).is_ok())
            .collect();
        if let Some(grant) = holding.iter().find(|grant| grant.capability.covers(wanted)) {
            let grant = Named::of(grant);
            return (Vec::new(), vec![Reason::Allows { grant }]);
        }
        let (mut missing, mut allows) = (Vec::new(), Vec::new());
        for piece in wanted.pieces() {
            match holding.iter().find(|grant| grant.capability.covers(&piece)) {
                Some(grant) => {
                    let reason = Reason::Allows {
                        grant: Named::of(grant),
                    };
                    if !allows.contains(&reason) {
                        allows.push(reason);
                    }
                }
                None => missing.push(piece),
            }
        }
        (missing, allows)
    }

    /// What the grants have to do with the pieces that are missing.
    fn near(&self, missing: &[Capability]) -> Vec<Reason> {
        let mut found: Vec<Reason> = Vec::new();
        for grant in self.grants {
            let lapse = self.holds(grant).err();
            let nearest = missing
                .iter()
                .filter_map(|piece| gaps(&grant.capability, piece))
                .min_by_key(Vec::len);
            let named = Named::of(grant);
            match (nearest, lapse) {
                (None, _) => {}
                (Some(gaps), Some(lapse)) if gaps.is_empty() => {
                    found.push(Reason::Lapsed { grant: named, lapse })
                }
                (Some(gaps), lapse) => found.push(Reason::Narrower {
                    grant: named,
                    gaps,
                    lapse,
                }),
            }
        }
        found
    }

    /// Whether a grant holds for the call that is asked about.
    fn holds(&self, grant: &Grant) -> Result<(), Lapse> {
        grant.holds_for(self.tool, self.principal, self.now)
    }

    fn disabled(&self) -> Vec<Reason> {
        match (self.plugin_enabled, self.tool_enabled) {
            (false, _) => vec![Reason::Disabled { what: "plugin" }],
            (true, false) => vec![Reason::Disabled { what: "tool" }],
            (true, true) => Vec::new(),
        }
    }

    fn enable(&self) -> String {
        match (self.plugin_enabled, self.tool) {
            (true, Some(tool)) => format!("`fact tool enable {}_{tool}` enables it", self.plugin),
            _ => format!("`fact plugin enable {}` enables it", self.plugin),
        }
    }

    /// The sentence that says how to get what is missing: by grants that would cover it if all of their terms were met, on
    /// these terms again, and by new ones.
    fn mend(&self, needed: Vec<Capability>) -> String {
        let caller = Caller {
            tool: self.tool,
            principal: self.principal,
            now: self.now,
        };
        let lapsed = |piece: &Capability| {
            let covering = self
                .grants
                .iter()
                .filter(|grant| grant.capability.covers(piece))
                .filter_map(|grant| Some((grant, self.holds(grant).err()?)));
            covering.min_by_key(|(_, lapse)| match lapse {
                Lapse::Expired(_) | Lapse::UsedUp(_) => 0,
                Lapse::OtherTool(_) | Lapse::OtherPrincipal(_) => 1,
            })
        };
        let pieces = |wanted: Capability| match lapsed(&wanted) {
            None if wanted.pieces().iter().any(|piece| lapsed(piece).is_some()) => wanted.pieces(),
            _ => vec![wanted],
        };
        let (mut sentences, mut new) = (Vec::new(), Vec::new());
        for piece in needed.into_iter().flat_map(pieces) {
            match lapsed(&piece) {
                Some((grant, lapse)) => {
                    let sentence = instead(grant, &lapse, &piece, caller);
                    if !sentences.contains(&sentence) {
                        sentences.push(sentence);
                    }
                }
                None => new.push(piece),
            }
        }
        if !new.is_empty() {
            let what = if sentences.is_empty() { "it" } else { "the rest" };
            sentences.push(format!("{} would allow {what}", self.grant(&new)));
        }
        sentences.join(", and ")
    }

    /// The commands that grant what is missing.
    fn grant(&self, needed: &[Capability]) -> String {
        let commands: Vec<String> = needed
            .iter()
            .map(|capability| {
                format!(
                    "`fact plugin grant {} {}`",
                    self.plugin,
                    quoted(&capability.to_string())
                )
            })
            .collect();
        commands.join(" with ")
    }

    fn denied(&self, mut because: Vec<Reason>, advice: Option<String>) -> Explanation {
        because.sort_by_key(Reason::distance);
        because.truncate(REASONS);
        if because.is_empty() {
            because.push(Reason::NoRule {
                capabilities: Vec::new(),
            });
        }
        Explanation {
            allowed: false,
            because,
            advice,
        }
    }
}

fn is_about(reason: &Reason, piece: &Capability) -> bool {
    reason
        .named()
        .is_some_and(|named| gaps(&named.capability, piece).is_some())
}

/// Whether a peer is a name that was looked up, in characters that need no care.
fn lookup(peer: &str) -> bool {
    !peer.is_empty()
        && peer.len() <= 253
        && peer
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// What may be behind a refusal that the grants do not tell.
fn behind(resource: &Resource) -> &'static str {
    match resource {
        Resource::File { .. } => {
            "the host refuses links that lead out of the folder, links of a plugin's own making, moves round its rights, and what is neither file nor folder"
        }
        Resource::Http { .. } => {
            "an address that the name stands for is not public and the grant has no +private, or it is one that grants do not open"
        }
        Resource::Net { .. } => "it is for a TCP connection to that address, and this was another act",
        Resource::Sql { .. } => {
            "the statement touched more than its tables tell, or is of a kind that is never allowed"
        }
        _ => "the act went beyond it",
    }
}

/// A word as a shell takes it. Capabilities may be made from a guest's own text.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl fmt::Display for Explanation {
    /// One line, the nearest reason only: `allowed: …`, `denied: …; … would allow it`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.allowed { "allowed" } else { "denied" })?;
        let shown = if self.allowed { self.because.len() } else { 1 };
        let reasons: Vec<String> = self.because.iter().take(shown).map(ToString::to_string).collect();
        write!(f, ": {}", reasons.join("; "))?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}
