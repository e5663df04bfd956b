//! The one place where effects are noted.
//!
//! Every host function of every import tells the witness what it did, before the guest hears of it. Nothing else writes
//! effects, and no import reaches the world without passing here. With an effect comes the answer that the guest got, where
//! it can be asked for again: see [`Trace`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fact_types::{Access, Effect, Effects, Resource};

use crate::trace::files::{At, Unkept, Watch};
use crate::trace::{Fleeting, Read, Recorder, Scope, Trace};

/// The witness of one call. Clones see the same call, for host functions that go on in a task of their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witness(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// What the call itself did, under its own grants.
    own: Mutex<Effects>,
    /// What calls that it made did, on all levels, under theirs.
    below: Mutex<Effects>,
    /// What the call learnt, and what the calls learnt that it made.
    recorder: Mutex<Recorder>,
    /// Whether any write was noted, kept or not.
    wrote: AtomicBool,
    /// It said that it changes nothing.
    reads_only: AtomicBool,
    /// It wanted to, all the same.
    violated: AtomicBool,
    /// The witness of the call that made this one. It hears at once, so that what a nested call did is known even where
    /// that call is dropped with the one that made it.
    above: Option<Witness>,
}

impl Witness {
    /// Says whose call it is, and whether it may change anything at all.
    pub(crate) fn begin(&self, scope: Option<Scope>, reads_only: bool) {
        self.0.reads_only.store(reads_only, Ordering::Release);
        match scope {
            Some(scope) => self.recorder(|recorder| recorder.begin(scope)),
            None => self.recorder(|recorder| recorder.spoil(Fleeting::TooMuch)),
        }
    }

    /// Notes that something was read that can't be asked for again.
    pub(crate) fn read(&self, resource: Resource) {
        self.judged(Access::Read, resource);
    }

    /// Notes that something was read. Whoever calls this keeps the answer too, with [`keep`](Witness::keep) or
    /// [`file`](Witness::file).
    pub(crate) fn touched(&self, resource: Resource) {
        self.note(Access::Read, resource);
    }

    /// Notes that something was, or may have been, changed.
    pub(crate) fn wrote(&self, resource: Resource) {
        self.judged(Access::Write, resource);
    }

    /// Notes that something was refused.
    pub(crate) fn denied(&self, resource: Resource) {
        self.judged(Access::Denied, resource);
    }

    /// Whether the call may change anything. Where it may not, that it wanted to is noted, and it ends before its guest hears
    /// of a refusal.
    pub(crate) fn may_write(&self, resource: &Resource) -> bool {
        let mut at = self;
        loop {
            if at.0.reads_only.load(Ordering::Acquire) {
                self.denied(resource.clone());
                // The tool that said so ends, and so does the one that it called.
                self.0.violated.store(true, Ordering::Release);
                at.0.violated.store(true, Ordering::Release);
                return false;
            }
            match &at.0.above {
                Some(above) => at = above,
                None => return true,
            }
        }
    }

    /// Whether the call wanted to change something although it may not.
    pub(crate) fn violated(&self) -> bool {
        self.0.violated.load(Ordering::Acquire)
    }

    /// Keeps an answer that the guest got.
    pub(crate) fn keep(&self, read: Read) {
        self.recorder(|recorder| recorder.saw(read));
    }

    /// Looks at a path, before the guest does.
    pub(crate) fn look(&self, at: &At) {
        self.recorder(|recorder| recorder.look(at));
    }

    /// Keeps what the guest saw at a path.
    pub(crate) fn file(&self, at: &At, keep: impl FnOnce(&mut Watch) -> Result<(), Unkept>) {
        self.recorder(|recorder| recorder.file(at, keep));
    }

    /// Says why the result can't be proven again.
    pub(crate) fn spoil(&self, why: Fleeting) {
        self.recorder(|recorder| recorder.spoil(why));
    }

    /// Keeps what a call rests on whose result the guest got.
    pub(crate) fn rest_on(&self, trace: &Trace) {
        self.recorder(|recorder| recorder.absorb(trace));
    }

    /// What the call's result rests on, leaving nothing behind.
    pub(crate) fn take_trace(&self) -> Trace {
        let mut recorder = self.0.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.take()
    }

    fn recorder(&self, act: impl FnOnce(&mut Recorder)) {
        act(&mut self.0.recorder.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes an effect that says by itself that the result can't be proven again.
    fn judged(&self, access: Access, resource: Resource) {
        self.recorder(|recorder| {
            recorder.judge(Effect {
                access,
                resource: resource.clone(),
            });
        });
        self.note(access, resource);
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
