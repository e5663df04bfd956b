//! What the way out refuses, bounds and lets through, against real servers on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod addresses;
mod bypasses;
mod headers;
mod limits;
mod net;
mod support;
mod tls;
mod urls;
