//! What changed between two versions of a schema, and who notices.
//!
//! A change makes a schema *narrower* (some value that fitted does not fit any more), *wider* (some value fits that did not),
//! both, or neither. Whoever sends arguments is broken by a narrower schema of the input; whoever reads answers is broken by a
//! wider schema of the output. What this file does not understand counts as both.
//!
//! One thing is judged as people do rather than by the letter: a property that is new and optional breaks nobody's arguments,
//! even where the old schema let anything pass under its name.

mod bounds;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

/// Which way the values go that a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Arguments: others send them.
    Input,
    /// Structured answers: others read them.
    Output,
}

/// A difference between two schemas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchemaChange {
    /// The values it is about, as a JSON pointer; `*` stands for each element of an array and for each member that has no
    /// schema of its own. Empty for the whole.
    pub path: String,
    /// What changed, in words.
    pub what: String,
    /// Someone who relied on the old schema may fail with the new one.
    pub breaking: bool,
}

/// Most differences that are told. Two schemas with more have little in common.
const MAX_CHANGES: usize = 200;

/// Most pairs of subschemas that are compared. Schemas are bounded in size, but references multiply them.
const MAX_STEPS: usize = 20_000;

/// How deep it goes. The stack bounds it; schemas of tools have some ten levels.
const MAX_DEPTH: usize = 60;

/// Longest value that a sentence repeats, in characters.
const SHOWN: usize = 60;

/// What a change does to the set of values that fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Nothing: it is for readers.
    None,
    /// Some values that fitted do not.
    Narrower,
    /// Some values fit that did not.
    Wider,
    /// Both, or it can't be told.
    Unknown,
}

/// Keywords that say nothing about which values fit.
const FOR_READERS: [&str; 9] = [
    "title",
    "description",
    "default",
    "examples",
    "$comment",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentMediaType",
];

/// Keywords that only hold what references lead to.
const HOLDERS: [&str; 2] = ["$defs", "definitions"];

/// Keywords whose subschemas do not simply make a schema narrower when they become narrower.
const ENTANGLED: [&str; 9] = [
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "patternProperties",
    "dependentSchemas",
];

/// The differences between an old schema and a new one, in order of their places in the old. None when they are the same.
///
/// It takes bounded time and memory; where a bound ends it, the last change says so, and counts as breaking.
pub fn compare(old: &Value, new: &Value, direction: Direction) -> Vec<SchemaChange> {
    if old == new {
        return Vec::new();
    }
    let mut walk = Walk {
        old_root: old,
        new_root: new,
        steps: 0,
        found: Vec::new(),
        seen: BTreeSet::new(),
    };
    walk.schemas("", Some(old), Some(new), 0);
    let mut changes: Vec<SchemaChange> = walk
        .found
        .into_iter()
        .map(|(path, what, effect)| SchemaChange {
            path,
            what,
            breaking: match (direction, effect) {
                (_, Effect::None)
                | (Direction::Input, Effect::Wider)
                | (Direction::Output, Effect::Narrower) => false,
                (Direction::Input, Effect::Narrower)
                | (Direction::Output, Effect::Wider)
                | (_, Effect::Unknown) => true,
            },
        })
        .collect();
    if changes.len() > MAX_CHANGES {
        // Those that break come first when there is no room for all.
        changes.sort_by_key(|change| !change.breaking);
        changes.truncate(MAX_CHANGES);
        changes.push(SchemaChange {
            path: String::new(),
            what: "there are more changes than are told".to_owned(),
            breaking: true,
        });
    }
    changes
}

/// A difference: where, what, and what it does.
type Found = (String, String, Effect);

struct Walk<'s> {
    old_root: &'s Value,
    new_root: &'s Value,
    steps: usize,
    found: Vec<Found>,
    /// Pairs of references that were followed. Recursive schemas come back to the same pair: what differs there is told
    /// already.
    seen: BTreeSet<(&'s str, &'s str)>,
}

/// What a schema that lets everything pass looks like.
static EVERYTHING: Value = Value::Bool(true);

impl<'s> Walk<'s> {
    fn tell(&mut self, path: &str, what: impl Into<String>, effect: Effect) {
        // A few more than are shown, so that the caller sees that there are more.
        if self.found.len() <= 2 * MAX_CHANGES {
            self.found.push((path.to_owned(), what.into(), effect));
        }
    }

