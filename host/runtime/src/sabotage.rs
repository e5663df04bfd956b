//! Faults that tests put in to see whether anyone would notice. Not part of the product: nothing but the tests turns the
//! feature on.

use std::sync::atomic::{AtomicBool, Ordering};

/// Files look as if their status never changed.
pub static OVERLOOK_CHANGES: AtomicBool = AtomicBool::new(false);

pub(crate) fn changed(time: i64) -> i64 {
    match OVERLOOK_CHANGES.load(Ordering::Relaxed) {
        true => 0,
        false => time,
    }
}
