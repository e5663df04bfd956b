//! How often a schema may look at the same value.
//!
//! A validator can't be interrupted, and a small schema can make it look at one value billions of times: `anyOf` eight
//! references to a definition that is `anyOf` eight references, and so on; or a recursive one that names itself twice for
//! the same child. This file computes a bound on that number before a schema is ever used. The work of a check is then at
//! most this number times the number of values in the arguments, and both are bounded.
//!
//! How: the schema is a graph of subschemas. Some edges apply another subschema to the *same* value (`allOf`, `$ref`, …), some
//! to a *child* of it (`properties`, `items`, …). What can be applied to one value is then a count for each subschema. From the
//! counts of the whole document follow those of each kind of child, and so on, until nothing new comes or the sum of the
//! counts is over the bound.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Most looks at one value. Schemas of real tools stay below a hundred.
pub(super) const MAX_LOOKS: u64 = 1000;

/// Most steps that the judgement itself may take.
const MAX_EFFORT: u64 = 5_000_000;

/// Keywords whose value, or each of whose values, is applied to the same value.
const SAME: [&str; 7] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"];

/// Keywords that hold a subschema by condition, applied to the same value.
const SAME_BY_NAME: [&str; 2] = ["dependentSchemas", "dependencies"];

/// Keywords for members of an object, whatever their name, and for the names themselves.
const MEMBERS: [&str; 4] = [
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
];

/// Keywords for elements of an array.
const ELEMENTS: [&str; 5] = [
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "unevaluatedItems",
];

/// Keywords whose meaning this analysis does not follow.
const REFUSED: [&str; 4] = [
    "$dynamicRef",
    "$recursiveRef",
    "$dynamicAnchor",
    "$recursiveAnchor",
];

/// A subschema, by its place in the list of all.
type Node = usize;

/// What has children.
#[derive(Clone, Copy)]
enum Kind {
    /// An object.
    Member,
    /// An array.
    Element,
}

#[derive(Default)]
struct Graph {
    /// To the same value.
    same: Vec<Vec<Node>>,
    /// To any child of a kind.
    any: Vec<Vec<(Node, Kind)>>,
    /// To the child of a name.
    named: Vec<Vec<(String, Node)>>,
}

/// How often each subschema may be applied to one value.
type Counts = BTreeMap<Node, u64>;

/// The largest number of looks at one value.
///
/// # Errors
/// A sentence when it is over the bound, or can't be told.
pub(super) fn looks(schema: &Value) -> Result<u64, String> {
    let graph = Graph::new(schema)?;
    let mut walk = Walk {
        position: graph.positions()?,
        graph,
        work: 0,
    };
    let mut open = vec![walk.closed(Counts::from([(0, 1)]))?];
    let mut seen: BTreeSet<Counts> = open.iter().cloned().collect();
    let mut most = 0;
    while let Some(counts) = open.pop() {
        let sum = counts
            .values()
            .fold(0u64, |sum, count| sum.saturating_add(*count));
        if sum > MAX_LOOKS {
            return Err(format!(
                "its input schema may look at one value more than {MAX_LOOKS} times, and a check can't be interrupted; \
                 its author has to make it simpler, with fewer `$ref`, `anyOf`, `oneOf` and `allOf` below one another"
            ));
        }
        most = most.max(sum);
        for child in walk.children(&counts)? {
            if !child.is_empty() && seen.insert(child.clone()) {
                open.push(child);
            }
        }
    }
    Ok(most)
}

/// A graph, and what was spent on it.
struct Walk {
    graph: Graph,
    /// Of each subschema: its place in an order in which it comes after those that apply it to the same value.
    position: Vec<usize>,
    work: u64,
}

impl Walk {
    /// The counts with all that follows for the same value.
    fn closed(&mut self, start: Counts) -> Result<Counts, String> {
        let at = |position: &[usize], node: Node| position.get(node).copied().unwrap_or_default();
        let mut open: BTreeMap<usize, (Node, u64)> = start
            .into_iter()
            .map(|(node, count)| (at(&self.position, node), (node, count)))
            .collect();
        let mut closed = Counts::new();
        while let Some((_, (node, count))) = open.pop_first() {
            closed.insert(node, count);
            for target in self.graph.same.get(node).into_iter().flatten() {
                self.work += 1;
                let sum = open.entry(at(&self.position, *target)).or_insert((*target, 0));
                sum.1 = sum.1.saturating_add(count);
            }
            self.work += 1;
            if self.work > MAX_EFFORT {
                return Err("its input schema is too complex to be judged; its author has to make it simpler, with fewer `$ref`, `anyOf`, \
                    `oneOf` and `allOf` below one another"
                    .to_owned());
            }
        }
        Ok(closed)
    }

