//! The tool calls of one reply: checked one by one, run at the same time, answered in their order.

use fact_types::Code;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

use crate::catalogue::{CALL_TOOL, FOUND_MAX, READ_RESULT, SEARCH_TOOLS, found};
use crate::driver::Progress;
use crate::message::{ToolRequest, ToolResult};
use crate::results::{Shown, problem};
use crate::run::Run;
use crate::tools::ToolAnswer;
use crate::turn::ToolUse;

/// How many tools a search gives where the model names no number.
const FOUND: usize = 8;

/// How long a call may take beyond its deadline to say itself that it was too late, with its id.
const GRACE: Duration = Duration::from_millis(200);

/// What becomes of a call.
enum Plan {
    /// It is answered at once.
    Answered(ToolUse, Shown),
    /// A tool runs.
    Run(ToolUse),
}

impl Run<'_> {
    /// Runs the calls of a reply.
    pub(crate) async fn run_calls(&mut self, calls: Vec<ToolRequest>) -> Vec<ToolResult> {
        let plans = self.plan(&calls);
        let deadline = self
            .meter
            .deadline()
            .min(Instant::now() + self.driver.settings.tool_time);
        let (tools, watch) = (self.tools, self.watch);
        // Boxed first: a stream of closures over borrowed calls would not be `Send`.
        let running: Vec<BoxFuture<'_, (ToolUse, Outcome)>> = plans
            .into_iter()
            .map(|plan| -> BoxFuture<'_, (ToolUse, Outcome)> {
                Box::pin(async move {
                    match plan {
                        Plan::Answered(done, shown) => {
                            watch.progress(Progress::Called(&done));
                            (done, Outcome::Shown(shown))
                        }
                        Plan::Run(mut doing) => {
                            watch.progress(Progress::Calling { name: &doing.name });
                            let call = tools.call(&doing.name, doing.arguments.clone(), deadline);
                            let answer = timeout_at(deadline + GRACE, call)
                                .await
                                .unwrap_or_else(|_| too_late());
                            note(&mut doing, &answer);
                            watch.progress(Progress::Called(&doing));
                            (doing, Outcome::Answer(answer))
                        }
                    }
                })
            })
            .collect();
        let done: Vec<_> = stream::iter(running)
            .buffered(self.driver.settings.parallel)
            .collect()
            .await;
        let mut results = Vec::with_capacity(calls.len());
        for (call, (mut done, outcome)) in calls.into_iter().zip(done) {
            let shown = match outcome {
                Outcome::Shown(shown) => shown,
                Outcome::Answer(answer) => self.results.show(&answer),
            };
            done.cut = shown.cut;
            self.uses.push(done);
            results.push(ToolResult {
                id: call.id,
                content: shown.content,
                is_error: shown.is_error,
            });
        }
        results
    }

    fn plan(&mut self, calls: &[ToolRequest]) -> Vec<Plan> {
        let round = self.meter.model_calls;
        let at_once = self.driver.settings.calls_per_reply;
        let wanted = calls.len().min(at_once);
        let allowed = self
            .meter
            .take_tool_calls(u32::try_from(wanted).unwrap_or(u32::MAX));
        let mut plans = Vec::with_capacity(calls.len());
        for (at, call) in calls.iter().enumerate() {
            let plan = if at >= at_once {
                let message =
                    format!("Too many calls at once; at most {at_once} are run. Call this one again.");
                refused(call, round, Code::CallLimit, &message)
            } else if at >= allowed as usize {
                let message = "The question's budget of tool calls is used up. Answer from what there is.";
                refused(call, round, Code::CallLimit, message)
            } else {
                self.plan_one(call, round)
            };
            plans.push(plan);
        }
        plans
    }

    fn plan_one(&mut self, call: &ToolRequest, round: u32) -> Plan {
        let arguments = match &call.arguments {
            Ok(arguments) => arguments,
            Err(text) => {
                let text: String = text.chars().take(200).collect();
                let message = format!("The arguments are no JSON object: {text}");
                return refused(call, round, Code::InvalidInput, &message);
            }
        };
        if self.results.any() && call.name == READ_RESULT {
            return self.read_result(call, arguments, round);
        }
        if !self.catalogue.is_searched() {
            return self.plan_tool(call, &call.name, arguments, round);
        }
        match call.name.as_str() {
            SEARCH_TOOLS => self.search(call, arguments, round),
            CALL_TOOL => {
                let name = arguments.get("name").and_then(Value::as_str);
                let inner = match arguments.get("arguments") {
                    Some(Value::Object(inner)) => Some(inner.clone()),
                    None | Some(Value::Null) => Some(Map::new()),
                    // Models write the object as text now and then.
                    Some(Value::String(text)) => serde_json::from_str(text).ok(),
                    Some(_) => None,
                };
                let (Some(name), Some(inner)) = (name, inner) else {
                    let message = format!("{CALL_TOOL} takes `name`, a text, and `arguments`, an object.");
                    return refused(call, round, Code::InvalidInput, &message);
                };
                self.plan_tool(call, name, &inner, round)
            }
            // A model that has learned a name from a search may well call it directly.
            name => self.plan_tool(call, name, arguments, round),
        }
    }

    fn plan_tool(&self, call: &ToolRequest, name: &str, arguments: &Map<String, Value>, round: u32) -> Plan {
        match self.catalogue.get(name) {
            Some(tool) => Plan::Run(begun(&tool.name, Value::Object(arguments.clone()), round)),
            None => refused(call, round, Code::NotFound, &self.catalogue.no_such(name)),
        }
    }

    fn search(&mut self, call: &ToolRequest, arguments: &Map<String, Value>, round: u32) -> Plan {
        let Some(query) = arguments.get("query").and_then(Value::as_str) else {
            let message = format!("{SEARCH_TOOLS} takes `query`, a text.");
            return refused(call, round, Code::InvalidInput, &message);
        };
        let limit = number(arguments, "limit").unwrap_or(FOUND).clamp(1, FOUND_MAX);
        let query: String = query.chars().take(1000).collect();
        let started = Instant::now();
        let hits = self.tools.search(&query, limit);
        // Only what can be called, and as it is called.
        let hits: Vec<Value> = hits
            .iter()
            .filter_map(|hit| self.catalogue.get(&hit.name))
            .take(limit)
            .map(found)
            .collect();
        let shown = self.results.show(&ToolAnswer::ok(Value::Array(hits)));
        let mut done = begun(&call.name, Value::Object(arguments.clone()), round);
        done.elapsed = started.elapsed();
        Plan::Answered(done, shown)
    }

    fn read_result(&self, call: &ToolRequest, arguments: &Map<String, Value>, round: u32) -> Plan {
        let handle = arguments.get("handle").and_then(Value::as_str).unwrap_or("");
        let offset = number(arguments, "offset").unwrap_or(0);
        let limit = number(arguments, "limit").unwrap_or(usize::MAX);
        let shown = self.results.page(handle, offset, limit);
        let mut done = begun(&call.name, Value::Object(arguments.clone()), round);
        done.is_error = shown.is_error;
        done.error = shown.is_error.then_some(Code::InvalidInput);
        Plan::Answered(done, shown)
    }
}

