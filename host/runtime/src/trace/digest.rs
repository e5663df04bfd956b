//! Digests of what the host answered. Two answers have the same digest when a component could not tell them apart.

use serde::{Deserialize, Serialize};

/// The digest of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer([u8; 32]);

/// Makes one. Every part goes in with its kind or its length, so that no two lists of parts run together.
pub(crate) struct Digester(blake3::Hasher);

impl Digester {
    pub(crate) fn new(what: &str) -> Self {
        let mut digester = Digester(blake3::Hasher::new());
        digester.text(what);
        digester
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    pub(crate) fn flag(&mut self, flag: bool) -> &mut Self {
        self.number(u64::from(flag))
    }

    pub(crate) fn optional(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.flag(true).text(text),
            None => self.flag(false),
        }
    }

    pub(crate) fn answer(&self) -> Answer {
        Answer(*self.0.finalize().as_bytes())
    }
}

/// The digest of one variable's value, or of its absence.
pub(crate) fn variable(value: Option<&str>) -> Answer {
    Digester::new("variable").optional(value).answer()
}

/// The digest of all granted variables, in whatever order the system tells them: that order reaches the component.
pub(crate) fn variables(all: &[(String, String)]) -> Answer {
    let mut digester = Digester::new("variables");
    for (name, value) in all {
        digester.text(name).text(value);
    }
    digester.answer()
}

/// The digest of a text, or of the fact that there is none.
pub(crate) fn text(what: &str, text: Option<&str>) -> Answer {
    Digester::new(what).optional(text).answer()
}
