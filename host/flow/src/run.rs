//! Running a flow.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fact_answers::{Answers, Ask};
use fact_core::{Fleeting, ModelProvider, Proof, Trace};
use fact_types::{Access, Category, Code, Error, Principal, Span, ToolCall, ToolId};
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::file::{Action, Flow, Step};
use crate::keep::{Finished, Run, RunId, Runs};
use crate::report::{Ended, Report, StepReport};
use crate::value::Known;

/// What a call may take beyond its own limit before nobody waits for it: waiting for a place to run, mostly.
const GRACE: Duration = Duration::from_secs(10);

/// Runs flows for a principal.
pub struct Runner<'a> {
    answers: &'a Answers,
    principal: &'a Principal,
    runs: Runs,
}

/// What all steps of a run share.
struct Going<'a> {
    run: Mutex<Run>,
    results: BTreeMap<String, Value>,
    sets: &'a Map<String, Value>,
}

impl<'a> Runner<'a> {
    /// Runs are kept in the host's data folder.
    pub fn new(answers: &'a Answers, principal: &'a Principal) -> Self {
        Runner {
            answers,
            principal,
            runs: Runs::in_folder(&answers.host().config().data_dir),
        }
    }

    /// Runs a flow with values for its `set`, or goes on with a run of it that broke off: then what is finished is not run again
    /// while its result is still true, and the values are those of that run where `sets` has no others.
    ///
    /// A step that fails is no error here: see [`Report::done`].
    ///
    /// # Errors
    /// `invalid-input` for a value that the flow does not have; `not-found` where there is no such run; `conflict` where it is a
    /// run of another flow.
    pub async fn run(
        &self,
        flow: &Flow,
        sets: Map<String, Value>,
        resume: Option<RunId>,
    ) -> Result<Report, Error> {
        let started = Instant::now();
        if let Some(unknown) = sets.keys().find(|name| !flow.sets.contains_key(*name)) {
            let known: Vec<&str> = flow.sets.keys().map(String::as_str).collect();
            return Err(Error::new(
                Code::InvalidInput,
                format!(
                    "The flow has no value `{unknown}` to set; it has: {}.",
                    known.join(", ")
                ),
            ));
        }
        let mut run = match resume {
            Some(id) => self.runs.load(id, self.principal)?,
            None => Run {
                id: RunId::new(),
                flow: flow.digest,
                principal: self.principal.clone(),
                sets: flow.sets.clone(),
                finished: BTreeMap::new(),
            },
        };
        if run.flow != flow.digest {
            return Err(Error::new(
                Code::Conflict,
                format!(
                    "The run `{}` is of another flow, or the flow was changed since.",
                    run.id
                ),
            ));
        }
        run.sets.extend(sets);
        let (id, sets) = (run.id, run.sets.clone());
        let mut going = Going {
            run: Mutex::new(run),
            results: BTreeMap::new(),
            sets: &sets,
        };
        let mut steps: Vec<StepReport> = Vec::new();
        let mut failed = false;
        for stage in flow.stages() {
            let reports = match failed {
                true => stage
                    .iter()
                    .map(|step| StepReport::new(&step.id, what(step), Ended::NotBegun))
                    .collect(),
                false => join_all(stage.iter().map(|step| self.step(step, &going))).await,
            };
            for report in reports {
                failed |= report.ended == Ended::Failed;
                if let (Ended::Done | Ended::Kept, Some(result)) = (report.ended, &report.result) {
                    going.results.insert(report.id.clone(), result.clone());
                }
                steps.push(report);
            }
        }
        // Written down at its end too, so that each run that is reported can be resumed.
        self.save(&going);
        Ok(Report {
            flow: flow.name.clone(),
            run: id,
            done: !failed,
            tool_calls: steps.iter().map(|step| step.tool_calls).sum(),
            cached_calls: steps.iter().map(|step| step.cached_calls).sum(),
            total_ms: millis(started),
            steps,
        })
    }

