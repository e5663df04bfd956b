//! What a tool answers.

use crate::bindings::fact::plugin::types as wit;
use crate::{ToolError, schema};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// One part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Text for a reader.
    Text(String),
    /// A JSON document.
    Json(Value),
    /// Binary data.
    Blob {
        /// Its media type, for example `image/png`.
        mime_type: String,
        /// The bytes.
        data: Vec<u8>,
    },
    /// A reference to something that the reader may fetch.
    Link {
        /// Where it is.
        uri: String,
        /// What to call it.
        title: Option<String>,
        /// What to expect there.
        mime_type: Option<String>,
    },
}

/// An answer of several parts. A tool whose answer is one JSON document returns that type itself instead.
///
/// ```
/// use fact_sdk::Output;
///
/// let answer = Output::text("The chart shows three peaks.")
///     .with_blob("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>")
///     .with_link("https://example.org/data.csv", Some("the data"), Some("text/csv"));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    pub(crate) content: Vec<Content>,
    pub(crate) structured: Option<Value>,
    pub(crate) is_error: bool,
    pub(crate) meta: Map<String, Value>,
}

impl Output {
    /// An answer with nothing in it yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An answer that is a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new().with_text(text)
    }

    /// Adds a text.
    #[must_use]
    pub fn with_text(self, text: impl Into<String>) -> Self {
        self.with(Content::Text(text.into()))
    }

    /// Adds a JSON document.
    ///
    /// # Errors
    /// `invalid-input` when the value has no JSON form, for example a map whose keys are no text.
    pub fn with_json(self, document: &impl Serialize) -> Result<Self, ToolError> {
        Ok(self.with(Content::Json(serde_json::to_value(document)?)))
    }

    /// Adds binary data of a media type.
    #[must_use]
    pub fn with_blob(self, mime_type: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        self.with(Content::Blob {
            mime_type: mime_type.into(),
            data: data.into(),
        })
    }

    /// Adds a reference to something that the reader may fetch.
    #[must_use]
    pub fn with_link(self, uri: impl Into<String>, title: Option<&str>, mime_type: Option<&str>) -> Self {
        self.with(Content::Link {
            uri: uri.into(),
            title: title.map(str::to_owned),
            mime_type: mime_type.map(str::to_owned),
        })
    }

    /// Adds a part.
    #[must_use]
    pub fn with(mut self, part: Content) -> Self {
        self.content.push(part);
        self
    }

    /// Sets the whole answer as one JSON document, for programs.
    ///
    /// # Errors
    /// As for [`with_json`](Self::with_json).
    pub fn with_structured(mut self, document: &impl Serialize) -> Result<Self, ToolError> {
        self.structured = Some(serde_json::to_value(document)?);
        Ok(self)
    }

    /// Says that the tool ran, and that what it reports is a failure: a test run with failing tests, say. A tool that
    /// could not do its work returns a [`ToolError`].
    #[must_use]
    pub fn with_is_error(mut self, is_error: bool) -> Self {
        self.is_error = is_error;
        self
    }

    /// Adds a word about the answer that is not part of it.
    #[must_use]
    pub fn with_meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key.into(), value.into());
        self
    }

    /// The parts, in order.
    pub fn content(&self) -> &[Content] {
        &self.content
    }

    /// The whole answer as one JSON document.
    pub fn structured(&self) -> Option<&Value> {
        self.structured.as_ref()
    }

    /// Whether what the tool reports is a failure.
    pub fn is_error(&self) -> bool {
        self.is_error
    }

    /// Words about the answer.
    pub fn meta(&self) -> &Map<String, Value> {
        &self.meta
    }

    pub(crate) fn into_wit(self) -> wit::Output {
        wit::Output {
            content: self.content.into_iter().map(Content::into_wit).collect(),
            structured: self.structured.map(|v| v.to_string()),
            is_error: self.is_error,
            meta: (!self.meta.is_empty()).then(|| Value::Object(self.meta).to_string()),
        }
    }

    /// What another tool answered. The host made it, so text that is no JSON is the host's fault.
    pub(crate) fn from_wit(output: wit::Output) -> Result<Self, ToolError> {
        let parse = |text: String| {
            serde_json::from_str::<Value>(&text)
                .map_err(|e| ToolError::internal(format!("the host sent JSON that does not parse: {e}")))
        };
        let content = output.content.into_iter().map(|part| {
            Ok(match part {
                wit::Content::Text(text) => Content::Text(text),
                wit::Content::Json(text) => Content::Json(parse(text)?),
                wit::Content::Blob(b) => Content::Blob {
                    mime_type: b.mime_type,
                    data: b.data,
                },
                wit::Content::Link(l) => Content::Link {
                    uri: l.uri,
                    title: l.title,
                    mime_type: l.mime_type,
                },
            })
        });
        Ok(Output {
            content: content.collect::<Result<_, ToolError>>()?,
            structured: output.structured.map(parse).transpose()?,
            is_error: output.is_error,
            meta: match output.meta.map(parse).transpose()? {
                Some(Value::Object(meta)) => meta,
                _ => Map::new(),
            },
        })
    }
}

