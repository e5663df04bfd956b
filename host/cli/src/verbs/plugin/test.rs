//! `fact plugin test`: how a plugin behaves when nothing is granted and little is allowed.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::RangedU64ValueParser;
use fact_author::{BuildOptions, Check, Problem, Project, Report, TestOptions, ToolReport};
use fact_types::{Code, Span};
use serde_json::Value;

use super::about;
use crate::context::Context;
use crate::failure::Failure;
use crate::progress::Spinner;
use crate::screen::{clean, clip, counted, one_line, shell};

/// Longest arguments that a complaint repeats, in characters; the report has them in full.
const ARGUMENTS: usize = 400;

const EXAMPLES: &str = "\
Examples:
  fact plugin test adder.wasm
  fact plugin test . --cases 1000 --report report.json
  fact plugin test adder.wasm --seed 7

Each tool is called with arguments made up from its schema, edges among them: two thirds fit and are tried twice, the
others do not fit. A tool must never crash, keep to its limits, refuse what does not fit, answer the same arguments with
the same, and answer as it declares. The same --seed makes the same arguments.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Test {
    /// A component (.wasm), or a project's folder, which is built first.
    #[arg(default_value = ".", value_name = "FILE|FOLDER")]
    what: PathBuf,
    /// How many arguments each tool gets.
    #[arg(long, default_value_t = 100, value_parser = RangedU64ValueParser::<u32>::new().range(1..=u64::from(TestOptions::MAX_CASES)))]
    cases: u32,
    /// What the arguments are made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long a call may take.
    #[arg(long, default_value = "2s", value_name = "SPAN")]
    deadline: Span,
    /// A file for the whole report, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl Test {
    pub(in crate::verbs) async fn run(self, context: &Context) -> Result<(), Failure> {
        let screen = context.screen();
        let bytes = if self.what.is_dir() {
            let project = Project::find(&self.what)?;
            fact_author::build(
                &project,
                &BuildOptions {
                    compiler: context.compiler(),
                    ..BuildOptions::default()
                },
            )
            .await?
            .bytes
        } else {
            super::inspect::read(&self.what)?
        };
        let options = TestOptions {
            cases: self.cases,
            seed: self.seed,
            deadline: self.deadline,
            compiler: context.compiler(),
        };
        let report = {
            let _spinner = Spinner::start(
                screen,
                format!("testing {}", one_line(&self.what.display().to_string())),
            );
            fact_author::test(bytes, &options).await?
        };
        if let Some(file) = &self.report {
            save(file, &report)?;
        }
        if screen.json_wanted() {
            screen.json(&report)?;
        } else {
            screen.line(words(&report))?;
        }
        if report.passed() {
            Ok(())
        } else {
            Err(Failure::Told(1))
        }
    }
}

fn save(file: &Path, report: &Report) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|error| Failure::internal("a report is no JSON", &error))?;
    std::fs::write(file, text + "\n").map_err(|error| {
        Failure::new(
            Code::Unavailable,
            format!(
                "The report can't be written to `{}`: {}.",
                file.display(),
                error.kind()
            ),
        )
    })
}

fn words(report: &Report) -> String {
    let listed = |list: &[String]| match list {
        [] => "nothing".to_owned(),
        list => one_line(&list.join(", ")),
    };
    let mut text = format!(
        "{} {}: {}, loaded cold in {}\n",
        one_line(&report.plugin),
        one_line(&report.version),
        about::size(report.size),
        about::span(report.cold_load_us),
    );
    for (label, value) in [
        ("could use", listed(&report.could_use)),
        ("asks for", listed(&report.requests)),
        ("was denied", listed(&report.denied)),
    ] {
        text.push_str(&format!("  {label:<11}{}\n", clip(&value, 500)));
    }
    text.push('\n');
    for tool in &report.tools {
        text.push_str(&tool_words(tool));
    }
    for note in &report.notes {
        text.push_str(&format!("note: {}\n", one_line(note)));
    }
    if report.passed() {
        text.push_str("Passed.\n");
        return text;
    }
    for problem in &report.problems {
        text.push_str(&problem_words(report, problem));
    }
    text.push_str(&format!(
        "\nFailed: {}.\n",
        counted(report.problems.len(), "problem")
    ));
    text
}

fn tool_words(tool: &ToolReport) -> String {
    let ended: Vec<String> = tool
        .ended
        .iter()
        .map(|(how, often)| format!("{how} {often}"))
        .collect();
    let mut text = format!(
        "{}: {} that fit, {} that do not ({})\n",
        one_line(&tool.name),
        tool.fitting,
        tool.misfits,
        ended.join(", ")
    );
    if let Some(timing) = tool.timing {
        text.push_str(&format!(
            "  first call {}, then p50 {}, p95 {}; at most {} of memory\n",
            about::span(timing.first_us),
            about::span(timing.p50_us),
            about::span(timing.p95_us),
            about::size(tool.peak_memory),
        ));
    }
    if tool.deterministic == Some(true) {
        text.push_str("  the same arguments always gave the same answer\n");
    }
    text
}

fn problem_words(report: &Report, problem: &Problem) -> String {
    let tool = problem.tool.as_deref().map(one_line).unwrap_or_default();
    let check = match problem.check {
        Check::Described => "described",
        Check::Schema => "schema",
        Check::NoCrash => "crash",
        Check::WithinLimits => "limits",
        Check::RefusesMisfits => "misfit",
        Check::SameAnswer => "same answer",
        Check::OutputFits => "output",
    };
    let mut text = format!("\nFAILED [{check}] {tool}: {}\n", clean(&problem.message));
    if let Some(arguments) = &problem.arguments {
        text.push_str(&format!("  {}\n", repeat(report, &tool, arguments)));
    }
    text
}

/// How to see it again.
fn repeat(report: &Report, tool: &str, arguments: &Value) -> String {
    // JSON as a shell and a terminal can take it: everything but plain characters is escaped.
    let json: String = arguments
        .to_string()
        .chars()
        .flat_map(|c| {
            if c.is_ascii() && !c.is_ascii_control() {
                c.to_string()
            } else {
                let mut units = [0; 2];
                c.encode_utf16(&mut units)
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}"))
                    .collect()
            }
            .chars()
            .collect::<Vec<_>>()
        })
        .collect();
    if json.chars().count() > ARGUMENTS {
        return format!(
            "again: --seed {} --cases {}; its arguments are in the report (--report FILE): {}",
            report.seed,
            report.cases,
            clip(&json, ARGUMENTS)
        );
    }
    format!(
        "again: fact call {}_{tool} --json {}",
        one_line(&report.plugin),
        shell(&json)
    )
}
