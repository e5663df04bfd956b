//! Waiting until somebody saves a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the files are looked at. A person does not notice, and a look costs less than a millisecond.
const EVERY: Duration = Duration::from_millis(250);

/// Most files that are looked at. A plugin has some ten; more are of something else.
const MAX_FILES: usize = 20_000;

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;

/// Folders of compilers and package managers.
const NOT_SOURCE: &[&str] = &["target", "node_modules", "__pycache__"];

/// The sources of a project.
///
/// They are looked at again and again, which works on every system and in every kind of folder; what a compiler writes does
/// not count.
pub struct Watch {
    folder: PathBuf,
    seen: Snapshot,
}

type Snapshot = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Watch {
    /// Begins to watch a folder.
    pub fn new(folder: &Path) -> Self {
        Watch {
            folder: folder.to_owned(),
            seen: snapshot(folder),
        }
    }

    /// Waits until a file was changed, and no other was changed for a moment after it: editors write several at once.
    /// Names the changed files.
    pub async fn changed(&mut self) -> Vec<PathBuf> {
        loop {
            tokio::time::sleep(EVERY).await;
            let mut now = self.look().await;
            if now == self.seen {
                continue;
            }
            loop {
                tokio::time::sleep(EVERY).await;
                let next = self.look().await;
                if next == now {
                    break;
                }
                now = next;
            }
            let before = std::mem::replace(&mut self.seen, now);
            let changed = differing(&before, &self.seen);
            if !changed.is_empty() {
                return changed;
            }
        }
    }

    async fn look(&self) -> Snapshot {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || snapshot(&folder))
            .await
            .unwrap_or_default()
    }
}

/// What is in one and not, or not alike, in the other.
fn differing(before: &Snapshot, after: &Snapshot) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = after
        .iter()
        .filter(|(path, state)| before.get(*path) != Some(state))
        .map(|(path, _)| path.clone())
        .chain(before.keys().filter(|path| !after.contains_key(*path)).cloned())
        .collect();
    paths.sort();
    paths
}

fn snapshot(folder: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    collect(folder, 0, &mut found);
    found
}

fn collect(folder: &Path, depth: usize, found: &mut Snapshot) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if found.len() >= MAX_FILES || depth >= MAX_DEPTH {
            return;
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Links are not followed: they may lead anywhere, and in circles.
        let Ok(kind) = entry.file_type() else { continue };
        if name.starts_with('.') || NOT_SOURCE.contains(&name.as_ref()) {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), depth + 1, found);
        } else if kind.is_file() && is_source(&name) {
            let Ok(about) = entry.metadata() else { continue };
            found.insert(entry.path(), (about.modified().ok(), about.len()));
        }
    }
}

/// Whether a change of the file is a reason to build. Cargo writes the lock file, editors their copies.
fn is_source(name: &str) -> bool {
    !(name.ends_with(".wasm") || name.ends_with('~') || name.ends_with(".swp") || name == "Cargo.lock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::write;

    #[test]
    fn sources_count_and_what_is_built_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for inside in ["src", "target", ".git"] {
            std::fs::create_dir(path(inside)).unwrap();
        }
        write(path("src/lib.rs"), "1").unwrap();
        let before = snapshot(folder.path());
        for quiet in [
            "target/x.rs",
            ".git/HEAD",
            "p.wasm",
            "Cargo.lock",
            "src/lib.rs~",
            ".hidden",
        ] {
            write(path(quiet), "x").unwrap();
        }
        assert_eq!(snapshot(folder.path()), before);
        write(path("src/lib.rs"), "12").unwrap();
        write(path("src/new.rs"), "1").unwrap();
        let after = snapshot(folder.path());
        assert_eq!(
            differing(&before, &after),
            [path("src/lib.rs"), path("src/new.rs")]
        );
        std::fs::remove_file(path("src/new.rs")).unwrap();
        assert_eq!(differing(&after, &snapshot(folder.path())), [path("src/new.rs")]);
    }

    #[tokio::test]
    async fn a_saved_file_ends_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(folder.path());
        write(folder.path().join("a.rs"), "1").unwrap();
        assert_eq!(watch.changed().await, [folder.path().join("a.rs")]);
    }
}
