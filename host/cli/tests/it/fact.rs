//! The program, with a home of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where a test's program keeps what it knows.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Home {
            folder: tempfile::Builder::new().prefix("fact-cli-").tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A program that finds `fact`, this home, and nothing of the person's who runs the tests.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let own = Path::new(env!("CARGO_BIN_EXE_fact")).parent().unwrap();
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(own.to_path_buf()).chain(std::env::split_paths(&inherited));
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::join_paths(all).unwrap())
            .env("HOME", self.path())
            .env("FACT_DATA_DIR", self.path().join("data"))
            .current_dir(self.path());
        command
    }

    /// The folder of this repository.
    pub(crate) fn repository() -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        root.canonicalize().unwrap()
    }

    /// Lets a command call cargo, which needs the person's own home: toolchain, crates.
    pub(crate) fn with_cargo(command: &mut Command) {
        command.env("HOME", std::env::var_os("HOME").unwrap_or_default());
        for name in ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
    }

    /// `fact` with arguments, run to its end.
    pub(crate) fn fact(&self, arguments: &[&str]) -> Ran {
        Ran::new(
            self.command(env!("CARGO_BIN_EXE_fact"))
                .args(arguments)
                .output()
                .unwrap(),
        )
    }

    /// The same, and it must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.fact(arguments);
        assert_eq!(ran.code, 0, "fact {arguments:?}: {ran:?}");
        ran
    }

    /// A guest of the tests as a file.
    pub(crate) fn guest(&self, guest: fact_tests::Guest) -> String {
        let path = self.path().join(format!("{}.wasm", guest.name));
        std::fs::write(&path, guest.bytes).unwrap();
        path.display().to_string()
    }
}

/// What came of a program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn new(output: Output) -> Self {
        Ran {
            // -1: a signal ended it.
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
