//! One question on its way to an answer: rounds of the model and of tools, until the model has no more calls to make or the
//! budget is used up.
//!
//! The order of a round: is there budget for it; ask the model, again where it fails before its first word; run the tools
//! that it wants, at the same time; hand it all results in one message. In the last round that the budget has, no tool may
//! be called, so that it ends with text.

use fact_types::Error;
use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

use crate::budget::{Budget, Limit, Meter};
use crate::catalogue::{Catalogue, read_result};
use crate::driver::{Driver, Progress, Watch};
use crate::message::{Message, Part, ToolRequest, UserPart, text_of};
use crate::prompt::LAST_ROUND;
use crate::provider::{CallError, Fault, Reply, Request, StopReason};
use crate::results::Results;
use crate::retry;
use crate::tools::{ToolInfo, Tools};
use crate::turn::{Failure, Stages, Stop, ToolUse, Turn};
use crate::usage::{Estimate, Usage};

/// A question under way.
pub(crate) struct Run<'a> {
    pub(crate) driver: &'a Driver,
    pub(crate) tools: &'a dyn Tools,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) catalogue: Catalogue,
    pub(crate) results: Results,
    pub(crate) meter: Meter,
    messages: Vec<Message>,
    pub(crate) uses: Vec<ToolUse>,
    /// The ids of the model's calls so far.
    ids: HashSet<String>,
    estimate: Estimate,
    usage: Usage,
    usage_complete: bool,
    retries: u32,
    stages: Stages,
    warnings: Vec<String>,
    /// The budget allowed the last reply less than its usual length.
    shortened: bool,
    /// What the model says in this round, as it comes.
    heard: Heard,
    /// The answer's text before this round: of a reply that the provider paused.
    before: String,
}

/// What comes of a model's text while it comes.
#[derive(Default)]
struct Heard {
    text: Mutex<String>,
    first: OnceLock<Duration>,
}

