//! Building components from a build script. The tests' build script uses this file too.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo that way")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What components are built for.
const TARGET: &str = "wasm32-wasip2";

/// The profile of the workspace's manifest that is meant for components.
const PROFILE: &str = "guest";

/// What the outer cargo tells its own compilers and linters, and the inner one must not hear: flags for the host's target
/// don't fit the guest's, and a linter in the compiler's place builds nothing.
const NOT_FOR_GUESTS: [&str; 9] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_ARGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
];

/// Why there are no components.
pub(crate) type Failure = String;

/// Builds components with one call of cargo, and returns the folder that holds them. `what` chooses them: `-p NAME`,
/// `--examples` and so on.
///
/// All packages, profiles and commands of a checkout share one target folder for this, so each component is compiled once.
///
/// # Errors
/// A sentence for the person who builds.
pub(crate) fn build(workspace: &Path, what: &[impl AsRef<OsStr>]) -> Result<PathBuf, Failure> {
    target_is_installed()?;
    let folder = target_folder()?.join("guests");
    let mut cargo = Command::new(variable("CARGO")?);
    for name in NOT_FOR_GUESTS {
        cargo.env_remove(name);
    }
    let status = cargo
        .current_dir(workspace)
        .args([
            "build",
            "--locked",
            "--target",
            TARGET,
            "--profile",
            PROFILE,
            "--target-dir",
        ])
        .arg(&folder)
        .args(what)
        .status()
        .map_err(|error| format!("cargo can't be started: {error}"))?;
    if !status.success() {
        return Err("the components can't be built; the compiler's messages above say why".to_owned());
    }
    Ok(folder.join(TARGET).join(PROFILE))
}

/// Copies a component into the build script's own folder, where nobody else's build changes it.
///
/// # Errors
/// A sentence for the person who builds.
pub(crate) fn take(component: &Path) -> Result<PathBuf, Failure> {
    let name = component.file_name().ok_or("a component has no file name")?;
    let own = PathBuf::from(variable("OUT_DIR")?).join(name);
    let bytes = std::fs::read(component).map_err(|error| format!("{}: {error}", component.display()))?;
    // An unchanged file keeps its time, and what includes it is not compiled again.
    if !std::fs::read(&own).is_ok_and(|there| there == bytes) {
        std::fs::write(&own, bytes).map_err(|error| format!("{}: {error}", own.display()))?;
    }
    Ok(own)
}

/// Has the build script run again when one of these changes; folders count with all that is in them.
pub(crate) fn watch(workspace: &Path, paths: &[&str]) {
    for path in paths {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
}

/// Ends a build script.
pub(crate) fn finish(result: Result<(), Failure>) -> std::process::ExitCode {
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(why) => {
            println!("cargo::error={}", why.replace('\n', " "));
            std::process::ExitCode::FAILURE
        }
    }
}

/// A variable that cargo sets for build scripts.
///
/// # Errors
/// When it is not set.
pub(crate) fn variable(name: &str) -> Result<String, Failure> {
    std::env::var(name).map_err(|_| format!("cargo did not set {name}"))
}

/// Without the target's standard library the compiler reports a hundred missing words, and none that helps.
fn target_is_installed() -> Result<(), Failure> {
    let missing = || {
        format!(
            "the components need Rust's standard library for {TARGET}, which is not installed. Run `rustup target add \
             {TARGET}`, or `cargo xtask target`, which finds it elsewhere when rustup can't."
        )
    };
    let output = Command::new(variable("RUSTC")?)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|error| format!("rustc can't be started: {error}"))?;
    let folder = String::from_utf8(output.stdout).map_err(|_| missing())?;
    let is_std = |entry: std::fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    };
    let found = std::fs::read_dir(folder.trim()).is_ok_and(|entries| entries.flatten().any(is_std));
    if found { Ok(()) } else { Err(missing()) }
}

/// The target folder of the outer build: the folder above the build script's own that cargo marked as its cache.
fn target_folder() -> Result<PathBuf, Failure> {
    let own = PathBuf::from(variable("OUT_DIR")?);
    own.ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .or_else(|| own.ancestors().nth(4))
        .map(Path::to_path_buf)
        .ok_or_else(|| format!("{} lies in no target folder", own.display()))
}
