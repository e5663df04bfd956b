//! The way from a component to the tools of others.

use std::pin::Pin;
use std::sync::Arc;

use fact_types::{Effects, Error, PluginName, ToolId, ToolOutput};
use serde_json::{Map, Value};

use crate::nesting::Nesting;
use crate::trace::Trace;

/// Calls that plugins make to tools. The runtime has checked that the plugin was granted the tool, and that the tree of
/// calls stays within its bounds; everything that holds for any other call is for the implementation to check again.
pub trait Peers: Send + Sync {
    /// Makes the call. Dropping the future cancels it.
    fn call(&self, call: PeerCall) -> Pin<Box<dyn Future<Output = PeerAnswer> + Send + 'static>>;
}

/// A call that a plugin makes to a tool.
#[derive(Debug)]
pub struct PeerCall {
    /// The plugin that calls. The call is its own, whoever called it.
    pub from: PluginName,
    /// The tool.
    pub tool: ToolId,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// Where the call stands; belongs into [`CallInput::within`](crate::CallInput::within).
    pub nesting: Nesting,
}

/// What came of it.
#[derive(Debug)]
pub struct PeerAnswer {
    /// What the tool answered, or why it did not.
    pub result: Result<ToolOutput, Error>,
    /// What the call did, on all levels below too.
    pub effects: Effects,
    /// What its result rests on.
    pub trace: Arc<Trace>,
}