    /// The counts of each kind of child: of each name that is written somewhere, of any other name, of an array.
    fn children(&mut self, counts: &Counts) -> Result<Vec<Counts>, String> {
        let (mut other, mut element) = (Counts::new(), Counts::new());
        let mut named: BTreeMap<String, Counts> = BTreeMap::new();
        let add = |counts: &mut Counts, target: Node, count: u64| {
            let sum = counts.entry(target).or_default();
            *sum = sum.saturating_add(count);
        };
        for (node, count) in counts {
            for (target, kind) in self.graph.any.get(*node).into_iter().flatten() {
                match kind {
                    Kind::Member => add(&mut other, *target, *count),
                    Kind::Element => add(&mut element, *target, *count),
                }
            }
            for (name, target) in self.graph.named.get(*node).into_iter().flatten() {
                add(named.entry(name.clone()).or_default(), *target, *count);
            }
        }
        let mut children = vec![self.closed(other.clone())?, self.closed(element)?];
        for (_, mut counts) in named {
            for (target, count) in &other {
                add(&mut counts, *target, *count);
            }
            children.push(self.closed(counts)?);
        }
        Ok(children)
    }
}

impl Graph {
    fn new(schema: &Value) -> Result<Self, String> {
        let mut graph = Graph::default();
        let mut places: BTreeMap<String, Node> = BTreeMap::new();
        let mut references: Vec<(Node, String)> = Vec::new();
        graph.add(schema, String::new(), &mut places, &mut references)?;
        for (from, pointer) in references {
            let to = match places.get(&pointer) {
                Some(to) => *to,
                None => {
                    // A place that no keyword leads to, such as a definition under a name of the author's own.
                    let target = schema.pointer(&pointer).ok_or_else(|| {
                        format!("its input schema refers to `#{pointer}`, which is not there")
                    })?;
                    let mut more = Vec::new();
                    let to = graph.add(target, pointer, &mut places, &mut more)?;
                    for (from, pointer) in more {
                        let to = places.get(&pointer).ok_or_else(|| {
                            format!("its input schema's reference `#{pointer}` leads too far")
                        })?;
                        graph.link(from, *to);
                    }
                    to
                }
            };
            graph.link(from, to);
        }
        Ok(graph)
    }

    fn link(&mut self, from: Node, to: Node) {
        if let Some(same) = self.same.get_mut(from) {
            same.push(to);
        }
    }

    /// Adds a subschema and all that is written inside it.
    fn add(
        &mut self,
        schema: &Value,
        at: String,
        places: &mut BTreeMap<String, Node>,
        references: &mut Vec<(Node, String)>,
    ) -> Result<Node, String> {
        if let Some(there) = places.get(&at) {
            return Ok(*there);
        }
        let node = self.same.len();
        self.same.push(Vec::new());
        self.any.push(Vec::new());
        self.named.push(Vec::new());
        places.insert(at.clone(), node);
        let Some(object) = schema.as_object() else {
            return Ok(node);
        };
        if let Some(word) = REFUSED.iter().find(|word| object.contains_key(**word)) {
            return Err(format!(
                "its input schema uses `{word}`, which this host does not follow"
            ));
        }
        if !at.is_empty() && object.contains_key("$id") {
            return Err(
                "its input schema has an `$id` inside; references within it would be ambiguous".to_owned(),
            );
        }
        for (keyword, value) in object {
            let at = format!("{at}/{}", escape(keyword));
            match (keyword.as_str(), value) {
                ("$ref", Value::String(reference)) => match reference.strip_prefix('#') {
                    Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
                        references.push((node, pointer.to_owned()));
                    }
                    _ => {
                        return Err(format!(
                            "its input schema refers to `{reference}`; only `#/…` is followed"
                        ));
                    }
                },
                ("properties", Value::Object(all)) => {
                    for (name, inner) in all {
                        let child = self.add(inner, format!("{at}/{}", escape(name)), places, references)?;
                        if let Some(named) = self.named.get_mut(node) {
                            named.push((name.clone(), child));
                        }
                    }
                }
                ("$defs" | "definitions", Value::Object(all)) => {
                    for (name, inner) in all {
                        self.add(inner, format!("{at}/{}", escape(name)), places, references)?;
                    }
                }
                (word, value) => {
                    let same = SAME.contains(&word) || SAME_BY_NAME.contains(&word);
                    let kind = match word {
                        word if MEMBERS.contains(&word) => Kind::Member,
                        word if ELEMENTS.contains(&word) => Kind::Element,
                        _ if same => Kind::Member,
                        _ => continue,
                    };
                    let by_name = SAME_BY_NAME.contains(&word) || word == "patternProperties";
                    let inner: Vec<(String, &Value)> = match value {
                        Value::Array(list) => list
                            .iter()
                            .enumerate()
                            .map(|(i, v)| (format!("{at}/{i}"), v))
                            .collect(),
                        Value::Object(all) if by_name => all
                            .iter()
                            .map(|(name, v)| (format!("{at}/{}", escape(name)), v))
                            .collect(),
                        one => vec![(at, one)],
                    };
                    for (at, value) in inner {
                        let target = self.add(value, at, places, references)?;
                        if same {
                            self.link(node, target);
                        } else if let Some(any) = self.any.get_mut(node) {
                            any.push((target, kind));
                        }
                    }
                }
            }
        }
        Ok(node)
    }

    /// The place of each subschema in an order in which it comes after those that apply it to the same value.
    fn positions(&self) -> Result<Vec<usize>, String> {
        let mut incoming = vec![0usize; self.same.len()];
        for target in self.same.iter().flatten() {
            if let Some(count) = incoming.get_mut(*target) {
                *count += 1;
            }
        }
        let mut ready: Vec<Node> = incoming
            .iter()
            .enumerate()
            .filter(|(_, count)| **count == 0)
            .map(|(node, _)| node)
            .collect();
        let mut positions = vec![0; self.same.len()];
        let mut placed = 0;
        while let Some(node) = ready.pop() {
            if let Some(position) = positions.get_mut(node) {
                *position = placed;
            }
            placed += 1;
            for target in self.same.get(node).into_iter().flatten() {
                if let Some(count) = incoming.get_mut(*target) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push(*target);
                    }
                }
            }
        }
        if placed < self.same.len() {
            return Err(
                "its input schema refers to itself for the same value, and so without end".to_owned(),
            );
        }
        Ok(positions)
    }
}

