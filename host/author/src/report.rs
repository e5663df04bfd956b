//! What a test of a plugin found.

use std::collections::BTreeMap;

use fact_types::Digest;
use serde::Serialize;
use serde_json::Value;

/// What a plugin was found to be and to do.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Its component.
    pub digest: Digest,
    /// The component's bytes.
    pub size: u64,
    /// What the arguments were made from: the same seed makes the same.
    pub seed: u64,
    /// How many arguments each tool was to get.
    pub cases: u32,
    /// From the component's bytes to a plugin that can be called, compiling included, in microseconds.
    pub cold_load_us: u64,
    /// The kinds of capabilities that it imports something for.
    pub could_use: Vec<String>,
    /// What it asks for.
    pub requests: Vec<String>,
    /// What it tried and was refused, since nothing is granted in a test.
    pub denied: Vec<String>,
    /// Its tools.
    pub tools: Vec<ToolReport>,
    /// What must be mended.
    pub problems: Vec<Problem>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether nothing must be mended.
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// What a tool was found to do.
#[derive(Debug, Clone, Serialize)]
pub struct ToolReport {
    /// Its name in the plugin.
    pub name: String,
    /// How its calls ended: `ok`, or the code of the error, and how often.
    pub ended: BTreeMap<String, u32>,
    /// Arguments that fit its schema.
    pub fitting: u32,
    /// Arguments that do not.
    pub misfits: u32,
    /// Whether the same arguments gave the same answer each time. None: it was never seen twice, or it depends on the world.
    pub deterministic: Option<bool>,
    /// How long calls took that fit.
    pub timing: Option<Timing>,
    /// Most memory that a call had, in bytes.
    pub peak_memory: u64,
}

/// How long calls took, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// The first.
    pub first_us: u64,
    /// Half of the others were faster.
    pub p50_us: u64,
    /// 95 of 100 of the others were faster.
    pub p95_us: u64,
}

impl Timing {
    /// Of the times of calls, in their order. None: there were none.
    pub(crate) fn of(times: &[u64]) -> Option<Self> {
        let (first, others) = times.split_first()?;
        let mut sorted = if others.is_empty() {
            vec![*first]
        } else {
            others.to_vec()
        };
        sorted.sort_unstable();
        let at = |percent: usize| {
            let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(index).copied().unwrap_or_default()
        };
        Some(Timing {
            first_us: *first,
            p50_us: at(50),
            p95_us: at(95),
        })
    }
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The plugin and its tools say what they are for.
    Described,
    /// Its schemas are ones that arguments can be made up for.
    Schema,
    /// No call ends with a crash.
    NoCrash,
    /// Each call keeps to its limits.
    WithinLimits,
    /// Arguments that do not fit are refused as such.
    RefusesMisfits,
    /// The same arguments give the same answer.
    SameAnswer,
    /// Answers fit the schema that is declared for them.
    OutputFits,
}

/// Something that must be mended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// Which check found it.
    pub check: Check,
    /// The tool; none: the plugin as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The arguments that show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_summed_up_without_the_first() {
        let timing = |first_us, p50_us, p95_us| {
            Some(Timing {
                first_us,
                p50_us,
                p95_us,
            })
        };
        let hundred: Vec<u64> = std::iter::once(1000).chain((1..=100).rev()).collect();
        for (times, expected) in [
            (&[][..], None),
            (&[7], timing(7, 7, 7)),
            (&[9, 1], timing(9, 1, 1)),
            (&[9, 3, 1, 2], timing(9, 2, 3)),
            (&hundred, timing(1000, 50, 95)),
        ] {
            assert_eq!(Timing::of(times), expected);
        }
    }
}
