//! Compiles the guests, and writes a table of their bytes.

#[path = "../plugins/bundle/build/guests.rs"]
mod guests;

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use guests::{Failure, build, finish, take, variable, watch};

/// What the guests are made of.
const SOURCES: [&str; 8] = [
    "tests/guests",
    "Cargo.toml",
    "Cargo.lock",
    "sdk/rust/src",
    "sdk/rust/macros/src",
    "wit",
    "plugins/bundle/build",
    "tests/build.rs",
];

fn main() -> ExitCode {
    finish(table())
}

fn table() -> Result<(), Failure> {
    let workspace = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("..");
    let workspace = workspace
        .canonicalize()
        .map_err(|error| format!("the workspace can't be found: {error}"))?;
    watch(&workspace, &SOURCES);
    let names = names(&workspace.join("tests/guests/guests"))?;
    let folder = build(&workspace, &["-p", "fact-test-guests", "--examples"])?.join("examples");
    let (mut constants, mut list, mut each) = (String::new(), String::new(), String::new());
    for name in &names {
        let constant = name.to_uppercase();
        let bytes = take(&folder.join(format!("{name}.wasm")))
            .map_err(|why| format!("{why}. Is the guest `{name}` declared in tests/guests/Cargo.toml?"))?;
        write!(constants, "/// The guest `{name}`.\npub const {constant}: Guest = Guest {{ name: {name:?}, bytes: include_bytes!({bytes:?}) }};\n")
            .and_then(|()| writeln!(list, "    {constant},"))
            .and_then(|()| writeln!(each, "        $what!({name});"))
            .map_err(|error| error.to_string())?;
    }
    let text = format!(
        "{constants}\n/// All guests.\npub const ALL: &[Guest] = &[\n{list}];\n\n\
         /// Calls a macro with the name of each guest.\n#[macro_export]\nmacro_rules! for_each_guest {{\n    ($what:ident) => {{\n{each}    }};\n}}\n"
    );
    let path = PathBuf::from(variable("OUT_DIR")?).join("table.rs");
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The names of the guests: their sources' files.
fn names(folder: &std::path::Path) -> Result<Vec<String>, Failure> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if let (Some(name), Some("rs")) = (
            path.file_stem().and_then(|n| n.to_str()),
            path.extension().and_then(|e| e.to_str()),
        ) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
