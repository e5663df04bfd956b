//! `fact policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use fact_core::policy::{Change, Explanation, Policy as Rules, Reason, Warning, parse_effect};
use fact_core::{Asked, Circumstances};
use fact_types::{Capability, Code, Grant, PluginName, Principal, Resource, ToolName};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::grants::terms_words;
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{clean, one_line};

const ABOUT: &str = "\
A policy file grants by rules, and the setting `policy` (or --policy, or FACT_POLICY) names the files that are in force:

  [[rule]]
  name = \"github for the issue plugin\"
  plugin = \"issue-*\"                             # the plugin's name, and
  source = \"https://example.com/plugins/*\"       # where it came from, and
  digest = \"sha256:...\"                          # its bytes: at least one; all that stand must fit
  allow = [\"http:GET:https://api.github.com/repos/*\"]
  tool = \"fetch\"                                 # the rest may be left out
  principal = \"local\"
  calls = 10
  until = 2030-12-01T18:00:00Z
  reason = \"the weekly report\"

Rules only ever add to what was granted by hand. `calls` counts the calls of each plugin that a rule selects: one count for \
the rule, whichever of its capabilities they use. It is kept under the rule's name; with another name it starts again.";

const CHECK: &str = "\
Examples:
  fact policy check team.toml
  fact policy check team.toml --dry-run     also what it would change for the installed plugins
  fact policy check team.toml --json";

const EXPLAIN: &str = "\
Examples:
  fact policy explain sql sql:read:finance
  fact policy explain http 'http:GET:https://api.github.com/repos/*' --tool request
  fact policy explain http --denied 'http GET http://169.254.169.254/latest/'
  fact --policy new.toml policy explain sql sql:write:finance

What decides is a grant, with its number, or a rule, with its name and file. Exit codes: 0 it may, 3 it may not.";

/// Policies.
#[derive(Debug, Subcommand)]
#[command(after_help = ABOUT)]
pub(crate) enum Policy {
    /// Say what is wrong with policy files, all of it, and what is unwise in them.
    Check(Check),
    /// Say whether a plugin may do something, and which grant or rule decides.
    Explain(Box<Explain>),
}

/// Say what is wrong with policy files.
#[derive(Debug, Args)]
#[command(after_help = CHECK)]
pub(crate) struct Check {
    /// The files. They are read together, as one policy.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Say as well what the installed plugins would gain and lose, if these files took the place of those in force.
    #[arg(long)]
    dry_run: bool,
}

/// Say whether a plugin may do something.
#[derive(Debug, Args)]
#[command(after_help = EXPLAIN)]
pub(crate) struct Explain {
    /// The plugin.
    plugin: PluginName,
    /// What it may do, for example sql:read:finance
    #[arg(required_unless_present = "denied", conflicts_with = "denied")]
    capability: Option<Capability>,
    /// Something that a receipt shows as denied: say why, in the receipt's words, for example 'http GET https://HOST/PATH'.
    #[arg(long, value_name = "EFFECT", value_parser = parse_effect)]
    denied: Option<Resource>,
    /// In calls of this tool, by its name inside the plugin. Without it: whichever tool is called.
    #[arg(long)]
    tool: Option<ToolName>,
    /// In calls by this principal [default: local]
    #[arg(long, value_name = "WHO")]
    principal: Option<Principal>,
    /// At this moment, for example 2030-01-31T18:00:00Z. Without it: now.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

impl Policy {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Policy::Check(check) => check.run(context).await,
            Policy::Explain(explain) => explain.run(context).await,
        }
    }
}

