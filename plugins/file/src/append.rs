//! `append`: more at the end of a file.

use crate::encoding::Encoding;
use crate::folders::{Act, Folders};
use crate::write::{self, Written};
use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

/// Arguments of `append`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppendFile {
    /// The file: an absolute path in a granted folder, or a path relative to it.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
    /// What to add: text, or base64 when that is the encoding. No line break is added.
    pub content: String,
    /// `utf-8` (default), `ascii`, `latin-1`, `utf-16le`, `utf-16be`, or `base64` for files that are no text.
    #[serde(default)]
    pub encoding: Encoding,
    /// Whether a missing file is created. Default: false.
    #[serde(default)]
    pub create: bool,
}

/// Adds text or bytes at the end of a file.
///
/// # Errors
/// `denied` where writing is not granted, `not-found` for a missing file (see `create`) or folder.
#[tool(destructive = false)]
pub fn append(args: AppendFile) -> Result<Written, ToolError> {
    run(&Folders::granted(), &args)
}

/// Appends in these folders.
///
/// # Errors
/// As [`append`](fn@append).
pub fn run(folders: &Folders, args: &AppendFile) -> Result<Written, ToolError> {
    if args.encoding == Encoding::Utf16 {
        // It would put a byte order mark into the middle of the file.
        return Err(ToolError::invalid_input(
            "to append, choose utf-16le or utf-16be, as the file is",
        ));
    }
    let bytes = write::content(&args.content, args.encoding)?;
    let place = folders.resolve(&args.path)?;
    let existed = match place.path.metadata() {
        Ok(metadata) if metadata.is_dir() => {
            return Err(ToolError::invalid_input(format!("`{}` is a folder", place.shown)));
        }
        Ok(metadata) if !metadata.is_file() => {
            return Err(ToolError::invalid_input(format!(
                "`{}` is not an ordinary file",
                place.shown
            )));
        }
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::NotFound && args.create => false,
        Err(error) => return Err(place.failed(Act::Append, &error)),
    };
    let mut file = OpenOptions::new()
        .append(true)
        .create(args.create)
        .open(&place.path)
        .map_err(|error| place.failed(Act::Append, &error))?;
    file.write_all(&bytes)
        .and_then(|()| file.sync_all())
        .map_err(|error| place.failed(Act::Append, &error))?;
    Ok(Written {
        path: place.shown,
        bytes: bytes.len(),
        created: !existed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::testing::grant;
    use fact_sdk::ErrorCode;

    #[test]
    fn appends() {
        let folder = tempfile::tempdir().unwrap();
        let add = |content: &str, encoding, create| {
            let args = AppendFile {
                path: "f".to_owned(),
                content: content.to_owned(),
                encoding,
                create,
            };
            run(&grant(&[folder.path()]), &args)
        };
        let error = add("x", Encoding::Utf8, false).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
        assert!(add("one\n", Encoding::Utf8, true).unwrap().created);
        let written = add("two\n", Encoding::Utf8, false).unwrap();
        assert_eq!((written.created, written.bytes), (false, 4));
        assert_eq!(
            std::fs::read_to_string(folder.path().join("f")).unwrap(),
            "one\ntwo\n"
        );
        assert_eq!(
            add("x", Encoding::Utf16, false).unwrap_err().code(),
            ErrorCode::InvalidInput
        );
        let args = AppendFile {
            path: ".".to_owned(),
            ..AppendFile::default()
        };
        assert_eq!(
            run(&grant(&[folder.path()]), &args).unwrap_err().code(),
            ErrorCode::InvalidInput
        );
    }
}
