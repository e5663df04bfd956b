//! Opens handles and lets go of none, until someone stops it.

use fact_sdk::{ToolError, tool};

/// Never answers.
#[tool(read_only)]
fn run() -> Result<u64, ToolError> {
    hoard()
}

#[cfg(target_family = "wasm")]
fn hoard() -> ! {
    let mut held = Vec::new();
    loop {
        held.push(wasip2::http::types::Fields::new());
    }
}

#[cfg(not(target_family = "wasm"))]
fn hoard() -> ! {
    std::process::abort()
}

fact_sdk::plugin!(run; name = "many-handles");
