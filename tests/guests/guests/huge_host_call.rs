//! Hands the host more data in one call than it should take.

use fact_sdk::{ToolError, log, tool};

const BYTES: usize = 100 << 20;

/// Logs one very long line.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    log::info(&"x".repeat(BYTES), &[]);
    Ok(BYTES as u64)
}

fact_sdk::plugin!(run; name = "huge-host-call");
