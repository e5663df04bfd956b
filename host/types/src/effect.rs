//! What a call did to the world, as the host saw it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What was done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// The call read it.
    Read,
    /// The call changed it, or may have: an act that left the host can't be taken back.
    Write,
    /// The call wanted to, and was not allowed.
    Denied,
}

/// A thing in the world that a component can reach through the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Resource {
    /// A table or view.
    Sql {
        /// The database's name.
        database: String,
        /// The table; empty where an act was refused before it was known.
        table: String,
    },
    /// A file or folder, by the path that the guest used.
    File {
        /// The path below the granted folder, with that folder in front.
        path: String,
    },
    /// A URL, without its query: that may hold secrets.
    Http {
        /// The request's method.
        method: String,
        /// Scheme, host, port and path.
        url: String,
    },
    /// A connection below HTTP.
    Net {
        /// Host and port.
        peer: String,
    },
    /// A key in a bucket.
    Kv {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// An environment variable.
    Env {
        /// Its name.
        name: String,
    },
    /// A secret, never its value.
    Secret {
        /// Its name.
        name: String,
    },
    /// Another tool.
    Tool {
        /// Its full name.
        name: String,
    },
    /// A clock.
    Clock {
        /// `wall` or `monotonic`.
        name: String,
    },
    /// Random numbers.
    Random,
    /// The host's model.
    Model,
    /// A function of an interface that the host does not serve.
    Import {
        /// Its name as the component imports it: `wasi:keyvalue/store@0.2.0-draft#open`.
        name: String,
    },
    /// Facts about the host itself. Its metrics, like a clock, are not the same twice.
    Host {
        /// `registry` or `metrics`.
        name: String,
    },
}

impl Resource {
    /// The size of its texts.
    fn bytes(&self) -> usize {
        match self {
            Resource::Sql { database, table } => database.len() + table.len(),
            Resource::Http { method, url } => method.len() + url.len(),
            Resource::Kv { bucket, key } => bucket.len() + key.len(),
            Resource::File { path: text }
            | Resource::Net { peer: text }
            | Resource::Env { name: text }
            | Resource::Secret { name: text }
            | Resource::Tool { name: text }
            | Resource::Clock { name: text }
            | Resource::Import { name: text }
            | Resource::Host { name: text } => text.len(),
            Resource::Random | Resource::Model => 0,
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Sql { database, table } if table.is_empty() => write!(f, "sql {database}"),
            Resource::Sql { database, table } => write!(f, "sql {database}/{table}"),
            Resource::File { path } => write!(f, "file {path}"),
            Resource::Http { method, url } => write!(f, "http {method} {url}"),
            Resource::Net { peer } => write!(f, "net {peer}"),
            Resource::Kv { bucket, key } => write!(f, "kv {bucket}/{key}"),
            Resource::Env { name } => write!(f, "env {name}"),
            Resource::Secret { name } => write!(f, "secret {name}"),
            Resource::Tool { name } => write!(f, "tool {name}"),
            Resource::Clock { name } => write!(f, "clock {name}"),
            Resource::Random => f.write_str("random"),
            Resource::Model => f.write_str("model"),
            Resource::Import { name } => write!(f, "import {name}"),
            Resource::Host { name } => write!(f, "host {name}"),
        }
    }
}

/// One thing that a call did.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Effect {
    /// What was done.
    pub access: Access,
    /// With what.
    pub resource: Resource,
}

/// What a call did, each thing once, in the order of the first time.
///
/// The number kept is bounded. Past the bound the list is marked as incomplete, and whoever reasons from it (a cache, a
/// replay) must treat the call as one that could have done anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    list: Vec<Effect>,
    complete_to: Option<usize>,
    /// Of the list's texts.
    #[serde(skip)]
    bytes: usize,
    #[serde(skip)]
    seen: std::collections::HashSet<Effect>,
}

impl Effects {
    /// Most effects that are kept of a call. A call that touches more different things is rare, and each costs memory of
    /// the host that a guest decides about.
    pub const MAX: usize = 10_000;

    /// Most bytes of names that are kept of a call, since guests choose some of them freely: ten thousand of the usual
    /// length have less than one million.
    pub const MAX_BYTES: usize = 4 << 20;

    /// Notes an effect.
    pub fn note(&mut self, access: Access, resource: Resource) {
        let effect = Effect { access, resource };
        if self.seen.contains(&effect) {
            return;
        }
        let bytes = self.bytes.saturating_add(effect.resource.bytes());
        if self.list.len() >= Self::MAX || bytes > Self::MAX_BYTES {
            return self.mark_incomplete();
        }
        self.bytes = bytes;
        self.seen.insert(effect.clone());
        self.list.push(effect);
    }

    /// Notes everything that is in another list.
    pub fn absorb(&mut self, other: Effects) {
        for Effect { access, resource } in other.list {
            self.note(access, resource);
        }
        if other.complete_to.is_some() {
            self.mark_incomplete();
        }
    }

    /// Says that there was more than is in the list.
    pub fn mark_incomplete(&mut self) {
        self.complete_to.get_or_insert(self.list.len());
    }

    /// The effects that were kept.
    pub fn iter(&self) -> impl Iterator<Item = &Effect> {
        self.list.iter()
    }

    /// About how many bytes they take in memory.
    pub fn weight(&self) -> usize {
        let texts: usize = self.list.iter().map(|effect| effect.resource.bytes()).sum();
        // Each is in the list, and in the set of those that were noted.
        2 * (texts + self.list.len() * size_of::<Effect>())
    }

    /// Whether nothing was left out.
    pub fn is_complete(&self) -> bool {
        self.complete_to.is_none()
    }

    /// Whether nothing was done at all.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether something was refused.
    pub fn any_denied(&self) -> bool {
        self.list.iter().any(|effect| effect.access == Access::Denied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_effect_once_and_no_more_than_the_bound() {
        let mut effects = Effects::default();
        effects.note(Access::Read, Resource::Random);
        effects.note(Access::Read, Resource::Random);
        assert_eq!(effects.iter().count(), 1);
        for n in 0..2 * Effects::MAX {
            effects.note(Access::Read, Resource::Env { name: n.to_string() });
        }
        assert_eq!(effects.iter().count(), Effects::MAX);
        assert!(!effects.is_complete());
    }

    #[test]
    fn a_list_takes_in_another() {
        let mut one = Effects::default();
        one.note(Access::Read, Resource::Random);
        let mut other = one.clone();
        other.note(Access::Write, Resource::Model);
        one.absorb(other.clone());
        assert_eq!((one.iter().count(), one.is_complete()), (2, true));
        other.mark_incomplete();
        one.absorb(other);
        assert_eq!((one.iter().count(), one.is_complete()), (2, false));
    }

    #[test]
    fn long_names_are_bounded_too() {
        let mut effects = Effects::default();
        let name = "x".repeat(Effects::MAX_BYTES);
        effects.note(Access::Denied, Resource::Tool { name: name.clone() });
        assert!(effects.is_complete());
        effects.note(Access::Read, Resource::Random);
        assert!(effects.is_complete(), "what has no name costs nothing");
        effects.note(Access::Denied, Resource::Tool { name: "y".to_owned() });
        assert!(!effects.is_complete());
        effects.note(Access::Denied, Resource::Tool { name });
        assert_eq!(effects.iter().count(), 2);
    }
}
