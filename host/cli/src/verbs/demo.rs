//! `fact demo`: the whole of FACT in a folder that goes away again. Every value that it prints comes from a call.

mod crowd;
mod kept;
mod report;
mod rows;
mod server;
mod world;

use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use fact_core::store::demo;
use fact_core::{Host, InstallOptions, Source};
use fact_types::{ByteSize, Capability, Code, Freshness, Limits, Span, Terms, ToolCall, ToolId};
use serde_json::json;
use std::path::PathBuf;

use crate::context::Context;
use crate::failure::{Failure, capital};
use crate::progress::Spinner;
use report::{Group, Installed, Report, Row};
use rows::{Case, Expect};
use world::World;

const EXAMPLES: &str = "\
It makes the demo finance database, installs the connectors with narrow grants, and calls them; then it installs a
hostile plugin and shows each of its attempts stopped. Exit code 0 only when all of it went as it should.

With --keep DIR you can go on from there:
  fact demo --keep demo
  fact --data-dir demo/data call sql_query statement='SELECT name FROM companies'";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Demo {
    /// Do it in this folder, which must be new or empty, and leave it there.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What the hostile plugin's calls get: less than by default, so that nobody waits for half a minute.
fn tight(limits: &Limits) -> Limits {
    Limits {
        deadline: Span::secs(1),
        memory: ByteSize::mib(64),
        ..limits.clone()
    }
}

impl Demo {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let world = World::make(self.keep.as_deref()).await?;
        let mut report = Report::new(context.screen(), self.keep.as_deref())?;
        let config = world.config();
        report.database(&seed(config.demo_database()).await?)?;
        let host = context.open(config).await?;
        for plugin in fact_bundle::BUILTINS {
            let grants = world.grants(plugin.name);
            report.installed(install(context, &host, plugin.name, plugin.bytes, &grants).await?)?;
        }
        for case in rows::WORK.iter().chain(rows::REFUSED) {
            report.row(run(&host, &world, case).await)?;
        }
        let data = host.config().data_dir.clone();
        for row in kept::run(&host, &data, context.compiler().as_deref()).await? {
            report.row(row)?;
        }
        report.installed(install(context, &host, "hostile", fact_bundle::hostile(), &[]).await?)?;
        for case in rows::HOSTILE {
            report.row(run(&host, &world, case).await)?;
        }
        for row in crowd::run(&host).await {
            report.row(row)?;
        }
        report.row(world.untouched())?;
        // Nothing may still work in a folder that is about to go.
        host.stop(std::time::Duration::from_millis(200)).await;
        report.end()
    }
}

async fn seed(path: PathBuf) -> Result<demo::Checked, Failure> {
    let seeded = tokio::task::spawn_blocking(move || {
        demo::seed(&path)?;
        demo::check(&path)
    });
    match seeded.await {
        Ok(Ok(checked)) => Ok(checked),
        Ok(Err(error)) => Err(Failure::new(
            Code::Unavailable,
            format!("{}.", capital(&error.to_string())),
        )),
        Err(error) => Err(Failure::internal("seeding failed", &error)),
    }
}

async fn install(
    context: &Context,
    host: &Arc<Host>,
    name: &str,
    bytes: &[u8],
    grants: &[String],
) -> Result<Installed, Failure> {
    let _spinner = Spinner::start(context.screen(), format!("compiling {name}"));
    let grants = grants
        .iter()
        .map(|text| text.parse())
        .collect::<Result<Vec<Capability>, _>>();
    let grants = grants.map_err(|error| {
        Failure::new(
            Code::InvalidInput,
            format!("A folder can't be granted under its name: {error}."),
        )
        .hint("Choose another folder for --keep.")
    })?;
    let source = Source::Bytes {
        label: format!("builtin:{name}"),
        bytes: bytes.to_vec(),
    };
    let options = InstallOptions {
        name: None,
        grants: grants
            .into_iter()
            .map(|capability| (capability, Terms::default()))
            .collect(),
        by: "demo".to_owned(),
    };
    let started = Instant::now();
    let plugin = host.registry().install(source, options).await?;
    Ok(Installed {
        name: plugin.row.name.to_string(),
        version: plugin.manifest.version.clone(),
        bytes: bytes.len(),
        milliseconds: started.elapsed().as_secs_f64() * 1e3,
        tools: plugin.tools.len(),
        grants: plugin
            .grants
            .iter()
            .map(|grant| grant.capability.clone())
            .collect(),
    })
}

/// Makes one call and judges it.
async fn run(host: &Host, world: &World, case: &Case) -> Row {
    let arguments = (case.arguments)(world);
    let limits = match (case.group, case.tool.parse::<ToolId>()) {
        (Group::Hostile, Ok(id)) => host
            .registry()
            .tool(&id)
            .ok()
            .map(|(_, tool)| tight(&tool.limits)),
        _ => None,
    };
    let call = case.tool.parse().map(|id| ToolCall {
        limits,
        // What is shown is what happens, and not what happened.
        freshness: Freshness::Run,
        ..ToolCall::new(id, arguments.as_object().cloned().unwrap_or_default())
    });
    let answer = match call {
        Ok(call) => host.call(call).await,
        // The host says what is wrong with such a name.
        Err(_) => host.call_json(case.tool, json!({})).await,
    };
    let (expected, got, mut good) = match (&case.expect, answer.json()) {
        (Expect::Value(pointer, wanted), Ok(document)) => {
            let (wanted, got) = (
                wanted(world),
                document.pointer(pointer).cloned().unwrap_or_default(),
            );
            let good = wanted == got;
            (report::word(&wanted), report::word(&got), good)
        }
        (Expect::Value(_, wanted), Err(error)) => {
            (report::word(&wanted(world)), error.code.to_string(), false)
        }
        (Expect::Code(codes), Ok(document)) => (rows::any(codes), report::word(&document), false),
        (Expect::Code(codes), Err(error)) => (
            rows::any(codes),
            error.code.to_string(),
            codes.contains(&error.code),
        ),
    };
    let mut remark = answer.output().err().map(|error| error.message);
    if world.is_leaked(&answer) {
        good = false;
        remark = Some("a text of a file that was not granted came out".to_owned());
    }
    Row {
        group: case.group,
        title: case.title.to_owned(),
        call: case.tool.to_owned(),
        expected,
        got,
        remark,
        milliseconds: answer.receipt.total.as_secs_f64() * 1e3,
        good,
        receipt: Some(answer.receipt),
    }
}
