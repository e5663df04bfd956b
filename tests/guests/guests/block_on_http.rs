//! Waits for a server that never answers, and never gives up by itself.

use fact_sdk::{ToolError, tool};
use fact_test_guests::{Answer, Get};

/// Gets a URL, with as much patience as a request can have.
#[tool(read_only, open_world)]
fn run(args: Get) -> Result<Answer, ToolError> {
    fact_test_guests::get(&args.url, None)
}

fact_sdk::plugin!(run; name = "block-on-http");
