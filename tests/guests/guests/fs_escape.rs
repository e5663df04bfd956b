//! Reaches for files outside of what it was granted: by std, and by WASI without std's good manners.

use fact_sdk::{ToolError, tool};
use fact_test_guests::files::{self, Attempt, Seen, Watch};

/// Tries one way out, and tells what it got.
#[tool]
fn attempt(args: Attempt) -> Result<Seen, ToolError> {
    files::attempt(&args)
}

/// Reads a path again and again while someone else changes what it leads to, and tells each content once.
#[tool(read_only)]
fn watch(args: Watch) -> Result<Seen, ToolError> {
    files::watch(&args)
}

fact_sdk::plugin!(attempt, watch; name = "fs-escape");
