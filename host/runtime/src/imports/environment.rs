//! `wasi:cli/environment`: the granted variables, and no arguments.

use fact_types::Resource;
use fact_types::capability::EnvGrant;
use wasmtime::component::HasData;
use wasmtime_wasi::p2::bindings::cli::environment::Host;

use crate::state::State;
use crate::witness::Witness;

pub(crate) struct HasEnvironment;

impl HasData for HasEnvironment {
    type Data<'a> = Environment<'a>;
}

pub(crate) struct Environment<'a> {
    grants: &'a [EnvGrant],
    witness: &'a Witness,
}

impl Environment<'_> {
    pub(crate) fn of(state: &mut State) -> Environment<'_> {
        Environment {
            grants: &state.grants.env,
            witness: &state.witness,
        }
    }
}

/// The granted variables that are set.
pub(super) fn granted(grants: &[EnvGrant], witness: &Witness) -> Vec<(String, String)> {
    if grants.is_empty() {
        return Vec::new();
    }
    let granted = |name: &str| grants.iter().any(|grant| grant.name.matches(name));
    let found: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| granted(name))
        .collect();
    // A variable that is not set was looked at too: the answer depends on its absence.
    for name in grants.iter().filter_map(|grant| grant.name.exact()) {
        witness.read(Resource::Env {
            name: name.to_owned(),
        });
    }
    for (name, _) in &found {
        witness.read(Resource::Env { name: name.clone() });
    }
    found
}

impl Host for Environment<'_> {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(granted(self.grants, self.witness))
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}
