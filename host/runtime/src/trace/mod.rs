//! What a call learnt of the world, so that it can be asked again whether that is still so.
//!
//! A call's result depends on the component's bytes, on its arguments, and on what the host answered it. The [`Trace`] keeps
//! each of those answers as the question and a digest. A result is true for as long as the host would give the same answers:
//! then the component, which has no other way to tell one day from another, would compute the same again. Whether it would is
//! found out without the component. Where something cheap proves that nothing changed (a file's identity and times, a
//! database's own count of commits), that decides; where it does not, the question itself is asked again.
//!
//! What can't be asked again (a clock, dice, a connection) makes the trace [`Fleeting`]; so does whatever an import reads
//! without saying how to ask for it again. Forgetting to note something can therefore only cost a hit.

pub(crate) mod digest;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod kv;
mod recheck;
mod recorder;
pub(crate) mod sql;

use std::fmt;

use fact_types::{Access, Digest, Effect, Principal, Resource, ToolId};
use serde::{Deserialize, Serialize};

use digest::Answer;
pub use recheck::{Proof, Scopes};
pub(crate) use recorder::Recorder;

/// Most reads that are kept of a call. A call that asks more is not worth proving again.
const READS_MAX: usize = 4096;

/// Most bytes of questions that are kept of a call.
const BYTES_MAX: usize = 1 << 20;

/// Whose reads they are: as whom, and under which grants, a question is asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The tool that was called.
    pub tool: ToolId,
    /// Who called it.
    pub principal: Principal,
    /// The component that ran.
    pub component: Digest,
    /// The grants that it ran with: see [`Grants::fingerprint`](crate::Grants::fingerprint).
    pub grants: Digest,
}

/// One answer of the host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    /// The place of its scope in the trace's list.
    scope: usize,
    /// What was asked and answered.
    read: Read,
}

/// A question, and what is needed to tell whether its answer is still the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case")]
pub(crate) enum Read {
    Sql(sql::SqlRead),
    File(Box<files::FileRead>),
    Http(http::HttpRead),
    Kv(kv::KvRead),
    /// One variable.
    Env {
        name: String,
        answer: Answer,
    },
    /// All granted variables.
    Environment {
        answer: Answer,
    },
    /// Which of the granted folders there are.
    Folders {
        answer: Answer,
    },
    /// Facts of the host.
    Host {
        about: HostFacts,
        answer: Answer,
    },
}

/// What a component can ask about the host and get the same answer twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HostFacts {
    Plugins,
    Tools,
}

impl Read {
    /// About how many bytes it takes.
    fn bytes(&self) -> usize {
        match self {
            Read::Sql(read) => read.bytes(),
            Read::File(read) => read.bytes(),
            Read::Http(read) => read.bytes(),
            Read::Kv(read) => read.bytes(),
            Read::Env { name, .. } => name.len(),
            Read::Environment { .. } | Read::Folders { .. } | Read::Host { .. } => 0,
        }
    }
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Read::Sql(read) => read.fmt(f),
            Read::File(read) => read.fmt(f),
            Read::Http(read) => read.fmt(f),
            Read::Kv(read) => read.fmt(f),
            Read::Env { name, .. } => write!(f, "env {name}"),
            Read::Environment { .. } => f.write_str("env (all that is granted)"),
            Read::Folders { .. } => f.write_str("the list of granted folders"),
            Read::Host { .. } => f.write_str("host registry"),
        }
    }
}

/// Why a result can't be proven to be true again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Fleeting {
    /// It read what is never the same twice, or can't be asked for again.
    Read {
        /// What.
        resource: Resource,
    },
    /// It was refused something; whoever asks again shall be refused again, and on record.
    Denied {
        /// What.
        resource: Resource,
    },
    /// It changed something.
    Wrote {
        /// What.
        resource: Resource,
    },
    /// A tool that it called failed.
    ToolFailed {
        /// Which.
        name: String,
    },
    /// It read more than is kept.
    TooMuch,
}

