//! A call of an exported function.

use std::collections::HashMap;
use std::sync::Arc;

use fact_types::{Code, Content, Outcome, ToolOutput};
use serde_json::{Map, Value, json};
use wasmtime::Store;
use wasmtime::component::{InstancePre, Val};

use super::exports::{Exports, Function};
use super::schema::RESULT;
use super::shape::Shape;
use super::{from_wit, to_wit};
use crate::call::Failure;
use crate::state::State;

/// A plain component, ready to be called.
#[derive(Clone)]
pub(crate) struct Plain {
    pre: InstancePre<State>,
    functions: Arc<HashMap<String, Function>>,
}

impl Plain {
    pub(crate) fn new(pre: InstancePre<State>, exports: Exports) -> Self {
        let functions = exports.functions.into_iter();
        Plain {
            pre,
            functions: Arc::new(
                functions
                    .map(|function| (function.path.clone(), function))
                    .collect(),
            ),
        }
    }
}

/// Calls the function at a path.
///
/// # Errors
/// The trap or the limit that ended the call. What the function itself refuses is the inner error.
pub(crate) async fn run(
    store: &mut Store<State>,
    plain: &Plain,
    path: Option<&str>,
    arguments: &str,
) -> wasmtime::Result<Result<Outcome, Failure>> {
    let Some(function) = path.and_then(|path| plain.functions.get(path)) else {
        return Ok(Err(Failure::new(
            Code::NotFound,
            "The component exports no such function.",
        )));
    };
    let parameters = match parse(function, arguments) {
        Ok(parameters) => parameters,
        Err(failure) => return Ok(Err(failure)),
    };
    let instance = plain.pre.instantiate_async(&mut *store).await?;
    let entry = instance
        .get_func(&mut *store, function.index)
        .ok_or_else(|| wasmtime::Error::msg("an exported function is not there"))?;
    // Any value will do: it is written over.
    let mut results = vec![Val::Bool(false); usize::from(function.result.is_some())];
    entry.call_async(&mut *store, &parameters, &mut results).await?;
    let answer = match (&function.result, results.pop()) {
        (Some(shape), Some(value)) => (shape, value),
        _ => return Ok(Ok(Outcome::Complete(ToolOutput::default()))),
    };
    translate(store, answer.0, answer.1)
}

fn parse(function: &Function, arguments: &str) -> Result<Vec<Val>, Failure> {
    let wrong = |why: String| Failure::new(Code::InvalidInput, why);
    let given: Map<String, Value> =
        serde_json::from_str(arguments).map_err(|_| wrong("Arguments are a JSON object.".to_owned()))?;
    to_wit::arguments(&function.parameters, given).map_err(|misfit| {
        let path = misfit.path();
        let place = if path.is_empty() {
            String::new()
        } else {
            format!(" at {path}")
        };
        let mut failure = wrong(format!("The arguments do not fit{place}: {}.", misfit.problem()));
        failure.details = Some(json!({ "misfits": [{ "path": path, "problem": misfit.problem() }] }));
        failure
    })
}

/// From the function's result to an answer. A `result` is the answer in it, or a failure.
fn translate(
    store: &mut Store<State>,
    shape: &Shape,
    value: Val,
) -> wasmtime::Result<Result<Outcome, Failure>> {
    let budget = &mut store.data_mut().output;
    let (shape, value) = match (shape, value) {
        (Shape::Result { ok, .. }, Val::Result(Ok(value))) => match (ok, value) {
            (Some(shape), Some(value)) => (&**shape, *value),
            _ => return Ok(Ok(Outcome::Complete(ToolOutput::default()))),
        },
        (Shape::Result { err, .. }, Val::Result(Err(value))) => {
            let error = match (err, value) {
                (Some(shape), Some(value)) => Some(from_wit::json(shape, *value, budget)?),
                _ => None,
            };
            return Ok(Err(Failure::of_tool(error)));
        }
        other => other,
    };
    let answer = from_wit::json(shape, value, budget)?;
    // A text is for readers as it is, and for programs in its place.
    let content = match &answer {
        Value::String(text) if *shape == Shape::String => vec![Content::Text { text: text.clone() }],
        _ => Vec::new(),
    };
    let structured = match shape {
        Shape::Record(_) => answer,
        _ => json!({ RESULT: answer }),
    };
    Ok(Ok(Outcome::Complete(ToolOutput {
        content,
        structured: Some(structured),
        ..ToolOutput::default()
    })))
}

impl Failure {
    /// What a function gave as its error.
    fn of_tool(error: Option<Value>) -> Self {
        let message = match &error {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let message = if message.is_empty() {
            "The tool failed and does not say why.".to_owned()
        } else {
            message.chars().take(crate::call::MESSAGE_MAX).collect()
        };
        let mut failure = Failure::new(Code::ToolFailed, message);
        failure.details = error;
        failure
    }
}
