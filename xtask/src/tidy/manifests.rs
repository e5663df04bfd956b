//! What each package's manifest may and must say.

use toml::{Table, Value};

use crate::workspace::Package;

/// One outside world, named by one package only, so that everyone else sees this project's own types.
struct Owner {
    /// The dependency's name, or the start of it.
    dependency: &'static str,
    /// The folders whose packages may name it.
    folders: &'static [&'static str],
}

/// The bench compares with the bare engine; the tests look at the host from outside.
const OWNERS: [Owner; 2] = [
    Owner {
        dependency: "wasmtime",
        folders: &["host/runtime", "host/bench", "tests"],
    },
    Owner {
        dependency: "rusqlite",
        folders: &["host/store"],
    },
];

pub(super) fn owners(packages: &[Package]) -> Vec<String> {
    let mut findings = Vec::new();
    for package in packages {
        for dependency in &package.dependencies {
            let owner = OWNERS
                .iter()
                .find(|owner| dependency.starts_with(owner.dependency));
            if let Some(Owner { folders, .. }) = owner
                && !folders.contains(&package.folder.as_str())
            {
                findings.push(format!(
                    "{}/Cargo.toml: names {dependency}, which only {} may; use that package's types",
                    package.folder,
                    folders.join(", "),
                ));
            }
        }
    }
    findings
}

/// `manifest` is the text of the package's Cargo.toml.
pub(super) fn lints(package: &Package, manifest: &str) -> Option<String> {
    let table: Option<Table> = manifest.parse().ok();
    let inherits = table
        .as_ref()
        .and_then(|table| table.get("lints")?.get("workspace"))
        .and_then(Value::as_bool)
        .unwrap_or(false);
    (!inherits).then(|| {
        format!(
            "{}/Cargo.toml: add `[lints]` with `workspace = true`, or nothing checks {}",
            package.folder, package.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &str, dependencies: &[&str]) -> Package {
        Package {
            name: "p".to_owned(),
            folder: folder.to_owned(),
            dependencies: dependencies.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    #[test]
    fn each_world_has_one_owner() {
        let check = |folder: &str, dependencies: &[&str], want: usize| {
            let found = owners(&[package(folder, dependencies)]);
            assert_eq!(found.len(), want, "{folder} {dependencies:?}: {found:?}");
        };
        check("host/runtime", &["wasmtime", "wasmtime-wasi", "serde"], 0);
        check("host/bench", &["wasmtime"], 0);
        check("tests", &["wasmtime"], 0);
        check("tests/guests", &["wasmtime"], 1);
        check("host/core", &["wasmtime", "wasmtime-wasi-http"], 2);
        check("host/store", &["rusqlite"], 0);
        check("host/runtime", &["rusqlite"], 1);
        check("plugins/sql", &["wit-bindgen"], 0);
    }

    #[test]
    fn every_package_takes_the_lints() {
        let check = |manifest: &str, want: bool| {
            assert_eq!(
                lints(&package("host/x", &[]), manifest).is_none(),
                want,
                "{manifest}"
            );
        };
        check("[package]\nname = 'x'\n[lints]\nworkspace = true\n", true);
        check("lints.workspace = true\n", true);
        check("[package]\nname = 'x'\n", false);
        check("[lints]\nworkspace = false\n", false);
        check("# [lints]\n# workspace = true\n", false);
        check("[lints.rust]\nunsafe_code = 'allow'\n", false);
    }
}
