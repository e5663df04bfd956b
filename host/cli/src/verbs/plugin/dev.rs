//! `fact plugin dev`: builds and reloads on each save.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use fact_author::{BuildOptions, Built, Project, Reloaded, Watch};
use fact_core::Host;
use fact_types::{Capability, Code};
use serde_json::json;

use super::super::grants::user;
use super::about;
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{clean, counted, one_line};

const EXAMPLES: &str = "\
Examples:
  fact plugin dev
  fact plugin dev plugins/report --grant sql:read:finance
  fact plugin dev --scratch                         # leaves your own plugins alone

It runs until you press Ctrl-C. Calls from anywhere get the newest build that works; one that does not compile changes
nothing. What a build widens needs no approval here: the changes are your own.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Dev {
    /// The project's folder.
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// Something that it may do once it is installed, for example sql:read:finance. May be given several times.
    #[arg(long = "grant", value_name = "CAPABILITY")]
    grants: Vec<Capability>,
    /// Use a data folder of its own, which is gone afterwards.
    #[arg(long)]
    scratch: bool,
}

impl Dev {
    pub(in crate::verbs) async fn run(self, context: &Context) -> Result<(), Failure> {
        let screen = context.screen();
        let project = Project::find(&self.folder)?;
        let mut watch = Watch::new(&project.folder);
        let scratch = if self.scratch { Some(folder()?) } else { None };
        let host = match &scratch {
            None => context.host().await?,
            Some(scratch) => {
                let mut config = context.config()?;
                config.data_dir = scratch.path().to_path_buf();
                screen.note(format!(
                    "Call it with: fact --data-dir {} call …",
                    scratch.path().display()
                ));
                context.open(config).await?
            }
        };
        let rounds = async {
            loop {
                let start = Instant::now();
                match round(context, &host, &project, &self.grants).await {
                    Ok((built, reloaded)) => told(context, &built, &reloaded, start)?,
                    // The next save may mend it.
                    Err(failure) => drop(screen.failure(&failure)),
                }
                let changed = watch.changed().await;
                screen.note(format!("{} changed, building", names(&project.folder, &changed)));
            }
        };
        // Stopping is how it ends, and no failure.
        tokio::select! {
            ended = rounds => ended,
            () = crate::stop::signal() => Ok(()),
        }
    }
}

fn folder() -> Result<tempfile::TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("fact-dev-")
        .tempdir()
        .map_err(|error| {
            Failure::new(
                Code::Unavailable,
                format!("No temporary folder can be made: {}.", error.kind()),
            )
        })
}

async fn round(
    context: &Context,
    host: &Host,
    project: &Project,
    grants: &[Capability],
) -> Result<(Built, Reloaded), Failure> {
    let options = BuildOptions {
        out: None,
        quick: true,
        compiler: context.compiler(),
    };
    let built = fact_author::build(project, &options).await?;
    let reloaded = fact_author::reload(host, &built, grants, &user()).await?;
    Ok((built, reloaded))
}

fn told(context: &Context, built: &Built, reloaded: &Reloaded, start: Instant) -> Result<(), Failure> {
    let (screen, plugin) = (context.screen(), &reloaded.plugin);
    let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    if screen.json_wanted() {
        return screen.json_line(&json!({
            "plugin": plugin.row.name,
            "version": plugin.manifest.version,
            "digest": plugin.row.digest,
            "size": built.inspection.size,
            "first": reloaded.first,
            "widened": reloaded.widened,
            "tools": plugin.tools.values().map(|tool| tool.id.to_string()).collect::<Vec<_>>(),
            "ms": millis,
        }));
    }
    screen.line(format!(
        "{} {} {}: {}, {}, in {}",
        if reloaded.first { "Installed" } else { "Reloaded" },
        plugin.row.name,
        one_line(&plugin.manifest.version),
        counted(plugin.tools.len(), "tool"),
        about::size(built.inspection.size),
        about::span(millis.saturating_mul(1000)),
    ))?;
    for change in &reloaded.widened {
        screen.note(format!(
            "  approved, since the change is your own: {}",
            clean(change).trim_end()
        ));
    }
    Ok(())
}

/// The first changed files, as they are called in the project.
fn names(folder: &Path, changed: &[PathBuf]) -> String {
    let shown: Vec<String> = changed
        .iter()
        .take(3)
        .map(|path| one_line(&path.strip_prefix(folder).unwrap_or(path).display().to_string()))
        .collect();
    let more = if changed.len() > 3 { " and others" } else { "" };
    format!("{}{more}", shown.join(", "))
}
