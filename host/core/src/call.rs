//! The one path of a call.
//!
//! Every call, from whichever door, is a [`Host::call`]. The stages stand in [`Host::walk`], in their order, and nowhere
//! else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fact_registry::{Allowance, Plugin, Tool};
use fact_runtime::{CallInput, CallReport, Failure, Linked, MAX_ARGUMENTS, Nesting, Trace};
use fact_types::{CallId, Code, Effects, Error, Limits, Outcome, Receipt, Span, ToolCall, ToolOutput};
use serde::Serialize;
use serde_json::Value;

use crate::recall::{Recalled, Wanted};
use crate::usage::Counted;
use crate::{Host, lapse};

/// Longest wait for a plugin to be mapped or compiled. The largest known component takes 10 s.
const LOADING_MAX: Duration = Duration::from_secs(60);

/// How often a call looks for a version that is still there. One that is thrown away before it is loaded is rare already.
const LOOKS_MAX: usize = 5;

/// What came of a call, and what it did and cost.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// The outcome, or why there is none.
    #[serde(flatten, serialize_with = "result")]
    pub result: Result<Outcome, Error>,
    /// What the host saw of the call.
    pub receipt: Receipt,
    /// What the result rests on: see [`Host::still_true`].
    #[serde(skip)]
    pub trace: Arc<Trace>,
}

fn result<S: serde::Serializer>(result: &Result<Outcome, Error>, s: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut map = s.serialize_map(Some(1))?;
    match result {
        Ok(Outcome::Complete(output)) => map.serialize_entry("output", output)?,
        Ok(Outcome::InputRequired(request)) => map.serialize_entry("input_required", request)?,
        Err(error) => map.serialize_entry("error", error)?,
    }
    map.end()
}

impl Answer {
    /// The output of a call that is done.
    ///
    /// # Errors
    /// The call's error; `tool-failed` when the tool reports a failure or asks for input instead.
    pub fn output(&self) -> Result<&ToolOutput, Error> {
        match &self.result {
            Ok(Outcome::Complete(output)) if !output.is_error => Ok(output),
            Ok(Outcome::Complete(output)) => Err(Error::new(Code::ToolFailed, render(output))),
            Ok(Outcome::InputRequired(request)) => Err(Error::new(
                Code::ToolFailed,
                format!("The tool asks for more: {request}"),
            )),
            Err(error) => Err(error.clone()),
        }
    }

    /// The answer as one document: what the tool structured, or else its text.
    ///
    /// # Errors
    /// As for [`Answer::output`].
    pub fn json(&self) -> Result<Value, Error> {
        let output = self.output()?;
        Ok(output
            .structured
            .clone()
            .unwrap_or_else(|| Value::String(render(output))))
    }

    /// The answer as text.
    ///
    /// # Errors
    /// As for [`Answer::output`].
    pub fn text(&self) -> Result<String, Error> {
        self.output().map(render)
    }
}

/// A call, and where it stands.
#[derive(Clone, Copy)]
struct Asked<'a> {
    call: &'a ToolCall,
    within: Option<&'a Nesting>,
}

/// What is known of a call so far.
pub(crate) struct Track<'a> {
    pub(crate) receipt: Receipt,
    /// What its result rests on.
    pub(crate) trace: Arc<Trace>,
    counted: Counted<'a>,
    pub(crate) started: Instant,
}

/// An output for a reader.
fn render(output: &ToolOutput) -> String {
    use fact_types::Content;
    let parts: Vec<String> = output
        .content
        .iter()
        .map(|part| match part {
            Content::Text { text } => text.clone(),
            Content::Json { json } => format!("{json:#}"),
            Content::Blob(blob) => format!("[{} of {} bytes]", blob.mime_type, blob.data.len()),
            Content::Link(link) => match &link.title {
                Some(title) => format!("{title}: {}", link.uri),
                None => link.uri.clone(),
            },
        })
        .collect();
    match (&output.structured, parts.is_empty()) {
        (Some(structured), true) => format!("{structured:#}"),
        _ => parts.join("\n"),
    }
}

impl Host {
    /// Calls a tool. The answer says what happened in every case; a refusal is an answer too.
    ///
    /// Dropping the future cancels the call: its guest stops at once.
    pub async fn call(&self, call: ToolCall) -> Answer {
        self.call_within(call, None).await
    }

    /// A call with its place below the call of a plugin that made it, if one did.
    pub(crate) async fn call_within(&self, call: ToolCall, within: Option<&Nesting>) -> Answer {
        let started = Instant::now();
        let mut track = Track {
            receipt: Receipt::new(CallId::new(), call.tool.to_string()),
            trace: Arc::default(),
            counted: self.counting().call(&call.tool),
            started,
        };
        let result = self.walk(Asked { call: &call, within }, &mut track).await;
        let Track {
            mut receipt,
            trace,
            mut counted,
            ..
        } = track;
        let result = result.map_err(|error| error.with_call(receipt.call_id));
        receipt.total = started.elapsed();
        counted.end(&result);
        drop(counted);
        record(&result, &receipt);
        Answer {
            result,
            receipt,
            trace,
        }
    }

