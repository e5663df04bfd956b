//! The test of a plugin: made-up arguments for each of its tools, under a host that grants nothing and allows little.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use fact_component::{Inspection, inspect};
use fact_core::{Answer, Host, Plugin, Tool};
use fact_types::{Access, ByteSize, Capability, Error, Limits, Span, ToolCall};
use serde_json::{Map, Value};

use crate::build::{bad, blocking};
use crate::cases::{Cases, compile};
use crate::report::{Check, Problem, Report, Timing, ToolReport};
use crate::scratch::Scratch;
use crate::verdict::{self, Finding};

/// Most findings about one tool. With so many, more of them teach nothing, and each may have cost a whole deadline.
const MAX_FINDINGS: usize = 5;

/// Most different things that were refused and are listed.
const MAX_DENIED: usize = 100;

/// How to test.
#[derive(Debug, Clone)]
pub struct TestOptions {
    /// Arguments for each tool: two thirds fit its schema and are tried twice, the others do not fit.
    pub cases: u32,
    /// What they are made from.
    pub seed: u64,
    /// How long a call may take.
    pub deadline: Span,
    /// The program that compiles components, as for a host. None: this process compiles, without a bound on time and memory.
    pub compiler: Option<PathBuf>,
}

impl Default for TestOptions {
    fn default() -> Self {
        TestOptions {
            cases: 100,
            seed: 1,
            deadline: Span::secs(2),
            compiler: None,
        }
    }
}

impl TestOptions {
    /// Most cases: more than an hour of calls of a slow tool.
    pub const MAX_CASES: u32 = 100_000;

    /// A fraction of what a call gets by default, and more than an honest one needs for small arguments.
    fn limits(&self) -> Limits {
        Limits {
            deadline: self.deadline,
            memory: ByteSize::mib(64),
            output: ByteSize::mib(1),
            log: ByteSize::kib(256),
            host_calls: 10_000,
            hostcall_data: ByteSize::mib(4),
            ..Limits::default()
        }
    }
}

/// Tests a component.
///
/// # Errors
/// When it can't be loaded at all: then there is nothing to test. What is wrong with one that can is in the report.
pub async fn test(bytes: Vec<u8>, options: &TestOptions) -> Result<Report, Error> {
    let (bytes, inspection) = blocking(move || {
        let inspection = inspect(&bytes).map_err(bad)?;
        Ok((bytes, inspection))
    })
    .await?;
    let scratch = Scratch::open(options.limits(), options.compiler.clone()).await?;
    let start = Instant::now();
    let plugin = scratch.install(bytes).await?;
    let cold_load_us = micros(start.elapsed());

    let manifest = &plugin.manifest;
    let mut report = Report {
        plugin: plugin.row.name.to_string(),
        version: manifest.version.clone(),
        digest: inspection.digest,
        size: inspection.size,
        seed: options.seed,
        cases: options.cases.min(TestOptions::MAX_CASES),
        cold_load_us,
        could_use: inspection.kinds().into_iter().map(str::to_owned).collect(),
        requests: manifest
            .capabilities
            .iter()
            .map(|request| request.capability.clone())
            .collect(),
        denied: Vec::new(),
        tools: Vec::new(),
        problems: Vec::new(),
        notes: Vec::new(),
    };
    described(&plugin, &mut report);
    let mut denied = BTreeSet::new();
    for tool in plugin.tools.values() {
        let mut run = Run::new(&scratch.host, tool);
        run.all(&report).await;
        run.finish(&mut report, &mut denied);
    }
    asked_and_tried(&inspection, &denied, &mut report);
    report.denied = denied.into_iter().map(|(_, what)| what).collect();
    Ok(report)
}

/// Checks that models and people can tell what is for what.
fn described(plugin: &Plugin, report: &mut Report) {
    for tool in plugin.tools.values() {
        if tool.spec.description.trim().is_empty() {
            report.problems.push(Problem {
                check: Check::Described,
                tool: Some(tool.spec.name.to_string()),
                message: "it has no description, so nobody can tell when to use it".to_owned(),
                arguments: None,
            });
        }
    }
    if plugin.manifest.description.trim().is_empty() {
        report.notes.push("The plugin has no description.".to_owned());
    }
    if plugin.manifest.version.trim().is_empty() {
        report.notes.push("The plugin has no version.".to_owned());
    }
}

