//! JSON Schemas from types.

use serde_json::{Map, Value, json};

use super::shape::{Field, Int, Shape};

/// What is nearer to no 32-bit number than to infinity begins here. The largest one, as it is commonly written
/// (3.4028235e38), is a little larger than itself.
pub(super) const F32_END: f64 = 3.402_823_567_797_336_6e38;

/// The member of the structured answer that holds a result which is no object by itself.
pub(crate) const RESULT: &str = "result";

/// The member that holds the value of an option of an option.
pub(crate) const SOME: &str = "some";

/// The numbers that JSON lacks.
pub(crate) const NOT_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// The schema of a function's arguments.
pub(crate) fn of_parameters(parameters: &[Field]) -> Value {
    object(parameters)
}

/// The schema of a function's structured answer. None: it has none.
pub(crate) fn of_answer(result: Option<&Shape>) -> Option<Value> {
    let answer = match result? {
        Shape::Result { ok, .. } => ok.as_deref()?,
        other => other,
    };
    Some(match answer {
        Shape::Record(fields) => object(fields),
        other => json!({
            "type": "object",
            "properties": { RESULT: of(other) },
            "required": [RESULT],
            "additionalProperties": false,
        }),
    })
}

/// The schema of a value.
pub(crate) fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Int(int) => integer(*int),
        Shape::F32 => json!({ "anyOf": [
            { "type": "number", "exclusiveMinimum": -F32_END, "exclusiveMaximum": F32_END },
            { "enum": NOT_NUMBERS },
        ] }),
        Shape::F64 => json!({ "anyOf": [{ "type": "number" }, { "enum": NOT_NUMBERS }] }),
        Shape::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
        Shape::String => json!({ "type": "string" }),
        Shape::Bytes => json!({
            "description": "Bytes: base64, or an array of numbers from 0 to 255.",
            "anyOf": [
                { "type": "string", "contentEncoding": "base64" },
                { "type": "array", "items": integer(Int::U8) },
            ],
        }),
        Shape::List(element) => json!({ "type": "array", "items": of(element) }),
        Shape::Record(fields) => object(fields),
        Shape::Tuple(elements) => json!({
            "type": "array",
            "prefixItems": elements.iter().map(of).collect::<Vec<_>>(),
            "items": false,
            "minItems": elements.len(),
            "maxItems": elements.len(),
        }),
        Shape::Variant(cases) => {
            let bare: Vec<&str> = cases
                .iter()
                .filter(|case| case.payload.is_none())
                .map(|case| case.name.as_str())
                .collect();
            let full = cases
                .iter()
                .filter_map(|case| Some((case.name.as_str(), of(case.payload.as_ref()?))));
            let full: Vec<_> = full.collect();
            match (bare.is_empty(), full.is_empty()) {
                (_, true) => names(&bare),
                (true, false) => one_of(full),
                (false, false) => json!({ "anyOf": [names(&bare), one_of(full)] }),
            }
        }
        Shape::Enum(cases) => names(cases),
        Shape::Option(value) if value.is_option() => nullable(one_of([(SOME, of(value))])),
        Shape::Option(value) => nullable(of(value)),
        Shape::Result { ok, err } => {
            let side = |shape: &Option<Box<Shape>>| match shape {
                Some(shape) => of(shape),
                None => json!({ "type": "null" }),
            };
            one_of([("ok", side(ok)), ("err", side(err))])
        }
        Shape::Flags(flags) => json!({
            "type": "array",
            "items": names(flags),
            "uniqueItems": true,
            "maxItems": flags.len(),
        }),
    }
}

fn integer(int: Int) -> Value {
    let (least, most) = int.range();
    // Every bound fits either of the two: that is what the kinds of integers are.
    let number = |n: i128| match i64::try_from(n) {
        Ok(n) => Value::from(n),
        Err(_) => Value::from(u64::try_from(n).unwrap_or(u64::MAX)),
    };
    let plain = json!({ "type": "integer", "minimum": number(least), "maximum": number(most) });
    let digits = match int {
        Int::S64 => "^(0|-?[1-9][0-9]{0,18})$",
        Int::U64 => "^(0|[1-9][0-9]{0,19})$",
        _ => return plain,
    };
    json!({ "anyOf": [plain, { "type": "string", "pattern": digits }] })
}

fn names(names: &[impl AsRef<str>]) -> Value {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    json!({ "type": "string", "enum": names })
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.clone(), of(&field.shape)))
        .collect();
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| !field.shape.is_option())
        .map(|field| field.name.as_str())
        .collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty()
        && let Some(schema) = schema.as_object_mut()
    {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}

/// An object with exactly one of some members. An `anyOf` of objects would say the same, and cost a look for each.
fn one_of<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let properties: Map<String, Value> = members
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

/// A schema that allows null as well. The short form where that is clear: many readers know no other.
fn nullable(mut schema: Value) -> Value {
    if let Some(object) = schema.as_object_mut()
        && !object.contains_key("enum")
        && let Some(kind @ Value::String(_)) = object.get_mut("type")
    {
        *kind = json!([kind.take(), "null"]);
        return schema;
    }
    json!({ "anyOf": [schema, { "type": "null" }] })
}