    /// Compares two subschemas; where there is none, everything passes.
    fn schemas(&mut self, path: &str, old: Option<&'s Value>, new: Option<&'s Value>, depth: usize) {
        let (old, new) = (old.unwrap_or(&EVERYTHING), new.unwrap_or(&EVERYTHING));
        self.steps += 1;
        if self.steps > MAX_STEPS || depth > MAX_DEPTH {
            // Once is enough.
            if self.steps <= MAX_STEPS + 1 {
                self.tell(path, "it is too large to be compared", Effect::Unknown);
            }
            return;
        }
        match (old, new) {
            (Value::Bool(old), Value::Bool(new)) => match (old, new) {
                (true, false) => self.tell(path, "nothing fits any more", Effect::Narrower),
                (false, true) => self.tell(path, "anything fits now", Effect::Wider),
                _ => {}
            },
            (Value::Bool(false), Value::Object(_)) => self.tell(path, "it may be there now", Effect::Wider),
            (Value::Object(_), Value::Bool(false)) => {
                self.tell(path, "nothing fits any more", Effect::Narrower)
            }
            (Value::Bool(true), Value::Object(new)) => self.objects(path, empty(), new, depth),
            (Value::Object(old), Value::Bool(true)) => self.objects(path, old, empty(), depth),
            (Value::Object(old), Value::Object(new)) => self.objects(path, old, new, depth),
            _ if old == new => {}
            _ => self.tell(
                path,
                "it changed to what is no schema, or from it",
                Effect::Unknown,
            ),
        }
    }

    fn objects(
        &mut self,
        path: &str,
        old: &'s Map<String, Value>,
        new: &'s Map<String, Value>,
        depth: usize,
    ) {
        let (old_ref, new_ref) = (reference(old), reference(new));
        if old_ref.is_some() || new_ref.is_some() {
            return self.references(path, (old, old_ref), (new, new_ref), depth);
        }
        self.keywords(path, old, new, depth);
    }

