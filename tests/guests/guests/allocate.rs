//! Takes all the memory there is, as fast as it can.

use std::hint::black_box;

use fact_sdk::{ToolError, tool};

const CHUNK: usize = 16 << 20;

/// Takes 4 GiB.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    let mut held: Vec<Vec<u8>> = Vec::new();
    while held.len() < 256 {
        held.push(black_box(vec![1_u8; CHUNK]));
    }
    Ok(held.iter().map(|chunk| chunk.len() as u64).sum())
}

fact_sdk::plugin!(run; name = "allocate");
