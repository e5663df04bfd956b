//! Ends its process instead of answering.

use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Args {
    /// The exit status.
    status: i32,
}

/// Never answers.
#[tool(read_only)]
fn run(args: Args) -> Result<u64, ToolError> {
    std::process::exit(args.status)
}

fact_sdk::plugin!(run; name = "exit");
