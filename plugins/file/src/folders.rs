//! The granted folders, what a path means among them, and what a failure there is called.

use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::Serialize;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// Longest path, in bytes: what Linux takes.
const PATH_BYTES_MAX: usize = 4096;

/// A folder that is granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Folder {
    /// Its absolute path.
    pub path: String,
    /// Whether files in it can be read.
    pub read: bool,
    /// Whether files in it can be written.
    pub write: bool,
}

/// Answer of `roots`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Roots {
    /// The folders, in the order of their paths.
    pub folders: Vec<Folder>,
}

/// Lists the folders that are granted, and whether their files can be read and written.
///
/// All paths of the other tools lie in one of these. A relative path is looked up in them.
///
/// # Errors
/// None.
#[tool(read_only, idempotent)]
pub fn roots() -> Result<Roots, ToolError> {
    Ok(Roots {
        folders: Folders::granted().0,
    })
}

/// The granted folders.
#[derive(Clone, Debug, Default)]
pub struct Folders(Vec<Folder>);

/// A path that a caller gave, resolved.
#[derive(Clone, Debug)]
pub struct Place {
    /// The path to open.
    pub path: PathBuf,
    /// The path as the answer shows it.
    pub shown: String,
    /// Whether a granted folder's path begins it. Decides the words of a failure, nothing else.
    held: bool,
}

impl Folders {
    /// The folders that the host gave to this component. Outside a component there are none.
    #[must_use]
    pub fn granted() -> Self {
        Self::new(preopened())
    }

    /// These folders.
    #[must_use]
    pub fn new(mut folders: Vec<Folder>) -> Self {
        folders.sort_by(|one, other| one.path.cmp(&other.path));
        // One folder may be granted for reading and again for writing.
        folders.dedup_by(|next, kept| {
            let same = next.path == kept.path;
            if same {
                kept.read |= next.read;
                kept.write |= next.write;
            }
            same
        });
        Self(folders)
    }

    /// Finds out what a path means: an absolute one itself, a relative one the entry of the only folder, or of the only
    /// one among several where it exists.
    ///
    /// # Errors
    /// `invalid-input` for a path that is empty, too long or ambiguous; `denied` when no folder is granted.
    pub fn resolve(&self, path: &str) -> Result<Place, ToolError> {
        if path.is_empty() || path.len() > PATH_BYTES_MAX || path.contains('\0') {
            return Err(ToolError::invalid_input(format!(
                "a path has 1 to {PATH_BYTES_MAX} bytes, none of them zero"
            )));
        }
        let relative = Path::new(path);
        if relative.is_absolute() {
            return Ok(self.place(relative.to_owned()));
        }
        match self.0.as_slice() {
            [] => Err(ToolError::denied(
                "no folder is granted; grant one with fs:read:FOLDER",
            )),
            [folder] => Ok(self.place(join(folder, relative))),
            folders => {
                let mut there = folders
                    .iter()
                    .map(|folder| join(folder, relative))
                    .filter(|path| path.symlink_metadata().is_ok());
                match (there.next(), there.next()) {
                    (Some(only), None) => Ok(self.place(only)),
                    (None, _) => Err(self.ambiguous(path, "exists in none of")),
                    (Some(_), Some(_)) => Err(self.ambiguous(path, "exists in more than one of")),
                }
            }
        }
    }

    fn ambiguous(&self, path: &str, problem: &str) -> ToolError {
        let folders: Vec<&str> = self.0.iter().map(|folder| folder.path.as_str()).collect();
        ToolError::invalid_input(format!(
            "`{path}` {problem} the granted folders; write the absolute path, which begins with one of: {}",
            folders.join(", ")
        ))
    }

    fn place(&self, path: PathBuf) -> Place {
        let held = self.0.iter().any(|folder| path.starts_with(&folder.path));
        Place {
            shown: path.to_string_lossy().into_owned(),
            path,
            held,
        }
    }
}

/// `.` means the folder itself, and is not kept in the path.
fn join(folder: &Folder, relative: &Path) -> PathBuf {
    let mut path = PathBuf::from(&folder.path);
    path.extend(
        relative
            .components()
            .filter(|part| !matches!(part, std::path::Component::CurDir)),
    );
    path
}

/// What a tool does to a place, in the words of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Read a file.
    Read,
    /// List a folder.
    List,
    /// Ask what a place is.
    LookAt,
    /// Search a file or folder.
    Search,
    /// Create or replace a file.
    Write,
    /// Append to a file.
    Append,
    /// Delete a file or folder.
    Delete,
}

impl Act {
    fn verb(self) -> &'static str {
        match self {
            Act::Read => "read",
            Act::List => "list",
            Act::LookAt => "look at",
            Act::Search => "search",
            Act::Write => "write",
            Act::Append => "append to",
            Act::Delete => "delete",
        }
    }

    fn grant(self) -> &'static str {
        match self {
            Act::Read | Act::List | Act::LookAt | Act::Search => "fs:read:FOLDER",
            Act::Write | Act::Append | Act::Delete => "fs:write:FOLDER",
        }
    }
}

