//! New versions: at once where nothing is widened, else after approval; and back.

use std::sync::Arc;

use fact_store::{VersionRow, VersionState};
use fact_types::{Code, Digest, Error, Manifest, PluginName, ToolName};
use serde::Serialize;

use crate::changes::{Change, ChangeKind, changes};
use crate::plugin::Plugin;
use crate::prepare::{Naming, Prepared};
use crate::source::Source;
use crate::{Registry, blocking, io_failed, now, store_failed};

/// Most tries when others change the same plugin at the same moment.
const TRIES: usize = 10;

/// What became of a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is the version that answers already.
    Unchanged,
    /// It answers from now on.
    Live,
    /// It waits for approval; the old one answers.
    Held,
}

/// A new version, and how it differs from the one before.
#[derive(Debug, Clone, Serialize)]
pub struct Update {
    /// What became of it.
    pub fate: Fate,
    /// The plugin.
    pub plugin: PluginName,
    /// The component that answered before.
    pub from: Digest,
    /// The new component.
    pub to: Digest,
    /// How they differ.
    pub changes: Vec<Change>,
    /// The version that waited for approval and is thrown away, since this one answers, or waits, in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<Digest>,
    /// What is odd about the new version and does no harm, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Registry {
    /// Gives a plugin a new version. Where it widens nothing, or `approved` says that it may, it answers at once and drops no
    /// call; else it waits, and the present one goes on answering. Grants stay what they are.
    ///
    /// # Errors
    /// As for [`Registry::install`]; `not-found` when the plugin is not installed.
    pub async fn update(
        self: &Arc<Self>,
        name: &PluginName,
        source: Source,
        approved: bool,
    ) -> Result<Update, Error> {
        self.plugin(name)?;
        let prepared = Arc::new(self.prepare(source, Some(name.clone()), Naming::Said).await?);
        let registry = Arc::clone(self);
        blocking(move || {
            let updated = registry.put_version(&prepared, approved);
            if updated.is_err() {
                registry.discard(&[prepared.digest]);
            }
            updated
        })
        .await
    }

    fn put_version(&self, prepared: &Prepared, approved: bool) -> Result<Update, Error> {
        let name = &prepared.name;
        for _ in 0..TRIES {
            let present = self.plugin(name)?;
            let from = present.row.digest;
            let changes = changes(&present.manifest, &prepared.manifest);
            let mut update = Update {
                fate: Fate::Unchanged,
                plugin: name.clone(),
                from,
                to: prepared.digest,
                changes,
                dropped: None,
                warnings: prepared.warnings.clone(),
            };
            if from == prepared.digest {
                return Ok(update);
            }
            let version = VersionRow {
                plugin: name.clone(),
                state: VersionState::Held,
                digest: prepared.digest,
                manifest: prepared.text.clone(),
                source: prepared.label.clone(),
                since: now(),
            };
            let widens = update.changes.iter().any(|change| change.widens);
            let done = self.exchange(Some((prepared.digest, &prepared.bytes)), || {
                update.dropped = self.waiting(name, prepared.digest)?;
                if widens && !approved {
                    update.fate = Fate::Held;
                    self.store.hold(name, from, &version)
                } else {
                    update.fate = Fate::Live;
                    let renamed = renamed(&update.changes);
                    self.store.swap(name, from, &version, &renamed, &now())
                }
                .map_err(store_failed)
            })?;
            if done {
                return Ok(update);
            }
        }
        Err(busy(name))
    }

    /// Keeps a component's bytes, makes a change, and deletes what nobody uses after it. Meanwhile nobody else changes which
    /// components are kept: what `change` looks at stays as it is until it is done.
    fn exchange<T>(
        &self,
        bytes: Option<(Digest, &[u8])>,
        change: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let exclusive = self.components.lock().map_err(io_failed)?;
        let mut before = self.store.digests_in_use().map_err(store_failed)?;
        if let Some((digest, bytes)) = bytes {
            self.components
                .put(&exclusive, digest, bytes)
                .map_err(io_failed)?;
            before.push(digest);
        }
        let made = change();
        self.sweep(&exclusive, &before);
        made
    }

    /// The version that waits for approval, and how it differs from the present one.
    ///
    /// # Errors
    /// `not-found` when the plugin is not installed or nothing waits.
    pub fn held(&self, name: &PluginName) -> Result<(VersionRow, Vec<Change>), Error> {
        let plugin = self.plugin(name)?;
        let held = plugin.held.as_ref().ok_or_else(|| nothing_held(name))?;
        let manifest = read(&held.manifest)?;
        Ok((held.clone(), changes(&plugin.manifest, &manifest)))
    }

    /// Lets the version that waits answer from now on. With `digest`, only when it is that one: what was looked at is what is
    /// approved.
    ///
    /// # Errors
    /// `not-found` when the plugin is not installed or nothing waits; `conflict` when another version waits.
    pub async fn approve(
        self: &Arc<Self>,
        name: &PluginName,
        digest: Option<Digest>,
    ) -> Result<Update, Error> {
        let (registry, name) = (Arc::clone(self), name.clone());
        let approve = move || {
            let (held, changes) = registry.held(&name)?;
            if digest.is_some_and(|digest| digest != held.digest) {
                return Err(Error::new(
                    Code::Conflict,
                    format!(
                        "The version of `{name}` that waits is {}, not the one that you name. Look at it first: `fact plugin \
                         show {name}`.",
                        held.digest.short()
                    ),
                ));
            }
            registry.go_to(&name, &held, changes)
        };
        let registry = Arc::clone(self);
        blocking(move || registry.exchange(None, approve)).await
    }

