//! `anyOf` and `oneOf`: which alternatives became others, and what that does to the whole.
//!
//! Where no value fits two of the alternatives, what a change does to one of them it does to the whole, and "one of" means the
//! same as "any of". Where some may, a change of one can be made up for by another.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::bounds::{kinds, same};
use super::{Effect, Walk, changed, list, names, properties, reference};

/// Most alternatives on a side that are compared; they are compared each with each.
const MOST: usize = 64;

/// Most references that lead to one another before an alternative is looked at.
const HOPS: usize = 8;

impl<'s> Walk<'s> {
    /// Schemas of which one must fit: `anyOf`, or exactly one: `oneOf`.
    pub(super) fn alternatives(
        &mut self,
        path: &str,
        key: &str,
        before: Option<&'s Value>,
        after: Option<&'s Value>,
        depth: usize,
    ) {
        let (old, new) = match (list(before), list(after)) {
            (Some(old), Some(new)) => (old, new),
            // One more that must hold, or one less.
            (None, Some(_)) if before.is_none() => {
                return self.tell(path, changed(key), Effect::NARROWER.perhaps());
            }
            (Some(_), None) if after.is_none() => {
                return self.tell(path, changed(key), Effect::WIDER.perhaps());
            }
            _ => return self.tell(path, changed(key), Effect::UNKNOWN),
        };
        if old.len() > MOST || new.len() > MOST {
            if old != new || old.iter().any(refers) {
                self.tell(
                    path,
                    format!("`{key}` has too many alternatives to be compared"),
                    Effect::UNKNOWN,
                );
            }
            return;
        }
        let pairs = self.pair(old, new);
        let exact = self.apart_from_partners(old, new, &pairs);
        if key == "oneOf" && !exact {
            return self.entangled(path, key, before, after, depth);
        }
        let weigh = |effect: Effect| if exact { effect } else { effect.perhaps() };
        for (old, new) in &pairs {
            match (old, new) {
                (Some(old), Some(new)) => {
                    let inner = self.apart(false, |walk| {
                        walk.schemas(path, Some(*old), Some(*new), depth + 1);
                    });
                    for (path, what, effect) in inner {
                        self.tell(&path, what, weigh(effect));
                    }
                }
                (Some(_), None) => self.tell(path, "it has fewer alternatives", weigh(Effect::NARROWER)),
                (None, _) => self.tell(path, "it has more alternatives", weigh(Effect::WIDER)),
            }
        }
    }

    /// Which old alternative became which new one. Any pairing gives a true answer; this one gives few changes.
    fn pair(&self, old: &'s [Value], new: &'s [Value]) -> Vec<(Option<&'s Value>, Option<&'s Value>)> {
        let mut left: Vec<&Value> = new.iter().collect();
        let mut pairs: Vec<(Option<&Value>, Option<&Value>)> = Vec::new();
        let mut changed = Vec::new();
        for one in old {
            match left.iter().position(|other| *other == one) {
                Some(at) => pairs.push((Some(one), Some(left.remove(at)))),
                None => changed.push(one),
            }
        }
        for one in changed {
            let partner = left
                .iter()
                .position(|other| !disjoint((one, self.old_root), (other, self.new_root)));
            pairs.push((Some(one), partner.map(|at| left.remove(at))));
        }
        pairs.extend(left.into_iter().map(|new| (None, Some(new))));
        pairs
    }

    /// Whether no value fits two alternatives: two old ones, two new ones, or an old one and a new one that is not its partner.
    fn apart_from_partners(
        &self,
        old: &[Value],
        new: &[Value],
        pairs: &[(Option<&Value>, Option<&Value>)],
    ) -> bool {
        let (old_root, new_root) = (self.old_root, self.new_root);
        let apart = |list: &[Value], root| {
            list.iter().enumerate().all(|(at, one)| {
                let mut others = list.iter().skip(at + 1);
                others.all(|other| disjoint((one, root), (other, root)))
            })
        };
        let crossed = pairs.iter().enumerate().all(|(at, (one, _))| {
            let others = pairs.iter().enumerate().filter(|(other, _)| *other != at);
            one.is_none_or(|one| {
                others
                    .filter_map(|(_, (_, other))| *other)
                    .all(|other| disjoint((one, old_root), (other, new_root)))
            })
        });
        apart(old, old_root) && apart(new, new_root) && crossed
    }
}

/// A schema, and the document that its references lead into.
type Rooted<'a> = (&'a Value, &'a Value);

/// Whether it is certain that no value fits both.
fn disjoint(a: Rooted<'_>, b: Rooted<'_>) -> bool {
    let (Some(a), Some(b)) = (target(a), target(b)) else {
        return false;
    };
    let by_kind = kinds(a).zip(kinds(b)).is_some_and(|(a, b)| a.is_disjoint(&b));
    by_kind || apart_by_values(a, b) || apart_by_tag(a, b)
}

/// What a schema's reference leads to. What stands beside it makes it narrower at most.
fn target<'a>((schema, root): Rooted<'a>) -> Option<&'a Map<String, Value>> {
    let mut now = schema.as_object()?;
    for _ in 0..HOPS {
        let Some(pointer) = reference(now) else {
            return Some(now);
        };
        now = root.pointer(pointer.strip_prefix('#')?)?.as_object()?;
    }
    None
}

/// Objects that must have a property whose values differ.
fn apart_by_tag(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    let object =
        |schema: &Map<String, Value>| kinds(schema).is_some_and(|kinds| kinds == BTreeSet::from(["object"]));
    object(a)
        && object(b)
        && names(a).intersection(&names(b)).any(|name| {
            let tag = |schema| properties(schema).get(*name).and_then(Value::as_object);
            tag(a).zip(tag(b)).is_some_and(|(a, b)| apart_by_values(a, b))
        })
}

/// Lists of values, or constants, without one in common.
fn apart_by_values(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    fn values(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
        match (schema.get("const"), schema.get("enum")) {
            (Some(one), _) => Some(vec![one]),
            (None, Some(Value::Array(list))) if list.len() <= MOST => Some(list.iter().collect()),
            _ => None,
        }
    }
    let (Some(a), Some(b)) = (values(a), values(b)) else {
        return false;
    };
    a.iter().all(|a| b.iter().all(|b| !same(a, b)))
}

/// Whether there is a reference in it.
fn refers(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.contains_key("$ref") || map.values().any(refers),
        Value::Array(list) => list.iter().any(refers),
        _ => false,
    }
}
