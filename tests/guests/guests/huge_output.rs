//! Answers with more than anyone wants.

use fact_sdk::{Output, ToolError, tool};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Args {
    /// How much to answer.
    bytes: usize,
}

/// Answers with a long text.
#[tool(read_only)]
fn run(args: Args) -> Result<Output, ToolError> {
    Ok(Output::text("x".repeat(args.bytes)))
}

fact_sdk::plugin!(run; name = "huge-output");
