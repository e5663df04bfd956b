//! `fact plugin grant` and `revoke`.

use clap::Args;
use fact_core::Added;
use fact_core::types::{Grant as Given, Origin, Principal, Terms, ToolName};
use fact_types::{Capability, Code, PluginName};
use jiff::Timestamp;
use serde_json::json;

use super::super::grants::{grant_command, terms_words, user};
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::clean;

const EXAMPLES: &str = "\
Examples:
  fact plugin grant sql sql:read:finance/companies,financial_records
  fact plugin grant file fs:read:./reports --reason 'the monthly figures'
  fact plugin grant http 'http:GET:https://api.github.com/repos/*' --tool request --calls 10 --until 18:00

A capability is KIND:RIGHTS:RESOURCE. A folder is taken from where you are now. `+private` at the end of an http
capability allows addresses of private networks and of this machine. Granting the same again with another count or end
replaces them, and counts from the start.";

/// Allow a plugin something.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Grant {
    /// The plugin.
    name: PluginName,
    /// What to allow, for example sql:read:finance
    capability: Capability,
    /// Only in calls of this tool, by its name inside the plugin: `query`.
    #[arg(long)]
    tool: Option<ToolName>,
    /// Only in calls by this principal: `local` is you at this command line, `plugin:NAME` a plugin.
    #[arg(long, value_name = "WHO")]
    principal: Option<Principal>,
    /// Only in so many calls that make use of it.
    #[arg(long, value_name = "N")]
    calls: Option<u32>,
    /// Only until then: a time of day (18:00, the next one to come), a moment (2030-01-31T18:00:00Z), or a span from now (2h).
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Timestamp>,
    /// Why, for whoever reads the grants later.
    #[arg(long)]
    reason: Option<String>,
    /// Say what would be allowed, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Take a grant back.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The plugin.
    name: PluginName,
    /// What it may no longer do, as `fact plugin show` writes it.
    capability: Capability,
    /// Only the grant for this tool.
    #[arg(long)]
    tool: Option<ToolName>,
    /// Only the grant for this principal.
    #[arg(long, value_name = "WHO")]
    principal: Option<Principal>,
}

impl Grant {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let terms = Terms {
            tool: self.tool,
            principal: self.principal,
            calls: self.calls,
            until: self.until,
        };
        let (name, registry) = (&self.name, host.registry());
        let (added, granted) = if self.dry_run {
            registry.would_grant(name, &self.capability, &terms)?
        } else {
            registry.grant(name, &self.capability, &terms, &user(), self.reason.as_deref())?
        };
        if screen.json_wanted() {
            return screen.json(&json!({
                "plugin": name,
                "capability": granted,
                "terms": terms,
                "allows": granted.in_words(),
                "risk": granted.risk(),
                "new": added == Added::New,
                "changed": added == Added::Changed,
                "dry_run": self.dry_run,
            }));
        }
        if added == Added::Same && is_over(&registry.grants(name)?, &granted, &terms) {
            let message = format!("{name} has this grant, and its calls are used up; nothing was changed.");
            let again = revoke_command(name, &granted, &terms);
            return Err(Failure::new(Code::Conflict, message)
                .hint(format!("Take it back, and grant it again: {again}")));
        }
        let how = match (self.dry_run, added) {
            (false, Added::New) => "may now",
            (false, Added::Same) => "may already",
            (false, Added::Changed) => "may, on these terms from now on,",
            (true, Added::New) => "would be allowed to",
            (true, Added::Same) => "may already",
            (true, Added::Changed) => "may already, on other terms, and would then be allowed to",
        };
        screen.line(format!(
            "{name} {how} {}{}.",
            clean(&granted.in_words()),
            terms_words(&terms)
        ))?;
        if !self.dry_run {
            screen.note(format!(
                "Take it back with: {}",
                revoke_command(name, &granted, &terms)
            ));
        }
        Ok(())
    }
}

