//! The key of a provider's API.

use fact_types::{Code, Error};
use http::HeaderValue;
use std::fmt;

/// An API key. It has no text form: `Debug` hides it, and only the request's header gets it.
#[derive(Clone)]
pub struct ApiKey(String);

/// Longest key in bytes. Those of the known providers have less than 300; a header may have 64 KiB.
const LONGEST: usize = 4096;

/// What stands for a key wherever one would be shown.
const HIDDEN: &str = "[key]";

impl ApiKey {
    /// A key as the provider handed it out. Space around it, such as the end of a file's line, is dropped.
    ///
    /// # Errors
    /// With [`Code::Config`] where it can't stand in a header. The message never repeats it.
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::new(
                Code::Config,
                "The provider's API key is not usable: it is empty, too long, or holds characters that no key has.",
            ));
        }
        Ok(ApiKey(text.to_owned()))
    }

    /// A header's value made of the key, marked so that no library shows it.
    pub(crate) fn header(&self, before: &str) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{before}{}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// A text in which the key does not stand, though it may have stood there: some servers repeat what they were sent.
    pub(crate) fn strip(&self, text: &str) -> String {
        text.replace(&self.0, HIDDEN)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([key])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let key = ApiKey::new(" sk-very-secret \n").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey([key])");
        let header = key.header("Bearer ").unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer sk-very-secret");
        assert_eq!(format!("{header:?}"), "Sensitive");
        assert_eq!(key.strip("bad key sk-very-secret."), "bad key [key].");
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        for bad in ["", "  ", "two words", "k\u{e9}y", "a\nb", &"x".repeat(5000)] {
            let error = ApiKey::new(bad).unwrap_err();
            assert_eq!(error.code, Code::Config);
            assert!(
                bad.trim().is_empty() || !error.message.contains(bad.trim()),
                "{error}"
            );
        }
    }
}
