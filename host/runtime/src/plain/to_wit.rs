//! From JSON to a component's values.

use std::fmt::Display;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use wasmtime::component::Val;

use super::schema::SOME;
use super::shape::{Field, Int, Shape};

/// Largest integer that a floating-point number, which is how many write JSON numbers, tells from its neighbours.
pub(crate) const EXACT: u64 = (1 << 53) - 1;

/// Most names that a refusal lists.
const LISTED: usize = 20;

/// A place where a value does not fit its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The way to it, from the inside out.
    steps: Vec<String>,
    problem: String,
}

impl Misfit {
    fn new(problem: impl Into<String>) -> Self {
        Misfit {
            steps: Vec::new(),
            problem: problem.into(),
        }
    }

    fn at(mut self, step: impl Display) -> Self {
        self.steps.push(step.to_string());
        self
    }

    /// Where it is, as a JSON pointer.
    pub(crate) fn path(&self) -> String {
        self.steps.iter().rev().map(|step| format!("/{step}")).collect()
    }

    /// What is wrong there.
    pub(crate) fn problem(&self) -> &str {
        &self.problem
    }
}

/// The values of a function's parameters.
pub(crate) fn arguments(parameters: &[Field], mut given: Map<String, Value>) -> Result<Vec<Val>, Misfit> {
    let values = members(parameters, &mut given, "parameter")?;
    Ok(values.into_iter().map(|(_, value)| value).collect())
}

