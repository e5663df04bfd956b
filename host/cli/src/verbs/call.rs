//! `fact call`.

use clap::Args;
use fact_core::{Answer, Host};
use fact_types::{Access, CacheNote, CacheState, Code, Error, Freshness, Receipt, Span, ToolCall, ToolId};
use serde_json::{Map, Value};

use super::batch::Batch;
use crate::context::Context;
use crate::failure::Failure;
use crate::input::{self, Pair};
use crate::screen::{clean, one_line};
use crate::times::{ago, left};

const EXAMPLES: &str = "\
Examples:
  fact call sql_query statement='SELECT COUNT(*) FROM companies'
  fact call sql_query --json '{\"statement\": \"SELECT :n\", \"parameters\": {\"n\": 1}}'
  fact call util_hash text=abc algorithm=sha512 --receipt
  fact call util_json_patch --json @patch.json
  fact call sql_query --fresh statement='SELECT COUNT(*) FROM companies'
  echo '{\"tool\": \"util_hash\", \"arguments\": {\"text\": \"abc\"}}' | fact call --batch -

key=value is read as the tool's schema says: numbers, true, false and JSON where they are wanted, text elsewhere.
key:=value is always JSON. Both are laid over what --json gives.

An answer that was kept and is still true is used again, which standard error says; --fresh runs the tool in any case.

Standard output gets the tool's structured answer as JSON where it has one, or else its text. With --output json it is
{\"output\": ..., \"receipt\": ...}; --json is not short for that here, as it holds the arguments.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Call {
    /// The tool's full name, for example sql_query.
    #[arg(required_unless_present = "batch")]
    tool: Option<ToolId>,
    /// Arguments, each with its name.
    #[arg(value_name = "KEY=VALUE|KEY:=JSON")]
    pairs: Vec<Pair>,
    /// All arguments as a JSON object; from a file; or `-` for standard input.
    #[arg(long, value_name = "JSON|@FILE|-")]
    json: Option<String>,
    /// Give up sooner than the tool's limit, for example 2s or 500ms.
    #[arg(long, value_name = "TIME", conflicts_with = "batch")]
    deadline: Option<Span>,
    /// Say on standard error what the call did and cost.
    #[arg(long, conflicts_with = "batch")]
    receipt: bool,
    /// Run the tool, even if an answer is kept that is still true.
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    batch: Batch,
}

impl Call {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let freshness = match self.fresh {
            true => Freshness::Run,
            false => Freshness::default(),
        };
        let Some(tool) = self.tool else {
            return self.batch.run(context, freshness).await;
        };
        let host = context.host().await?;
        let arguments = arguments(&host, &tool, self.json.as_deref(), &self.pairs)?;
        let mut call = ToolCall {
            freshness,
            ..ToolCall::new(tool.clone(), arguments)
        };
        if let Some(deadline) = self.deadline {
            let (_, tool) = host.registry().tool(&tool)?;
            let mut limits = tool.limits.clone();
            limits.deadline = deadline.min(limits.deadline);
            call.limits = Some(limits);
        }
        let answer = host.call(call).await;
        if self.receipt && !context.screen().json_wanted() {
            context.screen().note(receipt(&answer.receipt));
        } else if let Some(kept) = kept(&answer.receipt.cache) {
            context.screen().note(kept);
        }
        if let Err(error) = answer.output() {
            return Err(explain(&tool, error, answer.receipt));
        }
        print(context, &answer)
    }
}

/// What is told of an answer that was kept.
fn kept(note: &CacheNote) -> Option<String> {
    let created = note.created.filter(|_| note.is_hit())?;
    let unproven = match (&note.why, note.expires) {
        (Some(why), Some(end)) => format!(
            "; {}, and the tool lets it be used for {} more",
            one_line(why),
            left(end)
        ),
        _ => String::new(),
    };
    Some(format!("(kept from {}, still true{unproven})", ago(created)))
}