    /// Calls a tool by its full name. `arguments` must be a JSON object.
    pub async fn call_json(&self, tool: &str, arguments: Value) -> Answer {
        let parsed = tool
            .parse()
            .map_err(|error: fact_types::NameError| Error::new(Code::NotFound, error.to_string()))
            .and_then(|tool| match arguments {
                Value::Object(arguments) => Ok(ToolCall::new(tool, arguments)),
                _ => Err(Error::new(Code::InvalidInput, "Arguments are a JSON object.")),
            });
        match parsed {
            Ok(call) => self.call(call).await,
            Err(error) => self.refuse(tool, error),
        }
    }

    /// The stages of a call.
    async fn walk(&self, asked: Asked<'_>, track: &mut Track<'_>) -> Result<Outcome, Error> {
        let call = asked.call;
        let nested = asked.within.is_some();
        // What runs may go on to its end while the host stops, and so may what it needs for that.
        if !nested {
            self.admit()?;
        }
        for _ in 0..LOOKS_MAX {
            let (plugin, tool, _running) = self.registry().begin(&call.tool)?;
            track.counted.exists();
            let arguments = validate(&tool, call)?;
            authorise(&plugin, &tool)?;
            track.receipt.component = Some(plugin.row.digest);
            let allowance = self.allow(&plugin, &tool, call).await?;
            let limits = limits(&tool, call);
            let wanted = Wanted {
                plugin: &plugin,
                tool: &tool,
                call,
                arguments: &arguments,
                grants: &allowance.grants,
                limits: &limits,
                by: track.started + limits.deadline.0,
                nested,
            };
            let asked_at = Instant::now();
            let seat = match self.recall(wanted).await {
                Recalled::Run(seat) => seat,
                Recalled::Hit(hit) => {
                    self.registry().settle(&plugin, allowance, &hit.effects()).await;
                    return self.use_kept(*hit, call, track);
                }
            };
            // What it took to find that nothing of use was kept is of the call's time too.
            let left = Limits {
                deadline: Span(limits.deadline.0.saturating_sub(asked_at.elapsed())),
                ..limits.clone()
            };
            let wanted = Wanted {
                limits: &left,
                ..wanted
            };
            let linked = match self.load(&plugin).await {
                Ok(Some(linked)) => linked,
                failed => {
                    self.registry()
                        .settle(&plugin, allowance, &Effects::default())
                        .await;
                    match failed {
                        Err(error) => return Err(error),
                        Ok(_) => continue,
                    }
                }
            };
            let mut report = self
                .run(linked, wanted, asked.within, track.receipt.call_id)
                .await;
            let over = allowance.over(&report.effects);
            self.registry().settle(&plugin, allowance, &report.effects).await;
            track.trace = Arc::new(std::mem::take(&mut report.trace));
            let result = settle(report, &mut track.receipt);
            self.retain(seat, (&plugin, &tool), call, (&result, &arguments), track);
            return lapse::told(result, over, &mut track.receipt, nested);
        }
        Err(Error::new(
            Code::Unavailable,
            "The plugin's versions change faster than they can be loaded; try again in a moment.",
        ))
    }

    /// Stage: no new calls while the host stops.
    fn admit(&self) -> Result<(), Error> {
        if self.is_stopping() {
            return Err(Error::new(Code::Unavailable, "The host is stopping."));
        }
        Ok(())
    }

    /// Stage: the grants that hold for this call.
    async fn allow(&self, plugin: &Arc<Plugin>, tool: &Tool, call: &ToolCall) -> Result<Allowance, Error> {
        self.registry()
            .allow(plugin, &tool.spec.name, &call.principal)
            .await
    }

    /// Stage: the component is ready to be called. None: it was thrown away meanwhile, for another version.
    async fn load<'a>(&self, plugin: &'a Arc<Plugin>) -> Result<Option<&'a Linked>, Error> {
        // Loading counts for no call's deadline, since the next call needs it too; but no caller waits for ever.
        tokio::time::timeout(LOADING_MAX, self.registry().linked(plugin))
            .await
            .map_err(|_| {
                Error::new(
                    Code::Unavailable,
                    "The plugin is still being loaded; try again in a moment.",
                )
            })?
    }

    /// Stage: run the tool in a fresh instance.
    async fn run(
        &self,
        linked: &Linked,
        wanted: Wanted<'_>,
        within: Option<&Nesting>,
        id: CallId,
    ) -> CallReport {
        let Wanted { tool, call, .. } = wanted;
        let resume = call.resume.as_ref().map(Value::to_string);
        let input = CallInput {
            id,
            plugin: &tool.id.plugin,
            within,
            tool: tool.spec.name.as_str(),
            arguments: wanted.arguments,
            resume: resume.as_deref(),
            export: tool.spec.export.as_deref(),
            grants: Some(wanted.grants),
            principal: &call.principal,
            reads_only: tool.spec.annotations.read_only,
        };
        self.runtime()
            .call(linked, wanted.limits, input, self.stopped())
            .await
    }
}

