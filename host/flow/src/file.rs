//! A flow as it is written down.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use fact_types::{Digest, Span, ToolId};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::value::{Given, When};

/// Most steps of a flow: what a person can still follow.
const STEPS_MAX: usize = 100;

/// Largest file, in bytes.
const FILE_MAX: usize = 1 << 20;

/// Longest name of a flow and of a step, in bytes.
const NAME_MAX: usize = 64;

const RETRIES: u32 = 3;
const RETRIES_MAX: u32 = 10;
const WAIT: Span = Span::secs(1);
const WAIT_MAX: Duration = Duration::from_secs(60);
const TIMEOUT: Span = Span::secs(30);
const TIMEOUT_MAX: Duration = Duration::from_secs(600);

/// A flow.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Values that whoever runs it may set, with their defaults.
    pub sets: Map<String, Value>,
    /// Steps of one stage run at the same time, stages one after the other.
    pub(crate) stages: Vec<Vec<Step>>,
    /// Of the text, so that a run is not resumed by another flow.
    pub(crate) digest: Digest,
}

/// A step of a flow.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name in the flow.
    pub id: String,
    /// What it does.
    pub action: Action,
    pub(crate) with: Vec<(String, Given)>,
    pub(crate) when: Option<When>,
    /// How often it is tried again when it fails in passing.
    pub retries: u32,
    /// The wait before the first of these; each further one is twice as long.
    pub wait: Duration,
    /// Longest time for one try.
    pub timeout: Duration,
    /// For how long a result is taken for true that nobody can prove, when a run is resumed. None: for no time.
    pub lifetime: Option<Duration>,
}

impl Step {
    /// Whether it runs only when something is so.
    pub fn is_conditional(&self) -> bool {
        self.when.is_some()
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Calls a tool.
    Tool(ToolId),
    /// Asks a question, in which `{name}` stands for a value.
    Ask(String),
}

impl Flow {
    /// All steps, in the order of the file.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flatten()
    }

    /// The steps by the stages in which they run: those of one stage at the same time.
    pub fn stages(&self) -> impl Iterator<Item = &[Step]> {
        self.stages.iter().map(Vec::as_slice)
    }
}

/// What is wrong with a flow, all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the flow is wrong:{}", .problems.iter().map(|p| format!("\n  {p}")).collect::<String>())]
pub struct FlowError {
    /// A sentence for each problem.
    pub problems: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFlow {
    name: String,
    description: Option<String>,
    #[serde(default)]
    set: Map<String, Value>,
    #[serde(default)]
    step: Vec<RawStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    id: String,
    tool: Option<ToolId>,
    ask: Option<String>,
    #[serde(default)]
    with: Map<String, Value>,
    when: Option<Map<String, Value>>,
    parallel: Option<String>,
    retries: Option<u32>,
    wait: Option<Span>,
    timeout: Option<Span>,
    lifetime: Option<Span>,
}

impl FromStr for Flow {
    type Err = FlowError;

