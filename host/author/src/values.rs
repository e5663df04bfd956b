//! Values made up to fit a JSON Schema, the edges of what it allows among them.
//!
//! The maker goes by the common words of a schema and knows nothing of some (`pattern`, `not`, `if`), so what it makes is an
//! attempt; whoever asks checks it against the schema ([`Cases`](crate::cases::Cases)).

use std::collections::VecDeque;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Number, Value, json};

/// Deepest that values are nested. Deeper ones hold only what they must.
const MAX_DEPTH: usize = 5;

/// Most steps through a schema for one value, after which everything is as small as it can be.
const MAX_STEPS: usize = 500;

/// Deepest that a schema is followed where it leads into itself without end.
const MAX_FOLLOWED: usize = 24;

/// Most schemas that are combined into one.
const MAX_PARTS: usize = 64;

/// Most steps before everything that is left becomes null. A schema that needs more fits nothing of reasonable size.
const LAST_STEP: usize = 5000;

/// Longest text that is made where the schema sets no bound.
const LONG: usize = 300;

/// Makes values for a schema. The same seed gives the same values.
pub(crate) struct Values<'a> {
    root: &'a Value,
    rng: ChaCha8Rng,
    steps: usize,
}

impl<'a> Values<'a> {
    pub(crate) fn new(root: &'a Value, seed: u64) -> Self {
        Values {
            root,
            rng: ChaCha8Rng::seed_from_u64(seed),
            steps: 0,
        }
    }

