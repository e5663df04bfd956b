//! Capabilities as people read them.

use std::collections::BTreeSet;

use fact_core::Plugin;
use fact_core::types::capability::Risk;
use fact_types::{Capability, PluginName, Request, Terms};
use serde_json::{Value, json};

use crate::screen::{clean, one_line, shell};

/// What a plugin asks for, parsed where this version of FACT knows the kind.
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) capability: Option<Capability>,
    /// Something of the kind is granted already, perhaps narrower: the user has decided about this.
    pub(super) decided: bool,
}

/// What a plugin asks for, the riskiest first, and what nobody can judge before all.
pub(super) fn asked(plugin: &Plugin) -> Vec<Asked> {
    let mut seen = BTreeSet::new();
    let mut asked: Vec<Asked> = plugin
        .manifest
        .capabilities
        .iter()
        .filter(|request| seen.insert(request.capability.as_str()))
        .map(|request| {
            let capability: Option<Capability> = request.capability.parse().ok();
            let decided = capability.as_ref().is_some_and(|wanted| {
                plugin
                    .grants
                    .iter()
                    .any(|grant| decides(&grant.capability, wanted))
            });
            Asked {
                request: request.clone(),
                capability,
                decided,
            }
        })
        .collect();
    asked.sort_by_key(|asked| {
        std::cmp::Reverse(asked.capability.as_ref().map_or(Risk::High, Capability::risk))
    });
    asked
}

/// What a plugin asks for and has not been granted, word for word.
pub(super) fn missing(plugin: &Plugin) -> Vec<Asked> {
    let granted = |capability: &Capability| plugin.grants.iter().any(|grant| grant.capability == *capability);
    asked(plugin)
        .into_iter()
        .filter(|asked| !asked.capability.as_ref().is_some_and(granted))
        .collect()
}

/// Whether a grant is of the kind that is wanted, with all of its rights.
fn decides(granted: &Capability, wanted: &Capability) -> bool {
    match (granted, wanted) {
        (Capability::Sql(granted), Capability::Sql(wanted)) => covers(
            (granted.rights.read, granted.rights.write),
            (wanted.rights.read, wanted.rights.write),
        ),
        (Capability::Fs(granted), Capability::Fs(wanted)) => covers(
            (granted.rights.read, granted.rights.write),
            (wanted.rights.read, wanted.rights.write),
        ),
        (Capability::Kv(granted), Capability::Kv(wanted)) => {
            covers((granted.read, granted.write), (wanted.read, wanted.write))
        }
        (Capability::Http(_), Capability::Http(_)) | (Capability::Net(_), Capability::Net(_)) => true,
        (granted, wanted) => granted == wanted,
    }
}

/// Whether the rights to read and write hold those that are wanted.
fn covers(has: (bool, bool), wants: (bool, bool)) -> bool {
    (has.0 || !wants.0) && (has.1 || !wants.1)
}

impl Asked {
    /// A line for a reader.
    pub(super) fn line(&self) -> String {
        let text = one_line(&self.request.capability);
        let what = match &self.capability {
            Some(capability) => format!(
                "[{} risk] {}: {}",
                word(capability.risk()),
                text,
                clean(&capability.in_words())
            ),
            None => format!("[unknown] {text}: this version of FACT knows no such capability"),
        };
        match one_line(&self.request.reason).as_str() {
            "" => what,
            reason => format!("{what} (it says: {reason})"),
        }
    }

    /// The command that grants it. None where nothing can.
    pub(super) fn command(&self, plugin: &PluginName) -> Option<String> {
        Some(grant_command(plugin, self.capability.as_ref()?))
    }

    pub(super) fn json(&self, plugin: &PluginName) -> Value {
        json!({
            "capability": self.request.capability,
            "reason": self.request.reason,
            "risk": self.capability.as_ref().map(Capability::risk),
            "allows": self.capability.as_ref().map(Capability::in_words),
            "narrower_granted": self.decided,
            "command": self.command(plugin),
        })
    }
}

/// The command that grants a capability.
pub(super) fn grant_command(plugin: &PluginName, capability: &Capability) -> String {
    format!("fact plugin grant {plugin} {}", shell(&capability.to_string()))
}

/// A risk in a word.
pub(super) fn word(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "HIGH",
    }
}

/// A granted capability as JSON.
pub(super) fn granted_json(grant: &fact_core::Grant) -> Value {
    json!({
        "capability": grant.capability,
        "risk": grant.capability.risk(),
        "allows": grant.capability.in_words(),
        "granted_by": grant.granted_by,
        "granted_at": grant.granted_at,
        "terms": grant.terms,
        "used": grant.terms.calls.map(|_| grant.used),
        "origin": grant.origin,
        "reason": grant.reason,
    })
}

/// The terms of a grant and how far its count is, as the end of a sentence.
pub(super) fn terms_in_words(grant: &fact_core::Grant) -> String {
    let used = match grant.terms.calls {
        Some(calls) => format!(" ({} of {calls} used)", grant.used),
        None => String::new(),
    };
    format!("{}{used}", terms_words(&grant.terms))
}

/// Terms as the end of a sentence.
pub(super) fn terms_words(terms: &Terms) -> String {
    let mut words = String::new();
    if let Some(tool) = &terms.tool {
        words.push_str(&format!(", in calls of `{tool}`"));
    }
    if let Some(principal) = &terms.principal {
        words.push_str(&format!(", for {principal}"));
    }
    if let Some(calls) = terms.calls {
        words.push_str(&format!(
            ", in {}",
            crate::screen::counted(calls as usize, "call")
        ));
    }
    if let Some(until) = terms.until {
        words.push_str(&format!(", until {until}"));
    }
    words
}

/// Who grants, for the record.
pub(super) fn user() -> String {
    let name = ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|key| std::env::var(key).ok())
        .unwrap_or_default();
    // The record is read in terminals, and its field is bounded.
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    if name.is_empty() {
        "unknown".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrower_grant_is_a_decision() {
        for (granted, wanted, is) in [
            ("sql:read:finance/companies", "sql:read:*", true),
            ("sql:read:finance", "sql:write:*", false),
            ("sql:read,write:finance", "sql:write:*", true),
            ("fs:read:/srv", "fs:read:./", true),
            ("fs:read:/srv", "fs:write:./", false),
            ("fs:read:/srv", "sql:read:*", false),
            ("http:GET:https://example.com/*", "http:*:https://*", true),
            ("clock:wall", "clock:wall", true),
            ("clock:wall", "clock:monotonic", false),
            ("env:read:TZ", "env:read:HOME", false),
        ] {
            assert_eq!(
                decides(&granted.parse().unwrap(), &wanted.parse().unwrap()),
                is,
                "{granted} for {wanted}"
            );
        }
    }
}
