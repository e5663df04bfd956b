//! What an answer to made-up arguments says about a tool.

use fact_core::Answer;
use fact_types::{Access, Code, Effects, Error, Outcome, Resource};
use jsonschema::Validator;

use crate::report::Check;

/// What is wrong, and which check says so.
pub(crate) type Finding = (Check, String);

/// Longest text of an answer that a finding repeats, in characters.
const SHOWN: usize = 300;

/// How a call ended, in a word.
pub(crate) fn ended(answer: &Answer) -> &'static str {
    match &answer.result {
        Ok(Outcome::Complete(output)) if output.is_error => Code::ToolFailed.as_str(),
        Ok(Outcome::Complete(_)) => "ok",
        Ok(Outcome::InputRequired(_)) => "input-required",
        Err(error) => error.code.as_str(),
    }
}

/// What must not happen, whatever the arguments are.
pub(crate) fn survived(answer: &Answer) -> Option<Finding> {
    let error = answer.result.as_ref().err()?;
    let check = match error.code {
        // A claim that it breaks is a bug like any other.
        Code::Crashed | Code::EffectViolation => Check::NoCrash,
        // The host's fault, or one that the plugin brought about: neither may be.
        Code::Internal | Code::BadComponent | Code::Config | Code::Conflict => Check::NoCrash,
        Code::Deadline | Code::Memory | Code::OutputLimit | Code::LogLimit | Code::CallLimit | Code::Fuel => {
            Check::WithinLimits
        }
        Code::InvalidInput
        | Code::Denied
        | Code::NotFound
        | Code::Unavailable
        | Code::ToolFailed
        | Code::Cancelled => return None,
    };
    Some((check, told(error)))
}

/// What must happen when the arguments do not fit.
pub(crate) fn refused(answer: &Answer) -> Option<Finding> {
    match &answer.result {
        Err(error) if error.code == Code::InvalidInput => None,
        Err(error) => Some((
            Check::RefusesMisfits,
            format!(
                "arguments that do not fit its schema are answered with {}, not with invalid-input",
                told(error)
            ),
        )),
        Ok(_) => Some((
            Check::RefusesMisfits,
            "arguments that do not fit its schema are taken".to_owned(),
        )),
    }
}

/// Whether the structured answer is what the tool declares.
pub(crate) fn fits(answer: &Answer, schema: &Validator) -> Option<Finding> {
    let Ok(Outcome::Complete(output)) = &answer.result else {
        return None;
    };
    if output.is_error {
        return None;
    }
    let wrong = |why: String| Some((Check::OutputFits, why));
    let Some(structured) = &output.structured else {
        return wrong("it declares a schema of its answer, and gives no structured answer".to_owned());
    };
    let misfit = schema.iter_errors(structured).next()?;
    let path = misfit.instance_path().as_str().to_owned();
    let place = if path.is_empty() {
        String::new()
    } else {
        format!(" at {path}")
    };
    wrong(format!(
        "its answer does not fit the schema that it declares{place}: {}",
        clip(&misfit.to_string())
    ))
}

/// Whether two answers to the same arguments are the same. None: they need not be, since the world had a part in them.
pub(crate) fn same(one: &Answer, other: &Answer) -> Option<bool> {
    if [one, other].iter().any(|answer| worldly(&answer.receipt.effects)) {
        return None;
    }
    Some(match (&one.result, &other.result) {
        (Ok(one), Ok(other)) => one == other,
        // The ids of the calls differ, and so does the time after which to come back.
        (Err(one), Err(other)) => {
            (one.code, &one.message, &one.details) == (other.code, &other.message, &other.details)
        }
        _ => false,
    })
}

/// Whether a call saw something that may differ at the next.
fn worldly(effects: &Effects) -> bool {
    !effects.is_complete() || effects.iter().any(|effect| effect.access != Access::Denied)
}

/// The kind of what [`kind`] gives for an import that no host offers, which no capability helps with.
pub(crate) const IMPORT: &str = "import";

