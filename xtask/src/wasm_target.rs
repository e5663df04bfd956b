//! Gives the active toolchain the `wasm32-wasip2` target, which plugins are compiled for.
//!
//! Present: nothing to do. Else rustup adds it. Else, where rustup's server can't be reached, it is built from the
//! distribution's own packages ([`debian`]). Else one sentence that says what to do.

mod debian;

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::{run_within, stdout_of};
use crate::workspace::Workspace;

/// The target's name.
const TARGET: &str = "wasm32-wasip2";

/// A download of 30 MB on a slow line; a server that can't be reached is noticed much sooner.
const RUSTUP_TIME_MAX: Duration = Duration::from_secs(180);

/// Makes sure that the target is there. Silent where it is.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    let place = Place::of_active_toolchain(workspace)?;
    if place.has_std() {
        return Ok(());
    }
    let work = workspace.scratch(TARGET);
    fs::create_dir_all(&work).with_context(|| format!("create {}", work.display()))?;
    // Two commands started at once install it once.
    let lock = File::create(work.with_extension("lock"))?;
    lock.lock()?;
    if place.has_std() {
        return Ok(());
    }

    eprintln!("{TARGET}: the active toolchain lacks it; asking rustup for it");
    let by_rustup = by_rustup(workspace, &work).and_then(|()| place.expect_std());
    let Err(no_rustup) = by_rustup else { return Ok(()) };

    eprintln!("{TARGET}: {no_rustup:#}; building it from the distribution's packages (half a minute)");
    let by_packages = debian::install(&place, &work).and_then(|()| place.expect_std());
    let Err(no_packages) = by_packages else {
        eprintln!("{TARGET}: installed in {}", place.lib.display());
        return Ok(());
    };
    bail!(
        "the {TARGET} target is missing and could be added neither by rustup ({no_rustup:#}) nor from the \
         distribution's packages ({no_packages:#}); run `rustup target add {TARGET}` where its server can be reached"
    )
}

fn by_rustup(workspace: &Workspace, work: &Path) -> Result<()> {
    let mut rustup = Command::new("rustup");
    rustup
        .args(["target", "add", TARGET])
        .current_dir(&workspace.root);
    run_within(&mut rustup, RUSTUP_TIME_MAX, &work.join("rustup.log"))
}

/// Where a toolchain keeps the target.
#[derive(Debug)]
struct Place {
    /// The compiler's version, such as `1.95.0`.
    release: String,
    /// The folder of the target's libraries, which need not exist.
    lib: PathBuf,
}

impl Place {
    fn of_active_toolchain(workspace: &Workspace) -> Result<Self> {
        let rustc = |args: &[&str]| {
            let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
            stdout_of(rustc.args(args).current_dir(&workspace.root))
        };
        let version = rustc(&["-vV"])?;
        let release = version.lines().find_map(|line| line.strip_prefix("release: "));
        let lib = rustc(&["--print", "target-libdir", "--target", TARGET])?;
        Ok(Self {
            release: release.context("rustc -vV names no release")?.trim().to_owned(),
            lib: PathBuf::from(lib.trim()),
        })
    }

    fn has_std(&self) -> bool {
        has_std(&self.lib)
    }

    fn expect_std(&self) -> Result<()> {
        if !self.has_std() {
            bail!("it was added, but {} holds no std", self.lib.display());
        }
        Ok(())
    }
}

/// Whether a folder of libraries holds a compiled standard library.
fn has_std(lib: &Path) -> bool {
    let Ok(entries) = fs::read_dir(lib) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        name.to_str()
            .is_some_and(|name| name.starts_with("libstd-") && name.ends_with(".rlib"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], want: bool) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(folder.path().join(file), "").unwrap();
        }
        assert_eq!(has_std(folder.path()), want, "{files:?}");
    }

    #[test]
    fn std_is_recognised() {
        check(&["libcore-1.rlib", "libstd-c6aad3.rlib"], true);
        check(&[], false);
        check(&["libcore-1.rlib"], false);
        check(&["libstd-c6aad3.rmeta", "libstd_detect-1.rlib"], false);
        assert!(!has_std(Path::new("no/such/folder")));
    }
}
