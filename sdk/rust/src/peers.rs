//! Other tools of this host. A call is made with this plugin's own grants (`tool:call:NAME`), never with its caller's; and
//! the tool that is called has its own plugin's grants, never this one's.
//!
//! ```no_run
//! use fact_sdk::{ToolError, peers, serde_json::json};
//!
//! fn digest(text: &str) -> Result<String, ToolError> {
//!     let answer = peers::call("util_hash", &json!({ "text": text, "algorithm": "sha256" }))?;
//!     let hash = answer.structured().and_then(|answer| answer["hex"].as_str());
//!     hash.map(str::to_owned).ok_or_else(|| ToolError::internal("util_hash answered without a hash"))
//! }
//! ```
//!
//! A call that a tool makes takes of the tool's own time. Calls nest eight deep at most, and one call of a user leads to 64
//! calls of tools by tools at most.

use crate::bindings::fact::plugin::peers as wit;
use crate::{Output, ToolError, host};
use serde::Serialize;

/// Calls another tool by its full name, for example `util_hash`, with arguments that become a JSON object.
///
/// # Errors
/// - `denied`: there is no grant for the tool, calls are nested too deeply, or this call led to too many others. Also what
///   the tool itself was refused.
/// - `not-found`: no such tool.
/// - `invalid-input`: the arguments are no JSON object, are too large, or do not fit the tool.
/// - `unavailable`: the host or the tool's plugin runs as many calls as it may, or the tool took longer than its own limit.
///   See [`ToolError::get_retry_after`].
/// - any other: what the tool answered.
pub fn call(tool: &str, arguments: &impl Serialize) -> Result<Output, ToolError> {
    host::reach("peers")?;
    Output::from_wit(wit::call(tool, &serde_json::to_string(arguments)?)?)
}
