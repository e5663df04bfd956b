//! Emits pieces of its answer without end.

use fact_sdk::{ToolError, progress, tool};

/// Never answers.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    let piece = "x".repeat(64 << 10);
    loop {
        progress::emit(&piece);
    }
}

fact_sdk::plugin!(run; name = "flood-emit");
