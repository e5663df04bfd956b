//! Calls other tools, and itself, and tells what came of it.

use fact_sdk::serde_json::{Map, Value, json};
use fact_sdk::{ErrorCode, Outcome, Output, ToolError, peers, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
struct Call {
    /// The tool's full name.
    tool: String,
    /// Whatever is to be passed, fit or not.
    #[serde(default)]
    arguments: Value,
    /// How many times to call it.
    #[serde(default = "once")]
    times: u32,
    /// With this, the arguments are an object with a text of so many bytes.
    text_bytes: Option<usize>,
}

fn once() -> u32 {
    1
}

#[derive(Serialize, JsonSchema)]
struct Told {
    calls: Vec<Came>,
}

/// What came of a call.
#[derive(Serialize, JsonSchema)]
struct Came {
    /// The structured answer.
    answer: Option<Value>,
    /// The tool ran, and reports a failure.
    is_error: bool,
    code: Option<String>,
    message: Option<String>,
}

fn came(result: Result<Output, ToolError>) -> Came {
    match result {
        Ok(output) => Came {
            answer: output.structured().cloned(),
            is_error: output.is_error(),
            code: None,
            message: None,
        },
        Err(error) => Came {
            answer: None,
            is_error: false,
            code: Some(error.code().to_string()),
            message: Some(error.message().to_owned()),
        },
    }
}

/// Calls a tool, and tells what came of each call.
#[tool]
fn run(call: Call) -> Result<Told, ToolError> {
    let arguments = match call.text_bytes {
        Some(bytes) => json!({ "text": "x".repeat(bytes) }),
        None => call.arguments,
    };
    let calls = (0..call.times).map(|_| came(peers::call(&call.tool, &arguments)));
    Ok(Told {
        calls: calls.collect(),
    })
}

/// Calls a tool, and then computes for ever.
#[tool]
fn then_spin(call: Call) -> Result<Told, ToolError> {
    came(peers::call(&call.tool, &call.arguments));
    loop {
        std::hint::spin_loop();
    }
}

#[derive(Deserialize, JsonSchema)]
struct Wide {
    /// How many calls of itself each call makes.
    width: u32,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Grown {
    /// Calls in this tree, this one included.
    calls: u64,
    /// Levels of this tree.
    levels: u64,
}

/// Calls itself, as deep and as often as it may.
#[tool]
fn grow(wide: Wide) -> Result<Grown, ToolError> {
    let mut grown = Grown { calls: 1, levels: 1 };
    for _ in 0..wide.width {
        match peers::call("call-peer_grow", &json!({ "width": wide.width })) {
            Ok(output) => {
                let below = output.structured().cloned().unwrap_or_default();
                let below: Grown = fact_sdk::serde_json::from_value(below)?;
                grown.calls += below.calls;
                grown.levels = grown.levels.max(below.levels + 1);
            }
            Err(error) if error.code() == ErrorCode::Denied => break,
            Err(error) => return Err(error),
        }
    }
    Ok(grown)
}

/// Asks its caller for more.
#[tool]
fn ask() -> Result<Outcome, ToolError> {
    Ok(Outcome::InputRequired(Map::new()))
}

/// Answers that it failed.
#[tool]
fn fail() -> Result<Output, ToolError> {
    Ok(Output::text("it failed").with_is_error(true))
}

fact_sdk::plugin!(
    run, then_spin, grow, ask, fail;
    name = "call-peer",
    capabilities = ["tool:call:*" => "to call what it is told to"]
);
