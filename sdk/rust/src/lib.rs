//! Write FACT plugins as ordinary Rust functions.
//!
//! A plugin is a library crate with `crate-type = ["cdylib"]`, built by `cargo build --release --target wasm32-wasip2`:
//!
//! ```
//! use fact_sdk::{ToolError, plugin, schemars::JsonSchema, serde::{Deserialize, Serialize}, tool};
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(crate = "fact_sdk::serde")]
//! #[schemars(crate = "fact_sdk::schemars")]
//! struct Add {
//!     /// The first number.
//!     a: f64,
//!     /// The second number.
//!     b: f64,
//! }
//!
//! #[derive(Serialize, JsonSchema)]
//! #[serde(crate = "fact_sdk::serde")]
//! #[schemars(crate = "fact_sdk::schemars")]
//! struct Sum {
//!     sum: f64,
//! }
//!
//! /// Adds two numbers.
//! #[tool(read_only, idempotent)]
//! fn add(args: Add) -> Result<Sum, ToolError> {
//!     Ok(Sum { sum: args.a + args.b })
//! }
//!
//! plugin!(add; name = "calculator");
//! # fn main() {
//! # let outcome = fact_sdk::call::<Plugin>("add", r#"{"a": 1, "b": 2.5}"#, &Default::default());
//! # let Ok(fact_sdk::Outcome::Complete(output)) = outcome else { panic!("{outcome:?}") };
//! # assert_eq!(output.structured(), Some(&fact_sdk::serde_json::json!({"sum": 3.5})));
//! # }
//! ```
//!
//! (A crate that depends on `serde` and `schemars` itself needs no `crate = ...` attributes.)
//!
//! - [`#[tool]`](tool) makes a tool of a function: the description from its doc comment, the schemas from its types.
//! - [`plugin!`] makes a component of tools, and says what the plugin asks for.
//! - [`sql`], [`kv`], [`secrets`], [`peers`], [`model`], [`facts`], [`log`] and [`progress`] are what a host offers beside
//!   WASI. A plugin imports those it uses. Everything but `log` and `progress` needs a grant; without it every function
//!   answers [`denied`](ErrorCode::Denied).
//!
//! # Failures
//!
//! A tool that can't do its work returns a [`ToolError`], and `?` makes one of the common errors. **A panic is not an
//! error**: WebAssembly stops at once, nothing can catch it, and the caller learns no more than that the tool crashed. So
//! return errors instead of unwrapping.
//!
//! # Tests
//!
//! Tools stay functions that ordinary tests can call, and [`call`] goes through the arguments' JSON as a host does. Outside a
//! component there is no host: its functions answer [`unavailable`](ErrorCode::Unavailable).

// The macros write `::fact_sdk`, in this crate's own tests too.
extern crate self as fact_sdk;

#[doc(hidden)]
pub mod bindings;
mod context;
mod error;
pub mod facts;
mod host;
pub mod kv;
pub mod log;
pub mod model;
mod output;
pub mod peers;
mod plugin;
pub mod progress;
mod schema;
pub mod secrets;
pub mod sql;
mod tool;

pub use context::Context;
pub use error::{ErrorCode, ToolError};
pub use fact_sdk_macros::tool;
pub use output::{Content, IntoOutcome, Outcome, Output};
pub use plugin::{Plugin, call, manifest};
pub use tool::{Annotations, CacheClaim, Tool, ToolResult};
pub use {schemars, serde, serde_json};

/// For the code that the macros write.
#[doc(hidden)]
pub mod __private {
    pub use crate::plugin::{check_names, exported_call, tools_without_object_arguments};
    pub use crate::schema::{of_arguments, of_no_arguments};
    pub use crate::tool::{Entry, arguments, no_arguments};
    pub use wit_bindgen;
}
