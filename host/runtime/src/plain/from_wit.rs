//! From a component's values to JSON, counted as it goes.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};
use wasmtime::component::Val;

use super::schema::SOME;
use super::shape::Shape;
use super::to_wit::EXACT;
use crate::meter::{Exceeded, OutputBudget};

/// Translates a value, whose JSON is counted towards the output limit piece by piece, so that what is too large is never made.
///
/// # Errors
/// The limit; or a value that is not of the type, which the engine rules out.
pub(crate) fn json(shape: &Shape, value: Val, budget: &mut OutputBudget) -> wasmtime::Result<Value> {
    let mut writer = Writer { budget };
    writer.json(shape, value)
}

struct Writer<'a> {
    budget: &'a mut OutputBudget,
}

impl Writer<'_> {
    /// Counts a piece and the comma or colon that follows it.
    fn charge(&mut self, bytes: usize) -> Result<(), Exceeded> {
        self.budget.charge(bytes + 1)
    }

    fn text(&mut self, text: String) -> Result<Value, Exceeded> {
        self.charge(text.len() + 2)?;
        Ok(Value::String(text))
    }

    fn number(&mut self, number: impl Into<Number>) -> Result<Value, Exceeded> {
        let number = number.into();
        let mut length = Length(0);
        // Counting can't fail.
        let _ = write!(length, "{number}");
        self.charge(length.0)?;
        Ok(Value::Number(number))
    }

    fn float(&mut self, float: f64) -> Result<Value, Exceeded> {
        match Number::from_f64(float) {
            Some(number) => self.number(number),
            None if float.is_nan() => self.text("NaN".to_owned()),
            None if float > 0.0 => self.text("Infinity".to_owned()),
            None => self.text("-Infinity".to_owned()),
        }
    }

    fn list(&mut self, shape: &Shape, values: Vec<Val>) -> wasmtime::Result<Value> {
        self.charge(2)?;
        let values = values.into_iter().map(|value| self.json(shape, value));
        Ok(Value::Array(values.collect::<Result<_, _>>()?))
    }

    /// An object of one member.
    fn single(&mut self, name: &str, shape: Option<&Shape>, value: Option<Val>) -> wasmtime::Result<Value> {
        self.charge(name.len() + 5)?;
        let value = match (shape, value) {
            (Some(shape), Some(value)) => self.json(shape, value)?,
            (None, None) => {
                self.charge(4)?;
                Value::Null
            }
            _ => return Err(mismatch()),
        };
        Ok(Value::Object(Map::from_iter([(name.to_owned(), value)])))
    }

    fn json(&mut self, shape: &Shape, value: Val) -> wasmtime::Result<Value> {
        Ok(match (shape, value) {
            (Shape::Bool, Val::Bool(value)) => {
                self.charge(5)?;
                Value::Bool(value)
            }
            (Shape::Int(_), Val::S8(n)) => self.number(n)?,
            (Shape::Int(_), Val::U8(n)) => self.number(n)?,
            (Shape::Int(_), Val::S16(n)) => self.number(n)?,
            (Shape::Int(_), Val::U16(n)) => self.number(n)?,
            (Shape::Int(_), Val::S32(n)) => self.number(n)?,
            (Shape::Int(_), Val::U32(n)) => self.number(n)?,
            (Shape::Int(_), Val::S64(n)) if n.unsigned_abs() <= EXACT => self.number(n)?,
            (Shape::Int(_), Val::S64(n)) => self.text(n.to_string())?,
            (Shape::Int(_), Val::U64(n)) if n <= EXACT => self.number(n)?,
            (Shape::Int(_), Val::U64(n)) => self.text(n.to_string())?,
            (Shape::F32, Val::Float32(float)) => self.float(widened(float))?,
            (Shape::F64, Val::Float64(float)) => self.float(float)?,
            (Shape::Char, Val::Char(letter)) => self.text(letter.to_string())?,
            (Shape::String, Val::String(text)) => self.text(text)?,
            (Shape::Bytes, Val::List(values)) => {
                self.charge(values.len().div_ceil(3).saturating_mul(4))?;
                let bytes = values.into_iter().map(|value| match value {
                    Val::U8(byte) => Ok(byte),
                    _ => Err(mismatch()),
                });
                Value::String(STANDARD.encode(bytes.collect::<Result<Vec<u8>, _>>()?))
            }
            (Shape::List(element), Val::List(values)) => self.list(element, values)?,
            (Shape::Record(fields), Val::Record(values)) if fields.len() == values.len() => {
                self.charge(2)?;
                let mut object = Map::with_capacity(fields.len());
                for (field, (name, value)) in fields.iter().zip(values) {
                    self.charge(name.len() + 3)?;
                    let value = self.json(&field.shape, value)?;
                    object.insert(name, value);
                }
                Value::Object(object)
            }
            (Shape::Tuple(shapes), Val::Tuple(values)) if shapes.len() == values.len() => {
                self.charge(2)?;
                let values = shapes.iter().zip(values);
                let values = values.map(|(shape, value)| self.json(shape, value));
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            (Shape::Variant(_), Val::Variant(name, None)) => self.text(name)?,
            (Shape::Variant(cases), Val::Variant(name, Some(payload))) => {
                let case = cases.iter().find(|case| case.name == name);
                let shape = case.and_then(|case| case.payload.as_ref());
                self.single(&name, shape, Some(*payload))?
            }
            (Shape::Enum(_), Val::Enum(name)) => self.text(name)?,
            (Shape::Option(_), Val::Option(None)) => {
                self.charge(4)?;
                Value::Null
            }
            (Shape::Option(inner), Val::Option(Some(value))) if inner.is_option() => {
                self.single(SOME, Some(inner), Some(*value))?
            }
            (Shape::Option(inner), Val::Option(Some(value))) => self.json(inner, *value)?,
            (Shape::Result { ok, .. }, Val::Result(Ok(value))) => {
                self.single("ok", ok.as_deref(), value.map(|value| *value))?
            }
            (Shape::Result { err, .. }, Val::Result(Err(value))) => {
                self.single("err", err.as_deref(), value.map(|value| *value))?
            }
            (Shape::Flags(_), Val::Flags(names)) => {
                self.charge(2)?;
                let names = names.into_iter().map(|name| self.text(name));
                Value::Array(names.collect::<Result<_, _>>()?)
            }
            _ => return Err(mismatch()),
        })
    }
}

/// Counts what is written to it.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// A 32-bit number as the 64-bit one that people would write: 0.1 and not 0.10000000149011612. Back it is the same number.
fn widened(float: f32) -> f64 {
    let exact = f64::from(float);
    match float.to_string().parse::<f64>() {
        Ok(short) if (short as f32).to_bits() == float.to_bits() => short,
        _ => exact,
    }
}

fn mismatch() -> wasmtime::Error {
    wasmtime::Error::msg("a component answered with a value that is not of its type")
}
