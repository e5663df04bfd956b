//! The connector to SQL databases: `query`, `execute`, `schema`, `samples` and `explain`.
//!
//! It holds no connection and no rules. The host runs each statement, and enforces the grants (`sql:read:...`,
//! `sql:write:...`) in the database itself; what is here turns JSON into values and back.

mod cells;
mod database;
mod tools;

pub use tools::{
    Changed, Column, Execute, Field, Named, Plan, Query, Rows, Sample, Samples, Schema, Statement, Table,
    execute, explain, query, samples, schema,
};

fact_sdk::plugin!(
    query, execute, schema, samples, explain;
    name = "sql",
    capabilities = [
        "sql:read:*" => "to run the queries you ask for",
        "sql:write:*" => "needed by the tool `execute` alone, to run statements that change data; leave it out to keep the databases read-only"
    ]
);
