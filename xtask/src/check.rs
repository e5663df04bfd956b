//! `cargo xtask test`: everything that must hold before a change is taken, in one command.
//!
//! The cheap steps come first. All of them use the same profile and the same features, so that the engine is checked
//! once, by clippy, and compiled once, for the tests.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::command::{cargo, run_counted};
use crate::tally::Tally;
use crate::workspace::Workspace;
use crate::{tidy, wasm_target};

/// The variable by which a test learns where to write, one line each, what it skipped and why.
const SKIPS_VARIABLE: &str = "FACT_TEST_SKIPS";

/// One step of the check.
struct Step {
    title: &'static str,
    /// What to do when it fails.
    advice: &'static str,
    /// Left out with `--fast`.
    slow: bool,
    run: fn(&Run<'_>) -> Result<Outcome>,
}

/// How a step ended. An error is for a step that could not be done at all.
struct Outcome {
    passed: bool,
    tests: Tally,
}

const STEPS: [Step; 6] = [
    Step {
        title: "format",
        advice: "run `cargo fmt --all`",
        slow: false,
        run: format,
    },
    Step {
        title: "tidy",
        advice: "mend what is listed above; `cargo xtask tidy` shows it again",
        slow: false,
        run: tidy,
    },
    Step {
        title: "clippy",
        advice: "mend what clippy says above",
        slow: false,
        run: clippy,
    },
    Step {
        title: "docs",
        advice: "mend what rustdoc says above",
        slow: true,
        run: docs,
    },
    Step {
        title: "tests",
        advice: "one test alone: `cargo nextest run -p PACKAGE NAME` or `cargo test -p PACKAGE NAME`",
        slow: false,
        run: tests,
    },
    Step {
        title: "examples in the docs",
        advice: "one package alone: `cargo test --doc -p PACKAGE`",
        slow: true,
        run: doc_tests,
    },
];

/// What the steps share.
struct Run<'a> {
    workspace: &'a Workspace,
    skips: PathBuf,
    ci: bool,
}

