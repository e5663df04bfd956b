//! News of a call while it runs. Needs no grant. Outside a component it goes nowhere.

use crate::bindings::fact::plugin::progress as wit;
use crate::host;

/// Says how far the call is: `fraction` from 0 to 1, where it is known.
pub fn report(fraction: Option<f32>, message: &str) {
    if host::PRESENT {
        wit::report(fraction, message);
    }
}

/// Hands out a piece of the answer, for callers that read along. The full answer is still what the tool returns. It counts
/// towards the output limit.
pub fn emit(chunk: &str) {
    if host::PRESENT {
        wit::emit(chunk);
    }
}
