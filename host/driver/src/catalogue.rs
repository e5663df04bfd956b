//! Which tools the model sees: all of them, or a search over them.

use serde_json::{Map, Value, json};
use std::collections::HashMap;

use crate::provider::tools_bytes;
use crate::tools::ToolInfo;

/// From when on the model searches for tools instead of seeing every schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// More tools than this. 40: beyond some dozens, models pick the wrong one more often.
    pub tools: usize,
    /// More tokens of names, descriptions and schemas than this, by estimate. 20,000: a tenth of a usual context, paid in
    /// each round.
    pub tokens: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            tools: 40,
            tokens: 20_000,
        }
    }
}

/// Finds tools. The three names are free for tools of plugins too: see [`Catalogue::new`].
pub(crate) const SEARCH_TOOLS: &str = "search_tools";
/// Calls a tool that was found.
pub(crate) const CALL_TOOL: &str = "call_tool";
/// Pages through a large result.
pub(crate) const READ_RESULT: &str = "read_result";

/// Most tools that one search gives. Their schemas are read by the model at once.
pub(crate) const FOUND_MAX: usize = 20;

/// The tools of one question.
#[derive(Debug)]
pub(crate) struct Catalogue {
    known: HashMap<String, usize>,
    tools: Vec<ToolInfo>,
    /// What the model sees in every round.
    shown: Option<Vec<ToolInfo>>,
    /// Tools that no model could call.
    pub(crate) left_out: usize,
}

impl Catalogue {
    /// The tools as whoever asks has them.
    ///
    /// Where a plugin's tool has the name of one of the driver's own, the model gets the search: through it every tool can
    /// be called by its name, and none hides another.
    pub(crate) fn new(list: Vec<ToolInfo>, thresholds: Thresholds) -> Self {
        let all = list.len();
        let mut known = HashMap::new();
        let mut tools: Vec<ToolInfo> = Vec::new();
        for tool in list {
            if let Some(tool) = usable(tool)
                && !known.contains_key(&tool.name)
            {
                known.insert(tool.name.clone(), tools.len());
                tools.push(tool);
            }
        }
        let hides = [SEARCH_TOOLS, CALL_TOOL, READ_RESULT]
            .iter()
            .any(|own| known.contains_key(*own));
        // Four bytes a token, as plain English has.
        let tokens = tools_bytes(&tools) as u64 / 4;
        let large = tools.len() > thresholds.tools || tokens > thresholds.tokens || hides;
        Catalogue {
            shown: large.then(|| vec![search_tools(tools.len()), call_tool()]),
            left_out: all - tools.len(),
            known,
            tools,
        }
    }

    /// What the model sees in every round.
    pub(crate) fn shown(&self) -> &[ToolInfo] {
        self.shown.as_deref().unwrap_or(&self.tools)
    }

    /// Whether the model searches.
    pub(crate) fn is_searched(&self) -> bool {
        self.shown.is_some()
    }

    /// A tool by its name.
    pub(crate) fn get(&self, name: &str) -> Option<&ToolInfo> {
        self.tools.get(*self.known.get(name)?)
    }

    /// What the model learns when it names a tool that does not exist.
    pub(crate) fn no_such(&self, name: &str) -> String {
        let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        if self.is_searched() {
            return format!("There is no tool `{name}`. Find one with {SEARCH_TOOLS}.");
        }
        let names: Vec<&str> = self.tools.iter().map(|tool| tool.name.as_str()).collect();
        format!("There is no tool `{name}`. The tools are: {}.", names.join(", "))
    }
}

/// A tool that models accept: with a name in their alphabet, and a schema of an object.
fn usable(mut tool: ToolInfo) -> Option<ToolInfo> {
    let name = (1..=64).contains(&tool.name.len())
        && tool
            .name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let Value::Object(schema) = &mut tool.input_schema else {
        return None;
    };
    match schema.get("type") {
        None => {
            schema.insert("type".to_owned(), json!("object"));
        }
        Some(Value::String(object)) if object == "object" => {}
        Some(_) => return None,
    }
    name.then_some(tool)
}

