//! Calls the host for ever, with calls that cost it little and log nothing.

use std::hint::black_box;
use std::time::Instant;

use fact_sdk::{ToolError, tool};

/// Never answers.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    loop {
        black_box(Instant::now());
    }
}

fact_sdk::plugin!(run; name = "spin-host-calls");
