//! Components that know nothing of this host: their exported functions are the tools.
//!
//! A component without the plugin contract exports ordinary typed functions, alone or in interfaces. Each becomes a tool: its
//! JSON Schemas follow from its types, and arguments and results are translated between JSON and the component's values.
//!
//! How values look in JSON. Everything goes both ways without loss.
//!
//! | WIT                        | JSON                                                                              |
//! |----------------------------|-----------------------------------------------------------------------------------|
//! | `bool`, `string`           | a boolean, a string                                                               |
//! | `s8` to `s32`, `u8` to `u32` | an integer within the range                                                     |
//! | `s64`, `u64`               | an integer or its decimal digits as a string; answered as a string beyond ±(2⁵³−1) |
//! | `f32`, `f64`               | a number, or one of the strings `NaN`, `Infinity` and `-Infinity`                 |
//! | `char`                     | a string of one character                                                         |
//! | `list<u8>`                 | a string of base64; as an argument an array of numbers will do                    |
//! | `list<T>`                  | an array                                                                          |
//! | `tuple<...>`               | an array of fixed length                                                          |
//! | `record`                   | an object; a field that is an option may be left out                              |
//! | `variant`                  | the case's name; with a payload an object of one member, `{"CASE": PAYLOAD}`      |
//! | `enum`, `flags`            | the name, an array of names                                                       |
//! | `result` inside a value    | `{"ok": VALUE}` or `{"err": VALUE}`, null where there is no value                 |
//! | `option<T>`                | null, or the value; where `T` is an option itself null or `{"some": VALUE}`       |
//!
//! A function's parameters are the members of the arguments' object. Its result is the structured answer when it is a record,
//! and otherwise the member `result` of one. A function whose result is a `result` answers with what is in it, or fails with it.

mod call;
mod exports;
mod from_wit;
mod names;
mod schema;
mod shape;
mod to_wit;

use fact_types::{Annotations, ToolSpec};
use wasmtime::component::types::ComponentItem;

use crate::Runtime;
use crate::compile::{Compiled, LoadError};

pub(crate) use call::{Plain, run};

/// The interface of the plugin contract that a component exports, without its version.
const TOOLS: &str = "fact:plugin/tools@";

/// The versions of it that this host speaks: all that are compatible with this one.
const SPOKEN: &str = "0.1.";

impl Compiled {
    /// Whether the component exports the plugin contract in a version that this host speaks. A component that does not is a
    /// plain one: see [`Runtime::plain_tools`].
    pub fn is_contract(&self) -> bool {
        self.contract_versions()
            .iter()
            .any(|version| version.starts_with(SPOKEN))
    }

    fn contract_versions(&self) -> Vec<String> {
        let component = &self.component;
        component
            .component_type()
            .exports(component.engine())
            .filter(|(_, export)| matches!(export.ty, ComponentItem::ComponentInstance(_)))
            .filter_map(|(name, _)| name.strip_prefix(TOOLS).map(str::to_owned))
            .collect()
    }

    /// The functions of a plain component that can be tools.
    pub(crate) fn plain(&self) -> Result<exports::Exports, LoadError> {
        if let [version, ..] = self.contract_versions().as_slice() {
            let version: String = version.chars().take(40).collect();
            return Err(LoadError::Contract(format!(
                "it exports version {version} of `fact:plugin/tools`, and this host speaks {SPOKEN}x; build it against that, or \
                 take a host that speaks the other"
            )));
        }
        exports::read(&self.component)
    }
}

impl Runtime {
    /// The tools of a plain component: its exported functions, described by their types.
    ///
    /// `docs` gives the text for a function, asked with the interface as it is exported (`local:calc/ops@1.0.0`; none for a
    /// function of the world itself) and the function's name. No name is longer than `name_max` characters; names that would
    /// clash or are too long get an alias that depends on nothing but the exports.
    ///
    /// # Errors
    /// When no exported function can be a tool, or when there are too many or too large ones.
    pub fn plain_tools(
        &self,
        compiled: &Compiled,
        docs: &dyn Fn(Option<&str>, &str) -> Option<String>,
        name_max: usize,
    ) -> Result<Vec<ToolSpec>, LoadError> {
        let exports = compiled.plain()?;
        for (path, why) in &exports.left_out {
            tracing::debug!(digest = %compiled.digest, function = path, %why, "an exported function is no tool");
        }
        let names = names::assign(&exports.functions, name_max);
        exports
            .functions
            .iter()
            .zip(names)
            .map(|(function, name)| {
                let name = name
                    .parse()
                    .map_err(|error| LoadError::Contract(format!("`{}`: {error}", function.path)))?;
                Ok(ToolSpec {
                    name,
                    title: None,
                    description: docs(function.interface.as_deref(), &function.name)
                        .map(|text| text.trim().to_owned())
                        .unwrap_or_default(),
                    input_schema: schema::of_parameters(&function.parameters),
                    output_schema: schema::of_answer(function.result.as_ref()),
                    annotations: Annotations::default(),
                    cache: None,
                    export: Some(function.path.clone()),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod tests;
