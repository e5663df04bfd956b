//! `fact plugin install`: shows what a plugin asks for, in words, the riskiest first, and grants what the user says.

use std::path::PathBuf;

use clap::Args;
use fact_core::{InstallOptions, Plugin, Source};
use fact_types::{Capability, Code, PluginName};
use serde_json::json;

use super::super::grants::{Asked, granted_json, missing, user};
use crate::context::Context;
use crate::failure::Failure;
use crate::progress::Spinner;
use crate::screen::{clean, counted, one_line};

const EXAMPLES: &str = "\
Examples:
  fact plugin install builtin:sql --grant sql:read:finance
  fact plugin install builtin:file --grant fs:read:./reports
  fact plugin install ./target/wasm32-wasip2/release/adder.wasm

On a terminal you are asked about each capability that the plugin wants and you have not granted. Elsewhere it gets
what --grant names, and nothing else; the commands that grant the rest are printed.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Install {
    /// A component (.wasm), or builtin:sql, builtin:http, builtin:file, builtin:util.
    #[arg(value_name = "FILE|builtin:NAME")]
    source: String,
    /// The name to install it under, instead of its own.
    #[arg(long)]
    name: Option<PluginName>,
    /// Something that it may do, for example sql:read:finance. May be given several times.
    #[arg(long = "grant", value_name = "CAPABILITY")]
    grants: Vec<Capability>,
}

impl Install {
    pub(in crate::verbs) async fn run(self, context: &Context) -> Result<(), Failure> {
        let source = source(&self.source)?;
        let (host, screen) = (context.host().await?, context.screen());
        let options = InstallOptions {
            name: self.name,
            grants: self.grants,
            by: user(),
        };
        let plugin = {
            let _spinner = Spinner::start(screen, format!("compiling {}", one_line(&self.source)));
            host.registry().install(source, options).await?
        };
        let name = plugin.row.name.clone();
        if screen.interactive() {
            ask(context, &host, &name, open(&plugin))?;
        }
        let plugin = host.registry().plugin(&name)?;
        if screen.json_wanted() {
            return screen.json(&json!({
                "plugin": name,
                "version": plugin.manifest.version,
                "digest": plugin.row.digest,
                "source": plugin.row.source,
                "tools": plugin.tools.values().map(|tool| tool.id.to_string()).collect::<Vec<_>>(),
                "grants": plugin.grants.iter().map(granted_json).collect::<Vec<_>>(),
                "not_granted": missing(&plugin).iter().map(|asked| asked.json(&name)).collect::<Vec<_>>(),
            }));
        }
        let version = one_line(&plugin.manifest.version);
        let mut text = format!(
            "Installed {name} {version}: {}.\n",
            counted(plugin.tools.len(), "tool")
        );
        for grant in &plugin.grants {
            text.push_str(&format!("  It may {}.\n", clean(&grant.capability.in_words())));
        }
        if plugin.grants.is_empty() {
            text.push_str("  It may do nothing but compute: no capability is granted.\n");
        }
        screen.line(text)?;
        if !screen.interactive() {
            tell_rest(context, &name, &open(&plugin));
        }
        screen.note(format!("Its tools: fact tool list --plugin {name}"));
        Ok(())
    }
}

/// Where the component is from.
fn source(typed: &str) -> Result<Source, Failure> {
    let Some(name) = typed.strip_prefix("builtin:") else {
        return Ok(Source::File(PathBuf::from(typed)));
    };
    match fact_bundle::builtin(name) {
        Some(builtin) => Ok(Source::Bytes {
            label: typed.to_owned(),
            bytes: builtin.bytes.to_vec(),
        }),
        None => {
            let names: Vec<String> = fact_bundle::BUILTINS
                .iter()
                .map(|b| format!("builtin:{}", b.name))
                .collect();
            Err(
                Failure::new(Code::NotFound, format!("There is no `{}`.", clean(typed)))
                    .hint(format!("There are {}.", names.join(", "))),
            )
        }
    }
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
            host.registry()
                .grant(name, capability, &user(), Some("at installation"))?;
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