/// What the cache had to do with a call, in a line of its receipt.
fn cached(note: &CacheNote) -> Option<String> {
    let why = note.why.as_deref().map(one_line);
    Some(match note.state {
        CacheState::Off => return None,
        CacheState::Memory => format!("hit in memory {}", kept(note).unwrap_or_default()),
        CacheState::Disk => format!("hit on disk {}", kept(note).unwrap_or_default()),
        CacheState::Miss => match why {
            Some(why) => format!("miss, and not proven by what it read: {why}"),
            None => "miss".to_owned(),
        },
        CacheState::Stale => format!("what was kept is no longer true: {}", why.unwrap_or_default()),
    })
}

/// The arguments as they were typed, by the tool's schema.
pub(super) fn arguments(
    host: &Host,
    tool: &ToolId,
    json: Option<&str>,
    pairs: &[Pair],
) -> Result<Map<String, Value>, Failure> {
    let (_, tool) = host.registry().tool(tool)?;
    let mut arguments = json.map(input::document).transpose()?.unwrap_or_default();
    input::lay_over(&mut arguments, pairs, &tool.spec.input_schema)?;
    Ok(arguments)
}

/// Prints the answer of a call that is done.
pub(super) fn print(context: &Context, answer: &Answer) -> Result<(), Failure> {
    let screen = context.screen();
    if screen.json_wanted() {
        return screen.json(answer);
    }
    match answer.output()?.structured.as_ref() {
        Some(document) => screen.json(document),
        None => screen.foreign(&answer.text()?),
    }
}

/// A call's failure, with what to do about it.
pub(super) fn explain(tool: &ToolId, error: Error, receipt: Receipt) -> Failure {
    let plugin = &tool.plugin;
    let limit = |name: &str| {
        Some(format!(
            "The limit is `plugins.{plugin}.limits.{name}` in the configuration; `fact tool show {tool}` shows it."
        ))
    };
    let hint = match error.code {
        Code::InvalidInput => Some(format!("`fact tool show {tool}` shows what it takes.")),
        // A tool that is disabled was not run at all, and no grant helps.
        Code::Denied if !receipt.run.is_zero() => Some(format!(
            "`fact plugin show {plugin}` shows what it may do; `fact plugin grant {plugin} CAPABILITY` allows more."
        )),
        Code::Deadline => limit("deadline"),
        Code::Memory => limit("memory"),
        Code::OutputLimit => limit("output"),
        Code::LogLimit => limit("log"),
        Code::CallLimit => limit("host_calls"),
        Code::Fuel => limit("fuel"),
        Code::EffectViolation => Some(format!(
            "A bug of the plugin `{plugin}`: it declares the tool `{tool}` as one that only reads."
        )),
        Code::Crashed => Some(format!(
            "A bug of the plugin `{plugin}`; `--log-level info` shows where it crashed."
        )),
        _ => None,
    };
    let failure = Failure::from(error).with_receipt(receipt);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A receipt for a reader.
fn receipt(receipt: &Receipt) -> String {
    let mut text = format!(
        "call      {}\ntool      {}\n",
        receipt.call_id,
        one_line(&receipt.tool)
    );
    if let Some(component) = receipt.component {
        text.push_str(&format!("component sha256:{component}\n"));
    }
    text.push_str(&format!(
        "took      {:.1} ms, {:.1} of them in the plugin\nmemory    {} KiB at most\nhost      {} calls",
        receipt.total.as_secs_f64() * 1e3,
        receipt.run.as_secs_f64() * 1e3,
        receipt.peak_memory.div_ceil(1024),
        receipt.host_calls,
    ));
    if let Some(cached) = cached(&receipt.cache) {
        text.push_str(&format!("\ncache     {cached}"));
    }
    if let Some(fuel) = receipt.fuel {
        text.push_str(&format!("\nfuel      {fuel}"));
    }
    for effect in receipt.effects.iter() {
        let word = match effect.access {
            Access::Read => "read",
            Access::Write => "wrote",
            Access::Denied => "denied",
        };
        text.push_str(&format!("\n{word:<10}{}", clean(&effect.resource.to_string())));
    }
    if let Some(over) = &receipt.over {
        text.push_str(&format!("\nover      {}", one_line(over)));
    }
    if receipt.effects.is_empty() {
        text.push_str("\neffects   none");
    }
    if !receipt.effects.is_complete() {
        text.push_str("\n          and more than is kept");
    }
    text
}
