//! `fact plugin install`: shows what a plugin asks for, in words, the riskiest first, and grants what the user says.

use clap::Args;
use fact_core::types::Terms;
use fact_core::{InstallOptions, Plugin};
use fact_types::{Capability, Digest, PluginName};
use serde_json::json;

use super::super::grants::{Asked, asked, granted_json, missing, user};
use super::source::source;
use crate::context::Context;
use crate::failure::Failure;
use crate::progress::Spinner;
use crate::screen::{clean, counted, one_line};

const EXAMPLES: &str = "\
Examples:
  fact plugin install builtin:sql --grant sql:read:finance
  fact plugin install builtin:file --grant fs:read:./reports
  fact plugin install ./target/wasm32-wasip2/release/adder.wasm
  fact plugin install https://example.com/adder.wasm --digest sha256:…

On a terminal you are asked about each capability that the plugin wants and you have not granted. Elsewhere it gets
what --grant names, and nothing else; the commands that grant the rest are printed.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Install {
    /// A component (.wasm), a folder with one in it, an https address, or builtin:sql, builtin:http, builtin:file,
    /// builtin:util, builtin:system.
    #[arg(value_name = "FILE|FOLDER|URL|builtin:NAME")]
    source: String,
    /// The name to install it under, instead of its own.
    #[arg(long)]
    name: Option<PluginName>,
    /// Something that it may do, for example sql:read:finance. May be given several times.
    #[arg(long = "grant", value_name = "CAPABILITY")]
    grants: Vec<Capability>,
    /// The digest that it must have; needed for an address.
    #[arg(long, value_name = "sha256:…")]
    digest: Option<Digest>,
    /// Say what it is and asks for, and install nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Install {
    pub(in crate::verbs) async fn run(self, context: &Context) -> Result<(), Failure> {
        let source = source(&self.source, self.digest)?;
        let (host, screen) = (context.host().await?, context.screen());
        if self.dry_run {
            let _spinner = Spinner::start(screen, format!("compiling {}", one_line(&self.source)));
            let (plugin, warnings) = host.registry().preview(source, self.name).await?;
            drop(_spinner);
            return preview(context, &plugin, &self.grants, &warnings);
        }
        let options = InstallOptions {
            name: self.name,
            grants: self
                .grants
                .into_iter()
                .map(|capability| (capability, Terms::default()))
                .collect(),
            by: user(),
        };
        let installed = {
            let _spinner = Spinner::install(screen, &host, &one_line(&self.source));
            host.registry().install_over(source, options).await?
        };
        warn(context, &installed.warnings);
        let name = installed.plugin.row.name.clone();
        if screen.interactive() {
            ask(context, &host, &name, open(&installed.plugin))?;
        }
        let plugin = host.registry().plugin(&name)?;
        if screen.json_wanted() {
            return screen.json(&json!({
                "plugin": name,
                "version": plugin.manifest.version,
                "digest": plugin.row.digest,
                "source": plugin.row.source,
                "new": installed.is_new(),
                "warnings": installed.warnings,
                "tools": plugin.tools.values().map(|tool| tool.id.to_string()).collect::<Vec<_>>(),
                "grants": plugin.grants.iter().map(granted_json).collect::<Vec<_>>(),
                "not_granted": missing(&plugin).iter().map(|asked| asked.json(&name)).collect::<Vec<_>>(),
            }));
        }
        screen.line(match &installed.before {
            None => told(&plugin),
            Some(before) => told_again(before, &plugin),
        })?;
        if !screen.interactive() {
            tell_rest(context, &name, &open(&plugin));
        }
        screen.note(format!("Its tools: fact tool list --plugin {name}"));
        Ok(())
    }
}

/// What was installed, for a reader.
fn told(plugin: &Plugin) -> String {
    let mut text = format!(
        "Installed {} {}: {}.\n",
        plugin.row.name,
        one_line(&plugin.manifest.version),
        counted(plugin.tools.len(), "tool")
    );
    for grant in &plugin.grants {
        text.push_str(&format!("  It may {}.\n", clean(&grant.capability.in_words())));
    }
    if plugin.grants.is_empty() {
        text.push_str("  It may do nothing but compute: no capability is granted.\n");
    }
    text
}

