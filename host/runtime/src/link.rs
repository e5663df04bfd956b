//! From compiled code and grants to something that can be called.
//!
//! Linking happens once for a plugin and a set of grants. What was not granted is not linked to the real thing: a denying
//! stand-in takes its place. It is never left out, since a component can't be instantiated with an import missing, and
//! nearly every component imports most of WASI without using it.

use std::sync::Arc;

use fact_types::{Digest, Limits};
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings as wasi;

use crate::bindings::PluginPre;
use crate::bindings::fact::plugin as fact;
use crate::compile::{Compiled, LoadError};
use crate::engine::Kind;
use crate::grants::{Grants, HostGrants};
use crate::imports::denied::{Denied, HasDenied};
use crate::imports::environment::{Environment, HasEnvironment};
use crate::imports::filesystem::{Files, HasFiles};
use crate::imports::host::{HasHost, Host};
use crate::imports::journal::{HasJournal, Journal};
use crate::imports::kv::{HasKv, Kv};
use crate::imports::peers::{HasPeers, Peers};
use crate::imports::sockets::{HasLookup, Lookup};
use crate::imports::sql::{HasSql, Sql};
use crate::imports::{config, unserved};
use crate::plain::Plain;
use crate::state::State;
use crate::{Runtime, SetupError};

/// A component with its grants, ready to be called.
#[derive(Clone)]
pub struct Linked {
    pub(crate) entry: Entry,
    pub(crate) grants: Arc<Grants>,
    pub(crate) kind: Kind,
    pub(crate) digest: Digest,
    /// Places for calls of this plugin at the same time.
    pub(crate) places: Arc<Semaphore>,
}

/// How a component is called.
#[derive(Clone)]
pub(crate) enum Entry {
    /// By the plugin contract.
    Contract(PluginPre<State>),
    /// By its own functions.
    Plain(Plain),
}

impl Linked {
    /// The digest of the component's bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl Runtime {
    /// Ties a component to what it was granted.
    ///
    /// # Errors
    /// When the component exports neither the plugin contract nor a function that can be a tool; when it imports WASI or the
    /// contract in a version that this host does not speak, or something that is no function.
    pub fn link(
        &self,
        compiled: &Compiled,
        grants: impl Into<Arc<Grants>>,
        limits: &Limits,
    ) -> Result<Linked, LoadError> {
        let grants = grants.into();
        let engine = self.engines.get(compiled.kind)?;
        let mut linker = Linker::<State>::new(engine);
        let contract = |error: wasmtime::Error| LoadError::Contract(format!("{error:#}"));
        world(&mut linker, &grants).map_err(SetupError::Engine)?;
        config::add_to_linker(&mut linker, &compiled.component).map_err(contract)?;
        unserved::stand_in(&mut linker, &compiled.component)?;
        let pre = linker.instantiate_pre(&compiled.component).map_err(contract)?;
        let entry = if compiled.is_contract() {
            Entry::Contract(PluginPre::new(pre).map_err(contract)?)
        } else {
            Entry::Plain(Plain::new(pre, compiled.plain()?))
        };
        Ok(Linked {
            entry,
            grants,
            kind: compiled.kind,
            digest: compiled.digest,
            places: Arc::new(Semaphore::new(limits.concurrency.max(1) as usize)),
        })
    }
}

/// Everything that a component may import.
pub(crate) fn world(linker: &mut Linker<State>, grants: &Grants) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;

    // Where the engine's WASI would act without a word, ours comes in its place.
    linker.allow_shadowing(true);
    wasi::filesystem::types::add_to_linker::<State, HasFiles>(linker, Files::of)?;
    wasi::filesystem::preopens::add_to_linker::<State, HasFiles>(linker, Files::of)?;
    wasi::cli::environment::add_to_linker::<State, HasEnvironment>(linker, Environment::of)?;
    wasi::sockets::ip_name_lookup::add_to_linker::<State, HasLookup>(linker, Lookup::of)?;
    wasi::sockets::tcp_create_socket::add_to_linker::<State, HasLookup>(linker, Lookup::of)?;
    wasi::sockets::udp_create_socket::add_to_linker::<State, HasLookup>(linker, Lookup::of)?;
    linker.allow_shadowing(false);

    fact::types::add_to_linker::<State, HasDenied>(linker, Denied::of)?;
    fact::log::add_to_linker::<State, HasJournal>(linker, Journal::of)?;
    fact::progress::add_to_linker::<State, HasJournal>(linker, Journal::of)?;
    if grants.sql.is_empty() {
        fact::sql::add_to_linker::<State, HasDenied>(linker, Denied::of)?;
    } else {
        fact::sql::add_to_linker::<State, HasSql>(linker, Sql::of)?;
    }
    if grants.tools.is_empty() {
        fact::peers::add_to_linker::<State, HasDenied>(linker, Denied::of)?;
    } else {
        fact::peers::add_to_linker::<State, HasPeers>(linker, Peers::of)?;
    }
    if grants.host == HostGrants::default() {
        fact::host::add_to_linker::<State, HasDenied>(linker, Denied::of)?;
    } else {
        fact::host::add_to_linker::<State, HasHost>(linker, Host::of)?;
    }
    if grants.kv.is_empty() {
        fact::kv::add_to_linker::<State, HasDenied>(linker, Denied::of)?;
    } else {
        fact::kv::add_to_linker::<State, HasKv>(linker, Kv::of)?;
    }
    // Nothing on this host serves these yet, so no grant opens them.
    fact::secrets::add_to_linker::<State, HasDenied>(linker, Denied::of)?;
    fact::model::add_to_linker::<State, HasDenied>(linker, Denied::of)?;
    Ok(())
}
