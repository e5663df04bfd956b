//! Ways to a file.

use std::collections::BTreeSet;
use std::fs;

use fact_sdk::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How to try.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// `std::fs::read`.
    Read,
    /// `std::fs::write`.
    Write,
    /// `std::fs::read_dir`.
    List,
    /// `std::fs::metadata`.
    Stat,
    /// `std::fs::remove_file`.
    Delete,
    /// `std::fs::create_dir`.
    MakeDir,
    /// `open-at` below each granted folder, and `read`.
    RawRead,
    /// The same, without following a link at the end.
    RawReadNoFollow,
    /// `open-at` for writing, creating the file, and `write`.
    RawWrite,
    /// `open-at` as a folder, and `read-directory`.
    RawList,
    /// `stat-at`.
    RawStat,
    /// `readlink-at`.
    RawReadLink,
    /// `unlink-file-at`.
    RawDelete,
    /// `create-directory-at`.
    RawMakeDir,
    /// Opens `to` as a folder, then `path` from there, and reads.
    RawReadBelow,
    /// Makes a symbolic link at `path` that points to `to`, then reads through it.
    RawSymlink,
    /// Makes a hard link at `to` for the file at `path`, then reads it there.
    RawLink,
    /// Moves the file at `path` to `to`, then reads it there.
    RawRename,
}

/// One try.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Attempt {
    /// How.
    pub way: Way,
    /// To what.
    pub path: String,
    /// The second path, where the way has one.
    #[serde(default)]
    pub to: String,
}

/// What was got.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Seen {
    /// Contents, names, sizes, whatever there is to tell; each once.
    pub seen: BTreeSet<String>,
}

/// What to watch.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Watch {
    /// The path to read.
    pub path: String,
    /// How often.
    pub times: u32,
}

/// What a try writes, to be found again.
const MARK: &str = "a guest was here";

/// Makes one try.
///
/// # Errors
/// `denied` with the first refusal, when nothing was got.
pub fn attempt(args: &Attempt) -> Result<Seen, ToolError> {
    let path = args.path.as_str();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let tried = match args.way {
        Way::Read => fs::read(path).map(|bytes| vec![text(bytes)]),
        Way::Write => fs::write(path, MARK).map(|()| vec!["written".to_owned()]),
        Way::List => fs::read_dir(path).and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
                .collect()
        }),
        Way::Stat => fs::metadata(path).map(|found| vec![format!("{} bytes", found.len())]),
        Way::Delete => fs::remove_file(path).map(|()| vec!["deleted".to_owned()]),
        Way::MakeDir => fs::create_dir(path).map(|()| vec!["made".to_owned()]),
        _ => return raw(args),
    };
    match tried {
        Ok(seen) => Ok(Seen {
            seen: seen.into_iter().collect(),
        }),
        Err(error) => Err(ToolError::denied(format!("{path}: {error}"))),
    }
}

/// Reads a path many times.
///
/// # Errors
/// Never: what can't be read is seen as nothing.
pub fn watch(args: &Watch) -> Result<Seen, ToolError> {
    let mut seen = BTreeSet::new();
    for _ in 0..args.times {
        if let Ok(text) = fs::read_to_string(&args.path) {
            seen.insert(text);
        }
        if let Ok(raw) = raw(&Attempt {
            way: Way::RawRead,
            path: args.path.clone(),
            to: String::new(),
        }) {
            seen.extend(raw.seen);
        }
    }
    Ok(Seen { seen })
}

/// Makes one try below each granted folder.
#[cfg(target_family = "wasm")]
fn raw(args: &Attempt) -> Result<Seen, ToolError> {
    let mut seen = BTreeSet::new();
    let mut refusal = ToolError::denied("no folder is granted");
    for (folder, name) in wasip2::filesystem::preopens::get_directories() {
        match wasi::attempt(&folder, args) {
            Ok(found) => seen.extend(found),
            Err(code) => refusal = ToolError::denied(format!("{name}: {code:?}")),
        }
    }
    if seen.is_empty() {
        Err(refusal)
    } else {
        Ok(Seen { seen })
    }
}

/// Outside a component there is no WASI.
#[cfg(not(target_family = "wasm"))]
fn raw(_: &Attempt) -> Result<Seen, ToolError> {
    let _ = MARK;
    Err(ToolError::unavailable("there is no WASI outside a component"))
}

#[cfg(target_family = "wasm")]
mod wasi {
    use super::{Attempt, MARK, Way};
    use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

    /// Enough for every file of the tests.
    const WANTED: u64 = 64 << 10;

    pub(super) fn attempt(folder: &Descriptor, args: &Attempt) -> Result<Vec<String>, ErrorCode> {
        let (path, to) = (args.path.as_str(), args.to.as_str());
        let done = |()| vec!["done".to_owned()];
        match args.way {
            Way::RawRead => read(folder, PathFlags::SYMLINK_FOLLOW, path),
            Way::RawReadNoFollow => read(folder, PathFlags::empty(), path),
            Way::RawWrite => {
                let flags = DescriptorFlags::WRITE;
                let file = folder.open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::CREATE, flags)?;
                file.write(MARK.as_bytes(), 0)
                    .map(|n| vec![format!("{n} bytes written")])
            }
            Way::RawList => {
                let flags = DescriptorFlags::READ;
                let below = folder.open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::DIRECTORY, flags)?;
                let entries = below.read_directory()?;
                let mut names = Vec::new();
                while let Some(entry) = entries.read_directory_entry()? {
                    names.push(entry.name);
                }
                Ok(names)
            }
            Way::RawStat => folder
                .stat_at(PathFlags::SYMLINK_FOLLOW, path)
                .map(|found| vec![format!("{} bytes", found.size)]),
            Way::RawReadLink => folder.readlink_at(path).map(|target| vec![target]),
            Way::RawDelete => folder.unlink_file_at(path).map(done),
            Way::RawMakeDir => folder.create_directory_at(path).map(done),
            Way::RawReadBelow => {
                let flags = DescriptorFlags::READ;
                let below = folder.open_at(PathFlags::SYMLINK_FOLLOW, to, OpenFlags::DIRECTORY, flags)?;
                read(&below, PathFlags::SYMLINK_FOLLOW, path)
            }
            Way::RawSymlink => {
                folder.symlink_at(to, path)?;
                read(folder, PathFlags::SYMLINK_FOLLOW, path)
            }
            Way::RawLink => {
                folder.link_at(PathFlags::empty(), path, folder, to)?;
                read(folder, PathFlags::SYMLINK_FOLLOW, to)
            }
            Way::RawRename => {
                folder.rename_at(path, folder, to)?;
                read(folder, PathFlags::SYMLINK_FOLLOW, to)
            }
            _ => Err(ErrorCode::Unsupported),
        }
    }

    fn read(folder: &Descriptor, follow: PathFlags, path: &str) -> Result<Vec<String>, ErrorCode> {
        let file = folder.open_at(follow, path, OpenFlags::empty(), DescriptorFlags::READ)?;
        let (bytes, _) = file.read(WANTED, 0)?;
        Ok(vec![String::from_utf8_lossy(&bytes).into_owned()])
    }
}
