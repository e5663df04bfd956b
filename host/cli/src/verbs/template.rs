//! `fact template`: the questions that are answered without a model.

use clap::Subcommand;
use fact_types::{Code, Error, Principal};

use super::ask::answers;
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{counted, one_line};

const TEST_EXAMPLES: &str = "\
Examples:
  fact template test                       every example of every template
  fact template test revenue_of_company    those of one

Each example is asked as `fact ask` would. A template passes when its own examples lead to it, and its statement runs.";

/// The questions that are answered without a model.
#[derive(Debug, Subcommand)]
pub(crate) enum Template {
    /// List the templates, with an example of each.
    List,
    /// Ask the templates their own examples.
    #[command(after_help = TEST_EXAMPLES)]
    Test {
        /// The template; all of them when left out.
        name: Option<String>,
    },
}

impl Template {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Template::List => list(context).await,
            Template::Test { name } => test(context, name).await,
        }
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let answers = answers(context).await?;
    let screen = context.screen();
    let templates = answers.templates().list();
    for notice in answers.templates().notices() {
        screen.note(one_line(notice));
    }
    if screen.json_wanted() {
        return screen.json(&templates);
    }
    let rows = templates
        .into_iter()
        .map(|template| [template.name, template.database, template.example]);
    screen.table(["template", "database", "for example"], rows)
}

async fn test(context: &Context, name: Option<String>) -> Result<(), Failure> {
    let answers = answers(context).await?;
    let screen = context.screen();
    let principal = Principal::local();
    let data = answers.data(&principal);
    let names: Vec<String> = match name {
        Some(name) => vec![name],
        None => answers.templates().list().into_iter().map(|t| t.name).collect(),
    };
    let mut reports = Vec::new();
    for name in &names {
        let report = answers
            .templates()
            .test(name, &data)
            .await
            .map_err(|error| Error::new(error.code, error.message))?;
        let Some(report) = report else {
            return Err(Failure::from(Error::new(
                Code::NotFound,
                format!("There is no template `{}`.", one_line(name)),
            ))
            .hint("`fact template list` shows what there is."));
        };
        reports.push(report);
    }
    let failed = reports.iter().filter(|report| !report.passed()).count();
    if screen.json_wanted() {
        screen.json(&reports)?;
    } else {
        for report in &reports {
            let passed = if report.passed() { "passed" } else { "FAILED" };
            screen.line(format!("{passed}  {}", one_line(&report.template)))?;
        }
    }
    match failed {
        0 => Ok(()),
        failed => Err(Error::new(
            Code::ToolFailed,
            format!("{} failed.", counted(failed, "template")),
        )
        .into()),
    }
}
