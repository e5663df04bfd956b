//! Each type there and back: from a random value to JSON, to its text, and to the value again.

use std::cell::Cell;

use fact_types::Limits;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use wasmtime::component::Val;

use super::shape::{Case, Field, Int, Shape};
use super::{from_wit, schema, to_wit};
use crate::meter::OutputBudget;

const CASES: u32 = 10_000;

/// One in so many values is checked against its schema too, which is slow.
const JUDGED: u32 = 50;

/// Checks random values of random types of a kind.
fn check(shapes: impl Strategy<Value = Shape>) {
    let cases = shapes.prop_flat_map(|shape| {
        let value = value(&shape);
        (Just(shape), value)
    });
    let count = Cell::new(0u32);
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&cases, |(shape, value)| {
            let json = to_json(&shape, value.clone());
            let text = json.to_string();
            let read: Value = serde_json::from_str(&text).unwrap();
            let back = to_wit::value(&shape, read.clone())
                .unwrap_or_else(|misfit| panic!("{shape:?}: {text}: {misfit:?}"));
            prop_assert_eq!(&back, &value, "{}", text);
            prop_assert_eq!(to_json(&shape, back), json);
            count.set(count.get() + 1);
            if count.get().is_multiple_of(JUDGED) {
                let schema = schema::of(&shape);
                let fits = jsonschema::validator_for(&schema).unwrap().is_valid(&read);
                prop_assert!(fits, "{} does not fit {}", text, schema);
            }
            Ok(())
        })
        .unwrap();
    assert!(count.get() >= CASES);
}

fn to_json(shape: &Shape, value: Val) -> Value {
    from_wit::json(shape, value, &mut OutputBudget::new(&Limits::default())).unwrap()
}

fn int(value: impl Strategy<Value = i128> + 'static, int: Int) -> BoxedStrategy<Val> {
    let (least, most) = int.range();
    let exact = i128::from(to_wit::EXACT);
    let edges: Vec<i128> = [
        least,
        least + 1,
        -exact - 1,
        -exact,
        -1,
        0,
        1,
        exact,
        exact + 1,
        most - 1,
        most,
    ]
    .into_iter()
    .filter(|n| (least..=most).contains(n))
    .collect();
    let number = prop_oneof![4 => value, 1 => select(edges)];
    number
        .prop_map(move |n| match int {
            Int::S8 => Val::S8(n as i8),
            Int::U8 => Val::U8(n as u8),
            Int::S16 => Val::S16(n as i16),
            Int::U16 => Val::U16(n as u16),
            Int::S32 => Val::S32(n as i32),
            Int::U32 => Val::U32(n as u32),
            Int::S64 => Val::S64(n as i64),
            Int::U64 => Val::U64(n as u64),
        })
        .boxed()
}

/// A value of a type.
fn value(shape: &Shape) -> BoxedStrategy<Val> {
    match shape {
        Shape::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Shape::Int(kind) => {
            let (least, most) = kind.range();
            int(least..=most, *kind)
        }
        Shape::F32 => {
            let edges = vec![f32::MIN, f32::MAX, f32::MIN_POSITIVE, 0.1, -0.0];
            prop_oneof![4 => proptest::num::f32::ANY, 1 => select(edges)]
                .prop_map(Val::Float32)
                .boxed()
        }
        Shape::F64 => {
            let edges = vec![f64::MIN, f64::MAX, f64::MIN_POSITIVE, 0.1, -0.0];
            prop_oneof![4 => proptest::num::f64::ANY, 1 => select(edges)]
                .prop_map(Val::Float64)
                .boxed()
        }
        Shape::Char => any::<char>().prop_map(Val::Char).boxed(),
        Shape::String => any::<String>().prop_map(Val::String).boxed(),
        Shape::Bytes => vec(any::<u8>(), 0..20)
            .prop_map(|bytes| Val::List(bytes.into_iter().map(Val::U8).collect()))
            .boxed(),
        Shape::List(element) => vec(value(element), 0..4).prop_map(Val::List).boxed(),
        Shape::Record(fields) => {
            let names: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
            let values: Vec<_> = fields.iter().map(|field| value(&field.shape)).collect();
            values
                .prop_map(move |values| Val::Record(names.iter().cloned().zip(values).collect()))
                .boxed()
        }
        Shape::Tuple(shapes) => {
            let values: Vec<_> = shapes.iter().map(value).collect();
            values.prop_map(Val::Tuple).boxed()
        }
        Shape::Variant(cases) => {
            let cases: Vec<BoxedStrategy<Val>> = cases
                .iter()
                .map(|case| {
                    let name = case.name.clone();
                    match &case.payload {
                        None => Just(Val::Variant(name, None)).boxed(),
                        Some(shape) => value(shape)
                            .prop_map(move |value| Val::Variant(name.clone(), Some(Box::new(value))))
                            .boxed(),
                    }
                })
                .collect();
            proptest::strategy::Union::new(cases).boxed()
        }
        Shape::Enum(names) => select(names.clone()).prop_map(Val::Enum).boxed(),
        Shape::Option(inner) => proptest::option::of(value(inner))
            .prop_map(|value| Val::Option(value.map(Box::new)))
            .boxed(),
        Shape::Result { ok, err } => {
            let side = |shape: &Option<Box<Shape>>| match shape {
                None => Just(None).boxed(),
                Some(shape) => value(shape).prop_map(|value| Some(Box::new(value))).boxed(),
            };
            prop_oneof![
                side(ok).prop_map(|value| Val::Result(Ok(value))),
                side(err).prop_map(|value| Val::Result(Err(value))),
            ]
            .boxed()
        }
        Shape::Flags(names) => subsequence(names.clone(), 0..=names.len())
            .prop_map(Val::Flags)
            .boxed(),
    }
}

