//! Log lines, which the host keeps with the call's id. Needs no grant; the volume of a call is bounded. Outside a component
//! lines go nowhere.
//!
//! ```
//! use fact_sdk::log;
//!
//! let rows = 12;
//! log::info("read the table", &[("rows", &rows), ("table", &"companies")]);
//! ```

use crate::bindings::fact::plugin::log as wit;
use crate::host;
use std::fmt::Display;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every step.
    Trace,
    /// For whoever looks for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is off.
    Warn,
    /// Something failed.
    Error,
}

/// Names and values that belong to a line.
pub type Fields<'a> = [(&'a str, &'a dyn Display)];

/// Writes a line.
pub fn write(level: Level, message: &str, fields: &Fields<'_>) {
    if !host::PRESENT {
        return;
    }
    let level = match level {
        Level::Trace => wit::Level::Trace,
        Level::Debug => wit::Level::Debug,
        Level::Info => wit::Level::Info,
        Level::Warn => wit::Level::Warn,
        Level::Error => wit::Level::Error,
    };
    let field = |&(name, value): &(&str, &dyn Display)| wit::Field {
        name: name.to_owned(),
        value: value.to_string(),
    };
    wit::write(level, message, &fields.iter().map(field).collect::<Vec<_>>());
}

/// Writes a line of level [`Level::Trace`].
pub fn trace(message: &str, fields: &Fields<'_>) {
    write(Level::Trace, message, fields);
}

/// Writes a line of level [`Level::Debug`].
pub fn debug(message: &str, fields: &Fields<'_>) {
    write(Level::Debug, message, fields);
}

/// Writes a line of level [`Level::Info`].
pub fn info(message: &str, fields: &Fields<'_>) {
    write(Level::Info, message, fields);
}

/// Writes a line of level [`Level::Warn`].
pub fn warn(message: &str, fields: &Fields<'_>) {
    write(Level::Warn, message, fields);
}

/// Writes a line of level [`Level::Error`].
pub fn error(message: &str, fields: &Fields<'_>) {
    write(Level::Error, message, fields);
}