enum Outcome {
    Shown(Shown),
    Answer(ToolAnswer),
}

fn number(arguments: &Map<String, Value>, name: &str) -> Option<usize> {
    usize::try_from(arguments.get(name)?.as_u64()?).ok()
}

fn begun(name: &str, arguments: Value, round: u32) -> ToolUse {
    ToolUse {
        name: name.to_owned(),
        arguments,
        round,
        elapsed: Duration::ZERO,
        cached: false,
        is_error: false,
        error: None,
        call_id: None,
        reads: Vec::new(),
        cut: false,
    }
}

/// Notes what an answer says of its call.
fn note(doing: &mut ToolUse, answer: &ToolAnswer) {
    doing.elapsed = answer.elapsed;
    doing.cached = answer.cached;
    doing.is_error = answer.is_error;
    doing.error = answer.code.filter(|_| answer.is_error);
    doing.call_id = answer.call_id;
    doing.reads.clone_from(&answer.reads);
}

fn too_late() -> ToolAnswer {
    ToolAnswer::failed(Code::Deadline, "The tool took too long and was stopped.")
}

/// A call that no tool gets to see.
fn refused(call: &ToolRequest, round: u32, code: Code, message: &str) -> Plan {
    let arguments = match &call.arguments {
        Ok(arguments) => Value::Object(arguments.clone()),
        Err(text) => Value::String(text.clone()),
    };
    let mut done = begun(&call.name, arguments, round);
    done.is_error = true;
    done.error = Some(code);
    Plan::Answered(done, problem(code, message))
}
