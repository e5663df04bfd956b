//! Builds the target's standard library from Debian's `rust-src` of the compiler's own version and Debian's
//! `wasi-libc`, and puts it where rustup would have.
//!
//! apt works in folders of its own below `target`, so the machine's lists, cache and sources stay as they were, and no
//! right to install packages is needed. The packages come from the mirror that apt is already set up for, checked
//! against Debian's archive keys as ever.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Place, TARGET};
use crate::command::{cargo_alone, run_within, stdout_of};

/// The suites that may hold a `rust-src` of the right version. Where the machine runs an older Debian, its own suites
/// hold compilers that are too old for this project.
const SUITES: [&str; 2] = ["trixie-backports", "trixie"];

/// Debian installs its archive keys here; elsewhere apt looks for trusted keys itself.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What the linker asks for beside the libraries.
const SELF_CONTAINED: [&str; 3] = ["crt1-command.o", "crt1-reactor.o", "libc.a"];

/// The suites' lists are 10 MB, the packages 46 MB.
const APT_TIME_MAX: Duration = Duration::from_secs(300);

/// Unpacking takes seconds.
const UNPACK_TIME_MAX: Duration = Duration::from_secs(120);

/// The build takes 20 s on two idle cores.
const BUILD_TIME_MAX: Duration = Duration::from_secs(900);

/// Downloads, builds and installs. `work` is a folder of its own for that; it is emptied on success and kept for a
/// look on failure.
pub(super) fn install(place: &Place, work: &Path) -> Result<()> {
    let packages = download(place, work)?;
    let unpacked = fresh(&work.join("unpacked"))?;
    for package in packages {
        let mut unpack = Command::new("dpkg-deb");
        unpack.arg("--extract").arg(package).arg(&unpacked);
        run_within(&mut unpack, UNPACK_TIME_MAX, &work.join("dpkg-deb.log"))?;
    }
    let library = unpacked.join(format!("usr/src/rustc-{}/library", place.release));
    let libc = unpacked.join("usr/lib").join(TARGET);
    let rlibs = build(&library, work)?;
    put(&rlibs, &libc, &place.lib)?;
    fs::remove_dir_all(work).context("clean up")
}

/// The paths of the two downloaded packages.
fn download(place: &Place, work: &Path) -> Result<Vec<PathBuf>> {
    let mut targets = Command::new("apt-get");
    targets.args(["--no-release-info", "indextargets", "--format", "$(REPO_URI)"]);
    let mut reason = None;
    for mirror in mirrors(&stdout_of(&mut targets)?) {
        match download_from(mirror, place, work) {
            Ok(packages) => return Ok(packages),
            Err(error) => reason = Some(error),
        }
    }
    Err(reason.context("apt knows no package mirror")?)
}

fn download_from(mirror: &str, place: &Place, work: &Path) -> Result<Vec<PathBuf>> {
    let apt = Apt::new(mirror, &fresh(&work.join("apt"))?)?;
    run_within(
        apt.get().arg("update"),
        APT_TIME_MAX,
        &work.join("apt-update.log"),
    )?;

    let listed = stdout_of(
        apt.command("apt-cache")
            .args(["madison", "rust-src", "wasi-libc"]),
    )?;
    let source = versions(&listed, "rust-src")
        .find(|version| upstream(version) == place.release)
        .with_context(|| format!("there is no rust-src {}", place.release))?;
    let libc = versions(&listed, "wasi-libc")
        .next()
        .context("there is no wasi-libc")?;

    let into = fresh(&work.join("packages"))?;
    let mut get = apt.get();
    get.arg("download")
        .arg(format!("rust-src={source}"))
        .arg(format!("wasi-libc={libc}"))
        .current_dir(&into);
    run_within(&mut get, APT_TIME_MAX, &work.join("apt-download.log"))?;
    let files = fs::read_dir(&into)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    Ok(files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "deb"))
        .collect())
}

/// apt with sources, lists, cache and state of its own.
struct Apt {
    /// A settings file, read after the machine's own.
    settings: String,
    options: Vec<String>,
}

