//! Says that it only reads, and writes.

use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Args {
    /// The file to write.
    path: String,
}

/// Reads nothing, writes a file.
#[tool(read_only, idempotent)]
fn run(args: Args) -> Result<u64, ToolError> {
    std::fs::write(args.path, b"written by a tool that only reads")?;
    Ok(1)
}

fact_sdk::plugin!(run; name = "lies-read-only");
