//! Installing, removing, enabling and disabling.

use std::sync::Arc;
use std::time::Duration;

use fact_store::NewGrant;
use fact_types::{Capability, Code, Digest, Error, PluginName, Terms, ToolId, ToolName};

use crate::grants::{can_be_met, settle};
use crate::plugin::Plugin;
use crate::prepare::Naming;
use crate::source::Source;
use crate::{Registry, blocking, io_failed, store_failed};

/// How to install.
#[derive(Debug, Clone, Default)]
pub struct InstallOptions {
    /// The name to install under. None: the one in the manifest.
    pub name: Option<PluginName>,
    /// What to grant along with it.
    pub grants: Vec<(Capability, Terms)>,
    /// Who installs.
    pub by: String,
}

/// A plugin that was installed, and what there was before.
pub struct Installed {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// The plugin as it was, where the same component was installed under this name already: then nothing changed but that
    /// grants were added.
    pub before: Option<Arc<Plugin>>,
    /// What is odd about it and does no harm, in sentences.
    pub warnings: Vec<String>,
}

impl Installed {
    /// Whether the plugin was not there before.
    pub fn is_new(&self) -> bool {
        self.before.is_none()
    }
}

impl Registry {
    /// Installs a component: inspects it, compiles it, reads what it says about itself (or asks it once, with nothing
    /// granted), tries it, and keeps it. It is installed for good when this returns, and not at all when it fails.
    ///
    /// Installing the same component again under the same name changes nothing but adds the grants.
    ///
    /// # Errors
    /// `bad-component` when it is none or does not fit; `conflict` when the name is taken; `not-found` when there is no such
    /// file.
    pub async fn install(
        self: &Arc<Self>,
        source: Source,
        options: InstallOptions,
    ) -> Result<Arc<Plugin>, Error> {
        let installed = self.install_as(source, options, Naming::Said).await?;
        Ok(installed.plugin)
    }

    /// As [`install`](Self::install), and says what there was before.
    ///
    /// # Errors
    /// As for [`install`](Self::install).
    pub async fn install_over(
        self: &Arc<Self>,
        source: Source,
        options: InstallOptions,
    ) -> Result<Installed, Error> {
        self.install_as(source, options, Naming::Said).await
    }

    pub(crate) async fn install_as(
        self: &Arc<Self>,
        source: Source,
        options: InstallOptions,
        naming: Naming,
    ) -> Result<Installed, Error> {
        let mut grants = Vec::new();
        for (capability, terms) in &options.grants {
            grants.push((settle(capability)?, terms.clone()));
        }
        let prepared = self.prepare(source, options.name, naming).await?;
        for (_, terms) in &grants {
            let has = |tool: &ToolName| prepared.manifest.tools.iter().any(|own| own.name == *tool);
            if let Err(error) = can_be_met(terms, &prepared.name, has) {
                self.discard(&[prepared.digest]);
                return Err(error);
            }
        }
        let name = prepared.name.clone();
        let warnings = prepared.warnings.clone();
        let registry = Arc::clone(self);
        let commit = move || {
            let grants: Vec<NewGrant> = grants
                .into_iter()
                .map(|(capability, terms)| NewGrant {
                    plugin: prepared.name.clone(),
                    capability,
                    terms,
                    granted_by: options.by.clone(),
                    granted_at: crate::moment(),
                    reason: Some("at installation".to_owned()),
                })
                .collect();
            let exclusive = registry.components.lock().map_err(io_failed)?;
            registry
                .components
                .put(&exclusive, prepared.digest, &prepared.bytes)
                .map_err(io_failed)?;
            let before = registry.plugin(&prepared.name).ok();
            let put = registry
                .store
                .put_plugin(&prepared.row(), &grants)
                .map_err(store_failed);
            if !matches!(put, Ok(true)) {
                registry.sweep(&exclusive, &[prepared.digest]);
            }
            if put? {
                return Ok(before);
            }
            let there = registry.plugin(&prepared.name)?;
            Err(taken(&there, &prepared.label))
        };
        let before = blocking(commit).await?;
        Ok(Installed {
            plugin: self.plugin(&name)?,
            before,
            warnings,
        })
    }

    /// Removes a plugin with its grants and its other versions. No new call reaches it; those that run have `patience` to
    /// end. True: none runs any more. Calls that outlast the patience go on to their own deadline.
    ///
    /// # Errors
    /// `not-found` when it is not installed.
    pub async fn remove(self: &Arc<Self>, name: &PluginName, patience: Duration) -> Result<bool, Error> {
        let plugin = self.plugin(name)?;
        let (registry, gone) = (Arc::clone(self), name.clone());
        blocking(move || {
            let exclusive = registry.components.lock().map_err(io_failed)?;
            let before = registry.store.digests_in_use().map_err(store_failed)?;
            if !registry.store.remove_plugin(&gone).map_err(store_failed)? {
                return Err(crate::no_plugin(&gone));
            }
            registry.sweep(&exclusive, &before);
            // From this look on no call finds it any more, and those that did are counted.
            registry.fresh(|_| ())
        })
        .await?;
        Ok(plugin.drained(patience).await)
    }

    /// Allows or forbids calls of a plugin.
    ///
    /// # Errors
    /// `not-found` when it is not installed.
    pub fn enable(&self, name: &PluginName, enabled: bool) -> Result<(), Error> {
        match self.store.enable_plugin(name, enabled) {
            Ok(true) => Ok(()),
            Ok(false) => Err(crate::no_plugin(name)),
            Err(error) => Err(store_failed(error)),
        }
    }

    /// Allows or forbids calls of one tool.
    ///
    /// # Errors
    /// `not-found` when there is no such tool.
    pub fn enable_tool(&self, id: &ToolId, enabled: bool) -> Result<(), Error> {
        self.tool(id)?;
        match self.store.enable_tool(&id.plugin, &id.tool, enabled) {
            Ok(true) => Ok(()),
            Ok(false) => Err(crate::no_plugin(&id.plugin)),
            Err(error) => Err(store_failed(error)),
        }
    }

    /// Deletes what is kept of components that nobody uses any more.
    pub(crate) fn sweep(&self, exclusive: &crate::components::Exclusive, before: &[Digest]) {
        // What can't be read must not be taken for garbage.
        let Ok(used) = self.store.digests_in_use() else {
            return;
        };
        for digest in before.iter().filter(|digest| !used.contains(digest)) {
            self.runtime.forget(*digest);
            if let Err(error) = self.components.remove(exclusive, *digest) {
                tracing::warn!(%error, %digest, "a component that nobody uses any more can't be deleted");
            }
        }
    }

    /// Forgets components that were looked at and not kept.
    pub(crate) fn discard(&self, digests: &[Digest]) {
        match self.components.lock() {
            Ok(exclusive) => self.sweep(&exclusive, digests),
            Err(error) => tracing::warn!(%error, "the folder of components can't be locked"),
        }
    }
}

fn taken(there: &Plugin, label: &str) -> Error {
    let name = &there.row.name;
    Error::new(
        Code::Conflict,
        format!(
            "A plugin `{name}` is installed already, from {}. `fact plugin update {name} {label}` makes this a new version of it; \
             `fact plugin install {label} --name NAME` installs it beside, under another name.",
            there.row.source
        ),
    )
}
