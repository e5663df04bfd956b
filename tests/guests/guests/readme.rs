//! The plugin that the README shows, to the letter.

use fact_sdk::{ToolError, plugin, tool};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Add {
    a: f64,
    b: f64,
}

/// Adds two numbers.
#[tool(read_only)]
fn add(args: Add) -> Result<f64, ToolError> {
    Ok(args.a + args.b)
}

plugin!(add);
