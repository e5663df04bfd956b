//! Calling cargo.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fact_types::{Code, Error};
use serde::Deserialize;

use crate::Project;

/// What plugins are compiled for.
const TARGET: &str = "wasm32-wasip2";

/// A line of cargo's answer, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Compiles a project, and says where the component is. Cargo's own words go to standard error. `quick` gives up some
/// speed and size of the component for a shorter wait.
pub(crate) fn compile(project: &Project, quick: bool) -> Result<PathBuf, Error> {
    let manifest = project.folder.join("Cargo.toml");
    let mut cargo = program("CARGO", "cargo");
    cargo
        .args(["build", "--release", "--lib", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .arg("--manifest-path")
        .arg(&manifest)
        .current_dir(&project.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if quick {
        cargo.env("CARGO_PROFILE_RELEASE_LTO", "false");
    }
    let mut child = cargo.spawn().map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "was not found".to_owned(),
            kind => format!("can't be started: {kind}"),
        };
        Error::new(
            Code::Unavailable,
            format!("`cargo` {why}. Building a plugin needs Rust: install it from https://rustup.rs."),
        )
    })?;
    let mut component = None;
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if let Some(found) = artifact(&line, &manifest) {
                component = Some(found);
            }
        }
    }
    let ended = child.wait().map_err(|error| {
        tracing::error!(%error, "waiting for cargo failed");
        Error::internal()
    })?;
    if !ended.success() {
        return Err(Error::new(Code::ToolFailed, failed(project)));
    }
    component.ok_or_else(|| {
        Error::new(
            Code::ToolFailed,
            format!("cargo built `{}`, but made no .wasm file of it.", project.package),
        )
    })
}

/// The component that a line of cargo's answer tells of.
fn artifact(line: &str, manifest: &Path) -> Option<PathBuf> {
    let message: Message = serde_json::from_str(line).ok()?;
    if message.reason != "compiler-artifact" || message.manifest_path.as_deref() != Some(manifest) {
        return None;
    }
    message
        .filenames
        .into_iter()
        .find(|file| file.extension().is_some_and(|ending| ending == "wasm"))
}

/// Why cargo failed, as far as it can be known from here.
fn failed(project: &Project) -> String {
    if has_target(project) == Some(false) {
        return format!(
            "The Rust toolchain can't compile for {TARGET} yet. Add that with `rustup target add {TARGET}`, and build again."
        );
    }
    format!(
        "`{}` does not compile; what cargo says stands above.",
        project.package
    )
}

/// Whether the toolchain that the project uses has the target. None: it does not say.
fn has_target(project: &Project) -> Option<bool> {
    let asked = program("RUSTC", "rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(&project.folder)
        .output()
        .ok()?;
    if !asked.status.success() {
        return Some(false);
    }
    let folder = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
    let has = std::fs::read_dir(folder).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    });
    Some(has)
}

/// A program of the toolchain, which a variable may name.
fn program(variable: &str, name: &str) -> Command {
    Command::new(std::env::var_os(variable).unwrap_or_else(|| name.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_own_component_is_found_among_cargos_messages() {
        let line = |reason: &str, manifest: &str, files: &[&str]| {
            serde_json::json!({ "reason": reason, "manifest_path": manifest, "filenames": files, "more": 1 })
                .to_string()
        };
        let own = Path::new("/p/Cargo.toml");
        let cases = [
            (
                line("compiler-artifact", "/p/Cargo.toml", &["/t/p.d", "/t/p.wasm"]),
                Some("/t/p.wasm"),
            ),
            (
                line("compiler-artifact", "/p/Cargo.toml", &["/t/build-script"]),
                None,
            ),
            (
                line("compiler-artifact", "/other/Cargo.toml", &["/t/o.wasm"]),
                None,
            ),
            (line("compiler-message", "/p/Cargo.toml", &["/t/p.wasm"]), None),
            (r#"{"reason":"build-finished","success":true}"#.to_owned(), None),
            ("no json".to_owned(), None),
        ];
        for (line, found) in cases {
            assert_eq!(artifact(&line, own), found.map(PathBuf::from), "{line}");
        }
    }
}
