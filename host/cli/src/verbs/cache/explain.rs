//! `fact cache explain`.

use clap::Args;
use fact_core::{EntryState, Explained};
use fact_types::{Code, Error, NameError, ToolCall, ToolId};

use super::super::call;
use super::{digits, key, levels, nothing};
use crate::context::Context;
use crate::failure::{Failure, capital};
use crate::input::Pair;
use crate::screen::{clean, one_line};
use crate::times::{ago, left};

const EXAMPLES: &str = "\
Examples:
  fact cache explain sql_query statement='SELECT COUNT(*) FROM companies'
  fact cache explain sql_query --json-arguments '{\"statement\": \"SELECT 1\"}'
  fact cache explain 3fa94c01

No call is made: each thing that the result was read from is asked again. Exit code 0 when that could be told, whatever it is.";

/// Of what.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// A tool's full name, or the first digits of an entry's key.
    #[arg(value_name = "TOOL|KEY")]
    what: String,
    /// The tool's arguments, each with its name.
    #[arg(value_name = "KEY=VALUE|KEY:=JSON")]
    pairs: Vec<Pair>,
    /// All arguments as a JSON object; from a file; or `-` for standard input.
    #[arg(long, value_name = "JSON|@FILE|-")]
    json_arguments: Option<String>,
}

impl Explain {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        // No key has a `_`, and every tool's name has one.
        let told = match digits(&self.what) {
            Ok(first) if self.pairs.is_empty() && self.json_arguments.is_none() => {
                let key = key(&host, &first).await?;
                host.explain_entry(&key).await?.ok_or_else(|| nothing(&first))?
            }
            _ => {
                let tool: ToolId = self.what.parse().map_err(|error: NameError| {
                    Error::new(
                        Code::NotFound,
                        format!("{error}. `fact tool list` shows those there are."),
                    )
                })?;
                let arguments = call::arguments(&host, &tool, self.json_arguments.as_deref(), &self.pairs)?;
                host.explain_call(&ToolCall::new(tool, arguments)).await?
            }
        };
        if screen.json_wanted() {
            return screen.json(&told);
        }
        screen.line(in_words(&told))
    }
}

fn in_words(told: &Explained) -> String {
    let mut text = format!("{}\n", clean(&told.label));
    if let Some(entry) = &told.entry {
        text.push_str(&entry_in_words(told, entry));
    }
    text.push('\n');
    text.push_str(match (&told.entry, told.holds) {
        (Some(_), true) => "A call would be answered with it, and no tool would run.\n",
        (Some(_), false) => "A call would not be answered with it:\n",
        (None, _) => "Nothing is kept that would answer a call:\n",
    });
    for why in &told.why {
        text.push_str(&format!("  {}\n", one_line(why)));
    }
    text
}

fn entry_in_words(told: &Explained, entry: &EntryState) -> String {
    let key = told.key.map(|key| key.short()).unwrap_or_default();
    let what = if entry.failure {
        "a failure is"
    } else {
        "an answer is"
    };
    let mut text = format!(
        "{what} kept from {}, on {}, under {key}\n\n",
        ago(entry.created),
        levels(&entry.levels)
    );
    for read in &entry.rests_on {
        text.push_str(&match &read.changed {
            None => format!("  holds    {}\n", one_line(&read.what)),
            Some(why) => format!("  changed  {}: {}\n", one_line(&read.what), one_line(why)),
        });
    }
    if entry.pure {
        text.push_str("  it was read from nothing: it follows from its arguments alone\n");
    }
    if let Some(unproven) = &entry.unproven {
        text.push_str(&format!("  unproven {}\n", one_line(unproven)));
    }
    if let Some(end) = entry.expires {
        text.push_str(&format!("  ends     in {}, as the tool declares\n", left(end)));
    }
    capital(&text)
}
