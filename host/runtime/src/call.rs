//! One call: a place, a fresh instance, bounds on everything, and a report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fact_types::{
    Blob, CallId, Code, Content, Effects, Limits, Link, Outcome, PluginName, Principal, ToolId, ToolOutput,
};
use serde_json::Value;
use wasmtime::{CallHook, PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;

use crate::Runtime;
use crate::bindings::fact::plugin::types as wit;
use crate::grants::Grants;
use crate::imports::unserved::Unserved;
use crate::link::{Entry, Linked};
use crate::meter::{Deadline, Exceeded};
use crate::nesting::Nesting;
use crate::plain;
use crate::state::{State, Who};
use crate::trace::{Scope, Trace};

/// What a call gets.
#[derive(Debug, Clone, Copy)]
pub struct CallInput<'a> {
    /// The call's id.
    pub id: CallId,
    /// The plugin, as which the guest calls tools of others.
    pub plugin: &'a PluginName,
    /// Where the call stands, when a plugin made it. None: nobody's guest did.
    pub within: Option<&'a Nesting>,
    /// The tool's name inside the plugin.
    pub tool: &'a str,
    /// Of a plain component: the function that the tool is, from [`fact_types::ToolSpec::export`].
    pub export: Option<&'a str>,
    /// The arguments, a JSON object.
    pub arguments: &'a str,
    /// The answers to an earlier request for input, a JSON object.
    pub resume: Option<&'a str>,
    /// What the call may do: some or all of what the component was linked for. None: all of it.
    pub grants: Option<&'a Arc<Grants>>,
    /// Who calls.
    pub principal: &'a Principal,
    /// The tool says that it changes nothing. It ends when it tries to, and so do the tools that it calls.
    pub reads_only: bool,
}

/// A call that did not end well.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What went wrong, for machines.
    pub code: Code,
    /// What went wrong, for anyone.
    pub message: String,
    /// With `unavailable`: when to come back.
    pub retry_after: Option<Duration>,
    /// The tool's own details.
    pub details: Option<Value>,
    /// What went wrong, for the log alone: backtraces, the end of standard error.
    pub log: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Failure {
            code,
            message: message.into(),
            retry_after: None,
            details: None,
            log: None,
        }
    }

    fn busy() -> Self {
        let mut failure = Failure::new(Code::Unavailable, "The host is busy; try again in a moment.");
        failure.retry_after = Some(Duration::from_secs(1));
        failure
    }
}

/// What came of a call, and what it did on the way.
#[derive(Debug)]
pub struct CallReport {
    /// The answer, or why there is none.
    pub result: Result<Outcome, Failure>,
    /// What the call itself read, wrote and was refused, calls of tools included.
    pub effects: Effects,
    /// What the tools did that it called, on all levels, under their own plugins' grants.
    pub below: Effects,
    /// What the result rests on.
    pub trace: Trace,
    /// Time from having a place to the end, waits for host functions included.
    pub run: Duration,
    /// Most memory that the component had, in bytes.
    pub peak_memory: u64,
    /// Calls that the component made to the host.
    pub host_calls: u64,
    /// Fuel that was used, where it is counted.
    pub fuel: Option<u64>,
}

impl CallReport {
    fn refused(failure: Failure) -> Self {
        CallReport {
            result: Err(failure),
            effects: Effects::default(),
            below: Effects::default(),
            trace: Trace::default(),
            run: Duration::ZERO,
            peak_memory: 0,
            host_calls: 0,
            fuel: None,
        }
    }
}

/// Longest message that a tool's error may carry on.
pub(crate) const MESSAGE_MAX: usize = 2000;