/// Whether the grant on these terms holds for no call any more.
fn is_over(grants: &[Given], capability: &Capability, terms: &Terms) -> bool {
    let now = Timestamp::now();
    grants.iter().any(|grant| {
        matches!(grant.origin, Origin::Given(_))
            && grant.capability == *capability
            && grant.terms == *terms
            && grant.lapsed(now).is_some()
    })
}

/// Takes back this grant, and not the same for another tool or by another principal.
fn revoke_command(name: &PluginName, capability: &Capability, terms: &Terms) -> String {
    let mut command = grant_command(name, capability).replacen(" grant ", " revoke ", 1);
    if let Some(tool) = &terms.tool {
        command.push_str(&format!(" --tool {tool}"));
    }
    if let Some(principal) = &terms.principal {
        command.push_str(&format!(" --principal {principal}"));
    }
    command
}

impl Revoke {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let (name, capability) = (&self.name, &self.capability);
        let terms = Terms {
            tool: self.tool,
            principal: self.principal,
            ..Terms::default()
        };
        let gone = host.registry().revoke(name, capability, &terms)?;
        if gone == 0 {
            let rule = host.registry().grants(name)?.into_iter().find_map(|grant| {
                match (&grant.capability == capability, grant.origin) {
                    (true, Origin::Policy { rule }) => Some(rule),
                    _ => None,
                }
            });
            if let Some(rule) = rule {
                let message = format!(
                    "{name} has `{capability}` by the rule `{}` of a policy file; nothing was changed.",
                    clean(&rule)
                );
                return Err(Failure::new(Code::Conflict, message)
                    .hint("Change the rule: that is where it can be taken back."));
            }
            let message = format!(
                "{name} has no grant `{capability}`{}; nothing was changed.",
                terms_words(&terms)
            );
            return Err(Failure::new(Code::NotFound, message).hint(format!(
                "`fact plugin show {name}` lists its grants as they must be written."
            )));
        }
        let left: Vec<Given> = host
            .registry()
            .grants(name)?
            .into_iter()
            .filter(|grant| grant.capability.covers(capability))
            .collect();
        if screen.json_wanted() {
            return screen.json(&json!({ "plugin": name, "revoked": capability, "grants": gone, "still_covered": !left.is_empty() }));
        }
        screen.line(format!(
            "{name} may no longer {}{}.",
            clean(&capability.in_words()),
            terms_words(&terms)
        ))?;
        if !left.is_empty() {
            screen.note("Another grant still covers it; `fact plugin show` lists them.");
        }
        Ok(())
    }
}

/// A moment as people write it.
fn until(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let now = jiff::Zoned::now();
    if let Ok(span) = text.parse::<fact_types::Span>() {
        let span = jiff::SignedDuration::try_from(span.0).map_err(|error| error.to_string())?;
        return now
            .timestamp()
            .checked_add(span)
            .map_err(|error| error.to_string());
    }
    if let Ok(time) = text.parse::<jiff::civil::Time>() {
        let today = now
            .date()
            .to_datetime(time)
            .to_zoned(now.time_zone().clone())
            .map_err(|error| error.to_string())?;
        let next = if today > now {
            today
        } else {
            today.tomorrow().map_err(|error| error.to_string())?
        };
        return Ok(next.timestamp());
    }
    Err("write a time of day (18:00), a moment (2030-01-31T18:00:00Z) or a span from now (2h)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_people_write_them() {
        let now = Timestamp::now();
        let day = jiff::SignedDuration::from_hours(25);
        for text in ["18:00", "00:00", "23:59:59", "2h", "90s"] {
            let moment = until(text).unwrap();
            assert!(moment > now && moment <= now + day, "{text}: {moment}");
        }
        assert_eq!(
            until("2030-01-31T18:00:00Z").unwrap().to_string(),
            "2030-01-31T18:00:00Z"
        );
        for text in ["", "25:00", "soon", "-2h", "2030-01-31"] {
            assert!(until(text).is_err(), "{text}");
        }
    }
}
