//! What an answer rests on: everything that the calls behind it did and learnt.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fact_core::{Answer, Fleeting, Trace};
use fact_types::Effects;

/// Takes down what calls rest on, from as many tasks as there are.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    held: Arc<Mutex<(Trace, Effects)>>,
    calls: Arc<AtomicU32>,
    cached: Arc<AtomicU32>,
}

impl Ledger {
    /// A call was made for the answer.
    pub(crate) fn note(&self, answer: &Answer) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.cached
            .fetch_add(u32::from(answer.receipt.cache.is_hit()), Ordering::Relaxed);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (trace, effects) = &mut *held;
        effects.absorb(answer.receipt.effects.clone());
        trace.absorb(&answer.trace);
        if answer.output().is_err() {
            // Why it failed may lie in the moment.
            trace.spoil(Fleeting::ToolFailed {
                name: answer.receipt.tool.clone(),
            });
        }
    }

    /// Calls so far, and those of them that the cache answered.
    pub(crate) fn calls(&self) -> (u32, u32) {
        let (calls, cached) = (&self.calls, &self.cached);
        (calls.load(Ordering::Relaxed), cached.load(Ordering::Relaxed))
    }

    /// All of it so far.
    pub(crate) fn read(&self) -> (Trace, Effects) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
