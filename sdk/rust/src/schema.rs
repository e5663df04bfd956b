//! JSON Schemas, written as models and clients like them: draft 2020-12, no references where they can be avoided.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

fn generator(settings: impl FnOnce(SchemaSettings) -> SchemaSettings) -> SchemaGenerator {
    let base = SchemaSettings::draft2020_12().with(|s| {
        s.inline_subschemas = true;
        // Every schema of a manifest is of this draft; saying so in each would only cost the model tokens.
        s.meta_schema = None;
    });
    settings(base).into_generator()
}

/// The schema of an argument type. Arguments that it does not name are refused.
pub fn of_arguments<T: JsonSchema>() -> Value {
    close(
        generator(SchemaSettings::for_deserialize)
            .into_root_schema_for::<T>()
            .to_value(),
    )
}

/// The schema of a tool without arguments.
pub fn of_no_arguments() -> Value {
    json!({ "type": "object", "properties": {}, "additionalProperties": false })
}

/// The schema of an answer; none for `()` and for types that could be anything, such as [`Value`].
pub(crate) fn of_answer<T: JsonSchema>() -> Option<Value> {
    let mut schema = generator(SchemaSettings::for_serialize)
        .into_root_schema_for::<T>()
        .to_value();
    let object = schema.as_object_mut()?;
    object.remove("title");
    let says_something = object.keys().any(|key| key != "description");
    let is_unit = object.get("type").is_some_and(|t| t == "null");
    (says_something && !is_unit).then_some(schema)
}

/// Whether the schema is one of an object, as every tool's arguments must be.
pub(crate) fn is_object(schema: &Value) -> bool {
    schema.get("type").is_some_and(|t| t == "object")
}

/// Refuses what the schema does not name, unless the type itself says what becomes of it.
fn close(mut schema: Value) -> Value {
    let Some(object) = schema.as_object_mut() else {
        return schema;
    };
    object.remove("title");
    // An enum of structs has the objects below `oneOf`, and nothing but objects.
    let branches = ["oneOf", "anyOf"]
        .into_iter()
        .filter_map(|key| object.get(key)?.as_array())
        .flatten();
    let mut branches = branches.peekable();
    let has_branches = branches.peek().is_some();
    if has_branches && !object.contains_key("type") && branches.all(is_object) {
        object.insert("type".to_owned(), json!("object"));
    }
    if !object.get("type").is_some_and(|t| t == "object") {
        return schema;
    }
    object
        .entry("properties")
        .or_insert_with(|| Value::Object(Map::new()));
    if !object.contains_key("additionalProperties") && !object.contains_key("unevaluatedProperties") {
        // `additionalProperties` looks at `properties` beside it only; what branches name would be refused.
        let key = if has_branches || object.contains_key("allOf") {
            "unevaluatedProperties"
        } else {
            "additionalProperties"
        };
        object.insert(key.to_owned(), json!(false));
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Inner {
        deep: bool,
    }

    /// A type.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Outer {
        /// How many.
        count: u8,
        inner: Option<Inner>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "kind")]
    #[expect(dead_code, reason = "only its schema is looked at")]
    enum Tagged {
        A { a: u8 },
        B { b: u8 },
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Open {
        a: u8,
        #[serde(flatten)]
        rest: Map<String, Value>,
    }

    #[test]
    fn arguments_are_closed_objects_without_references() {
        let schema = of_arguments::<Outer>();
        assert!(!schema.to_string().contains("$ref"), "{schema}");
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["count"]["description"], "How many.");
        assert_eq!(schema["required"], json!(["count"]));
        assert!(
            schema.get("$schema").is_none() && schema.get("title").is_none(),
            "{schema}"
        );
    }

    #[test]
    fn branches_are_closed_without_shutting_themselves_out() {
        let schema = of_arguments::<Tagged>();
        assert_eq!(
            (&schema["type"], &schema["unevaluatedProperties"]),
            (&json!("object"), &json!(false))
        );
        assert!(schema.get("additionalProperties").is_none(), "{schema}");
    }

    #[test]
    fn a_type_that_takes_anything_stays_open() {
        let schema = of_arguments::<Open>();
        assert_ne!(schema["additionalProperties"], json!(false), "{schema}");
    }

    #[test]
    fn arguments_that_are_no_object_are_seen() {
        assert!(!is_object(&of_arguments::<Vec<u8>>()));
        assert!(!is_object(&of_arguments::<String>()));
        assert!(is_object(&of_no_arguments()));
    }

    #[test]
    fn answers_have_a_schema_where_there_is_something_to_say() {
        assert!(of_answer::<Outer>().is_some_and(|s| s["type"] == "object"));
        assert_eq!(of_answer::<()>(), None);
        assert_eq!(of_answer::<Value>(), None);
    }
}