/// Stage: the arguments fit the tool's schema. Their keys go on in order, so that the same arguments are the same call in
/// whatever order they were written. Nothing else of them is changed: to a tool, `2.0` may be something else than `2`.
pub(crate) fn validate(tool: &Tool, call: &ToolCall) -> Result<String, Error> {
    let arguments = in_order(tool.schema()?.check(&call.arguments)?).to_string();
    if arguments.len() > MAX_ARGUMENTS {
        return Err(Error::new(
            Code::InvalidInput,
            format!(
                "The arguments have {} bytes; at most {MAX_ARGUMENTS} are allowed.",
                arguments.len()
            ),
        ));
    }
    Ok(arguments)
}

/// A document with the keys of each object in order.
fn in_order(document: Value) -> Value {
    match document {
        Value::Array(items) => items.into_iter().map(in_order).collect(),
        Value::Object(members) => {
            let mut members: Vec<_> = members
                .into_iter()
                .map(|(key, value)| (key, in_order(value)))
                .collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(members.into_iter().collect())
        }
        other => other,
    }
}

/// Stage: the caller may call this tool. On one machine with one user, that is a question of the tool alone.
fn authorise(plugin: &Plugin, tool: &Tool) -> Result<(), Error> {
    let name = &plugin.row.name;
    if !plugin.row.enabled {
        return Err(Error::new(
            Code::Denied,
            format!("The plugin `{name}` is disabled. `fact plugin enable {name}` enables it."),
        ));
    }
    if !tool.enabled {
        let id = &tool.id;
        return Err(Error::new(
            Code::Denied,
            format!("The tool `{id}` is disabled. `fact tool enable {id}` enables it."),
        ));
    }
    Ok(())
}

/// Stage: what the runtime reports becomes the answer and the receipt.
fn settle(report: CallReport, receipt: &mut Receipt) -> Result<Outcome, Error> {
    receipt.effects = report.effects;
    receipt.effects.absorb(report.below);
    receipt.run = report.run;
    receipt.peak_memory = report.peak_memory;
    receipt.host_calls = report.host_calls;
    receipt.fuel = report.fuel;
    report.result.map_err(|failure| {
        if let Some(log) = &failure.log {
            tracing::warn!(call = %receipt.call_id, tool = %receipt.tool, code = %failure.code, "{log}");
        }
        let Failure {
            code,
            message,
            retry_after,
            details,
            ..
        } = failure;
        let mut error = Error::new(code, message);
        error.details = details;
        match retry_after {
            Some(after) => error.with_retry_after(after),
            None => error,
        }
    })
}

/// Stage: every call leaves a record, refused ones too.
fn record(result: &Result<Outcome, Error>, receipt: &Receipt) {
    let outcome = match result {
        Ok(_) => "ok",
        Err(error) => error.code.as_str(),
    };
    tracing::debug!(
        call = %receipt.call_id,
        tool = %receipt.tool,
        outcome,
        total_us = receipt.total.as_micros(),
        run_us = receipt.run.as_micros(),
        effects = receipt.effects.iter().count(),
        "call"
    );
}

/// The limits of a call: the tool's, or tighter ones that the caller asks for.
fn limits(tool: &Tool, call: &ToolCall) -> Limits {
    match &call.limits {
        Some(asked) => tighter(&tool.limits, asked),
        None => tool.limits.clone(),
    }
}

/// The tighter of two sets of limits, each for itself.
fn tighter(own: &Limits, asked: &Limits) -> Limits {
    Limits {
        deadline: own.deadline.min(asked.deadline),
        memory: own.memory.min(asked.memory),
        table_elements: own.table_elements.min(asked.table_elements),
        instances: own.instances.min(asked.instances),
        hostcall_data: own.hostcall_data.min(asked.hostcall_data),
        output: own.output.min(asked.output),
        log: own.log.min(asked.log),
        host_calls: own.host_calls.min(asked.host_calls),
        // Fuel is counted only where the component was compiled for it.
        fuel: own.fuel.map(|own| asked.fuel.map_or(own, |asked| own.min(asked))),
        concurrency: own.concurrency,
    }
}