impl Content {
    fn into_wit(self) -> wit::Content {
        match self {
            Content::Text(text) => wit::Content::Text(text),
            Content::Json(value) => wit::Content::Json(value.to_string()),
            Content::Blob { mime_type, data } => wit::Content::Blob(wit::Blob { mime_type, data }),
            Content::Link {
                uri,
                title,
                mime_type,
            } => wit::Content::Link(wit::Link {
                uri,
                title,
                mime_type,
            }),
        }
    }
}

/// How a call ended, when it did not fail.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The call is done.
    Complete(Output),
    /// The tool needs something from the caller before it can go on: a JSON object that says what. The caller calls again
    /// with the same arguments, and the answers are in [`Context::resume`](crate::Context::resume).
    InputRequired(Map<String, Value>),
}

impl Outcome {
    pub(crate) fn into_wit(self) -> wit::Outcome {
        match self {
            Outcome::Complete(output) => wit::Outcome::Complete(output.into_wit()),
            Outcome::InputRequired(request) => {
                wit::Outcome::InputRequired(Value::Object(request).to_string())
            }
        }
    }
}

/// What a tool may return: anything with a JSON form and a schema, an [`Output`], or an [`Outcome`].
#[diagnostic::on_unimplemented(
    message = "a tool can't return `{Self}`",
    note = "return `Result<T, ToolError>` where T derives `Serialize` and `JsonSchema`, or is `fact_sdk::Output` or `fact_sdk::Outcome`"
)]
pub trait IntoOutcome {
    /// The outcome of a call that returned this.
    ///
    /// # Errors
    /// When the value has no JSON form.
    fn into_outcome(self) -> Result<Outcome, ToolError>;

    /// The JSON Schema of the structured answer, where it is known.
    fn output_schema() -> Option<Value>;
}

impl IntoOutcome for Output {
    fn into_outcome(self) -> Result<Outcome, ToolError> {
        Ok(Outcome::Complete(self))
    }
    fn output_schema() -> Option<Value> {
        None
    }
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Result<Outcome, ToolError> {
        Ok(self)
    }
    fn output_schema() -> Option<Value> {
        None
    }
}

impl<T: Serialize + JsonSchema> IntoOutcome for T {
    fn into_outcome(self) -> Result<Outcome, ToolError> {
        let value = serde_json::to_value(self)
            .map_err(|e| ToolError::internal(format!("the answer has no JSON form: {e}")))?;
        // `()` says that there is nothing to say.
        let structured = (!value.is_null()).then_some(value);
        Ok(Outcome::Complete(Output {
            structured,
            ..Output::default()
        }))
    }
    fn output_schema() -> Option<Value> {
        schema::of_answer::<T>()
    }
}