impl Runtime {
    /// Runs a call in an instance of its own.
    ///
    /// When `cancelled` is done, the call ends with that, and the report says what it did until then. Dropping the future
    /// ends the call as well, without a report. In both cases the guest stops at once, and with it what host functions were
    /// doing for it.
    pub async fn call(
        &self,
        plugin: &Linked,
        limits: &Limits,
        input: CallInput<'_>,
        cancelled: impl Future<Output = ()>,
    ) -> CallReport {
        let own = Deadline(Instant::now() + limits.deadline.0);
        let deadline = input.within.map_or(own, |nesting| nesting.within(own));
        let place = match input.within {
            None => self.place(plugin, deadline).await,
            Some(_) => self.place_now(plugin),
        };
        // Declared before the store, and so given back after it: who gets the place finds a free slot in the pool.
        let _place = match place {
            Ok(place) => place,
            Err(failure) => return CallReport::refused(failure),
        };
        let started = Instant::now();
        let grants = input.grants.unwrap_or(&plugin.grants);
        let who = Who {
            call: input.id,
            plugin: Some(input.plugin.clone()),
            nesting: input
                .within
                .map_or_else(|| Nesting::root(input.id), Nesting::clone),
        };
        let mut store = match self.store(plugin, grants, limits, who, deadline) {
            Ok(store) => store,
            Err(error) => return CallReport::refused(judge(error, "")),
        };
        store
            .data()
            .witness
            .begin(scope(plugin, grants, input), input.reads_only);
        let running = self.engines.run();
        let ran = tokio::select! {
            ran = tokio::time::timeout_at(deadline.0.into(), guest(&mut store, plugin, input)) => Some(ran),
            () = cancelled => None,
        };
        drop(running);

        let stderr = store.data().log.finish();
        let result = match ran {
            None => Err(Failure::new(
                Code::Cancelled,
                "The call was cancelled before it was done.",
            )),
            Some(Err(_)) => Err(judge(Exceeded::Deadline.into(), &stderr)),
            Some(Ok(Err(trap))) => Err(judge(trap, &stderr)),
            Some(Ok(Ok(answered))) => answered,
        };
        let fuel = limits
            .fuel
            .and_then(|full| store.get_fuel().ok().map(|left| full.saturating_sub(left)));
        let state = store.data();
        CallReport {
            result,
            effects: state.witness.take(),
            below: state.witness.take_below(),
            trace: state.witness.take_trace(),
            run: started.elapsed(),
            peak_memory: state.meter.peak_memory(),
            host_calls: state.meter.host_calls(),
            fuel,
        }
    }

    /// Asks a component for its manifest, with nothing granted to it. A plain component has none to give: its tools are what
    /// [`Runtime::plain_tools`] finds.
    ///
    /// # Errors
    /// The failure of the call.
    pub async fn describe(&self, plugin: &Linked, limits: &Limits) -> Result<String, Failure> {
        let deadline = Deadline(Instant::now() + limits.deadline.0);
        let _place = self.place(plugin, deadline).await?;
        let call = CallId::new();
        let who = Who {
            call,
            plugin: None,
            nesting: Nesting::root(call),
        };
        let mut store = self
            .store(plugin, &plugin.grants, limits, who, deadline)
            .map_err(|error| judge(error, ""))?;
        let _running = self.engines.run();
        let Entry::Contract(contract) = &plugin.entry else {
            return Err(Failure::new(
                Code::BadComponent,
                "The component does not export `fact:plugin/tools`, and so can't be asked.",
            ));
        };
        let run = async {
            let instance = contract.instantiate_async(&mut store).await?;
            instance.fact_plugin_tools().call_describe(&mut store).await
        };
        let ran = tokio::time::timeout_at(deadline.0.into(), run).await;
        let stderr = store.data().log.finish();
        match ran {
            Err(_) => Err(judge(Exceeded::Deadline.into(), &stderr)),
            Ok(Err(trap)) => Err(judge(trap, &stderr)),
            Ok(Ok(manifest)) => {
                store
                    .data_mut()
                    .output
                    .charge(manifest.len())
                    .map_err(|e| judge(e.into(), &stderr))?;
                Ok(manifest)
            }
        }
    }

    /// A place for a call: one of the plugin's own, then one of the host's. Waiting counts towards the deadline.
    async fn place(&self, plugin: &Linked, deadline: Deadline) -> Result<Place, Failure> {
        let queue = Arc::clone(&self.queue)
            .try_acquire_owned()
            .map_err(|_| Failure::busy())?;
        let wait = async {
            let own = Arc::clone(&plugin.places).acquire_owned().await?;
            let slot = Arc::clone(&self.slots).acquire_owned().await?;
            Ok::<_, tokio::sync::AcquireError>((own, slot))
        };
        match tokio::time::timeout_at(deadline.0.into(), wait).await {
            Ok(Ok((own, slot))) => Ok(Place {
                _own: own,
                _slot: slot,
                _queue: Some(queue),
            }),
            _ => Err(Failure::busy()),
        }
    }

