//! What an answer rests on: everything that the calls behind it did and learnt.

use std::sync::{Arc, Mutex, PoisonError};

use fact_core::{Answer, Fleeting, Trace};
use fact_types::Effects;

/// Takes down what calls rest on, from as many tasks as there are.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<(Trace, Effects)>>);

impl Ledger {
    /// A call was made for the answer.
    pub(crate) fn note(&self, answer: &Answer) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// All of it so far.
    pub(crate) fn read(&self) -> (Trace, Effects) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