impl Place {
    /// The error for a caller, when an act on this place failed.
    #[must_use]
    pub fn failed(&self, act: Act, error: &Error) -> ToolError {
        let (path, verb) = (&self.shown, act.verb());
        if !self.held {
            return ToolError::denied(format!(
                "no granted folder holds `{path}`; grant one with {}",
                act.grant()
            ));
        }
        match cause(error) {
            ErrorKind::NotFound => ToolError::not_found(format!("`{path}` does not exist")),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::CrossesDevices => {
                ToolError::denied(format!(
                    "no permission to {verb} `{path}`: that takes a grant {}, and no path may lead out of the folder",
                    act.grant()
                ))
            }
            ErrorKind::AlreadyExists => ToolError::invalid_input(format!("`{path}` exists already")),
            ErrorKind::NotADirectory => {
                ToolError::invalid_input(format!("`{path}`, or a part of it, is not a folder"))
            }
            ErrorKind::IsADirectory => ToolError::invalid_input(format!("`{path}` is a folder")),
            ErrorKind::DirectoryNotEmpty => {
                ToolError::invalid_input(format!("the folder `{path}` is not empty"))
            }
            ErrorKind::InvalidFilename => {
                ToolError::invalid_input(format!("`{path}` is not a name that a file can have"))
            }
            ErrorKind::InvalidInput => {
                ToolError::invalid_input(format!("there is no way to {verb} `{path}`"))
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ResourceBusy => {
                ToolError::unavailable(format!("could not {verb} `{path}`: {}", error.kind()))
            }
            kind => ToolError::internal(format!("could not {verb} `{path}`: {kind}")),
        }
    }
}

/// What went wrong, with what the standard library has no stable name for on WASI.
fn cause(error: &Error) -> ErrorKind {
    /// Too many symbolic links.
    const LOOP: i32 = 32;
    const NOT_EMPTY: i32 = 55;
    /// A handle lacks the right.
    const NOT_CAPABLE: i32 = 76;
    match error.raw_os_error().filter(|_| cfg!(target_os = "wasi")) {
        Some(LOOP) => ErrorKind::InvalidInput,
        Some(NOT_EMPTY) => ErrorKind::DirectoryNotEmpty,
        Some(NOT_CAPABLE) => ErrorKind::PermissionDenied,
        _ => error.kind(),
    }
}

#[cfg(target_os = "wasi")]
fn preopened() -> Vec<Folder> {
    use wasip2::filesystem::{preopens, types::DescriptorFlags};
    preopens::get_directories()
        .into_iter()
        .map(|(descriptor, path)| {
            let flags = descriptor.get_flags().unwrap_or(DescriptorFlags::empty());
            Folder {
                path,
                read: flags.contains(DescriptorFlags::READ),
                write: flags.intersects(DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY),
            }
        })
        .collect()
}

#[cfg(not(target_os = "wasi"))]
fn preopened() -> Vec<Folder> {
    Vec::new()
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Folder, Folders};
    use std::path::Path;

    /// Grants these folders for reading and writing.
    pub(crate) fn grant(paths: &[&Path]) -> Folders {
        let folder = |path: &&Path| Folder {
            path: path.to_str().unwrap().to_owned(),
            read: true,
            write: true,
        };
        Folders::new(paths.iter().map(folder).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::testing::grant;
    use super::*;
    use fact_sdk::ErrorCode;

    #[test]
    fn relative_paths() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(one.path().join("both"), "").unwrap();
        std::fs::write(two.path().join("both"), "").unwrap();
        std::fs::write(two.path().join("only"), "").unwrap();

        let single = grant(&[one.path()]);
        assert_eq!(
            single.resolve("new.txt").unwrap().path,
            one.path().join("new.txt")
        );
        assert_eq!(single.resolve(".").unwrap().path, one.path());

        let several = grant(&[one.path(), two.path()]);
        assert_eq!(several.resolve("only").unwrap().path, two.path().join("only"));
        for path in ["both", "neither"] {
            let error = several.resolve(path).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidInput);
            assert!(
                error.to_string().contains(one.path().to_str().unwrap()),
                "{error}"
            );
        }
        assert_eq!(
            Folders::default().resolve("x").unwrap_err().code(),
            ErrorCode::Denied
        );
        for path in ["", "a\0b", &"x".repeat(PATH_BYTES_MAX + 1)] {
            assert_eq!(single.resolve(path).unwrap_err().code(), ErrorCode::InvalidInput);
        }
    }

    #[test]
    fn failures() {
        let folders = grant(&[Path::new("/srv/data")]);
        let check = |path: &str, kind: ErrorKind, code: ErrorCode| {
            let error = folders
                .resolve(path)
                .unwrap()
                .failed(Act::Read, &Error::from(kind));
            assert_eq!(error.code(), code, "{path} {kind:?}");
            assert!(error.to_string().contains(path));
        };
        check("/srv/data/x", ErrorKind::NotFound, ErrorCode::NotFound);
        check("/srv/data/x", ErrorKind::PermissionDenied, ErrorCode::Denied);
        check(
            "/srv/data/x",
            ErrorKind::DirectoryNotEmpty,
            ErrorCode::InvalidInput,
        );
        check("/srv/data/x", ErrorKind::StorageFull, ErrorCode::Unavailable);
        check("/srv/data/x", ErrorKind::Other, ErrorCode::Internal);
        // Outside the grants the kind is whatever the C library chose.
        check("/srv/database", ErrorKind::NotFound, ErrorCode::Denied);
        check("/etc/passwd", ErrorKind::Other, ErrorCode::Denied);
    }

    #[test]
    fn grants_of_one_folder_are_one() {
        let folder = |read, write| Folder {
            path: "/srv".to_owned(),
            read,
            write,
        };
        let folders = Folders::new(vec![folder(true, false), folder(false, true)]);
        assert_eq!(folders.0, [folder(true, true)]);
    }
}
