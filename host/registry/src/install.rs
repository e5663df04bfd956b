//! Installing and removing.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use fact_runtime::{Grants, LoadError, MAX_COMPONENT};
use fact_store::PluginRow;
use fact_types::{Capability, Code, Digest, Error, Limits, Manifest, PluginName, Span};

use crate::grants::{now, settle};
use crate::plugin::{Grant, Plugin};
use crate::{Registry, store_failed};

/// Most tools of a plugin. The largest known MCP servers offer some hundred.
const MAX_TOOLS: usize = 256;

/// Largest manifest, as JSON.
const MAX_MANIFEST: usize = 4 << 20;

/// Longest name, title, version or licence, in bytes. People read these in lists.
const MAX_WORDS: usize = 200;

/// Most capabilities that a plugin may ask for. People read these one by one.
const MAX_REQUESTS: usize = 64;

/// Longest description. Models read these.
const MAX_DESCRIPTION: usize = 16 << 10;

/// Where a component comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Bytes that the host has already, with a name for them, such as `builtin:sql`.
    Bytes {
        /// What to call the source.
        label: String,
        /// The component.
        bytes: Vec<u8>,
    },
}

/// How to install.
#[derive(Debug, Clone, Default)]
pub struct InstallOptions {
    /// The name to install under. None: the one in the manifest.
    pub name: Option<PluginName>,
    /// What to grant along with it.
    pub grants: Vec<Capability>,
    /// Who installs.
    pub by: String,
}

impl Registry {
    /// Installs a component: checks it, compiles it, asks it once, with nothing granted, what it is, and keeps it. It is
    /// installed for good when this returns, and not at all when it fails.
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
        let (label, bytes) = blocking(move || read(source)).await?;
        let digest = Digest::of(&bytes);
        let installed = self.install_bytes(label, bytes, digest, options).await;
        // What was refused leaves nothing behind, unless it is in use under another name.
        if installed.is_err()
            && self
                .store
                .digests_in_use()
                .is_ok_and(|used| !used.contains(&digest))
        {
            self.runtime.forget(digest);
        }
        installed
    }

    async fn install_bytes(
        self: &Arc<Self>,
        label: String,
        bytes: Vec<u8>,
        digest: Digest,
        options: InstallOptions,
    ) -> Result<Arc<Plugin>, Error> {
        let grants = options.grants.iter().map(settle).collect::<Result<Vec<_>, _>>()?;
        let registry = Arc::clone(self);
        let bytes = Arc::new(bytes);
        let limits = self.describing();
        let linked = {
            let (registry, bytes, limits) = (Arc::clone(&registry), Arc::clone(&bytes), limits.clone());
            blocking(move || {
                let compiled = registry
                    .runtime
                    .load(digest, &limits, || Ok(bytes.to_vec()))
                    .map_err(bad)?;
                registry
                    .runtime
                    .link(&compiled, Grants::default(), &limits)
                    .map_err(bad)
            })
            .await?
        };
        let text = self.runtime.describe(&linked, &limits).await.map_err(|failure| {
            tracing::warn!(log = failure.log, "a component failed to describe itself");
            Error::new(
                Code::BadComponent,
                format!(
                    "The component can't say what it is ({}): {}",
                    failure.code, failure.message
                ),
            )
        })?;
        let manifest = manifest(&text)?;
        let name = match options.name {
            Some(name) => name,
            None => manifest.name.parse().map_err(|error| {
                Error::new(
                    Code::BadComponent,
                    format!("{error}. Choose another name with --name."),
                )
            })?,
        };
        let row = PluginRow {
            name: name.clone(),
            digest,
            manifest: serde_json::to_string(&manifest).map_err(|_| Error::internal())?,
            source: label,
            installed_at: now(),
            enabled: true,
        };
        // Everything that using it will need, tried before it is called installed.
        Plugin::new(row.clone(), Vec::new(), &self.limits).map_err(|why| {
            Error::new(
                Code::BadComponent,
                format!("The plugin can't be installed: {why}."),
            )
        })?;

        let registry = Arc::clone(self);
        let commit = move || {
            let exclusive = registry.components.lock().map_err(io_failed)?;
            let there = registry.store.plugin(&row.name).map_err(store_failed)?;
            if let Some(there) = there.as_ref().filter(|there| there.digest != row.digest) {
                return Err(Error::new(
                    Code::Conflict,
                    format!(
                        "A plugin `{}` is installed already, from {}. Remove it first with `fact plugin remove {}`, or choose \
                         another name with --name.",
                        row.name, there.source, row.name
                    ),
                ));
            }
            registry
                .components
                .put(&exclusive, digest, &bytes)
                .map_err(io_failed)?;
            let grants: Vec<Grant> = grants
                .into_iter()
                .map(|capability| Grant {
                    plugin: row.name.clone(),
                    capability,
                    granted_by: options.by.clone(),
                    granted_at: now(),
                    reason: Some("at installation".to_owned()),
                })
                .collect();
            registry
                .store
                .put_plugin(&there.unwrap_or(row), &grants)
                .map_err(store_failed)
        };
        blocking(commit).await?;
        self.plugin(&name)
    }

    /// Removes a plugin with its grants. Calls that run go on to their end.
    ///
    /// # Errors
    /// `not-found` when it is not installed.
    pub fn remove(&self, name: &PluginName) -> Result<(), Error> {
        let exclusive = self.components.lock().map_err(io_failed)?;
        let plugin = self.plugin(name)?;
        self.store.remove_plugin(name).map_err(store_failed)?;
        let digest = plugin.row.digest;
        if !self
            .store
            .digests_in_use()
            .map_err(store_failed)?
            .contains(&digest)
        {
            self.runtime.forget(digest);
            if let Err(error) = self.components.remove(&exclusive, digest) {
                tracing::warn!(%error, %digest, "a component that nobody uses any more can't be deleted");
            }
        }
        Ok(())
    }

    /// The limits under which a component says what it is.
    fn describing(&self) -> Limits {
        Limits {
            deadline: Span::secs(10).min(self.limits.all.deadline),
            ..self.limits.all.clone()
        }
    }
}

