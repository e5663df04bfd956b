//! What a component and its manifest say, in words.

use fact_component::Inspection;
use fact_core::types::Manifest;
use fact_core::types::capability::Risk;
use fact_types::Capability;
use serde_json::{Value, json};

use super::super::grants::word;
use crate::screen::{clean, one_line};

/// A number of bytes, for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// A span of time given in microseconds, for people.
pub(super) fn span(micros: u64) -> String {
    match micros {
        0..1000 => format!("{micros} µs"),
        1000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
}

/// What a component could be granted to some effect.
pub(super) fn could_use(inspection: &Inspection) -> String {
    match inspection.kinds() {
        kinds if kinds.is_empty() => "nothing that needs a grant".to_owned(),
        kinds => kinds.join(", "),
    }
}

/// What a manifest asks for, the riskiest first.
pub(super) fn requests(manifest: &Manifest) -> Vec<String> {
    let mut requests: Vec<(Risk, String)> = manifest
        .capabilities
        .iter()
        .map(|request| {
            let text = one_line(&request.capability);
            let parsed: Result<Capability, _> = request.capability.parse();
            let (risk, what) = match parsed {
                Ok(capability) => (
                    capability.risk(),
                    format!(
                        "[{} risk] {text}: {}",
                        word(capability.risk()),
                        clean(&capability.in_words())
                    ),
                ),
                Err(_) => (
                    Risk::High,
                    format!("[unknown] {text}: this version of FACT knows no such capability"),
                ),
            };
            match one_line(&request.reason).as_str() {
                "" => (risk, what),
                reason => (risk, format!("{what} (it says: {reason})")),
            }
        })
        .collect();
    requests.sort_by_key(|(risk, _)| std::cmp::Reverse(*risk));
    requests.into_iter().map(|(_, text)| text).collect()
}

/// The same for machines.
pub(super) fn requests_json(manifest: &Manifest) -> Value {
    manifest
        .capabilities
        .iter()
        .map(|request| {
            let capability: Option<Capability> = request.capability.parse().ok();
            json!({
                "capability": request.capability,
                "reason": request.reason,
                "risk": capability.as_ref().map(Capability::risk),
                "allows": capability.as_ref().map(Capability::in_words),
            })
        })
        .collect()
}

/// The tools of a manifest, a line each.
pub(super) fn tools(manifest: &Manifest) -> String {
    let width = manifest
        .tools
        .iter()
        .map(|tool| tool.name.as_str().len())
        .max()
        .unwrap_or_default();
    manifest
        .tools
        .iter()
        .map(|tool| {
            let summary = super::super::tool::summary(tool);
            let line = format!("  {:<width$}  {summary}", tool.name.as_str());
            format!("{}\n", line.trim_end())
        })
        .collect()
}
