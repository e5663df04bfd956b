//! Computes for ever.

use std::hint::black_box;

use fact_sdk::{ToolError, tool};

/// Never answers.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

fact_sdk::plugin!(run; name = "spin");
