//! `wasi:config/store`: the granted variables, under a name that components of other hosts ask for.
//!
//! The interface is a draft, and its versions are not compatible with each other by their numbers. So it is defined under each
//! name that a component imports it by, and the engine compares the types.

use fact_types::Resource;
use wasmtime::StoreContextMut;
use wasmtime::component::{Component, ComponentType, Lift, Linker, Lower};

use crate::state::State;
use crate::trace::{Read, digest};

/// The versions whose two functions are those below: `0.2.0-draft` and `0.2.0-rc.1`.
const NAME: &str = "wasi:config/store@0.2.0-";

/// Longest key that is looked up and noted.
const KEY_MAX: usize = 256;

/// Why there is no answer.
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(variant)]
enum ConfigError {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

/// Whether an import is this interface.
pub(crate) fn is_config(name: &str) -> bool {
    name.starts_with(NAME)
}

/// Defines the interface under the names that the component uses.
pub(crate) fn add_to_linker(linker: &mut Linker<State>, component: &Component) -> wasmtime::Result<()> {
    for (name, _) in component.component_type().imports(component.engine()) {
        if !is_config(name) {
            continue;
        }
        let mut instance = linker.instance(name)?;
        instance.func_wrap("get", |store: StoreContextMut<'_, State>, (key,): (String,)| {
            Ok((get(store.data(), key),))
        })?;
        instance.func_wrap("get-all", |store: StoreContextMut<'_, State>, (): ()| {
            Ok((all(store.data()),))
        })?;
    }
    Ok(())
}

fn get(state: &State, key: String) -> Result<Option<String>, ConfigError> {
    if key.len() > KEY_MAX {
        return Err(ConfigError::Upstream(format!(
            "a key has at most {KEY_MAX} bytes"
        )));
    }
    let resource = Resource::Env { name: key.clone() };
    if !state.grants.env.iter().any(|grant| grant.name.matches(&key)) {
        state.witness.denied(resource);
        return Err(ConfigError::Upstream(format!(
            "this plugin was not granted env:read:{key}"
        )));
    }
    let value = match std::env::var(&key) {
        Ok(value) => Some(value),
        Err(std::env::VarError::NotPresent) => None,
        Err(std::env::VarError::NotUnicode(_)) => {
            state.witness.read(resource);
            return Err(ConfigError::Io("the value is no text".to_owned()));
        }
    };
    // A variable that is not set was looked at too: the answer depends on its absence.
    state.witness.touched(resource);
    state.witness.keep(Read::Env {
        name: key,
        answer: digest::variable(value.as_deref()),
    });
    Ok(value)
}

fn all(state: &State) -> Result<Vec<(String, String)>, ConfigError> {
    Ok(super::environment::told(&state.grants.env, &state.witness))
}
