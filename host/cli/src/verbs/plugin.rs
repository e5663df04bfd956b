//! `fact plugin`.

mod install;

use clap::Subcommand;
use fact_types::{Capability, PluginName};
use serde_json::json;

use super::grants::{asked, grant_command, granted_json, missing, user, word};
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{clean, one_line};

const GRANT_EXAMPLES: &str = "\
Examples:
  fact plugin grant sql sql:read:finance/companies,financial_records
  fact plugin grant file fs:read:./reports --reason 'the monthly figures'
  fact plugin grant http 'http:GET:https://api.github.com/repos/*'

A capability is KIND:RIGHTS:RESOURCE. A folder is taken from where you are now. `+private` at the end of an http
capability allows addresses of private networks and of this machine.";

/// Plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// Install a plugin, and choose what it may do.
    Install(install::Install),
    /// List the installed plugins.
    List,
    /// Show a plugin: where it is from, its tools, and what it may do.
    Show {
        /// Its name.
        name: PluginName,
    },
    /// Remove a plugin with its grants.
    Remove {
        /// Its name.
        name: PluginName,
    },
    /// Allow a plugin something.
    #[command(after_help = GRANT_EXAMPLES)]
    Grant {
        /// The plugin.
        name: PluginName,
        /// What to allow, for example sql:read:finance
        capability: Capability,
        /// Why, for whoever reads the grants later.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Take a grant back. The plugin's next call does not have it any more.
    Revoke {
        /// The plugin.
        name: PluginName,
        /// What it may no longer do, as `fact plugin show` writes it.
        capability: Capability,
    },
}

impl Plugin {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Plugin::Install(install) => install.run(context).await,
            Plugin::List => list(context).await,
            Plugin::Show { name } => show(context, &name).await,
            Plugin::Remove { name } => remove(context, &name).await,
            Plugin::Grant {
                name,
                capability,
                reason,
            } => grant(context, &name, &capability, reason).await,
            Plugin::Revoke { name, capability } => revoke(context, &name, &capability).await,
        }
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let (host, screen) = (context.host().await?, context.screen());
    let plugins = host.registry().plugins()?;
    if screen.json_wanted() {
        let list: Vec<_> = plugins
            .iter()
            .map(|plugin| {
                json!({
                    "name": plugin.row.name,
                    "version": plugin.manifest.version,
                    "description": plugin.manifest.description,
                    "source": plugin.row.source,
                    "digest": plugin.row.digest,
                    "enabled": plugin.row.enabled,
                    "installed_at": plugin.row.installed_at,
                    "tools": plugin.tools.values().map(|tool| tool.id.to_string()).collect::<Vec<_>>(),
                    "grants": plugin.grants.iter().map(|grant| grant.capability.to_string()).collect::<Vec<_>>(),
                })
            })
            .collect();
        return screen.json(&json!({ "plugins": list }));
    }
    if plugins.is_empty() {
        screen.note("No plugin is installed. `fact plugin install builtin:sql` installs one; others are http, file, util.");
        return Ok(());
    }
    let rows = plugins.iter().map(|plugin| {
        let state = if plugin.row.enabled { "" } else { " (disabled)" };
        [
            format!("{}{state}", plugin.row.name),
            plugin.manifest.version.clone(),
            plugin.tools.len().to_string(),
            plugin.grants.len().to_string(),
            plugin.row.source.clone(),
        ]
    });
    screen.table(["NAME", "VERSION", "TOOLS", "GRANTS", "SOURCE"], rows)
}

