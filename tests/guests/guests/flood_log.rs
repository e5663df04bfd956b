//! Writes log lines without end: empty ones, which count too.

use fact_sdk::{ToolError, log, tool};

/// Never answers.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    loop {
        log::info("", &[]);
    }
}

fact_sdk::plugin!(run; name = "flood-log");
