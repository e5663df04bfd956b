//! A plugin that tries what no plugin may do: it reads a file of the host, reaches for a cloud's metadata, and burns time,
//! memory, stack and log. Install it, grant it nothing, and watch each attempt end.
//!
//! It asks for no capability. A tool that gets what it tries for says so in its answer, so an answer of any tool here is
//! the sign of a hole in the host.

mod burn;
mod reach;

use burn::{allocate, flood_log, recurse, spin};
use reach::{reach_metadata, read_passwd};
use schemars::JsonSchema;
use serde::Serialize;

/// What a tool got that it should not have.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Loot {
    /// How it was got.
    pub(crate) by: String,
    /// The beginning of it.
    pub(crate) content: String,
}

fact_sdk::plugin!(read_passwd, reach_metadata, spin, allocate, recurse, flood_log; name = "hostile");
