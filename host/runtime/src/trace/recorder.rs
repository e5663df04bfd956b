//! The trace of a call while it runs.

use std::collections::HashMap;

use fact_types::Effect;

use super::files::{At, Unkept, Watch, look};
use super::{Fleeting, Read, Scope, Trace};

/// Most paths of one call whose contents are kept apart while it runs: a hasher each.
const PATHS_MAX: usize = 1024;

/// Takes down what the call itself asks, and what the calls rest on that it made.
#[derive(Default)]
pub(crate) struct Recorder {
    trace: Trace,
    files: HashMap<At, Watch>,
    /// In the order in which they were first used.
    order: Vec<At>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl Recorder {
    /// Says whose call it is. Without that nothing is kept.
    pub(crate) fn begin(&mut self, scope: Scope) {
        self.trace.scopes = vec![scope];
    }

    /// Keeps an answer of the host.
    pub(crate) fn saw(&mut self, read: Read) {
        self.trace.push(0, read);
    }

    /// Keeps an effect of which nobody said how to ask for it again.
    pub(crate) fn judge(&mut self, effect: Effect) {
        self.trace.judge(effect);
    }

    pub(crate) fn spoil(&mut self, why: Fleeting) {
        self.trace.spoil(why);
    }

    /// Keeps what another call rests on, on whose result this one rests.
    pub(crate) fn absorb(&mut self, other: &Trace) {
        self.trace.absorb(other);
    }

    /// Whether anything more is worth keeping.
    fn is_open(&self) -> bool {
        self.trace.has_provable_part()
    }

    /// Looks at a path before the component does, the first time.
    pub(crate) fn look(&mut self, at: &At) {
        if !self.is_open() || self.files.contains_key(at) {
            return;
        }
        if self.order.len() >= PATHS_MAX {
            return self.spoil(Fleeting::TooMuch);
        }
        match look(at) {
            Some(look) => {
                self.files.insert(at.clone(), Watch::new(look));
                self.order.push(at.clone());
            }
            None => self.spoil(Fleeting::Read {
                resource: fact_types::Resource::File {
                    path: at.folder.join(&at.path).to_string_lossy().into_owned(),
                },
            }),
        }
    }

    /// Keeps what the component saw at a path that was looked at.
    pub(crate) fn file(&mut self, at: &At, keep: impl FnOnce(&mut Watch) -> Result<(), Unkept>) {
        if !self.is_open() {
            return;
        }
        let kept = match self.files.get_mut(at) {
            Some(watch) => keep(watch),
            None => Err(Unkept),
        };
        if kept.is_err() {
            self.spoil(Fleeting::TooMuch);
        }
    }

    /// The trace so far, leaving nothing behind.
    pub(crate) fn take(&mut self) -> Trace {
        let Recorder {
            mut trace,
            mut files,
            order,
        } = std::mem::take(self);
        if trace.has_provable_part() {
            for at in order {
                if let Some(watch) = files.remove(&at) {
                    trace.push(0, Read::File(Box::new(watch.finish(at))));
                }
            }
        }
        if !trace.has_provable_part() {
            // What can't be proven is not worth its room.
            trace.reads = Vec::new();
            trace.bytes = 0;
        }
        trace
    }
}
