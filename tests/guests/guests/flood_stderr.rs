//! Writes to standard error without end, and never ends the line.

use std::io::Write;

use fact_sdk::{ToolError, tool};

/// Never answers.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    let mut stderr = std::io::stderr();
    let piece = "x".repeat(200);
    loop {
        write!(stderr, "{piece}")?;
    }
}

fact_sdk::plugin!(run; name = "flood-stderr");
