//! What one call may use. Every limit is on by default; a plugin or a tool may be given others.

use serde::{Deserialize, Serialize};

use crate::{ByteSize, Span};

/// The bounds of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Wall-clock time from admission to answer, time in host functions included.
    pub deadline: Span,
    /// All linear memories of the component together. A plugin of the common kinds needs 2 to 40 MiB.
    pub memory: ByteSize,
    /// Elements of all tables of the component together. Interpreters in Wasm need some ten thousand.
    pub table_elements: u32,
    /// Core instances in the component. A Python component has 14.
    pub instances: u32,
    /// Data that one call to the host may move.
    pub hostcall_data: ByteSize,
    /// The answer, and what is emitted on the way to it.
    pub output: ByteSize,
    /// Log lines, standard output and standard error together.
    pub log: ByteSize,
    /// Calls to the host. Reading a large folder tree takes some ten thousand.
    pub host_calls: u64,
    /// Units of fuel (about one for an instruction). None: not counted, which is faster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Calls of one plugin at the same time; more wait, so that one plugin can't take every slot.
    pub concurrency: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            deadline: Span::secs(30),
            memory: ByteSize::mib(256),
            table_elements: 100_000,
            instances: 64,
            hostcall_data: ByteSize::mib(64),
            output: ByteSize::mib(10),
            log: ByteSize::mib(1),
            host_calls: 1_000_000,
            fuel: None,
            concurrency: 64,
        }
    }
}

/// A limit outside the range that makes sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("limit `{name}` is {value}; it must be from {least} to {most}")]
pub struct OutOfRange {
    /// The key of the limit.
    pub name: &'static str,
    /// What was asked for.
    pub value: String,
    /// The smallest that works.
    pub least: String,
    /// The largest that is allowed.
    pub most: String,
}

impl Limits {
    /// Checks that each limit is one that a call can live with and the host can bear.
    ///
    /// # Errors
    /// The first limit that is out of its range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        fn within<T: PartialOrd + std::fmt::Display>(
            name: &'static str,
            value: T,
            least: T,
            most: T,
        ) -> Result<(), OutOfRange> {
            if value >= least && value <= most {
                return Ok(());
            }
            Err(OutOfRange {
                name,
                value: value.to_string(),
                least: least.to_string(),
                most: most.to_string(),
            })
        }
        within("deadline", self.deadline, Span::millis(1), Span::secs(24 * 3600))?;
        // A wasm page is 64 KiB; 4 GiB is all that 32-bit memories can hold.
        within("memory", self.memory, ByteSize::kib(64), ByteSize::mib(4096))?;
        within("table_elements", self.table_elements, 1, 10_000_000)?;
        within("instances", self.instances, 1, 1000)?;
        within(
            "hostcall_data",
            self.hostcall_data,
            ByteSize::kib(64),
            ByteSize::mib(1024),
        )?;
        within("output", self.output, ByteSize(1), ByteSize::mib(1024))?;
        within("log", self.log, ByteSize(0), ByteSize::mib(1024))?;
        within("host_calls", self.host_calls, 1, u64::MAX)?;
        within("fuel", self.fuel.unwrap_or(1), 1, u64::MAX)?;
        within("concurrency", self.concurrency, 1, 10_000)
    }
}

/// Changes to some of the limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "each field is the field of `Limits` of the same name")]
pub struct LimitsPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_elements: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostcall_data: Option<ByteSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<ByteSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<ByteSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_calls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

impl LimitsPatch {
    /// The limits with these changes.
    #[must_use]
    pub fn over(&self, base: &Limits) -> Limits {
        Limits {
            deadline: self.deadline.unwrap_or(base.deadline),
            memory: self.memory.unwrap_or(base.memory),
            table_elements: self.table_elements.unwrap_or(base.table_elements),
            instances: self.instances.unwrap_or(base.instances),
            hostcall_data: self.hostcall_data.unwrap_or(base.hostcall_data),
            output: self.output.unwrap_or(base.output),
            log: self.log.unwrap_or(base.log),
            host_calls: self.host_calls.unwrap_or(base.host_calls),
            fuel: self.fuel.or(base.fuel),
            concurrency: self.concurrency.unwrap_or(base.concurrency),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_within_their_ranges() {
        Limits::default().check().unwrap();
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let patch: LimitsPatch = serde_json::from_str(r#"{"deadline":"2s","memory":"64MiB"}"#).unwrap();
        let base = Limits::default();
        let limits = patch.over(&base);
        assert_eq!(
            limits,
            Limits {
                deadline: Span::secs(2),
                memory: ByteSize::mib(64),
                ..base
            }
        );
    }

    #[test]
    fn out_of_range_names_the_limit() {
        let limits = Limits {
            memory: ByteSize::mib(5000),
            ..Limits::default()
        };
        assert_eq!(
            limits.check().unwrap_err().to_string(),
            "limit `memory` is 5000MiB; it must be from 64KiB to 4GiB"
        );
    }
}
