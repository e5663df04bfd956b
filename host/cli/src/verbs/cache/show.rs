//! `fact cache show`.

use clap::Args;
use fact_types::{Content, ToolOutput};
use serde_json::json;

use super::{bytes, digits, document, failed, key, levels, nothing};
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{clean, one_line};
use crate::times::{ago, left, time};

const EXAMPLES: &str = "\
Examples:
  fact cache show 3fa94c01
  fact cache show 3fa94c01 --json

What is shown is what was answered then; `fact cache explain KEY` says whether it is still true.";

/// Which entry.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Show {
    /// The first digits of its key.
    #[arg(value_parser = digits)]
    key: String,
}

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let key = key(&host, &self.key).await?;
        let found = host.cache().show(&key).await.map_err(|e| failed(&e))?;
        let (listed, found) = found.ok_or_else(|| nothing(&self.key))?;
        let kept = &found.payload;
        let reads: Vec<String> = kept.trace.describe().collect();
        if screen.json_wanted() {
            let mut entry = document(&listed);
            if let Some(map) = entry.as_object_mut() {
                map.insert("read".to_owned(), json!(reads));
                map.insert(
                    "unproven".to_owned(),
                    json!(kept.fleeting.as_ref().map(ToString::to_string)),
                );
                match &kept.result {
                    Ok(output) => map.insert("output".to_owned(), json!(output)),
                    Err(error) => map.insert("error".to_owned(), json!(error)),
                };
            }
            return screen.json(&entry);
        }
        let mut text = format!(
            "{}\n\nkey       {}\nkept      {} ({}), on {}\nends      {}\nsize      {}\nused      {} times\nsaves     {}\nfor       {}\n",
            clean(&listed.label),
            listed.key,
            ago(listed.created),
            listed.created,
            levels(&listed.levels),
            listed.expires.map_or_else(
                || "when what it was read from changes".to_owned(),
                |end| format!("in {}, or when what it was read from changes", left(end))
            ),
            bytes(listed.bytes as u64),
            listed.uses,
            time(listed.cost),
            one_line(listed.principal.as_str()),
        );
        if let Some(component) = listed.component {
            text.push_str(&format!("component sha256:{component}\n"));
        }
        text.push_str("\nRead from\n");
        if reads.is_empty() {
            text.push_str("  nothing: it follows from its arguments alone\n");
        }
        for read in &reads {
            text.push_str(&format!("  {}\n", one_line(read)));
        }
        if let Some(fleeting) = &kept.fleeting {
            text.push_str(&format!("  and {}\n", one_line(&fleeting.to_string())));
        }
        text.push_str("\nAnswered\n");
        text.push_str(&match &kept.result {
            Ok(output) => indent(&answered(output)),
            Err(error) => indent(&format!("error {}: {}", error.code, error.message)),
        });
        screen.line(text)
    }
}

/// What was answered, for a reader.
fn answered(output: &ToolOutput) -> String {
    if let Some(document) = &output.structured {
        return format!("{document:#}");
    }
    let parts: Vec<String> = output
        .content
        .iter()
        .map(|part| match part {
            Content::Text { text } => text.clone(),
            other => json!(other).to_string(),
        })
        .collect();
    parts.join("\n")
}

fn indent(text: &str) -> String {
    clean(text).lines().map(|line| format!("  {line}\n")).collect()
}