/// Runs something that blocks where that is fine.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "a task of an installation failed");
            Err(Error::internal())
        }
    }
}

fn read(source: Source) -> Result<(String, Vec<u8>), Error> {
    let path = match source {
        Source::Bytes { label, bytes } => return Ok((label, bytes)),
        Source::File(path) => path,
    };
    let shown = path.display();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(Code::NotFound, format!("There is no file `{shown}`.")),
        kind => Error::new(Code::Unavailable, format!("`{shown}` can't be read: {kind}.")),
    };
    // Looked at before it is opened: opening a pipe waits for someone to write.
    let kind = std::fs::metadata(&path).map_err(failed)?;
    if !kind.is_dir() && !kind.is_file() {
        return Err(Error::new(
            Code::InvalidInput,
            format!("`{shown}` is no regular file."),
        ));
    }
    let file = File::open(&path).map_err(failed)?;
    if kind.is_dir() {
        return Err(Error::new(
            Code::InvalidInput,
            format!("`{shown}` is a folder; name the component's .wasm file in it."),
        ));
    }
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there is more.
    file.take(MAX_COMPONENT as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let label = std::path::absolute(&path)
        .unwrap_or_else(|_| path.clone())
        .display()
        .to_string();
    Ok((label, bytes))
}

/// Parses and checks what a component says about itself.
fn manifest(text: &str) -> Result<Manifest, Error> {
    let wrong = |why: String| {
        Error::new(
            Code::BadComponent,
            format!("The plugin's manifest is wrong: {why}."),
        )
    };
    if text.len() > MAX_MANIFEST {
        return Err(wrong(format!(
            "it has {} bytes; at most {MAX_MANIFEST} are allowed",
            text.len()
        )));
    }
    let manifest: Manifest = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    if manifest.tools.is_empty() {
        return Err(wrong("it has no tools".to_owned()));
    }
    if manifest.tools.len() > MAX_TOOLS {
        return Err(wrong(format!(
            "it has {} tools; at most {MAX_TOOLS} are allowed",
            manifest.tools.len()
        )));
    }
    let long = |what: &str, text: &str, most: usize| {
        if text.len() <= most {
            return Ok(());
        }
        Err(wrong(format!(
            "{what} has {} bytes; at most {most} are allowed",
            text.len()
        )))
    };
    long("its name", &manifest.name, MAX_WORDS)?;
    long("its version", &manifest.version, MAX_WORDS)?;
    long("its licence", &manifest.license, MAX_WORDS)?;
    long("its description", &manifest.description, MAX_DESCRIPTION)?;
    if manifest.capabilities.len() > MAX_REQUESTS {
        return Err(wrong(format!(
            "it asks for {} capabilities; at most {MAX_REQUESTS} are allowed",
            manifest.capabilities.len()
        )));
    }
    for request in &manifest.capabilities {
        long(
            "a capability that it asks for",
            &request.capability,
            fact_types::capability::MAX_LEN,
        )?;
        long("a reason", &request.reason, fact_types::capability::MAX_LEN)?;
    }
    let mut names = std::collections::BTreeSet::new();
    for tool in &manifest.tools {
        long(
            &format!("the title of `{}`", tool.name),
            tool.title.as_deref().unwrap_or_default(),
            MAX_WORDS,
        )?;
        if let Some(schema) = &tool.output_schema {
            crate::schema::Schema::output(schema)
                .map_err(|why| wrong(format!("tool `{}`: {why}", tool.name)))?;
        }
        if !names.insert(&tool.name) {
            return Err(wrong(format!("two tools are called `{}`", tool.name)));
        }
        if tool.description.len() > MAX_DESCRIPTION {
            return Err(wrong(format!(
                "the description of `{}` has {} bytes; at most {MAX_DESCRIPTION} are allowed",
                tool.name,
                tool.description.len()
            )));
        }
    }
    Ok(manifest)
}

