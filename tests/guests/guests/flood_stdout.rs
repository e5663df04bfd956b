//! Writes to standard output without end.

use std::io::Write;

use fact_sdk::{ToolError, tool};

/// Never answers.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    let mut stdout = std::io::stdout();
    let line = "x".repeat(200);
    loop {
        writeln!(stdout, "{line}")?;
    }
}

fact_sdk::plugin!(run; name = "flood-stdout");
