//! Secrets in clear. Most plugins need none of this: with `secret:inject:NAME@URL` the host puts the secret into matching
//! HTTP requests, and the plugin never sees it.

use crate::bindings::fact::plugin::secrets as wit;
use crate::{ToolError, host};
use std::fmt;

/// A secret. It does not print itself.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The secret in clear.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The secret of a name.
///
/// # Errors
/// `denied` without a grant `secret:reveal:NAME`; `not-found` when it is granted, and not set.
pub fn reveal(name: &str) -> Result<Secret, ToolError> {
    host::reach("secrets")?;
    Ok(Secret(wit::reveal(name)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret("hunter2".to_owned())), "Secret(..)");
    }
}