/// The value of a type.
pub(crate) fn value(shape: &Shape, json: Value) -> Result<Val, Misfit> {
    let wrong = |json: &Value, wanted: &str| Misfit::new(format!("it is {}, not {wanted}", kind(json)));
    Ok(match (shape, json) {
        (Shape::Bool, Value::Bool(value)) => Val::Bool(value),
        (Shape::Bool, json) => return Err(wrong(&json, "a boolean")),
        (Shape::Int(int), json) => integer(*int, &json)?,
        (Shape::F32, json) => {
            let wide = float(&json)?;
            let narrow = wide as f32;
            if wide.is_finite() && wide.abs() >= super::schema::F32_END {
                return Err(Misfit::new("it is too large for a 32-bit number"));
            }
            Val::Float32(narrow)
        }
        (Shape::F64, json) => Val::Float64(float(&json)?),
        (Shape::Char, Value::String(text)) => {
            let mut letters = text.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => Val::Char(letter),
                _ => return Err(Misfit::new("it is not exactly one character")),
            }
        }
        (Shape::Char, json) => return Err(wrong(&json, "a string of one character")),
        (Shape::String, Value::String(text)) => Val::String(text),
        (Shape::String, json) => return Err(wrong(&json, "a string")),
        (Shape::Bytes, Value::String(text)) => {
            let bytes = STANDARD
                .decode(text)
                .map_err(|_| Misfit::new("it is no base64: A-Z, a-z, 0-9, `+` and `/`, padded with `=`"))?;
            Val::List(bytes.into_iter().map(Val::U8).collect())
        }
        (Shape::Bytes, Value::Array(list)) => elements(&Shape::Int(Int::U8), list)?,
        (Shape::Bytes, json) => return Err(wrong(&json, "base64 text or an array of numbers")),
        (Shape::List(element), Value::Array(list)) => elements(element, list)?,
        (Shape::List(_), json) => return Err(wrong(&json, "an array")),
        (Shape::Record(fields), Value::Object(mut object)) => {
            Val::Record(members(fields, &mut object, "field")?)
        }
        (Shape::Record(_), json) => return Err(wrong(&json, "an object")),
        (Shape::Tuple(shapes), Value::Array(list)) => {
            if shapes.len() != list.len() {
                return Err(Misfit::new(format!(
                    "it has {} elements, not {}",
                    list.len(),
                    shapes.len()
                )));
            }
            let values = shapes.iter().zip(list).enumerate();
            let values = values.map(|(n, (shape, json))| value(shape, json).map_err(|misfit| misfit.at(n)));
            Val::Tuple(values.collect::<Result<_, _>>()?)
        }
        (Shape::Tuple(shapes), json) => {
            return Err(wrong(&json, &format!("an array of {} elements", shapes.len())));
        }
        (Shape::Variant(cases), json) => {
            let all = || list(cases.iter().map(|case| case.name.as_str()));
            let (name, payload) = match json {
                Value::String(name) => (name, None),
                json => single(json)
                    .map(|(name, payload)| (name, Some(payload)))
                    .ok_or_else(|| {
                        Misfit::new(format!(
                            "it is neither the name of a case nor an object with one case as its only member; the cases are {}",
                            all()
                        ))
                    })?,
            };
            let Some(case) = cases.iter().find(|case| case.name == name) else {
                return Err(Misfit::new(format!(
                    "there is no case {}; the cases are {}",
                    shown(&name),
                    all()
                )));
            };
            match (&case.payload, payload) {
                (None, None) => Val::Variant(name, None),
                (Some(shape), Some(payload)) => {
                    let payload = value(shape, payload).map_err(|misfit| misfit.at(&name))?;
                    Val::Variant(name, Some(Box::new(payload)))
                }
                (None, Some(_)) => {
                    return Err(Misfit::new(format!(
                        "the case `{name}` is written \"{name}\", without a value"
                    )));
                }
                (Some(_), None) => {
                    return Err(Misfit::new(format!(
                        "the case `{name}` is written {{\"{name}\": VALUE}}"
                    )));
                }
            }
        }
        (Shape::Enum(names), Value::String(name)) => Val::Enum(known(names, name)?),
        (Shape::Enum(names), json) => {
            return Err(wrong(
                &json,
                &format!("one of {}", list(names.iter().map(String::as_str))),
            ));
        }
        (Shape::Option(_), Value::Null) => Val::Option(None),
        (Shape::Option(inner), json) if inner.is_option() => match single(json) {
            Some((name, json)) if name == SOME => {
                let inner = value(inner, json).map_err(|misfit| misfit.at(SOME))?;
                Val::Option(Some(Box::new(inner)))
            }
            _ => return Err(Misfit::new("it is neither null nor {\"some\": VALUE}")),
        },
        (Shape::Option(inner), json) => Val::Option(Some(Box::new(value(inner, json)?))),
        (Shape::Result { ok, err }, json) => {
            let (name, json) = single(json)
                .ok_or_else(|| Misfit::new("it is neither {\"ok\": VALUE} nor {\"err\": VALUE}"))?;
            let side = |shape: &Option<Box<Shape>>, json: Value| match (shape, json) {
                (None, Value::Null) => Ok(None),
                (None, _) => Err(Misfit::new("it has no value, which is written null").at(&name)),
                (Some(shape), json) => value(shape, json)
                    .map(|value| Some(Box::new(value)))
                    .map_err(|misfit| misfit.at(&name)),
            };
            match name.as_str() {
                "ok" => Val::Result(Ok(side(ok, json)?)),
                "err" => Val::Result(Err(side(err, json)?)),
                _ => return Err(Misfit::new("it is neither {\"ok\": VALUE} nor {\"err\": VALUE}")),
            }
        }
        (Shape::Flags(names), Value::Array(given)) => {
            let mut set: Vec<String> = Vec::new();
            for (n, json) in given.into_iter().enumerate() {
                let Value::String(name) = json else {
                    return Err(wrong(&json, "the name of a flag").at(n));
                };
                let name = known(names, name).map_err(|misfit| misfit.at(n))?;
                // No list is longer than the names: a second mention ends it.
                if set.contains(&name) {
                    return Err(Misfit::new(format!("the flag `{name}` stands twice")).at(n));
                }
                set.push(name);
            }
            Val::Flags(set)
        }
        (Shape::Flags(_), json) => return Err(wrong(&json, "an array of names")),
    })
}

/// The members of an object, in the order of the type. Those that may be none may be left out.
fn members(
    fields: &[Field],
    given: &mut Map<String, Value>,
    what: &str,
) -> Result<Vec<(String, Val)>, Misfit> {
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let json = match given.remove(&field.name) {
            Some(json) => json,
            None if field.shape.is_option() => Value::Null,
            None => return Err(Misfit::new(format!("the {what} `{}` is missing", field.name))),
        };
        let value = value(&field.shape, json).map_err(|misfit| misfit.at(&field.name))?;
        values.push((field.name.clone(), value));
    }
    match given.keys().next() {
        None => Ok(values),
        Some(key) if fields.is_empty() => Err(Misfit::new(format!(
            "there is no {what} {}; there are none",
            shown(key)
        ))),
        Some(key) => Err(Misfit::new(format!(
            "there is no {what} {}; there are {}",
            shown(key),
            list(fields.iter().map(|field| field.name.as_str()))
        ))),
    }
}

