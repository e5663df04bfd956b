//! What changed between two versions of a schema, and who notices.
//!
//! A change makes a schema *narrower* (some value that fitted does not fit any more), *wider* (some value fits that did not),
//! both, or neither. Whoever sends arguments is broken by a narrower schema of the input; whoever reads answers is broken by a
//! wider schema of the output. Where it can't be told, that is what is said, and nothing is guessed.
//!
//! "Compatible" is proven. "Breaking" is what the schemas say by the letter: that no caller ever sent what no longer fits is
//! possible, and nothing that a schema can tell. One thing is judged as people do: a property that is new and optional breaks
//! nobody, even where the old schema let anything pass under its name.

mod alternatives;
mod bounds;
mod effect;
mod words;

use std::collections::BTreeSet;

use effect::Effect;
use serde::Serialize;
use serde_json::{Map, Value};
use words::{changed, escape, for_readers, shown};

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
    /// What it means for those who relied on the old schema.
    pub verdict: Verdict,
}

/// What a change means for those who relied on what was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing that worked fails.
    Compatible,
    /// It can't be decided.
    Unknown,
    /// Something that worked fails.
    Breaking,
}

/// Most differences that are told. Two schemas with more have little in common.
const MAX_CHANGES: usize = 200;

/// Most pairs of subschemas that are compared. Schemas are bounded in size, but references multiply them.
const MAX_STEPS: usize = 20_000;

/// How deep it goes. The stack bounds it; schemas of tools have some ten levels.
const MAX_DEPTH: usize = 60;

/// Keywords that say nothing about which values fit.
const FOR_READERS: [&str; 10] = [
    "title",
    "description",
    "default",
    "examples",
    "$comment",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentEncoding",
    "contentMediaType",
];

/// Keywords that only hold what references lead to.
const HOLDERS: [&str; 2] = ["$defs", "definitions"];

/// Keywords whose subschemas do not simply make a schema narrower when they become narrower.
const ENTANGLED: [&str; 8] = [
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "patternProperties",
    "dependentSchemas",
];

/// Keywords of objects and lists that see what others at the same value have looked at: everything beside them counts.
const SEEING: [&str; 2] = ["unevaluatedProperties", "unevaluatedItems"];

