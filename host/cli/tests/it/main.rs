//! The `fact` command as people and scripts meet it: its words, its exit codes, and how it ends. What the host does is
//! tested in `tests/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on has failed"
)]

mod author;
mod cache;
mod chat;
mod codes;
mod compiler;
mod dev;
mod fact;
mod flow;
mod grants;
mod init;
mod policy;
mod readme;
mod stop;
mod tools;
mod updates;
