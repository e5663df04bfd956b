//! A tool as the plugin's table sees it.

use crate::{Context, IntoOutcome, Outcome, ToolError};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a tool promises about its effects. The host checks the promises; they open no doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Annotations {
    /// Changes nothing outside itself. A tool that says so and writes is stopped.
    pub read_only: bool,
    /// May destroy something.
    pub destructive: bool,
    /// A second call with the same arguments changes nothing more.
    pub idempotent: bool,
    /// Reaches things that nobody listed beforehand, such as the web.
    pub open_world: bool,
}

/// For how long a tool's answers may be used again, as texts such as `60s`. The host bounds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheClaim {
    /// An answer that rests on what can't be proven unchanged, such as a clock. All others are used for as long as they are
    /// true, and no longer.
    pub ttl: Option<&'static str>,
    /// A failure that the tool reports itself.
    pub negative_ttl: Option<&'static str>,
}

impl CacheClaim {
    /// Nothing is claimed.
    pub const NONE: CacheClaim = CacheClaim {
        ttl: None,
        negative_ttl: None,
    };
}

/// One tool. [`#[tool]`](crate::tool) implements it for a hidden type of the function's name.
pub trait Tool {
    /// Its name in the plugin.
    const NAME: &'static str;
    /// Its name for a reader.
    const TITLE: &'static str;
    /// What it does, for whoever chooses among tools.
    const DESCRIPTION: &'static str;
    /// What it promises.
    const ANNOTATIONS: Annotations;
    /// For how long its answers may be used again.
    const CACHE: CacheClaim = CacheClaim::NONE;

    /// The JSON Schema of its arguments.
    fn input_schema() -> Value;

    /// The JSON Schema of its structured answer, where it is known.
    fn output_schema() -> Option<Value>;

    /// Runs it with a JSON object.
    ///
    /// # Errors
    /// `invalid-input` when the arguments don't fit; else what the function returns.
    fn call(arguments: &str, context: &Context) -> Result<Outcome, ToolError>;
}

/// A row of a plugin's table: a [`Tool`] without its type.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) annotations: Annotations,
    pub(crate) cache: CacheClaim,
    pub(crate) input_schema: fn() -> Value,
    pub(crate) output_schema: fn() -> Option<Value>,
    pub(crate) call: fn(&str, &Context) -> Result<Outcome, ToolError>,
}

impl Entry {
    /// The row of a tool.
    pub const fn of<T: Tool>() -> Self {
        Entry {
            name: T::NAME,
            title: T::TITLE,
            description: T::DESCRIPTION,
            annotations: T::ANNOTATIONS,
            cache: T::CACHE,
            input_schema: T::input_schema,
            output_schema: T::output_schema,
            call: T::call,
        }
    }
}

/// What a tool's function returns: `Result<T, ToolError>`.
#[diagnostic::on_unimplemented(
    message = "a tool can't return `{Self}`",
    note = "return `Result<T, ToolError>`: a failure is a value, not a panic"
)]
pub trait ToolResult {
    /// The outcome of the call.
    ///
    /// # Errors
    /// The tool's own.
    fn into_outcome(self) -> Result<Outcome, ToolError>;

    /// The JSON Schema of the structured answer, where it is known.
    fn output_schema() -> Option<Value>;
}

impl<T: IntoOutcome, E: Into<ToolError>> ToolResult for Result<T, E> {
    fn into_outcome(self) -> Result<Outcome, ToolError> {
        self.map_err(Into::into)?.into_outcome()
    }
    fn output_schema() -> Option<Value> {
        T::output_schema()
    }
}

/// The arguments of a call as the tool's own type.
///
/// # Errors
/// `invalid-input` with the reason.
pub fn arguments<T: DeserializeOwned>(text: &str) -> Result<T, ToolError> {
    serde_json::from_str(text).map_err(|e| ToolError::invalid_input(format!("the arguments do not fit: {e}")))
}

/// Checks the arguments of a tool that has none.
///
/// # Errors
/// `invalid-input` when there are some.
pub fn no_arguments(text: &str) -> Result<(), ToolError> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct None {}
    arguments::<None>(text).map(|_| ())
}
