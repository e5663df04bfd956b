//! The line between a component and an ordinary program.

use crate::ToolError;

/// Whether there is a host to call. False in unit tests and in everything else that is not WebAssembly.
pub(crate) const PRESENT: bool = cfg!(target_family = "wasm");

/// Refuses where there is no host, so that a plugin's own tests get an error instead of an abort.
pub(crate) fn reach(what: &str) -> Result<(), ToolError> {
    if PRESENT {
        Ok(())
    } else {
        Err(ToolError::unavailable(format!(
            "{what}: there is no host outside a component"
        )))
    }
}
