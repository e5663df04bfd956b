//! What authors of plugins use, behind `fact plugin new`, `build`, `dev` and `test`.
//!
//! ```no_run
//! use fact_author::{BuildOptions, Project, TestOptions};
//!
//! # async fn example() -> Result<(), fact_types::Error> {
//! let project = Project::find("adder".as_ref())?;
//! let built = fact_author::build(&project, &BuildOptions::default()).await?;
//! let report = fact_author::test(built.bytes, &TestOptions::default()).await?;
//! assert!(report.passed());
//! # Ok(())
//! # }
//! ```

mod breaking;
mod build;
mod cargo;
mod cases;
mod conformance;
mod project;
mod reload;
mod report;
mod scaffold;
mod scratch;
mod values;
mod verdict;
mod watch;

pub use build::{BuildOptions, Built, build};
pub use conformance::{TestOptions, test};
pub use project::{Language, Project};
pub use reload::{Reloaded, reload};
pub use report::{Check, Problem, Report, Timing, ToolReport};
pub use scaffold::{Created, NewOptions, create, find_sdk};
pub use watch::Watch;
