//! The drop-in folder: a component that is put there is installed, with nothing granted; one that is taken away is removed.
//!
//! What became of each file is kept, so that a broken one is looked at once and not by every process that starts. A file is
//! looked at again when its size or its time changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fact_store::DropInRow;
use fact_types::{Code, Error, PluginName};
use serde::Serialize;

use crate::prepare::Naming;
use crate::source::Source;
use crate::update::Fate;
use crate::{InstallOptions, Registry, blocking, io_failed, store_failed};

/// A file that changed more recently than this may still be being written.
const SETTLED: Duration = Duration::from_millis(200);

/// Time between two looks at the folder. With the time to settle it leaves half a second of the one in which a plugin is
/// expected to be there.
const LOOK: Duration = Duration::from_millis(200);

/// Most files that are looked at: what is beyond is no folder of plugins.
const FILES_MAX: usize = 10_000;

/// Longest wait for calls of a plugin whose file is gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something that happened to a file in the drop-in folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DropIn {
    /// The file's name.
    pub file: String,
    /// What became of it.
    #[serde(flatten)]
    pub event: DropInEvent,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropInEvent {
    /// It is a plugin now.
    Installed(PluginName),
    /// It is the same component as a plugin that is there already, from elsewhere. It is that plugin when the other goes.
    Copy(PluginName),
    /// It is the plugin's version that answers now.
    Updated(PluginName),
    /// It is a new version that waits for approval.
    Held(PluginName),
    /// It is gone, and so is the plugin.
    Removed(PluginName),
    /// It can't be used.
    Problem(String),
}

/// Most characters of a problem that are kept. It is a sentence or two.
const PROBLEM_MAX: usize = 1000;

/// The time that is kept of a file that is to be looked at again although it did not change.
const AGAIN: i64 = -1;

struct Found {
    size: u64,
    changed: i64,
    settled: bool,
}

/// What is in the folder.
#[derive(Default)]
struct Listed {
    /// The components, by name.
    files: BTreeMap<String, Found>,
    /// What is named like one, or nearly, and is none: why.
    odd: BTreeMap<String, &'static str>,
}

impl Registry {
    /// Looks at the folder once, and returns what happened. A file that is perhaps still being written is waited for.
    ///
    /// # Errors
    /// When the folder can't be listed or the store can't be used. A file that is no plugin is an event and no error.
    pub async fn look_at_drop_in(self: &Arc<Self>, folder: &Path) -> Result<Vec<DropIn>, Error> {
        let (mut events, mut pending) = self.drop_in_round(folder).await?;
        // Someone who copies a file and then asks for its tools means the file that they copied.
        if pending {
            tokio::time::sleep(SETTLED).await;
            let more;
            (more, pending) = self.drop_in_round(folder).await?;
            events.extend(more);
        }
        if pending {
            tracing::debug!("a file in the drop-in folder goes on changing");
        }
        Ok(events)
    }

