//! `fact:plugin/host`: what there is on this host, and how it is doing.

use std::sync::Arc;

use fact_types::{Error as Failure, Resource};
use serde_json::Value;
use wasmtime::component::HasData;

use crate::bindings::fact::plugin::host;
use crate::bindings::fact::plugin::types::{Error, ErrorCode};
use crate::facts::Facts;
use crate::grants::HostGrants;
use crate::imports::denied::Denied;
use crate::state::State;
use crate::trace::{HostFacts, Read, digest};
use crate::witness::Witness;

pub(crate) const REGISTRY: &str = "registry";
pub(crate) const METRICS: &str = "metrics";

pub(crate) struct HasHost;

impl HasData for HasHost {
    type Data<'a> = Host<'a>;
}

pub(crate) struct Host<'a> {
    facts: Arc<dyn Facts>,
    grants: HostGrants,
    witness: &'a Witness,
}

type Told = wasmtime::Result<Result<String, Error>>;

impl Host<'_> {
    pub(crate) fn of(state: &mut State) -> Host<'_> {
        Host {
            facts: Arc::clone(&state.services.facts),
            grants: state.grants.host,
            witness: &state.witness,
        }
    }

    async fn tell(
        &self,
        granted: bool,
        name: &str,
        kept: Option<HostFacts>,
        ask: fn(&dyn Facts) -> Result<Value, Failure>,
    ) -> Told {
        if !granted {
            return Denied::new(self.witness).no_host(name);
        }
        let resource = Resource::Host {
            name: name.to_owned(),
        };
        let facts = Arc::clone(&self.facts);
        // They are read from the disk, and may be megabytes.
        let told = tokio::task::spawn_blocking(move || ask(&*facts).map(|facts| facts.to_string()));
        let told = told.await.map_err(|error| {
            tracing::error!(%error, "telling facts about the host failed");
            wasmtime::Error::from(error)
        })?;
        match (&told, kept) {
            (Ok(facts), Some(about)) => {
                self.witness.touched(resource);
                self.witness.keep(Read::Host {
                    about,
                    answer: digest::text("facts", Some(facts)),
                });
            }
            _ => self.witness.read(resource),
        }
        Ok(told.map_err(|error| Error {
            code: ErrorCode::Unavailable,
            message: error.message,
            retry_after_ms: None,
            details: None,
        }))
    }
}

impl host::Host for Host<'_> {
    async fn plugins(&mut self) -> Told {
        self.tell(
            self.grants.registry,
            REGISTRY,
            Some(HostFacts::Plugins),
            |facts| facts.plugins(),
        )
        .await
    }

    async fn tools(&mut self) -> Told {
        self.tell(self.grants.registry, REGISTRY, Some(HostFacts::Tools), |facts| {
            facts.tools()
        })
        .await
    }

    async fn metrics(&mut self) -> Told {
        self.tell(self.grants.metrics, METRICS, None, |facts| facts.metrics())
            .await
    }
}
