//! The calls of the demo, and what must come of each.

use fact_types::Code;
use serde_json::{Value, json};

use super::report::Group;
use super::world::World;

/// A call.
pub(super) struct Case {
    pub(super) group: Group,
    pub(super) title: &'static str,
    pub(super) tool: &'static str,
    pub(super) arguments: fn(&World) -> Value,
    pub(super) expect: Expect,
}

/// What must come of it.
pub(super) enum Expect {
    /// The structured answer holds this value at this JSON pointer.
    Value(&'static str, fn(&World) -> Value),
    /// The call fails with one of these codes.
    Code(&'static [Code]),
}

/// Codes in words.
pub(super) fn any(codes: &[Code]) -> String {
    codes.iter().map(Code::to_string).collect::<Vec<_>>().join(" or ")
}

const fn work(
    title: &'static str,
    tool: &'static str,
    arguments: fn(&World) -> Value,
    expect: Expect,
) -> Case {
    Case {
        group: Group::Work,
        title,
        tool,
        arguments,
        expect,
    }
}

const fn refused(
    title: &'static str,
    tool: &'static str,
    arguments: fn(&World) -> Value,
    codes: &'static [Code],
) -> Case {
    Case {
        group: Group::Refused,
        title,
        tool,
        arguments,
        expect: Expect::Code(codes),
    }
}

const fn hostile(title: &'static str, tool: &'static str, codes: &'static [Code]) -> Case {
    Case {
        group: Group::Hostile,
        title,
        tool,
        arguments: |_| json!({}),
        expect: Expect::Code(codes),
    }
}

/// What plugins do within their grants.
pub(super) const WORK: &[Case] = &[
    work(
        "total revenue of Q1 2025, in dollars",
        "sql_query",
        |_| {
            json!({
                "statement": "SELECT SUM(revenue) FROM financial_records WHERE quarter = :quarter AND year = :year",
                "parameters": { "quarter": "Q1", "year": 2025 },
            })
        },
        Expect::Value("/rows/0/0", |_| json!(68_500_000_000_i64)),
    ),
    work(
        "the company with the most revenue in 2024",
        "sql_query",
        |_| {
            json!({
                "statement": "SELECT c.symbol, SUM(r.revenue) AS total FROM companies c \
                              JOIN financial_records r ON r.company_id = c.id \
                              WHERE r.year = 2024 GROUP BY c.id ORDER BY total DESC LIMIT 1",
            })
        },
        Expect::Value("/rows/0", |_| json!(["TECH", 101_000_000_000_i64])),
    ),
    work(
        "a file in the granted folder",
        "file_read",
        |world| json!({ "path": world.note() }),
        Expect::Value("/content", |_| json!(super::world::NOTE)),
    ),
    work(
        "a server on this machine",
        "http_request",
        |world| json!({ "url": world.url() }),
        Expect::Value("/body", |_| json!(super::world::BODY)),
    ),
    work(
        "SHA-256 of abc",
        "util_hash",
        |_| json!({ "text": "abc" }),
        // From FIPS 180-2.
        Expect::Value("/hex", |_| {
            json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        }),
    ),
    work(
        "CSV as JSON",
        "util_csv_to_json",
        |_| json!({ "csv": "symbol,founded\nTECH,1995\nFINF,1988\n", "infer_types": true }),
        Expect::Value("/rows/1", |_| json!({ "symbol": "FINF", "founded": 1988 })),
    ),
];

/// What the same plugins are refused.
pub(super) const REFUSED: &[Case] = &[
    refused(
        "a write, where reading is granted",
        "sql_execute",
        |_| json!({ "statement": "UPDATE companies SET employees = 0" }),
        &[Code::Denied],
    ),
    refused(
        "the list of all tables",
        "sql_query",
        |_| json!({ "statement": "SELECT name FROM sqlite_master" }),
        &[Code::Denied],
    ),
    refused(
        "a table that is not granted",
        "sql_query",
        |_| json!({ "statement": "SELECT * FROM benchmarks" }),
        &[Code::Denied],
    ),
    refused(
        "a file outside the granted folder",
        "file_read",
        |world| json!({ "path": world.outside() }),
        &[Code::Denied, Code::NotFound],
    ),
    refused(
        "the same, by way of `..`",
        "file_read",
        |world| json!({ "path": world.around() }),
        &[Code::Denied, Code::NotFound],
    ),
    refused(
        "another port of the same machine",
        "http_request",
        |world| json!({ "url": world.other_url() }),
        &[Code::Denied],
    ),
    refused(
        "another method on the granted server",
        "http_request",
        |world| json!({ "url": world.url(), "method": "POST", "body": "x" }),
        &[Code::Denied],
    ),
];

/// What the hostile plugin tries.
pub(super) const HOSTILE: &[Case] = &[
    hostile(
        "reads /etc/passwd",
        "hostile_read_passwd",
        &[Code::Denied, Code::NotFound],
    ),
    hostile(
        "asks a cloud's metadata address",
        "hostile_reach_metadata",
        &[Code::Denied],
    ),
    hostile("computes for ever", "hostile_spin", &[Code::Deadline]),
    hostile("takes 4 GiB of memory", "hostile_allocate", &[Code::Memory]),
    hostile("calls itself without end", "hostile_recurse", &[Code::Crashed]),
    hostile("logs without end", "hostile_flood_log", &[Code::LogLimit]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_names_a_tool_of_a_plugin_that_the_demo_installs() {
        for case in WORK.iter().chain(REFUSED).chain(HOSTILE) {
            let id: fact_types::ToolId = case
                .tool
                .parse()
                .unwrap_or_else(|error| panic!("{}: {error}", case.tool));
            let name = id.plugin.as_str();
            assert!(
                fact_bundle::builtin(name).is_some() || name == "hostile",
                "{name}"
            );
        }
    }
}
