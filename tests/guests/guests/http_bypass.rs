//! Gets a URL by plain `wasi:http`, exactly as it is written, to get around whoever checks it.

use std::time::Duration;

use fact_sdk::{ToolError, tool};
use fact_test_guests::{Answer, Get};

/// Gets a URL.
#[tool(read_only, open_world)]
fn run(args: Get) -> Result<Answer, ToolError> {
    fact_test_guests::get(&args.url, Some(Duration::from_secs(5)))
}

fact_sdk::plugin!(run; name = "http-bypass");
