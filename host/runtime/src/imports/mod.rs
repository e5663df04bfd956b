//! The host side of every import. One file an outside world; each notes what it did with the witness.

pub(crate) mod config;
pub(crate) mod denied;
pub(crate) mod environment;
pub(crate) mod filesystem;
pub(crate) mod host;
pub(crate) mod http;
pub(crate) mod journal;
pub(crate) mod kv;
pub(crate) mod peers;
pub(crate) mod sockets;
pub(crate) mod sql;
pub(crate) mod unserved;
pub(crate) mod world;

/// A name from a guest as a note or a sentence may repeat it: printable, and at most so many characters of it.
fn shown(name: &str, most: usize) -> String {
    name.chars().take(most).flat_map(char::escape_debug).collect()
}