impl Apt {
    fn new(mirror: &str, folder: &Path) -> Result<Self> {
        for part in ["lists/partial", "cache/archives/partial", "state"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let keys = if Path::new(KEYRING).exists() {
            format!("[signed-by={KEYRING}] ")
        } else {
            String::new()
        };
        let lines = SUITES.map(|suite| format!("deb {keys}{mirror} {suite} main\n"));
        fs::write(folder.join("sources.list"), lines.concat())?;
        // Hooks of the machine, such as those that empty its cache after each update, are no business of these folders.
        let hooks = [
            "Update::Pre-Invoke",
            "Update::Post-Invoke",
            "Update::Post-Invoke-Success",
        ];
        fs::write(
            folder.join("apt.conf"),
            hooks.map(|hook| format!("#clear APT::{hook};\n")).concat(),
        )?;
        let folder = folder.to_str().context("the target folder's name is not UTF-8")?;
        Ok(Self {
            settings: format!("{folder}/apt.conf"),
            options: vec![
                format!("Dir::Etc::SourceList={folder}/sources.list"),
                "Dir::Etc::SourceParts=/dev/null".to_owned(),
                // Pins are for what is installed, and nothing is.
                "Dir::Etc::Preferences=/dev/null".to_owned(),
                "Dir::Etc::PreferencesParts=/dev/null".to_owned(),
                format!("Dir::State={folder}/state"),
                format!("Dir::State::Lists={folder}/lists"),
                "Dir::State::Status=/dev/null".to_owned(),
                format!("Dir::Cache={folder}/cache"),
                // The user that apt downloads as can't write into this folder.
                "APT::Sandbox::User=".to_owned(),
                // Else a mirror that can't be reached is a warning, and the reason is lost.
                "APT::Update::Error-Mode=any".to_owned(),
                "Acquire::Languages=none".to_owned(),
                "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            ],
        })
    }

    fn get(&self) -> Command {
        self.command("apt-get")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(&self.settings);
        for option in &self.options {
            command.arg("-o").arg(option);
        }
        command
    }
}

/// Compiles std as cargo's `-Zbuild-std` does; gives the folder of the rlibs.
fn build(library: &Path, work: &Path) -> Result<PathBuf> {
    if !library.join("std").is_dir() {
        bail!("rust-src holds no {}", library.display());
    }
    // -Zbuild-std compiles std for some crate: this one.
    let seed = fresh(&work.join("seed"))?;
    fs::create_dir(seed.join("src"))?;
    fs::write(
        seed.join("Cargo.toml"),
        "[package]\nname = \"seed\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
    )?;
    fs::write(seed.join("src/lib.rs"), "")?;

    let target_dir = fresh(&work.join("build"))?;
    // Without bitcode a guest can't be linked with `lto = true`. The mapping keeps this folder's name out of the panic
    // messages of every guest.
    let flags = format!(
        "-Cembed-bitcode=yes\u{1f}--remap-path-prefix={}=/rust/library",
        library.display()
    );
    let mut build = cargo_alone();
    build
        .args([
            "build",
            "--release",
            "--target",
            TARGET,
            "-Zbuild-std=std,panic_abort",
        ])
        .current_dir(&seed)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", library)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env("CARGO_TARGET_DIR", &target_dir);
    run_within(&mut build, BUILD_TIME_MAX, &work.join("build.log"))?;
    Ok(target_dir.join(TARGET).join("release/deps"))
}

/// Puts everything into the toolchain in one step, so that an interrupted run leaves no half of a target behind.
fn put(rlibs: &Path, libc: &Path, lib: &Path) -> Result<()> {
    let home = lib.parent().context("the toolchain's folder has no parent")?;
    let staged = home.with_extension(format!("new-{}", process::id()));
    let done = stage(rlibs, libc, &staged.join("lib")).and_then(|()| {
        if home.exists() {
            // Without a std in it, which was looked for, it is of no use to anyone.
            fs::remove_dir_all(home)?;
        }
        Ok(fs::rename(&staged, home)?)
    });
    if done.is_err() {
        let _ = fs::remove_dir_all(&staged);
    }
    done.with_context(|| format!("install into {}", home.display()))
}

fn stage(rlibs: &Path, libc: &Path, lib: &Path) -> Result<()> {
    let self_contained = lib.join("self-contained");
    fs::create_dir_all(&self_contained)?;
    for entry in fs::read_dir(rlibs)? {
        let entry = entry?;
        let name = entry.file_name();
        let wanted = name
            .to_str()
            .is_some_and(|name| name.ends_with(".rlib") && !name.starts_with("libseed-"));
        if wanted {
            fs::copy(entry.path(), lib.join(&name))?;
        }
    }
    for name in SELF_CONTAINED {
        fs::copy(libc.join(name), self_contained.join(name))
            .with_context(|| format!("wasi-libc's {name}"))?;
    }
    Ok(())
}

/// An empty folder of that name.
fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
}

/// The archives that apt is set up for, each once. Security archives carry no suite of ours.
fn mirrors(index_targets: &str) -> Vec<&str> {
    let mut mirrors = Vec::new();
    for uri in index_targets.lines().map(str::trim) {
        let plain = !uri.is_empty() && !uri.contains(char::is_whitespace);
        if plain && !uri.trim_end_matches('/').ends_with("-security") && !mirrors.contains(&uri) {
            mirrors.push(uri);
        }
    }
    mirrors
}

/// The versions of a package in what `apt-cache madison` prints, newest first as there.
fn versions<'a>(madison: &'a str, package: &str) -> impl Iterator<Item = &'a str> {
    madison.lines().filter_map(move |line| {
        let mut columns = line.split('|').map(str::trim);
        (columns.next()? == package).then(|| columns.next()).flatten()
    })
}

