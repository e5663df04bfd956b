//! How a tool differs between two versions of its plugin, and whom that breaks.
//!
//! Unlike [`crate::changes`], which says what a new version could be trusted less with, this says whether those who call the
//! tool and read its answers can go on as they do.

use std::cmp::Reverse;

use fact_types::{Annotations, Digest, Error, Manifest, ToolId, ToolName, ToolSpec};
use serde::Serialize;

use crate::Registry;
use crate::no_tool;
use crate::schema::{Direction, Verdict, compare};
use crate::update::{read, renamed};

/// How a tool differs between two versions of its plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolDiff {
    /// The tool.
    pub tool: ToolId,
    /// The older version.
    pub from: ToolSide,
    /// The newer version.
    pub to: ToolSide,
    /// The worst of the changes; compatible when there are none.
    pub verdict: Verdict,
    /// What differs, the worst first.
    pub changes: Vec<ToolChange>,
}

/// One of the two versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolSide {
    /// What the version is to the plugin.
    pub state: ToolSideState,
    /// Its component.
    pub digest: Digest,
    /// The number that the plugin gives it.
    pub version: String,
    /// What the tool is called in it; none where it is not there.
    pub name: Option<ToolName>,
}

/// What a version is to its plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToolSideState {
    /// It answered before.
    Previous,
    /// It answers now.
    Live,
    /// It waits for approval.
    Held,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolChange {
    /// What it is about.
    pub part: ToolPart,
    /// The values it is about, as in [`crate::SchemaChange`]. Empty for the whole.
    pub path: String,
    /// What changed, in words.
    pub what: String,
    /// What it means for those who use the tool.
    pub verdict: Verdict,
    /// A text that was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The text that is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A part of what is known of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToolPart {
    /// That it is there, and its name.
    Tool,
    /// What it takes.
    Input,
    /// What it answers.
    Output,
    /// What it claims about its effects.
    Annotations,
    /// For how long its answers may be used again unproven.
    Lifetime,
    /// Its title.
    Title,
    /// What it says about itself.
    Description,
}

impl Registry {
    /// Compares a tool of the version that answers with the same in the version that waits for approval, or, where none waits,
    /// the one in the version before with it. None: no other version is kept.
    ///
    /// # Errors
    /// `not-found` when neither version has the tool, or when the store can't be read.
    pub fn tool_diff(&self, tool: &ToolId) -> Result<Option<ToolDiff>, Error> {
        let plugin = self.plugin(&tool.plugin)?;
        let live = (ToolSideState::Live, plugin.row.digest, plugin.manifest.clone());
        let (from, to) = if let Some(held) = &plugin.held {
            let held = (ToolSideState::Held, held.digest, read(&held.manifest)?);
            (live, held)
        } else if let Some(before) = plugin.previous.first() {
            let before = (ToolSideState::Previous, before.digest, read(&before.manifest)?);
            (before, live)
        } else if plugin.tools.contains_key(&tool.tool) {
            return Ok(None);
        } else {
            return Err(no_tool(tool));
        };
        let (old, new) = partners(&from.2, &to.2, &tool.tool);
        if old.is_none() && new.is_none() {
            return Err(no_tool(tool));
        }
        let changes = compare_tools(old, new);
        let side = |(state, digest, manifest): &(ToolSideState, Digest, Manifest),
                    spec: Option<&ToolSpec>| {
            ToolSide {
                state: *state,
                digest: *digest,
                version: manifest.version.clone(),
                name: spec.map(|spec| spec.name.clone()),
            }
        };
        Ok(Some(ToolDiff {
            tool: tool.clone(),
            from: side(&from, old),
            to: side(&to, new),
            verdict: changes
                .iter()
                .map(|change| change.verdict)
                .max()
                .unwrap_or(Verdict::Compatible),
            changes,
        }))
    }
}

/// The tool in both versions, under another name where it has one.
fn partners<'m>(
    from: &'m Manifest,
    to: &'m Manifest,
    name: &ToolName,
) -> (Option<&'m ToolSpec>, Option<&'m ToolSpec>) {
    fn find<'m>(manifest: &'m Manifest, name: &ToolName) -> Option<&'m ToolSpec> {
        manifest.tools.iter().find(|tool| tool.name == *name)
    }
    let (old, new) = (find(from, name), find(to, name));
    if old.is_some() == new.is_some() {
        return (old, new);
    }
    let names = renamed(&crate::changes::changes(from, to));
    let pair = names
        .iter()
        .find(|(before, after)| before == name || after == name);
    match pair {
        Some((before, after)) => (find(from, before), find(to, after)),
        None => (old, new),
    }
}

