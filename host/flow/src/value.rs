//! Values that are known only when a step runs, and conditions on them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A value in a flow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    /// As it stands there.
    Plain(Value),
    /// A part of an earlier step's result.
    From {
        /// The step.
        step: String,
        /// A JSON pointer into its result.
        at: String,
        /// What holds when the step was skipped or has no such part.
        or: Option<Value>,
    },
    /// What `--set` says, or else the flow.
    Set(String),
    List(Vec<Given>),
    Map(Vec<(String, Given)>),
}

/// What steps may refer to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// Results of steps that are done, by id.
    pub(crate) results: &'a BTreeMap<String, Value>,
    pub(crate) sets: &'a Map<String, Value>,
}

impl Known<'_> {
    fn part(&self, step: &str, at: &str) -> Option<&Value> {
        self.results.get(step)?.pointer(at)
    }
}

impl Given {
    /// Reads a value. An object with `from` (and `at`, `or`), or with nothing but `set`, is a reference.
    pub(crate) fn parse(value: Value) -> Result<Self, String> {
        let map = match value {
            Value::Array(items) => {
                let items: Result<_, String> = items.into_iter().map(Given::parse).collect();
                return items.map(Given::List);
            }
            Value::Object(map) => map,
            plain => return Ok(Given::Plain(plain)),
        };
        match (map.get("from"), map.get("set"), map.len()) {
            (Some(from), _, _) => {
                if let Some(other) = map
                    .keys()
                    .find(|key| !["from", "at", "or"].contains(&key.as_str()))
                {
                    return Err(format!("a reference has `from`, `at` and `or`, and no `{other}`"));
                }
                let at = map.get("at").map_or(Some(""), Value::as_str);
                let (Some(step), Some(at)) = (from.as_str(), at) else {
                    return Err("the `from` and `at` of a reference are texts".to_owned());
                };
                if !(at.is_empty() || at.starts_with('/')) {
                    return Err(format!("`{at}` is no JSON pointer: it begins with `/`"));
                }
                Ok(Given::From {
                    step: step.to_owned(),
                    at: at.to_owned(),
                    or: map.get("or").cloned(),
                })
            }
            (None, Some(Value::String(name)), 1) => Ok(Given::Set(name.clone())),
            _ => {
                let parts: Result<_, String> = map
                    .into_iter()
                    .map(|(key, value)| Ok((key, Given::parse(value)?)))
                    .collect();
                parts.map(Given::Map)
            }
        }
    }

    /// Every reference in it.
    pub(crate) fn each(&self, see: &mut dyn FnMut(&Given)) {
        see(self);
        match self {
            Given::List(items) => items.iter().for_each(|item| item.each(see)),
            Given::Map(parts) => parts.iter().for_each(|(_, part)| part.each(see)),
            Given::Plain(_) | Given::From { .. } | Given::Set(_) => {}
        }
    }

    /// The value, now that earlier steps are done.
    ///
    /// # Errors
    /// A sentence that says what it lacks.
    pub(crate) fn resolve(&self, known: Known<'_>) -> Result<Value, String> {
        match self {
            Given::Plain(value) => Ok(value.clone()),
            Given::From { step, at, or } => known.part(step, at).or(or.as_ref()).cloned().ok_or_else(|| {
                match known.results.contains_key(step) {
                    true => format!("the result of `{step}` has nothing at `{at}`"),
                    false => format!("`{step}` has no result"),
                }
            }),
            Given::Set(name) => known
                .sets
                .get(name)
                .cloned()
                .ok_or_else(|| format!("`{name}` is not set")),
            Given::List(items) => {
                let items: Result<_, String> = items.iter().map(|item| item.resolve(known)).collect();
                items.map(Value::Array)
            }
            Given::Map(parts) => {
                let parts: Result<Map<_, _>, String> = parts
                    .iter()
                    .map(|(key, part)| Ok((key.clone(), part.resolve(known)?)))
                    .collect();
                parts.map(Value::Object)
            }
        }
    }
}

/// When a step runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct When {
    pub(crate) of: Given,
    pub(crate) tests: Vec<Test>,
}

/// What must be so of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Exists(bool),
    Equals(Value),
    Not(Value),
    Above(f64),
    Below(f64),
}

impl When {
    /// Reads a condition: a reference, and what must be so of it.
    pub(crate) fn parse(mut map: Map<String, Value>) -> Result<Self, String> {
        let mut tests = Vec::new();
        for name in ["exists", "equals", "not", "above", "below"] {
            let Some(value) = map.remove(name) else { continue };
            let number = || value.as_f64().ok_or_else(|| format!("`{name}` is a number"));
            tests.push(match name {
                "exists" => Test::Exists(value.as_bool().ok_or("`exists` is true or false")?),
                "equals" => Test::Equals(value),
                "not" => Test::Not(value),
                "above" => Test::Above(number()?),
                _ => Test::Below(number()?),
            });
        }
        if tests.is_empty() {
            return Err("a condition has `exists`, `equals`, `not`, `above` or `below`".to_owned());
        }
        match Given::parse(Value::Object(map))? {
            of @ (Given::From { .. } | Given::Set(_)) => Ok(When { of, tests }),
            _ => Err("a condition is about `from` a step or a `set` value".to_owned()),
        }
    }

    /// None where it holds; otherwise why it does not.
    pub(crate) fn fails(&self, known: Known<'_>) -> Option<String> {
        let found = self.of.resolve(known).ok();
        self.tests
            .iter()
            .find(|test| !test.holds(found.as_ref()))
            .map(|test| {
                let what = match &self.of {
                    Given::From { step, at, .. } => format!("`{at}` of `{step}`"),
                    Given::Set(name) => format!("`{name}`"),
                    _ => "the value".to_owned(),
                };
                format!("{what} is not {}", test.shown())
            })
    }
}

impl Test {
    fn holds(&self, found: Option<&Value>) -> bool {
        let number = || found.and_then(Value::as_f64);
        match self {
            Test::Exists(wanted) => found.is_some_and(|found| !found.is_null()) == *wanted,
            Test::Equals(wanted) => found.is_some_and(|found| same(found, wanted)),
            Test::Not(wanted) => !found.is_some_and(|found| same(found, wanted)),
            Test::Above(bound) => number().is_some_and(|number| number > *bound),
            Test::Below(bound) => number().is_some_and(|number| number < *bound),
        }
    }

    fn shown(&self) -> String {
        match self {
            Test::Exists(true) => "there".to_owned(),
            Test::Exists(false) => "missing".to_owned(),
            Test::Equals(value) => value.to_string(),
            Test::Not(value) => format!("other than {value}"),
            Test::Above(bound) => format!("above {bound}"),
            Test::Below(bound) => format!("below {bound}"),
        }
    }
}

/// Whether two values are the same; 1 and 1.0 are.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.partial_cmp(&b) == Some(Ordering::Equal),
        _ => a == b,
    }
}
