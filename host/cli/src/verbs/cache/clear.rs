//! `fact cache clear`.

use clap::Args;
use fact_types::ToolId;
use serde_json::json;

use super::failed;
use crate::context::Context;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  fact cache clear
  fact cache clear --tool sql_query

Nothing has to be cleared for an answer to be true: whether it is, is asked each time. What is removed is made again when it is
asked; without --tool, how often calls were asked is forgotten too.";

/// What to remove.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Clear {
    /// Only results of this tool.
    #[arg(long, value_name = "TOOL")]
    tool: Option<ToolId>,
}

impl Clear {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let removed = match &self.tool {
            Some(tool) => host.forget_results(tool).await?,
            None => {
                let held = host.cache().disk_use().await.map_err(|e| failed(&e))?;
                host.cache().clear().await.map_err(|e| failed(&e))?;
                held.map_or(0, |held| held.entries)
            }
        };
        if screen.json_wanted() {
            return screen.json(&json!({ "removed": removed }));
        }
        screen.line(match removed {
            0 => "Nothing was kept.".to_owned(),
            1 => "1 entry is removed.".to_owned(),
            many => format!("{many} entries are removed."),
        })
    }
}
