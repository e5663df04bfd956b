//! Takes memory page by page, with a word to the host after each, so that no single step looks large.

use std::hint::black_box;
use std::time::Instant;

use fact_sdk::{ToolError, tool};

/// A page of linear memory.
const PAGE: usize = 64 << 10;

/// Takes 4 GiB.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    let mut held: Vec<Vec<u8>> = Vec::new();
    while held.len() < 65_536 {
        held.push(black_box(vec![1_u8; PAGE]));
        black_box(Instant::now());
    }
    Ok(held.len() as u64)
}

fact_sdk::plugin!(run; name = "allocate-slowly");
