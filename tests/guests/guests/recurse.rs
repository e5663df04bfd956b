//! Calls itself without end.

use std::hint::black_box;

use fact_sdk::{ToolError, tool};

/// Uses up the stack.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    Ok(deeper(1))
}

// The result is used after the inner call, so no optimisation may make a loop of it.
#[inline(never)]
#[allow(unconditional_recursion, reason = "that is the attack")]
fn deeper(n: u64) -> u64 {
    let local = black_box([n; 16]);
    let below = deeper(black_box(n.wrapping_add(1)));
    below.wrapping_add(local.iter().sum())
}

fact_sdk::plugin!(run; name = "recurse");
