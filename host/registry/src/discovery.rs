//! Finding the tool that a question means.
//!
//! The index is built when it is first asked, and again when plugins changed since. It knows names only; what a hit is, the
//! registry looks up at that moment, so a search never keeps a removed plugin alive.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fact_store::{ToolDoc, ToolIndex};
use fact_types::{Error, PluginName, ToolId};
use serde_json::Value;

use crate::{Known, Plugin, Registry, Tool, store_failed};

/// Most results of a search. Who needs more wants the list.
const FOUND_MAX: usize = 100;

/// How deep parameters in parameters are read. What stands deeper is no longer what people ask for.
const DEPTH_MAX: usize = 4;

/// Among which tools to search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only those of this plugin.
    pub plugin: Option<PluginName>,
    /// Only those that say of themselves that they change nothing.
    pub read_only: bool,
    /// Those that are disabled, too.
    pub disabled: bool,
}

/// A tool that was found.
#[derive(Clone)]
pub struct Found {
    /// The tool.
    pub tool: Arc<Tool>,
    /// Its plugin.
    pub plugin: Arc<Plugin>,
    /// How well it fits. Only good for comparing results of one search.
    pub score: f64,
}

/// The index of the plugins as they were at some revision.
#[derive(Default)]
pub(crate) struct Discovery(Mutex<Option<Arc<Index>>>);

struct Index {
    revision: Option<i64>,
    tools: ToolIndex,
    facts: HashMap<String, Facts>,
}

/// What a scope asks about a tool.
struct Facts {
    id: ToolId,
    read_only: bool,
    enabled: bool,
}

impl Index {
    fn new(revision: Option<i64>, plugins: &[Arc<Plugin>]) -> Result<Self, Error> {
        let all = || {
            plugins
                .iter()
                .flat_map(|plugin| plugin.tools.values().map(move |tool| (plugin, tool)))
        };
        let facts = all().map(|(plugin, tool)| {
            let facts = Facts {
                id: tool.id.clone(),
                read_only: tool.spec.annotations.read_only,
                enabled: plugin.row.enabled && tool.enabled,
            };
            (tool.id.to_string(), facts)
        });
        Ok(Index {
            revision,
            facts: facts.collect(),
            tools: ToolIndex::build(all().map(|(_, tool)| doc(tool))).map_err(store_failed)?,
        })
    }

    fn has(&self, id: &str, scope: &Scope) -> bool {
        self.facts.get(id).is_some_and(|facts| {
            scope
                .plugin
                .as_ref()
                .is_none_or(|plugin| *plugin == facts.id.plugin)
                && (facts.read_only || !scope.read_only)
                && (facts.enabled || scope.disabled)
        })
    }
}

/// What a tool says of itself.
fn doc(tool: &Tool) -> ToolDoc {
    let mut parameters = String::new();
    flatten(&tool.spec.input_schema, DEPTH_MAX, &mut parameters);
    ToolDoc {
        id: tool.id.to_string(),
        plugin: tool.id.plugin.to_string(),
        name: tool.id.tool.to_string(),
        title: tool.spec.title.clone().unwrap_or_default(),
        description: tool.spec.description.clone(),
        parameters,
    }
}

/// The names and descriptions of the properties that a schema has, and of theirs.
fn flatten(schema: &Value, depth: usize, out: &mut String) {
    if depth == 0 || out.len() > ToolDoc::TEXT_MAX {
        return;
    }
    for (name, property) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if out.len() > ToolDoc::TEXT_MAX {
            return;
        }
        let about = property
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        for text in [name.as_str(), ": ", about, "; "] {
            out.push_str(text);
        }
        flatten(property, depth.saturating_sub(1), out);
        if let Some(items) = property.get("items") {
            flatten(items, depth.saturating_sub(1), out);
        }
    }
}

impl Registry {
    /// The tools that a question may mean, the likeliest first, at most `limit` and never more than a hundred. A full name
    /// finds its tool first.
    ///
    /// # Errors
    /// When the store can't be read; never for what the question says.
    pub fn search(&self, question: &str, scope: &Scope, limit: usize) -> Result<Vec<Found>, Error> {
        let index = self.index()?;
        let hits = index
            .tools
            .search(question, |id| index.has(id, scope), limit.min(FOUND_MAX))
            .map_err(store_failed)?;
        let ids = hits
            .iter()
            .filter_map(|hit| Some((&index.facts.get(&hit.id)?.id, hit.score)));
        self.fresh(|known| {
            ids.filter_map(|(id, score)| {
                let plugin = known.plugins.get(&id.plugin)?;
                Some(Found {
                    tool: Arc::clone(plugin.tools.get(&id.tool)?),
                    plugin: Arc::clone(plugin),
                    score,
                })
            })
            .collect()
        })
    }

    /// The index of the plugins as they are.
    fn index(&self) -> Result<Arc<Index>, Error> {
        // One search builds it; those that come meanwhile wait for it, rather than build it as well.
        let mut there = self.discovery.0.lock().unwrap_or_else(PoisonError::into_inner);
        let revision = there.as_ref().and_then(|index| index.revision);
        let changed = self.fresh(|known: &Known| {
            let plugins = || known.plugins.values().cloned().collect::<Vec<_>>();
            (known.revision != revision).then(|| (known.revision, plugins()))
        })?;
        match (changed, there.as_ref()) {
            (None, Some(index)) => Ok(Arc::clone(index)),
            (changed, _) => {
                let (revision, plugins) = changed.unwrap_or_default();
                let index = Arc::new(Index::new(revision, &plugins)?);
                *there = Some(Arc::clone(&index));
                Ok(index)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_read_to_a_bound() {
        let read = |schema: &Value| {
            let mut out = String::new();
            flatten(schema, DEPTH_MAX, &mut out);
            out
        };
        let schema = json!({ "properties": {
            "path": { "type": "string", "description": "of the file" },
            "rows": { "items": { "properties": { "cell": {} } } },
            "odd": 5,
        } });
        assert_eq!(read(&schema), "path: of the file; rows: ; cell: ; odd: ; ");
        for odd in [
            json!(null),
            json!({ "properties": [] }),
            json!({ "properties": { "a": { "properties": "b" } } }),
        ] {
            assert!(read(&odd).len() < 10);
        }
        let mut deep = json!({});
        for _ in 0..100 {
            deep = json!({ "properties": { "a": deep } });
        }
        assert_eq!(read(&deep), "a: ; ".repeat(DEPTH_MAX));
        let wide: serde_json::Map<String, Value> = (0..100_000).map(|n| (n.to_string(), json!({}))).collect();
        assert!(read(&json!({ "properties": wide })).len() < 2 * ToolDoc::TEXT_MAX);
    }
}