/// One to five different names.
fn names() -> impl Strategy<Value = Vec<String>> {
    // Names that mean something in the JSON forms are among them.
    let all = ["a", "b-c", "ok", "err", "some", "result", "null", "x1"]
        .map(str::to_owned)
        .to_vec();
    subsequence(all, 1..=5)
}

fn simple() -> BoxedStrategy<Shape> {
    prop_oneof![
        Just(Shape::Bool),
        select(vec![Int::S8, Int::U32, Int::S64, Int::U64]).prop_map(Shape::Int),
        Just(Shape::F64),
        Just(Shape::Char),
        Just(Shape::String),
        Just(Shape::Bytes),
        names().prop_map(Shape::Enum),
        names().prop_map(Shape::Flags),
    ]
    .boxed()
}

/// Any type, nested up to some levels.
fn any_shape() -> BoxedStrategy<Shape> {
    simple()
        .prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                list(inner.clone()),
                record(inner.clone()),
                tuple(inner.clone()),
                variant(inner.clone()),
                option(inner.clone()),
                result(inner),
            ]
        })
        .boxed()
}

fn list(inner: BoxedStrategy<Shape>) -> BoxedStrategy<Shape> {
    inner
        .prop_filter("bytes are a type of their own", |shape| {
            *shape != Shape::Int(Int::U8)
        })
        .prop_map(|shape| Shape::List(Box::new(shape)))
        .boxed()
}

fn record(inner: BoxedStrategy<Shape>) -> BoxedStrategy<Shape> {
    (names(), vec(inner, 5))
        .prop_map(|(names, shapes)| {
            let fields = names.into_iter().zip(shapes);
            Shape::Record(fields.map(|(name, shape)| Field { name, shape }).collect())
        })
        .boxed()
}

fn tuple(inner: BoxedStrategy<Shape>) -> BoxedStrategy<Shape> {
    vec(inner, 1..4).prop_map(Shape::Tuple).boxed()
}

fn variant(inner: BoxedStrategy<Shape>) -> BoxedStrategy<Shape> {
    (names(), vec(proptest::option::of(inner), 5))
        .prop_map(|(names, payloads)| {
            let cases = names.into_iter().zip(payloads);
            Shape::Variant(cases.map(|(name, payload)| Case { name, payload }).collect())
        })
        .boxed()
}

fn option(inner: BoxedStrategy<Shape>) -> BoxedStrategy<Shape> {
    inner.prop_map(|shape| Shape::Option(Box::new(shape))).boxed()
}

fn result(inner: BoxedStrategy<Shape>) -> BoxedStrategy<Shape> {
    let side = || proptest::option::of(inner.clone().prop_map(Box::new));
    (side(), side())
        .prop_map(|(ok, err)| Shape::Result { ok, err })
        .boxed()
}

/// Options up to four deep around a type.
fn nested_option() -> BoxedStrategy<Shape> {
    (simple(), 1usize..=4)
        .prop_map(|(shape, depth)| (0..depth).fold(shape, |shape, _| Shape::Option(Box::new(shape))))
        .boxed()
}

macro_rules! round_trips {
    ($($test:ident: $shapes:expr;)*) => {$(
        #[test]
        fn $test() {
            check($shapes);
        }
    )*};
}

round_trips! {
    bool_there_and_back: Just(Shape::Bool);
    s8_there_and_back: Just(Shape::Int(Int::S8));
    u8_there_and_back: Just(Shape::Int(Int::U8));
    s16_there_and_back: Just(Shape::Int(Int::S16));
    u16_there_and_back: Just(Shape::Int(Int::U16));
    s32_there_and_back: Just(Shape::Int(Int::S32));
    u32_there_and_back: Just(Shape::Int(Int::U32));
    s64_there_and_back: Just(Shape::Int(Int::S64));
    u64_there_and_back: Just(Shape::Int(Int::U64));
    f32_there_and_back: Just(Shape::F32);
    f64_there_and_back: Just(Shape::F64);
    char_there_and_back: Just(Shape::Char);
    string_there_and_back: Just(Shape::String);
    bytes_there_and_back: Just(Shape::Bytes);
    enum_there_and_back: names().prop_map(Shape::Enum);
    flags_there_and_back: names().prop_map(Shape::Flags);
    list_there_and_back: list(any_shape());
    record_there_and_back: record(any_shape());
    tuple_there_and_back: tuple(any_shape());
    variant_there_and_back: variant(any_shape());
    option_there_and_back: option(any_shape());
    nested_option_there_and_back: nested_option();
    result_there_and_back: result(any_shape());
}