/// How two versions of a tool differ, the worst first; none: it is not there.
pub fn compare_tools(old: Option<&ToolSpec>, new: Option<&ToolSpec>) -> Vec<ToolChange> {
    let mut found = Found(Vec::new());
    match (old, new) {
        (None, None) => {}
        (None, Some(_)) => found.add(ToolPart::Tool, "it is new", Verdict::Compatible),
        (Some(_), None) => found.add(ToolPart::Tool, "it is gone", Verdict::Breaking),
        (Some(old), Some(new)) => found.both(old, new),
    }
    found
        .0
        .sort_by_key(|change| (Reverse(change.verdict), change.part));
    found.0
}

struct Found(Vec<ToolChange>);

impl Found {
    fn add(&mut self, part: ToolPart, what: impl Into<String>, verdict: Verdict) {
        self.0.push(ToolChange {
            part,
            path: String::new(),
            what: what.into(),
            verdict,
            before: None,
            after: None,
        });
    }

    fn both(&mut self, old: &ToolSpec, new: &ToolSpec) {
        if old.name != new.name {
            let what = format!("it is called `{}`, and was `{}`", new.name, old.name);
            self.add(ToolPart::Tool, what, Verdict::Breaking);
        }
        self.schemas(
            ToolPart::Input,
            Direction::Input,
            &old.input_schema,
            &new.input_schema,
        );
        match (&old.output_schema, &new.output_schema) {
            (Some(old), Some(new)) => self.schemas(ToolPart::Output, Direction::Output, old, new),
            (None, Some(_)) => self.add(
                ToolPart::Output,
                "it says what its answers look like, and did not",
                Verdict::Compatible,
            ),
            (Some(_), None) => self.add(
                ToolPart::Output,
                "it no longer says what its answers look like",
                Verdict::Breaking,
            ),
            (None, None) => {}
        }
        self.claims(old.annotations, new.annotations);
        let lifetimes = |spec: &ToolSpec| crate::changes::lifetimes(spec.cache.unwrap_or_default());
        self.text(
            ToolPart::Lifetime,
            "its answers or failures may be used again, unproven, for another time",
            lifetimes(old),
            lifetimes(new),
        );
        let title = |spec: &ToolSpec| spec.title.clone().unwrap_or_default();
        self.text(ToolPart::Title, "its title changed", title(old), title(new));
        self.text(
            ToolPart::Description,
            "it describes itself differently",
            old.description.clone(),
            new.description.clone(),
        );
    }

    fn schemas(
        &mut self,
        part: ToolPart,
        direction: Direction,
        old: &serde_json::Value,
        new: &serde_json::Value,
    ) {
        let changes = compare(old, new, direction);
        self.0.extend(changes.into_iter().map(|change| ToolChange {
            part,
            path: change.path,
            what: change.what,
            verdict: change.verdict,
            before: None,
            after: None,
        }));
    }

    /// Claims that are taken back break those who trusted in them: who called it without asking, or tried it twice.
    fn claims(&mut self, old: Annotations, new: Annotations) {
        for (before, after, claimed, taken_back) in [
            (
                old.read_only,
                new.read_only,
                "it says that it changes nothing",
                "it no longer says that it changes nothing",
            ),
            (
                !old.destructive || old.read_only,
                !new.destructive || new.read_only,
                "it says that it destroys nothing",
                "it no longer says that it destroys nothing",
            ),
            (
                old.idempotent || old.read_only,
                new.idempotent || new.read_only,
                "it says that doing it twice is as good as once",
                "it no longer says that doing it twice is as good as once",
            ),
            (
                !old.open_world,
                !new.open_world,
                "it says that nobody else changes what it deals with",
                "it no longer says that nobody else changes what it deals with",
            ),
        ] {
            match (before, after) {
                (false, true) => self.add(ToolPart::Annotations, claimed, Verdict::Compatible),
                (true, false) => self.add(ToolPart::Annotations, taken_back, Verdict::Breaking),
                _ => {}
            }
        }
    }

