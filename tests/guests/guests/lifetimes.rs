//! Declares for how long its answers and failures may be used again.

use std::time::SystemTime;

use fact_sdk::{ErrorCode, ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
struct Look {
    /// A file to read as well.
    path: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Seen {
    /// The time of day, in nanoseconds since 1970.
    wall: String,
    /// What stands in the file.
    text: Option<String>,
}

/// Tells the time, for an hour.
#[tool(read_only, cache_ttl = "1h")]
fn long(args: Look) -> Result<Seen, ToolError> {
    look(args)
}

/// Tells the time, for a moment.
#[tool(read_only, cache_ttl = "300ms")]
fn short(args: Look) -> Result<Seen, ToolError> {
    look(args)
}

/// Tells the time, and says nothing about how long that is good.
#[tool(read_only)]
fn never(args: Look) -> Result<Seen, ToolError> {
    look(args)
}

fn look(args: Look) -> Result<Seen, ToolError> {
    let wall = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|e| ToolError::internal(e.to_string()))?;
    let text = match args.path {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|e| ToolError::not_found(e.to_string()))?),
        None => None,
    };
    Ok(Seen {
        wall: wall.as_nanos().to_string(),
        text,
    })
}

#[derive(Deserialize, JsonSchema)]
struct Fail {
    /// How: a code, or `retry`. Without one it fails only if the file is not there.
    how: Option<String>,
    /// A file to read before.
    path: Option<String>,
}

/// Fails, and says that this may be remembered for an hour.
#[tool(read_only, cache_negative_ttl = "1h")]
fn fail(args: Fail) -> Result<String, ToolError> {
    attempt(args)
}

/// Fails, and says nothing about it.
#[tool(read_only)]
fn forget(args: Fail) -> Result<String, ToolError> {
    attempt(args)
}

fn attempt(args: Fail) -> Result<String, ToolError> {
    let mut text = String::new();
    if let Some(path) = args.path {
        text = std::fs::read_to_string(path).map_err(|e| ToolError::not_found(e.to_string()))?;
    }
    let code = match args.how.as_deref() {
        None => return Ok(text),
        Some("invalid-input") => ErrorCode::InvalidInput,
        Some("denied") => ErrorCode::Denied,
        Some("unavailable") => ErrorCode::Unavailable,
        Some("retry") => {
            return Err(ToolError::internal("in a while").retry_after(std::time::Duration::from_secs(1)));
        }
        Some(_) => ErrorCode::Internal,
    };
    Err(ToolError::new(code, "as it was told").details(reason()))
}

fn reason() -> fact_sdk::serde_json::Value {
    fact_sdk::serde_json::json!({ "why": "it was told so" })
}

fact_sdk::plugin!(long, short, never, fail, forget; name = "lifetimes");