    async fn step(&self, step: &Step, going: &Going<'_>) -> StepReport {
        let started = Instant::now();
        let known = Known {
            results: &going.results,
            sets: going.sets,
        };
        let mut report = StepReport::new(&step.id, what(step), Ended::Skipped);
        report.why = step.when.as_ref().and_then(|when| when.fails(known));
        if report.why.is_some() {
            return report;
        }
        let mut arguments = Map::new();
        for (name, given) in &step.with {
            match given.resolve(known) {
                Ok(value) => drop(arguments.insert(name.clone(), value)),
                Err(lacks) => {
                    let missing = Error::new(Code::InvalidInput, format!("The step `{}`: {lacks}.", step.id));
                    // What a skipped step would have said is no mistake; what a result lacks is one.
                    match skipped(given, known) {
                        true => report.why = Some(lacks),
                        false => (report.ended, report.error) = (Ended::Failed, Some(missing)),
                    }
                    return report;
                }
            }
        }
        match &step.action {
            Action::Tool(tool) => self.tool(step, tool, arguments, going, &mut report).await,
            Action::Ask(question) => self.ask(step, &filled(question, &arguments), &mut report).await,
        }
        report.ms = millis(started);
        report
    }

    async fn tool(
        &self,
        step: &Step,
        tool: &ToolId,
        arguments: Map<String, Value>,
        going: &Going<'_>,
        report: &mut StepReport,
    ) {
        let earlier = lock(&going.run).finished.get(&step.id).cloned();
        if let Some(earlier) = earlier {
            match self.holds(step, &earlier, &arguments).await {
                Ok(()) => {
                    report.ended = Ended::Kept;
                    report.result = Some(earlier.result);
                    return;
                }
                Err(why) => report.why = Some(why),
            }
        }
        let host = self.answers.host();
        let known = host.registry().tool(tool).ok();
        let limits = known.as_ref().map(|(_, tool)| {
            let mut limits = tool.limits.clone();
            limits.deadline = limits.deadline.min(Span(step.timeout));
            limits
        });
        let read_only = known.is_some_and(|(_, tool)| tool.spec.annotations.read_only);
        loop {
            report.tries += 1;
            report.tool_calls += 1;
            let call = ToolCall {
                principal: self.principal.clone(),
                limits: limits.clone(),
                ..ToolCall::new(tool.clone(), arguments.clone())
            };
            let called = tokio::time::timeout(step.timeout + GRACE, host.call(call)).await;
            // What was not waited for may have changed anything, unless it could not.
            let (result, wrote) = match &called {
                Ok(answer) => (
                    answer.json(),
                    answer
                        .receipt
                        .effects
                        .iter()
                        .any(|effect| effect.access == Access::Write),
                ),
                Err(_) => (Err(late(step)), !read_only),
            };
            match result {
                Ok(result) => {
                    if let Ok(answer) = &called {
                        report.cached = answer.receipt.cache.is_hit();
                        report.cached_calls += u32::from(report.cached);
                        let finished = Finished {
                            arguments,
                            result: result.clone(),
                            trace: Trace::clone(&answer.trace),
                            wrote: wrote || answer.trace.wrote(),
                            at: Timestamp::now(),
                        };
                        lock(&going.run).finished.insert(step.id.clone(), finished);
                        self.save(going);
                    }
                    (report.ended, report.result) = (Ended::Done, Some(result));
                    return;
                }
                // A change must not be made twice.
                Err(error) if wrote || !passing(&error) || report.tries > step.retries => {
                    (report.ended, report.error) = (Ended::Failed, Some(error));
                    return;
                }
                Err(error) => tokio::time::sleep(pause(step, report.tries, &error)).await,
            }
        }
    }

