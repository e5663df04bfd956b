//! The engines, and the clock that interrupts guests.
//!
//! Four engines exist at most, each made when it is first needed: with slots from a pool or memory on demand, and each of
//! these with or without fuel. Pooled slots make a fresh instance cost microseconds; a component that does not fit into a
//! slot runs on demand, slower and otherwise the same.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::SetupError;

/// The time between two interruptions of a guest. Short enough that a call among spinning ones waits for a few of them
/// only; long enough that interrupting costs a guest well under one per cent.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Linear memory of a pooled slot. More than that is run on demand.
pub(crate) const SLOT_MEMORY: usize = 256 << 20;

/// Table elements of a pooled slot: the default limit. Address space only, until it is used.
pub(crate) const SLOT_TABLE: usize = 100_000;

/// Core instances of a pooled component: Python has 14.
const SLOT_INSTANCES: u32 = 32;

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    pub(crate) pooled: bool,
    pub(crate) fuel: bool,
}

/// The engines of a runtime.
pub(crate) struct Engines {
    slots: u32,
    made: [OnceLock<Engine>; 4],
    ticker: Arc<Ticker>,
}

impl Engines {
    pub(crate) fn new(slots: u32) -> Result<Self, SetupError> {
        let engines = Engines {
            slots,
            made: Default::default(),
            ticker: Arc::new(Ticker::default()),
        };
        engines.get(Kind {
            pooled: true,
            fuel: false,
        })?;
        Ticker::start(&engines.ticker);
        Ok(engines)
    }

    /// The engine of a kind.
    pub(crate) fn get(&self, kind: Kind) -> Result<&Engine, SetupError> {
        let [a, b, c, d] = &self.made;
        let cell = match (kind.pooled, kind.fuel) {
            (true, false) => a,
            (true, true) => b,
            (false, false) => c,
            (false, true) => d,
        };
        if let Some(engine) = cell.get() {
            return Ok(engine);
        }
        let engine = self.make(kind).map_err(SetupError::Engine)?;
        let engine = cell.get_or_init(|| engine);
        self.ticker.watch(engine);
        Ok(engine)
    }

    fn make(&self, kind: Kind) -> wasmtime::Result<Engine> {
        if kind.pooled {
            match Engine::new(&config(kind, self.slots)) {
                Ok(engine) => return Ok(engine),
                // A pool reserves terabytes of address space, which `ulimit -v` or a container may forbid.
                Err(error) => {
                    tracing::warn!(%error, "no pool of instances on this machine; memory is taken on demand")
                }
            }
        }
        Engine::new(&config(
            Kind {
                pooled: false,
                ..kind
            },
            self.slots,
        ))
    }

    /// Counts a call as running, and lets the clock tick, until the guard is dropped.
    pub(crate) fn run(&self) -> Running {
        self.ticker.enter();
        Running(Arc::clone(&self.ticker))
    }

    pub(crate) fn running(&self) -> u64 {
        self.ticker.running.load(Ordering::Relaxed)
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        self.ticker.stop();
    }
}

/// The settings of an engine. Those that code depends on are the same with and without a pool.
pub(crate) fn config(kind: Kind, slots: u32) -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.consume_fuel(kind.fuel);
    config.cranelift_opt_level(OptLevel::Speed);
    config.memory_init_cow(true);
    if kind.pooled {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(slots)
            .total_stacks(slots)
            .total_core_instances(slots.saturating_mul(8))
            .total_memories(slots.saturating_mul(2))
            .total_tables(slots.saturating_mul(8))
            .max_core_instances_per_component(SLOT_INSTANCES)
            .max_memories_per_component(4)
            .max_tables_per_component(SLOT_INSTANCES)
            .max_memory_size(SLOT_MEMORY)
            .table_elements(SLOT_TABLE)
            // Measured: with the page-map scan, keeping pages costs nothing in time. What is kept of idle slots is bounded
            // by the number of warm ones.
            .linear_memory_keep_resident(2 << 20)
            .table_keep_resident(64 << 10)
            .async_stack_keep_resident(64 << 10)
            .max_unused_warm_slots(32)
            .pagemap_scan(Enabled::Auto);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// The clock: one OS thread of its own, so that no guest and no busy executor can hold it up. It stands still while no
/// call runs.
#[derive(Default)]
struct Ticker {
    running: AtomicU64,
    engines: Mutex<Vec<wasmtime::EngineWeak>>,
    stopped: Mutex<bool>,
    wake: Condvar,
}

impl Ticker {
    fn start(this: &Arc<Self>) {
        let ticker = Arc::clone(this);
        let spawned = std::thread::Builder::new()
            .name("fact-epochs".to_owned())
            .spawn(move || ticker.tick());
        if let Err(error) = spawned {
            // Without the clock no guest can be interrupted: nothing may run.
            tracing::error!(%error, "the clock that interrupts guests can't start; the host stops");
            std::process::abort();
        }
    }

    fn tick(&self) {
        loop {
            {
                let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
                while !*stopped && self.running.load(Ordering::Acquire) == 0 {
                    stopped = self.wake.wait(stopped).unwrap_or_else(PoisonError::into_inner);
                }
                if *stopped {
                    return;
                }
            }
            std::thread::sleep(TICK);
            let engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
            for engine in engines.iter().filter_map(wasmtime::EngineWeak::upgrade) {
                engine.increment_epoch();
            }
        }
    }

    fn watch(&self, engine: &Engine) {
        self.engines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(engine.weak());
    }

    fn enter(&self) {
        if self.running.fetch_add(1, Ordering::AcqRel) == 0 {
            // The lock orders this with the thread's look at the count, so that no wake-up is lost.
            drop(self.stopped.lock().unwrap_or_else(PoisonError::into_inner));
            self.wake.notify_one();
        }
    }

    fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_one();
    }
}

/// A call that runs.
pub(crate) struct Running(Arc<Ticker>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}