/// Compares what the plugin asks for with what it could use and what it tried.
fn asked_and_tried(inspection: &Inspection, denied: &BTreeSet<(&'static str, String)>, report: &mut Report) {
    let mut asked = BTreeSet::new();
    for request in &report.requests {
        let Ok(capability) = request.parse::<Capability>() else {
            report.notes.push(format!(
                "It asks for `{request}`, which this version of FACT does not know."
            ));
            continue;
        };
        asked.insert(capability.kind());
        if !inspection.can_use(capability.kind()) {
            report.notes.push(format!(
                "It asks for `{request}`, and imports nothing that could use it."
            ));
        }
    }
    let tried: BTreeSet<&str> = denied.iter().map(|(kind, _)| *kind).collect();
    for kind in tried.difference(&asked) {
        if *kind == verdict::IMPORT {
            report
                .notes
                .push("It called an import that this host does not offer.".to_owned());
            continue;
        }
        report
            .notes
            .push(format!("It tried {kind}, and does not ask for any of that kind."));
    }
}

/// The test of one tool.
struct Run<'a> {
    host: &'a Host,
    tool: &'a Tool,
    ended: BTreeMap<String, u32>,
    fitting: u32,
    misfits: u32,
    deterministic: Option<bool>,
    times: Vec<u64>,
    peak_memory: u64,
    denied: BTreeSet<(&'static str, String)>,
    findings: usize,
    problems: Vec<Problem>,
    notes: Vec<String>,
}

impl<'a> Run<'a> {
    fn new(host: &'a Host, tool: &'a Tool) -> Self {
        Run {
            host,
            tool,
            ended: BTreeMap::new(),
            fitting: 0,
            misfits: 0,
            deterministic: None,
            times: Vec::new(),
            peak_memory: 0,
            denied: BTreeSet::new(),
            findings: 0,
            problems: Vec::new(),
            notes: Vec::new(),
        }
    }

    async fn all(&mut self, report: &Report) {
        let schema = &self.tool.spec.input_schema;
        let input = match compile(schema) {
            Ok(input) => input,
            Err(why) => {
                return self.found((Check::Schema, format!("its input schema is wrong: {why}")), None);
            }
        };
        let output = match self.tool.spec.output_schema.as_ref().map(compile).transpose() {
            Ok(output) => output,
            Err(why) => {
                return self.found(
                    (Check::Schema, format!("its output schema is wrong: {why}")),
                    None,
                );
            }
        };
        let mut cases = Cases::new(schema, &input, report.seed);
        let misfits = report.cases / 3;
        for _ in 0..(report.cases - misfits).max(1) {
            let Some(arguments) = cases.fitting() else {
                self.notes.push(format!(
                    "No arguments could be made up that fit the schema of `{}`; `examples` in the schema would help.",
                    self.tool.spec.name
                ));
                break;
            };
            self.fitting += 1;
            self.fits(&arguments, output.as_ref()).await;
            if self.is_enough() {
                return;
            }
        }
        for _ in 0..misfits {
            // A schema that takes everything has none.
            let Some(arguments) = cases.misfit() else { break };
            self.misfits += 1;
            let answer = self.call(&arguments).await;
            if let Some(finding) = verdict::survived(&answer).or_else(|| verdict::refused(&answer)) {
                self.found(finding, Some(&arguments));
            }
            if self.is_enough() {
                return;
            }
        }
    }

    /// Calls with arguments that fit, twice.
    async fn fits(&mut self, arguments: &Value, output: Option<&jsonschema::Validator>) {
        let answer = self.call(arguments).await;
        self.times.push(micros(answer.receipt.total));
        if let Some(finding) = verdict::survived(&answer) {
            return self.found(finding, Some(arguments));
        }
        if let Some(finding) = output.and_then(|schema| verdict::fits(&answer, schema)) {
            self.found(finding, Some(arguments));
        }
        let again = self.call(arguments).await;
        self.times.push(micros(again.receipt.total));
        if let Some(finding) = verdict::survived(&again) {
            return self.found(finding, Some(arguments));
        }
        match verdict::same(&answer, &again) {
            Some(true) => self.deterministic = self.deterministic.or(Some(true)),
            Some(false) => {
                self.deterministic = Some(false);
                let message = "the same arguments gave two different answers, and nothing of the world had a part in it";
                self.found((Check::SameAnswer, message.to_owned()), Some(arguments));
            }
            None => {}
        }
    }

    async fn call(&mut self, arguments: &Value) -> Answer {
        let arguments: Map<String, Value> = arguments.as_object().cloned().unwrap_or_default();
        let answer = self
            .host
            .call(ToolCall::new(self.tool.id.clone(), arguments))
            .await;
        *self.ended.entry(verdict::ended(&answer).to_owned()).or_default() += 1;
        self.peak_memory = self.peak_memory.max(answer.receipt.peak_memory);
        for effect in answer.receipt.effects.iter() {
            if effect.access == Access::Denied && self.denied.len() < MAX_DENIED {
                self.denied
                    .insert((verdict::kind(&effect.resource), effect.resource.to_string()));
            }
        }
        answer
    }

    fn found(&mut self, (check, message): Finding, arguments: Option<&Value>) {
        self.findings += 1;
        let problem = Problem {
            check,
            tool: Some(self.tool.spec.name.to_string()),
            message,
            arguments: arguments.cloned(),
        };
        // Where few arguments are possible, the same ones come again.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn is_enough(&self) -> bool {
        self.findings >= MAX_FINDINGS
    }

    fn finish(mut self, report: &mut Report, denied: &mut BTreeSet<(&'static str, String)>) {
        let name = self.tool.spec.name.to_string();
        if self.is_enough() {
            self.notes.push(format!(
                "`{name}` was not tried any further after {MAX_FINDINGS} calls that showed a problem."
            ));
        }
        if self.fitting > 0 && !self.ended.contains_key("ok") && self.problems.is_empty() {
            self.notes.push(format!(
                "No call of `{name}` came to a good end: it may need something that is not granted in a test, or values \
                 that can't be made up."
            ));
        }
        report.tools.push(ToolReport {
            name,
            ended: self.ended,
            fitting: self.fitting,
            misfits: self.misfits,
            deterministic: self.deterministic,
            timing: Timing::of(&self.times),
            peak_memory: self.peak_memory,
        });
        report.problems.append(&mut self.problems);
        report.notes.append(&mut self.notes);
        let room = MAX_DENIED.saturating_sub(denied.len());
        denied.extend(self.denied.into_iter().take(room));
    }
}

fn micros(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
