//! `delete`: one file, link or empty folder.

use crate::folders::{Act, Folders};
use crate::walk::Kind;
use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs;

/// Arguments of `delete`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// The file or empty folder: an absolute path in a granted folder, or a path relative to it.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
}

/// Answer of `delete`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Deleted {
    /// The path of what was deleted.
    pub path: String,
    /// What it was.
    pub kind: Kind,
}

/// Deletes a file, an empty folder, or a symbolic link (not what it points to). There is no way back.
///
/// # Errors
/// `denied` where writing is not granted, `not-found`, and `invalid-input` for a folder that is not empty.
#[tool(destructive)]
pub fn delete(args: Delete) -> Result<Deleted, ToolError> {
    run(&Folders::granted(), &args)
}

/// Deletes in these folders.
///
/// # Errors
/// As [`delete`](fn@delete).
pub fn run(folders: &Folders, args: &Delete) -> Result<Deleted, ToolError> {
    let place = folders.resolve(&args.path)?;
    let failed = |error: std::io::Error| place.failed(Act::Delete, &error);
    let kind = Kind::from(place.path.symlink_metadata().map_err(failed)?.file_type());
    match kind {
        Kind::Folder => fs::remove_dir(&place.path),
        Kind::File | Kind::Symlink | Kind::Other => fs::remove_file(&place.path),
    }
    .map_err(failed)?;
    Ok(Deleted {
        path: place.shown,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::testing::grant;
    use fact_sdk::ErrorCode;

    #[test]
    fn deletes() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("sub/f"), "").unwrap();
        let delete = |path: &str| {
            run(
                &grant(&[folder.path()]),
                &Delete {
                    path: path.to_owned(),
                },
            )
        };
        assert_eq!(delete("sub").unwrap_err().code(), ErrorCode::InvalidInput);
        assert_eq!(delete("sub/f").unwrap().kind, Kind::File);
        assert_eq!(delete("sub").unwrap().kind, Kind::Folder);
        assert_eq!(delete("sub").unwrap_err().code(), ErrorCode::NotFound);
        assert_eq!(delete("/no/such/file").unwrap_err().code(), ErrorCode::Denied);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_deleted_and_not_its_target() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("target"), "").unwrap();
        std::os::unix::fs::symlink("target", folder.path().join("link")).unwrap();
        let args = Delete {
            path: "link".to_owned(),
        };
        assert_eq!(run(&grant(&[folder.path()]), &args).unwrap().kind, Kind::Symlink);
        assert!(folder.path().join("target").exists());
    }
}
