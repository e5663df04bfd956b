//! Tells everything that it can learn about its surroundings.

use std::collections::BTreeMap;

use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
struct Surroundings {
    /// Environment variables.
    variables: BTreeMap<String, String>,
    /// Arguments of the process.
    arguments: Vec<String>,
    /// The working folder, where there is one.
    folder: Option<String>,
    /// What standard input gave.
    input: String,
}

/// Tells what it sees.
#[tool(read_only)]
fn run() -> Result<Surroundings, ToolError> {
    let mut input = String::new();
    // Whatever came before an error was read all the same.
    let _ = std::io::Read::read_to_string(&mut std::io::stdin(), &mut input);
    Ok(Surroundings {
        variables: std::env::vars().collect(),
        arguments: std::env::args().collect(),
        folder: std::env::current_dir()
            .ok()
            .map(|folder| folder.display().to_string()),
        input,
    })
}

fact_sdk::plugin!(run; name = "env-dump");