async fn show(context: &Context, name: &PluginName) -> Result<(), Failure> {
    let (host, screen) = (context.host().await?, context.screen());
    let plugin = host.registry().plugin(name)?;
    let (row, manifest) = (&plugin.row, &plugin.manifest);
    if screen.json_wanted() {
        return screen.json(&json!({
            "name": row.name,
            "version": manifest.version,
            "description": manifest.description,
            "license": manifest.license,
            "source": row.source,
            "digest": row.digest,
            "enabled": row.enabled,
            "installed_at": row.installed_at,
            "tools": plugin.tools.values().map(|tool| tool.id.to_string()).collect::<Vec<_>>(),
            "grants": plugin.grants.iter().map(granted_json).collect::<Vec<_>>(),
            "asks_for": asked(&plugin).iter().map(|asked| asked.json(&row.name)).collect::<Vec<_>>(),
            "not_granted": missing(&plugin).iter().map(|asked| asked.json(&row.name)).collect::<Vec<_>>(),
        }));
    }
    let mut text = format!("{} {}\n", row.name, one_line(&manifest.version));
    let mut line = |label: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("  {label:<11}{value}\n"));
        }
    };
    line("about", one_line(&manifest.description));
    line("licence", one_line(&manifest.license));
    line("source", one_line(&row.source));
    line("digest", format!("sha256:{}", row.digest));
    line("installed", row.installed_at.clone());
    line("enabled", if row.enabled { "yes" } else { "no" }.to_owned());
    text.push_str("\nTools\n");
    let ids: Vec<String> = plugin.tools.values().map(|tool| tool.id.to_string()).collect();
    let width = ids.iter().map(String::len).max().unwrap_or_default();
    for (id, tool) in ids.iter().zip(plugin.tools.values()) {
        text.push_str(&format!("  {id:<width$}  {}\n", super::tool::summary(&tool.spec)));
    }
    text.push_str("\nIt may\n");
    if plugin.grants.is_empty() {
        text.push_str("  do nothing but compute: no capability is granted.\n");
    }
    for grant in &plugin.grants {
        let capability = &grant.capability;
        text.push_str(&format!(
            "  {} [{} risk]\n",
            clean(&capability.in_words()),
            word(capability.risk())
        ));
        text.push_str(&format!("    {}\n", clean(&capability.to_string())));
        let reason = grant
            .reason
            .as_deref()
            .map(|reason| format!(": {}", one_line(reason)))
            .unwrap_or_default();
        text.push_str(&format!(
            "    granted by {} at {}{reason}\n",
            one_line(&grant.granted_by),
            grant.granted_at
        ));
    }
    let missing = missing(&plugin);
    if !missing.is_empty() {
        text.push_str("\nIt asks for, and has not been granted as asked\n");
        for asked in missing {
            text.push_str(&format!("  {}\n", asked.line()));
            if let Some(command) = asked.command(&row.name) {
                let remark = if asked.decided {
                    "  # it has something narrower"
                } else {
                    ""
                };
                text.push_str(&format!("    {command}{remark}\n"));
            }
        }
    }
    screen.line(text)
}

async fn remove(context: &Context, name: &PluginName) -> Result<(), Failure> {
    let (host, screen) = (context.host().await?, context.screen());
    host.registry().remove(name)?;
    if screen.json_wanted() {
        return screen.json(&json!({ "removed": name }));
    }
    screen.line(format!("Removed {name} and its grants."))
}

async fn grant(
    context: &Context,
    name: &PluginName,
    capability: &Capability,
    reason: Option<String>,
) -> Result<(), Failure> {
    let (host, screen) = (context.host().await?, context.screen());
    let (new, granted) = host
        .registry()
        .grant(name, capability, &user(), reason.as_deref())?;
    if screen.json_wanted() {
        return screen.json(&json!({
            "plugin": name,
            "capability": granted,
            "allows": granted.in_words(),
            "risk": granted.risk(),
            "new": new,
        }));
    }
    screen.line(format!(
        "{name} may {}{}.",
        if new { "now " } else { "already " },
        clean(&granted.in_words())
    ))?;
    screen.note(format!("Take it back with: {}", revoke_command(name, &granted)));
    Ok(())
}

fn revoke_command(name: &PluginName, capability: &Capability) -> String {
    grant_command(name, capability).replacen(" grant ", " revoke ", 1)
}

async fn revoke(context: &Context, name: &PluginName, capability: &Capability) -> Result<(), Failure> {
    let (host, screen) = (context.host().await?, context.screen());
    if !host.registry().revoke(name, capability)? {
        let message = format!("{name} has no grant `{capability}`; nothing was changed.");
        return Err(Failure::new(fact_types::Code::NotFound, message).hint(format!(
            "`fact plugin show {name}` lists its grants as they must be written."
        )));
    }
    if screen.json_wanted() {
        return screen.json(&json!({ "plugin": name, "revoked": capability }));
    }
    screen.line(format!("{name} may no longer {}.", clean(&capability.in_words())))
}
