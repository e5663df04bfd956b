//! `write`: a whole file, at once.
//!
//! The content goes into a file beside the target first, which then takes the target's name: whoever reads meanwhile gets
//! the old file or the new one, never a part.

use crate::encoding::Encoding;
use crate::folders::{Act, Folders, Place};
use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Most bytes of content: as much as one call reads.
pub const CONTENT_BYTES_MAX: usize = 10 << 20;

/// Names to try for the file beside the target. More than one is needed only when calls meet, or one was killed.
const SPARE_NAMES: u32 = 16;

/// What to do when the file exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfExists {
    /// Refuse.
    #[default]
    Fail,
    /// Replace it.
    Replace,
}

/// Arguments of `write`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteFile {
    /// The file: an absolute path in a granted folder, or a path relative to it.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
    /// The content: text, or base64 when that is the encoding.
    pub content: String,
    /// `utf-8` (default), `ascii`, `latin-1`, `utf-16` (with a byte order mark), `utf-16le`, `utf-16be`, or `base64` for files that are no text.
    #[serde(default)]
    pub encoding: Encoding,
    /// What to do when the file exists: `fail` (default) or `replace`.
    #[serde(default)]
    pub if_exists: IfExists,
    /// Whether missing folders above the file are created. Default: false.
    #[serde(default)]
    pub create_dirs: bool,
}

/// Answer of `write` and `append`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Written {
    /// The path of the file.
    pub path: String,
    /// How many bytes were written.
    pub bytes: usize,
    /// Whether the file did not exist before.
    pub created: bool,
}

/// Creates a file, or replaces one when if_exists is "replace". Readers see the old file or the new one, never a part.
///
/// A symbolic link of that name is itself replaced, not what it points to.
///
/// # Errors
/// `denied` where writing is not granted, `not-found` for a missing folder, and `invalid-input` when the file exists.
#[tool(destructive)]
pub fn write(args: WriteFile) -> Result<Written, ToolError> {
    run(&Folders::granted(), &args)
}

/// Writes into these folders.
///
/// # Errors
/// As [`write`](fn@write).
pub fn run(folders: &Folders, args: &WriteFile) -> Result<Written, ToolError> {
    let bytes = content(&args.content, args.encoding)?;
    let place = folders.resolve(&args.path)?;
    let failed = |error: io::Error| place.failed(Act::Write, &error);
    if args.path.ends_with('/') || place.path.file_name().is_none() {
        return Err(ToolError::invalid_input(format!(
            "`{}` is not the name of a file",
            args.path
        )));
    }
    let existed = match place.path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => {
            return Err(ToolError::invalid_input(format!("`{}` is a folder", place.shown)));
        }
        Ok(_) if args.if_exists == IfExists::Fail => return Err(exists(&place)),
        Ok(_) => true,
        Err(_) => false,
    };
    if let Some(parent) = place.path.parent() {
        if args.create_dirs {
            fs::create_dir_all(parent).map_err(failed)?;
        } else if parent
            .metadata()
            .is_err_and(|error| error.kind() == ErrorKind::NotFound)
        {
            let missing = folders.resolve(&parent.to_string_lossy())?;
            let error = missing.failed(Act::Write, &ErrorKind::NotFound.into());
            return Err(match error.code() {
                fact_sdk::ErrorCode::NotFound => ToolError::not_found(format!(
                    "the folder `{}` does not exist; set create_dirs to create it",
                    missing.shown
                )),
                _ => error,
            });
        }
    }
    let spare = spare(&place.path, &bytes).map_err(failed)?;
    let outcome = match args.if_exists {
        IfExists::Replace => fs::rename(&spare, &place.path),
        IfExists::Fail => publish(&spare, &place.path),
    };
    if let Err(error) = outcome {
        // Best effort: the first error is the one that matters.
        let _ = fs::remove_file(&spare);
        return Err(if error.kind() == ErrorKind::AlreadyExists {
            exists(&place)
        } else {
            failed(error)
        });
    }
    Ok(Written {
        path: place.shown,
        bytes: bytes.len(),
        created: !existed,
    })
}

/// Encodes the content, within its bound.
///
/// # Errors
/// `invalid-input` when it is too large or can't be encoded.
pub fn content(text: &str, encoding: Encoding) -> Result<Vec<u8>, ToolError> {
    // The bound holds for the text too, so that nothing large is encoded in vain; base64 is longer than what it stands for.
    let bytes = if text.len() <= CONTENT_BYTES_MAX / 3 * 4 + 4 {
        Some(encoding.encode(text)?)
    } else {
        None
    };
    bytes
        .filter(|bytes| bytes.len() <= CONTENT_BYTES_MAX)
        .ok_or_else(|| {
            ToolError::invalid_input(format!(
                "`content` is over {CONTENT_BYTES_MAX} bytes; write a part of it, and append the rest"
            ))
        })
}