impl fmt::Display for Fleeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fleeting::Read { resource } => write!(f, "it read what can't be proven unchanged: {resource}"),
            Fleeting::Denied { resource } => write!(f, "it was refused {resource}"),
            Fleeting::Wrote { resource } => write!(f, "it changed {resource}"),
            Fleeting::ToolFailed { name } => write!(f, "the tool {name}, which it called, failed"),
            Fleeting::TooMuch => f.write_str("it read more than is kept"),
        }
    }
}

/// What a call learnt of the world, the calls that it made included.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Trace {
    scopes: Vec<Scope>,
    reads: Vec<Seen>,
    fleeting: Option<Fleeting>,
    bytes: usize,
}

impl Trace {
    /// Why the result can't be proven again. None: it can.
    pub fn fleeting(&self) -> Option<&Fleeting> {
        self.fleeting.as_ref()
    }

    /// Whether something was, or may have been, changed.
    pub fn wrote(&self) -> bool {
        matches!(self.fleeting, Some(Fleeting::Wrote { .. }))
    }

    /// What of it can be proven again, where a lifetime was declared for the rest.
    pub fn provable(&self) -> Trace {
        Trace {
            fleeting: None,
            ..self.clone()
        }
    }

    /// Whether some of it could be proven again at all: what was only read, besides what is never the same twice.
    fn has_provable_part(&self) -> bool {
        matches!(self.fleeting, None | Some(Fleeting::Read { .. }))
    }

    /// Nothing was read: the result follows from the component and its arguments alone.
    pub fn is_pure(&self) -> bool {
        self.reads.is_empty() && self.fleeting.is_none()
    }

    /// How many answers of the host it rests on.
    pub fn reads(&self) -> usize {
        self.reads.len()
    }

    /// Each read, for people.
    pub fn describe(&self) -> impl Iterator<Item = String> {
        self.reads.iter().map(|seen| seen.read.to_string())
    }

    /// As whom it was all asked.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// About how many bytes it takes in memory.
    pub fn weight(&self) -> usize {
        self.bytes + self.reads.len() * size_of::<Seen>() + self.scopes.len() * size_of::<Scope>()
    }

    /// Makes this the trace of what rests on another trace too.
    pub fn absorb(&mut self, other: &Trace) {
        let places: Vec<usize> = other.scopes.iter().map(|scope| self.scope(scope)).collect();
        for seen in &other.reads {
            if let Some(scope) = places.get(seen.scope) {
                self.push(*scope, seen.read.clone());
            }
        }
        if let Some(fleeting) = &other.fleeting {
            self.spoil(fleeting.clone());
        }
    }

    /// Says that the result can't be proven again. A write is the strongest of reasons, and a read the weakest.
    pub fn spoil(&mut self, why: Fleeting) {
        let stronger = match (&self.fleeting, &why) {
            (None, _) => true,
            (Some(Fleeting::Wrote { .. }), _) | (_, Fleeting::Read { .. }) => false,
            (Some(Fleeting::Read { .. }), _) | (_, Fleeting::Wrote { .. }) => true,
            _ => false,
        };
        if stronger {
            self.fleeting = Some(why);
        }
    }

    /// The place of a scope in the list, where it is put when it is new.
    fn scope(&mut self, scope: &Scope) -> usize {
        match self.scopes.iter().position(|known| known == scope) {
            Some(at) => at,
            None => {
                self.scopes.push(scope.clone());
                self.scopes.len() - 1
            }
        }
    }

    fn push(&mut self, scope: usize, read: Read) {
        let bytes = self.bytes.saturating_add(read.bytes());
        if self.reads.len() >= READS_MAX || bytes > BYTES_MAX {
            return self.spoil(Fleeting::TooMuch);
        }
        self.bytes = bytes;
        self.reads.push(Seen { scope, read });
    }

    /// What an effect alone says about the result.
    fn judge(&mut self, effect: Effect) {
        let Effect { access, resource } = effect;
        self.spoil(match access {
            Access::Read => Fleeting::Read { resource },
            Access::Write => Fleeting::Wrote { resource },
            Access::Denied => Fleeting::Denied { resource },
        });
    }
}
