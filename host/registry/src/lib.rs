//! Installed plugins, their tools and their grants.
//!
//! The store holds what is acknowledged; this crate holds what follows from it: parsed manifests, compiled schemas, linked
//! components. Another process may change the store at any moment, so each look-up asks whether it did. A grant that is
//! taken away is gone for the next call, whoever took it.

mod allowance;
mod changes;
mod components;
mod discovery;
mod drop_in;
mod grants;
mod install;
mod limits;
mod manifest;
mod plugin;
mod prepare;
mod schema;
mod source;
mod tool_diff;
mod update;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use fact_egress::Egress;
use fact_policy::{PluginFacts, Policy};
use fact_runtime::Runtime;
use fact_store::{PluginRow, Registered, Store, StoreError, VersionState};
use fact_types::{Code, Error, Origin, PluginName, ToolId};

pub use allowance::Allowance;
pub use changes::{Change, ChangeKind, changes};
pub use discovery::{Found, Scope};
pub use drop_in::{DropIn, DropInEvent};
pub use fact_store::{Added, VersionRow};
pub use fact_types::Grant;
pub use install::{InstallOptions, Installed};
pub use limits::{LimitPolicy, PluginLimits};
pub use manifest::read as read_manifest;
pub use plugin::{Active, Plugin, Tool};
pub use schema::{Direction, Misfit, Schema, SchemaChange, Verdict, compare};
pub use source::Source;
pub use tool_diff::{ToolChange, ToolDiff, ToolPart, ToolSide, ToolSideState, compare_tools};
pub use update::{Fate, Update};

use components::Components;
use discovery::Discovery;

/// What a registry is built from.
pub struct RegistryConfig {
    /// Where plugins and grants are stored.
    pub store: Arc<Store>,
    /// What runs them.
    pub runtime: Arc<Runtime>,
    /// Where components are kept.
    pub folder: PathBuf,
    /// The limits of calls.
    pub limits: LimitPolicy,
    /// The way out for downloads of components.
    pub downloads: Egress,
    /// Rules that grant, besides what people grant.
    pub policy: Arc<Policy>,
    /// Largest component, in bytes.
    pub component_size: usize,
}

/// The plugins of a host.
pub struct Registry {
    store: Arc<Store>,
    runtime: Arc<Runtime>,
    components: Components,
    limits: LimitPolicy,
    downloads: Egress,
    component_size: usize,
    policy: Arc<Policy>,
    known: RwLock<Known>,
    discovery: Discovery,
}

/// What was last read from the store.
#[derive(Default)]
struct Known {
    /// The store's change counter at that time.
    at: Option<i64>,
    /// The store's revision at that time.
    revision: Option<i64>,
    plugins: BTreeMap<PluginName, Arc<Plugin>>,
}

impl Registry {
    /// The registry over a store.
    ///
    /// # Errors
    /// When the folder of components can't be made.
    pub fn new(config: RegistryConfig) -> std::io::Result<Self> {
        Ok(Registry {
            components: Components::open(config.folder)?,
            store: config.store,
            runtime: config.runtime,
            limits: config.limits,
            downloads: config.downloads,
            component_size: config.component_size,
            policy: config.policy,
            known: RwLock::default(),
            discovery: Discovery::default(),
        })
    }

    /// Every plugin, by name.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn plugins(&self) -> Result<Vec<Arc<Plugin>>, Error> {
        self.fresh(|known| known.plugins.values().cloned().collect())
    }

    /// One plugin.
    ///
    /// # Errors
    /// `not-found`, or when the store can't be read.
    pub fn plugin(&self, name: &PluginName) -> Result<Arc<Plugin>, Error> {
        self.fresh(|known| known.plugins.get(name).cloned())?
            .ok_or_else(|| no_plugin(name))
    }

    /// One tool, with its plugin.
    ///
    /// # Errors
    /// `not-found`, or when the store can't be read.
    pub fn tool(&self, id: &ToolId) -> Result<(Arc<Plugin>, Arc<Tool>), Error> {
        let found = self.fresh(|known| {
            let plugin = known.plugins.get(&id.plugin)?;
            Some((Arc::clone(plugin), Arc::clone(plugin.tools.get(&id.tool)?)))
        })?;
        found.ok_or_else(|| no_tool(id))
    }

    /// One tool to be called now, with its plugin. The call counts as running until the guard is dropped: one that found the
    /// plugin before it was removed is waited for.
    ///
    /// # Errors
    /// As for [`Registry::tool`].
    pub fn begin(&self, id: &ToolId) -> Result<(Arc<Plugin>, Arc<Tool>, Active), Error> {
        let found = self.fresh(|known| {
            let plugin = known.plugins.get(&id.plugin)?;
            let tool = Arc::clone(plugin.tools.get(&id.tool)?);
            Some((Arc::clone(plugin), tool, plugin.enter()))
        })?;
        found.ok_or_else(|| no_tool(id))
    }

    /// Whether another version answers now, or none.
    pub(crate) fn is_past(&self, plugin: &Plugin) -> bool {
        match self.plugin(&plugin.row.name) {
            Ok(now) => now.row.digest != plugin.row.digest,
            Err(error) => error.code == Code::NotFound,
        }
    }

    /// Runs a look-up on what the store holds at this moment.
    fn fresh<T>(&self, look: impl FnOnce(&Known) -> T) -> Result<T, Error> {
        // The counter first: a change between the reads is then seen by the next look-up at the latest.
        let now = self.store.change_counter().map_err(store_failed)?;
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.at == Some(now) {
                return Ok(look(&known));
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.at != Some(now) {
            // Most changes of the store count something, and change no plugin.
            let revision = self.store.revision().map_err(store_failed)?;
            if known.revision != Some(revision) {
                let registered = self.store.registered().map_err(store_failed)?;
                known.revision = Some(registered.revision);
                known.plugins = self.read(registered, &known.plugins);
            }
            known.at = Some(now);
        }
        Ok(look(&known))
    }

    /// The plugins of what was read, keeping those that did not change with what is already linked.
    fn read(
        &self,
        registered: Registered,
        before: &BTreeMap<PluginName, Arc<Plugin>>,
    ) -> BTreeMap<PluginName, Arc<Plugin>> {
        let mut grants: BTreeMap<PluginName, Vec<Grant>> = BTreeMap::new();
        for grant in registered.grants {
            grants.entry(grant.plugin.clone()).or_default().push(grant);
        }
        let mut versions: BTreeMap<PluginName, Vec<VersionRow>> = BTreeMap::new();
        for version in registered.versions {
            versions.entry(version.plugin.clone()).or_default().push(version);
        }
        let mut plugins = BTreeMap::new();
        for row in registered.plugins {
            let name = row.name.clone();
            let old = before.get(&name);
            let mut grants = grants.remove(&name).unwrap_or_default();
            grants.extend(self.by_policy(&row, old));
            let (held, previous): (Vec<_>, Vec<_>) = versions
                .remove(&name)
                .unwrap_or_default()
                .into_iter()
                .partition(|version| version.state == VersionState::Held);
            let held = held.into_iter().next();
            let same = old.filter(|old| {
                old.row == row
                    && same_grants(&old.grants, &grants)
                    && old.held == held
                    && old.previous == previous
            });
            if let Some(same) = same {
                plugins.insert(name, Arc::clone(same));
                continue;
            }
            match Plugin::new(row, grants, &self.limits) {
                Ok(mut plugin) => {
                    plugin.held = held;
                    plugin.previous = previous;
                    if let Some(old) = old {
                        plugin.succeed(old);
                    }
                    plugins.insert(name, Arc::new(plugin));
                }
                Err(why) => {
                    // One plugin that can't be read any more must not take the others with it.
                    tracing::error!(plugin = %name, why, "an installed plugin can't be used");
                }
            }
        }
        plugins
    }
}

