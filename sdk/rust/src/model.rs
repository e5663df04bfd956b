//! The host's language model, within a budget of tokens (`model:ask:TOKENS/PERIOD`).

use crate::bindings::fact::plugin::model as wit;
use crate::{ToolError, host};

/// Asks for a text answer of at most `max_tokens` tokens.
///
/// # Errors
/// `denied` without a grant; `unavailable` when the budget is used up or the model does not answer.
pub fn ask(prompt: &str, max_tokens: u32) -> Result<String, ToolError> {
    host::reach("model")?;
    Ok(wit::ask(prompt, max_tokens)?)
}
