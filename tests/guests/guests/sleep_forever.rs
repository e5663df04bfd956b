//! Waits for ever without computing.

use std::time::Duration;

use fact_sdk::{ToolError, tool};

/// Longer than any deadline.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Never answers.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    loop {
        std::thread::sleep(A_DAY);
    }
}

fact_sdk::plugin!(run; name = "sleep-forever");
