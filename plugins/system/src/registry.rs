//! `plugins` and `tools`: what is installed.

use fact_sdk::{ToolError, facts, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tools in an answer when the caller does not say how many: what a reader looks through.
const USUAL: usize = 50;

/// Arguments of [`plugins`].
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginFilter {
    /// Only plugins in whose name or description each of these words occurs, in any case.
    #[schemars(length(max = 500))]
    pub words: Option<String>,
}

/// Arguments of [`tools`].
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolFilter {
    /// Only tools in whose name, title or description each of these words occurs, in any case.
    #[schemars(length(max = 500))]
    pub words: Option<String>,
    /// Only tools of this plugin.
    #[schemars(length(max = 100))]
    pub plugin: Option<String>,
    /// The most tools to return; when left out, 50.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<usize>,
}

/// An installed plugin. Its texts are its own claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginAbout {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it says it is for.
    pub description: String,
    /// It may be called.
    pub enabled: bool,
    /// The names of its tools.
    pub tools: Vec<String>,
    /// The kinds of capabilities that it was granted, for example `sql`.
    pub granted: Vec<String>,
}

/// A tool of an installed plugin. Its texts and what it says of its effects are its own claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolAbout {
    /// Its full name, by which it is called.
    pub name: String,
    /// The plugin that has it.
    pub plugin: String,
    /// A few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it says it does.
    pub description: String,
    /// It may be called.
    pub enabled: bool,
    /// It changes nothing.
    pub read_only: bool,
    /// It may destroy something.
    pub destructive: bool,
    /// Doing it twice is as good as once.
    pub idempotent: bool,
    /// It deals with a world that others change too.
    pub open_world: bool,
}

/// The answer of [`plugins`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FoundPlugins {
    /// The plugins, by name.
    pub plugins: Vec<PluginAbout>,
    /// There are more.
    pub truncated: bool,
}

/// The answer of [`tools`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FoundTools {
    /// The tools, by name.
    pub tools: Vec<ToolAbout>,
    /// How many fit, those that are not in the answer included.
    pub matched: usize,
    /// There are more than are in the answer.
    pub truncated: bool,
}

/// What the host tells of its tools.
#[derive(Deserialize)]
struct AllTools {
    tools: Vec<ToolAbout>,
    truncated: bool,
}

/// Lists the plugins that are installed: name, version, description, whether it is enabled, its tools, and which kinds of
/// capabilities it was granted.
///
/// # Errors
/// `denied` without the grant `host:read:registry`.
#[tool(read_only, idempotent)]
pub fn plugins(args: PluginFilter) -> Result<FoundPlugins, ToolError> {
    let mut found: FoundPlugins = facts::plugins()?;
    let words = words(args.words.as_deref());
    found
        .plugins
        .retain(|plugin| fits(&words, &[&plugin.name, &plugin.description]));
    Ok(found)
}

/// Lists the tools that are installed, or those that fit some words: full name, title, description, whether it is enabled,
/// and what it claims of its effects.
///
/// # Errors
/// `denied` without the grant `host:read:registry`.
#[tool(read_only, idempotent)]
pub fn tools(args: ToolFilter) -> Result<FoundTools, ToolError> {
    facts::tools().map(|all| choose(all, &args))
}

fn choose(all: AllTools, filter: &ToolFilter) -> FoundTools {
    let words = words(filter.words.as_deref());
    let mut tools: Vec<ToolAbout> = all
        .tools
        .into_iter()
        .filter(|tool| filter.plugin.as_ref().is_none_or(|plugin| *plugin == tool.plugin))
        .filter(|tool| {
            let title = tool.title.as_deref().unwrap_or_default();
            fits(&words, &[&tool.name, title, &tool.description])
        })
        .collect();
    let matched = tools.len();
    tools.truncate(filter.limit.unwrap_or(USUAL));
    FoundTools {
        truncated: all.truncated || tools.len() < matched,
        tools,
        matched,
    }
}

fn words(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default()
        .split_whitespace()
        .map(str::to_lowercase)
        .collect()
}

/// Whether each word is in some text.
fn fits(words: &[String], texts: &[&str]) -> bool {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    words
        .iter()
        .all(|word| texts.iter().any(|text| text.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fact_sdk::ErrorCode;

    fn tool(plugin: &str, name: &str, title: Option<&str>, description: &str) -> ToolAbout {
        ToolAbout {
            name: format!("{plugin}_{name}"),
            plugin: plugin.to_owned(),
            title: title.map(str::to_owned),
            description: description.to_owned(),
            enabled: true,
            read_only: true,
            destructive: false,
            idempotent: true,
            open_world: false,
        }
    }

    #[test]
    fn words_plugin_and_limit_choose() {
        let check = |filter: ToolFilter, names: &[&str], matched: usize| {
            let all = AllTools {
                tools: vec![
                    tool("sql", "query", Some("Ask"), "Runs a SELECT statement."),
                    tool("sql", "execute", None, "Changes data."),
                    tool("util", "hash", None, "Hashes a text."),
                ],
                truncated: false,
            };
            let found = choose(all, &filter);
            let got: Vec<&str> = found.tools.iter().map(|tool| tool.name.as_str()).collect();
            assert_eq!((got.as_slice(), found.matched), (names, matched), "{filter:?}");
            assert_eq!(found.truncated, names.len() < matched, "{filter:?}");
        };
        let words = |words: &str| ToolFilter {
            words: Some(words.to_owned()),
            ..ToolFilter::default()
        };
        check(
            ToolFilter::default(),
            &["sql_query", "sql_execute", "util_hash"],
            3,
        );
        check(words("select"), &["sql_query"], 1);
        check(words("SQL ask"), &["sql_query"], 1);
        check(words("sql nothing"), &[], 0);
        check(words("  "), &["sql_query", "sql_execute", "util_hash"], 3);
        let plugin = ToolFilter {
            plugin: Some("sql".to_owned()),
            limit: Some(1),
            ..ToolFilter::default()
        };
        check(plugin, &["sql_query"], 2);
    }

    #[test]
    fn what_the_host_left_out_is_said() {
        let all = AllTools {
            tools: Vec::new(),
            truncated: true,
        };
        assert!(choose(all, &ToolFilter::default()).truncated);
    }

    #[test]
    fn without_a_host_there_is_nothing_to_tell() {
        let plugins = plugins(PluginFilter::default()).unwrap_err();
        let tools = tools(ToolFilter::default()).unwrap_err();
        assert_eq!(
            (plugins.code(), tools.code()),
            (ErrorCode::Unavailable, ErrorCode::Unavailable)
        );
    }
}
