//! Compiles, links, limits and runs components: the host side of every import.
//!
//! This is the only crate that names the engine. A component reaches the world through imports alone, and every import is
//! implemented here (or, for WASI, wrapped here), so this is also the one place that knows what a call did: see
//! [`CallReport::effects`].
//!
//! The order of things: [`Runtime::load`] compiles a component, or maps what an earlier start compiled;
//! [`Runtime::link`] ties it to what it was granted; [`Runtime::call`] runs one call in an instance of its own, which is
//! thrown away after it.

mod bindings;
mod call;
mod compile;
mod compiler;
mod engine;
mod facts;
mod grants;
mod imports;
mod lane;
mod link;
mod meter;
mod nesting;
#[cfg(test)]
mod nobody;
mod peers;
mod plain;
#[cfg(feature = "sabotage")]
#[doc(hidden)]
pub mod sabotage;
mod state;
mod trace;
mod witness;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fact_egress::Egress;
use fact_store::{Databases, KvStore};
use tokio::sync::{Semaphore, watch};

pub use call::{CallInput, CallReport, Failure};
pub use compile::{Compiled, LoadError, MAX_COMPONENT};
pub use compiler::{CompileLimits, Compiler, Compiling, compile_child};
pub use facts::Facts;
pub use grants::{Grants, HostGrants};
pub use link::Linked;
pub use nesting::{CALLS_MAX, DEPTH_MAX, Nesting};
pub use peers::{PeerAnswer, PeerCall, Peers};
pub use trace::{Fleeting, Proof, Scope, Scopes, Seen, Trace};

use compiler::Compilations;
use engine::Engines;
use lane::Lane;

/// Largest arguments of a call, as JSON. Larger inputs belong in a file or a database that the tool is granted.
pub const MAX_ARGUMENTS: usize = 4 << 20;

/// The parts of the world that the host lends to components.
pub struct Services {
    /// The way out over HTTP.
    pub egress: Egress,
    /// The databases.
    pub databases: Databases,
    /// The values that plugins keep under keys.
    pub values: KvStore,
    /// The tools of other plugins.
    pub peers: Arc<dyn Peers>,
    /// What there is on this host.
    pub facts: Arc<dyn Facts>,
}

/// How a [`Runtime`] is built.
pub struct RuntimeConfig {
    /// Where compiled code is kept between starts. None: nowhere.
    pub compiled_dir: Option<PathBuf>,
    /// Who compiles.
    pub compiler: Compiler,
    /// Largest component, in bytes; [`MAX_COMPONENT`] at most.
    pub max_component: usize,
    /// Most calls that run at the same time; more wait.
    pub slots: u32,
    /// Most calls that wait for a slot; more are told to come back.
    pub queue: u32,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        // 256 calls with the default memory limit can hold 64 GiB at the very worst, and hold some 100 MiB in practice.
        RuntimeConfig {
            compiled_dir: None,
            compiler: Compiler::InProcess,
            max_component: MAX_COMPONENT,
            slots: 256,
            queue: 4096,
        }
    }
}

/// Why a runtime can't be built.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The engine refuses its configuration on this machine.
    #[error("the WebAssembly engine can't start on this machine")]
    Engine(#[source] wasmtime::Error),
    /// The folder for compiled code can't be used.
    #[error("the folder for compiled code can't be used")]
    Folder(#[source] std::io::Error),
}

/// Runs components.
pub struct Runtime {
    engines: Engines,
    compiled: Option<compile::CodeCache>,
    compilations: Compilations,
    max_component: usize,
    services: Arc<Services>,
    slots: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    lane: Lane,
}

impl Runtime {
    /// Builds a runtime.
    ///
    /// # Errors
    /// When the engine or the folder for compiled code can't be used.
    pub fn new(config: RuntimeConfig, services: Services) -> Result<Self, SetupError> {
        let engines = Engines::new(config.slots)?;
        let compiled = config
            .compiled_dir
            .map(compile::CodeCache::open)
            .transpose()
            .map_err(SetupError::Folder)?;
        let slots = config.slots.max(1) as usize;
        Ok(Runtime {
            engines,
            compiled,
            compilations: Compilations::new(config.compiler),
            max_component: config.max_component.min(MAX_COMPONENT),
            services: Arc::new(services),
            slots: Arc::new(Semaphore::new(slots)),
            queue: Arc::new(Semaphore::new(slots + config.queue as usize)),
            lane: Lane::new(),
        })
    }

    /// Largest component that is loaded, in bytes. Whoever reads one need not read further.
    pub fn max_component(&self) -> usize {
        self.max_component
    }

    /// What is compiled at this moment, to be watched: a component takes from milliseconds to the compiler's limit.
    pub fn compiling(&self) -> watch::Receiver<Vec<Compiling>> {
        self.compilations.watch()
    }

    /// Calls that run at this moment.
    pub fn running(&self) -> u64 {
        self.engines.running()
    }

    /// Waits until no call runs, or the time is over. True: none runs.
    pub async fn drain(&self, patience: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + patience;
        while self.running() > 0 {
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    }
}
