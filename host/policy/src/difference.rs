//! What another policy would change.

use fact_types::{Grant, PluginName};
use serde::Serialize;

use crate::Policy;
use crate::selector::PluginFacts;

/// What changes for one plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The plugin.
    pub plugin: PluginName,
    /// What it would be given besides.
    pub gains: Vec<Grant>,
    /// What it would no longer be given.
    pub loses: Vec<Grant>,
}

impl Policy {
    /// What the plugins would gain and lose if `other` took this policy's place. Plugins for which nothing changes are left
    /// out. A rule that is only called otherwise changes nothing, except that its uses are counted anew.
    pub fn change_to(&self, other: &Policy, plugins: &[PluginFacts]) -> Vec<Change> {
        let only_in = |these: &[Grant], those: &[Grant]| -> Vec<Grant> {
            let there = |grant: &Grant| {
                those
                    .iter()
                    .any(|other| other.capability == grant.capability && other.terms == grant.terms)
            };
            these.iter().filter(|grant| !there(grant)).cloned().collect()
        };
        plugins
            .iter()
            .map(|plugin| {
                let (before, after) = (self.grants_for(plugin), other.grants_for(plugin));
                Change {
                    plugin: plugin.name.clone(),
                    gains: only_in(&after, &before),
                    loses: only_in(&before, &after),
                }
            })
            .filter(|change| !change.gains.is_empty() || !change.loses.is_empty())
            .collect()
    }
}
