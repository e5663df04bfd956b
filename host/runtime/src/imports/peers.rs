//! `fact:plugin/peers`: tools of other plugins, under the caller's own grants.
//!
//! Who calls a tool through a plugin gets nothing that the plugin itself was not granted, and the tool's plugin is asked as
//! by a stranger named `plugin:NAME`: with its own grants, and never with those of whoever stands further up.

use std::sync::Arc;

use fact_types::capability::ToolGrant;
use fact_types::{Code, Content, Error as Failure, PluginName, Resource, ToolId, ToolOutput};
use serde_json::{Map, Value};
use wasmtime::component::HasData;

use crate::bindings::fact::plugin::peers::Host;
use crate::bindings::fact::plugin::types::{self as wit, Error, ErrorCode, Output};
use crate::meter::Deadline;
use crate::nesting::{Nesting, TooMany};
use crate::state::State;
use crate::trace::Fleeting;
use crate::witness::Witness;
use crate::{MAX_ARGUMENTS, PeerCall, Services};

/// A tool's full name has 64 characters. What is longer is noted by its beginning.
const NAME_SHOWN: usize = 80;

pub(crate) struct HasPeers;

impl HasData for HasPeers {
    type Data<'a> = Peers<'a>;
}

pub(crate) struct Peers<'a> {
    services: &'a Services,
    grants: &'a [ToolGrant],
    plugin: Option<&'a PluginName>,
    nesting: &'a Nesting,
    witness: &'a Witness,
    deadline: Deadline,
}

impl Peers<'_> {
    pub(crate) fn of(state: &mut State) -> Peers<'_> {
        Peers {
            services: &state.services,
            grants: &state.grants.tools,
            plugin: state.plugin.as_ref(),
            nesting: &state.nesting,
            witness: &state.witness,
            deadline: state.deadline,
        }
    }

    /// Everything that is checked before anyone else hears of the call.
    fn admit(&self, name: &str, arguments: &str, below: &Witness) -> Result<PeerCall, Error> {
        let granted = self.grants.iter().any(|grant| grant.name.matches(name));
        let (Some(plugin), true) = (self.plugin, granted) else {
            self.witness.denied(tool(name));
            return Err(refusal(
                ErrorCode::Denied,
                format!(
                    "this plugin was not granted the tool `{}` (tool:call:NAME)",
                    shown(name)
                ),
            ));
        };
        let id: ToolId = name.parse().map_err(|_| {
            self.witness.read(tool(name));
            refusal(ErrorCode::NotFound, format!("there is no tool `{}`", shown(name)))
        })?;
        let arguments = object(arguments)?;
        let nesting = self
            .nesting
            .below(self.deadline, below.clone())
            .map_err(|too_many: TooMany| {
                self.witness.denied(tool(name));
                refusal(ErrorCode::Denied, too_many.to_string())
            })?;
        Ok(PeerCall {
            from: plugin.clone(),
            tool: id,
            arguments,
            nesting,
        })
    }
}

impl Host for Peers<'_> {
    async fn call(&mut self, name: String, arguments: String) -> wasmtime::Result<Result<Output, Error>> {
        let below = self.witness.below();
        let call = match self.admit(&name, &arguments, &below) {
            Ok(call) => call,
            Err(error) => return Ok(Err(error)),
        };
        drop(arguments);
        // Declared before the call, and so dropped after it, also where the guest is stopped in the middle.
        let _note = Note {
            witness: self.witness,
            below: &below,
            name: &name,
        };
        let answer = Arc::clone(&self.services.peers).call(call).await;
        // An answer that needed no run was seen by no witness.
        below.absorb(&answer.effects);
        match &answer.result {
            Ok(_) => self.witness.rest_on(&answer.trace),
            // Why it failed may lie in the moment, and mostly does.
            Err(_) => self.witness.spoil(Fleeting::ToolFailed { name: shown(&name) }),
        }
        Ok(match answer.result {
            Ok(output) => Ok(to_guest(output)),
            Err(error) => Err(failure(error)),
        })
    }
}

/// Notes the call itself when it is over: as a write where it wrote something.
struct Note<'a> {
    witness: &'a Witness,
    below: &'a Witness,
    name: &'a str,
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if self.below.any_write() {
            self.witness.wrote(tool(self.name));
        } else {
            // What it rests on is kept with its answer.
            self.witness.touched(tool(self.name));
        }
    }
}

fn shown(name: &str) -> String {
    super::shown(name, NAME_SHOWN)
}

fn tool(name: &str) -> Resource {
    Resource::Tool { name: shown(name) }
}

fn refusal(code: ErrorCode, message: String) -> Error {
    Error {
        code,
        message,
        retry_after_ms: None,
        details: None,
    }
}

/// The arguments, as every other call has them: a JSON object of a bounded size.
fn object(text: &str) -> Result<Map<String, Value>, Error> {
    let invalid = |message: String| refusal(ErrorCode::InvalidInput, message);
    if text.len() > MAX_ARGUMENTS {
        return Err(invalid(format!(
            "the arguments have {} bytes; at most {MAX_ARGUMENTS} are allowed",
            text.len()
        )));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) => Err(invalid("arguments are a JSON object".to_owned())),
        Err(error) => Err(invalid(format!("the arguments are no JSON: {error}"))),
    }
}

/// What the guest learns of a failure. Its own limits are the callee's affair: what it ran into is a fault of the tool.
fn failure(error: Failure) -> Error {
    let code = match error.code {
        Code::InvalidInput => ErrorCode::InvalidInput,
        Code::Denied => ErrorCode::Denied,
        Code::NotFound => ErrorCode::NotFound,
        Code::Unavailable | Code::Deadline | Code::Cancelled => ErrorCode::Unavailable,
        Code::Conflict
        | Code::ToolFailed
        | Code::Memory
        | Code::Crashed
        | Code::OutputLimit
        | Code::LogLimit
        | Code::CallLimit
        | Code::EffectViolation
        | Code::Fuel
        | Code::BadComponent
        | Code::Config
        | Code::Internal => ErrorCode::Internal,
    };
    Error {
        code,
        message: error.message,
        retry_after_ms: error
            .retry_after_ms
            .map(|after| u32::try_from(after).unwrap_or(u32::MAX)),
        details: error.details.map(|details| details.to_string()),
    }
}

/// From our answer to the contract's.
fn to_guest(output: ToolOutput) -> Output {
    let content = output.content.into_iter().map(|part| match part {
        Content::Text { text } => wit::Content::Text(text),
        Content::Json { json } => wit::Content::Json(json.to_string()),
        Content::Blob(blob) => wit::Content::Blob(wit::Blob {
            mime_type: blob.mime_type,
            data: blob.data,
        }),
        Content::Link(link) => wit::Content::Link(wit::Link {
            uri: link.uri,
            title: link.title,
            mime_type: link.mime_type,
        }),
    });
    Output {
        content: content.collect(),
        structured: output.structured.map(|document| document.to_string()),
        is_error: output.is_error,
        meta: output.meta.map(|meta| Value::Object(meta).to_string()),
    }
}
