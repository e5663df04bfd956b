//! `fact tool diff`.

use clap::Args;
use fact_core::{ToolChange, ToolDiff, ToolPart, ToolSide, ToolSideState, Verdict};
use fact_types::ToolId;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{clip, one_line};

const EXAMPLES: &str = "\
Examples:
  fact tool diff sql_query
  fact tool diff sql_query --json

The version that answers is compared with the one that waits for approval; where none waits, the version before with the one
that answers. What is compatible is proven; what breaks does so by the letter of the schemas; what can't be decided is
called unknown. In JSON, `verdict` is the worst of all: compatible, unknown or breaking.";

/// How much is shown of a text that changed.
const SHOWN: usize = 300;

/// Which tool to compare.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Diff {
    /// The tool's full name, for example sql_query.
    tool: ToolId,
}

impl Diff {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let diff = host.registry().tool_diff(&self.tool)?;
        if screen.json_wanted() {
            return screen.json(&json!({ "tool": self.tool, "diff": diff }));
        }
        match diff {
            Some(diff) => screen.line(in_words(&diff)),
            None => screen.line(format!(
                "There is nothing to compare: of {}, only the version that answers is kept.",
                self.tool.plugin
            )),
        }
    }
}

fn in_words(diff: &ToolDiff) -> String {
    let (from, to) = (side(&diff.from), side(&diff.to));
    let tool = &diff.tool;
    if diff.changes.is_empty() {
        return format!("{tool} is the same in both versions:\n  from  {from}\n  to    {to}\n");
    }
    let mut text = format!("{tool}\n  from  {from}\n  to    {to}\n");
    for (verdict, title) in [
        (Verdict::Breaking, "Breaks those who use it as before"),
        (Verdict::Unknown, "Can't be decided"),
        (Verdict::Compatible, "Breaks nobody"),
    ] {
        let mut changes = diff
            .changes
            .iter()
            .filter(|change| change.verdict == verdict)
            .peekable();
        if changes.peek().is_some() {
            text.push_str(&format!("\n{title}\n"));
        }
        for change in changes {
            text.push_str(&line(change));
        }
    }
    text
}

/// A change in a line, and its texts in one more each.
fn line(change: &ToolChange) -> String {
    let part = match change.part {
        ToolPart::Tool => "tool",
        ToolPart::Input => "input",
        ToolPart::Output => "output",
        ToolPart::Annotations => "claims",
        ToolPart::Lifetime => "lifetime",
        ToolPart::Title => "title",
        ToolPart::Description => "description",
    };
    let place = if change.path.is_empty() {
        String::new()
    } else {
        format!(" {}", one_line(&change.path))
    };
    let mut text = format!("  {part}{place}: {}\n", one_line(&change.what));
    for (sign, words) in [("-", &change.before), ("+", &change.after)] {
        if let Some(words) = words {
            text.push_str(&format!("    {sign} {}\n", clip(&one_line(words), SHOWN)));
        }
    }
    text
}

fn side(side: &ToolSide) -> String {
    let state = match side.state {
        ToolSideState::Previous => "answered before",
        ToolSideState::Live => "answers now",
        ToolSideState::Held => "waits for approval",
    };
    let number = if side.version.is_empty() {
        String::new()
    } else {
        format!("{}, ", clip(&one_line(&side.version), 40))
    };
    format!("{} ({number}{state})", side.digest.short())
}
