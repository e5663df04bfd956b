//! Other tools of this host. A call is made with this plugin's own grants (`tool:call:NAME`), never with its caller's.

use crate::bindings::fact::plugin::peers as wit;
use crate::{Output, ToolError, host};
use serde::Serialize;

/// Calls another tool by its full name, for example `util_hash`, with arguments that become a JSON object.
///
/// # Errors
/// - `denied`: there is no grant for the tool, or calls are nested too deeply.
/// - `not-found`: no such tool.
/// - any other: what the tool answered.
pub fn call(tool: &str, arguments: &impl Serialize) -> Result<Output, ToolError> {
    host::reach("peers")?;
    Output::from_wit(wit::call(tool, &serde_json::to_string(arguments)?)?)
}
