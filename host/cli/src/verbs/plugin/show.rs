//! `fact plugin show`: what a plugin is and may do, in words.

use fact_core::{Grant, VersionRow};
use fact_types::PluginName;
use serde_json::{Value, json};

use super::super::grants::{asked, granted_json, missing, terms_in_words, word};
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{clean, one_line};

pub(in crate::verbs) async fn run(context: &Context, name: &PluginName) -> Result<(), Failure> {
    let (host, screen) = (context.host().await?, context.screen());
    let plugin = host.registry().plugin(name)?;
    let (row, manifest) = (&plugin.row, &plugin.manifest);
    let granted = host.registry().grants(name)?;
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
            "disabled_tools": row.disabled_tools,
            "waits_for_approval": match host.registry().held(name) {
                Ok((held, changes)) => json!({ "digest": held.digest, "source": held.source, "since": held.since, "changes": changes }),
                Err(_) => Value::Null,
            },
            "previous": plugin.previous.iter().map(version_json).collect::<Vec<_>>(),
            "running": plugin.running(),
            "grants": granted.iter().map(granted_json).collect::<Vec<_>>(),
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
        let state = if tool.enabled { "" } else { "(disabled) " };
        text.push_str(&format!(
            "  {id:<width$}  {state}{}\n",
            super::super::tool::summary(&tool.spec)
        ));
    }
    text.push_str("\nIt may\n");
    let now = jiff::Timestamp::now();
    let (over, holding): (Vec<&Grant>, Vec<&Grant>) =
        granted.iter().partition(|grant| grant.lapsed(now).is_some());
    if holding.is_empty() {
        text.push_str("  do nothing but compute: no capability is granted.\n");
    }
    for grant in holding {
        text.push_str(&told(grant));
    }
    if !over.is_empty() {
        text.push_str("\nIt may no longer, since the time or the calls are over\n");
    }
    for grant in over {
        text.push_str(&told(grant));
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
    if let Ok((held, changes)) = host.registry().held(name) {
        text.push_str(&format!(
            "\nA new version waits for approval since {}\n  from {}\n  digest sha256:{}\n",
            held.since,
            one_line(&held.source),
            held.digest
        ));
        text.push_str(&super::versions::told(&changes));
        text.push_str(&format!(
            "  fact plugin approve {name} --digest {}    or: fact plugin reject {name}\n",
            held.digest.short()
        ));
    }
    if !plugin.previous.is_empty() {
        text.push_str("\nEarlier versions, to which `fact plugin rollback` goes back\n");
    }
    for version in &plugin.previous {
        text.push_str(&format!(
            "  {}  until {}, from {}\n",
            version.digest.short(),
            version.since,
            one_line(&version.source)
        ));
    }
    screen.line(text)
}

/// A grant, for a reader.
fn told(grant: &Grant) -> String {
    let capability = &grant.capability;
    let terms = terms_in_words(grant);
    let reason = grant
        .reason
        .as_deref()
        .map(|reason| format!(": {}", one_line(reason)))
        .unwrap_or_default();
    format!(
        "  {}{terms} [{} risk]\n    {}\n    granted by {} at {}{reason}\n",
        clean(&capability.in_words()),
        word(capability.risk()),
        clean(&capability.to_string()),
        one_line(&grant.granted_by),
        grant.granted_at
    )
}

fn version_json(version: &VersionRow) -> Value {
    json!({ "digest": version.digest, "source": version.source, "until": version.since })
}