    /// Throws away the version that waits for approval.
    ///
    /// # Errors
    /// `not-found` when the plugin is not installed or nothing waits.
    pub async fn reject(self: &Arc<Self>, name: &PluginName) -> Result<Digest, Error> {
        let (registry, name) = (Arc::clone(self), name.clone());
        blocking(move || {
            registry.exchange(None, || {
                let (held, _) = registry.held(&name)?;
                let rejected = registry.store.unhold(&name).map_err(store_failed)?;
                rejected.then_some(held.digest).ok_or_else(|| nothing_held(&name))
            })
        })
        .await
    }

    /// Goes back to the version before the present one, or to the one whose digest begins with `to`. What answers now is
    /// kept, so that going back twice changes nothing.
    ///
    /// # Errors
    /// `not-found` when there is no such version.
    pub async fn rollback(self: &Arc<Self>, name: &PluginName, to: Option<&str>) -> Result<Update, Error> {
        let (registry, name, to) = (Arc::clone(self), name.clone(), to.map(str::to_owned));
        let go_back = move || {
            if to
                .as_deref()
                .is_some_and(|to| to.trim_start_matches("sha256:").is_empty())
            {
                return Err(Error::new(
                    Code::InvalidInput,
                    "Name the version by its digest, or by the beginning of it.",
                ));
            }
            let plugin = registry.plugin(&name)?;
            let wanted = |version: &&VersionRow| {
                let digest = version.digest.to_string();
                to.as_deref()
                    .is_none_or(|to| digest.starts_with(to.strip_prefix("sha256:").unwrap_or(to)))
            };
            let before = plugin.previous.iter().find(wanted).ok_or_else(|| {
                let which = to.as_deref().map_or("No earlier version".to_owned(), |to| {
                    format!("No version `{}`", to.escape_debug())
                });
                Error::new(
                    Code::NotFound,
                    format!("{which} of `{name}` is kept. `fact plugin show {name}` lists those that are."),
                )
            })?;
            let changes = changes(&plugin.manifest, &read(&before.manifest)?);
            registry.go_to(&name, before, changes)
        };
        let registry = Arc::clone(self);
        blocking(move || registry.exchange(None, go_back)).await
    }

    /// Lets a version answer that is kept already.
    fn go_to(&self, name: &PluginName, to: &VersionRow, changes: Vec<Change>) -> Result<Update, Error> {
        let from = self.plugin(name)?.row.digest;
        // The bytes are looked at before anyone depends on them.
        let there = self.components.get(to.digest).map_err(io_failed)?;
        if Digest::of(&there) != to.digest {
            return Err(Error::new(
                Code::Unavailable,
                format!(
                    "The component of that version of `{name}` was changed on disk. Install it again from its source."
                ),
            ));
        }
        let renamed = renamed(&changes);
        let dropped = self.waiting(name, to.digest)?;
        let done = self.store.swap(name, from, to, &renamed, &now());
        if !done.map_err(store_failed)? {
            return Err(busy(name));
        }
        Ok(Update {
            fate: Fate::Live,
            plugin: name.clone(),
            from,
            to: to.digest,
            changes,
            dropped,
            warnings: Vec::new(),
        })
    }

    /// The version that waits at this moment, if it is another than `new`, which takes its place.
    fn waiting(&self, name: &PluginName, new: Digest) -> Result<Option<Digest>, Error> {
        let held = self.plugin(name)?.held.as_ref().map(|held| held.digest);
        Ok(held.filter(|held| *held != new))
    }
}

/// The tools that have another name, from and to.
pub(crate) fn renamed(changes: &[Change]) -> Vec<(ToolName, ToolName)> {
    let pair = |change: &Change| {
        let (before, after) = (change.before.as_deref()?, change.after.as_deref()?);
        Some((before.parse().ok()?, after.parse().ok()?))
    };
    changes
        .iter()
        .filter(|change| change.kind == ChangeKind::ToolRenamed)
        .filter_map(pair)
        .collect()
}

/// A manifest of the store.
pub(crate) fn read(manifest: &str) -> Result<Manifest, Error> {
    serde_json::from_str(manifest).map_err(|error| {
        tracing::error!(%error, "a stored manifest can't be read");
        Error::internal()
    })
}

fn busy(name: &PluginName) -> Error {
    Error::new(
        Code::Conflict,
        format!("Someone else changed `{name}` at the same moment. Look at it, and try again."),
    )
}

fn nothing_held(name: &PluginName) -> Error {
    Error::new(
        Code::NotFound,
        format!("No version of `{name}` waits for approval."),
    )
}

impl Plugin {
    /// Whether a version waits for approval.
    pub fn waits(&self) -> bool {
        self.held.is_some()
    }
}
