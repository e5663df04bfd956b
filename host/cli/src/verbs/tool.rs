//! `fact tool`.

mod diff;
mod reach;
mod search;
mod stats;

use clap::Subcommand;
use fact_types::{Limits, PluginName, ToolId, ToolSpec};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{clean, clip, one_line};

/// How much of a description stands in a list.
const LISTED: usize = 90;

/// Tools.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// List the tools of all plugins, or of one.
    List {
        /// Only the tools of this plugin.
        #[arg(long)]
        plugin: Option<PluginName>,
    },
    /// Show a tool: what it does, what it takes, its limits, and what it may reach.
    Show {
        /// The tool's full name, for example sql_query
        tool: ToolId,
    },
    /// Find the tools that do something, the likeliest first.
    Search(search::Search),
    /// Compare a tool of two versions of its plugin: whom does the new one break?
    Diff(diff::Diff),
    /// Show how often tools were called, how well, and how long it took.
    Stats(stats::Stats),
    /// Let a tool be called again.
    Enable {
        /// The tool's full name.
        tool: ToolId,
    },
    /// Keep one tool of a plugin from being called.
    Disable {
        /// The tool's full name.
        tool: ToolId,
    },
}

impl Tool {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Tool::List { plugin } => list(context, plugin).await,
            Tool::Show { tool } => show(context, &tool).await,
            Tool::Search(search) => search.run(context).await,
            Tool::Diff(diff) => diff.run(context).await,
            Tool::Stats(stats) => stats.run(context).await,
            Tool::Enable { tool } => enable(context, &tool, true).await,
            Tool::Disable { tool } => enable(context, &tool, false).await,
        }
    }
}

async fn enable(context: &Context, tool: &ToolId, enabled: bool) -> Result<(), Failure> {
    let (host, screen) = (context.host().await?, context.screen());
    host.registry().enable_tool(tool, enabled)?;
    if screen.json_wanted() {
        return screen.json(&json!({ "tool": tool, "enabled": enabled }));
    }
    screen.line(if enabled {
        format!("{tool} may be called.")
    } else {
        format!("{tool} is disabled: no call of it is let through.")
    })
}

/// A tool in a line.
pub(super) fn summary(spec: &ToolSpec) -> String {
    let first = spec.description.trim().split("\n\n").next().unwrap_or_default();
    let text = spec
        .title
        .as_deref()
        .filter(|title| !title.trim().is_empty())
        .unwrap_or(first);
    clip(&one_line(text), LISTED)
}

async fn list(context: &Context, plugin: Option<PluginName>) -> Result<(), Failure> {
    let (host, screen) = (context.host().await?, context.screen());
    let plugins = match plugin {
        Some(name) => vec![host.registry().plugin(&name)?],
        None => host.registry().plugins()?,
    };
    let tools = plugins.iter().flat_map(|plugin| plugin.tools.values());
    if screen.json_wanted() {
        let list: Vec<Value> = tools
            .map(|tool| {
                json!({
                    "tool": tool.id,
                    "enabled": tool.enabled,
                    "title": tool.spec.title,
                    "description": tool.spec.description,
                    "annotations": tool.spec.annotations,
                    "input_schema": tool.spec.input_schema,
                })
            })
            .collect();
        return screen.json(&json!({ "tools": list }));
    }
    let rows: Vec<[String; 3]> = tools
        .map(|tool| {
            let says = tool.spec.annotations;
            let effect = match (says.read_only, says.destructive) {
                (true, _) => "reads",
                (false, true) => "destroys",
                (false, false) => "writes",
            };
            let state = if tool.enabled { "" } else { " (disabled)" };
            [
                format!("{}{state}", tool.id),
                effect.to_owned(),
                summary(&tool.spec),
            ]
        })
        .collect();
    if rows.is_empty() {
        screen.note("There are no tools. `fact plugin install builtin:sql` installs some.");
        return Ok(());
    }
    screen.table(["TOOL", "SAYS IT", "WHAT IT DOES"], rows)
}

