//! End-to-end tests: real components, real files, databases and servers, through the one call path.
//!
//! One program with a module a topic, since each further program would link the engine again. `rig` builds hosts, `listener`
//! servers that remember who came.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on has failed"
)]

mod answers;
mod cache;
mod cache_http;
mod capabilities;
mod compiled;
mod connectors;
mod conversations;
mod crash;
mod crash_versions;
mod determinism;
mod downloads;
mod drop_in;
mod finance;
mod flows;
mod forge;
mod forged;
mod fresh;
mod fs_corpus;
mod hostile;
mod http_corpus;
mod kv;
mod lifetimes;
mod limits;
mod listener;
mod many;
mod peers;
mod plain;
mod policy;
mod proof;
mod rig;
mod rows_cache;
mod swaps;
mod system;
mod terms;
mod usage;
mod versions;
