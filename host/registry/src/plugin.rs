//! A plugin as it is used: its row in the store, and what follows from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fact_runtime::{Grants, Linked, LoadError, Runtime};
use fact_store::{GrantRow, PluginRow};
use fact_types::{Code, Error, Limits, Manifest, ToolId, ToolName, ToolSpec};
use tokio::sync::OnceCell;

use crate::components::Components;
use crate::limits::{LimitPolicy, widest};
use crate::schema::Schema;

/// A capability that a plugin has, and who gave it.
pub type Grant = GrantRow;

/// An installed plugin.
pub struct Plugin {
    /// What the store holds of it.
    pub row: PluginRow,
    /// What it says about itself.
    pub manifest: Manifest,
    /// What it may do.
    pub grants: Vec<Grant>,
    /// Its tools.
    pub tools: BTreeMap<ToolName, Arc<Tool>>,
    limits: Limits,
    linked: OnceCell<Linked>,
}

/// A tool of an installed plugin.
pub struct Tool {
    /// Its full name.
    pub id: ToolId,
    /// What the plugin says about it.
    pub spec: ToolSpec,
    /// What its arguments must look like.
    pub schema: Schema,
    /// The bounds of its calls.
    pub limits: Limits,
}

impl Plugin {
    pub(crate) fn new(row: PluginRow, grants: Vec<Grant>, policy: &LimitPolicy) -> Result<Self, String> {
        let manifest: Manifest = serde_json::from_str(&row.manifest)
            .map_err(|error| format!("its manifest can't be read: {error}"))?;
        let mut tools = BTreeMap::new();
        for spec in &manifest.tools {
            let id = ToolId::new(row.name.clone(), spec.name.clone()).map_err(|error| error.to_string())?;
            let tool = Tool {
                id,
                spec: spec.clone(),
                schema: Schema::arguments(&spec.input_schema)
                    .map_err(|why| format!("tool `{}`: {why}", spec.name))?,
                limits: policy.tool(&row.name, &spec.name),
            };
            tools.insert(spec.name.clone(), Arc::new(tool));
        }
        let limits = widest(policy.plugin(&row.name), tools.values().map(|tool| &tool.limits));
        Ok(Plugin {
            row,
            manifest,
            grants,
            tools,
            limits,
            linked: OnceCell::new(),
        })
    }

    /// The component with its grants, loaded when it is first called.
    pub(crate) async fn linked(
        self: &Arc<Self>,
        runtime: &Arc<Runtime>,
        components: &Components,
    ) -> Result<&Linked, Error> {
        let load = || async {
            let (plugin, runtime, components) = (Arc::clone(self), Arc::clone(runtime), components.clone());
            // Mapping takes a millisecond, compiling seconds: neither belongs on the executor.
            let loaded = tokio::task::spawn_blocking(move || {
                let digest = plugin.row.digest;
                let compiled = runtime.load(digest, &plugin.limits, || components.get(digest))?;
                let grants = Grants::new(plugin.grants.iter().map(|grant| &grant.capability));
                runtime.link(&compiled, grants, &plugin.limits)
            });
            match loaded.await {
                Ok(Ok(linked)) => Ok(linked),
                Ok(Err(error)) => Err(self.unusable(&error)),
                Err(error) => {
                    tracing::error!(%error, plugin = %self.row.name, "loading a plugin failed");
                    Err(Error::internal())
                }
            }
        };
        self.linked.get_or_try_init(load).await
    }

    fn unusable(&self, error: &LoadError) -> Error {
        tracing::error!(error = error as &dyn std::error::Error, plugin = %self.row.name, "a plugin can't be loaded");
        Error::new(
            Code::Unavailable,
            format!(
                "The plugin `{name}` can't be loaded: {error}. Remove it and install it again.",
                name = self.row.name
            ),
        )
    }
}

impl crate::Registry {
    /// The component behind a plugin, ready to be called.
    ///
    /// # Errors
    /// `unavailable` when its bytes are gone or were changed.
    pub async fn linked<'a>(&self, plugin: &'a Arc<Plugin>) -> Result<&'a Linked, Error> {
        plugin.linked(&self.runtime, &self.components).await
    }
}
