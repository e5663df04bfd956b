//! The driver against a provider on loopback that says what it is told to say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod anthropic;
mod budgets;
mod catalogue;
mod fake;
mod faults;
mod openai;
mod tools;
