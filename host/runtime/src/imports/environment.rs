//! `wasi:cli/environment`: the granted variables, and no arguments.

use fact_types::Resource;
use fact_types::capability::EnvGrant;
use wasmtime::component::HasData;
use wasmtime_wasi::p2::bindings::cli::environment::Host;

use crate::state::State;
use crate::trace::{Read, digest};
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

/// The granted variables that are set, in the system's order.
pub(crate) fn granted(grants: &[EnvGrant]) -> Vec<(String, String)> {
    if grants.is_empty() {
        return Vec::new();
    }
    let granted = |name: &str| grants.iter().any(|grant| grant.name.matches(name));
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| granted(name))
        .collect()
}

/// One variable, if it is granted and set.
pub(crate) fn variable(grants: &[EnvGrant], name: &str) -> Option<String> {
    let granted = grants.iter().any(|grant| grant.name.matches(name));
    granted.then(|| std::env::var(name).ok()).flatten()
}

/// The granted variables that are set, for a guest.
pub(super) fn told(grants: &[EnvGrant], witness: &Witness) -> Vec<(String, String)> {
    let found = granted(grants);
    if grants.is_empty() {
        return found;
    }
    witness.keep(Read::Environment {
        answer: digest::variables(&found),
    });
    // A variable that is not set was looked at too: the answer depends on its absence.
    for name in grants.iter().filter_map(|grant| grant.name.exact()) {
        witness.touched(Resource::Env {
            name: name.to_owned(),
        });
    }
    for (name, _) in &found {
        witness.touched(Resource::Env { name: name.clone() });
    }
    found
}

impl Host for Environment<'_> {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(told(self.grants, self.witness))
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}