/// A tool as a search shows it.
pub(crate) fn found(tool: &ToolInfo) -> Value {
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(tool.name));
    if let Some(title) = &tool.title {
        out.insert("title".to_owned(), json!(title));
    }
    out.insert("description".to_owned(), json!(tool.description));
    out.insert("read_only".to_owned(), json!(tool.read_only));
    out.insert("input_schema".to_owned(), tool.input_schema.clone());
    Value::Object(out)
}

fn own(name: &str, description: String, input_schema: Value) -> ToolInfo {
    ToolInfo {
        name: name.to_owned(),
        title: None,
        description,
        input_schema,
        read_only: true,
    }
}

fn search_tools(count: usize) -> ToolInfo {
    own(
        SEARCH_TOOLS,
        format!(
            "Finds tools. {count} tools are available; this is the only way to learn their names and arguments. \
             Returns the best matches with their input schemas."
        ),
        json!({
            "type": "object",
            "properties": {
                "query": { "type": "string", "description": "What the tool should do, in a few words." },
                "limit": { "type": "integer", "minimum": 1, "maximum": FOUND_MAX, "description": "Most tools to return; 8 if left out." },
            },
            "required": ["query"],
            "additionalProperties": false,
        }),
    )
}

fn call_tool() -> ToolInfo {
    own(
        CALL_TOOL,
        format!("Calls a tool that {SEARCH_TOOLS} found, with arguments that fit its input schema."),
        json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "description": "The tool's name." },
                "arguments": { "type": "object", "description": "The tool's arguments." },
            },
            "required": ["name", "arguments"],
            "additionalProperties": false,
        }),
    )
}

/// Offered once there is something to read.
pub(crate) fn read_result() -> ToolInfo {
    own(
        READ_RESULT,
        "Reads on in a tool result that was too large to be shown whole. The result is JSON text, paged by bytes.".to_owned(),
        json!({
            "type": "object",
            "properties": {
                "handle": { "type": "string", "description": "The handle that stood in the cut result." },
                "offset": { "type": "integer", "minimum": 0, "description": "The byte to begin at." },
                "limit": { "type": "integer", "minimum": 1, "description": "Most bytes to return." },
            },
            "required": ["handle", "offset"],
            "additionalProperties": false,
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, schema: Value) -> ToolInfo {
        own(name, "Does something.".to_owned(), schema)
    }

    fn names(catalogue: &Catalogue) -> Vec<&str> {
        catalogue.shown().iter().map(|tool| tool.name.as_str()).collect()
    }

    #[test]
    fn a_large_catalogue_is_searched() {
        let some =
            |count: usize| -> Vec<_> { (0..count).map(|n| tool(&format!("a_{n}"), json!({}))).collect() };
        let new = |list| Catalogue::new(list, Thresholds::default());
        assert_eq!(names(&new(some(40))).len(), 40);
        assert_eq!(names(&new(some(41))), [SEARCH_TOOLS, CALL_TOOL]);
        assert!(new(some(41)).get("a_40").is_some());

        let fat = json!({ "type": "object", "description": "x".repeat(80_000) });
        assert_eq!(names(&new(vec![tool("a_b", fat)])), [SEARCH_TOOLS, CALL_TOOL]);
        assert!(new(vec![tool(READ_RESULT, json!({}))]).is_searched());
        assert!(new(some(0)).shown().is_empty());
    }

    #[test]
    fn what_no_model_accepts_is_left_out() {
        let catalogue = Catalogue::new(
            vec![
                tool("good_one", json!({})),
                tool("good_one", json!({ "title": "again" })),
                tool("bad name", json!({})),
                tool("", json!({})),
                tool(&"x".repeat(65), json!({})),
                tool("a_list", json!({ "type": "array" })),
                tool("a_text", json!("object")),
            ],
            Thresholds::default(),
        );
        assert_eq!(names(&catalogue), ["good_one"]);
        assert_eq!(catalogue.left_out, 6);
        assert_eq!(catalogue.shown()[0].input_schema, json!({ "type": "object" }));
    }
}
