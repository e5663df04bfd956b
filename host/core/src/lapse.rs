//! Telling a refusal that a grant would have spared from one that nobody ever allowed.

use fact_types::{Access, Code, Error, Outcome, Receipt};

/// Notes in the receipt which grants are over (used up, or past their end), where the call was refused something, and says so
/// to the caller too. Another plugin that called, `nested`, is not told: whose grants these are is none of its business.
pub(crate) fn told(
    result: Result<Outcome, Error>,
    over: Option<String>,
    receipt: &mut Receipt,
    nested: bool,
) -> Result<Outcome, Error> {
    let Some(over) = over else {
        return result;
    };
    let refused = receipt
        .effects
        .iter()
        .any(|effect| effect.access == Access::Denied);
    // A guest that asks what it has before it acts is refused nothing that the host could see.
    if !refused && !matches!(&result, Err(error) if error.code == Code::Denied) {
        return result;
    }
    receipt.over = Some(over.clone());
    match result {
        // With the codes that a guest chooses: what the host ended for another reason has that reason.
        Err(mut error)
            if !nested
                && matches!(
                    error.code,
                    Code::Denied | Code::ToolFailed | Code::NotFound | Code::InvalidInput | Code::Unavailable
                ) =>
        {
            let end = if error.message.ends_with(['.', '!', '?']) {
                ""
            } else {
                "."
            };
            error.message.push_str(&format!("{end} Over by now: {over}."));
            Err(error)
        }
        result => result,
    }
}
