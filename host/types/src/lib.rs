//! The words that the rooms of FACT share.
//!
//! Everything here is a value: parsed once, then passed on by type. Nothing in this crate does input or output.
//!
//! ```
//! use fact_types::Capability;
//!
//! let capability: Capability = "http:GET:https://api.github.com/repos/*".parse()?;
//! assert_eq!(capability.to_string(), "http:GET:https://api.github.com/repos/*");
//! # Ok::<(), fact_types::CapabilityError>(())
//! ```

mod address;
mod call;
pub mod capability;
mod effect;
mod error;
mod grant;
mod ids;
mod limits;
mod manifest;
mod units;

pub use address::{Refusal, check_address};
pub use call::{
    Blob, CacheNote, CacheState, Content, Freshness, Link, Outcome, Receipt, ToolCall, ToolOutput,
};
pub use capability::{Capability, CapabilityError};
pub use effect::{Access, Effect, Effects, Resource};
pub use error::{Category, Code, Error};
pub use grant::{Grant, GrantId, Lapse, Origin, Terms};
pub use ids::{CallId, Digest, NameError, PluginName, Principal, ToolId, ToolName};
pub use limits::{Limits, LimitsPatch, OutOfRange};
pub use manifest::{Annotations, CacheClaim, Manifest, Request, ToolSpec};
pub use units::{ByteSize, Span, UnitError};
