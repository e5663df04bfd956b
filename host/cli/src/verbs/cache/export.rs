//! `fact cache export`.

use clap::Args;
use fact_types::ToolId;
use serde_json::json;

use super::{document, failed, of_tool, select};
use crate::context::Context;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  fact cache export > kept.jsonl
  fact cache export --tool sql_query

What is printed is not sealed any more: it is as secret as what the tools answered. There is no way to put it back, since only
what came out of a call belongs into the cache.";

/// Which entries.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    /// Only results of this tool.
    #[arg(long, value_name = "TOOL")]
    tool: Option<ToolId>,
}

impl Export {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let mut told = Ok(());
        host.cache()
            .export(&select(self.tool.as_ref()), |listed, kept| {
                if told.is_err() || !of_tool(&listed, self.tool.as_ref()) {
                    return;
                }
                let mut entry = document(&listed);
                if let Some(map) = entry.as_object_mut() {
                    map.insert(
                        "read".to_owned(),
                        json!(kept.trace.describe().collect::<Vec<_>>()),
                    );
                    map.insert("effects".to_owned(), json!(kept.effects));
                    match &kept.result {
                        Ok(output) => map.insert("output".to_owned(), json!(output)),
                        Err(error) => map.insert("error".to_owned(), json!(error)),
                    };
                }
                told = screen.json_line(&entry);
            })
            .await
            .map_err(|e| failed(&e))?;
        told
    }
}
