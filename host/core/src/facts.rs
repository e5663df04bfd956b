//! What plugins that were granted it may learn about the host.
//!
//! Names, versions, what plugins say about themselves, and numbers: nothing of where things lie on this machine, where
//! plugins came from, who granted what and why, or what a grant opens beyond its kind.

use std::collections::BTreeSet;

use fact_registry::{Plugin, Tool};
use fact_runtime::Facts;
use fact_types::Error;
use serde_json::{Value, json};

use crate::Host;
use crate::peers::WayBack;

/// Most plugins, and most tools, that are told of: with the bound on each text, some ten million bytes.
const LISTED: usize = 10_000;

/// Most tools whose use is told: some 300 KB.
const USED: usize = 1000;

/// Most characters of a text that a plugin says about itself.
const TEXT: usize = 800;

impl Facts for WayBack {
    fn plugins(&self) -> Result<Value, Error> {
        let plugins = self.host()?.registry().plugins()?;
        let shown: Vec<Value> = plugins.iter().take(LISTED).map(|plugin| about(plugin)).collect();
        Ok(json!({ "truncated": plugins.len() > shown.len(), "plugins": shown }))
    }

    fn tools(&self) -> Result<Value, Error> {
        let plugins = self.host()?.registry().plugins()?;
        let all = || {
            plugins
                .iter()
                .flat_map(|plugin| plugin.tools.values().map(move |tool| (plugin, tool)))
        };
        let shown: Vec<Value> = all()
            .take(LISTED)
            .map(|(plugin, tool)| about_tool(plugin, tool))
            .collect();
        Ok(json!({ "truncated": all().count() > shown.len(), "tools": shown }))
    }

    fn metrics(&self) -> Result<Value, Error> {
        let host = self.host()?;
        let plugins = host.registry().plugins()?;
        // What the store has: no plugin makes the host write by asking.
        let mut usage = host.stored_usage(None)?;
        usage.sort_by_key(|one| std::cmp::Reverse(one.calls));
        let truncated = usage.len() > USED;
        usage.truncate(USED);
        Ok(json!({
            "calls_running": host.running(),
            "call_slots": host.config().runtime.slots,
            "uptime_seconds": host.uptime().as_secs(),
            "plugins": plugins.len(),
            "tools": plugins.iter().map(|plugin| plugin.tools.len()).sum::<usize>(),
            "memory_bytes": resident_memory(),
            "usage": usage,
            "usage_truncated": truncated,
        }))
    }
}

impl Host {
    /// How long ago the host was opened.
    pub fn uptime(&self) -> std::time::Duration {
        self.opened().elapsed()
    }
}

fn about(plugin: &Plugin) -> Value {
    let granted: BTreeSet<&str> = plugin
        .grants
        .iter()
        .map(|grant| grant.capability.kind())
        .collect();
    json!({
        "name": plugin.row.name,
        "version": cut(&plugin.manifest.version),
        "description": cut(&plugin.manifest.description),
        "enabled": plugin.row.enabled,
        "tools": plugin.tools.keys().collect::<Vec<_>>(),
        "granted": granted,
    })
}

fn about_tool(plugin: &Plugin, tool: &Tool) -> Value {
    let spec = &tool.spec;
    let claims = &spec.annotations;
    json!({
        "name": tool.id.to_string(),
        "plugin": plugin.row.name,
        "title": spec.title.as_deref().map(cut),
        "description": cut(&spec.description),
        "enabled": plugin.row.enabled && tool.enabled,
        "read_only": claims.read_only,
        "destructive": claims.destructive,
        "idempotent": claims.idempotent,
        "open_world": claims.open_world,
    })
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What this process holds of the machine's memory, where the system says it in a file.
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "é".repeat(TEXT + 1);
        assert_eq!(cut(&long), format!("{}…", "é".repeat(TEXT)));
        let full = "é".repeat(TEXT);
        assert_eq!(cut(&full), full);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_knows_its_memory() {
        assert!(resident_memory().unwrap() > 1 << 20);
    }
}
