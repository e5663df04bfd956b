//! Which limits hold for which tool.

use std::collections::BTreeMap;

use fact_types::{Limits, LimitsPatch, OutOfRange, PluginName, ToolName};
use serde::{Deserialize, Serialize};

/// The limits of all plugins, and what differs for some.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LimitPolicy {
    /// For every plugin.
    pub all: Limits,
    /// What differs, by plugin.
    pub plugins: BTreeMap<PluginName, PluginLimits>,
}

/// What differs for one plugin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PluginLimits {
    /// For all of its tools.
    pub limits: LimitsPatch,
    /// What differs further, by tool.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<ToolName, LimitsPatch>,
}

impl LimitPolicy {
    /// The limits of a plugin's tools in general.
    pub fn plugin(&self, plugin: &PluginName) -> Limits {
        match self.plugins.get(plugin) {
            Some(own) => own.limits.over(&self.all),
            None => self.all.clone(),
        }
    }

    /// The limits of one tool.
    pub fn tool(&self, plugin: &PluginName, tool: &ToolName) -> Limits {
        let base = self.plugin(plugin);
        match self.plugins.get(plugin).and_then(|own| own.tools.get(tool)) {
            Some(own) => own.over(&base),
            None => base,
        }
    }

    /// Every limit that is out of its range, with the name of where it stands.
    pub fn check(&self) -> Vec<(String, OutOfRange)> {
        let mut wrong = Vec::new();
        let mut look = |place: String, limits: &Limits| {
            if let Err(error) = limits.check() {
                wrong.push((place, error));
            }
        };
        look("limits".to_owned(), &self.all);
        for (name, own) in &self.plugins {
            look(format!("plugins.{name}.limits"), &self.plugin(name));
            for tool in own.tools.keys() {
                look(format!("plugins.{name}.tools.{tool}"), &self.tool(name, tool));
            }
        }
        wrong
    }
}

/// The limits that are enough for each of these: what a component must be compiled and linked for.
pub(crate) fn widest<'a>(base: Limits, each: impl IntoIterator<Item = &'a Limits>) -> Limits {
    each.into_iter().fold(base, |mut widest, limits| {
        widest.memory = widest.memory.max(limits.memory);
        widest.table_elements = widest.table_elements.max(limits.table_elements);
        widest.fuel = widest.fuel.max(limits.fuel);
        widest
    })
}
