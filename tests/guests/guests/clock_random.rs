//! Tells the time and throws dice, all the ways there are.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Instant, SystemTime};

use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
struct Moment {
    /// The time of day, in nanoseconds since 1970.
    wall: String,
    /// What passed while it computed, in nanoseconds.
    passed: String,
    /// Random bytes fit for keys.
    secure: Vec<u8>,
    /// Other random bytes.
    insecure: Vec<u8>,
    /// What hash tables are seeded with.
    hash: String,
}

/// Tells two moments, one after the other.
#[tool(read_only)]
fn run() -> Result<Vec<Moment>, ToolError> {
    (0..2).map(|_| moment()).collect()
}

fn moment() -> Result<Moment, ToolError> {
    let before = Instant::now();
    let wall = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|e| ToolError::internal(e.to_string()))?;
    let mut n = 0_u64;
    for step in 0..1_000_000_u64 {
        n = std::hint::black_box(n ^ step);
    }
    Ok(Moment {
        wall: wall.as_nanos().to_string(),
        passed: before.elapsed().as_nanos().to_string(),
        secure: dice::secure(),
        insecure: dice::insecure(),
        hash: RandomState::new().hash_one(0).to_string(),
    })
}

#[cfg(target_family = "wasm")]
mod dice {
    pub(crate) fn secure() -> Vec<u8> {
        wasip2::random::random::get_random_bytes(32)
    }

    pub(crate) fn insecure() -> Vec<u8> {
        wasip2::random::insecure::get_insecure_random_bytes(32)
    }
}

#[cfg(not(target_family = "wasm"))]
mod dice {
    pub(crate) fn secure() -> Vec<u8> {
        Vec::new()
    }

    pub(crate) fn insecure() -> Vec<u8> {
        Vec::new()
    }
}

fact_sdk::plugin!(run; name = "clock-random");
