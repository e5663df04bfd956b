//! One request and its reply, whether that comes as a stream of events or in one piece.

use bytes::Bytes;
use fact_egress::ResponseBody;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::endpoint::Endpoint;
use super::fault::{CallError, Fault};
use super::sse::Parser;
use super::{OnText, Reply};
use crate::usage::Usage;

/// A reply as it is put together.
pub(crate) trait Assembly {
    /// Takes the data of one event.
    fn event(&mut self, data: &str, on_text: OnText<'_>) -> Result<(), Trouble>;
    /// Takes a whole reply: some servers answer in one piece, whatever they were asked for.
    fn whole(&mut self, json: Value, on_text: OnText<'_>) -> Result<(), Trouble>;
    /// Whether nothing more is wanted.
    fn is_done(&self) -> bool;
    /// The reply, where there is a whole one.
    fn finish(self) -> Option<Reply>;
    /// Whether some of what the model says has come.
    fn begun(&self) -> bool;
    /// What was used, as far as it was told.
    fn usage(&self) -> Option<Usage>;
}

/// Why a reply can't be taken.
pub(crate) enum Trouble {
    /// It is not what the protocol has.
    Malformed,
    /// It is an error that came in place of a reply, or within one.
    Error(Fault, Value),
}

/// Sends a request and puts the reply together.
pub(crate) async fn exchange<A: Assembly>(
    endpoint: &Endpoint,
    body: Vec<u8>,
    deadline: Instant,
    on_text: OnText<'_>,
    mut assembly: A,
) -> Result<Reply, CallError> {
    let response = endpoint.post(body, deadline).await?;
    let read = read(response.into_body(), deadline, on_text, &mut assembly).await;
    let (begun, usage) = (assembly.begun(), assembly.usage());
    let ended = read.and_then(|()| assembly.finish().ok_or(Ending::Call(Fault::Connection.into())));
    ended.map_err(|ending| {
        let error = match ending {
            Ending::Call(error) => error,
            Ending::Trouble(Trouble::Malformed) => Fault::Malformed.into(),
            Ending::Trouble(Trouble::Error(fault, json)) => CallError {
                said: endpoint.said(&json).filter(|_| fault != Fault::Key),
                ..CallError::from(fault)
            },
        };
        tracing::debug!(fault = ?error.fault, begun, "a model's reply failed");
        CallError {
            begun,
            usage,
            ..error
        }
    })
}

enum Ending {
    Call(CallError),
    Trouble(Trouble),
}

impl From<CallError> for Ending {
    fn from(error: CallError) -> Self {
        Ending::Call(error)
    }
}

impl From<Trouble> for Ending {
    fn from(trouble: Trouble) -> Self {
        Ending::Trouble(trouble)
    }
}

/// Which form the reply has. Its first byte tells, and the `Content-Type` of some servers does not.
enum Form {
    Unknown,
    Json(Vec<u8>),
    Events(Parser),
}

async fn read<A: Assembly>(
    mut body: ResponseBody,
    deadline: Instant,
    on_text: OnText<'_>,
    assembly: &mut A,
) -> Result<(), Ending> {
    let mut form = Form::Unknown;
    while let Some(piece) = next(&mut body, deadline).await? {
        if let Form::Unknown = form {
            form = match piece.iter().find(|byte| !byte.is_ascii_whitespace()) {
                None => continue,
                Some(b'{') => Form::Json(Vec::new()),
                // A page of some portal in between, with a good status.
                Some(b'<') => return Err(Trouble::Malformed.into()),
                Some(_) => Form::Events(Parser::default()),
            };
        }
        match &mut form {
            Form::Unknown => {}
            Form::Json(bytes) => bytes.extend_from_slice(&piece),
            Form::Events(parser) => {
                parser.push(&piece).map_err(|_| Trouble::Malformed)?;
                take(parser, on_text, assembly)?;
                if assembly.is_done() {
                    return Ok(());
                }
            }
        }
    }
    match form {
        Form::Unknown => Ok(()),
        Form::Json(bytes) => {
            let json = serde_json::from_slice(&bytes).map_err(|error| {
                if error.is_eof() {
                    Ending::Call(Fault::Connection.into())
                } else {
                    Ending::Trouble(Trouble::Malformed)
                }
            })?;
            Ok(assembly.whole(json, on_text)?)
        }
        Form::Events(mut parser) => {
            parser.end();
            take(&mut parser, on_text, assembly)
        }
    }
}

fn take<A: Assembly>(parser: &mut Parser, on_text: OnText<'_>, assembly: &mut A) -> Result<(), Ending> {
    while let Some(event) = parser.next() {
        if !assembly.is_done() {
            assembly.event(&event, on_text)?;
        }
    }
    Ok(())
}

/// The next bytes of a body.
async fn next(body: &mut ResponseBody, deadline: Instant) -> Result<Option<Bytes>, CallError> {
    loop {
        let frame = timeout_at(deadline, body.frame())
            .await
            .map_err(|_| CallError::from(Fault::Timeout))?;
        match frame {
            None => return Ok(None),
            Some(frame) => {
                if let Ok(data) = frame?.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}
