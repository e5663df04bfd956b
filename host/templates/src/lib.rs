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

//!
//! # Templates of one's own
//!
//! A file of templates is TOML. What stands in `[ ]` in a phrasing may be left out; what stands in `{ }` is a parameter.
//! Each word of a phrasing that is not in brackets must be in the question, in any order; the order of two parameters of
//! the same kind counts. Parameters are of a `kind` (the built-in ones are company, sector, quarter, year, metric, order
//! and count) or have a `type`: integer, number, text (in quotes in the question), year, quarter, list (with the
//! `statement` that gives its values, and other words for them in further columns) or choice (with its `values`). A
//! quarter `q` is `:q` ("Q1-2025"), `:q_name` ("Q1"), `:q_number` (1) and `:q_year` (2025) in the statement.
//!
//! ```
//! let text = r#"
//! [words]
//! staff = ["personnel"] # words that mean the same
//!
//! [[template]]
//! name = "staff-of-sector"
//! description = "How many people work in a sector."
//! database = "finance"
//! statement = "SELECT SUM(employees) AS people FROM companies WHERE sector = :sector HAVING COUNT(*) > 0"
//! phrasings = ["staff of [all companies in] the {sector} [sector]"]
//! examples = [{ question = "personnel of the retail sector", expect = "120,000" }]
//! [template.parameters]
//! sector = { kind = "sector" }
//! [template.answer]
//! one = "In the sector {sector} work {people}."
//! none = "The data has no companies of the sector {sector}."
//! columns = [{ name = "people", unit = "people" }] # or count, percent, plain, dollars ...
//! "#;
//! let templates = fact_templates::Templates::with_files([("staff.toml", text)])?;
//! assert!(templates.get("staff-of-sector").is_some());
//! # Ok::<(), fact_templates::LoadError>(())
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
