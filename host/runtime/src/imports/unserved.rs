//! Imports that this host does not know.
//!
//! A component can't be instantiated with an import missing, and many import more than they use. So what is not known gets a
//! stand-in by name, and a call of it ends with a denial. What is refused at once is a version of a known contract that this
//! host does not speak, because there every call would end like that.

use fact_types::Resource;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};

use crate::compile::LoadError;
use crate::imports::config::is_config;
use crate::state::State;

/// The version of WASI in whose name the engine defines its interfaces.
const WASI: &str = "0.2.12";

/// The version of the plugin contract.
const FACT: &str = "0.1.0";

/// The packages whose interfaces this host serves, the interfaces, and the version they are defined under.
const SERVED: &[(&str, &[&str], &str)] = &[
    ("wasi:io", &["error", "poll", "streams"], WASI),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"], WASI),
    ("wasi:random", &["insecure", "insecure-seed", "random"], WASI),
    ("wasi:filesystem", &["preopens", "types"], WASI),
    (
        "wasi:sockets",
        &[
            "instance-network",
            "ip-name-lookup",
            "network",
            "tcp",
            "tcp-create-socket",
            "udp",
            "udp-create-socket",
        ],
        WASI,
    ),
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stderr",
            "stdin",
            "stdout",
            "terminal-input",
            "terminal-output",
            "terminal-stderr",
            "terminal-stdin",
            "terminal-stdout",
        ],
        WASI,
    ),
    ("wasi:http", &["outgoing-handler", "types"], WASI),
    (
        "fact:plugin",
        &[
            "host", "kv", "log", "model", "peers", "progress", "secrets", "sql", "types",
        ],
        FACT,
    ),
];

/// Longest name of an import that is noted or named to a caller.
const SHOWN: usize = 120;

/// Raised where a component calls what this host does not serve.
#[derive(Debug, Clone, thiserror::Error)]
#[error("it called `{name}`, which this host does not serve")]
pub(crate) struct Unserved {
    name: String,
}

/// What stands for a resource of an interface that is not served. There is never one of it.
struct Nothing;

/// Puts a stand-in for each import that is not in the linker, which knows everything else already.
///
/// # Errors
/// For a contract in a version that this host does not speak, and for imports that are neither functions nor interfaces of them.
pub(crate) fn stand_in(linker: &mut Linker<State>, component: &Component) -> Result<(), LoadError> {
    let engine = component.engine();
    let failed = |error: wasmtime::Error| LoadError::Contract(format!("{error:#}"));
    // Of the resources, those that an earlier import brought in. A later mention is the same one under another name.
    let mut known: Vec<ResourceType> = Vec::new();
    for (name, import) in component.component_type().imports(engine) {
        match import.ty {
            ComponentItem::ComponentFunc(_) => {
                deny(&mut linker.root(), name, shown(name)).map_err(failed)?;
            }
            ComponentItem::ComponentInstance(interface) => {
                let served = served(name)?;
                let mut instance = linker
                    .instance(served.as_deref().unwrap_or(name))
                    .map_err(failed)?;
                for (item, export) in interface.exports(engine) {
                    match export.ty {
                        ComponentItem::ComponentFunc(_) => {
                            let denied = deny(&mut instance, item, shown(&format!("{name}#{item}")));
                            // Where the interface is served, nearly all of its functions are there already.
                            if served.is_none() {
                                denied.map_err(failed)?;
                            }
                        }
                        ComponentItem::Resource(ty) => {
                            if known.contains(&ty) {
                                continue;
                            }
                            known.push(ty);
                            if served.is_none() {
                                let ty = ResourceType::host::<Nothing>();
                                instance.resource(item, ty, |_, _| Ok(())).map_err(failed)?;
                            }
                        }
                        ComponentItem::Type(_) => {}
                        _ => return Err(odd(name)),
                    }
                }
            }
            // Names of types that the world's own functions use.
            ComponentItem::Type(_) => {}
            ComponentItem::Resource(ty) => {
                if !known.contains(&ty) {
                    known.push(ty);
                    let ty = ResourceType::host::<Nothing>();
                    linker.root().resource(name, ty, |_, _| Ok(())).map_err(failed)?;
                }
            }
            _ => return Err(odd(name)),
        }
    }
    Ok(())
}

/// The name under which the linker has an interface. None: it is not served.
fn served(name: &str) -> Result<Option<String>, LoadError> {
    if is_config(name) {
        return Ok(Some(name.to_owned()));
    }
    let Some((package, interface, version)) = parts(name) else {
        return Ok(None);
    };
    let Some((_, interfaces, own)) = SERVED.iter().find(|(served, ..)| *served == package) else {
        return Ok(None);
    };
    let spoken = own.rsplit_once('.').map_or(*own, |(minor, _)| minor);
    let compatible = version
        .strip_prefix(spoken)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit()));
    if !compatible {
        let version = if version.is_empty() { "no version" } else { version };
        return Err(LoadError::Contract(format!(
            "it imports `{}` in {}, and this host speaks {spoken}; build it against that, or take a host that speaks the other",
            shown(&format!("{package}/{interface}")),
            shown(version),
        )));
    }
    Ok(interfaces
        .contains(&interface)
        .then(|| format!("{package}/{interface}@{own}")))
}

/// `wasi:cli/environment@0.2.0`: `wasi:cli`, `environment` and `0.2.0`.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (bare, version) = name.split_once('@').unwrap_or((name, ""));
    let (package, interface) = bare.split_once('/')?;
    Some((package, interface, version))
}

/// Defines a function that ends the call.
///
/// # Errors
/// When there is one of that name.
fn deny(instance: &mut LinkerInstance<'_, State>, item: &str, name: String) -> wasmtime::Result<()> {
    instance.func_new(item, move |store, _, _, _| {
        store
            .data()
            .witness
            .denied(Resource::Import { name: name.clone() });
        Err(Unserved { name: name.clone() }.into())
    })
}

fn odd(name: &str) -> LoadError {
    LoadError::Contract(format!(
        "it imports `{}`, which is neither a function nor an interface of functions",
        shown(name)
    ))
}

fn shown(name: &str) -> String {
    super::shown(name, SHOWN)
}

#[cfg(test)]
pub(crate) mod tests_support {
    use super::*;

    /// Checks that each interface that is called served is in the linker, under the very name that stands here: else the
    /// stand-ins of another name would hide it.
    pub(crate) fn check_served(linker: &mut Linker<State>) {
        for (package, interfaces, version) in SERVED {
            for interface in *interfaces {
                let name = format!("{package}/{interface}@{version}");
                let taken = linker.root().func_new(&name, |_, _, _, _| Ok(()));
                assert!(taken.is_err(), "{name} is not there");
            }
        }
    }
}
