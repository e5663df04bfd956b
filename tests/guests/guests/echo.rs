//! Does what it says: gives back what it gets.

use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Message {
    text: String,
}

/// Gives back the text.
#[tool(read_only, idempotent)]
fn run(args: Message) -> Result<Message, ToolError> {
    Ok(args)
}

fact_sdk::plugin!(run; name = "echo");
