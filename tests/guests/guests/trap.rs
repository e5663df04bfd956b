//! Runs into an instruction that traps.

use fact_sdk::{ToolError, tool};

/// Never answers.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    #[cfg(target_family = "wasm")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_family = "wasm"))]
    std::process::abort();
}

fact_sdk::plugin!(run; name = "trap");