impl Check {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let screen = context.screen();
        let rules = Rules::load(&self.files)?;
        let warnings = rules.check(Timestamp::now());
        let changes = match self.dry_run {
            true => Some(context.host().await?.policy_changes(&rules)?),
            false => None,
        };
        if screen.json_wanted() {
            return screen.json(&json!({
                "ok": true,
                "rules": rules.rules(),
                "warnings": warnings,
                "notes": notes(&rules),
                "changes": changes.map(|changes| changes.iter().map(change_json).collect::<Vec<_>>()),
            }));
        }
        let mut text: String = warnings.iter().map(warned).collect();
        text.extend(
            notes(&rules)
                .iter()
                .map(|note| format!("note: {}\n", one_line(note))),
        );
        text.push_str(&format!(
            "{} and {}; nothing is wrong.\n",
            count(rules.rules().len(), "rule"),
            count(warnings.len(), "warning")
        ));
        if let Some(changes) = changes {
            if changes.is_empty() {
                text.push_str("For the installed plugins nothing would change.\n");
            }
            text.extend(changes.iter().map(changed));
        }
        screen.line(text)
    }
}

/// What is neither wrong nor unwise, and is good to know before a rule is changed.
fn notes(rules: &Rules) -> Vec<String> {
    let counted = rules
        .rules()
        .iter()
        .filter_map(|rule| Some((rule, rule.terms.calls?)));
    counted
        .map(|(rule, calls)| {
            format!(
                "{}:{}: rule `{}` is for {} of each plugin that it selects, all of its capabilities together; under another name \
                 the count starts again",
                rule.file,
                rule.line,
                rule.name,
                count(usize::try_from(calls).unwrap_or(usize::MAX), "call")
            )
        })
        .collect()
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn warned(warning: &Warning) -> String {
    format!("warning: {}\n", one_line(&warning.to_string()))
}

fn changed(change: &Change) -> String {
    let line = |how: &str, grant: &Grant| {
        format!(
            "{} {how} {}{} ({})\n",
            change.plugin,
            one_line(&grant.capability.in_words()),
            terms_words(&grant.terms),
            one_line(&grant.granted_by)
        )
    };
    let gains = change
        .gains
        .iter()
        .map(|grant| line("would be allowed to", grant));
    let loses = change
        .loses
        .iter()
        .map(|grant| line("would no longer by this be allowed to", grant));
    gains.chain(loses).collect()
}

fn change_json(change: &Change) -> Value {
    json!({ "plugin": change.plugin, "gains": change.gains, "loses": change.loses })
}

impl Explain {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let asked = match (self.capability, self.denied) {
            (Some(capability), _) => Asked::Capability(capability),
            (None, Some(resource)) => Asked::Denial(resource),
            (None, None) => {
                return Err(Failure::new(
                    Code::InvalidInput,
                    "Name a capability, or what was denied.",
                ));
            }
        };
        let circumstances = Circumstances {
            tool: self.tool,
            principal: self.principal.unwrap_or_else(Principal::local),
            now: self.at.unwrap_or_else(Timestamp::now),
        };
        let answer = host.explain(&self.plugin, &asked, &circumstances)?;
        if screen.json_wanted() {
            screen.json(&explanation_json(&answer))?;
        } else {
            screen.line(explained(&answer))?;
        }
        match answer.allowed {
            true => Ok(()),
            false => Err(Failure::Told(Code::Denied.category().exit_code())),
        }
    }
}

/// An explanation for a reader: the verdict with what decides, and what else has to do with it.
fn explained(answer: &Explanation) -> String {
    let verdict = if answer.allowed { "allowed" } else { "denied" };
    let mut lines = answer.because.iter().map(|reason| one_line(&reason.to_string()));
    let mut text = format!("{verdict}: {}", lines.next().unwrap_or_default());
    if let Some(advice) = &answer.advice {
        text.push_str(&format!("; {}", one_line(advice)));
    }
    for line in lines {
        text.push_str(&format!("\n  also: {line}"));
    }
    clean(&text)
}

fn explanation_json(answer: &Explanation) -> Value {
    let because: Vec<Value> = answer.because.iter().map(reason_json).collect();
    json!({ "allowed": answer.allowed, "because": because, "advice": answer.advice })
}

/// A reason with its sentence.
fn reason_json(reason: &Reason) -> Value {
    let mut value = serde_json::to_value(reason).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.insert("in_words".to_owned(), reason.to_string().into());
    }
    value
}
