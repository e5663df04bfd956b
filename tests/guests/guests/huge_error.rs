//! Fails with more words than anyone reads, and details to match.

use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Args {
    /// How many of each.
    bytes: usize,
}

/// Always fails.
#[tool(read_only)]
fn run(args: Args) -> Result<u64, ToolError> {
    let words = "x".repeat(args.bytes);
    let details = fact_sdk::serde_json::json!({ "x": words });
    Err(ToolError::internal(words).details(details))
}

fact_sdk::plugin!(run; name = "huge-error");
