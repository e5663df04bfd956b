//! Flows: steps of tools and questions that build on one another, written down in TOML.
//!
//! ```
//! let flow: fact_flow::Flow = r#"
//! name = "largest"
//!
//! [set]
//! sector = "Technology"
//!
//! [[step]]
//! id = "largest"
//! tool = "sql_query"
//! with.statement = "SELECT name, market_cap FROM companies WHERE sector = :sector ORDER BY market_cap DESC LIMIT 1"
//! with.parameters.sector = { set = "sector" }
//!
//! [[step]]
//! id = "revenue"
//! when = { from = "largest", at = "/rows/0/1", above = 1000000000 }
//! ask = "revenue of {company} in Q1 2025"
//! with.company = { from = "largest", at = "/rows/0/0" }
//! "#.parse()?;
//! assert_eq!(flow.steps().count(), 2);
//! # Ok::<(), fact_flow::FlowError>(())
//! ```
//!
//! Steps run one after the other; neighbours that name the same `parallel` group run at the same time. Each call goes down the
//! path of all calls, with the grants, the cache and the limits that hold there. A run is written down step by step, so that
//! one that broke off can be resumed: what is finished is not run again while its result is still true.

mod file;
mod keep;
mod report;
mod run;
mod value;

pub use file::{Action, Flow, FlowError, Step};
pub use keep::{Run, RunId, Runs};
pub use report::{Ended, Report, StepReport};
pub use run::Runner;
