//! `fact plugin audit`.

use clap::Args;
use fact_core::policy::{Finding, Severity};
use fact_types::PluginName;
use jiff::Timestamp;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::one_line;

const ABOUT: &str = "\
Examples:
  fact plugin audit
  fact plugin audit sql --unused-days 7
  fact plugin audit --strict        exit code 1 when anything is worth narrowing

What is looked for: grants that no call uses, that stand for everything of their kind, that are of high risk, that the
plugin never asked for, that hold no more; rules for plugins that are not known by their bytes; buckets that one plugin
writes and another reads; and plugins that can read secrets, files, variables, stored values or databases and send to hosts
that nobody named, by themselves or by tools that they may call.";

/// Look for grants that are unused, broad, risky, or dangerous together.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(crate) struct Audit {
    /// Only this plugin.
    plugin: Option<PluginName>,
    /// A grant that was not used for so many days is unused.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    unused_days: u32,
    /// Fail when something of severity medium or high is found.
    #[arg(long)]
    strict: bool,
}

impl Audit {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        if let Some(name) = &self.plugin {
            host.registry().plugin(name)?;
        }
        let mut found = host.audit(self.unused_days, Timestamp::now())?;
        found.retain(|finding| self.plugin.as_ref().is_none_or(|name| finding.plugin == *name));
        let worst = found.iter().map(|finding| finding.severity).max();
        if screen.json_wanted() {
            screen.json(&json!({ "findings": found, "worst": worst }))?;
        } else if found.is_empty() {
            screen.line("Nothing was found.")?;
        } else {
            screen.line(found.iter().map(told).collect::<String>())?;
        }
        match self.strict && worst >= Some(Severity::Medium) {
            true => Err(Failure::Told(1)),
            false => Ok(()),
        }
    }
}

fn told(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::High => "HIGH",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Info => "info",
    };
    let mut text = format!(
        "{severity:<6}  {}: {}\n",
        finding.plugin,
        one_line(&finding.message)
    );
    if let Some(advice) = &finding.advice {
        text.push_str(&format!("        {}\n", one_line(advice)));
    }
    text
}
