//! Why a verb did not do what it was asked: a sentence, what to do next, and an exit code.

use std::error::Error as StdError;
use std::io;
use std::process::ExitCode;

use fact_core::policy::{LoadError, PolicyError};
use fact_core::{Answer, ConfigError, OpenError};
use fact_types::{Code, Error, Receipt};

/// Why a verb ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something to tell.
    Error {
        /// What went wrong.
        error: Box<Error>,
        /// What to do next.
        hint: Option<String>,
        /// The call that failed.
        receipt: Option<Box<Receipt>>,
    },
    /// All has been told as part of the answer; only the exit code is left.
    Told(u8),
    /// Whoever read the answer has read enough.
    PipeClosed,
}

impl Failure {
    /// A failure with a code and a sentence.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Error::new(code, message).into()
    }

    /// A fault of the host. The cause goes to the log.
    pub(crate) fn internal(what: &str, cause: &(dyn StdError + 'static)) -> Self {
        tracing::error!(error = cause, "{what}");
        Error::internal().into()
    }

    /// The same with what to do next.
    #[must_use]
    pub(crate) fn hint(mut self, text: impl Into<String>) -> Self {
        if let Failure::Error { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    /// The same with the receipt of the call.
    #[must_use]
    pub(crate) fn with_receipt(mut self, of: Receipt) -> Self {
        if let Failure::Error { receipt, .. } = &mut self {
            *receipt = Some(Box::new(of));
        }
        self
    }

    /// The exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Error { error, .. } => error.category().exit_code(),
            Failure::Told(code) => *code,
            Failure::PipeClosed => 0,
        })
    }
}

/// The exit code that fits an answer.
pub(crate) fn exit_code(answer: &Answer) -> u8 {
    match answer.output() {
        Ok(_) => 0,
        Err(error) => error.category().exit_code(),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error {
            error: Box::new(error),
            hint: None,
            receipt: None,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let problems = serde_json::json!({ "problems": error.problems });
        let error = Error::new(Code::Config, capital(&error.to_string())).with_details(problems);
        Failure::from(error).hint("`fact config check` checks it again.")
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        let problems = serde_json::json!({ "problems": error.problems });
        Failure::from(Error::new(Code::Config, capital(&error.to_string())).with_details(problems))
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Wrong(error) => error.into(),
            LoadError::File { .. } => Failure::new(Code::Config, format!("{}.", capital(&error.to_string()))),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        // Rules that can't be read are no rules that can be left out: what they say is not known.
        let error = match error {
            OpenError::Policy(error) => {
                return Failure::from(error).hint("`fact policy check FILE` checks a policy by itself.");
            }
            other => other,
        };
        let kind = |cause: Option<&(dyn StdError + 'static)>| {
            cause
                .and_then(|cause| cause.downcast_ref::<io::Error>())
                .map(|io| io.kind().to_string())
        };
        // The causes that say what to do. A database's own words are left out: they name files.
        let causes = match &error {
            OpenError::Store(store) => vec![Some(store.to_string()), kind(store.source())],
            OpenError::Egress(egress) => vec![Some(egress.to_string())],
            other => vec![kind(other.source())],
        };
        let message = causes
            .into_iter()
            .flatten()
            .fold(capital(&error.to_string()), |text, cause| text + ": " + &cause);
        tracing::info!(error = &error as &dyn StdError, "the host can't be opened");
        Failure::new(Code::Unavailable, format!("{message}."))
            .hint("--data-dir chooses another data folder; `--log-level info` says more.")
    }
}

impl From<io::Error> for Failure {
    /// For standard output. Errors of files are told where the file is known.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::PipeClosed;
        }
        Failure::new(
            Code::Unavailable,
            format!("The answer can't be written: {}.", error.kind()),
        )
    }
}

/// A sentence's beginning.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