async fn show(context: &Context, id: &ToolId) -> Result<(), Failure> {
    let (host, screen) = (context.host().await?, context.screen());
    let (plugin, tool) = host.registry().tool(id)?;
    let spec = &tool.spec;
    let reach = reach::Reach::of(&plugin, spec);
    if screen.json_wanted() {
        return screen.json(&json!({
            "tool": tool.id,
            "plugin": plugin.row.name,
            "enabled": tool.enabled && plugin.row.enabled,
            "title": spec.title,
            "description": spec.description,
            "annotations": spec.annotations,
            "input_schema": spec.input_schema,
            "output_schema": spec.output_schema,
            "limits": tool.limits,
            "cache": spec.cache,
            "reach": reach,
            "may": plugin.grants.iter().map(|grant| grant.capability.to_string()).collect::<Vec<_>>(),
        }));
    }
    let mut text = format!("{id}");
    if let Some(title) = &spec.title {
        text.push_str(&format!(": {}", one_line(title)));
    }
    text.push_str(&format!("\n\n{}\n\nTakes\n", clean(spec.description.trim())));
    let parameters = parameters(&spec.input_schema);
    if parameters.is_empty() {
        text.push_str("  nothing\n");
    }
    for [name, kind, about] in parameters {
        text.push_str(&format!("  {name}  {kind}\n"));
        if !about.is_empty() {
            text.push_str(&format!("      {about}\n"));
        }
    }
    let says = spec.annotations;
    let claims = [
        (says.read_only, "it changes nothing"),
        (says.destructive && !says.read_only, "it may destroy something"),
        (says.idempotent, "doing it twice is as good as once"),
        (says.open_world, "others change what it deals with"),
    ];
    let claims: Vec<&str> = claims
        .iter()
        .filter(|(holds, _)| *holds)
        .map(|(_, claim)| *claim)
        .collect();
    text.push_str(&format!(
        "\nSays of itself\n  {}\n\nBelongs to\n  {}, whose grants say what it may reach\n",
        claims.join("; "),
        plugin.row.name
    ));
    text.push_str(&reach.in_words(spec));
    text.push_str(&format!("\nLimits of a call\n  {}\n", limits(&tool.limits)));
    screen.line(text)
}

/// Limits in a sentence.
fn limits(limits: &Limits) -> String {
    let fuel = limits
        .fuel
        .map(|fuel| format!(", {fuel} units of fuel"))
        .unwrap_or_default();
    format!(
        "{} time, {} memory, {} answer, {} log, {} calls to the host of at most {} each, {} calls at once{fuel}",
        limits.deadline,
        limits.memory,
        limits.output,
        limits.log,
        limits.host_calls,
        limits.hostcall_data,
        limits.concurrency
    )
}

/// The parameters of a tool: name, type and whether it is needed, description.
fn parameters(schema: &Value) -> Vec<[String; 3]> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    properties
        .iter()
        .map(|(name, property)| {
            let need = if required.contains(&name.as_str()) {
                "required"
            } else {
                "optional"
            };
            let kinds = crate::input::kinds(schema, name).join(" or ");
            let kinds = if kinds.is_empty() {
                "any JSON value".to_owned()
            } else {
                kinds
            };
            let default = match property.get("default") {
                Some(value) if !value.is_null() => {
                    format!(", {} when left out", clip(&value.to_string(), 60))
                }
                _ => String::new(),
            };
            let about = property
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or_default();
            [
                one_line(name),
                one_line(&format!("{kinds}, {need}{default}")),
                one_line(about),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_told_from_the_schema() {
        let schema = json!({
            "type": "object",
            "required": ["a"],
            "properties": {
                "a": { "type": "string", "description": "first\nline" },
                "b": { "type": ["integer", "null"], "default": 5 },
                "\u{1b}[2J": {},
            }
        });
        let expected = [
            ["a", "text, required", "first line"],
            ["b", "an integer, optional, 5 when left out", ""],
            ["\\u{1b}[2J", "any JSON value, optional", ""],
        ];
        assert_eq!(parameters(&schema), expected);
        assert!(parameters(&json!({})).is_empty());
    }
}
