//! Fails with more words than anyone reads, and details to match.

use fact_sdk::{ToolError, tool};

const BYTES: usize = 8 << 20;

/// Always fails.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    Err(ToolError::internal("x".repeat(BYTES))
        .details(fact_sdk::serde_json::json!({ "x": "x".repeat(BYTES) })))
}

fact_sdk::plugin!(run; name = "huge-error");
