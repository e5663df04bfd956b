//! `list`: what is in a folder.

use crate::filter::Filter;
use crate::folders::{Act, Folders};
use crate::info;
use crate::walk::{DEPTH_MAX, Kind, Walk};
use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most entries of an answer: with their details, some 2 MB.
const ENTRIES_MAX: usize = 10_000;

/// Entries of an answer when the call does not say.
const ENTRIES: usize = 1000;

/// Arguments of `list`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListFolder {
    /// The folder: an absolute path in a granted folder, or a path relative to it. `.` is the granted folder itself, when there is only one.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
    /// How many levels to go down, from 1 (default: only this folder) to 10.
    #[schemars(range(min = 1, max = 10))]
    pub depth: Option<u32>,
    /// Whether names that begin with a point are listed. Default: false.
    #[serde(default)]
    pub hidden: bool,
    /// Only files with one of these extensions, for example `["md", "txt"]`.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub extensions: Vec<String>,
    /// Only entries whose name fits, for example `*.md`; a pattern with a slash is for the path below the folder, for example `src/**/*.rs`.
    #[schemars(length(min = 1, max = 1000))]
    pub glob: Option<String>,
    /// Whether to add the size and the time of change, which costs a look at every file. Default: false.
    #[serde(default)]
    pub details: bool,
    /// How many entries to return at most. Default: 1000. Most: 10000.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_entries: Option<usize>,
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Listed {
    /// The path below the folder.
    pub path: String,
    /// `file`, `folder`, `symlink` (not followed) or `other`.
    pub kind: Kind,
    /// The size of a file in bytes, with `details`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The time of the last change, with `details`, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
}

/// Answer of `list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Listing {
    /// The path of the folder.
    pub path: String,
    /// The entries, each folder before what is in it, by name.
    pub entries: Vec<Listed>,
    /// How many there are.
    pub count: usize,
    /// Whether more entries fit what was asked for, or may do so: after 100000 entries nothing more is looked at.
    pub truncated: bool,
    /// Folders that could not be read, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// Lists the files and folders in a folder, sorted by name, down to 10 levels deep.
///
/// Can be filtered by extension or by a pattern. Symbolic links are shown and not followed.
///
/// # Errors
/// `denied` outside the granted folders, `not-found`, and `invalid-input` for what is not a folder.
#[tool(read_only, idempotent)]
pub fn list(args: ListFolder) -> Result<Listing, ToolError> {
    run(&Folders::granted(), &args)
}