impl Heard {
    fn take(&self) -> String {
        std::mem::take(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hear(&self, text: &str, now: Duration) {
        self.first.get_or_init(|| now);
        self.text
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_str(text);
    }
}

/// Why a round has no reply.
enum NoReply {
    Limit(Limit),
    Failed(Error),
}

impl From<Limit> for NoReply {
    fn from(limit: Limit) -> Self {
        NoReply::Limit(limit)
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        driver: &'a Driver,
        tools: &'a dyn Tools,
        watch: &'a dyn Watch,
        messages: Vec<Message>,
        budget: Budget,
    ) -> Result<Self, Error> {
        let settings = &driver.settings;
        let catalogue = Catalogue::new(tools.list(), settings.thresholds);
        let mut warnings = Vec::new();
        if catalogue.left_out > 0 {
            warnings.push(format!(
                "{} tools can't be offered to a model, because of their names or schemas.",
                catalogue.left_out
            ));
        }
        Ok(Run {
            driver,
            tools,
            watch,
            catalogue,
            results: Results::new(settings.result_shown, settings.results_kept),
            meter: Meter::new(budget, driver.provider.prices().copied())?,
            messages,
            uses: Vec::new(),
            ids: HashSet::new(),
            estimate: Estimate::default(),
            usage: Usage::default(),
            usage_complete: true,
            retries: 0,
            stages: Stages::default(),
            warnings,
            shortened: false,
            heard: Heard::default(),
            before: String::new(),
        })
    }

    /// Runs to the end, and reports.
    pub(crate) async fn finish(mut self) -> Result<Turn, Failure> {
        match self.rounds().await {
            Ok((stop, text)) => Ok(self.turn(stop, text)),
            Err(error) => {
                let heard = self.heard.take();
                let text = std::mem::take(&mut self.before) + &heard;
                Err(Failure {
                    error,
                    turn: Some(Box::new(self.turn(Stop::Failed, text))),
                })
            }
        }
    }

    async fn rounds(&mut self) -> Result<(Stop, String), Error> {
        loop {
            let last = self.meter.is_last_round();
            let offered = self.offered(last);
            let reply = match self.reply(&offered, !last && !offered.is_empty()).await {
                Ok(reply) => reply,
                Err(NoReply::Failed(error)) => return Err(error),
                Err(NoReply::Limit(limit)) => {
                    self.warnings
                        .push(format!("The question's budget of {limit} is used up."));
                    let heard = self.heard.take();
                    return Ok((Stop::Budget(limit), std::mem::take(&mut self.before) + &heard));
                }
            };
            let text = std::mem::take(&mut self.before) + &text_of(&reply.parts);
            if let Some(note) = &reply.note {
                self.warnings.push(format!("The provider says: {note}"));
            }
            let calls = calls_of(&reply.parts);
            let stop = match reply.stop {
                // Where no further round is left, the next look at the budget ends it.
                StopReason::PauseTurn if !reply.parts.is_empty() => {
                    self.before = text;
                    self.messages.push(Message::Assistant(reply.parts));
                    continue;
                }
                StopReason::ToolUse | StopReason::EndTurn | StopReason::Other
                    if !calls.is_empty() && !last =>
                {
                    self.call_tools(reply.parts).await;
                    continue;
                }
                StopReason::MaxTokens => Stop::MaxTokens,
                StopReason::Refusal => Stop::Refusal,
                StopReason::ContextWindow => Stop::ContextWindow,
                StopReason::ToolUse | StopReason::EndTurn | StopReason::PauseTurn | StopReason::Other => {
                    Stop::EndTurn
                }
            };
            return Ok((self.warn_of_end(stop, &text, !calls.is_empty()), text));
        }
    }

    /// Says what is wrong with an answer, and whether it is one.
    fn warn_of_end(&mut self, stop: Stop, text: &str, wanted_tools: bool) -> Stop {
        let mut warn = |warning: &str| self.warnings.push(warning.to_owned());
        match stop {
            Stop::MaxTokens if self.shortened => {
                warn("The answer is cut: the question's budget allowed no longer one.");
            }
            Stop::MaxTokens => warn("The answer reached its greatest length and is cut."),
            Stop::ContextWindow => {
                warn("The conversation is as long as the model can read; the answer is cut.")
            }
            Stop::Refusal => warn("The model declined to answer."),
            _ => {}
        }
        if wanted_tools {
            warn("The model wanted to call more tools; they were not called.");
        }
        if stop != Stop::EndTurn || !text.trim().is_empty() {
            return stop;
        }
        warn("The model ended without an answer.");
        if wanted_tools {
            Stop::Budget(Limit::ModelCalls)
        } else {
            stop
        }
    }

    /// The tools of this round. In the last one they are of no use, but a transcript with calls is not understood without
    /// them by every provider.
    fn offered(&mut self, last: bool) -> Vec<ToolInfo> {
        if last && self.ids.is_empty() {
            return Vec::new();
        }
        if last && let Some(Message::User(parts)) = self.messages.last_mut() {
            // Once: a repeated round finds it there.
            let told = UserPart::Text(LAST_ROUND.to_owned());
            if parts.last() != Some(&told) {
                parts.push(told);
            }
        }
        let mut offered = self.catalogue.shown().to_vec();
        if self.results.any() {
            offered.push(read_result());
        }
        offered
    }

    /// Asks the model, as often as it takes.
    async fn reply(&mut self, offered: &[ToolInfo], may_call: bool) -> Result<Reply, NoReply> {
        let mut attempt = 0;
        loop {
            self.heard.take();
            let error = match self.attempt(offered, may_call).await? {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            attempt += 1;
            let provider = &self.driver.provider;
            let failed = || NoReply::Failed(error.to_error(provider.name(), provider.model()));
            let wait = self
                .driver
                .settings
                .retry
                .wait(attempt, error.retry_after, retry::random())
                .filter(|_| error.may_retry())
                .ok_or_else(failed)?;
            // A wait that the time does not allow helps nobody.
            if Instant::now() + wait >= self.meter.deadline() {
                return Err(failed());
            }
            self.watch.progress(Progress::Waiting(wait));
            self.retries += 1;
            self.stages.waiting += wait;
            sleep(wait).await;
        }
    }

    /// Asks the model once.
    async fn attempt(
        &mut self,
        offered: &[ToolInfo],
        may_call: bool,
    ) -> Result<Result<Reply, CallError>, NoReply> {
        let deadline = self.meter.deadline();
        let mut request = Request {
            system: self.driver.settings.system.as_str(),
            stable_tools: self.catalogue.shown().len().min(offered.len()),
            tools: offered,
            may_call,
            messages: &self.messages,
            max_output: self.driver.settings.max_output,
            deadline,
        };
        let bytes = request.bytes();
        let estimated = self.estimate.tokens(bytes);
        request.max_output = self.meter.next_reply(estimated, request.max_output)?;
        self.shortened = request.max_output < self.driver.settings.max_output;

        let begun = self.meter.elapsed();
        let started = Instant::now();
        let (heard, watch) = (&self.heard, self.watch);
        let on_text = move |text: &str| {
            heard.hear(text, begun + started.elapsed());
            watch.progress(Progress::Text(text));
        };
        let asking = self.driver.provider.complete(&request, &on_text);
        let answer = timeout_at(deadline, asking).await;
        self.stages.model += started.elapsed();
        match answer {
            Ok(Ok(reply)) => {
                self.meter.model_calls += 1;
                self.count(bytes, estimated, reply.usage, true);
                Ok(Ok(reply))
            }
            Ok(Err(error)) => {
                // What never began costs nothing, as far as providers say.
                if error.begun || error.usage.is_some() {
                    self.count(bytes, estimated, error.usage, false);
                }
                if error.fault == Fault::Timeout && Instant::now() >= deadline {
                    return Err(Limit::Time.into());
                }
                Ok(Err(error))
            }
            Err(_) => {
                self.count(bytes, estimated, None, false);
                Err(Limit::Time.into())
            }
        }
    }

    /// Counts a model call: what the provider says, or what it must have been.
    fn count(&mut self, bytes: usize, estimated: u64, usage: Option<Usage>, whole: bool) {
        // No request has no tokens: some servers write zeros where they do not count.
        let usage = usage.filter(|usage| usage.prompt() > 0);
        let heard = self.estimate.tokens(self.heard_bytes());
        let mut counted = usage.unwrap_or(Usage {
            input: estimated,
            ..Usage::default()
        });
        if usage.is_none() || !whole {
            // The count of a reply that broke off is from its beginning.
            counted.output = counted.output.max(heard);
        }
        self.meter.count(&counted);
        if let Some(usage) = usage {
            self.usage = self.usage.plus(&usage);
            self.estimate.learn(bytes, usage.prompt());
        }
        if (usage.is_none() || !whole) && std::mem::replace(&mut self.usage_complete, false) {
            self.warnings
                .push("The provider did not count all that was used; the cost is unknown.".to_owned());
        }
    }

    fn heard_bytes(&self) -> usize {
        self.heard
            .text
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Runs what the model wants, and hands it all results in one message.
    async fn call_tools(&mut self, mut parts: Vec<Part>) {
        for part in &mut parts {
            if let Part::Call(call) = part {
                self.name_call(call);
            }
        }
        let calls = calls_of(&parts);
        self.messages.push(Message::Assistant(parts));
        let started = Instant::now();
        let results = self.run_calls(calls).await;
        self.stages.tools += started.elapsed();
        self.messages
            .push(Message::User(results.into_iter().map(UserPart::Result).collect()));
    }

    /// Some servers give their calls no ids, or the same ones again; a result must name one call only.
    fn name_call(&mut self, call: &mut ToolRequest) {
        let mut number = self.ids.len();
        while call.id.is_empty() || self.ids.contains(&call.id) {
            number += 1;
            call.id = format!("call_{number}");
        }
        self.ids.insert(call.id.clone());
    }

    fn turn(self, stop: Stop, text: String) -> Turn {
        let provider = &self.driver.provider;
        let cost = provider.prices().and_then(|prices| prices.cost(&self.usage));
        Turn {
            text,
            stop,
            provider: provider.name(),
            model: provider.model().to_owned(),
            tools: self.uses,
            model_calls: self.meter.model_calls,
            retries: self.retries,
            usage: self.usage,
            usage_complete: self.usage_complete,
            cost: cost.filter(|_| self.usage_complete),
            stages: Stages {
                first_text: self.heard.first.get().copied(),
                total: self.meter.elapsed(),
                ..self.stages
            },
            left: self.meter.left(),
            warnings: self.warnings,
        }
    }
}

fn calls_of(parts: &[Part]) -> Vec<ToolRequest> {
    let calls = parts.iter().filter_map(|part| match part {
        Part::Call(call) => Some(call.clone()),
        _ => None,
    });
    calls.collect()
}
