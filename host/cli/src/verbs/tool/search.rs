//! `fact tool search`.

use clap::Args;
use fact_core::{Found, Scope};
use fact_types::{Code, PluginName};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  fact tool search fingerprint of a text
  fact tool search 'how many rows has a table' --plugin sql
  fact tool search download --read-only --limit 3

Names, titles, descriptions and parameters are searched, in all forms of the words, by other words for the same, and with
slips of the pen forgiven. A tool's full name finds it first.";

/// What to look for.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Search {
    /// What the tool is to do.
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
    /// Only tools of this plugin.
    #[arg(long)]
    plugin: Option<PluginName>,
    /// Only tools that say of themselves that they change nothing.
    #[arg(long)]
    read_only: bool,
    /// Disabled tools, too.
    #[arg(long)]
    disabled: bool,
    /// Most tools to show.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,
}

impl Search {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        if let Some(plugin) = &self.plugin {
            // A wrong name is to be told from a plugin without such a tool.
            host.registry().plugin(plugin)?;
        }
        let scope = Scope {
            plugin: self.plugin,
            read_only: self.read_only,
            disabled: self.disabled,
        };
        let (question, limit) = (self.words.join(" "), usize::from(self.limit));
        let registry = std::sync::Arc::clone(host.registry());
        let found = tokio::task::spawn_blocking(move || registry.search(&question, &scope, limit))
            .await
            .map_err(|error| Failure::internal("a search failed", &error))??;
        if screen.json_wanted() {
            let tools: Vec<Value> = found.iter().map(document).collect();
            return screen.json(&json!({ "tools": tools }));
        }
        if found.is_empty() {
            return Err(Failure::new(Code::NotFound, "No tool fits that.")
                .hint("`fact tool list` shows all tools; fewer or other words may find more."));
        }
        let rows = found.iter().map(|found| {
            let state = if is_enabled(found) { "" } else { " (disabled)" };
            [
                format!("{}{state}", found.tool.id),
                super::summary(&found.tool.spec),
            ]
        });
        screen.table(["TOOL", "WHAT IT DOES"], rows)
    }
}

fn is_enabled(found: &Found) -> bool {
    found.plugin.row.enabled && found.tool.enabled
}

fn document(found: &Found) -> Value {
    let spec = &found.tool.spec;
    json!({
        "tool": found.tool.id,
        "score": (found.score * 1000.0).round() / 1000.0,
        "enabled": is_enabled(found),
        "title": spec.title,
        "description": spec.description,
        "annotations": spec.annotations,
        "input_schema": spec.input_schema,
    })
}