fn bad(error: LoadError) -> Error {
    match error {
        LoadError::Setup(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the engine can't start");
            Error::internal()
        }
        error => Error::new(
            Code::BadComponent,
            format!("The plugin can't be installed: {error}."),
        ),
    }
}

fn io_failed(error: std::io::Error) -> Error {
    tracing::error!(%error, "the folder of components can't be used");
    Error::new(
        Code::Unavailable,
        format!("The data folder can't be written: {}.", error.kind()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn manifests_are_bounded() {
        let good = json!({
            "name": "p",
            "tools": [{ "name": "t", "input_schema": { "type": "object" } }]
        });
        manifest(&good.to_string()).unwrap();
        let long = "x".repeat(MAX_DESCRIPTION + 1);
        let request = json!({ "capability": "clock:wall", "reason": "" });
        // A place in the manifest, what stands there, and a word of the refusal.
        let cases: &[(&str, Value, &str)] = &[
            ("/name", json!(long), "its name"),
            ("/version", json!(long), "its version"),
            ("/license", json!(long), "its licence"),
            ("/description", json!(long), "its description"),
            (
                "/capabilities",
                json!(vec![request; MAX_REQUESTS + 1]),
                "asks for",
            ),
            ("/capabilities", json!([{ "capability": long }]), "a capability"),
            (
                "/capabilities",
                json!([{ "capability": "x", "reason": long }]),
                "a reason",
            ),
            ("/tools", json!([]), "no tools"),
            ("/tools/0/title", json!(long), "the title"),
            ("/tools/0/description", json!(long), "the description of"),
            (
                "/tools/0/output_schema",
                json!({ "$ref": "file:///etc/passwd" }),
                "only `#/…`",
            ),
            (
                "/tools/0/output_schema",
                json!({ "type": "nonsense" }),
                "output schema is wrong",
            ),
        ];
        for (place, value, word) in cases {
            let mut text = good.clone();
            let (parent, key) = place.rsplit_once('/').unwrap();
            text.pointer_mut(parent).unwrap()[key] = value.clone();
            let error = manifest(&text.to_string()).unwrap_err();
            assert_eq!(error.code, Code::BadComponent, "{place}");
            assert!(error.message.contains(word), "{place}: {}", error.message);
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let error = read(Source::File("/dev/null".into())).unwrap_err();
        assert_eq!(error.code, Code::InvalidInput);
        assert!(error.message.contains("no regular file"), "{}", error.message);
    }
}
