//! What belongs to one call: the data of its store.

use std::sync::Arc;

use fact_types::{CallId, Limits, PluginName};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::Services;
use crate::grants::Grants;
use crate::imports::{filesystem::Preopens, http::Gate, world};
use crate::lane::Held;
use crate::meter::{Deadline, LogSink, Meter, OutputBudget};
use crate::nesting::Nesting;
use crate::witness::Witness;

/// Most handles that a guest may hold at once, each of which costs memory of the host.
const HANDLES: usize = 10_000;

/// Whose call it is.
pub(crate) struct Who {
    pub(crate) call: CallId,
    /// The plugin. None: it has no name yet.
    pub(crate) plugin: Option<PluginName>,
    pub(crate) nesting: Nesting,
}

/// The data of a call.
pub(crate) struct State {
    pub(crate) call: CallId,
    /// As whom the guest calls other tools.
    pub(crate) plugin: Option<PluginName>,
    pub(crate) nesting: Nesting,
    pub(crate) services: Arc<Services>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) witness: Witness,
    pub(crate) meter: Meter,
    pub(crate) log: LogSink,
    pub(crate) output: OutputBudget,
    pub(crate) deadline: Deadline,
    pub(crate) held: Held,
    /// Ticks of the clock that found this call in guest code.
    pub(crate) ticks: u64,
    pub(crate) preopens: Preopens,
    wasi: WasiCtx,
    table: ResourceTable,
    http: WasiHttpCtx,
    gate: Gate,
}

impl State {
    /// The data of a call that starts now.
    pub(crate) fn new(
        who: Who,
        services: &Arc<Services>,
        grants: &Arc<Grants>,
        limits: &Limits,
        deadline: Deadline,
    ) -> wasmtime::Result<Self> {
        let Who {
            call,
            plugin,
            nesting,
        } = who;
        let witness = nesting.witness();
        let log = LogSink::new(limits, call);
        let (wasi, preopens) = world::build(services, grants, &log, &witness)?;
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        Ok(State {
            call,
            plugin,
            nesting,
            services: Arc::clone(services),
            grants: Arc::clone(grants),
            gate: Gate::new(services, grants, &witness),
            witness,
            meter: Meter::new(limits),
            log,
            output: OutputBudget::new(limits),
            deadline,
            held: Held::default(),
            ticks: 0,
            preopens,
            wasi,
            table,
            http: WasiHttpCtx::new(),
        })
    }

    pub(crate) fn wasi_parts(&mut self) -> (WasiCtxView<'_>, &mut Preopens, &Witness) {
        (
            WasiCtxView {
                ctx: &mut self.wasi,
                table: &mut self.table,
            },
            &mut self.preopens,
            &self.witness,
        )
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.gate,
        }
    }
}
