//! `fact cache`.

mod check;
mod clear;
mod explain;
mod export;
mod list;
mod show;
mod stats;
mod warm;

pub(crate) use warm::summary as warm_summary;

use std::time::Duration;

use clap::Subcommand;
use fact_core::Host;
use fact_core::cache::{Key, Level, Listed, Select};
use fact_types::{Code, Error, ToolId};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::counted;

/// Look at results that are kept, and say which of them are still true.
#[derive(Debug, Subcommand)]
pub(crate) enum Cache {
    /// Show how much is kept, how well the cache does, and what is asked most.
    Stats(stats::Stats),
    /// List what is kept, the newest first.
    List(list::List),
    /// Show what is kept under a key: the result, and what it was read from.
    Show(show::Show),
    /// Say, read by read, why a call would be answered from the cache or would run.
    Explain(explain::Explain),
    /// Make the most asked calls now, so that their answers are there when they are asked.
    Warm(warm::Warm),
    /// Look whether everything that is kept is what was stored, and whether it is still true.
    Validate(check::Check),
    /// As `validate`, and remove what is of no use.
    Repair(check::Check),
    /// Remove what is kept, all of it or the results of one tool.
    Clear(clear::Clear),
    /// Print what is kept, a JSON document a line.
    Export(export::Export),
}

impl Cache {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Cache::Stats(stats) => stats.run(context).await,
            Cache::List(list) => list.run(context).await,
            Cache::Show(show) => show.run(context).await,
            Cache::Explain(explain) => explain.run(context).await,
            Cache::Warm(warm) => warm.run(context).await,
            Cache::Validate(check) => check.run(context, false).await,
            Cache::Repair(check) => check.run(context, true).await,
            Cache::Clear(clear) => clear.run(context).await,
            Cache::Export(export) => export.run(context).await,
        }
    }
}

/// What the cache can't do now.
fn failed(problem: &fact_core::cache::DiskProblem) -> Failure {
    Failure::new(
        Code::Unavailable,
        format!("What is kept can't be looked at: {problem}."),
    )
    .hint("`fact doctor` looks for what is wrong.")
}

/// The entry that the first digits of its key name.
async fn key(host: &Host, digits: &str) -> Result<Key, Failure> {
    let select = Select {
        key: Some(digits.to_owned()),
        ..Select::default()
    };
    let found = host.cache().list(&select, 1).await.map_err(|e| failed(&e))?;
    match (found.total, found.entries.first()) {
        (1, Some(one)) => Ok(one.key),
        (0, _) => Err(nothing(digits)),
        (many, _) => Err(Failure::from(Error::new(
            Code::InvalidInput,
            format!("{many} entries have a key that begins with `{digits}`; give more of its digits."),
        ))),
    }
}

fn nothing(digits: &str) -> Failure {
    Failure::new(
        Code::NotFound,
        format!("Nothing is kept under a key that begins with `{digits}`."),
    )
    .hint("`fact cache list` shows what is kept.")
}

/// The first digits of a key, as they are typed.
fn digits(typed: &str) -> Result<String, String> {
    let good = (4..=64).contains(&typed.len()) && typed.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good {
        Ok(typed.to_lowercase())
    } else {
        Err("a key is its first 4 to 64 hexadecimal digits, as `fact cache list` shows them".to_owned())
    }
}

/// Entries of a tool: the filter is wider, so that [`of_tool`] has the last word.
fn select(tool: Option<&ToolId>) -> Select {
    Select {
        label: tool.map(ToString::to_string),
        ..Select::default()
    }
}

/// Whether an entry is a result of this tool.
fn of_tool(listed: &Listed, tool: Option<&ToolId>) -> bool {
    tool.is_none_or(|tool| {
        listed.kind == fact_core::cache::Kind::Tool
            && listed.label.split(' ').next() == Some(tool.to_string().as_str())
    })
}

/// An entry for machines.
fn document(listed: &Listed) -> Value {
    json!({
        "key": listed.key,
        "kind": listed.kind,
        "label": listed.label,
        "principal": listed.principal,
        "component": listed.component,
        "created": listed.created,
        "expires": listed.expires,
        "bytes": listed.bytes,
        "uses": listed.uses,
        "levels": listed.levels,
        "cost_us": micros(listed.cost),
        "tokens": listed.tokens,
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Levels in words.
fn levels<'a>(levels: impl IntoIterator<Item = &'a Level>) -> String {
    let words: Vec<&str> = levels
        .into_iter()
        .map(|level| match level {
            Level::Memory => "memory",
            Level::Disk => "disk",
        })
        .collect();
    words.join(", ")
}

/// Bytes for people.
fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_240 => counted(usize::try_from(bytes).unwrap_or(usize::MAX), "byte"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_by_their_first_digits() {
        assert_eq!(digits("ABcd12").as_deref(), Ok("abcd12"));
        for bad in ["", "abc", "abcg", "sql_query", &"a".repeat(65)] {
            assert!(digits(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bytes_are_short() {
        for (number, text) in [
            (1, "1 byte"),
            (700, "700 bytes"),
            (10_240, "10 KiB"),
            (64 << 20, "64 MiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }
}
