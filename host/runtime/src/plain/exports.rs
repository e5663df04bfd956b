//! The exported functions of a component, sorted into those that can be tools and those that can't.

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex};

use super::shape::{Field, MAX_TYPES, Shape, Unfit, take};
use crate::compile::LoadError;

/// Most exported functions. More than anyone can choose from, and each costs the host memory.
const MAX_FUNCTIONS: usize = 1000;

/// Most types in all functions together.
const MAX_ALL_TYPES: usize = 64 * MAX_TYPES;

/// Longest path of a function: it is kept with the tool.
const MAX_PATH: usize = 300;

/// Packages whose exports are for hosts of another kind: a program's or a server's entrance, the plugin contract.
const NOT_TOOLS: [&str; 2] = ["wasi:", "fact:"];

/// Functions that languages leave behind for their own start.
const STRAY: [&str; 3] = ["init", "initialize", "start"];

/// What a component exports.
pub(crate) struct Exports {
    /// The tools-to-be, in the order of the component.
    pub(crate) functions: Vec<Function>,
    /// What is no tool, and why.
    pub(crate) left_out: Vec<(String, Unfit)>,
}

/// An exported function that can be a tool.
pub(crate) struct Function {
    /// Where it stands: `INTERFACE#FUNCTION`, or `FUNCTION` in the world itself.
    pub(crate) path: String,
    /// The interface as it is exported: `local:calc/ops@1.0.0`.
    pub(crate) interface: Option<String>,
    /// Its own name.
    pub(crate) name: String,
    pub(crate) index: ComponentExportIndex,
    pub(crate) parameters: Vec<Field>,
    pub(crate) result: Option<Shape>,
}

/// Reads the exports of a component.
///
/// # Errors
/// When none of them can be a tool, or when they are too many.
pub(crate) fn read(component: &Component) -> Result<Exports, LoadError> {
    let engine = component.engine();
    let mut reader = Reader {
        exports: Exports {
            functions: Vec::new(),
            left_out: Vec::new(),
        },
        left: MAX_ALL_TYPES,
        seen: 0,
    };
    for (name, export) in component.component_type().exports(engine) {
        match export.ty {
            ComponentItem::ComponentFunc(function) => {
                if let Some(index) = component.get_export_index(None, name) {
                    reader.function(None, name, index, &function)?;
                }
            }
            ComponentItem::ComponentInstance(interface) => {
                let Some(parent) = component.get_export_index(None, name) else {
                    continue;
                };
                for (function, item) in interface.exports(engine) {
                    if let ComponentItem::ComponentFunc(ty) = item.ty
                        && let Some(index) = component.get_export_index(Some(&parent), function)
                    {
                        reader.function(Some(name), function, index, &ty)?;
                    }
                }
            }
            _ => {}
        }
    }
    let exports = reader.exports;
    if exports.functions.is_empty() {
        let why = match exports.left_out.first() {
            Some((path, why)) => format!("; of `{}`: {why}", clip(path)),
            None => String::new(),
        };
        return Err(LoadError::Contract(format!(
            "it exports neither `fact:plugin/tools` nor a function that could be a tool{why}"
        )));
    }
    Ok(exports)
}

struct Reader {
    exports: Exports,
    left: usize,
    seen: usize,
}

impl Reader {
    fn function(
        &mut self,
        interface: Option<&str>,
        name: &str,
        index: ComponentExportIndex,
        ty: &ComponentFunc,
    ) -> Result<(), LoadError> {
        self.seen += 1;
        if self.seen > MAX_FUNCTIONS {
            return Err(LoadError::Contract(format!(
                "it exports more than {MAX_FUNCTIONS} functions"
            )));
        }
        let path = match interface {
            Some(interface) => format!("{interface}#{name}"),
            None => name.to_owned(),
        };
        let mut left = MAX_TYPES.min(self.left);
        let before = left;
        let read = if path.len() > MAX_PATH {
            Err(Unfit::Name)
        } else if is_stray(interface, name) {
            Err(Unfit::Runtime)
        } else if name.starts_with('[') {
            // `[method]counter.add`, and so for constructors and static functions, whatever their types.
            Err(Unfit::Resource)
        } else {
            signature(ty, &mut left)
        };
        self.left -= before - left;
        match read {
            Ok((parameters, result)) => self.exports.functions.push(Function {
                path,
                interface: interface.map(str::to_owned),
                name: name.to_owned(),
                index,
                parameters,
                result,
            }),
            Err(why) => self.exports.left_out.push((clip(&path), why)),
        }
        Ok(())
    }
}

fn is_stray(interface: Option<&str>, name: &str) -> bool {
    match interface {
        Some(interface) => NOT_TOOLS.iter().any(|other| interface.starts_with(other)),
        None => STRAY.contains(&name) || name.starts_with("cabi-"),
    }
}

fn signature(ty: &ComponentFunc, left: &mut usize) -> Result<(Vec<Field>, Option<Shape>), Unfit> {
    if ty.async_() {
        return Err(Unfit::Async);
    }
    let mut parameters = Vec::new();
    for (name, ty) in ty.params() {
        take(left, name)?;
        parameters.push(Field {
            name: name.to_owned(),
            shape: Shape::read(&ty, left)?,
        });
    }
    let result = ty.results().next().map(|ty| Shape::read(&ty, left)).transpose()?;
    Ok((parameters, result))
}

fn clip(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}