    /// A text for readers.
    fn text(&mut self, part: ToolPart, what: &str, old: String, new: String) {
        if old != new {
            self.add(part, what, Verdict::Compatible);
            if let Some(change) = self.0.last_mut() {
                (change.before, change.after) = (Some(old), Some(new));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::slice::from_ref;

    fn tool(edit: impl FnOnce(&mut Value)) -> ToolSpec {
        let mut spec = json!({
            "name": "find",
            "title": "Find",
            "description": "Finds things in the attic",
            "input_schema": {
                "type": "object",
                "properties": { "what": { "type": "string" }, "most": { "type": "integer" } },
                "required": ["what"],
                "additionalProperties": false,
            },
            "output_schema": { "type": "object", "properties": { "found": { "type": "string" } }, "required": ["found"] },
            "annotations": { "read_only": true, "destructive": false, "idempotent": true, "open_world": false },
        });
        edit(&mut spec);
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn each_part_has_its_verdict() {
        use ToolPart::{Annotations, Description, Input, Lifetime, Output, Title, Tool};
        use Verdict::{Breaking, Compatible, Unknown};
        type Case = (
            &'static str,
            fn(&mut Value),
            &'static [(ToolPart, &'static str, Verdict)],
        );
        let table: [Case; 15] = [
            ("nothing", |_| {}, &[]),
            ("a name", |s| s["name"] = json!("seek"), &[(Tool, "", Breaking)]),
            (
                "a title",
                |s| s["title"] = json!("Seek"),
                &[(Title, "", Compatible)],
            ),
            (
                "a description",
                |s| s["description"] = json!("Finds things"),
                &[(Description, "", Compatible)],
            ),
            (
                "a lifetime",
                |s| s["cache"] = json!({ "ttl": "60s" }),
                &[(Lifetime, "", Compatible)],
            ),
            (
                "a claim",
                |s| s["annotations"]["open_world"] = json!(true),
                &[(Annotations, "", Breaking)],
            ),
            (
                "a parameter is needed",
                |s| s["input_schema"]["required"] = json!(["what", "most"]),
                &[(Input, "/most", Breaking)],
            ),
            (
                "a parameter is gone",
                |s| s["input_schema"]["properties"] = json!({ "what": { "type": "string" } }),
                &[(Input, "/most", Breaking)],
            ),
            (
                "a parameter is new",
                |s| s["input_schema"]["properties"]["least"] = json!({}),
                &[(Input, "/least", Compatible)],
            ),
            (
                "a parameter takes less",
                |s| s["input_schema"]["properties"]["what"] = json!({ "enum": ["hat"] }),
                &[(Input, "/what", Breaking)],
            ),
            (
                "nobody knows",
                |s| s["input_schema"]["properties"]["what"]["format"] = json!("uri"),
                &[(Input, "/what", Unknown)],
            ),
            (
                "an answer has more",
                |s| s["output_schema"]["properties"]["where"] = json!({ "type": "string" }),
                &[(Output, "/where", Compatible)],
            ),
            (
                "an answer has less",
                |s| s["output_schema"]["required"] = json!([]),
                &[(Output, "/found", Breaking)],
            ),
            (
                "an answer's form is gone",
                |s| {
                    s.as_object_mut().unwrap().remove("output_schema");
                },
                &[(Output, "", Breaking)],
            ),
            (
                "several, the worst first",
                |s| {
                    s["title"] = json!("Seek");
                    s["input_schema"]["properties"]["what"]["format"] = json!("uri");
                    s["input_schema"]["required"] = json!(["what", "most"]);
                },
                &[
                    (Input, "/most", Breaking),
                    (Input, "/what", Unknown),
                    (Title, "", Compatible),
                ],
            ),
        ];
        for (what, edit, expected) in table {
            let changes = compare_tools(Some(&tool(|_| {})), Some(&tool(edit)));
            let told: Vec<_> = changes
                .iter()
                .map(|change| (change.part, change.path.as_str(), change.verdict))
                .collect();
            assert_eq!(told, expected, "{what}: {changes:?}");
        }
        let there = tool(|_| {});
        assert_eq!(compare_tools(None, Some(&there))[0].verdict, Compatible);
        assert_eq!(compare_tools(Some(&there), None)[0].verdict, Breaking);
        // What is taken back by one word is told once for each claim that it was good for.
        let writes = tool(|s| s["annotations"] = json!({}));
        let claims = compare_tools(Some(&there), Some(&writes));
        assert_eq!(claims.len(), 4, "{claims:?}");
        assert!(claims.iter().all(|claim| claim.verdict == Breaking));
        let back = compare_tools(Some(&writes), Some(&there));
        assert!(back.iter().all(|claim| claim.verdict == Compatible));
    }

    #[test]
    fn a_tool_is_found_under_its_other_name() {
        let manifest = |tools: &[ToolSpec]| Manifest {
            tools: tools.to_vec(),
            ..serde_json::from_value(json!({ "name": "attic", "tools": [] })).unwrap()
        };
        let (old, new) = (tool(|_| {}), tool(|spec| spec["name"] = json!("seek")));
        let (from, to) = (manifest(from_ref(&old)), manifest(from_ref(&new)));
        for name in ["find", "seek"] {
            let found = partners(&from, &to, &name.parse().unwrap());
            assert_eq!(found, (Some(&old), Some(&new)), "{name}");
        }
        let gone = manifest(&[]);
        assert_eq!(partners(&from, &gone, &old.name), (Some(&old), None));
        assert_eq!(partners(&gone, &to, &old.name), (None, None));
    }
}