    /// A place for a call that a guest made. That guest keeps its own place meanwhile; so if guests waited for one another's
    /// places, all could wait for ever. They are told that the host is busy instead.
    fn place_now(&self, plugin: &Linked) -> Result<Place, Failure> {
        let own = Arc::clone(&plugin.places).try_acquire_owned();
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        match (own, slot) {
            (Ok(own), Ok(slot)) => Ok(Place {
                _own: own,
                _slot: slot,
                _queue: None,
            }),
            _ => Err(Failure::busy()),
        }
    }

    fn store(
        &self,
        plugin: &Linked,
        grants: &Arc<Grants>,
        limits: &Limits,
        who: Who,
        deadline: Deadline,
    ) -> wasmtime::Result<Store<State>> {
        let engine = self.engines.get(plugin.kind)?;
        let state = State::new(who, &self.services, grants, limits, deadline)?;
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(limits.hostcall_data.bytes());
        if plugin.kind.fuel {
            store.set_fuel(limits.fuel.unwrap_or(u64::MAX))?;
        }
        store.call_hook(|mut context, hook| {
            let state = context.data_mut();
            match hook {
                CallHook::CallingHost => {
                    // A guest that waits for the host leaves the slow lane to those who compute.
                    state.held.release();
                    state.meter.host_call()?;
                }
                CallHook::ReturningFromHost if state.witness.violated() => {
                    return Err(Exceeded::ReadOnly.into());
                }
                _ => {}
            }
            Ok(())
        });
        let lane = self.lane.clone();
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |mut context| {
            let state = context.data_mut();
            if state.deadline.passed() {
                return Err(Exceeded::Deadline.into());
            }
            state.ticks += 1;
            state.held.release();
            // The first tick may strike a call that has just begun.
            if state.ticks < 2 {
                return Ok(UpdateDeadline::Yield(1));
            }
            Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(lane.clone().turn(state.held.clone())),
            ))
        });
        Ok(store)
    }
}

/// As whom the call asks its questions. None: as nobody whom anyone could find again.
fn scope(plugin: &Linked, grants: &Grants, input: CallInput<'_>) -> Option<Scope> {
    let tool = ToolId::new(input.plugin.clone(), input.tool.parse().ok()?).ok()?;
    Some(Scope {
        tool,
        principal: input.principal.clone(),
        component: plugin.digest,
        grants: grants.fingerprint(),
    })
}

/// What a running call occupies.
struct Place {
    _own: tokio::sync::OwnedSemaphorePermit,
    _slot: tokio::sync::OwnedSemaphorePermit,
    /// Only calls that may have to wait count towards the queue.
    _queue: Option<tokio::sync::OwnedSemaphorePermit>,
}

async fn guest(
    store: &mut Store<State>,
    plugin: &Linked,
    input: CallInput<'_>,
) -> wasmtime::Result<Result<Outcome, Failure>> {
    let contract = match &plugin.entry {
        Entry::Contract(contract) => contract,
        Entry::Plain(plain) => return plain::run(store, plain, input.export, input.arguments).await,
    };
    let instance = contract.instantiate_async(&mut *store).await?;
    let context = wit::Context {
        resume: input.resume.map(str::to_owned),
        meta: None,
    };
    let answered = instance
        .fact_plugin_tools()
        .call_call(&mut *store, input.tool, input.arguments, &context)
        .await?;
    weigh(store, &answered)?;
    Ok(match answered {
        Ok(outcome) => answer(outcome),
        Err(error) => Err(tool_error(error)),
    })
}

/// Counts an answer towards the output limit. An error is one too: its words come from the guest like any others.
fn weigh(store: &mut Store<State>, answered: &Result<wit::Outcome, wit::Error>) -> Result<(), Exceeded> {
    let size = match answered {
        Err(error) => error.message.len() + error.details.as_ref().map_or(0, String::len),
        Ok(wit::Outcome::InputRequired(text)) => text.len(),
        Ok(wit::Outcome::Complete(output)) => {
            let parts: usize = output
                .content
                .iter()
                .map(|part| match part {
                    wit::Content::Text(text) | wit::Content::Json(text) => text.len(),
                    wit::Content::Blob(blob) => blob.data.len() + blob.mime_type.len(),
                    wit::Content::Link(link) => link.uri.len() + link.title.as_ref().map_or(0, String::len),
                })
                .sum();
            parts
                + output.structured.as_ref().map_or(0, String::len)
                + output.meta.as_ref().map_or(0, String::len)
        }
    };
    store.data_mut().output.charge(size)
}

