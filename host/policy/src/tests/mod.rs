//! Policies, explanations and audits of made-up plugins.

mod audits;
mod explanations;
mod files;

use fact_types::{Capability, Grant, GrantId, Origin, Terms};
use jiff::Timestamp;

use crate::PluginFacts;

pub(crate) fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn facts(name: &str) -> PluginFacts {
    PluginFacts {
        name: name.parse().unwrap(),
        digest: "ab".repeat(32).parse().unwrap(),
        source: "https://plugins.example/a.wasm".to_owned(),
    }
}

/// A grant that someone gave a month ago.
pub(crate) fn given(number: i64, capability: &str, terms: Terms, used: u32) -> Grant {
    Grant {
        origin: Origin::Given(GrantId(number)),
        plugin: "p".parse().unwrap(),
        capability: cap(capability),
        terms,
        used,
        granted_by: "ann".to_owned(),
        granted_at: "2026-05-01T12:00:00Z".parse().unwrap(),
        reason: None,
    }
}

pub(crate) fn cap(text: &str) -> Capability {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}