    /// References: what they lead to is compared, and what stands beside them.
    fn references(
        &mut self,
        path: &str,
        (old, old_ref): (&'s Map<String, Value>, Option<&'s str>),
        (new, new_ref): (&'s Map<String, Value>, Option<&'s str>),
        depth: usize,
    ) {
        let lone =
            |schema: &Map<String, Value>| schema.keys().all(|key| key == "$ref" || is_for_readers(key));
        let both = old_ref.is_some() && new_ref.is_some();
        if !(both || lone(old) && old_ref.is_some() || lone(new) && new_ref.is_some()) {
            return self.tell(
                path,
                "it has a reference where there was none, or the other way round",
                Effect::Unknown,
            );
        }
        if both {
            // The references themselves are passed over there.
            self.keywords(path, old, new, depth);
        }
        let pair = (old_ref.unwrap_or_default(), new_ref.unwrap_or_default());
        if both && !self.seen.insert(pair) {
            return;
        }
        let target =
            |root: &'s Value, schema: &'s Map<String, Value>, reference: Option<&'s str>| match reference {
                Some(reference) => reference
                    .strip_prefix('#')
                    .and_then(|pointer| root.pointer(pointer))
                    .map(Side::Value),
                None => Some(Side::Map(schema)),
            };
        match (
            target(self.old_root, old, old_ref),
            target(self.new_root, new, new_ref),
        ) {
            (Some(Side::Value(old)), Some(Side::Value(new))) => {
                self.schemas(path, Some(old), Some(new), depth + 1)
            }
            (Some(Side::Map(old)), Some(Side::Value(Value::Object(new))))
            | (Some(Side::Value(Value::Object(old))), Some(Side::Map(new))) => {
                self.steps += 1;
                if self.steps > MAX_STEPS || depth > MAX_DEPTH {
                    return self.tell(path, "it is too large to be compared", Effect::Unknown);
                }
                self.objects(path, old, new, depth + 1);
            }
            _ => self.tell(
                path,
                "it has a reference that leads nowhere or elsewhere",
                Effect::Unknown,
            ),
        }
    }

    fn keywords(
        &mut self,
        path: &str,
        old: &'s Map<String, Value>,
        new: &'s Map<String, Value>,
        depth: usize,
    ) {
        let added = new.keys().filter(|key| !old.contains_key(*key));
        let mut done = false;
        for key in old.keys().chain(added).map(String::as_str) {
            let (before, after) = (old.get(key), new.get(key));
            match key {
                "$ref" => {}
                _ if HOLDERS.contains(&key) => {}
                _ if is_for_readers(key) => {
                    if before != after {
                        self.tell(path, for_readers(key, before, after), Effect::None);
                    }
                }
                // These hang together: each pair is looked at once.
                "properties" | "required" | "additionalProperties" => {
                    if !std::mem::replace(&mut done, true) {
                        self.members(path, old, new, depth);
                    }
                }
                "items" if !is_list(before) && !is_list(after) => {
                    self.schemas(&format!("{path}/*"), before, after, depth + 1);
                }
                "allOf" | "prefixItems" => self.all_of(path, key, before, after, depth),
                "anyOf" => self.any_of(path, before, after, depth),
                _ if ENTANGLED.contains(&key) => self.entangled(path, key, before, after, depth),
                _ => {
                    if let Some((what, effect)) = bounds::compare(key, old, new) {
                        self.tell(path, what, effect);
                    }
                }
            }
        }
    }

    /// Properties, which of them are needed, and what else may be there.
    fn members(
        &mut self,
        path: &str,
        old: &'s Map<String, Value>,
        new: &'s Map<String, Value>,
        depth: usize,
    ) {
        let (old_members, new_members) = (properties(old), properties(new));
        let (old_needs, new_needs) = (names(old), names(new));
        let (old_others, new_others) = (others(old), others(new));
        for (name, before) in old_members {
            let path = format!("{path}/{}", escape(name));
            match new_members.get(name) {
                Some(after) => self.schemas(&path, Some(before), Some(after), depth + 1),
                None if *new_others == Value::Bool(false) => {
                    self.tell(&path, "it is gone, and not allowed any more", Effect::Narrower);
                }
                None if *new_others == Value::Bool(true) => {
                    self.tell(&path, "it is gone; anything passes under its name", Effect::Wider);
                }
                None => {
                    self.tell(
                        &path,
                        "it is gone; it falls under what is said of others",
                        Effect::None,
                    );
                    self.schemas(&path, Some(before), Some(new_others), depth + 1);
                }
            }
        }
        for (name, after) in new_members
            .iter()
            .filter(|(name, _)| !old_members.contains_key(*name))
        {
            let path = format!("{path}/{}", escape(name));
            let needed = new_needs.contains(name.as_str()) && !old_needs.contains(name.as_str());
            match old_others {
                _ if needed => self.tell(&path, "it is new, and required", Effect::Narrower),
                Value::Bool(false) => self.tell(&path, "it is new, and optional", Effect::Wider),
                Value::Bool(true) => self.tell(&path, "it is new, and optional", Effect::None),
                _ => {
                    self.tell(
                        &path,
                        "it is new; before, it fell under what was said of others",
                        Effect::None,
                    );
                    self.schemas(&path, Some(old_others), Some(after), depth + 1);
                }
            }
            if needed && *old_others == Value::Bool(false) {
                // It could not be there before, and must be now: neither side understands the other.
                self.tell(
                    &path,
                    "no value of before fits any more, and the other way round",
                    Effect::Unknown,
                );
            }
        }
        for name in new_needs.difference(&old_needs) {
            // New ones have been told.
            if old_members.contains_key(*name) || !new_members.contains_key(*name) {
                self.tell(
                    &format!("{path}/{}", escape(name)),
                    "it is required now",
                    Effect::Narrower,
                );
            }
        }
        for name in old_needs.difference(&new_needs) {
            self.tell(
                &format!("{path}/{}", escape(name)),
                "it is not required any more",
                Effect::Wider,
            );
        }
        self.schemas(
            &format!("{path}/*"),
            Some(old_others),
            Some(new_others),
            depth + 1,
        );
    }

    /// Schemas that all must fit, or that fit one element each.
    fn all_of(
        &mut self,
        path: &str,
        key: &str,
        old: Option<&'s Value>,
        new: Option<&'s Value>,
        depth: usize,
    ) {
        match (list(old), list(new)) {
            (Some(old), Some(new)) if old.len() == new.len() => {
                for (at, (old, new)) in old.iter().zip(new).enumerate() {
                    let path = if key == "prefixItems" {
                        format!("{path}/{at}")
                    } else {
                        path.to_owned()
                    };
                    self.schemas(&path, Some(old), Some(new), depth + 1);
                }
            }
            _ => self.tell(path, changed(key), Effect::Unknown),
        }
    }

    /// Schemas of which one must fit.
    fn any_of(&mut self, path: &str, old: Option<&'s Value>, new: Option<&'s Value>, depth: usize) {
        let (Some(old), Some(new)) = (list(old), list(new)) else {
            let effect = match (old, new) {
                (None, Some(Value::Array(_))) => Effect::Narrower,
                (Some(Value::Array(_)), None) => Effect::Wider,
                _ => Effect::Unknown,
            };
            return self.tell(path, changed("anyOf"), effect);
        };
        if old.len() == new.len() {
            for (old, new) in old.iter().zip(new) {
                self.schemas(path, Some(old), Some(new), depth + 1);
            }
            return;
        }
        let (longer, shorter, effect, what) = if new.len() > old.len() {
            (new, old, Effect::Wider, "it has more alternatives")
        } else {
            (old, new, Effect::Narrower, "it has fewer alternatives")
        };
        // References may lead elsewhere though they read the same.
        let plain = !longer.iter().chain(shorter).any(refers);
        let kept = plain && shorter.iter().all(|one| longer.contains(one));
        self.tell(path, what, if kept { effect } else { Effect::Unknown });
    }

    /// Keywords in which a narrower subschema may make the whole wider: only what is for readers may differ in them.
    fn entangled(
        &mut self,
        path: &str,
        key: &str,
        old: Option<&'s Value>,
        new: Option<&'s Value>,
        depth: usize,
    ) {
        let told = std::mem::take(&mut self.found);
        // What was told elsewhere has another meaning here.
        let seen = std::mem::take(&mut self.seen);
        let alike = match (old, new) {
            (Some(Value::Array(old)), Some(Value::Array(new))) if old.len() == new.len() => {
                for (old, new) in old.iter().zip(new) {
                    self.schemas(path, Some(old), Some(new), depth + 1);
                }
                true
            }
            (Some(Value::Object(old)), Some(Value::Object(new)))
                if matches!(key, "patternProperties" | "dependentSchemas") =>
            {
                for (name, old) in old {
                    self.schemas(path, Some(old), new.get(name), depth + 1);
                }
                old.keys().eq(new.keys())
            }
            (
                Some(old @ (Value::Object(_) | Value::Bool(_))),
                Some(new @ (Value::Object(_) | Value::Bool(_))),
            ) => {
                self.schemas(path, Some(old), Some(new), depth + 1);
                true
            }
            (old, new) => old == new,
        };
        let inner = std::mem::replace(&mut self.found, told);
        self.seen = seen;
        if alike && inner.iter().all(|(_, _, effect)| *effect == Effect::None) {
            self.found.extend(inner);
        } else {
            self.tell(path, changed(key), Effect::Unknown);
        }
    }
}

