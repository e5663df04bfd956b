//! The one place where effects are noted.
//!
//! Every host function of every import tells the witness what it did, before the guest hears of it. Nothing else writes
//! effects, and no import reaches the world without passing here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fact_types::{Access, Effects, Resource};

/// The witness of one call. Clones see the same call, for host functions that go on in a task of their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witness(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// What the call itself did, under its own grants.
    own: Mutex<Effects>,
    /// What calls that it made did, on all levels, under theirs.
    below: Mutex<Effects>,
    /// Whether any write was noted, kept or not.
    wrote: AtomicBool,
    /// The witness of the call that made this one. It hears at once, so that what a nested call did is known even where
    /// that call is dropped with the one that made it.
    above: Option<Witness>,
}

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

    /// The witness of a call that this call makes.
    pub(crate) fn below(&self) -> Self {
        Witness(Arc::new(Seen {
            above: Some(self.clone()),
            ..Seen::default()
        }))
    }

    /// Notes everything that is in a list.
    pub(crate) fn absorb(&self, effects: &Effects) {
        for effect in effects.iter() {
            self.note(effect.access, effect.resource.clone());
        }
        if !effects.is_complete() {
            // What was left out may have been anything.
            self.each(true, Effects::mark_incomplete);
        }
    }

    /// Whether anything was, or may have been, changed.
    pub(crate) fn any_write(&self) -> bool {
        self.0.wrote.load(Ordering::Acquire)
    }

    fn note(&self, access: Access, resource: Resource) {
        self.each(access == Access::Write, |effects| {
            effects.note(access, resource.clone());
        });
    }

    /// Adds to this witness and to all above it.
    fn each(&self, wrote: bool, add: impl Fn(&mut Effects)) {
        let mut at = self;
        let mut list = &self.0.own;
        loop {
            if wrote {
                at.0.wrote.store(true, Ordering::Release);
            }
            add(&mut list.lock().unwrap_or_else(PoisonError::into_inner));
            let Some(above) = &at.0.above else { return };
            (at, list) = (above, &above.0.below);
        }
    }

    /// What the call itself did so far, leaving nothing behind.
    pub(crate) fn take(&self) -> Effects {
        take(&self.0.own)
    }

    /// What the calls that it made did so far, leaving nothing behind.
    pub(crate) fn take_below(&self) -> Effects {
        take(&self.0.below)
    }
}

fn take(list: &Mutex<Effects>) -> Effects {
    std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(n: usize) -> Resource {
        Resource::Env { name: n.to_string() }
    }

    #[test]
    fn the_calls_above_hear_what_a_call_does() {
        let root = Witness::default();
        let middle = root.below();
        let leaf = middle.below();
        leaf.read(Resource::Random);
        assert!(!root.any_write());
        leaf.wrote(Resource::Model);
        middle.denied(env(1));
        root.read(env(2));
        for (witness, own, below) in [(&leaf, 2, 0), (&middle, 1, 2), (&root, 1, 3)] {
            let counts = (witness.take().iter().count(), witness.take_below().iter().count());
            assert_eq!(counts, (own, below));
            assert!(witness.any_write(), "taking what was seen does not undo it");
        }
    }

    #[test]
    fn an_incomplete_list_makes_those_above_incomplete() {
        let mut effects = Effects::default();
        for n in 0..=Effects::MAX {
            effects.note(Access::Read, env(n));
        }
        let root = Witness::default();
        let leaf = root.below();
        leaf.absorb(&effects);
        assert!(root.any_write(), "what was left out may have been a write");
        assert!(!leaf.take().is_complete());
        assert!(!root.take_below().is_complete());
        assert!(root.take().is_complete());
    }
}