    /// The source of chance.
    pub(crate) fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// A value for the whole schema.
    pub(crate) fn make(&mut self) -> Value {
        self.steps = 0;
        self.value(self.root, 0)
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() {
            return None;
        }
        from.get(self.rng.random_range(0..from.len())).cloned()
    }

    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        self.steps += 1;
        let Some(own) = schema.as_object() else {
            return self.anything();
        };
        // Where a schema leads into itself for ever, nothing fits it anyway.
        if depth > MAX_FOLLOWED || self.steps > LAST_STEP {
            return Value::Null;
        }
        let whole = self.merged(own, depth);
        if let Some(value) = whole.get("const") {
            return value.clone();
        }
        if let Some(value) = whole
            .get("enum")
            .and_then(Value::as_array)
            .and_then(|all| self.pick(all))
        {
            return value;
        }
        if let Some(examples) = whole.get("examples").and_then(Value::as_array)
            && self.chance(20)
            && let Some(value) = self.pick(examples)
        {
            return value;
        }
        match self.kind(&whole, depth).as_str() {
            "null" => Value::Null,
            "boolean" => Value::Bool(self.chance(50)),
            "integer" => self.integer(&whole),
            "number" => self.number(&whole),
            "string" => Value::String(self.string(&whole)),
            "array" => self.array(&whole, depth),
            "object" => self.object(&whole, depth),
            _ => self.anything(),
        }
    }

    /// The schema with what it refers to and combines, one of its alternatives chosen.
    fn merged(&mut self, own: &Map<String, Value>, depth: usize) -> Map<String, Value> {
        let mut whole = Map::new();
        let mut parts = VecDeque::from([own.clone()]);
        // Each part may bring in more, and one that leads to itself does so for ever.
        for _ in 0..MAX_PARTS {
            let Some(mut part) = parts.pop_front() else { break };
            let mut more = Vec::new();
            if let Some(Value::String(reference)) = part.remove("$ref") {
                let pointer = reference.strip_prefix('#').unwrap_or_default();
                more.extend(self.root.pointer(pointer).cloned());
            }
            if let Some(Value::Array(all)) = part.remove("allOf") {
                more.extend(all);
            }
            for word in ["anyOf", "oneOf"] {
                if let Some(Value::Array(alternatives)) = part.remove(word) {
                    let small = self.is_tight(depth).then(|| smallest(&alternatives)).flatten();
                    more.extend(small.or_else(|| self.pick(&alternatives)));
                }
            }
            merge(&mut whole, part);
            parts.extend(more.into_iter().filter_map(|schema| match schema {
                Value::Object(part) => Some(part),
                _ => None,
            }));
        }
        whole
    }

    fn is_tight(&self, depth: usize) -> bool {
        depth >= MAX_DEPTH || self.steps > MAX_STEPS
    }

    /// The type to make.
    fn kind(&mut self, schema: &Map<String, Value>, depth: usize) -> String {
        match schema.get("type") {
            Some(Value::String(kind)) => kind.clone(),
            Some(Value::Array(kinds)) => {
                let kinds: Vec<String> = kinds
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect();
                if self.is_tight(depth) && kinds.iter().any(|kind| kind == "null") {
                    return "null".to_owned();
                }
                self.pick(&kinds).unwrap_or_default()
            }
            _ => {
                let has = |words: &[&str]| words.iter().any(|word| schema.contains_key(*word));
                let kind = if depth == 0 || has(&["properties", "required", "additionalProperties"]) {
                    "object"
                } else if has(&["items", "prefixItems", "minItems", "maxItems"]) {
                    "array"
                } else if has(&["minLength", "maxLength", "pattern", "format"]) {
                    "string"
                } else if has(&[
                    "minimum",
                    "maximum",
                    "multipleOf",
                    "exclusiveMinimum",
                    "exclusiveMaximum",
                ]) {
                    "number"
                } else {
                    ""
                };
                kind.to_owned()
            }
        }
    }

    fn anything(&mut self) -> Value {
        let all = [
            Value::Null,
            json!(true),
            json!(0),
            json!(-1.5),
            json!(""),
            json!("text"),
            json!([]),
            json!({}),
        ];
        self.pick(&all).unwrap_or_default()
    }

    fn integer(&mut self, schema: &Map<String, Value>) -> Value {
        let (least, most) = match schema.get("format").and_then(Value::as_str) {
            Some("int8") => (i128::from(i8::MIN), i128::from(i8::MAX)),
            Some("uint8") => (0, i128::from(u8::MAX)),
            Some("int16") => (i128::from(i16::MIN), i128::from(i16::MAX)),
            Some("uint16") => (0, i128::from(u16::MAX)),
            Some("int32") => (i128::from(i32::MIN), i128::from(i32::MAX)),
            Some("uint32") => (0, i128::from(u32::MAX)),
            Some("uint" | "uint64") => (0, i128::from(u64::MAX)),
            _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
        };
        let bound = |word: &str| schema.get(word).and_then(Value::as_f64);
        // What a float can't tell exactly is told by the integer itself, where it is one.
        let exact = |word: &str, round: fn(f64) -> f64| {
            let value = schema.get(word)?;
            let whole = value
                .as_i64()
                .map(i128::from)
                .or_else(|| value.as_u64().map(i128::from));
            whole.or_else(|| value.as_f64().map(|number| round(number) as i128))
        };
        let mut low = least.max(exact("minimum", f64::ceil).unwrap_or(least));
        let mut high = most.min(exact("maximum", f64::floor).unwrap_or(most));
        if bound("exclusiveMinimum").is_some() {
            low = low.max(exact("exclusiveMinimum", f64::floor).map_or(low, |n| n.saturating_add(1)));
        }
        if bound("exclusiveMaximum").is_some() {
            high = high.min(exact("exclusiveMaximum", f64::ceil).map_or(high, |n| n.saturating_sub(1)));
        }
        let step = bound("multipleOf").map_or(1, |step| step.abs() as i128).max(1);
        let edges = [low, high, 0, 1, -1, 7, 255, 1000, 1 << 31, (1 << 53) + 1];
        let some = if low <= high {
            self.rng.random_range(low..=high)
        } else {
            low
        };
        let chosen = if self.chance(70) {
            self.pick(&edges).unwrap_or(low)
        } else {
            some
        };
        let inside = chosen.min(high).max(low);
        let fitting = inside.saturating_sub(inside.rem_euclid(step));
        let fitting = if fitting < low {
            fitting.saturating_add(step)
        } else {
            fitting
        };
        i64::try_from(fitting)
            .map(Value::from)
            .or_else(|_| u64::try_from(fitting).map(Value::from))
            .unwrap_or_default()
    }

    fn number(&mut self, schema: &Map<String, Value>) -> Value {
        let bound = |word: &str| schema.get(word).and_then(Value::as_f64);
        let widest = if schema.get("format").and_then(Value::as_str) == Some("float") {
            f64::from(f32::MAX)
        } else {
            f64::MAX
        };
        let low = bound("minimum").or(bound("exclusiveMinimum")).unwrap_or(-widest);
        let high = bound("maximum").or(bound("exclusiveMaximum")).unwrap_or(widest);
        let middle = low / 2.0 + high / 2.0;
        let edges = [
            low, high, middle, 0.0, -0.0, 1.0, -1.0, 0.1, 1e-9, 1e15, 12345.678,
        ];
        let mut chosen = self.pick(&edges).unwrap_or(low).min(high).max(low);
        if bound("exclusiveMinimum") == Some(chosen) || bound("exclusiveMaximum") == Some(chosen) {
            chosen = middle;
        }
        if let Some(step) = bound("multipleOf").filter(|step| *step > 0.0) {
            chosen = (chosen / step).floor() * step;
        }
        Number::from_f64(chosen).map_or_else(|| json!(0), Value::Number)
    }

    fn string(&mut self, schema: &Map<String, Value>) -> String {
        if let Some(format) = schema.get("format").and_then(Value::as_str)
            && let Some(text) = self.formatted(format)
        {
            return text;
        }
        let bound = |word: &str| {
            schema
                .get(word)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok())
        };
        let least = bound("minLength").unwrap_or(0).min(100_000);
        let most = bound("maxLength").unwrap_or(LONG.max(least)).min(100_000);
        let seeds = [
            "",
            "a",
            "0",
            "text",
            "two words",
            "2024-02-29",
            "-1.5e3",
            "naïve ünïcode",
            "日本語 🙂",
            "line\nbreak\ttab",
            "\u{0}nul",
            "\"quoted\" \\ 'back'",
            "'; DROP TABLE x; --",
            "../../etc/passwd",
            "https://example.com/a?b=c#d",
            "<b>&amp;</b>",
            "{\"json\": [1]}",
            "%s%n{}$(x)",
            "\u{202e}right to left",
        ];
        let seed = self.pick(&seeds).unwrap_or_default();
        let length = match self.rng.random_range(0..10) {
            0 => least,
            1 => most,
            _ => seed.chars().count(),
        };
        let filler = if seed.is_empty() { "x" } else { seed };
        let length = length.min(most).max(least);
        filler.chars().cycle().take(length).collect()
    }

    fn formatted(&mut self, format: &str) -> Option<String> {
        let all: &[&str] = match format {
            "date-time" => &[
                "2024-02-29T23:59:59Z",
                "1970-01-01T00:00:00+00:00",
                "2038-01-19T03:14:08.123456789Z",
            ],
            "date" => &["2024-02-29", "0001-01-01", "9999-12-31"],
            "time" => &["00:00:00Z", "23:59:59+00:00"],
            "duration" => &["P1D", "PT0S", "P1Y2M3DT4H5M6S"],
            "email" | "idn-email" => &["ann@example.com", "a+b@example.org"],
            "hostname" | "idn-hostname" => &["example.com", "localhost"],
            "ipv4" | "ip" => &["127.0.0.1", "255.255.255.255"],
            "ipv6" => &["::1", "2001:db8::1"],
            "uri" | "url" | "iri" | "uri-reference" | "iri-reference" => {
                &["https://example.com/", "http://localhost:1/x?y=z", "urn:x:y"]
            }
            "uuid" => &[
                "00000000-0000-0000-0000-000000000000",
                "67e55044-10b1-426f-9247-bb680e5fe0c8",
            ],
            "json-pointer" => &["", "/a/b~1c"],
            "regex" => &["^a+$", ".*"],
            _ => return None,
        };
        self.pick(all).map(str::to_owned)
    }

    fn array(&mut self, schema: &Map<String, Value>, depth: usize) -> Value {
        let bound = |word: &str| {
            schema
                .get(word)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok())
        };
        let least = bound("minItems").unwrap_or(0).min(1000);
        let most = bound("maxItems").unwrap_or(least + 3).min(1000);
        let length = if self.is_tight(depth) {
            least
        } else {
            match self.rng.random_range(0..4) {
                0 => least,
                1 => most.min(least + 50),
                _ => self.rng.random_range(least..=most.min(least + 3).max(least)),
            }
        };
        let first = schema
            .get("prefixItems")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let rest = schema.get("items").cloned().unwrap_or_default();
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let mut items: Vec<Value> = Vec::new();
        for at in 0..length.max(first.len().min(most)) {
            let of = first.get(at).unwrap_or(&rest).clone();
            if of == Value::Bool(false) {
                break;
            }
            let mut item = self.value(&of, depth + 1);
            for _ in 0..10 {
                if !unique || !items.contains(&item) {
                    break;
                }
                item = self.value(&of, depth + 1);
            }
            if !(unique && items.contains(&item)) {
                items.push(item);
            }
        }
        Value::Array(items)
    }

    fn object(&mut self, schema: &Map<String, Value>, depth: usize) -> Value {
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let properties = schema
            .get("properties")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let tight = self.is_tight(depth);
        // Now and then everything or nothing that may be left out, so that both ends are seen.
        let share = self.pick(&[0, 50, 50, 100]).unwrap_or(50);
        let mut object = Map::new();
        for (name, of) in &properties {
            if required.contains(&name.as_str()) || (!tight && self.chance(share)) {
                object.insert(name.clone(), self.value(of, depth + 1));
            }
        }
        for name in required {
            if !object.contains_key(name) {
                let of = schema.get("additionalProperties").cloned().unwrap_or_default();
                object.insert(name.to_owned(), self.value(&of, depth + 1));
            }
        }
        let others = match schema.get("additionalProperties") {
            Some(of @ Value::Object(_)) if !tight => Some((of.clone(), 3)),
            Some(Value::Bool(true)) if !tight => Some((Value::Bool(true), 2)),
            _ => None,
        };
        if let Some((of, most)) = others {
            for n in 0..self.rng.random_range(0..most) {
                let name = self.pick(&["key", "ключ", "a b", ""]).unwrap_or_default();
                object.insert(format!("{name}{n}"), self.value(&of, depth + 1));
            }
        }
        Value::Object(object)
    }
}

/// The alternative that leads to the smallest value: null, or one without parts.
fn smallest(alternatives: &[Value]) -> Option<Value> {
    let is = |schema: &&Value, kinds: &[&str]| {
        schema
            .get("type")
            .and_then(Value::as_str)
            .is_some_and(|kind| kinds.contains(&kind))
    };
    alternatives
        .iter()
        .find(|schema| is(schema, &["null"]))
        .or_else(|| alternatives.iter().find(|schema| schema.get("const").is_some()))
        .or_else(|| {
            alternatives
                .iter()
                .find(|schema| is(schema, &["boolean", "integer", "number", "string"]))
        })
        .cloned()
}

/// Adds the words of a part, properties and required names to those there are.
fn merge(whole: &mut Map<String, Value>, part: Map<String, Value>) {
    for (word, value) in part {
        match (whole.get_mut(&word), value) {
            (Some(Value::Object(own)), Value::Object(more)) if word == "properties" => {
                for (name, schema) in more {
                    own.entry(name).or_insert(schema);
                }
            }
            (Some(Value::Array(own)), Value::Array(more)) if word == "required" => {
                own.extend(more);
            }
            (Some(_), _) => {}
            (None, value) => {
                whole.insert(word, value);
            }
        }
    }
}
