//! What plugins have by grants and by the policy, and why: for whoever asks, apart from any call.

use std::path::PathBuf;

use fact_policy::{
    AuditOptions, Audited, AuditedGrant, Change, Explanation, Finding, PluginFacts, Policy, Question, audit,
};
use fact_runtime::Grants;
use fact_types::{Capability, Code, Error, Grant, PluginName, Principal, Resource, ToolName};
use jiff::Timestamp;

use crate::{Host, Plugin};

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Whether a plugin has a capability.
    Capability(Capability),
    /// Why an effect was refused.
    Denial(Resource),
}

/// Whose call is asked about, and when it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstances {
    /// The tool; none: whichever it is.
    pub tool: Option<ToolName>,
    /// Who calls.
    pub principal: Principal,
    /// When.
    pub now: Timestamp,
}

impl Host {
    /// Whether this version of FACT has an import that a capability of this kind opens.
    pub fn serves(capability: &Capability) -> bool {
        Grants::serves(capability)
    }

    /// What a plugin has: what was granted, and what the policy's rules give.
    ///
    /// # Errors
    /// `not-found` when the plugin does not exist.
    pub fn rights(&self, name: &PluginName) -> Result<Vec<Grant>, Error> {
        self.registry().grants(name)
    }

    /// Whether a plugin may do something, and which grant or rule decides.
    ///
    /// # Errors
    /// `not-found` when the plugin or the tool does not exist.
    pub fn explain(
        &self,
        name: &PluginName,
        asked: &Asked,
        circumstances: &Circumstances,
    ) -> Result<Explanation, Error> {
        let plugin = self.registry().plugin(name)?;
        let tool_enabled = match &circumstances.tool {
            None => true,
            Some(tool) => match plugin.tools.get(tool) {
                Some(tool) => tool.enabled,
                None => {
                    return Err(Error::new(
                        Code::NotFound,
                        format!(
                            "`{name}` has no tool `{tool}`. `fact tool list --plugin {name}` shows those it has."
                        ),
                    ));
                }
            },
        };
        let grants = self.rights(name)?;
        let question = Question {
            plugin: name,
            grants: &grants,
            tool: circumstances.tool.as_ref(),
            principal: &circumstances.principal,
            now: circumstances.now,
            plugin_enabled: plugin.row.enabled,
            tool_enabled,
            serves: Host::serves,
        };
        Ok(match asked {
            Asked::Capability(wanted) => question.explain(&settled(wanted)),
            Asked::Denial(resource) => question.explain_denial(resource),
        })
    }

    /// Goes through what all plugins have. A grant that was not used for so many days is unused.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn audit(&self, unused_days: u32, now: Timestamp) -> Result<Vec<Finding>, Error> {
        let uses = self.store().grant_uses().map_err(|error| {
            tracing::error!(%error, "the uses of grants can't be read");
            Error::internal()
        })?;
        let mut all = Vec::new();
        for plugin in self.registry().plugins()? {
            let name = &plugin.row.name;
            let last_used = |grant: &Grant| {
                let key = grant.key();
                uses.iter()
                    .find(|used| used.plugin == *name && used.key == key)
                    .and_then(|used| used.last_used)
            };
            all.push(Audited {
                name: name.clone(),
                tools: plugin.tools.values().map(|tool| tool.id.clone()).collect(),
                grants: self
                    .rights(name)?
                    .into_iter()
                    .map(|grant| AuditedGrant {
                        last_used: last_used(&grant),
                        grant,
                    })
                    .collect(),
                asks: plugin
                    .manifest
                    .capabilities
                    .iter()
                    .map(|request| request.capability.clone())
                    .collect(),
            });
        }
        let options = AuditOptions {
            now,
            unused_days,
            home: std::env::home_dir().filter(|home| *home != PathBuf::new()),
            policy: self.policy(),
        };
        Ok(audit(&all, &options))
    }

    /// What the installed plugins would gain and lose if another policy took this one's place.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn policy_changes(&self, other: &Policy) -> Result<Vec<Change>, Error> {
        let plugins: Vec<PluginFacts> = self
            .registry()
            .plugins()?
            .iter()
            .map(|plugin| facts(plugin))
            .collect();
        Ok(self.policy().change_to(other, &plugins))
    }
}

fn facts(plugin: &Plugin) -> PluginFacts {
    PluginFacts {
        name: plugin.row.name.clone(),
        digest: plugin.row.digest,
        source: plugin.row.source.clone(),
    }
}

/// The capability as a grant of it would be kept: a folder by its own path, where it is there.
fn settled(wanted: &Capability) -> Capability {
    let Capability::Fs(grant) = wanted else {
        return wanted.clone();
    };
    let folder = grant.folder();
    let own = folder.canonicalize().or_else(|_| std::path::absolute(folder));
    own.ok()
        .and_then(|own| grant.at(&own).ok())
        .map_or_else(|| wanted.clone(), Capability::Fs)
}
