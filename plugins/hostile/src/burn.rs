//! Tools that take more than their share, until someone stops them.

use std::hint::black_box;
use std::io::Write;

use fact_sdk::{ToolError, tool};

use crate::Loot;

/// What `allocate` wants: all that a 32-bit memory can hold, or nearly.
const WANTED: u64 = 4 << 30;

/// How much of it at once.
const CHUNK: usize = 16 << 20;

/// A page of the machine below: writing one byte of each makes the memory real.
const PAGE: usize = 4096;

/// Computes for ever.
#[tool(read_only)]
pub(crate) fn spin() -> Result<Loot, ToolError> {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// Takes 4 GiB of memory and writes to all of it.
#[tool(read_only)]
pub(crate) fn allocate() -> Result<Loot, ToolError> {
    let mut held: Vec<Vec<u8>> = Vec::new();
    let mut got = 0;
    while got < WANTED {
        let mut chunk = vec![0_u8; CHUNK];
        for byte in chunk.iter_mut().step_by(PAGE) {
            *byte = 1;
        }
        got += chunk.len() as u64;
        held.push(black_box(chunk));
    }
    Ok(Loot {
        by: "vec".to_owned(),
        content: format!("{got} bytes in {} pieces", held.len()),
    })
}

/// Calls itself without end.
#[tool(read_only)]
pub(crate) fn recurse() -> Result<Loot, ToolError> {
    Ok(Loot {
        by: "recursion".to_owned(),
        content: format!("came back with {}", deeper(1)),
    })
}

// The result is used after the inner call, so no optimisation may make a loop of it.
#[inline(never)]
#[allow(unconditional_recursion, reason = "that is the attack")]
fn deeper(n: u64) -> u64 {
    let local = black_box([n; 16]);
    let below = deeper(black_box(n.wrapping_add(1)));
    below.wrapping_add(local.iter().sum())
}

/// Writes to standard error without end.
#[tool(read_only)]
pub(crate) fn flood_log() -> Result<Loot, ToolError> {
    let mut stderr = std::io::stderr();
    let line = "all work and no play makes a dull log ".repeat(10);
    loop {
        writeln!(stderr, "{line}")?;
    }
}