/// The differences between an old schema and a new one, in order of their places in the old. None when they are the same.
///
/// It takes bounded time and memory; where a bound ends it, a change says so, and its verdict is that nothing is known.
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
        seen_literal: BTreeSet::new(),
        literal: false,
    };
    if has_bases(old) || has_bases(new) {
        walk.tell(
            "",
            "it has an `$id` inside, which gives references another meaning",
            Effect::UNKNOWN,
        );
    } else {
        walk.schemas("", Some(old), Some(new), 0);
    }
    let mut changes: Vec<SchemaChange> = walk
        .found
        .into_iter()
        .map(|(path, what, effect)| SchemaChange {
            path,
            what,
            verdict: effect.verdict(direction),
        })
        .collect();
    if changes.len() > MAX_CHANGES {
        // The worst come first when there is no room for all.
        changes.sort_by_key(|change| std::cmp::Reverse(change.verdict));
        changes.truncate(MAX_CHANGES);
        changes.push(SchemaChange {
            path: String::new(),
            what: "there are more changes than are told".to_owned(),
            verdict: Verdict::Unknown,
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
    /// The same where it goes by the letter.
    seen_literal: BTreeSet<(&'s str, &'s str)>,
    /// It goes by the letter: nothing is judged as people do. So it is below keywords for which any difference counts.
    literal: bool,
}

/// What a schema that lets everything pass looks like.
static EVERYTHING: Value = Value::Bool(true);

impl<'s> Walk<'s> {
    fn tell(&mut self, path: &str, what: impl Into<String>, effect: Effect) {
        // More than are shown, so that the caller sees that there are more; what is for readers fills no place of the others.
        let most = if effect == Effect::NONE { 2 } else { 4 } * MAX_CHANGES;
        if self.found.len() <= most {
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
                self.tell(path, "it is too large to be compared", Effect::UNKNOWN);
            }
            return;
        }
        match (old, new) {
            (Value::Bool(old), Value::Bool(new)) => match (old, new) {
                (true, false) => self.tell(path, "nothing fits any more", Effect::NARROWER),
                (false, true) => self.tell(path, "anything fits now", Effect::WIDER),
                _ => {}
            },
            (Value::Bool(false), Value::Object(_)) => self.tell(path, "it may be there now", Effect::WIDER),
            (Value::Object(_), Value::Bool(false)) => {
                self.tell(path, "nothing fits any more", Effect::NARROWER)
            }
            (Value::Bool(true), Value::Object(new)) => self.objects(path, empty(), new, depth),
            (Value::Object(old), Value::Bool(true)) => self.objects(path, old, empty(), depth),
            (Value::Object(old), Value::Object(new)) => self.objects(path, old, new, depth),
            _ if old == new => {}
            _ => self.tell(
                path,
                "it changed to what is no schema, or from it",
                Effect::UNKNOWN,
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
        let sees = |schema: &Map<String, Value>| SEEING.iter().any(|key| schema.contains_key(*key));
        if !(sees(old) || sees(new)) {
            return self.all_keywords(path, old, new, depth);
        }
        let inner = self.apart(true, |walk| walk.all_keywords(path, old, new, depth));
        for (path, what, effect) in inner {
            let effect = if effect == Effect::NONE {
                effect
            } else {
                Effect::UNKNOWN
            };
            self.tell(&path, what, effect);
        }
    }

    fn all_keywords(
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

    /// Compares something and keeps what is found for itself.
    fn apart(&mut self, literal: bool, compare: impl FnOnce(&mut Self)) -> Vec<Found> {
        let told = std::mem::take(&mut self.found);
        let before = self.literal;
        self.literal |= literal;
        compare(self);
        self.literal = before;
        std::mem::replace(&mut self.found, told)
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
                Effect::UNKNOWN,
            );
        }
        if both {
            // The references themselves are passed over there.
            self.keywords(path, old, new, depth);
        }
        let pair = (old_ref.unwrap_or_default(), new_ref.unwrap_or_default());
        let seen = if self.literal {
            &mut self.seen_literal
        } else {
            &mut self.seen
        };
        if both && !seen.insert(pair) {
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
                    return self.tell(path, "it is too large to be compared", Effect::UNKNOWN);
                }
                self.objects(path, old, new, depth + 1);
            }
            _ => self.tell(
                path,
                "it has a reference that leads nowhere or elsewhere",
                Effect::UNKNOWN,
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
        if self.literal {
            // One that lets everything pass still counts as having looked at what it passed.
            let told = |key: &&String| !is_for_readers(key) && !HOLDERS.contains(&key.as_str());
            let gone = old.keys().filter(|key| !new.contains_key(*key));
            if let Some(key) = gone.chain(added.clone()).find(told) {
                self.tell(path, changed(key), Effect::UNKNOWN);
            }
        }
        let mut done = false;
        for key in old.keys().chain(added).map(String::as_str) {
            let (before, after) = (old.get(key), new.get(key));
            match key {
                "$ref" => {}
                _ if HOLDERS.contains(&key) => {}
                _ if is_for_readers(key) => {
                    if before != after {
                        self.tell(path, for_readers(key, before, after), Effect::NONE);
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
                "anyOf" | "oneOf" => self.alternatives(path, key, before, after, depth),
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
        // What is said of names by their form holds beside all this, and changes what "others" are.
        let by_form = |schema: &Map<String, Value>| {
            schema
                .get("patternProperties")
                .is_some_and(|forms| forms.as_object().is_none_or(|forms| !forms.is_empty()))
        };
        let unsure = self.literal || by_form(old) || by_form(new);
        for (name, before) in old_members {
            let path = format!("{path}/{}", escape(name));
            match (new_members.get(name), new_others) {
                (Some(after), _) => self.schemas(&path, Some(before), Some(after), depth + 1),
                (None, _) if unsure => self.tell(&path, "it is gone", Effect::UNKNOWN),
                (None, Value::Bool(false)) if *before == Value::Bool(false) => {}
                (None, Value::Bool(false)) => {
                    self.tell(&path, "it is gone, and not allowed any more", Effect::NARROWER);
                }
                (None, Value::Bool(true)) => {
                    self.tell(&path, "it is gone; anything passes under its name", Effect::WIDER);
                }
                (None, others) => {
                    self.tell(
                        &path,
                        "it is gone; it falls under what is said of others",
                        Effect::NONE,
                    );
                    self.schemas(&path, Some(before), Some(others), depth + 1);
                }
            }
        }
        for (name, after) in new_members
            .iter()
            .filter(|(name, _)| !old_members.contains_key(*name))
        {
            let path = format!("{path}/{}", escape(name));
            let needed = new_needs.contains(name.as_str()) && !old_needs.contains(name.as_str());
            let what = if needed {
                "it is new, and required"
            } else {
                "it is new, and optional"
            };
            match old_others {
                _ if unsure => {
                    let narrower = if needed { Effect::NARROWER } else { Effect::UNKNOWN };
                    self.tell(&path, what, narrower.and(Effect::UNKNOWN));
                }
                // It could not be there before. If it must be now, neither side understands the other.
                Value::Bool(false) if needed => self.tell(&path, what, Effect::BOTH),
                Value::Bool(false) => self.tell(&path, what, Effect::WIDER),
                Value::Bool(true) if needed => self.tell(&path, what, Effect::NARROWER),
                Value::Bool(true) => self.tell(&path, what, Effect::NONE),
                others => {
                    let effect = if needed { Effect::NARROWER } else { Effect::NONE };
                    self.tell(
                        &path,
                        format!("{what}; before, it fell under what was said of others"),
                        effect,
                    );
                    self.schemas(&path, Some(others), Some(after), depth + 1);
                }
            }
        }
        for name in new_needs.difference(&old_needs) {
            // New ones have been told.
            if old_members.contains_key(*name) || !new_members.contains_key(*name) {
                self.tell(
                    &format!("{path}/{}", escape(name)),
                    "it is required now",
                    Effect::NARROWER,
                );
            }
        }
        for name in old_needs.difference(&new_needs) {
            self.tell(
                &format!("{path}/{}", escape(name)),
                "it is not required any more",
                Effect::WIDER,
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
            (None, Some(_)) if key == "allOf" && old.is_none() => {
                self.tell(path, changed(key), Effect::NARROWER)
            }
            (Some(_), None) if key == "allOf" && new.is_none() => {
                self.tell(path, changed(key), Effect::WIDER)
            }
            _ => self.tell(path, changed(key), Effect::UNKNOWN),
        }
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
        match (old, new) {
            // One that is new or gone is one more or one less that must hold. Not so where it decides what "others" are.
            (None, Some(_)) if !matches!(key, "patternProperties" | "contains") => {
                return self.tell(path, changed(key), Effect::NARROWER.perhaps());
            }
            (Some(_), None) if !matches!(key, "patternProperties" | "contains") => {
                return self.tell(path, changed(key), Effect::WIDER.perhaps());
            }
            _ => {}
        }
        let mut alike = false;
        let inner = self.apart(true, |walk| {
            alike = walk.side_by_side(path, key, (old, new), depth)
        });
        if alike && inner.iter().all(|(_, _, effect)| *effect == Effect::NONE) {
            self.found.extend(inner);
        } else {
            self.tell(path, changed(key), Effect::UNKNOWN);
        }
    }

    /// Compares the subschemas of an entangled keyword in their order. False: there are not as many on both sides.
    fn side_by_side(
        &mut self,
        path: &str,
        key: &str,
        (old, new): (Option<&'s Value>, Option<&'s Value>),
        depth: usize,
    ) -> bool {
        match (old, new) {
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
                old.len() == new.len() && old.keys().all(|name| new.contains_key(name))
            }
            (
                Some(old @ (Value::Object(_) | Value::Bool(_))),
                Some(new @ (Value::Object(_) | Value::Bool(_))),
            ) => {
                self.schemas(path, Some(old), Some(new), depth + 1);
                true
            }
            (old, new) => old == new,
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

/// Whether a part of it, and not only the whole, names what its references start from.
fn has_bases(schema: &Value) -> bool {
    fn named(value: &Value) -> bool {
        match value {
            Value::Object(map) => {
                map.get("$id")
                    .or_else(|| map.get("id"))
                    .is_some_and(Value::is_string)
                    || map.values().any(named)
            }
            Value::Array(list) => list.iter().any(named),
            _ => false,
        }
    }
    match schema {
        Value::Object(map) => map.values().any(named),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
