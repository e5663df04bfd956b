//! `fact flow`: steps of tools and questions, written down in a file.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use fact_flow::{Action, Ended, Flow as Steps, Report, RunId, Runner};
use fact_types::{Code, Error, Principal};
use serde_json::{Map, json};

use super::ask::answers;
use crate::context::Context;
use crate::failure::{Failure, capital};
use crate::input::{Pair, untyped};
use crate::screen::{clip, counted, one_line};

const RUN_EXAMPLES: &str = "\
Examples:
  fact flow run report.toml
  fact flow run report.toml --set sector=Retail
  fact flow run report.toml --resume RUN

A flow is TOML: a `name`, values to `[set]`, and `[[step]]`s, each with an `id` and a `tool` or a question to `ask`. `with`
holds the arguments; { from = \"STEP\", at = \"/json/pointer\" } takes a part of an earlier result, { set = \"NAME\" } a value.
`when` is a condition on such a part (exists, equals, not, above, below); neighbours of the same `parallel` group run at
the same time. `retries` (3), `wait` (1s, doubled each time) and `timeout` (30s a try) are for failures that pass.
`lifetime` says for how long a result counts that can't be proven, when a run is resumed.";

/// Largest file, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// Most characters of a result that are shown. With --json it is there in full.
const RESULT_SHOWN: usize = 100;

/// Flows.
#[derive(Debug, Subcommand)]
pub(crate) enum Flow {
    /// Run a flow, or go on with a run that broke off.
    #[command(after_help = RUN_EXAMPLES)]
    Run {
        /// The flow.
        file: PathBuf,
        /// A value for the flow. Numbers, true, false and null are such, all else is text; name:=JSON is JSON. May be given
        /// several times.
        #[arg(long = "set", value_name = "NAME=VALUE")]
        sets: Vec<Pair>,
        /// Go on with this run: what is finished is not run again while its result is still true.
        #[arg(long, value_name = "RUN")]
        resume: Option<RunId>,
    },
    /// Check a flow and show its steps.
    Show {
        /// The flow.
        file: PathBuf,
    },
}

impl Flow {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Flow::Run { file, sets, resume } => run(context, &file, &sets, resume).await,
            Flow::Show { file } => show(context, &file),
        }
    }
}

fn read(file: &Path) -> Result<Steps, Failure> {
    let named = one_line(&file.display().to_string());
    let found = std::fs::metadata(file)
        .map_err(|_| Failure::new(Code::NotFound, format!("There is no file `{named}`.")))?;
    if found.len() > FILE_MAX {
        let large = format!("`{named}` is larger than {FILE_MAX} bytes.");
        return Err(Failure::new(Code::InvalidInput, large));
    }
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(
            Code::InvalidInput,
            format!("`{named}` can't be read: {}.", error.kind()),
        )
    })?;
    text.parse().map_err(|error: fact_flow::FlowError| {
        let problems = json!({ "problems": error.problems });
        let error = Error::new(
            Code::InvalidInput,
            format!("`{named}`: {}", capital(&error.to_string())),
        );
        Failure::from(error.with_details(problems))
            .hint("`fact flow run --help` says what a flow is made of.")
    })
}

async fn run(context: &Context, file: &Path, pairs: &[Pair], resume: Option<RunId>) -> Result<(), Failure> {
    let flow = read(file)?;
    let mut sets = Map::new();
    for pair in pairs {
        if sets.insert(pair.key.clone(), untyped(pair)?).is_some() {
            let twice = format!("The value `{}` is given twice.", one_line(&pair.key));
            return Err(Failure::new(Code::InvalidInput, twice));
        }
    }
    let (answers, principal) = (answers(context).await?, Principal::local());
    let report = Runner::new(&answers, &principal).run(&flow, sets, resume).await?;
    tell(context, &report)?;
    match report.error() {
        None => Ok(()),
        Some(error) => {
            let resume = format!(
                "`fact flow run {} --resume {}` goes on from here.",
                crate::screen::shell(&file.display().to_string()),
                report.run
            );
            Err(Failure::from(error.clone()).hint(resume))
        }
    }
}

fn tell(context: &Context, report: &Report) -> Result<(), Failure> {
    let screen = context.screen();
    if screen.json_wanted() {
        return screen.json(report);
    }
    let rows = report.steps.iter().map(|step| {
        let ended = match (step.ended, step.cached) {
            (Ended::Done, true) => "done (cached)",
            (Ended::Done, false) => "done",
            (Ended::Kept, _) => "kept, still true",
            (Ended::Skipped, _) => "skipped",
            (Ended::Failed, _) => "FAILED",
            (Ended::NotBegun, _) => "not begun",
        };
        let result = step.result.as_ref().map(|result| match result["text"].as_str() {
            Some(text) => text.to_owned(),
            None => result.to_string(),
        });
        let says = match (&step.why, result) {
            (Some(why), Some(result)) => format!("{result} (again: {why})"),
            (Some(why), None) => why.clone(),
            (None, result) => result.unwrap_or_default(),
        };
        [
            step.id.clone(),
            clip(&one_line(&step.what), RESULT_SHOWN),
            ended.to_owned(),
            step.tool_calls.to_string(),
            format!("{} ms", step.ms),
            clip(&one_line(&says), RESULT_SHOWN),
        ]
    });
    screen.table(["STEP", "WHAT", "ENDED", "CALLS", "TIME", "RESULT"], rows)?;
    let count = |count: u32, thing| counted(usize::try_from(count).unwrap_or(usize::MAX), thing);
    screen.line(format!(
        "Run {}: {}, {} of them cached, {} ms",
        report.run,
        count(report.tool_calls, "tool call"),
        report.cached_calls,
        report.total_ms
    ))
}

fn show(context: &Context, file: &Path) -> Result<(), Failure> {
    let (flow, screen) = (read(file)?, context.screen());
    let what = |action: &Action| match action {
        Action::Tool(tool) => format!("call {tool}"),
        Action::Ask(question) => format!("ask {question}"),
    };
    let stages = || (1..).zip(flow.stages());
    if screen.json_wanted() {
        let steps: Vec<_> = stages()
            .flat_map(|(stage, steps): (u32, _)| {
                steps.iter().map(move |step| {
                    json!({
                        "id": step.id,
                        "stage": stage,
                        "what": what(&step.action),
                        "conditional": step.is_conditional(),
                        "retries": step.retries,
                        "timeout_ms": u64::try_from(step.timeout.as_millis()).unwrap_or(u64::MAX),
                    })
                })
            })
            .collect();
        return screen.json(&json!({
            "flow": flow.name,
            "description": flow.description,
            "set": flow.sets,
            "steps": steps,
        }));
    }
    screen.line(format!(
        "{}  {}",
        flow.name,
        one_line(flow.description.as_deref().unwrap_or_default())
    ))?;
    for (name, value) in &flow.sets {
        screen.line(format!(
            "  set {} = {}",
            one_line(name),
            one_line(&value.to_string())
        ))?;
    }
    let rows = stages().flat_map(|(stage, steps): (u32, _)| {
        steps.iter().map(move |step| {
            let when = if step.is_conditional() {
                "on a condition"
            } else {
                ""
            };
            [
                stage.to_string(),
                step.id.clone(),
                what(&step.action),
                when.to_owned(),
            ]
        })
    });
    screen.table(["STAGE", "STEP", "WHAT", "WHEN"], rows)
}
