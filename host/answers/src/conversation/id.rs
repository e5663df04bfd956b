//! Names of conversations.

use std::fmt;
use std::str::FromStr;

use fact_types::CallId;
use serde::Serialize;

/// The name of a conversation: chosen by who begins it, or made up. Every principal has its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ConversationId(String);

/// A text that can't name a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a conversation's name has 1 to {} letters, digits, `-`, `_` and `.`, and begins with a letter or digit",
    ConversationId::MAX
)]
pub struct BadConversationId;

impl ConversationId {
    /// Longest name.
    pub const MAX: usize = 64;

    /// A name that no other conversation has.
    pub fn new() -> Self {
        // The end of such an id is chance; the beginning is the time, which is stored anyway. Twelve digits are still typed.
        let id = CallId::new().to_string();
        let short = id.get(id.len().saturating_sub(12)..).unwrap_or(&id);
        ConversationId(short.to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ConversationId {
    fn default() -> Self {
        ConversationId::new()
    }
}

impl FromStr for ConversationId {
    type Err = BadConversationId;

    fn from_str(text: &str) -> Result<Self, BadConversationId> {
        let within = (1..=Self::MAX).contains(&text.len());
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let all = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        match within && begins && all {
            true => Ok(ConversationId(text.to_owned())),
            false => Err(BadConversationId),
        }
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_conversation() {
        for good in ["a", "budget-2025", "x_1.y", &"a".repeat(64)] {
            assert_eq!(good.parse::<ConversationId>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a b", "a/b", "ü", "a\n", &"a".repeat(65)] {
            assert!(bad.parse::<ConversationId>().is_err(), "{bad:?}");
        }
        let (one, two) = (ConversationId::new(), ConversationId::new());
        assert_ne!(one, two);
        assert_eq!(one.to_string().parse::<ConversationId>().unwrap(), one);
    }
}