/// Lists from these folders.
///
/// # Errors
/// As [`list`](fn@list).
pub fn run(folders: &Folders, args: &ListFolder) -> Result<Listing, ToolError> {
    let depth = args.depth.unwrap_or(1);
    let max_entries = args.max_entries.unwrap_or(ENTRIES);
    if !(1..=DEPTH_MAX).contains(&depth) {
        return Err(ToolError::invalid_input(format!(
            "`depth` is from 1 to {DEPTH_MAX}"
        )));
    }
    if !(1..=ENTRIES_MAX).contains(&max_entries) {
        return Err(ToolError::invalid_input(format!(
            "`max_entries` is from 1 to {ENTRIES_MAX}"
        )));
    }
    let filter = Filter::new(&args.extensions, args.glob.as_deref())?;
    let place = folders.resolve(&args.path)?;
    let mut walk =
        Walk::new(&place.path, depth, args.hidden).map_err(|error| place.failed(Act::List, &error))?;

    let mut entries = Vec::new();
    let mut truncated = false;
    for entry in walk.by_ref() {
        if !filter.passes(&entry.relative) || (entry.kind == Kind::Folder && filter.is_for_files()) {
            continue;
        }
        if entries.len() >= max_entries {
            truncated = true;
            break;
        }
        let metadata = if args.details {
            entry.path.symlink_metadata().ok()
        } else {
            None
        };
        entries.push(Listed {
            path: entry.relative,
            kind: entry.kind,
            size: metadata
                .as_ref()
                .filter(|_| entry.kind == Kind::File)
                .map(std::fs::Metadata::len),
            modified: metadata.as_ref().and_then(info::modified),
        });
    }
    Ok(Listing {
        path: place.shown,
        count: entries.len(),
        entries,
        truncated: truncated || walk.cut,
        unreadable: walk.unreadable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::testing::grant;
    use fact_sdk::ErrorCode;
    use serde_json::{Value, json};
    use std::fs;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/c/d")).unwrap();
        for path in ["a.md", "z.txt", ".hidden", "b/x.md", "b/c/y.TXT", "b/c/d/deep.md"] {
            fs::write(folder.path().join(path), "12345").unwrap();
        }
        folder
    }

    fn paths(folder: &tempfile::TempDir, mut args: Value) -> Result<(Vec<String>, bool), ToolError> {
        args["path"] = json!(".");
        let listing = run(&grant(&[folder.path()]), &serde_json::from_value(args).unwrap())?;
        assert_eq!(listing.count, listing.entries.len());
        Ok((
            listing.entries.into_iter().map(|entry| entry.path).collect(),
            listing.truncated,
        ))
    }

    #[test]
    fn lists() {
        let folder = tree();
        let check = |args: Value, expected: &[&str], truncated: bool| {
            let (paths, cut) = paths(&folder, args.clone()).unwrap();
            assert_eq!(
                (paths.as_slice(), cut),
                (expected.map_owned().as_slice(), truncated),
                "{args}"
            );
        };
        check(json!({}), &["a.md", "b", "z.txt"], false);
        check(json!({"hidden": true}), &[".hidden", "a.md", "b", "z.txt"], false);
        check(
            json!({"depth": 2}),
            &["a.md", "b", "b/c", "b/x.md", "z.txt"],
            false,
        );
        check(
            json!({"depth": 10, "extensions": ["md"]}),
            &["a.md", "b/c/d/deep.md", "b/x.md"],
            false,
        );
        check(json!({"depth": 10, "glob": "*.txt"}), &["z.txt"], false);
        check(
            json!({"depth": 10, "glob": "b/**"}),
            &["b/c", "b/c/d", "b/c/d/deep.md", "b/c/y.TXT", "b/x.md"],
            false,
        );
        check(json!({"max_entries": 2}), &["a.md", "b"], true);
        check(json!({"max_entries": 3}), &["a.md", "b", "z.txt"], false);
    }

    trait MapOwned {
        fn map_owned(&self) -> Vec<String>;
    }

    impl MapOwned for [&str] {
        fn map_owned(&self) -> Vec<String> {
            self.iter().map(|&text| text.to_owned()).collect()
        }
    }

    #[test]
    fn details_are_there_when_asked_for() {
        let folder = tree();
        let list = |details| {
            let args = ListFolder {
                path: ".".to_owned(),
                details,
                ..ListFolder::default()
            };
            run(&grant(&[folder.path()]), &args).unwrap().entries
        };
        assert!(
            list(false)
                .iter()
                .all(|entry| entry.size.is_none() && entry.modified.is_none())
        );
        let detailed = list(true);
        assert_eq!((detailed[0].size, detailed[1].size), (Some(5), None));
        assert!(detailed[0].modified.as_deref().unwrap().ends_with('Z'));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        let args = ListFolder {
            path: ".".to_owned(),
            depth: Some(10),
            ..ListFolder::default()
        };
        let listing = run(&grant(&[folder.path()]), &args).unwrap();
        assert_eq!(listing.entries.len(), 1);
        assert_eq!(listing.entries[0].kind, Kind::Symlink);
    }

    #[test]
    fn refuses() {
        let folder = tree();
        for args in [
            json!({"depth": 0}),
            json!({"depth": 11}),
            json!({"max_entries": 10_001}),
            json!({"glob": "["}),
        ] {
            assert_eq!(
                paths(&folder, args.clone()).unwrap_err().code(),
                ErrorCode::InvalidInput,
                "{args}"
            );
        }
        let list = |path: &str| {
            let args = ListFolder {
                path: path.to_owned(),
                ..ListFolder::default()
            };
            run(&grant(&[folder.path()]), &args).unwrap_err().code()
        };
        assert_eq!(list("missing"), ErrorCode::NotFound);
        assert_eq!(list("a.md"), ErrorCode::InvalidInput);
        assert_eq!(list("/no/such/folder"), ErrorCode::Denied);
    }
}
