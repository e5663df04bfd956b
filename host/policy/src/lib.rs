//! Who may do what, and why.
//!
//! A policy is files of rules: each grants capabilities to the plugins that it selects, by digest, by name or by source.
//! [`Policy`] reads them and says what they give a plugin; [`Policy::check`] says what is unwise in them.
//! [`Question::explain`] tells of any capability, by all grants, whether a plugin has it and which grant or rule decides,
//! and [`Question::explain_denial`] tells of an effect that was refused. [`audit`] goes through what plugins have.
//!
//! Nothing here decides a call: grants do that. This crate makes grants of rules, and sentences of grants.
//!
//! ```
//! use fact_policy::{PluginFacts, Policy};
//!
//! let policy = Policy::parse(
//!     r#"
//!     [[rule]]
//!     name = "issues"
//!     plugin = "issue-*"
//!     source = "https://plugins.example/*"
//!     allow = ["http:GET:https://api.github.com/repos/*"]
//!     calls = 100
//!     "#,
//!     "team.toml",
//! )?;
//! let plugin = PluginFacts {
//!     name: "issue-tracker".parse()?,
//!     digest: "ab".repeat(32).parse()?,
//!     source: "https://plugins.example/issues.wasm".to_owned(),
//! };
//! let grants = policy.grants_for(&plugin);
//! assert_eq!(grants[0].capability.to_string(), "http:GET:https://api.github.com/repos/*");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod audit;
mod check;
mod difference;
mod effect;
mod explain;
mod gap;
mod place;
mod policy;
mod reason;
mod renew;
mod rule;
mod selector;

pub use audit::{AuditOptions, Audited, AuditedGrant, Finding, Kind, Severity, audit};
pub use check::{Concern, Warning};
pub use difference::Change;
pub use effect::{EffectError, parse_effect};
pub use explain::{Explanation, Question};
pub use gap::Gap;
pub use policy::{LoadError, Policy, PolicyError, Problem};
pub use reason::{Named, Reason};
pub use renew::over;
pub use rule::Rule;
pub use selector::{Pattern, PluginFacts, Selector};

#[cfg(test)]
mod tests;
