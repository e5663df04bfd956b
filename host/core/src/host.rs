//! The host: everything, built from the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fact_cache::{Cache, SystemClock};
use fact_egress::{Egress, EgressConfig};
use fact_policy::Policy;
use fact_registry::{LimitPolicy, Registry, RegistryConfig};
use fact_runtime::{CompileLimits, Compiler, Compiling, Runtime, RuntimeConfig, Services};
use fact_store::{Databases, Durability, KvStore, SqlLimits, Store};
use fact_types::{CallId, Error, Receipt};
use tokio::sync::watch;

use crate::peers::WayBack;
use crate::recall::{Kept, Memory};
use crate::usage::Counting;
use crate::{Answer, Config};

/// Why a host can't start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder or the database in it.
    #[error("the data folder can't be used")]
    Store(#[source] fact_store::StoreError),
    /// A folder in the data folder.
    #[error("the data folder can't be written")]
    Folder(#[source] std::io::Error),
    /// The engine.
    #[error(transparent)]
    Runtime(fact_runtime::SetupError),
    /// The way out over HTTP.
    #[error("the HTTP settings can't be used")]
    Egress(#[source] fact_egress::SetupError),
    /// A policy file that is not there or is wrong. Without it nobody knows what plugins may do.
    #[error(transparent)]
    Policy(fact_policy::LoadError),
    /// A thread of the host's own.
    #[error("no threads can be started")]
    Thread(#[source] std::io::Error),
    /// A file that the configuration names.
    #[error("`{path}`, which the configuration names, can't be read")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A host. Cheap to share: put it in an [`Arc`].
pub struct Host {
    parts: Arc<Parts>,
}

/// What a host is made of.
pub(crate) struct Parts {
    config: Config,
    policy: Arc<Policy>,
    store: Arc<Store>,
    databases: Databases,
    runtime: Arc<Runtime>,
    registry: Arc<Registry>,
    memory: Memory,
    counting: Counting,
    stop: watch::Sender<Stop>,
    opened: Instant,
}

/// The first argument of a program that is started to compile.
pub const COMPILE_VERB: &str = "compile-component";

/// How far the host is with stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    No,
    /// No new calls.
    Draining,
    /// No calls at all.
    Now,
}

/// How many threads the executor should have: twice the cores, since guests that spin take turns on as many as there are
/// cores.
pub fn worker_threads() -> usize {
    std::thread::available_parallelism()
        .map_or(2, std::num::NonZero::get)
        .saturating_mul(2)
        .max(4)
}

impl Host {
    /// Builds a host. Everything that is not there yet is made.
    ///
    /// # Errors
    /// When the data folder, the engine or a file that the configuration names can't be used.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let policy = Arc::new(Policy::load(&config.policy).map_err(OpenError::Policy)?);
        let data = config.data_dir.as_path();
        let store = Arc::new(Store::open(data).map_err(OpenError::Store)?);
        let databases = Databases::new(databases(&config), SqlLimits::default());
        let egress = Egress::new(egress(&config)?).map_err(OpenError::Egress)?;
        let runtime = RuntimeConfig {
            compiled_dir: Some(data.join("compiled")),
            compiler: compiler(&config),
            max_component: config.install.component_size.bytes(),
            slots: config.runtime.slots,
            queue: config.runtime.queue,
        };
        let way_back = Arc::new(WayBack::default());
        let services = Services {
            egress,
            databases: databases.clone(),
            values: KvStore::new(data),
            peers: Arc::<WayBack>::clone(&way_back),
            facts: Arc::<WayBack>::clone(&way_back),
        };
        let runtime = Arc::new(Runtime::new(runtime, services).map_err(OpenError::Runtime)?);
        let limits = LimitPolicy {
            all: config.limits.clone(),
            plugins: config.plugins.clone(),
        };
        let registry = Registry::new(RegistryConfig {
            store: Arc::clone(&store),
            runtime: Arc::clone(&runtime),
            folder: data.join("components"),
            limits,
            downloads: Egress::new(downloads(&config)?).map_err(OpenError::Egress)?,
            policy: Arc::clone(&policy),
            component_size: config.install.component_size.bytes(),
        })
        .map_err(OpenError::Folder)?;
        // A folder that had plugins and is gone is not made anew: an empty one would mean that they are to be removed.
        if store.drop_in().map_err(OpenError::Store)?.is_empty() {
            std::fs::create_dir_all(config.drop_in_folder()).map_err(OpenError::Folder)?;
        }
        let cache = Cache::open(
            &config.cache,
            Some(config.data_dir.as_path()),
            Arc::new(SystemClock::default()),
        );
        let (stop, _) = watch::channel(Stop::No);
        let counting = Counting::start(&store).map_err(OpenError::Thread)?;
        let parts = Arc::new(Parts {
            counting,
            config,
            policy,
            store,
            databases,
            runtime,
            registry: Arc::new(registry),
            memory: Memory::new(cache),
            stop,
            opened: Instant::now(),
        });
        way_back.lead_to(&parts);
        Ok(Host { parts })
    }

    pub(crate) fn of(parts: Arc<Parts>) -> Self {
        Host { parts }
    }

    /// The settings that the host was built from.
    pub fn config(&self) -> &Config {
        &self.parts.config
    }

    /// The rules of the configuration's policy files, as they were when the host was opened.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.parts.policy
    }

    /// The installed plugins.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.parts.registry
    }

    /// The folder whose components are installed: see [`Registry::look_at_drop_in`] and [`Registry::watch_drop_in`].
    pub fn drop_in_folder(&self) -> PathBuf {
        self.parts.config.drop_in_folder()
    }

    /// The databases that plugins may be granted.
    pub fn databases(&self) -> &Databases {
        &self.parts.databases
    }

    /// The host's own store.
    pub fn store(&self) -> &Arc<Store> {
        &self.parts.store
    }

    pub(crate) fn counting(&self) -> &Counting {
        &self.parts.counting
    }

    pub(crate) fn opened(&self) -> Instant {
        self.parts.opened
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.parts.memory
    }

    /// The kept results. Which of them are still true, the host finds out when they are asked for.
    pub fn cache(&self) -> &Cache<Kept> {
        &self.parts.memory.cache
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.parts.runtime
    }

    /// What is compiled at this moment, to be watched.
    pub fn compiling(&self) -> watch::Receiver<Vec<Compiling>> {
        self.parts.runtime.compiling()
    }

    /// Calls that run at this moment.
    pub fn running(&self) -> u64 {
        self.parts.runtime.running()
    }

    /// Stops the host: takes no new calls, gives those that run `patience` to end, then ends them with `cancelled`.
    pub async fn stop(&self, patience: Duration) {
        self.parts.stop.send_if_modified(|stop| {
            let first = *stop == Stop::No;
            if first {
                *stop = Stop::Draining;
            }
            first
        });
        self.parts.runtime.drain(patience).await;
        self.parts.stop.send_replace(Stop::Now);
        // A guest hears of it within a tick of the engine's clock.
        self.parts.runtime.drain(Duration::from_secs(1)).await;
        let parts = Arc::clone(&self.parts);
        if let Err(error) =
            tokio::task::spawn_blocking(move || parts.counting.save(Durability::Machine)).await
        {
            tracing::error!(%error, "storing how tools are used failed");
        }
        if let Err(error) = self.cache().flush().await {
            tracing::warn!(%error, "what is kept of results is in memory only");
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.parts.stop.borrow() != Stop::No
    }

    /// Waits until calls must end.
    pub(crate) async fn stopped(&self) {
        let mut stop = self.parts.stop.subscribe();
        if stop.wait_for(|stop| *stop == Stop::Now).await.is_err() {
            // The host itself is gone: nobody can ask it to stop any more.
            std::future::pending::<()>().await;
        }
    }

    /// An answer for a call that names no tool.
    pub(crate) fn refuse(&self, tool: &str, error: Error) -> Answer {
        let call_id = CallId::new();
        tracing::debug!(call = %call_id, tool = %tool.escape_debug(), outcome = %error.code, "call");
        Answer {
            result: Err(error.with_call(call_id)),
            receipt: Receipt::new(call_id, tool.chars().take(64).collect()),
            trace: Arc::default(),
        }
    }
}

/// The databases of the configuration, and the demo's where it was seeded.
fn databases(config: &Config) -> BTreeMap<String, fact_store::DatabaseConfig> {
    let mut all = BTreeMap::new();
    let demo = config.demo_database();
    if demo.exists() {
        all.insert(
            "finance".to_owned(),
            fact_store::DatabaseConfig {
                path: demo,
                samples: fact_store::demo::samples(),
            },
        );
    }
    for (name, own) in &config.databases {
        let samples = own.samples.clone();
        all.insert(
            name.clone(),
            fact_store::DatabaseConfig {
                path: own.path.clone(),
                samples,
            },
        );
    }
    all
}

/// The way out for downloads of components: larger answers, and more time for them.
fn downloads(config: &Config) -> Result<EgressConfig, OpenError> {
    Ok(EgressConfig {
        max_response_body: config.install.component_size.0.saturating_add(1),
        request_timeout_max: Duration::from_secs(600),
        ..egress(config)?
    })
}

fn compiler(config: &Config) -> Compiler {
    match &config.compiler {
        Some(program) => Compiler::Child {
            program: program.clone(),
            arguments: vec![COMPILE_VERB.into()],
            limits: CompileLimits::new(config.install.compile_time.0, config.install.compile_memory.0),
        },
        None => Compiler::InProcess,
    }
}

fn egress(config: &Config) -> Result<EgressConfig, OpenError> {
    let mut egress = EgressConfig {
        connect_timeout: config.http.connect_timeout.0,
        max_request_body: config.http.max_request_body.0,
        max_response_body: config.http.max_response_body.0,
        ..EgressConfig::default()
    };
    for path in &config.http.root_certificates {
        let pem = std::fs::read(path).map_err(|source| OpenError::File {
            path: path.display().to_string(),
            source,
        })?;
        egress.extra_root_certificates.push(pem);
    }
    Ok(egress)
}