/// A name as it stands in a JSON pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `depth` definitions, each of which applies the next one `width` times to the same value.
    fn bomb(keyword: &str, width: usize, depth: usize) -> Value {
        let mut defs = serde_json::Map::new();
        for i in 0..depth {
            let next = json!({ "$ref": format!("#/$defs/d{}", i + 1) });
            defs.insert(format!("d{i}"), json!({ keyword: vec![next; width] }));
        }
        defs.insert(format!("d{depth}"), json!({ "type": "string" }));
        json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/d0" } }, "$defs": defs })
    }

    #[test]
    fn schemas_of_tools_are_light() {
        let tree = json!({
            "type": "object",
            "properties": { "left": { "$ref": "#" }, "right": { "$ref": "#" }, "items": { "type": "array", "items": { "$ref": "#" } } }
        });
        let enumeration = json!({
            "$defs": { "E": { "oneOf": [
                { "properties": { "not": { "$ref": "#/$defs/E" } }, "required": ["not"] },
                { "properties": { "all": { "items": { "$ref": "#/$defs/E" } } }, "required": ["all"] },
                { "type": "string" }
            ] } },
            "properties": { "e": { "$ref": "#/$defs/E" } }
        });
        for schema in [
            json!({}),
            json!({ "type": "object" }),
            tree,
            json!({ "properties": {
                "a": { "properties": { "x": { "$ref": "#" } } },
                "b": { "properties": { "x": { "$ref": "#" } } }
            } }),
            enumeration,
            bomb("anyOf", 2, 3),
        ] {
            let looks = looks(&schema).unwrap();
            assert!(looks < 100, "{looks} for {schema}");
        }
    }

    #[test]
    fn schemas_that_look_too_often_or_for_ever() {
        let twice = json!({ "anyOf": [
            { "properties": { "x": { "$ref": "#" } } },
            { "properties": { "x": { "$ref": "#" } } }
        ] });
        for (schema, word) in [
            (bomb("anyOf", 8, 14), "more than"),
            (bomb("allOf", 2, 20), "more than"),
            (bomb("oneOf", 10, 4), "more than"),
            (twice, "more than"),
            (json!({ "$ref": "#" }), "without end"),
            (
                json!({ "$defs": { "a": { "not": { "$ref": "#/$defs/b" } }, "b": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" }),
                "without end",
            ),
            (json!({ "$ref": "https://example.com/x" }), "only `#/…`"),
            (json!({ "$ref": "#/$defs/none" }), "not there"),
            (
                json!({ "properties": { "a": { "$dynamicRef": "#x" } } }),
                "$dynamicRef",
            ),
            (json!({ "properties": { "a": { "$id": "b" } } }), "$id"),
        ] {
            let error = looks(&schema).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