impl Registry {
    /// What the policy's rules grant a plugin: like what people grant, from now on.
    fn by_policy(&self, row: &PluginRow, old: Option<&Arc<Plugin>>) -> Vec<Grant> {
        // Rules look at a plugin's name, digest and source alone, and stay what they are while the host runs.
        if let Some(old) = old.filter(|old| (old.row.digest, &old.row.source) == (row.digest, &row.source)) {
            let by_rule = |grant: &&Grant| matches!(grant.origin, Origin::Policy { .. });
            return old.grants.iter().filter(by_rule).cloned().collect();
        }
        let facts = PluginFacts {
            name: row.name.clone(),
            digest: row.digest,
            source: row.source.clone(),
        };
        let settled = |grant: Grant| match grants::settle(&grant.capability) {
            Ok(capability)
                if capability.covers(&grant.capability) && grant.capability.covers(&capability) =>
            {
                Some(Grant { capability, ..grant })
            }
            // A rule is read anew at each start, and someone may have put a link into its folder's path since it was
            // written. What a person grants by a link is looked up once, while that person looks on.
            Ok(capability) => {
                let rule = &grant.capability;
                tracing::warn!(plugin = %row.name, by = grant.granted_by, %rule, %capability, "a rule of the policy grants \
                    nothing: its folder's path goes through a link; write the folder's own path");
                None
            }
            // The other rules hold all the same; a grant that can't be given is none.
            Err(error) => {
                tracing::warn!(plugin = %row.name, by = grant.granted_by, %error, "a rule of the policy grants nothing");
                None
            }
        };
        self.policy
            .grants_for(&facts)
            .into_iter()
            .filter_map(settled)
            .collect()
    }
}

/// Whether these are the same grants; how often they were used does not count.
fn same_grants(one: &[Grant], other: &[Grant]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.origin == other.origin && one.capability == other.capability && one.terms == other.terms
        })
}

fn no_tool(id: &ToolId) -> Error {
    Error::new(
        Code::NotFound,
        format!("There is no tool `{id}`. `fact tool list` shows those there are."),
    )
}

fn no_plugin(name: &PluginName) -> Error {
    Error::new(
        Code::NotFound,
        format!("No plugin `{name}` is installed. `fact plugin list` shows those that are."),
    )
}

/// Runs something that blocks where that is fine.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "a task of the registry failed");
            Err(Error::internal())
        }
    }
}

/// This moment, to the second: people read it.
pub(crate) fn moment() -> jiff::Timestamp {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// This moment, in UTC.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn io_failed(error: std::io::Error) -> Error {
    tracing::error!(%error, "the folder of components can't be used");
    Error::new(
        Code::Unavailable,
        format!("The data folder can't be written: {}.", error.kind()),
    )
}

/// What callers learn when the store fails.
fn store_failed(error: StoreError) -> Error {
    // Someone removed it a moment ago.
    if let StoreError::NoPlugin(name) = &error {
        return Error::new(
            Code::NotFound,
            format!("No plugin `{name}` is installed any more."),
        );
    }
    tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
    Error::new(
        Code::Unavailable,
        "The host's database can't be used at the moment; `fact doctor` may say why.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_that_is_gone_is_no_fault_of_the_store() {
        let error = store_failed(StoreError::NoPlugin("adder".to_owned()));
        assert_eq!(error.code, Code::NotFound);
        assert!(error.message.contains("`adder`"), "{}", error.message);
    }
}
