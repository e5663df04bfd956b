//! Faults that tests put in to see whether anyone would notice. Not part of the product: nothing but the tests turns the
//! feature on.

use std::sync::atomic::{AtomicBool, Ordering};

/// Databases look as if nobody ever committed anything.
pub static OVERLOOK_COMMITS: AtomicBool = AtomicBool::new(false);

pub(crate) fn version(version: i64) -> i64 {
    match OVERLOOK_COMMITS.load(Ordering::Relaxed) {
        true => 0,
        false => version,
    }
}
