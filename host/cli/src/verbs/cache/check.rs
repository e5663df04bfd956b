//! `fact cache validate` and `fact cache repair`.

use clap::{Args, ValueEnum};
use fact_core::cache::{Depth, Issue, Severity, Status, Validation};
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{clip, one_line};

const EXAMPLES: &str = "\
Examples:
  fact cache validate
  fact cache validate --level comprehensive
  fact cache repair --level comprehensive --json

basic: each entry opens, lies where it belongs, and is what was stored. standard: and its time is not over. comprehensive: and
it is still true, which asks for everything again that it was read from. Nothing that is untrue is ever served, whether it is
removed or not. Exit code 1 when the cache is in a critical state.";

/// How closely to look.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Check {
    /// How closely to look.
    #[arg(long, value_enum, default_value = "standard")]
    level: Depths,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Depths {
    Basic,
    Standard,
    Comprehensive,
}

impl From<Depths> for Depth {
    fn from(depths: Depths) -> Depth {
        match depths {
            Depths::Basic => Depth::Basic,
            Depths::Standard => Depth::Standard,
            Depths::Comprehensive => Depth::Comprehensive,
        }
    }
}

impl Check {
    pub(super) async fn run(self, context: &Context, repair: bool) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let found = host.check_cache(self.level.into(), repair).await?;
        if screen.json_wanted() {
            screen.json(&json!(found))?;
        } else {
            screen.line(in_words(&found, repair))?;
        }
        if found.status == Status::Critical {
            return Err(Failure::Told(1));
        }
        Ok(())
    }
}

fn in_words(found: &Validation, repair: bool) -> String {
    let mut text = format!(
        "{}: {} looked at",
        match found.status {
            Status::Empty => "no data",
            Status::Healthy => "healthy",
            Status::Warning => "warning",
            Status::Critical => "critical",
        },
        found.checked
    );
    if repair {
        text.push_str(&format!(", {} removed", found.removed));
    }
    text.push('\n');
    for (issue, count) in &found.counts {
        text.push_str(&format!("  {count} {}\n", issue_in_words(*issue)));
    }
    // What is only noted is counted above; an entry each would be a long list of nothing to do.
    for finding in found.findings.iter().filter(|f| f.severity > Severity::Note) {
        let key = finding
            .key
            .map_or_else(|| "(which is not known)".to_owned(), |key| key.short());
        let label = clip(&one_line(finding.label.as_deref().unwrap_or_default()), 60);
        text.push_str(&format!("    {key} {label}: {}\n", issue_in_words(finding.issue)));
    }
    for advice in &found.advice {
        text.push_str(&format!("{}\n", one_line(advice)));
    }
    text
}

fn issue_in_words(issue: Issue) -> &'static str {
    match issue {
        Issue::Broken => "not what was stored",
        Issue::UnknownKey => "sealed with a key that is lost",
        Issue::Mismatch => "another entry than the one of its place",
        Issue::Undecodable => "no result",
        Issue::Future => "stored in the future",
        Issue::Expired => "over",
        Issue::Stale => "no longer true",
        Issue::Old => "older than a day, which is no fault",
        Issue::Unused => "not used in the first hour, which is no fault",
        Issue::Large => "larger than 1 MiB, which is no fault",
    }
}
