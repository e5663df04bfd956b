//! Where the workspace is and which packages it holds, as cargo itself tells it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::cargo_path;

/// The checkout that this command was started in.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the root manifest.
    pub(crate) root: PathBuf,
    /// Where cargo builds, which need not be `target`.
    pub(crate) target_dir: PathBuf,
    /// The members, in cargo's order.
    pub(crate) packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Package {
    /// The package's name.
    pub(crate) name: String,
    /// Its folder, relative to the root, with `/` between the parts.
    pub(crate) folder: String,
    /// The names of all its direct dependencies: normal, build, development, of every platform.
    pub(crate) dependencies: Vec<String>,
}

impl Workspace {
    /// Asks cargo. Fails outside a workspace and where a manifest is not valid.
    pub(crate) fn find() -> Result<Self> {
        // Cargo sets this for what it runs; it is more than a guess from the current folder.
        let from = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
        let output = Command::new(cargo_path())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(&from)
            .output()
            .context("run cargo metadata")?;
        if !output.status.success() {
            bail!(
                "cargo metadata: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let metadata = serde_json::from_slice(&output.stdout).context("read what cargo metadata printed")?;
        Self::from_metadata(&metadata).context("cargo metadata lacks a field that it always has")
    }

    /// A path under the target folder for this program's own files.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.target_dir.join("xtask").join(name)
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let root = PathBuf::from(metadata.get("workspace_root")?.as_str()?);
        let target_dir = PathBuf::from(metadata.get("target_directory")?.as_str()?);
        let packages = metadata.get("packages")?.as_array()?;
        let packages = packages
            .iter()
            .map(|package| package_of(package, &root))
            .collect::<Option<_>>()?;
        Some(Self {
            root,
            target_dir,
            packages,
        })
    }
}

fn package_of(package: &Value, root: &Path) -> Option<Package> {
    let manifest = PathBuf::from(package.get("manifest_path")?.as_str()?);
    let folder = manifest.parent()?.strip_prefix(root).ok()?;
    let dependencies = package.get("dependencies")?.as_array()?;
    Some(Package {
        name: package.get("name")?.as_str()?.to_owned(),
        folder: folder.to_str()?.replace('\\', "/"),
        dependencies: dependencies
            .iter()
            .map(|dependency| Some(dependency.get("name")?.as_str()?.to_owned()))
            .collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_cargo_says() {
        let metadata = json!({
            "workspace_root": "/w",
            "target_directory": "/elsewhere",
            "packages": [{
                "name": "a-b",
                "manifest_path": "/w/host/a/Cargo.toml",
                "dependencies": [{ "name": "one" }, { "name": "two", "kind": "dev" }],
            }],
        });
        let workspace = Workspace::from_metadata(&metadata).unwrap();
        assert_eq!(workspace.scratch("x"), PathBuf::from("/elsewhere/xtask/x"));
        assert_eq!(
            workspace.packages,
            [Package {
                name: "a-b".to_owned(),
                folder: "host/a".to_owned(),
                dependencies: vec!["one".to_owned(), "two".to_owned()],
            }]
        );
    }

    #[test]
    fn a_missing_field_is_no_workspace() {
        assert!(Workspace::from_metadata(&json!({ "workspace_root": "/w", "packages": [] })).is_none());
    }
}