/// From the contract's answer to ours. What must be JSON is.
fn answer(outcome: wit::Outcome) -> Result<Outcome, Failure> {
    let json = |text: &str, what: &str| {
        serde_json::from_str::<Value>(text).map_err(|_| {
            Failure::new(
                Code::ToolFailed,
                format!("The tool's {what} is not JSON: a bug of the plugin."),
            )
        })
    };
    let output = match outcome {
        wit::Outcome::InputRequired(text) => {
            return json(&text, "request for input").map(Outcome::InputRequired);
        }
        wit::Outcome::Complete(output) => output,
    };
    let mut content = Vec::with_capacity(output.content.len());
    for part in output.content {
        content.push(match part {
            wit::Content::Text(text) => Content::Text { text },
            wit::Content::Json(text) => Content::Json {
                json: json(&text, "content")?,
            },
            wit::Content::Blob(blob) => Content::Blob(Blob {
                mime_type: blob.mime_type,
                data: blob.data,
            }),
            wit::Content::Link(link) => Content::Link(Link {
                uri: link.uri,
                title: link.title,
                mime_type: link.mime_type,
            }),
        });
    }
    let structured = output
        .structured
        .map(|text| json(&text, "structured answer"))
        .transpose()?;
    let meta = match output.meta.map(|text| json(&text, "meta")).transpose()? {
        None => None,
        Some(Value::Object(map)) => Some(map),
        Some(_) => {
            return Err(Failure::new(
                Code::ToolFailed,
                "The tool's meta is no JSON object: a bug of the plugin.",
            ));
        }
    };
    Ok(Outcome::Complete(ToolOutput {
        content,
        structured,
        is_error: output.is_error,
        meta,
    }))
}

/// An error that the tool answered with.
fn tool_error(error: wit::Error) -> Failure {
    let code = match error.code {
        wit::ErrorCode::InvalidInput => Code::InvalidInput,
        wit::ErrorCode::Denied => Code::Denied,
        wit::ErrorCode::NotFound => Code::NotFound,
        wit::ErrorCode::Unavailable => Code::Unavailable,
        wit::ErrorCode::Internal => Code::ToolFailed,
    };
    Failure {
        code,
        message: error.message.chars().take(MESSAGE_MAX).collect(),
        retry_after: error.retry_after_ms.map(|ms| Duration::from_millis(ms.into())),
        details: error.details.and_then(|text| serde_json::from_str(&text).ok()),
        log: None,
    }
}

/// What a trap means.
fn judge(error: wasmtime::Error, stderr: &str) -> Failure {
    let log = |error: &wasmtime::Error| {
        Some(if stderr.is_empty() {
            format!("{error:?}")
        } else {
            format!("{error:?}\nstderr: {stderr}")
        })
    };
    let mut failure = if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        Failure::new(exceeded.code(), format!("The call was stopped: {exceeded}."))
    } else if let Some(unserved) = error.downcast_ref::<Unserved>() {
        Failure::new(Code::Denied, format!("The call was stopped: {unserved}."))
    } else if error.downcast_ref::<Trap>() == Some(&Trap::OutOfFuel) {
        Failure::new(Code::Fuel, "The call was stopped: it used up its fuel.")
    } else if let Some(I32Exit(status)) = error.downcast_ref::<I32Exit>() {
        Failure::new(
            Code::Crashed,
            format!("The tool ended itself with status {status} instead of answering."),
        )
    } else if error.is::<PoolConcurrencyLimitError>() {
        // Components of many instances can use up the pool before the slots are.
        Failure::busy()
    } else if says(&error, "resource limit exceeded") {
        Failure::new(
            Code::Memory,
            "The call was stopped: more instances, memories or tables than the limit.",
        )
    } else if says(&error, "fuel allocated for hostcalls has been exhausted") {
        Failure::new(
            Code::CallLimit,
            "The call was stopped: it moved more data at once than the limit.",
        )
    } else {
        Failure::new(
            Code::Crashed,
            "The tool crashed: a bug of the plugin. The log has the details under the call's id.",
        )
    };
    failure.log = log(&error);
    failure
}

/// The engine reports some of its limits with a message only.
fn says(error: &wasmtime::Error, words: &str) -> bool {
    error.chain().any(|cause| cause.to_string().contains(words))
}