fn exists(place: &Place) -> ToolError {
    ToolError::invalid_input(format!(
        "`{}` exists already; set if_exists to replace it",
        place.shown
    ))
}

/// Writes the content into a new file beside the target.
fn spare(target: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut number = 0;
    loop {
        // A short name of its own: the target's name may already be as long as a name can be.
        let path = target.with_file_name(format!(".fact-new-{number}.tmp"));
        match File::create_new(&path) {
            Ok(mut file) => {
                return match file.write_all(bytes).and_then(|()| file.sync_all()) {
                    Ok(()) => Ok(path),
                    Err(error) => {
                        let _ = fs::remove_file(&path);
                        Err(error)
                    }
                };
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                number += 1;
                if number >= SPARE_NAMES {
                    return Err(ErrorKind::ResourceBusy.into());
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Gives the file its name if nothing has that name. A hard link is the one way that checks and acts at once; where the
/// file system has none, the name is claimed by an empty file first.
fn publish(spare: &Path, target: &Path) -> io::Result<()> {
    match fs::hard_link(spare, target) {
        Ok(()) => fs::remove_file(spare),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        Err(_) => {
            File::create_new(target)?;
            fs::rename(spare, target).inspect_err(|_| {
                let _ = fs::remove_file(target);
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::testing::grant;
    use fact_sdk::ErrorCode;
    use serde_json::{Value, json};

    fn put(folder: &Path, args: Value) -> Result<Written, ToolError> {
        run(&grant(&[folder]), &serde_json::from_value(args).unwrap())
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let written = put(path, json!({"path": "a", "content": "hé"})).unwrap();
        assert_eq!((written.bytes, written.created), (3, true));
        let error = put(path, json!({"path": "a", "content": "x"})).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
        assert!(error.to_string().contains("if_exists"));
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "hé");
        let written = put(
            path,
            json!({"path": "a", "content": "new", "if_exists": "replace"}),
        )
        .unwrap();
        assert!(!written.created);
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "new");
        put(
            path,
            json!({"path": "b", "content": "AP8=", "encoding": "base64"}),
        )
        .unwrap();
        assert_eq!(fs::read(path.join("b")).unwrap(), [0, 255]);
        assert_eq!(names(path), ["a", "b"], "nothing is left behind");
    }

    #[test]
    fn folders_are_created_only_when_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let error = put(folder.path(), json!({"path": "x/y/f", "content": ""})).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
        assert!(error.to_string().contains("create_dirs"));
        put(
            folder.path(),
            json!({"path": "x/y/f", "content": "", "create_dirs": true}),
        )
        .unwrap();
        assert!(folder.path().join("x/y/f").is_file());
    }

    #[test]
    fn a_file_left_behind_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".fact-new-0.tmp"), "left").unwrap();
        put(folder.path(), json!({"path": "f", "content": "x"})).unwrap();
        assert_eq!(
            fs::read_to_string(folder.path().join(".fact-new-0.tmp")).unwrap(),
            "left"
        );
    }

    #[test]
    fn publishing_never_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let (spare, target) = (folder.path().join("spare"), folder.path().join("target"));
        fs::write(&spare, "new").unwrap();
        fs::write(&target, "old").unwrap();
        assert_eq!(
            publish(&spare, &target).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
    }

    #[test]
    fn refuses() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        let check =
            |args: Value, code: ErrorCode| assert_eq!(put(folder.path(), args).unwrap_err().code(), code);
        check(
            json!({"path": "sub", "content": "", "if_exists": "replace"}),
            ErrorCode::InvalidInput,
        );
        check(json!({"path": "f/", "content": ""}), ErrorCode::InvalidInput);
        check(
            json!({"path": "f", "content": "€", "encoding": "latin-1"}),
            ErrorCode::InvalidInput,
        );
        check(
            json!({"path": "f", "content": "x".repeat(CONTENT_BYTES_MAX + 1)}),
            ErrorCode::InvalidInput,
        );
        check(
            json!({"path": "/no/such/folder/f", "content": ""}),
            ErrorCode::Denied,
        );
        assert_eq!(names(folder.path()), ["sub"]);
    }
}