    /// Looks at the folder until the future is dropped, and tells what happens.
    pub async fn watch_drop_in(self: &Arc<Self>, folder: &Path, mut tell: impl FnMut(Result<DropIn, Error>)) {
        let mut failing = false;
        loop {
            match self.drop_in_round(folder).await {
                Ok((events, _)) => {
                    failing = false;
                    events.into_iter().for_each(|event| tell(Ok(event)));
                }
                // Told once, not five times a second.
                Err(error) if !failing => {
                    failing = true;
                    tell(Err(error));
                }
                Err(_) => {}
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The files of the drop-in folder that can't be used, and why.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn drop_in_problems(&self) -> Result<Vec<(String, String)>, Error> {
        let rows = self.store.drop_in().map_err(store_failed)?;
        Ok(rows
            .into_iter()
            .filter_map(|row| Some((row.file, row.problem?)))
            .collect())
    }

    /// The file of the drop-in folder that a plugin is from, if it is there: it becomes that plugin again when it changes.
    pub fn drop_in_file(&self, folder: &Path, name: &PluginName) -> Option<PathBuf> {
        let folder = std::path::absolute(folder).ok()?;
        let source = PathBuf::from(&self.plugin(name).ok()?.row.source);
        (source.parent() == Some(&folder) && source.exists()).then_some(source)
    }

    async fn drop_in_round(self: &Arc<Self>, folder: &Path) -> Result<(Vec<DropIn>, bool), Error> {
        let folder = std::path::absolute(folder).map_err(io_failed)?;
        let (registry, listed) = (Arc::clone(self), folder.clone());
        let (rows, files) = blocking(move || {
            let rows = registry.store.drop_in().map_err(store_failed)?;
            Ok((rows, list(&listed).map_err(io_failed)?))
        })
        .await?;
        let Some(Listed { files, odd }) = files else {
            // Unmounted or moved, perhaps for a moment: that takes no plugin and no grant from anyone.
            return match rows.as_slice() {
                [] => Ok((Vec::new(), false)),
                _ => Err(Error::new(
                    Code::Unavailable,
                    "The drop-in folder is gone. Its plugins stay as they are until it is back.",
                )),
            };
        };
        let rows: BTreeMap<String, DropInRow> = rows.into_iter().map(|row| (row.file.clone(), row)).collect();
        let (mut events, mut pending) = (Vec::new(), false);
        let mut removed = Vec::new();
        for (file, row) in rows.iter().filter(|(file, _)| !files.contains_key(*file)) {
            if row.plugin.is_none() && odd.get(file).copied() == row.problem.as_deref() {
                continue;
            }
            if let Some(name) = self.drop_in_gone(&folder, file, row).await? {
                removed.push(name.clone());
                let event = DropInEvent::Removed(name);
                events.push(DropIn::of(file, event));
            }
        }
        for (file, why) in &odd {
            if rows.get(file).and_then(|row| row.problem.as_deref()) == Some(*why) {
                continue;
            }
            self.note(DropInRow {
                file: file.clone(),
                size: 0,
                changed: AGAIN,
                plugin: None,
                problem: Some((*why).to_owned()),
            })
            .await?;
            events.push(DropIn::of(file, DropInEvent::Problem((*why).to_owned())));
        }
        // A name that is free again may be what another file waited for, or shared.
        let again = |row: &DropInRow| match &row.plugin {
            Some(name) => removed.contains(name),
            None => !removed.is_empty() && row.problem.is_some(),
        };
        for (file, found) in &files {
            let row = rows.get(file);
            let same = row.filter(|row| (row.size, row.changed) == (found.size, found.changed));
            if same.is_some_and(|row| !again(row)) {
                continue;
            }
            if !found.settled {
                pending = true;
                continue;
            }
            let event = self.drop_in_new(&folder, file, found, row).await?;
            let told = row
                .filter(|row| same.is_some() || row.changed == AGAIN)
                .and_then(|row| row.problem.as_ref());
            let is_news = match &event {
                Some(DropInEvent::Problem(problem)) => Some(problem) != told,
                Some(_) => true,
                None => false,
            };
            events.extend(event.filter(|_| is_news).map(|event| DropIn::of(file, event)));
        }
        Ok((events, pending))
    }

    /// Makes a file what it is to be. None: it is gone; the next look sees that.
    async fn drop_in_new(
        self: &Arc<Self>,
        folder: &Path,
        file: &str,
        found: &Found,
        row: Option<&DropInRow>,
    ) -> Result<Option<DropInEvent>, Error> {
        let path = folder.join(file);
        // A plugin that was since given a version from elsewhere is not this file's to change.
        let own = row
            .and_then(|row| row.plugin.clone())
            .filter(|name| self.is_from(name, &path));
        let source = Source::File(path);
        let became = match own.clone() {
            Some(name) => self
                .update(&name, source, false)
                .await
                .map(|update| match update.fate {
                    Fate::Held => DropInEvent::Held(name),
                    Fate::Live | Fate::Unchanged => DropInEvent::Updated(name),
                }),
            None => {
                let options = InstallOptions {
                    by: "drop-in".to_owned(),
                    ..InstallOptions::default()
                };
                let installed = self.install_as(source, options, Naming::File).await;
                installed.map(|installed| {
                    let name = installed.plugin.row.name.clone();
                    match installed.is_new() || self.is_from(&name, &folder.join(file)) {
                        true => DropInEvent::Installed(name),
                        false => DropInEvent::Copy(name),
                    }
                })
            }
        };
        let mut changed = found.changed;
        let event = match became {
            Ok(event) => event,
            Err(error) if error.code == Code::NotFound => return Ok(None),
            Err(error) => {
                // A full disk or a busy database says nothing about the file, and passes.
                if error.code == Code::Unavailable {
                    changed = AGAIN;
                }
                DropInEvent::Problem(clip(error.message))
            }
        };
        let (plugin, problem) = match &event {
            DropInEvent::Problem(problem) => (own, Some(problem.clone())),
            DropInEvent::Installed(name)
            | DropInEvent::Copy(name)
            | DropInEvent::Updated(name)
            | DropInEvent::Held(name)
            | DropInEvent::Removed(name) => (Some(name.clone()), None),
        };
        let new = DropInRow {
            file: file.to_owned(),
            size: found.size,
            changed,
            plugin,
            problem,
        };
        if row != Some(&new) {
            self.note(new).await?;
        }
        Ok(Some(event))
    }

    async fn note(self: &Arc<Self>, row: DropInRow) -> Result<(), Error> {
        let registry = Arc::clone(self);
        blocking(move || registry.store.put_drop_in(&row).map_err(store_failed)).await
    }

    /// Removes the plugin of a file that is gone, if it is still this file's, and returns its name.
    async fn drop_in_gone(
        self: &Arc<Self>,
        folder: &Path,
        file: &str,
        row: &DropInRow,
    ) -> Result<Option<PluginName>, Error> {
        let path = folder.join(file);
        let own = row.plugin.clone().filter(|name| self.is_from(name, &path));
        if let Some(name) = &own {
            match self.remove(name, PATIENCE).await {
                Err(error) if error.code != Code::NotFound => return Err(error),
                _ => {}
            }
        }
        let (registry, file) = (Arc::clone(self), file.to_owned());
        blocking(move || registry.store.forget_drop_in(&file).map_err(store_failed)).await?;
        Ok(own)
    }

    /// Whether the version of a plugin that answers is from this file.
    fn is_from(&self, name: &PluginName, path: &Path) -> bool {
        self.plugin(name)
            .is_ok_and(|plugin| plugin.row.source == path.display().to_string())
    }
}

impl DropIn {
    fn of(file: &str, event: DropInEvent) -> Self {
        DropIn {
            file: file.to_owned(),
            event,
        }
    }
}

/// As much of a problem as is kept.
fn clip(problem: String) -> String {
    problem.chars().take(PROBLEM_MAX).collect()
}

/// What is in the folder. None where there is no folder.
fn list(folder: &Path) -> std::io::Result<Option<Listed>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut listed = Listed::default();
    for entry in entries {
        let path: PathBuf = entry?.path();
        let Some(name) = path.file_name() else {
            continue;
        };
        let ending = path.extension().unwrap_or_default();
        if !ending.eq_ignore_ascii_case("wasm") || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if listed.files.len() + listed.odd.len() >= FILES_MAX {
            return Err(std::io::Error::other("the drop-in folder holds too many files"));
        }
        let seen = match name.to_str() {
            None => Err(NOT_TEXT),
            Some(_) if ending != "wasm" => Err(CAPITALS),
            Some(_) => match look(&path) {
                Some(seen) => seen,
                None => continue,
            },
        };
        let name = name.to_string_lossy().into_owned();
        match seen {
            Ok(found) => {
                listed.files.insert(name, found);
            }
            Err(why) => {
                listed.odd.insert(name, why);
            }
        }
    }
    // A name that is no text may be shown as one that is.
    listed.odd.retain(|name, _| !listed.files.contains_key(name));
    Ok(Some(listed))
}

const NOT_TEXT: &str = "Its name is not UTF-8. Rename the file.";
const CAPITALS: &str =
    "Only files whose names end in `.wasm`, in small letters, are installed. Rename the file.";
const NO_FILE: &str =
    "It is no regular file. Put the component itself there, as a file whose name ends in `.wasm`.";
const NOWHERE: &str = "It is a link to a file that is not there, or can't be looked at. Put the component there, or take the link away.";

/// A component's file, or why it is none. None: it is gone since it was listed, which the next look sees.
fn look(path: &Path) -> Option<Result<Found, &'static str>> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        // The link itself is looked at.
        Err(_) => return std::fs::symlink_metadata(path).is_ok().then_some(Err(NOWHERE)),
    };
    if !metadata.is_file() {
        return Some(Err(NO_FILE));
    }
    let changed = metadata.modified().unwrap_or(UNIX_EPOCH);
    let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(Ok(Found {
        size: metadata.len(),
        changed: i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        // A time in the future says nothing about now.
        settled: SystemTime::now()
            .duration_since(changed)
            .map_or(true, |age| age >= SETTLED),
    }))
}