/// The kind of capability that an effect needs.
pub(crate) fn kind(resource: &Resource) -> &'static str {
    match resource {
        Resource::Sql { .. } => "sql",
        Resource::File { .. } => "fs",
        Resource::Http { .. } => "http",
        Resource::Net { .. } => "net",
        Resource::Kv { .. } => "kv",
        Resource::Env { .. } => "env",
        Resource::Secret { .. } => "secret",
        Resource::Tool { .. } => "tool",
        Resource::Clock { .. } => "clock",
        Resource::Random => "random",
        Resource::Model => "model",
        Resource::Host { .. } => "host",
        Resource::Import { .. } => IMPORT,
    }
}

fn told(error: &Error) -> String {
    format!("{}: {}", error.code, clip(&error.message))
}

fn clip(text: &str) -> String {
    let mut clipped: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        clipped.push('…');
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;
    use fact_types::{CallId, Receipt, ToolOutput};
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn answer(result: Result<Outcome, Error>, effects: &[(Access, Resource)]) -> Answer {
        let mut noted = Effects::default();
        for (access, resource) in effects {
            noted.note(*access, resource.clone());
        }
        Answer {
            result,
            receipt: Receipt {
                effects: noted,
                ..Receipt::new(CallId::new(), "p_t".to_owned())
            },
            trace: Arc::default(),
        }
    }

    fn complete(structured: Option<Value>, is_error: bool) -> Answer {
        let output = ToolOutput {
            content: Vec::new(),
            structured,
            is_error,
            meta: None,
        };
        answer(Ok(Outcome::Complete(output)), &[])
    }

    fn failed(code: Code) -> Answer {
        let error = Error::new(code, "why").with_call(CallId::new());
        answer(Err(error), &[])
    }

    #[test]
    fn each_code_is_a_finding_or_an_answer() {
        for code in Code::ALL {
            let expected = match code {
                Code::Crashed
                | Code::EffectViolation
                | Code::Internal
                | Code::BadComponent
                | Code::Config
                | Code::Conflict => Some(Check::NoCrash),
                Code::InvalidInput
                | Code::Denied
                | Code::NotFound
                | Code::Unavailable
                | Code::ToolFailed
                | Code::Cancelled => None,
                _ => Some(Check::WithinLimits),
            };
            assert_eq!(
                survived(&failed(*code)).map(|(check, _)| check),
                expected,
                "{code}"
            );
            assert_eq!(ended(&failed(*code)), code.as_str());
        }
        assert_eq!(survived(&complete(None, true)), None);
        assert_eq!(ended(&complete(None, false)), "ok");
        assert_eq!(ended(&complete(None, true)), "tool-failed");
    }

    #[test]
    fn misfits_are_refused_as_such_and_not_otherwise() {
        assert_eq!(refused(&failed(Code::InvalidInput)), None);
        for wrong in [
            failed(Code::ToolFailed),
            failed(Code::Denied),
            complete(None, false),
        ] {
            assert!(refused(&wrong).is_some());
        }
    }

    #[test]
    fn answers_fit_their_schema() {
        let schema = crate::cases::compile(&json!({ "type": "object", "required": ["a"] })).unwrap();
        for (answer, fine) in [
            (complete(Some(json!({ "a": 1 })), false), true),
            (complete(Some(json!({ "b": 1 })), false), false),
            (complete(Some(json!(3)), false), false),
            (complete(None, false), false),
            (complete(None, true), true),
            (failed(Code::Denied), true),
        ] {
            assert_eq!(fits(&answer, &schema).is_none(), fine, "{:?}", answer.result);
        }
    }

    #[test]
    fn the_same_arguments_give_the_same_answer_unless_the_world_has_a_part() {
        let one = complete(Some(json!(1)), false);
        assert_eq!(same(&one, &complete(Some(json!(1)), false)), Some(true));
        assert_eq!(same(&one, &complete(Some(json!(2)), false)), Some(false));
        assert_eq!(same(&failed(Code::Denied), &failed(Code::Denied)), Some(true));
        assert_eq!(same(&failed(Code::Denied), &failed(Code::NotFound)), Some(false));
        assert_eq!(same(&one, &failed(Code::Denied)), Some(false));
        let seen = |access| answer(one.result.clone(), &[(access, Resource::Random)]);
        assert_eq!(same(&seen(Access::Denied), &seen(Access::Denied)), Some(true));
        assert_eq!(same(&one, &seen(Access::Read)), None);
    }
}
