//! Spends all its time in single instructions that take long: filling 200 MiB of memory again and again.

use std::hint::black_box;

use fact_sdk::{ToolError, tool};

/// Close to the default memory limit.
const BYTES: usize = 200 << 20;

/// Never answers.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    let mut memory = vec![0_u8; BYTES];
    let mut byte = 0_u8;
    loop {
        byte = byte.wrapping_add(1);
        memory.fill(black_box(byte));
        black_box(&mut memory);
    }
}

fact_sdk::plugin!(run; name = "spin-memory-fill");
