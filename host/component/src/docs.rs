//! The doc comments of a component's WIT, which its `package-docs` section may carry.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The section's name.
pub(crate) const SECTION: &str = "package-docs";

/// Largest section that is read: 100 bytes for each function of a very large API.
const MAX: usize = 4 << 20;

/// What the authors wrote about the functions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Docs {
    /// By interface of the package (without package and version) and function.
    interfaces: Functions,
    /// By interface that the world itself defines, and function.
    inline: Functions,
    /// By function of the world.
    functions: BTreeMap<String, String>,
}

type Functions = BTreeMap<String, BTreeMap<String, String>>;

impl Docs {
    /// What stands above a function: of an interface, as the component names it (`acme:math/ops@1.0.0`), or of the world.
    pub fn get(&self, interface: Option<&str>, function: &str) -> Option<&str> {
        let functions = match interface {
            None => &self.functions,
            Some(name) => match name.rsplit_once('/') {
                Some((_, short)) => self.interfaces.get(short.split('@').next().unwrap_or(short))?,
                None => self.inline.get(name)?,
            },
        };
        functions.get(function).map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.interfaces.is_empty() && self.inline.is_empty() && self.functions.is_empty()
    }

    /// Reads the section. Docs are no condition for anything, so a section that can't be read counts as none.
    pub(crate) fn decode(section: &[u8]) -> Docs {
        // A byte for the version, then JSON. Both versions there are hold what is read here.
        let json = match section.split_first() {
            Some((0 | 1, json)) if json.len() <= MAX => json,
            _ => return Docs::default(),
        };
        let Ok(package) = serde_json::from_slice::<Package>(json) else {
            return Docs::default();
        };
        let mut docs = Docs::default();
        for (name, interface) in package.interfaces {
            add(&mut docs.interfaces, name, interface);
        }
        for world in package.worlds.into_values() {
            // Exports come last: where an import has the same name, they win.
            for (name, function) in world.funcs.into_iter().chain(world.func_exports) {
                if let Some(text) = function.docs {
                    docs.functions.insert(name, text);
                }
            }
            for (name, interface) in world.interfaces.into_iter().chain(world.interface_exports) {
                add(&mut docs.inline, name, interface);
            }
        }
        docs
    }
}

fn add(to: &mut Functions, name: String, interface: Interface) {
    let texts: BTreeMap<String, String> = interface
        .funcs
        .into_iter()
        .filter_map(|(name, function)| Some((name, function.docs?)))
        .collect();
    if !texts.is_empty() {
        to.insert(name, texts);
    }
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    worlds: BTreeMap<String, World>,
    #[serde(default)]
    interfaces: BTreeMap<String, Interface>,
}

#[derive(Deserialize)]
struct World {
    #[serde(default)]
    funcs: BTreeMap<String, Function>,
    #[serde(default)]
    func_exports: BTreeMap<String, Function>,
    #[serde(default)]
    interfaces: BTreeMap<String, Interface>,
    #[serde(default)]
    interface_exports: BTreeMap<String, Interface>,
}

#[derive(Deserialize)]
struct Interface {
    #[serde(default)]
    funcs: BTreeMap<String, Function>,
}

#[derive(Deserialize)]
struct Function {
    #[serde(default)]
    docs: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_standard_tool_writes_is_read() {
        let wit = "package acme:math@1.0.0;
            interface ops {
                /// Adds.
                add: func(a: u32, b: u32) -> u32;
                bare: func();
            }
            world calc {
                export ops;
                /// Runs it.
                export run: func();
                export inline: interface {
                    /// Inside.
                    go: func();
                }
            }";
        let mut resolve = wit_parser::Resolve::default();
        let package = resolve.push_str("t.wit", wit).unwrap();
        let section = wit_parser::PackageMetadata::extract(&resolve, package)
            .encode()
            .unwrap();
        let docs = Docs::decode(&section);
        let cases = [
            (Some("acme:math/ops@1.0.0"), "add", Some("Adds.")),
            (Some("acme:math/ops"), "add", Some("Adds.")),
            (Some("acme:math/ops@1.0.0"), "bare", None),
            (Some("acme:math/other"), "add", None),
            (Some("ops"), "add", None),
            (Some("inline"), "go", Some("Inside.")),
            (None, "run", Some("Runs it.")),
            (None, "add", None),
        ];
        for (interface, function, text) in cases {
            assert_eq!(docs.get(interface, function), text, "{interface:?} {function}");
        }
    }

    #[test]
    fn what_is_no_documentation_is_none() {
        let mut long = vec![b' '; MAX + 2];
        long[0] = 1;
        long[1] = b'{';
        *long.last_mut().unwrap() = b'}';
        let deep = [b"\x01".to_vec(), b"{\"worlds\":".repeat(5000)].concat();
        for section in [
            &b""[..],
            b"\x01",
            b"\x02{}",
            b"\x01[]",
            b"\x01{\"worlds\":3}",
            &deep,
            &long,
        ] {
            assert!(Docs::decode(section).is_empty());
        }
    }
}
