//! The one place where effects are noted.
//!
//! Every host function of every import tells the witness what it did, before the guest hears of it. Nothing else writes
//! effects, and no import reaches the world without passing here.

use std::sync::{Arc, Mutex, PoisonError};

use fact_types::{Access, Effects, Resource};

/// The witness of one call. Clones see the same call, for host functions that go on in a task of their own.
#[derive(Clone, Default)]
pub(crate) struct Witness(Arc<Mutex<Effects>>);

impl Witness {
    /// Notes that something was read.
    pub(crate) fn read(&self, resource: Resource) {
        self.note(Access::Read, resource);
    }

    /// Notes that something was, or may have been, changed.
    pub(crate) fn wrote(&self, resource: Resource) {
        self.note(Access::Write, resource);
    }

    /// Notes that something was refused.
    pub(crate) fn denied(&self, resource: Resource) {
        self.note(Access::Denied, resource);
    }

    fn note(&self, access: Access, resource: Resource) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(access, resource);
    }

    /// What was noted so far, leaving nothing behind.
    pub(crate) fn take(&self) -> Effects {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
