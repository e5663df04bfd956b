//! `fact plugin list`.

use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::one_line;

pub(in crate::verbs) async fn run(context: &Context) -> Result<(), Failure> {
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
                    "waits_for_approval": plugin.held.as_ref().map(|held| held.digest),
                    "grants": plugin.grants.iter().map(|grant| grant.capability.to_string()).collect::<Vec<_>>(),
                })
            })
            .collect();
        return screen.json(&json!({ "plugins": list, "drop_in_problems": problems(&host)? }));
    }
    for (file, problem) in host.registry().drop_in_problems()? {
        screen.note(format!(
            "{} in the drop-in folder: {}",
            one_line(&file),
            one_line(&problem)
        ));
    }
    if plugins.is_empty() {
        screen.note("No plugin is installed. `fact plugin install builtin:sql` installs one; others are http, file, util.");
        return Ok(());
    }
    let rows = plugins.iter().map(|plugin| {
        let state = match (plugin.row.enabled, plugin.waits()) {
            (false, _) => " (disabled)",
            (true, true) => " (a version waits)",
            (true, false) => "",
        };
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

/// The files of the drop-in folder that can't be used.
pub(super) fn problems(host: &fact_core::Host) -> Result<Vec<Value>, Failure> {
    let problems = host.registry().drop_in_problems()?;
    Ok(problems
        .into_iter()
        .map(|(file, problem)| json!({ "file": file, "problem": problem }))
        .collect())
}