    fn from_str(text: &str) -> Result<Self, FlowError> {
        let one = |problem: String| FlowError {
            problems: vec![problem],
        };
        if text.len() > FILE_MAX {
            return Err(one(format!("it is larger than {FILE_MAX} bytes")));
        }
        let raw: RawFlow = toml::from_str(text).map_err(|error| one(error.to_string().trim().to_owned()))?;
        let mut problems = Vec::new();
        if !is_name(&raw.name) {
            problems.push(format!("`name` must be a name: {NAME_RULE}"));
        }
        if raw.step.is_empty() || raw.step.len() > STEPS_MAX {
            problems.push(format!(
                "it has {} steps; it must have 1 to {STEPS_MAX}",
                raw.step.len()
            ));
        }
        let mut stages: Vec<(Option<String>, Vec<Step>)> = Vec::new();
        let (mut seen, mut before) = (BTreeSet::new(), BTreeSet::new());
        let mut groups = BTreeSet::new();
        for raw_step in raw.step {
            let (id, group) = (raw_step.id.clone(), raw_step.parallel.clone());
            let together = group.is_some() && stages.last().is_some_and(|(last, _)| *last == group);
            if !together {
                before.clone_from(&seen);
                if let Some(group) = &group
                    && !groups.insert(group.clone())
                {
                    problems.push(format!("the steps of the group `{group}` must stand together"));
                }
                stages.push((group, Vec::new()));
            }
            match step(raw_step, &before, &raw.set) {
                Ok(step) => stages
                    .iter_mut()
                    .last()
                    .into_iter()
                    .for_each(|(_, all)| all.push(step.clone())),
                Err(wrong) => problems.extend(wrong.into_iter().map(|wrong| format!("step `{id}`: {wrong}"))),
            }
            if !seen.insert(id.clone()) {
                problems.push(format!("there are two steps `{id}`"));
            }
        }
        if !problems.is_empty() {
            return Err(FlowError { problems });
        }
        Ok(Flow {
            name: raw.name,
            description: raw.description,
            sets: raw.set,
            stages: stages.into_iter().map(|(_, steps)| steps).collect(),
            digest: Digest::of(text.as_bytes()),
        })
    }
}

const NAME_RULE: &str = "1 to 64 letters, digits, `-` and `_`";

fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// Reads a step. `before`: the steps that are done when it runs.
fn step(raw: RawStep, before: &BTreeSet<String>, sets: &Map<String, Value>) -> Result<Step, Vec<String>> {
    let mut wrong = Vec::new();
    if !is_name(&raw.id) {
        wrong.push(format!("`id` must be a name: {NAME_RULE}"));
    }
    let mut with = Vec::new();
    for (key, value) in raw.with {
        match Given::parse(value) {
            Ok(given) => with.push((key, given)),
            Err(problem) => wrong.push(format!("`with.{key}`: {problem}")),
        }
    }
    let when = raw.when.map(When::parse).transpose().unwrap_or_else(|problem| {
        wrong.push(format!("`when`: {problem}"));
        None
    });
    let mut see = |given: &Given| match given {
        Given::From { step, .. } if !before.contains(step) => {
            wrong.push(format!(
                "`{step}`, which it refers to, does not end before it begins"
            ));
        }
        Given::Set(name) if !sets.contains_key(name) => {
            wrong.push(format!(
                "`{name}` is not among the flow's `set`, where its default stands"
            ));
        }
        _ => {}
    };
    for (_, given) in &with {
        given.each(&mut see);
    }
    if let Some(when) = &when {
        when.of.each(&mut see);
    }
    let action = match (raw.tool, raw.ask) {
        (Some(tool), None) => Some(Action::Tool(tool)),
        (None, Some(ask)) => Some(Action::Ask(ask)),
        _ => {
            wrong.push("it has either `tool` or `ask`".to_owned());
            None
        }
    };
    if let Some(Action::Ask(ask)) = &action {
        for (name, _) in &with {
            if !ask.contains(&format!("{{{name}}}")) {
                wrong.push(format!("the question has no `{{{name}}}`"));
            }
        }
    }
    let retries = raw.retries.unwrap_or(RETRIES);
    let (wait, timeout) = (raw.wait.unwrap_or(WAIT).0, raw.timeout.unwrap_or(TIMEOUT).0);
    if retries > RETRIES_MAX {
        wrong.push(format!("`retries` is {retries}; it may be {RETRIES_MAX}"));
    }
    if wait > WAIT_MAX {
        wrong.push(format!("`wait` may be {}", Span(WAIT_MAX)));
    }
    if timeout.is_zero() || timeout > TIMEOUT_MAX {
        wrong.push(format!(
            "`timeout` must be more than 0, and may be {}",
            Span(TIMEOUT_MAX)
        ));
    }
    match action {
        Some(action) if wrong.is_empty() => Ok(Step {
            id: raw.id,
            action,
            with,
            when,
            retries,
            wait,
            timeout,
            lifetime: raw.lifetime.map(|lifetime| lifetime.0),
        }),
        _ => Err(wrong),
    }
}
