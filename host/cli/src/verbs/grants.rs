//! Capabilities as people read them.

use std::collections::BTreeSet;

use fact_core::Plugin;
use fact_core::types::capability::Risk;
use fact_types::{Capability, PluginName, Request};
use serde_json::{Value, json};

use crate::screen::{clean, one_line, shell};

/// What a plugin asks for, parsed where this version of FACT knows the kind.
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) capability: Option<Capability>,
}

/// What a plugin asks for, the riskiest first, and what nobody can judge before all.
pub(super) fn asked(plugin: &Plugin) -> Vec<Asked> {
    let mut seen = BTreeSet::new();
    let mut asked: Vec<Asked> = plugin
        .manifest
        .capabilities
        .iter()
        .filter(|request| seen.insert(request.capability.as_str()))
        .map(|request| Asked {
            request: request.clone(),
            capability: request.capability.parse().ok(),
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

/// Whether the user has granted something of the kind, perhaps narrower than what is asked.
pub(super) fn has_kind(plugin: &Plugin, capability: &Capability) -> bool {
    plugin
        .grants
        .iter()
        .any(|grant| grant.capability.kind() == capability.kind())
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
        "reason": grant.reason,
    })
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
