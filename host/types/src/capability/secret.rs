//! Secrets: `secret:inject:GITHUB_TOKEN@https://api.github.com`, `secret:reveal:KEY`.

use std::fmt;

use super::{Risk, http::UrlPattern, names::NamePattern};

/// How a secret may be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretUse {
    /// The host puts it into requests to these URLs; the guest never has it.
    Inject(UrlPattern),
    /// The guest gets it in clear.
    Reveal,
}

/// A secret and how it may be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretGrant {
    /// Which.
    pub name: NamePattern,
    /// How.
    pub how: SecretUse,
}

impl SecretGrant {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let usage = "it is written secret:inject:NAME@URL or secret:reveal:NAME";
        let (verb, resource) = rest.split_once(':').ok_or(usage)?;
        let exact = |text: &str| {
            let name = NamePattern::parse(text)?;
            if name.exact().is_none() {
                Err("a secret is granted by its whole name".to_owned())
            } else {
                Ok(name)
            }
        };
        match verb {
            "reveal" => Ok(SecretGrant {
                name: exact(resource)?,
                how: SecretUse::Reveal,
            }),
            "inject" => {
                let (name, url) = resource.split_once('@').ok_or(usage)?;
                Ok(SecretGrant {
                    name: exact(name)?,
                    how: SecretUse::Inject(UrlPattern::parse(url)?),
                })
            }
            _ => Err(usage.to_owned()),
        }
    }

    pub(super) fn in_words(&self) -> String {
        match &self.how {
            SecretUse::Inject(url) => {
                format!(
                    "have the secret {} put into its requests to {url}, without seeing it",
                    self.name
                )
            }
            SecretUse::Reveal => format!("see the secret {} in clear", self.name),
        }
    }

    pub(super) fn risk(&self) -> Risk {
        match &self.how {
            SecretUse::Inject(url) if url.host.is_everything() => Risk::High,
            SecretUse::Inject(_) => Risk::Medium,
            SecretUse::Reveal => Risk::High,
        }
    }
}

impl fmt::Display for SecretGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.how {
            SecretUse::Inject(url) => write!(f, "inject:{}@{url}", self.name),
            SecretUse::Reveal => write!(f, "reveal:{}", self.name),
        }
    }
}
