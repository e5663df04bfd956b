//! A plugin as it is used: its row in the store, and what follows from it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use fact_runtime::{Grants, Linked, LoadError, Runtime};
use fact_store::{PluginRow, VersionRow};
use fact_types::{Code, Digest, Error, Grant, Limits, Manifest, ToolId, ToolName, ToolSpec};
use tokio::sync::OnceCell;

use crate::components::Components;
use crate::limits::{LimitPolicy, widest};
use crate::schema::{KEPT_MAX, Schema, Schemas};

/// An installed plugin: the version that answers.
pub struct Plugin {
    /// What the store holds of it.
    pub row: PluginRow,
    /// What it says about itself.
    pub manifest: Manifest,
    /// What it may do.
    pub grants: Vec<Grant>,
    /// Its tools.
    pub tools: BTreeMap<ToolName, Arc<Tool>>,
    /// A version that waits for approval.
    pub held: Option<VersionRow>,
    /// The versions before this one, the latest first.
    pub previous: Vec<VersionRow>,
    /// Some grant does not hold for every call.
    pub(crate) has_terms: bool,
    /// By grant: that it is used is known already.
    pub(crate) noted: Vec<AtomicBool>,
    pub(crate) limits: Limits,
    active: Arc<AtomicU64>,
    linked: OnceCell<Linked>,
    all: OnceLock<Arc<Grants>>,
}

/// The compiled schemas of all tools. What a schema compiles to depends on nothing else, so hosts in one process share it.
static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::new(KEPT_MAX));

/// A tool of an installed plugin.
pub struct Tool {
    /// Its full name.
    pub id: ToolId,
    /// What the plugin says about it.
    pub spec: ToolSpec,
    /// The bounds of its calls.
    pub limits: Limits,
    /// It may be called, as far as it alone is concerned.
    pub enabled: bool,
    schema_key: OnceLock<Digest>,
}

impl Tool {
    /// What its arguments must look like.
    ///
    /// # Errors
    /// When the schema that was checked at installation can't be used any more: a fault of the host.
    pub fn schema(&self) -> Result<Arc<Schema>, Error> {
        self.compile().map_err(|why| {
            Error::new(
                Code::BadComponent,
                format!("The tool `{}` can't be used: {why}.", self.id),
            )
        })
    }

    /// The same, with what is wrong with the schema as part of a sentence.
    pub(crate) fn compile(&self) -> Result<Arc<Schema>, String> {
        // A thousand tools are known by name long before one of them is called.
        let key = self
            .schema_key
            .get_or_init(|| Schemas::key(&self.spec.input_schema));
        SCHEMAS.get(*key, &self.spec.input_schema)
    }
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
                limits: policy.tool(&row.name, &spec.name),
                enabled: !row.disabled_tools.contains(&spec.name),
                schema_key: OnceLock::new(),
            };
            tools.insert(spec.name.clone(), Arc::new(tool));
        }
        let limits = widest(policy.plugin(&row.name), tools.values().map(|tool| &tool.limits));
        Ok(Plugin {
            row,
            manifest,
            tools,
            held: None,
            previous: Vec::new(),
            has_terms: grants.iter().any(|grant| !grant.terms.are_empty()),
            noted: grants.iter().map(|_| AtomicBool::new(false)).collect(),
            grants,
            limits,
            active: Arc::default(),
            linked: OnceCell::new(),
            all: OnceLock::new(),
        })
    }

    /// Everything that the plugin was granted, whatever its terms.
    pub(crate) fn all_grants(&self) -> &Arc<Grants> {
        self.all
            .get_or_init(|| Arc::new(Grants::new(self.grants.iter().map(|grant| &grant.capability))))
    }

    /// Counts calls together with those of what this plugin was before.
    pub(crate) fn succeed(&mut self, before: &Plugin) {
        self.active = Arc::clone(&before.active);
    }

    /// Counts a call as running until the guard is dropped.
    pub fn enter(&self) -> Active {
        self.active.fetch_add(1, Ordering::AcqRel);
        Active(Arc::clone(&self.active))
    }

    /// Calls of the plugin that run in this process, those of its earlier versions included.
    pub fn running(&self) -> u64 {
        self.active.load(Ordering::Acquire)
    }

    /// Waits until none runs. True: none does.
    pub(crate) async fn drained(&self, patience: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + patience;
        while self.running() > 0 {
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
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
                runtime.link(&compiled, Arc::clone(plugin.all_grants()), &plugin.limits)
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
                "The plugin `{name}` can't be loaded: {error}{advice}.",
                name = self.row.name,
                advice = advice(error)
            ),
        )
    }
}

/// What to do about a plugin that can't be loaded, where the error does not say so itself, as the end of its sentence.
fn advice(error: &LoadError) -> &'static str {
    match error {
        LoadError::CompileTime(_) | LoadError::CompileMemory(_) => {
            ". It did compile when it was installed, so trying again when the machine is less busy may do"
        }
        LoadError::TooLarge { .. } => ", or allow more with that setting, as when it was installed",
        // These say what to do, or that the host's log does.
        LoadError::Crashed(_) | LoadError::NoCompiler(_) | LoadError::Setup(_) => "",
        LoadError::NotWasm
        | LoadError::CoreModule
        | LoadError::Invalid(_)
        | LoadError::Contract(_)
        | LoadError::Read(_) => ". Remove it and install it again",
    }
}

/// A call that runs.
pub struct Active(Arc<AtomicU64>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl crate::Registry {
    /// The component behind a plugin, ready to be called. None: the plugin has another version by now, or is gone, and this one
    /// was thrown away before it was loaded. Look the tool up again.
    ///
    /// # Errors
    /// `unavailable` when its bytes are gone or were changed.
    pub async fn linked<'a>(&self, plugin: &'a Arc<Plugin>) -> Result<Option<&'a Linked>, Error> {
        match plugin.linked(&self.runtime, &self.components).await {
            Ok(linked) => Ok(Some(linked)),
            Err(_) if self.is_past(plugin) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fact_types::{ByteSize, Span};

    #[test]
    fn what_to_do_is_said_by_the_cause() {
        let again = "install it again";
        for (error, installing_helps) in [
            (LoadError::CompileTime(Span::secs(60)), false),
            (LoadError::CompileMemory(ByteSize::mib(1)), false),
            (LoadError::TooLarge { size: 2, most: 1 }, false),
            (LoadError::Crashed("killed".to_owned()), false),
            (LoadError::NoCompiler("gone".to_owned()), false),
            (LoadError::Invalid("odd".to_owned()), true),
            (LoadError::Contract("odd".to_owned()), true),
            (LoadError::Read(std::io::ErrorKind::NotFound.into()), true),
        ] {
            assert_eq!(advice(&error).contains(again), installing_helps, "{error}");
        }
    }
}
