//! Compiles the plugins, and writes a table of their bytes.

mod guests;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use guests::{Failure, build, finish, take, variable, watch};

/// The plugins, by the folder below `plugins/`.
const PLUGINS: [&str; 6] = ["sql", "http", "file", "util", "system", "hostile"];

/// What else their components are made of.
const SHARED: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "sdk/rust/src",
    "sdk/rust/macros/src",
    "wit",
    "plugins/bundle/build",
];

fn main() -> ExitCode {
    finish(bundle())
}

fn bundle() -> Result<(), Failure> {
    let workspace = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../..");
    let workspace = workspace
        .canonicalize()
        .map_err(|error| format!("the workspace can't be found: {error}"))?;
    watch(&workspace, &SHARED);
    let mut what = Vec::new();
    for name in PLUGINS {
        watch(
            &workspace,
            &[
                &format!("plugins/{name}/src"),
                &format!("plugins/{name}/Cargo.toml"),
            ],
        );
        what.extend(["-p".to_owned(), format!("fact-plugin-{name}")]);
    }
    let folder = build(&workspace, &what)?;
    let mut table = "const ALL: &[Builtin] = &[\n".to_owned();
    for name in PLUGINS {
        let bytes = take(&folder.join(format!("fact_plugin_{name}.wasm")))?;
        let description = description(&workspace.join(format!("plugins/{name}/Cargo.toml")))?;
        writeln!(table, "    Builtin {{ name: {name:?}, description: {description:?}, bytes: include_bytes!({bytes:?}) }},")
            .map_err(|error| error.to_string())?;
    }
    table.push_str("];\n");
    let path = PathBuf::from(variable("OUT_DIR")?).join("plugins.rs");
    std::fs::write(&path, table).map_err(|error| format!("{}: {error}", path.display()))
}

/// The description in a package's manifest.
fn description(manifest: &Path) -> Result<String, Failure> {
    let text =
        std::fs::read_to_string(manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
    text.lines()
        .find_map(|line| line.strip_prefix("description = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .ok_or_else(|| format!("{}: there is no line `description = \"...\"`", manifest.display()))
}
