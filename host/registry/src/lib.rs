//! Installed plugins, their tools and their grants.
//!
//! The store holds what is acknowledged; this crate holds what follows from it: parsed manifests, compiled schemas, linked
//! components. Another process may change the store at any moment, so each look-up asks whether it did. A grant that is
//! taken away is gone for the next call, whoever took it.

mod components;
mod grants;
mod install;
mod limits;
mod plugin;
mod schema;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use fact_runtime::Runtime;
use fact_store::{Store, StoreError};
use fact_types::{Code, Error, PluginName, ToolId};

pub use install::{InstallOptions, Source};
pub use limits::{LimitPolicy, PluginLimits};
pub use plugin::{Grant, Plugin, Tool};
pub use schema::{Misfit, Schema};

use components::Components;

/// The plugins of a host.
pub struct Registry {
    store: Arc<Store>,
    runtime: Arc<Runtime>,
    components: Components,
    limits: LimitPolicy,
    known: RwLock<Known>,
}

/// What was last read from the store.
#[derive(Default)]
struct Known {
    /// The store's change counter at that time.
    at: Option<i64>,
    plugins: BTreeMap<PluginName, Arc<Plugin>>,
}

impl Registry {
    /// The registry over a store. Components are kept in `folder`.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn new(
        store: Arc<Store>,
        runtime: Arc<Runtime>,
        folder: PathBuf,
        limits: LimitPolicy,
    ) -> std::io::Result<Self> {
        let components = Components::open(folder)?;
        Ok(Registry {
            store,
            runtime,
            components,
            limits,
            known: RwLock::default(),
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
            .ok_or_else(|| {
                Error::new(
                    Code::NotFound,
                    format!("No plugin `{name}` is installed. `fact plugin list` shows those that are."),
                )
            })
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
        found.ok_or_else(|| {
            Error::new(
                Code::NotFound,
                format!("There is no tool `{id}`. `fact tool list` shows those there are."),
            )
        })
    }

    /// Runs a look-up on what the store holds at this moment.
    fn fresh<T>(&self, look: impl FnOnce(&Known) -> T) -> Result<T, Error> {
        // The counter first: a change between the two reads is then seen by the next look-up at the latest.
        let now = self.store.change_counter().map_err(store_failed)?;
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.at == Some(now) {
                return Ok(look(&known));
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.at != Some(now) {
            let plugins = self.read(&known.plugins)?;
            *known = Known {
                at: Some(now),
                plugins,
            };
        }
        Ok(look(&known))
    }

    /// Reads all plugins, keeping those that did not change with what is already linked.
    fn read(
        &self,
        before: &BTreeMap<PluginName, Arc<Plugin>>,
    ) -> Result<BTreeMap<PluginName, Arc<Plugin>>, Error> {
        let mut grants: BTreeMap<PluginName, Vec<Grant>> = BTreeMap::new();
        for row in self.store.all_grants().map_err(store_failed)? {
            grants.entry(row.plugin.clone()).or_default().push(row);
        }
        let mut plugins = BTreeMap::new();
        for row in self.store.plugins().map_err(store_failed)? {
            let name = row.name.clone();
            let grants = grants.remove(&name).unwrap_or_default();
            let same = before
                .get(&name)
                .filter(|old| old.row == row && old.grants == grants);
            let plugin = match same {
                Some(old) => Arc::clone(old),
                None => match Plugin::new(row, grants, &self.limits) {
                    Ok(plugin) => Arc::new(plugin),
                    Err(why) => {
                        // One plugin that can't be read any more must not take the others with it.
                        tracing::error!(plugin = %name, why, "an installed plugin can't be used");
                        continue;
                    }
                },
            };
            plugins.insert(name, plugin);
        }
        Ok(plugins)
    }
}

/// What callers learn when the store fails.
fn store_failed(error: StoreError) -> Error {
    tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
    Error::new(
        Code::Unavailable,
        "The host's database can't be used at the moment; `fact doctor` may say why.",
    )
}
