//! Arguments for a tool: some that fit its schema, and some that do not, each checked against the schema itself.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::breaking::broken;
use crate::values::Values;

/// Most tries for one set of arguments. A schema that fits one in a hundred of what is made up is one that needs examples.
const TRIES: usize = 100;

/// Compiles a schema as hosts do, with an engine for patterns that takes linear time.
pub(crate) fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_pattern_options(
            PatternOptions::regex()
                .size_limit(1 << 20)
                .dfa_size_limit(1 << 20),
        )
        .build(schema)
        .map_err(|error| error.to_string().chars().take(300).collect())
}

/// Makes up arguments.
pub(crate) struct Cases<'a> {
    values: Values<'a>,
    validator: &'a Validator,
}

impl<'a> Cases<'a> {
    /// For a schema and its compiled form. The same seed gives the same arguments.
    pub(crate) fn new(schema: &'a Value, validator: &'a Validator, seed: u64) -> Self {
        Cases {
            values: Values::new(schema, seed),
            validator,
        }
    }

    /// Arguments that fit. None: none were found.
    pub(crate) fn fitting(&mut self) -> Option<Value> {
        (0..TRIES)
            .map(|_| self.values.make())
            .find(|value| value.is_object() && self.validator.is_valid(value))
    }

    /// Arguments that do not fit. None: none were found, since everything fits.
    pub(crate) fn misfit(&mut self) -> Option<Value> {
        (0..TRIES)
            .map(|_| {
                let base = self.values.make();
                let mut changed = broken(&base, self.values.rng());
                if !changed.is_object() {
                    changed = serde_json::json!({});
                }
                changed
            })
            .find(|value| !self.validator.is_valid(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};
    use std::collections::BTreeSet;

    fn schemas() -> Vec<Value> {
        vec![
            json!({ "type": "object" }),
            json!({ "type": "object", "properties": { "a": { "type": "integer", "minimum": 3, "maximum": 5 } }, "required": ["a"] }),
            json!({ "type": "object", "properties": { "n": { "type": "integer", "format": "uint8", "minimum": 0 } }, "required": ["n"] }),
            json!({ "type": "object", "properties": { "n": { "type": "integer", "exclusiveMinimum": 0, "multipleOf": 5 } }, "required": ["n"] }),
            json!({ "type": "object", "properties": { "x": { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 } }, "required": ["x"] }),
            json!({ "type": "object", "properties": { "s": { "type": "string", "minLength": 2, "maxLength": 4 } }, "required": ["s"], "additionalProperties": false }),
            json!({ "type": "object", "properties": { "d": { "type": "string", "format": "date-time" }, "u": { "type": "string", "format": "uuid" } }, "required": ["d", "u"] }),
            json!({ "type": "object", "properties": { "l": { "type": "array", "items": { "enum": [1, 2, 3] }, "minItems": 2, "uniqueItems": true } }, "required": ["l"] }),
            json!({ "type": "object", "properties": { "t": { "type": "array", "prefixItems": [{ "type": "string" }, { "type": "null" }], "items": false, "minItems": 2 } }, "required": ["t"] }),
            json!({ "type": "object", "properties": { "m": { "type": "object", "additionalProperties": { "type": "boolean" } } }, "required": ["m"] }),
            json!({ "type": "object", "properties": { "c": { "const": "fixed" }, "o": { "type": ["string", "null"] } }, "required": ["c", "o"] }),
            json!({ "type": "object", "properties": { "k": { "oneOf": [
                { "type": "object", "properties": { "kind": { "const": "a" }, "n": { "type": "integer" } }, "required": ["kind", "n"] },
                { "type": "object", "properties": { "kind": { "const": "b" } }, "required": ["kind"] }
            ] } }, "required": ["k"] }),
            json!({ "type": "object", "allOf": [
                { "properties": { "a": { "type": "string" } }, "required": ["a"] },
                { "properties": { "b": { "type": "integer" } }, "required": ["b"] }
            ] }),
            json!({ "type": "object", "properties": { "tree": { "$ref": "#/$defs/tree" } }, "required": ["tree"],
                "$defs": { "tree": { "type": "object", "properties": {
                    "left": { "anyOf": [{ "$ref": "#/$defs/tree" }, { "type": "null" }] },
                    "rest": { "type": "array", "items": { "$ref": "#/$defs/tree" } }
                }, "required": ["left", "rest"] } } }),
        ]
    }

    #[test]
    fn each_schema_gets_arguments_that_fit_and_some_that_do_not() {
        for schema in schemas() {
            let validator = compile(&schema).unwrap();
            let mut cases = Cases::new(&schema, &validator, 1);
            for _ in 0..50 {
                let fitting = cases.fitting().unwrap_or_else(|| panic!("nothing fits {schema}"));
                assert!(validator.is_valid(&fitting));
            }
            if schema != json!({ "type": "object" }) {
                let misfit = cases
                    .misfit()
                    .unwrap_or_else(|| panic!("everything fits {schema}"));
                assert!(misfit.is_object() && !validator.is_valid(&misfit));
            }
        }
    }

    #[test]
    fn the_edges_are_among_them() {
        let schema = json!({ "type": "object", "properties": {
            "n": { "type": "integer", "minimum": -3, "maximum": 9 },
            "s": { "type": "string", "maxLength": 5 },
        }, "required": ["n"] });
        let validator = compile(&schema).unwrap();
        let mut cases = Cases::new(&schema, &validator, 7);
        let mut seen = BTreeSet::new();
        let (mut without, mut longest) = (false, 0);
        for _ in 0..300 {
            let value = cases.fitting().unwrap();
            seen.insert(value["n"].as_i64().unwrap());
            match value.get("s").and_then(Value::as_str) {
                None => without = true,
                Some(text) => longest = longest.max(text.chars().count()),
            }
        }
        assert!(
            seen.contains(&-3) && seen.contains(&9) && seen.contains(&0),
            "{seen:?}"
        );
        assert!(without);
        assert_eq!(longest, 5);
    }

    #[test]
    fn a_seed_says_everything() {
        for schema in schemas() {
            let validator = compile(&schema).unwrap();
            let run = |seed| {
                let mut cases = Cases::new(&schema, &validator, seed);
                (0..20)
                    .map(|_| (cases.fitting(), cases.misfit()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(run(3), run(3));
            // Without a word about what is in it, there is but one object to make.
            if schema != json!({ "type": "object" }) {
                assert_ne!(run(3), run(4), "{schema}");
            }
        }
    }

    #[test]
    fn parts_that_refer_to_others_all_count() {
        let schema = json!({ "type": "object", "allOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/b" }], "$defs": {
            "a": { "properties": { "a": { "type": "boolean" } }, "required": ["a"] },
            "b": { "properties": { "b": { "type": "boolean" } }, "required": ["b"], "allOf": [{ "$ref": "#/$defs/b" }] },
        } });
        // The parts alone: a validator would follow the circle.
        let value = Values::new(&schema, 1).make();
        assert!(value["a"].is_boolean() && value["b"].is_boolean(), "{value}");
    }

    #[test]
    fn no_schema_takes_long_or_breaks_the_maker() {
        let names: Vec<String> = (0..50).map(|n| format!("p{n}")).collect();
        let wide: Map<String, Value> = names
            .iter()
            .map(|name| (name.clone(), json!({ "$ref": "#" })))
            .collect();
        for schema in [
            // Each of 50 needs 50, and so on.
            json!({ "type": "object", "properties": wide, "required": names }),
            json!({ "type": "object", "properties": { "l": { "$ref": "#/$defs/l" } }, "required": ["l"],
                "$defs": { "l": { "type": "array", "minItems": 900, "items": { "$ref": "#/$defs/l" } } } }),
            json!({ "$ref": "#" }),
            json!({ "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] }),
            json!({ "type": "object", "properties": {
                "a": { "type": "integer", "minimum": 1e300, "multipleOf": 7 },
                "b": { "type": "integer", "minimum": 9, "maximum": 3 },
                "c": { "type": "integer", "multipleOf": 1e300, "exclusiveMaximum": -1e300 },
                "d": { "type": "number", "minimum": 1e308, "maximum": -1e308, "multipleOf": 1e-308 },
                "e": { "type": "string", "minLength": u64::MAX, "maxLength": 0 },
                "f": { "type": "array", "minItems": u64::MAX, "maxItems": 0 },
            }, "required": ["a", "b", "c", "d", "e", "f"] }),
        ] {
            let mut values = Values::new(&schema, 1);
            for _ in 0..20 {
                assert!(values.make().to_string().len() < 50_000_000);
            }
        }
    }

    #[test]
    fn what_cannot_be_made_up_is_told() {
        for schema in [
            json!({ "type": "object", "properties": { "s": { "type": "string", "pattern": "^[a-z]{7}-[0-9]{9}$" } }, "required": ["s"] }),
            json!({ "type": "object", "properties": { "x": { "$ref": "#/$defs/x" } }, "required": ["x"],
                "$defs": { "x": { "type": "object", "properties": { "x": { "$ref": "#/$defs/x" } }, "required": ["x"] } } }),
        ] {
            let validator = compile(&schema).unwrap();
            assert_eq!(Cases::new(&schema, &validator, 1).fitting(), None, "{schema}");
        }
    }
}