/// Stops at the first step that fails. In CI (`CI=true`) a skipped test is a failure too: nobody would notice it there.
pub(crate) fn run(workspace: &Workspace, fast: bool) -> Result<ExitCode> {
    wasm_target::ensure(workspace)?;
    let ci = env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
    let run = Run {
        workspace,
        skips: workspace.scratch("skips.txt"),
        ci,
    };
    start_afresh(&run.skips)?;

    let mut sum = Tally::default();
    let mut skipped = BTreeSet::new();
    for (number, step) in (1..).zip(&STEPS) {
        if fast && step.slow {
            skipped.insert(format!("{}: left out by --fast", step.title));
            continue;
        }
        eprintln!("\n== {number}/{} {}", STEPS.len(), step.title);
        let start = Instant::now();
        let outcome = (step.run)(&run).with_context(|| step.title)?;
        let (end, seconds) = (
            if outcome.passed { "passed" } else { "FAILED" },
            start.elapsed().as_secs_f64(),
        );
        eprintln!("== {} {end} in {seconds:.1} s", step.title);
        if outcome.tests.skipped > 0 {
            skipped.insert(format!(
                "{}: {} marked as ignored",
                step.title, outcome.tests.skipped
            ));
        }
        sum = sum + outcome.tests;
        if !outcome.passed {
            eprintln!("error: {} failed: {}", step.title, step.advice);
            println!("{sum}");
            return Ok(ExitCode::FAILURE);
        }
    }

    let reported = reported(&run.skips)?;
    // A test that says it skips its work ends as passed in the runner's eyes.
    let unreal = reported.len() as u64;
    sum.passed = sum.passed.saturating_sub(unreal);
    sum.skipped += unreal;
    skipped.extend(reported);
    println!("\n{}", skip_list(&skipped));
    let refused = ci && !skipped.is_empty();
    if refused {
        eprintln!("error: in CI nothing may be skipped: give the machine what the list above asks for");
    }
    println!("{sum}");
    Ok(if refused {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn format(run: &Run<'_>) -> Result<Outcome> {
    succeed(cargo(run.workspace).args(["fmt", "--all", "--check"]))
}

fn tidy(run: &Run<'_>) -> Result<Outcome> {
    Ok(Outcome {
        passed: tidy::run(run.workspace)?,
        tests: Tally::default(),
    })
}

fn clippy(run: &Run<'_>) -> Result<Outcome> {
    succeed(cargo(run.workspace).args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-Dwarnings",
    ]))
}

fn docs(run: &Run<'_>) -> Result<Outcome> {
    let mut doc = cargo(run.workspace);
    // Naming the examples makes cargo take the features that development dependencies ask for, as clippy and the tests
    // do; without it, much of the tree would be checked again with fewer.
    doc.args([
        "doc",
        "--workspace",
        "--no-deps",
        "--locked",
        "--lib",
        "--bins",
        "--examples",
    ])
    .env("RUSTDOCFLAGS", "-Dwarnings");
    succeed(&mut doc)
}

fn tests(run: &Run<'_>) -> Result<Outcome> {
    let mut runner = cargo(run.workspace);
    if has_nextest(run.workspace) {
        runner.args(["nextest", "run", "--workspace", "--locked"]);
        if run.ci {
            runner.args(["--profile", "ci"]);
        }
    } else {
        eprintln!(
            "cargo-nextest is not installed: running `cargo test`, which has no limit on a test's time"
        );
        runner.args([
            "test",
            "--workspace",
            "--locked",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
        ]);
    }
    counted(run, &mut runner)
}

fn doc_tests(run: &Run<'_>) -> Result<Outcome> {
    counted(
        run,
        cargo(run.workspace).args(["test", "--doc", "--workspace", "--locked"]),
    )
}

fn has_nextest(workspace: &Workspace) -> bool {
    cargo(workspace)
        .args(["nextest", "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
}

fn succeed(command: &mut Command) -> Result<Outcome> {
    let status = command.status().context("run cargo")?;
    Ok(Outcome {
        passed: status.success(),
        tests: Tally::default(),
    })
}

fn counted(run: &Run<'_>, runner: &mut Command) -> Result<Outcome> {
    if io::stderr().is_terminal() && env::var_os("CARGO_TERM_COLOR").is_none() {
        // The runner sees a pipe, at whose other end its colours are passed on.
        runner.env("CARGO_TERM_COLOR", "always");
    }
    let (status, tests) = run_counted(runner.env(SKIPS_VARIABLE, &run.skips))?;
    Ok(Outcome {
        passed: status.success(),
        tests,
    })
}

fn start_afresh(skips: &Path) -> Result<()> {
    if let Some(folder) = skips.parent() {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    fs::write(skips, "").with_context(|| format!("write {}", skips.display()))
}

/// What tests wrote, a line for each test that skipped something.
fn reported(skips: &Path) -> Result<Vec<String>> {
    let text = match fs::read(skips) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read.with_context(|| format!("read {}", skips.display()))?,
    };
    let text = String::from_utf8_lossy(&text);
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

fn skip_list(skipped: &BTreeSet<String>) -> String {
    if skipped.is_empty() {
        return "Skipped: nothing".to_owned();
    }
    let lines: Vec<String> = skipped.iter().map(|line| format!("  - {line}")).collect();
    format!("Skipped:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &str, want: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/skips.txt");
        start_afresh(&path).unwrap();
        fs::write(&path, written).unwrap();
        assert_eq!(
            skip_list(&reported(&path).unwrap().into_iter().collect()),
            want,
            "{written:?}"
        );
        start_afresh(&path).unwrap();
        assert!(
            reported(&path).unwrap().is_empty(),
            "an earlier run's skips are forgotten"
        );
    }

    #[test]
    fn what_tests_skip_is_told() {
        check("", "Skipped: nothing");
        check("\n\n", "Skipped: nothing");
        check(
            "b: no server\na: no node\nb: no server\n",
            "Skipped:\n  - a: no node\n  - b: no server",
        );
    }

    #[test]
    fn a_file_that_is_gone_is_no_skip() {
        assert!(reported(Path::new("no/such/file")).unwrap().is_empty());
    }

    #[test]
    fn fast_leaves_the_tests_in() {
        let slow: Vec<&str> = STEPS
            .iter()
            .filter(|step| step.slow)
            .map(|step| step.title)
            .collect();
        assert_eq!(slow, ["docs", "examples in the docs"]);
    }
}
