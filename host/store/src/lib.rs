//! The host's database, and the guarded SQL that plugins may run.
//!
//! - [`Store`]: what the host itself keeps, in `fact.db`: installed plugins and their grants, conversations. It survives being killed at
//!   any moment, and several processes may share it.
//! - [`Databases`]: the databases that plugins may reach, each statement checked by the engine against the plugin's grants.
//! - [`CacheFile`]: what the host's cache keeps on disk, sealed, in `cache.db`.
//! - [`KvStore`]: what plugins keep under keys, in `kv.db`.
//! - [`demo`]: a small finance database to try things on.
//!
//! This is the only crate that speaks to SQLite; its types do not show through.
//!
//! ```
//! use fact_store::{DatabaseConfig, Databases, SqlLimits, Value, demo};
//! use fact_types::Capability;
//! use std::{collections::BTreeMap, sync::Arc, time::{Duration, Instant}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("finance.db");
//! demo::seed(&path)?;
//!
//! let config = DatabaseConfig { path, samples: demo::samples() };
//! let databases = Databases::new(BTreeMap::from([("finance".to_owned(), config)]), SqlLimits::default());
//! let Capability::Sql(grant) = "sql:read:finance/financial_records".parse()? else { unreachable!() };
//!
//! let statement = "SELECT SUM(revenue) FROM financial_records WHERE quarter = 'Q1' AND year = :year";
//! let parameters = vec![("year".to_owned(), Value::Integer(2025))];
//! let deadline = Instant::now() + Duration::from_secs(5);
//! let grants = Arc::from([grant]);
//! let answer = databases.query(&grants, "finance", statement, parameters, None, deadline);
//! let rows = tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(answer)?;
//! assert_eq!(rows.rows, [[Value::Integer(68_500_000_000)]]);
//! assert_eq!(rows.touched.reads.iter().collect::<Vec<_>>(), ["financial_records"]);
//! # Ok(())
//! # }
//! ```

mod cache;
mod conversation;
pub mod demo;
mod kv;
#[cfg(feature = "sabotage")]
#[doc(hidden)]
pub mod sabotage;
mod search;
mod sql;
mod store;
mod usage;

pub use cache::{CacheBatch, CacheBounds, CacheFile, CacheRow, CacheTotals, CallRow, RowId, Trimmed};
pub use conversation::{ConversationBounds, ConversationRow, NewTurn, TurnRow};
pub use kv::{
    BUCKET_NAME_MAX, BucketName, KEY_MAX, KvEntry, KvError, KvErrorKind, KvKey, KvLimits, KvRange, KvStamp,
    KvStore, KvValue, LIST_MAX, VALUE_MAX,
};
pub use search::{Hit, ToolDoc, ToolIndex};
pub use sql::{
    Changed, Column, DataStamp, DatabaseConfig, Databases, Plan, Rows, Sample, SqlError, SqlErrorKind,
    SqlLimits, Table, TableColumn, Touched, Value,
};
pub use store::{
    Added, DropInRow, GrantUse, Migration, NewGrant, PluginRow, Registered, Store, StoreError, Unreadable,
    VersionRow, VersionState,
};
pub use usage::{Durability, ToolUsage, Usage};
