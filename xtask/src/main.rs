//! The developer's commands, `cargo xtask VERB`: what a stranger needs to see the project work (`demo`) and to see
//! that it is sound (`test`), each as the first and only command on a fresh clone.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "these commands speak to a person at a terminal"
)]

mod check;
mod command;
mod tally;
mod tidy;
mod wasm_target;
mod workspace;

use std::env;
use std::ffi::OsString;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context, Result, bail};

use crate::command::cargo;
use crate::workspace::Workspace;

const USAGE: &str = "\
Usage: cargo xtask VERB

  demo [ARGS]     build everything in release and run `fact demo ARGS`
  test [--fast]   format, tidy checks, clippy, docs and all tests; --fast leaves out the docs and their examples
  bench [ARGS]    the benchmarks: `cargo bench -p fact-bench ARGS`
  tidy            only the tidy checks: seconds, compiles nothing
  target          only make sure that the wasm32-wasip2 target is there";

/// What was asked for.
#[derive(Debug, PartialEq)]
enum Verb {
    Demo(Vec<OsString>),
    Test { fast: bool },
    Bench(Vec<OsString>),
    Tidy,
    Target,
}

impl Verb {
    /// `None` for anything but a verb with arguments it takes.
    fn parse(args: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut args = args.into_iter();
        let verb = args.next()?;
        let rest: Vec<OsString> = args.collect();
        match (verb.to_str()?, rest.as_slice()) {
            ("demo", _) => Some(Self::Demo(rest)),
            ("bench", _) => Some(Self::Bench(rest)),
            ("test", []) => Some(Self::Test { fast: false }),
            ("test", [flag]) if flag == "--fast" => Some(Self::Test { fast: true }),
            ("tidy", []) => Some(Self::Tidy),
            ("target", []) => Some(Self::Target),
            _ => None,
        }
    }
}

fn main() -> ExitCode {
    let Some(verb) = Verb::parse(env::args_os().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    run(verb).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(verb: Verb) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match verb {
        Verb::Demo(args) => demo(&workspace, args),
        Verb::Test { fast } => check::run(&workspace, fast),
        Verb::Bench(args) => bench(&workspace, args),
        Verb::Tidy => {
            let tidy = tidy::run(&workspace)?;
            Ok(if tidy {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Verb::Target => {
            wasm_target::ensure(&workspace)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn demo(workspace: &Workspace, args: Vec<OsString>) -> Result<ExitCode> {
    wasm_target::ensure(workspace)?;
    let built = cargo(workspace)
        .args(["build", "--release", "--locked", "-p", "fact-cli"])
        .status()
        .context("run cargo")?;
    if !built.success() {
        bail!("the build failed; what cargo printed above says where");
    }
    let fact = workspace
        .target_dir
        .join("release")
        .join(format!("fact{}", env::consts::EXE_SUFFIX));
    let status = command::clean(fact.as_os_str())
        .arg("demo")
        .args(args)
        .status()
        .with_context(|| format!("run {}", fact.display()))?;
    Ok(exit_code(status))
}

fn bench(workspace: &Workspace, args: Vec<OsString>) -> Result<ExitCode> {
    wasm_target::ensure(workspace)?;
    let status = cargo(workspace)
        .args(["bench", "--locked", "-p", "fact-bench"])
        .args(args)
        .status()?;
    Ok(exit_code(status))
}

/// The child's own code; 1 where it has none, because a signal ended it.
fn exit_code(status: ExitStatus) -> ExitCode {
    status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, want: Option<Verb>) {
        assert_eq!(
            Verb::parse(line.split_whitespace().map(OsString::from)),
            want,
            "{line:?}"
        );
    }

    #[test]
    fn verbs() {
        check("demo", Some(Verb::Demo(vec![])));
        check(
            "demo --json -v",
            Some(Verb::Demo(vec!["--json".into(), "-v".into()])),
        );
        check("test", Some(Verb::Test { fast: false }));
        check("test --fast", Some(Verb::Test { fast: true }));
        check(
            "bench -- echo",
            Some(Verb::Bench(vec!["--".into(), "echo".into()])),
        );
        check("tidy", Some(Verb::Tidy));
        check("target", Some(Verb::Target));
    }

    #[test]
    fn anything_else_is_wrong_usage() {
        check("", None);
        check("tests", None);
        check("test --slow", None);
        check("test --fast --fast", None);
        check("tidy now", None);
    }
}
