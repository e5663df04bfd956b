//! Running other programs: with a clean environment, with a bound on their time, with their output looked at.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::tally::Tally;
use crate::workspace::Workspace;

/// The cargo that runs this program, at the root of the workspace.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let mut command = clean(&cargo_path());
    command.current_dir(&workspace.root);
    command
}

/// The same cargo for a package outside the workspace: what the caller set for the workspace's own builds is left out.
pub(crate) fn cargo_alone() -> Command {
    let mut command = clean(&cargo_path());
    for name in [
        "RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_RUSTFLAGS",
        "RUSTC_WRAPPER",
    ] {
        command.env_remove(name);
    }
    command
}

/// Cargo names itself to what it runs.
pub(crate) fn cargo_path() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A program without the variables that `cargo run` sets for *this* package: build scripts would take them for a
/// change, and a tree compiled by `cargo xtask` would be compiled again by plain `cargo`.
pub(crate) fn clean(program: &OsStr) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let ours = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
                || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&name)
        });
        if ours {
            command.env_remove(name);
        }
    }
    command
}

/// What a program printed on stdout; an error with its last words where it failed.
pub(crate) fn stdout_of(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{name} can't be run"))?;
    if !output.status.success() {
        bail!(
            "{name} failed: {}",
            last_words(&String::from_utf8_lossy(&output.stderr))
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("what {name} printed is not UTF-8"))
}

/// Runs a program with its output in a file, and ends it after `limit`.
pub(crate) fn run_within(command: &mut Command, limit: Duration, log: &Path) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let file = File::create(log).with_context(|| format!("create {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    let mut child = command.spawn().with_context(|| format!("{name} can't be run"))?;
    let end = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            bail!("{name} took longer than {} s", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    };
    if !status.success() {
        let said = fs::read(log).unwrap_or_default();
        bail!("{name} failed: {}", last_words(&String::from_utf8_lossy(&said)));
    }
    Ok(())
}

/// Runs a test runner, passes on all it prints, and sums the results that it reports on the way.
pub(crate) fn run_counted(command: &mut Command) -> Result<(ExitStatus, Tally)> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("the test runner can't be run")?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let tally = thread::scope(|scope| {
        let out = scope.spawn(|| pass_on(stdout, io::stdout()));
        let err = scope.spawn(|| pass_on(stderr, io::stderr()));
        [out, err]
            .into_iter()
            .filter_map(|reader| reader.join().ok())
            .try_fold(Tally::default(), |sum, tally| tally.map(|tally| sum + tally))
    })?;
    Ok((child.wait()?, tally))
}

fn pass_on(from: Option<impl Read>, mut to: impl Write) -> io::Result<Tally> {
    let mut sum = Tally::default();
    let Some(from) = from else { return Ok(sum) };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Ok(sum);
        }
        to.write_all(&line)?;
        if let Some(tally) = Tally::parse(&String::from_utf8_lossy(&line)) {
            sum = sum + tally;
        }
    }
}

/// The line by which a program says why it failed: its first error, else the last line it printed.
fn last_words(output: &str) -> String {
    let mut lines = output.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines
        .clone()
        .find(|line| line.starts_with("error") || line.starts_with("E: "));
    error
        .or_else(|| lines.next_back())
        .unwrap_or("it did not say why")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str, want: Result<(), &str>) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        let done = run_within(
            command.args(["-c", script]),
            Duration::from_millis(300),
            &folder.path().join("log"),
        );
        match (done, want) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{script}: {error}"),
            (done, want) => panic!("{script}: {done:?}, not {want:?}"),
        }
    }

    #[test]
    fn a_bounded_run_ends_with_a_reason() {
        check("echo fine", Ok(()));
        check(
            "echo one; echo 'error: no network' >&2; echo Stack; exit 3",
            Err("error: no network"),
        );
        check("echo one; echo two; exit 3", Err("two"));
        check("exit 3", Err("did not say why"));
        check("exec sleep 30", Err("took longer than 0 s"));
    }

    /// The writer is the test's own: on the real streams a runner that watches these tests would count the lines too.
    #[test]
    fn output_is_passed_on_and_counted() {
        let output = "noise\ntest result: ok. 1 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out\n\
                      \u{fffd}\n Summary [ 1.0s] 3 tests run: 3 passed, 0 skipped";
        let mut seen = Vec::new();
        let tally = pass_on(Some(output.as_bytes()), &mut seen).unwrap();
        assert_eq!(
            tally,
            Tally {
                passed: 4,
                failed: 0,
                skipped: 2
            }
        );
        assert_eq!(seen, output.as_bytes());
    }
}
