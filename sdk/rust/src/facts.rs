//! What there is on this host, and how it is doing. `host:read:registry` grants [`plugins`] and [`tools`],
//! `host:read:metrics` grants [`metrics`].
//!
//! Each answer is a JSON object, which may get more fields; `wit/host.wit` says which it has.

use crate::bindings::fact::plugin::host as wit;
use crate::{ToolError, host};
use serde::de::DeserializeOwned;

/// The installed plugins.
///
/// # Errors
/// `denied` without a grant; `unavailable` when the host can't tell at the moment; `internal` when the answer does not fit
/// the type.
pub fn plugins<T: DeserializeOwned>() -> Result<T, ToolError> {
    host::reach("facts")?;
    parse(&wit::plugins()?)
}

/// The tools of the installed plugins.
///
/// # Errors
/// As for [`plugins`].
pub fn tools<T: DeserializeOwned>() -> Result<T, ToolError> {
    host::reach("facts")?;
    parse(&wit::tools()?)
}

/// Numbers of this moment. A tool that asks for them answers differently each time, and its answers are not kept.
///
/// # Errors
/// As for [`plugins`].
pub fn metrics<T: DeserializeOwned>() -> Result<T, ToolError> {
    host::reach("facts")?;
    parse(&wit::metrics()?)
}

/// What does not fit is nobody's wrong argument.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ToolError> {
    serde_json::from_str(text)
        .map_err(|e| ToolError::internal(format!("the host's answer is not what was expected: {e}")))
}
