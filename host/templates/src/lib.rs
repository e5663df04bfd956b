//! Questions in plain words, answered by named, parameterised SQL, without a model and without a network.
//!
//! A [`Template`] is a statement with typed parameters and the phrasings that ask for it. [`Templates::resolve`] finds the
//! one that a question means and fills its parameters from the question; the caller runs the statement, and
//! [`Templates::render`] writes the answer. Values such as companies and quarters come from the data, through [`Data`].
//!
//! A wrong figure is the worst answer there is, so a question is answered only when every word of it is understood: it is a
//! value of a parameter, a word of the phrasing, or one that changes nothing. A company that is not in the data, a quarter
//! without figures, "not", "per employee", "forecast": each of these leads to what *can* be asked ([`Missing`],
//! [`Unknown`]), never to the figure of something else. What was taken from an earlier question or read in spite of a
//! slip is said in the answer.
//!
//! ```
//! use fact_templates::{Data, DataError, Resolution, Rows, Templates};
//! use serde_json::{Map, Value, json};
//!
//! struct OneQuarter;
//!
//! impl Data for OneQuarter {
//!     async fn query(&self, _: &str, statement: &str, _: &Map<String, Value>) -> Result<Rows, DataError> {
//!         let value = if statement.contains("DISTINCT quarter") { json!("Q1-2025") } else { json!(68_500_000_000_i64) };
//!         Ok(Rows { columns: vec!["value".to_owned()], rows: vec![vec![value]], truncated: false })
//!     }
//! }
//!
//! # async fn doc() -> Result<(), DataError> {
//! let templates = Templates::builtin();
//! let resolution = templates.resolve("total revenue in Q1 2025", None, &OneQuarter).await?;
//! let Resolution::Filled(filled) = resolution else { unreachable!() };
//! let rows = OneQuarter.query(&filled.database, &filled.statement, &filled.parameters).await?;
//! let reply = templates.render(&filled, &rows);
//! assert!(reply.text.contains("68,500,000,000 dollars (68.5 bn)"));
//! # Ok(())
//! # }
//! ```

mod check;
mod data;
mod figure;
mod file;
mod find;
mod fit;
mod follow;
mod kind;
mod options;
mod period;
mod proof;
mod rank;
mod render;
mod resolution;
mod resolve;
mod set;
mod statement;
mod template;
mod words;

pub use data::{Data, DataError, Rows};
pub use fact_types::Code;
pub use file::Problem;
pub use proof::{ExampleResult, TestReport};
pub use render::{Reply, SourceLine};
pub use resolution::{Filled, From, Gap, Missing, Resolution, Slot, Suggestion, Unknown};
pub use set::{Listed, LoadError, Templates};
pub use template::{Example, Kind, Origin, Parameter, Shape, Source, Template};
