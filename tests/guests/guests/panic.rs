//! Panics, with something on standard error that no caller may see.

use fact_sdk::{ToolError, tool};

/// Never answers.
#[tool(read_only)]
#[allow(clippy::panic, reason = "that is the attack")]
fn run() -> Result<u64, ToolError> {
    panic!("internals-of-the-plugin");
}

fact_sdk::plugin!(run; name = "panic");