/// What became of a plugin that was there already, the same component under the same name.
fn told_again(before: &Plugin, plugin: &Plugin) -> String {
    let had: Vec<_> = before.grants.iter().map(|grant| &grant.origin).collect();
    let more: Vec<_> = plugin
        .grants
        .iter()
        .filter(|grant| !had.contains(&&grant.origin))
        .collect();
    let (name, version) = (&plugin.row.name, one_line(&plugin.manifest.version));
    if more.is_empty() {
        return format!(
            "{name} {version} is installed already, from this very component; nothing was changed.\n"
        );
    }
    let mut text = format!(
        "{name} {version} is installed already, from this very component; grants were added, and nothing else.\n"
    );
    for grant in more {
        text.push_str(&format!(
            "  It may now {}.\n",
            clean(&grant.capability.in_words())
        ));
    }
    text
}

/// Tells what is odd and does no harm.
pub(super) fn warn(context: &Context, warnings: &[String]) {
    for warning in warnings {
        context.screen().note(format!("warning: {}", one_line(warning)));
    }
}

/// Tells what would be installed.
fn preview(
    context: &Context,
    plugin: &Plugin,
    grants: &[Capability],
    warnings: &[String],
) -> Result<(), Failure> {
    warn(context, warnings);
    let (screen, name) = (context.screen(), &plugin.row.name);
    let asked = asked(plugin);
    if screen.json_wanted() {
        return screen.json(&json!({
            "dry_run": true,
            "warnings": warnings,
            "plugin": name,
            "version": plugin.manifest.version,
            "digest": plugin.row.digest,
            "source": plugin.row.source,
            "tools": plugin.tools.values().map(|tool| tool.id.to_string()).collect::<Vec<_>>(),
            "would_be_granted": grants,
            "asks_for": asked.iter().map(|asked| asked.json(name)).collect::<Vec<_>>(),
        }));
    }
    let mut text = format!(
        "{name} {} could be installed: {}. Nothing was.\n",
        one_line(&plugin.manifest.version),
        counted(plugin.tools.len(), "tool")
    );
    for tool in plugin.tools.values() {
        text.push_str(&format!(
            "  {}  {}\n",
            tool.id,
            super::super::tool::summary(&tool.spec)
        ));
    }
    for capability in grants {
        text.push_str(&format!(
            "  It would be allowed to {}.\n",
            clean(&capability.in_words())
        ));
    }
    for asked in asked {
        text.push_str(&format!("  It asks for {}\n", asked.line()));
    }
    screen.line(text)
}

/// What the plugin asks for, and the user has not decided about by granting something of the kind.
fn open(plugin: &Plugin) -> Vec<Asked> {
    missing(plugin)
        .into_iter()
        .filter(|asked| !asked.decided)
        .collect()
}

/// Asks a person about each capability that is not granted yet. Any answer but yes is no.
fn ask(
    context: &Context,
    host: &fact_core::Host,
    name: &PluginName,
    missing: Vec<Asked>,
) -> Result<(), Failure> {
    let screen = context.screen();
    if missing.is_empty() {
        return Ok(());
    }
    screen.note(format!("{name} asks for the following. It works without, as far as it can; what you grant now can be taken back."));
    for asked in missing {
        let Some(capability) = &asked.capability else {
            screen.note(asked.line());
            continue;
        };
        if screen.confirm(&format!("{}\n  Grant it?", asked.line())) {
            host.registry().grant(
                name,
                capability,
                &Terms::default(),
                &user(),
                Some("at installation"),
            )?;
        }
    }
    Ok(())
}

/// Tells what the plugin asks for besides, and how to grant it.
fn tell_rest(context: &Context, name: &PluginName, missing: &[Asked]) {
    if missing.is_empty() {
        return;
    }
    let screen = context.screen();
    screen.note("It also asks for:");
    for asked in missing {
        screen.note(format!("  {}", asked.line()));
        if let Some(command) = asked.command(name) {
            screen.note(format!("    {command}"));
        }
    }
}
