//! The engine alone, set up as the host sets it up: a pool with copy-on-write memory and the page-map scan, epochs, all of
//! WASI linked, a fresh store and instance for each call. What the host adds on top is what the benchmark measures.

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreLimits,
    StoreLimitsBuilder, UpdateDeadline,
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

mod bindings {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
    wasmtime::component::bindgen!({
        inline: "
            package bench:bench;
            world bench { export fact:plugin/tools@0.1.0; }
        ",
        path: "../../wit",
        exports: { default: async },
    });
}

use bindings::BenchPre;
use bindings::exports::fact::plugin::tools::Context;

pub(crate) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    limits: StoreLimits,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// A component, ready to be called without any host.
pub(crate) struct Bare {
    engine: Engine,
    pre: BenchPre<State>,
}

impl Bare {
    pub(crate) fn new(component: &[u8]) -> wasmtime::Result<Self> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(256)
            .total_stacks(256)
            .total_core_instances(2048)
            .total_memories(512)
            .total_tables(2048)
            .max_memory_size(256 << 20)
            .linear_memory_keep_resident(2 << 20)
            .table_keep_resident(64 << 10)
            .async_stack_keep_resident(64 << 10)
            .max_unused_warm_slots(32)
            .pagemap_scan(Enabled::Auto);
        let mut config = Config::new();
        config.epoch_interruption(true);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, component)?;
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        linker.instance("fact:plugin/types@0.1.0")?;
        let pre = BenchPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Bare { engine, pre })
    }

    /// One call in a fresh instance.
    pub(crate) async fn call(&self, tool: &str, arguments: &str) -> wasmtime::Result<String> {
        let state = State {
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
            limits: StoreLimitsBuilder::new().memory_size(256 << 20).build(),
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = self.pre.instantiate_async(&mut store).await?;
        let context = Context {
            resume: None,
            meta: None,
        };
        let outcome = instance
            .fact_plugin_tools()
            .call_call(&mut store, tool, arguments, &context)
            .await?;
        Ok(format!("{outcome:?}"))
    }
}
