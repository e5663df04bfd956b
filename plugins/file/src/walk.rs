//! A bounded walk through a folder, in the order of the names.

use schemars::JsonSchema;
use serde::Serialize;
use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

/// Deepest level of a walk; the folder's own entries are at level 1.
pub const DEPTH_MAX: u32 = 10;

/// Most entries that a walk looks at, hidden ones included. Names must be in memory to be sorted, and this many take some
/// 20 MB.
pub const LOOKED_AT_MAX: usize = 100_000;

/// Most folders that could not be read of which a walk keeps the names.
const UNREADABLE_SHOWN_MAX: usize = 20;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, which is not followed.
    Symlink,
    /// A pipe, a device, a socket.
    Other,
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        if kind.is_symlink() {
            Kind::Symlink
        } else if kind.is_dir() {
            Kind::Folder
        } else if kind.is_file() {
            Kind::File
        } else {
            Kind::Other
        }
    }
}

/// One entry of a walk.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The path to open.
    pub path: PathBuf,
    /// The path below the folder that the walk began with, with `/` between the names.
    pub relative: String,
    /// What it is.
    pub kind: Kind,
    /// The level, from 1.
    depth: u32,
}

/// A walk: an iterator over entries, a folder before what is in it, symbolic links not followed.
#[derive(Debug)]
pub struct Walk {
    /// What is to come, the next one last.
    ahead: Vec<Entry>,
    depth_max: u32,
    hidden: bool,
    looked_at: usize,
    /// Whether entries were left out because there are too many.
    pub cut: bool,
    /// Folders below the first that could not be read, the first 20 of them.
    pub unreadable: Vec<String>,
}

impl Walk {
    /// Begins at a folder. `hidden`: with names that begin with a point.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn new(folder: &Path, depth_max: u32, hidden: bool) -> io::Result<Self> {
        let mut walk = Self {
            ahead: Vec::new(),
            depth_max,
            hidden,
            looked_at: 0,
            cut: false,
            unreadable: Vec::new(),
        };
        walk.enter(folder, "", 1)?;
        Ok(walk)
    }

    fn enter(&mut self, folder: &Path, relative: &str, depth: u32) -> io::Result<()> {
        let begin = self.ahead.len();
        for entry in std::fs::read_dir(folder)? {
            if self.looked_at >= LOOKED_AT_MAX {
                self.cut = true;
                break;
            }
            self.looked_at += 1;
            // An entry that vanished or has no readable name is as if it weren't there.
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') && !self.hidden {
                continue;
            }
            let kind = entry.file_type().map_or(Kind::Other, Kind::from);
            let relative = if relative.is_empty() {
                name.into_owned()
            } else {
                format!("{relative}/{name}")
            };
            self.ahead.push(Entry {
                path: entry.path(),
                relative,
                kind,
                depth,
            });
        }
        if let Some(new) = self.ahead.get_mut(begin..) {
            new.sort_by(|one, other| other.relative.cmp(&one.relative));
        }
        Ok(())
    }
}

impl Iterator for Walk {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let entry = self.ahead.pop()?;
        if entry.kind == Kind::Folder
            && entry.depth < self.depth_max
            && self.enter(&entry.path, &entry.relative, entry.depth + 1).is_err()
            && self.unreadable.len() < UNREADABLE_SHOWN_MAX
        {
            self.unreadable.push(entry.relative.clone());
        }
        Some(entry)
    }
}
