//! The type of a value, as a tree of bounded size.
//!
//! A component's types share their parts, so that a few lines of them can stand for a tree without end. What is bounded here
//! once needs no bound in the schema, nor on the way in, nor on the way out.

use wasmtime::component::Type;

/// Deepest nesting of types. A value nests as deep as its type, and is read by recursion.
pub(crate) const MAX_DEPTH: usize = 64;

/// Most types in one function, each counted as often as it is used. A schema has up to some 200 bytes for each, and one of more
/// than 256 KiB can't be installed.
pub(crate) const MAX_TYPES: usize = 1024;

/// The type of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Bool,
    Int(Int),
    F32,
    F64,
    Char,
    String,
    /// `list<u8>`.
    Bytes,
    List(Box<Shape>),
    Record(Vec<Field>),
    Tuple(Vec<Shape>),
    Variant(Vec<Case>),
    Enum(Vec<String>),
    Option(Box<Shape>),
    Result {
        ok: Option<Box<Shape>>,
        err: Option<Box<Shape>>,
    },
    Flags(Vec<String>),
}

/// A field of a record, or a parameter of a function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) shape: Shape,
}

/// A case of a variant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) payload: Option<Shape>,
}

/// A kind of integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Int {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
}

impl Int {
    /// The smallest and the largest.
    pub(crate) fn range(self) -> (i128, i128) {
        match self {
            Int::S8 => (i8::MIN.into(), i8::MAX.into()),
            Int::U8 => (u8::MIN.into(), u8::MAX.into()),
            Int::S16 => (i16::MIN.into(), i16::MAX.into()),
            Int::U16 => (u16::MIN.into(), u16::MAX.into()),
            Int::S32 => (i32::MIN.into(), i32::MAX.into()),
            Int::U32 => (u32::MIN.into(), u32::MAX.into()),
            Int::S64 => (i64::MIN.into(), i64::MAX.into()),
            Int::U64 => (u64::MIN.into(), u64::MAX.into()),
        }
    }

    /// Whether it holds more than every JSON reader keeps apart.
    pub(crate) fn is_wide(self) -> bool {
        matches!(self, Int::S64 | Int::U64)
    }
}

/// Why a function can be no tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("it belongs to a resource, or takes or gives one")]
    Resource,
    #[error("it takes or gives a stream or a future")]
    Stream,
    #[error("it takes or gives a type for which this host has no JSON form")]
    Other,
    #[error("it is an `async` function")]
    Async,
    #[error("its types nest deeper than {MAX_DEPTH}")]
    Deep,
    #[error("it has more than {MAX_TYPES} types")]
    Large,
    #[error("it is a part of the language's runtime")]
    Runtime,
    #[error("its name is too long")]
    Name,
}

impl Shape {
    /// Reads a type. `left` is how many types the function may still have.
    pub(crate) fn read(ty: &Type, left: &mut usize) -> Result<Self, Unfit> {
        Shape::at(ty, 1, left)
    }

    fn at(ty: &Type, depth: usize, left: &mut usize) -> Result<Self, Unfit> {
        if depth > MAX_DEPTH {
            return Err(Unfit::Deep);
        }
        take(left, "")?;
        let mut inner = |ty: &Type| Shape::at(ty, depth + 1, left);
        Ok(match ty {
            Type::Bool => Shape::Bool,
            Type::S8 => Shape::Int(Int::S8),
            Type::U8 => Shape::Int(Int::U8),
            Type::S16 => Shape::Int(Int::S16),
            Type::U16 => Shape::Int(Int::U16),
            Type::S32 => Shape::Int(Int::S32),
            Type::U32 => Shape::Int(Int::U32),
            Type::S64 => Shape::Int(Int::S64),
            Type::U64 => Shape::Int(Int::U64),
            Type::Float32 => Shape::F32,
            Type::Float64 => Shape::F64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::List(list) => match list.ty() {
                Type::U8 => Shape::Bytes,
                element => Shape::List(Box::new(inner(&element)?)),
            },
            Type::Record(record) => {
                let mut fields = Vec::new();
                for field in record.fields() {
                    take(left, field.name)?;
                    fields.push(Field {
                        name: field.name.to_owned(),
                        shape: Shape::at(&field.ty, depth + 1, left)?,
                    });
                }
                Shape::Record(fields)
            }
            Type::Tuple(tuple) => Shape::Tuple(tuple.types().map(|ty| inner(&ty)).collect::<Result<_, _>>()?),
            Type::Variant(variant) => {
                let mut cases = Vec::new();
                for case in variant.cases() {
                    take(left, case.name)?;
                    cases.push(Case {
                        name: case.name.to_owned(),
                        payload: case.ty.map(|ty| Shape::at(&ty, depth + 1, left)).transpose()?,
                    });
                }
                Shape::Variant(cases)
            }
            Type::Enum(kind) => Shape::Enum(named(kind.names(), left)?),
            Type::Option(option) => Shape::Option(Box::new(inner(&option.ty())?)),
            Type::Result(result) => {
                let mut side = |ty: Option<Type>| ty.map(|ty| inner(&ty).map(Box::new)).transpose();
                Shape::Result {
                    ok: side(result.ok())?,
                    err: side(result.err())?,
                }
            }
            Type::Flags(flags) => Shape::Flags(named(flags.names(), left)?),
            Type::Own(_) | Type::Borrow(_) => return Err(Unfit::Resource),
            Type::Future(_) | Type::Stream(_) => return Err(Unfit::Stream),
            Type::Map(_) | Type::ErrorContext | Type::FixedLengthList(_) => return Err(Unfit::Other),
        })
    }

    /// Whether null is one of its values.
    pub(crate) fn is_option(&self) -> bool {
        matches!(self, Shape::Option(_))
    }
}

/// Counts a type, and a long name as several: the schema repeats it.
pub(crate) fn take(left: &mut usize, name: &str) -> Result<(), Unfit> {
    *left = left.checked_sub(1 + name.len() / 64).ok_or(Unfit::Large)?;
    Ok(())
}

fn named<'a>(names: impl Iterator<Item = &'a str>, left: &mut usize) -> Result<Vec<String>, Unfit> {
    names
        .map(|name| take(left, name).map(|()| name.to_owned()))
        .collect()
}