/// What a side of a comparison is.
enum Side<'s> {
    Value(&'s Value),
    Map(&'s Map<String, Value>),
}

fn empty() -> &'static Map<String, Value> {
    static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    &EMPTY
}

fn reference(schema: &Map<String, Value>) -> Option<&str> {
    schema
        .get("$ref")
        .map(|reference| reference.as_str().unwrap_or_default())
}

/// Whether there is a reference in it.
fn refers(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.contains_key("$ref") || map.values().any(refers),
        Value::Array(list) => list.iter().any(refers),
        _ => false,
    }
}

fn properties(schema: &Map<String, Value>) -> &Map<String, Value> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or_else(|| empty())
}

fn others(schema: &Map<String, Value>) -> &Value {
    schema.get("additionalProperties").unwrap_or(&EVERYTHING)
}

fn names(schema: &Map<String, Value>) -> BTreeSet<&str> {
    list(schema.get("required"))
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn list(value: Option<&Value>) -> Option<&Vec<Value>> {
    value.and_then(Value::as_array)
}

fn is_list(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_array)
}

fn is_for_readers(key: &str) -> bool {
    FOR_READERS.contains(&key)
}

/// A name as a part of a JSON pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn changed(key: &str) -> String {
    format!("`{}` changed", shown_text(key))
}

fn for_readers(key: &str, before: Option<&Value>, after: Option<&Value>) -> String {
    match (key, before, after) {
        ("default", None, Some(after)) => format!("{} is meant where it is left out", shown(after)),
        ("default", Some(before), Some(after)) => {
            format!(
                "where it is left out, {} is meant, and no longer {}",
                shown(after),
                shown(before)
            )
        }
        ("default", Some(_), None) => {
            "nothing is said any more of what is meant where it is left out".to_owned()
        }
        ("description" | "title", ..) => format!("its {key} changed"),
        _ => changed(key),
    }
}

/// A value in a sentence.
fn shown(value: &Value) -> String {
    shown_text(&value.to_string())
}

fn shown_text(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
