//! `fact tool stats`.

use clap::Args;
use fact_core::ToolUsage;
use fact_types::ToolId;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::counted;
use crate::times::time;

const EXAMPLES: &str = "\
Examples:
  fact tool stats
  fact tool stats sql_query
  fact tool stats --json

Calls of all processes that share the data folder count, refused ones too. A server's reach the count within a second. The
times are those from a call's arrival to its answer; percentiles are at most 7 % off.";

/// Of which tool to tell.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Stats {
    /// The tool's full name, for example sql_query; all tools that were called when it is left out.
    tool: Option<ToolId>,
}

impl Stats {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        if let Some(tool) = &self.tool {
            // A wrong name is to be told from a tool that was never called.
            host.registry().tool(tool)?;
        }
        let reader = std::sync::Arc::clone(&host);
        let only = self.tool.clone();
        let usage = tokio::task::spawn_blocking(move || reader.usage(only.as_ref()))
            .await
            .map_err(|error| Failure::internal("reading how tools are used failed", &error))??;
        if screen.json_wanted() {
            return screen.json(&match &self.tool {
                Some(tool) => json!({ "tool": tool, "usage": usage.first() }),
                None => json!({ "tools": usage }),
            });
        }
        match (&self.tool, usage.as_slice()) {
            (Some(tool), []) => screen.line(format!("No data: {tool} has not been called.")),
            (None, []) => screen.line("No data: no tool has been called."),
            (Some(_), [one, ..]) => screen.line(in_words(one)),
            (None, all) => screen.table(
                [
                    "TOOL",
                    "CALLS",
                    "GOOD",
                    "FAILED",
                    "MEAN",
                    "P95",
                    "MAX",
                    "LAST CALL",
                ],
                all.iter().map(row),
            ),
        }
    }
}

fn row(usage: &ToolUsage) -> [String; 8] {
    [
        usage.tool.to_string(),
        usage.calls.to_string(),
        share(usage),
        usage.calls.saturating_sub(usage.successes).to_string(),
        time(usage.mean),
        time(usage.p95),
        time(usage.max),
        usage.last.to_string(),
    ]
}

fn in_words(usage: &ToolUsage) -> String {
    let calls = counted(usize::try_from(usage.calls).unwrap_or(usize::MAX), "call");
    let mut text = format!(
        "{}\n\nCalls\n  {calls} since {}, the last at {}\n  {} were good: {}\n",
        usage.tool,
        usage.first,
        usage.last,
        usage.successes,
        share(usage)
    );
    for (code, calls) in &usage.failures {
        text.push_str(&format!(
            "  {calls} failed with {}\n",
            crate::screen::one_line(code)
        ));
    }
    text.push_str(&format!(
        "\nTime of a call\n  {} on average, {} for half of them at most, {} for 95 of 100, {} at most\n",
        time(usage.mean),
        time(usage.p50),
        time(usage.p95),
        time(usage.max)
    ));
    text
}

/// How many of the calls were good.
fn share(usage: &ToolUsage) -> String {
    let per_mille = usage.successes.saturating_mul(1000) / usage.calls.max(1);
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}
