//! FACT as a library: one [`Host`] that holds everything, and the one path that every call goes down.
//!
//! ```no_run
//! use fact_core::{Config, Host, InstallOptions, Source};
//!
//! # async fn example() -> anyhow::Result<()> {
//! let host = Host::open(Config::in_folder("data"))?;
//! host.registry().install(Source::File("adder.wasm".into()), InstallOptions::default()).await?;
//! let answer = host.call_json("adder_add", serde_json::json!({ "a": 1, "b": 2 })).await;
//! println!("{}", answer.text()?);
//! # Ok(())
//! # }
//! ```
//!
//! Guests that compute share the executor with everything else. They give it back at each tick of the engine's clock, and
//! the long-running ones take turns on as many threads as there are cores; so give the executor twice as many threads
//! ([`worker_threads`]) and spinning guests never have them all.

mod call;
mod config;
mod environment;
mod facts;
mod host;
mod kept;
mod lapse;
mod peers;
mod proof;
mod recall;
mod rights;
mod usage;
mod warm;

pub use call::Answer;
pub use config::{
    Config, ConfigError, ConversationConfig, DatabaseConfig, HttpConfig, InstallConfig, LogConfig, LogFormat,
    ModelConfig, ModelProvider, RuntimeSection,
};
pub use environment::{Layer, variables};
pub use fact_cache as cache;
pub use fact_policy as policy;
pub use fact_registry::{
    Added, Change, ChangeKind, DropIn, DropInEvent, Fate, Found, Grant, InstallOptions, Installed,
    LimitPolicy, Plugin, PluginLimits, Registry, Scope, Source, Tool, ToolChange, ToolDiff, ToolPart,
    ToolSide, ToolSideState, Update, Verdict, VersionRow, read_manifest,
};
pub use fact_runtime::{Compiling, Fleeting, Proof, Trace, compile_child};
pub use fact_store::ToolUsage;
pub use fact_types as types;
pub use host::{COMPILE_VERB, Host, OpenError, worker_threads};
pub use kept::{EntryState, Explained, RestsOn};
pub use recall::{Kept, KeptAnswer};
pub use rights::{Asked, Circumstances};
pub use warm::{WarmOutcome, Warmed, WarmedCall, Warmth};

/// The store's parts that doors show: the demo database, its samples and checks, conversations.
pub mod store {
    pub use fact_store::{
        ConversationBounds, ConversationRow, Databases, NewTurn, Sample, StoreError, TurnRow, demo,
    };
}
