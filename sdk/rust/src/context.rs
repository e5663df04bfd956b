//! What a call gets besides its arguments.

use crate::ToolError;
use crate::bindings::fact::plugin::types as wit;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What a call gets besides its arguments. A tool that wants it takes `&Context` as its last parameter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    resume: Option<Map<String, Value>>,
    meta: Map<String, Value>,
}

impl Context {
    /// The context of a first call, for tests.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with the answers to an earlier [`Outcome::InputRequired`](crate::Outcome::InputRequired), for tests.
    #[must_use]
    pub fn with_resume(mut self, answers: Map<String, Value>) -> Self {
        self.resume = Some(answers);
        self
    }

    /// The answers to an earlier [`Outcome::InputRequired`](crate::Outcome::InputRequired), if this is the call after it.
    ///
    /// # Errors
    /// `invalid-input` when the answers do not fit the type.
    pub fn resume<T: DeserializeOwned>(&self) -> Result<Option<T>, ToolError> {
        let Some(answers) = &self.resume else {
            return Ok(None);
        };
        serde_json::from_value(Value::Object(answers.clone()))
            .map(Some)
            .map_err(|e| ToolError::invalid_input(format!("the answers do not fit: {e}")))
    }

    /// Anything else that the host says about the call.
    pub fn meta(&self) -> &Map<String, Value> {
        &self.meta
    }

    pub(crate) fn from_wit(context: wit::Context) -> Result<Self, ToolError> {
        let parse = |text: Option<String>, what: &str| {
            text.map(|t| serde_json::from_str::<Map<String, Value>>(&t))
                .transpose()
                .map_err(|e| ToolError::invalid_input(format!("the context's {what} is no JSON object: {e}")))
        };
        Ok(Context {
            resume: parse(context.resume, "resume")?,
            meta: parse(context.meta, "meta")?.unwrap_or_default(),
        })
    }
}