fn elements(shape: &Shape, list: Vec<Value>) -> Result<Val, Misfit> {
    let values = list.into_iter().enumerate();
    let values = values.map(|(n, json)| value(shape, json).map_err(|misfit| misfit.at(n)));
    Ok(Val::List(values.collect::<Result<_, _>>()?))
}

/// The only member of an object.
fn single(json: Value) -> Option<(String, Value)> {
    match json {
        Value::Object(object) if object.len() == 1 => object.into_iter().next(),
        _ => None,
    }
}

fn integer(int: Int, json: &Value) -> Result<Val, Misfit> {
    let (least, most) = int.range();
    let number = match json {
        Value::Number(number) => whole(number).ok_or_else(|| {
            Misfit::new(if int.is_wide() {
                "it is no integer that can be told from its neighbours; write its digits, as a string if need be"
            } else {
                "it is no integer"
            })
        })?,
        Value::String(text) if int.is_wide() => {
            digits(text).ok_or_else(|| Misfit::new("it is no integer in decimal digits"))?
        }
        json => return Err(Misfit::new(format!("it is {}, not an integer", kind(json)))),
    };
    let outside = || Misfit::new(format!("it is outside the range from {least} to {most}"));
    macro_rules! fit {
        ($case:ident) => {
            Val::$case(number.try_into().map_err(|_| outside())?)
        };
    }
    Ok(match int {
        Int::S8 => fit!(S8),
        Int::U8 => fit!(U8),
        Int::S16 => fit!(S16),
        Int::U16 => fit!(U16),
        Int::S32 => fit!(S32),
        Int::U32 => fit!(U32),
        Int::S64 => fit!(S64),
        Int::U64 => fit!(U64),
    })
}

/// A JSON number as an integer. JSON does not tell 5 from 5.0, and some writers write the latter.
fn whole(number: &serde_json::Number) -> Option<i128> {
    if let Some(number) = number.as_i64() {
        return Some(number.into());
    }
    if let Some(number) = number.as_u64() {
        return Some(number.into());
    }
    let float = number.as_f64()?;
    (float.fract() == 0.0 && float.abs() <= EXACT as f64).then_some(float as i128)
}

/// The one way to write an integer in digits: no plus, no zeros in front, no minus zero.
fn digits(text: &str) -> Option<i128> {
    let bare = text.strip_prefix('-').unwrap_or(text);
    let good = match bare.as_bytes() {
        b"0" => text == "0",
        [b'1'..=b'9', rest @ ..] => rest.len() < 20 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    good.then(|| text.parse().ok()).flatten()
}

fn float(json: &Value) -> Result<f64, Misfit> {
    let wanted = "a number, \"NaN\", \"Infinity\" or \"-Infinity\"";
    match json {
        Value::Number(number) => number.as_f64().filter(|number| number.is_finite()),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => return Err(Misfit::new(format!("it is not {wanted}"))),
        },
        _ => None,
    }
    .ok_or_else(|| Misfit::new(format!("it is {}, not {wanted}", kind(json))))
}

fn known(names: &[String], name: String) -> Result<String, Misfit> {
    if names.contains(&name) {
        return Ok(name);
    }
    Err(Misfit::new(format!(
        "{} is not one of {}",
        shown(&name),
        list(names.iter().map(String::as_str))
    )))
}

fn kind(json: &Value) -> &'static str {
    match json {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A name from a caller, as a sentence may repeat it.
fn shown(text: &str) -> String {
    const KEPT: usize = 60;
    let mut out: String = text.chars().take(KEPT).flat_map(char::escape_debug).collect();
    if text.chars().nth(KEPT).is_some() {
        out.push('…');
    }
    format!("`{out}`")
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names
        .take(LISTED + 1)
        .map(|name| format!("`{}`", name.chars().take(60).collect::<String>()))
        .collect();
    if names.len() > LISTED {
        names.truncate(LISTED);
        names.push("…".to_owned());
    }
    names.join(", ")
}