/// `1.95.0` of `1.95.0+dfsg1-2~bpo13+1`.
fn upstream(version: &str) -> &str {
    version.split(['+', '-', '~']).next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADISON: &str = " rust-src | 1.96.1+dfsg1-2~bpo13+1 | mirror trixie-backports/main amd64 Packages
  rust-src | 1.95.0+dfsg1-2~bpo13+1 | mirror trixie-backports/main amd64 Packages
  rust-src | 1.85.1+dfsg1-1+deb13u1 | mirror trixie/main amd64 Packages
 wasi-libc | 0.0~git20260129.ec0effd-3~bpo13+1 | mirror trixie-backports/main amd64 Packages
 wasi-libc | 0.0~git20241209.574b88d-2 | mirror trixie/main amd64 Packages
";

    #[test]
    fn the_compilers_own_version_is_found() {
        let check = |release: &str, want: Option<&str>| {
            assert_eq!(
                versions(MADISON, "rust-src").find(|version| upstream(version) == release),
                want
            );
        };
        check("1.95.0", Some("1.95.0+dfsg1-2~bpo13+1"));
        check("1.85.1", Some("1.85.1+dfsg1-1+deb13u1"));
        check("1.95", None);
        check("1.97.0-nightly", None);
    }

    #[test]
    fn the_newest_libc_is_taken() {
        assert_eq!(
            versions(MADISON, "wasi-libc").next(),
            Some("0.0~git20260129.ec0effd-3~bpo13+1")
        );
        assert_eq!(versions("", "wasi-libc").next(), None);
    }

    #[test]
    fn mirrors_are_named_once() {
        let check = |text: &str, want: &[&str]| assert_eq!(mirrors(text), want, "{text:?}");
        check(
            "http://a/debian/\nhttp://a/debian/\nhttp://a/debian-security/\n",
            &["http://a/debian/"],
        );
        check(
            "http://a/debian/\nhttps://b/debian\n",
            &["http://a/debian/", "https://b/debian"],
        );
        check("\n\n", &[]);
        check("http://a/ b main\n", &[]);
    }

    /// A folder with the files of a finished build and of wasi-libc.
    fn built(folder: &Path) -> (PathBuf, PathBuf) {
        let (rlibs, libc) = (folder.join("deps"), folder.join("libc"));
        fs::create_dir_all(&rlibs).unwrap();
        fs::create_dir_all(&libc).unwrap();
        for name in [
            "libstd-1.rlib",
            "libstd-1.rmeta",
            "libcore-2.rlib",
            "libseed-3.rlib",
            "core-2.d",
        ] {
            fs::write(rlibs.join(name), name).unwrap();
        }
        for name in SELF_CONTAINED {
            fs::write(libc.join(name), name).unwrap();
        }
        (rlibs, libc)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn put_replaces_half_a_target() {
        let folder = tempfile::tempdir().unwrap();
        let (rlibs, libc) = built(folder.path());
        let rustlib = folder.path().join("rustlib");
        let lib = rustlib.join(TARGET).join("lib");
        fs::create_dir_all(&lib).unwrap();
        fs::write(lib.join("libcore-old.rlib"), "").unwrap();
        put(&rlibs, &libc, &lib).unwrap();
        assert_eq!(names(&lib), ["libcore-2.rlib", "libstd-1.rlib", "self-contained"]);
        assert_eq!(names(&lib.join("self-contained")), SELF_CONTAINED);
        assert_eq!(names(&rustlib), [TARGET]);
    }

    #[test]
    fn a_failed_put_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (rlibs, libc) = built(folder.path());
        fs::remove_file(libc.join("libc.a")).unwrap();
        let rustlib = folder.path().join("rustlib");
        fs::create_dir_all(&rustlib).unwrap();
        let error = put(&rlibs, &libc, &rustlib.join(TARGET).join("lib")).unwrap_err();
        assert!(format!("{error:#}").contains("libc.a"), "{error:#}");
        assert!(names(&rustlib).is_empty());
    }
}
