//! `fact cache list`.

use clap::Args;
use fact_types::ToolId;
use serde_json::json;

use super::{bytes, document, failed, levels, of_tool, select};
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{clip, counted};
use crate::times::{ago, left};

const EXAMPLES: &str = "\
Examples:
  fact cache list
  fact cache list --tool sql_query --limit 5
  fact cache list --json

Being listed is no use of an entry, and does not say that it is still true: `fact cache explain KEY` does.";

/// Which entries.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {
    /// Only results of this tool.
    #[arg(long, value_name = "TOOL")]
    tool: Option<ToolId>,
    /// No more than so many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let found = host
            .cache()
            .list(&select(self.tool.as_ref()), usize::MAX)
            .await
            .map_err(|e| failed(&e))?;
        let mut entries = found.entries;
        entries.retain(|listed| of_tool(listed, self.tool.as_ref()));
        let total = entries.len();
        entries.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        if screen.json_wanted() {
            return screen.json(&json!({
                "entries": entries.iter().map(document).collect::<Vec<_>>(),
                "total": total,
                "unreadable": found.unreadable,
            }));
        }
        if found.unreadable > 0 {
            screen.note(format!(
                "{} on disk can't be opened; `fact cache repair` removes them.",
                counted(usize::try_from(found.unreadable).unwrap_or(usize::MAX), "entry")
                    .replace("entrys", "entries")
            ));
        }
        if entries.is_empty() {
            screen.note("Nothing is kept.");
            return Ok(());
        }
        if total > entries.len() {
            screen.note(format!("The newest {} of {total}.", entries.len()));
        }
        screen.table(
            ["KEY", "RESULT OF", "KEPT", "ENDS", "SIZE", "USED", "WHERE"],
            entries.iter().map(|listed| {
                [
                    listed.key.short(),
                    clip(&listed.label, 60),
                    ago(listed.created),
                    listed
                        .expires
                        .map_or_else(|| "when it changes".to_owned(), |end| format!("in {}", left(end))),
                    bytes(listed.bytes as u64),
                    listed.uses.to_string(),
                    levels(&listed.levels),
                ]
            }),
        )
    }
}
