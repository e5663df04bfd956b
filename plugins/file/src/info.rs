//! `info`: what is known about a file or a folder.

use crate::filter::extension;
use crate::folders::{Act, Folders};
use crate::walk::Kind;
use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::path::Path;

/// Most entries of a folder that are counted. A folder with more is reported as such.
const COUNTED_MAX: usize = 100_000;

/// Arguments of `info`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AboutFile {
    /// The file or folder: an absolute path in a granted folder, or a path relative to it.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
}

/// What a file is for, judged by its extension alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Plain text and source code.
    Text,
    /// Pictures.
    Image,
    /// Documents of office programs, PDF, books.
    Document,
    /// Tables, structured data, databases, archives.
    Data,
    /// Anything else.
    Other,
}

/// How many entries a folder has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Children {
    /// Files.
    pub files: usize,
    /// Folders.
    pub folders: usize,
    /// Symbolic links and anything else.
    pub others: usize,
    /// Whether there are more than 100000, and the counts are of these.
    pub truncated: bool,
}

/// Answer of `info`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Info {
    /// The path.
    pub path: String,
    /// `file`, `folder`, `symlink` (not followed) or `other`.
    pub kind: Kind,
    /// The size of a file in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The time of the last change in ISO 8601, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// The extension in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// What a file is for, by its extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// What a symbolic link says, where that may be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What a folder holds, one level down, hidden entries included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub children: Option<Children>,
}

/// Tells what is known about a file or folder: kind, size, time of change, category, and how many entries a folder has.
///
/// # Errors
/// `denied` outside the granted folders, and `not-found`.
#[tool(read_only, idempotent)]
pub fn info(args: AboutFile) -> Result<Info, ToolError> {
    run(&Folders::granted(), &args)
}

/// Tells about something in these folders.
///
/// # Errors
/// As [`info`](fn@info).
pub fn run(folders: &Folders, args: &AboutFile) -> Result<Info, ToolError> {
    let place = folders.resolve(&args.path)?;
    let failed = |error: std::io::Error| place.failed(Act::LookAt, &error);
    let metadata = place.path.symlink_metadata().map_err(failed)?;
    let kind = Kind::from(metadata.file_type());
    let name = place
        .path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let extension = extension(&name).filter(|_| kind == Kind::File);
    Ok(Info {
        kind,
        size: (kind == Kind::File).then_some(metadata.len()),
        modified: modified(&metadata),
        category: (kind == Kind::File).then(|| category(extension.as_deref().unwrap_or(""))),
        extension,
        target: (kind == Kind::Symlink)
            .then(|| {
                place
                    .path
                    .read_link()
                    .ok()
                    .map(|target| target.to_string_lossy().into_owned())
            })
            .flatten(),
        children: if kind == Kind::Folder {
            Some(children(&place.path).map_err(failed)?)
        } else {
            None
        },
        path: place.shown,
    })
}

/// The time of the last change in ISO 8601.
#[must_use]
pub fn modified(metadata: &Metadata) -> Option<String> {
    jiff::Timestamp::try_from(metadata.modified().ok()?)
        .ok()
        .map(|time| time.to_string())
}

fn children(folder: &Path) -> std::io::Result<Children> {
    let mut children = Children::default();
    for (index, entry) in std::fs::read_dir(folder)?.enumerate() {
        if index >= COUNTED_MAX {
            children.truncated = true;
            break;
        }
        let kind = entry
            .and_then(|entry| entry.file_type())
            .map_or(Kind::Other, Kind::from);
        match kind {
            Kind::File => children.files += 1,
            Kind::Folder => children.folders += 1,
            Kind::Symlink | Kind::Other => children.others += 1,
        }
    }
    Ok(children)
}

fn category(extension: &str) -> Category {
    match extension {
        "txt" | "md" | "markdown" | "rst" | "adoc" | "log" | "rs" | "py" | "js" | "mjs" | "ts" | "tsx"
        | "jsx" | "c" | "h" | "cc" | "cpp" | "hpp" | "go" | "java" | "kt" | "swift" | "rb" | "php" | "pl"
        | "lua" | "sh" | "ps1" | "bat" | "sql" | "html" | "htm" | "css" | "scss" | "tex" | "wit" | "wat"
        | "ini" | "cfg" | "conf" | "diff" | "patch" => Category::Text,
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "avif" | "bmp" | "tif" | "tiff" | "svg" | "ico"
        | "heic" => Category::Image,
        "pdf" | "doc" | "docx" | "odt" | "rtf" | "ppt" | "pptx" | "odp" | "epub" | "xls" | "xlsx" | "ods" => {
            Category::Document
        }
        "json" | "jsonl" | "ndjson" | "csv" | "tsv" | "yaml" | "yml" | "toml" | "xml" | "parquet"
        | "arrow" | "avro" | "db" | "sqlite" | "sqlite3" | "zip" | "gz" | "tar" | "zst" | "xz" | "bz2"
        | "7z" => Category::Data,
        _ => Category::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::testing::grant;
    use fact_sdk::ErrorCode;

    #[test]
    fn tells() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Table.CSV"), "a,b").unwrap();
        std::fs::create_dir(folder.path().join("sub.d")).unwrap();
        let about = |path: &str| {
            run(
                &grant(&[folder.path()]),
                &AboutFile {
                    path: path.to_owned(),
                },
            )
        };

        let file = about("Table.CSV").unwrap();
        assert_eq!(
            (file.kind, file.size, file.category),
            (Kind::File, Some(3), Some(Category::Data))
        );
        assert_eq!((file.extension.as_deref(), file.children), (Some("csv"), None));
        assert!(file.modified.is_some());

        let parent = about(".").unwrap();
        assert_eq!(
            (parent.kind, parent.size, parent.category, parent.extension),
            (Kind::Folder, None, None, None)
        );
        assert_eq!(
            parent.children,
            Some(Children {
                files: 1,
                folders: 1,
                others: 0,
                truncated: false
            })
        );

        assert_eq!(about("missing").unwrap_err().code(), ErrorCode::NotFound);
        assert_eq!(
            about("/etc/passwd").map(|info| info.kind).ok(),
            Some(Kind::File),
            "the host, not the plugin, refuses"
        );
        assert_eq!(about("/no/such/file").unwrap_err().code(), ErrorCode::Denied);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_shown_as_such() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("link.md")).unwrap();
        let link = run(
            &grant(&[folder.path()]),
            &AboutFile {
                path: "link.md".to_owned(),
            },
        )
        .unwrap();
        assert_eq!(
            (link.kind, link.target.as_deref(), link.category),
            (Kind::Symlink, Some("nowhere"), None)
        );
    }
}