    /// Whether a finished step need not be run again; otherwise why it must.
    async fn holds(
        &self,
        step: &Step,
        earlier: &Finished,
        arguments: &Map<String, Value>,
    ) -> Result<(), String> {
        if earlier.wrote {
            // What was changed is changed, whatever is true of it now.
            return Ok(());
        }
        if earlier.arguments != *arguments {
            return Err("it is called with other arguments now".to_owned());
        }
        let trace = match (earlier.trace.fleeting(), step.lifetime) {
            (None, _) => earlier.trace.clone(),
            (Some(Fleeting::Read { .. }), Some(lifetime)) => {
                let age = Timestamp::now().duration_since(earlier.at).unsigned_abs();
                if age >= lifetime {
                    return Err(format!("its lifetime of {} is over", Span(lifetime)));
                }
                earlier.trace.provable()
            }
            (Some(why), _) => return Err(why.to_string()),
        };
        match self.answers.host().still_true(&trace).await {
            Proof::Holds | Proof::Renewed(_) => Ok(()),
            Proof::Stale(why) => Err(why),
        }
    }

    /// A question is asked each time: what is kept answers it while it is true.
    async fn ask(&self, step: &Step, question: &str, report: &mut StepReport) {
        report.what = question.to_owned();
        let host = self.answers.host();
        // A model may have had tools change something before it failed.
        let again = host.config().model.provider == ModelProvider::Templates;
        loop {
            report.tries += 1;
            let asked = self.answers.ask_plainly(Ask::new(question, self.principal));
            let error = match tokio::time::timeout(step.timeout, asked).await {
                Ok(Ok(answered)) => {
                    report.tool_calls += answered.calls;
                    report.cached_calls += answered.cached_calls;
                    report.cached = answered.cache.is_hit();
                    if answered.is_answer() {
                        (report.ended, report.result) =
                            (Ended::Done, Some(serde_json::json!({ "text": answered.text })));
                        return;
                    }
                    Error::new(Code::ToolFailed, answered.text)
                }
                Ok(Err(error)) => error,
                Err(_) => late(step),
            };
            if !again || !passing(&error) || report.tries > step.retries {
                (report.ended, report.error) = (Ended::Failed, Some(error));
                return;
            }
            tokio::time::sleep(pause(step, report.tries, &error)).await;
        }
    }

    fn save(&self, going: &Going<'_>) {
        // Files are small, and a step takes longer: this waits for the disk where it is.
        let saved = self.runs.save(&lock(&going.run));
        if let Err(error) = saved {
            tracing::warn!(%error, "a run of a flow can't be written down, and so not be resumed");
        }
    }
}

fn lock(run: &Mutex<Run>) -> std::sync::MutexGuard<'_, Run> {
    run.lock().unwrap_or_else(PoisonError::into_inner)
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn what(step: &Step) -> String {
    match &step.action {
        Action::Tool(tool) => tool.to_string(),
        Action::Ask(question) => question.clone(),
    }
}

/// Whether what a value lacks is the result of a step that was skipped.
fn skipped(given: &crate::value::Given, known: Known<'_>) -> bool {
    let mut found = false;
    given.each(&mut |given| {
        if let crate::value::Given::From { step, or: None, .. } = given {
            found |= !known.results.contains_key(step);
        }
    });
    found
}

/// A question with its values in it.
fn filled(question: &str, values: &Map<String, Value>) -> String {
    let mut rest = question;
    let mut out = String::new();
    // Once through, so that a value that looks like a place is none.
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let place = after
            .split_once('}')
            .and_then(|(name, tail)| Some((values.get(name)?, tail)));
        match place {
            Some((Value::String(text), tail)) => {
                out.push_str(text);
                rest = tail;
            }
            Some((value, tail)) => {
                out.push_str(&value.to_string());
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

fn late(step: &Step) -> Error {
    Error::new(
        Code::Deadline,
        format!("The step `{}` took longer than {}.", step.id, Span(step.timeout)),
    )
}

/// Whether another try may go better.
fn passing(error: &Error) -> bool {
    error.category() == Category::Unavailable && error.code != Code::Cancelled
}

/// The wait before the next try: doubled each time, and what the failure asks for where that is longer.
fn pause(step: &Step, tries: u32, error: &Error) -> Duration {
    let doubled = step.wait.saturating_mul(1 << tries.saturating_sub(1).min(10));
    let asked = Duration::from_millis(error.retry_after_ms.unwrap_or(0));
    doubled.max(asked).min(Duration::from_secs(300))
}
