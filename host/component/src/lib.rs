//! What the bytes of a component say, without compiling or running it.
//!
//! [`inspect`] reads the file once, in time proportional to its size, and believes nothing: whatever the bytes are, the answer
//! is an [`Inspection`] or an [`InspectError`], never a panic, and never more memory than a small multiple of the file. The
//! code of functions is not looked at; the compiler does that.
//!
//! ```
//! let error = fact_component::inspect(b"#!/bin/sh").unwrap_err();
//! assert!(error.to_string().contains("no WebAssembly"));
//! ```

mod docs;
mod embed;
mod error;
mod metadata;
mod nesting;
mod read;
mod uses;
mod walk;

use fact_types::Digest;
use serde::Serialize;

pub use docs::Docs;
pub use embed::{embed_manifest, embed_texts};
pub use error::InspectError;
pub use metadata::{Metadata, Producer};
pub use read::inspect;

/// The custom section at a component's top level in which its manifest stands, as JSON.
pub const MANIFEST_SECTION: &str = "fact:manifest";

/// Largest manifest, in bytes: some hundred tools with large schemas.
pub const MAX_MANIFEST: usize = 4 << 20;

/// What a component is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// The interfaces that it wants from the host.
    pub imports: Vec<Interface>,
    /// Functions that it wants from the host and that are in no interface.
    pub imported_functions: Vec<String>,
    /// The interfaces that it offers.
    pub exports: Vec<Interface>,
    /// Functions that it offers and that are in no interface.
    pub functions: Vec<String>,
    /// Whether it offers FACT's plugin contract. If not, its functions can become tools.
    pub is_contract: bool,
    /// The text of the section [`MANIFEST_SECTION`], which may be no manifest.
    pub manifest: Option<String>,
    /// Its doc comments.
    pub docs: Docs,
    /// Where it comes from, in its own words.
    pub metadata: Metadata,
    /// What its bytes are used for, the largest first.
    pub sections: Vec<Section>,
    /// Whether it carries signatures.
    pub signature: Signature,
    /// How many core modules are in it.
    pub modules: u32,
}

/// An interface and its functions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// As the component names it: `wasi:http/outgoing-handler@0.2.4`.
    pub name: String,
    /// Their names, as they are in the interface: `handle`, `[method]fields.get`.
    pub functions: Vec<String>,
}

/// What some of the bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// `code`, `data`, or the name of a custom section.
    pub name: String,
    /// How many bytes, in all modules together.
    pub size: u64,
}

/// Whether a component carries signatures. They are not checked here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "sections")]
pub enum Signature {
    /// It has none.
    None,
    /// These sections hold some.
    Sections(Vec<String>),
}

impl Inspection {
    /// Whether any import could make use of a kind of capability: `http`, `sql`, `fs` and so on. Granting one of another
    /// kind would do nothing.
    pub fn can_use(&self, kind: &str) -> bool {
        uses::can_use(self.imports.iter().map(|interface| interface.name.as_str()), kind)
    }

    /// Every kind of capability that it could make use of.
    pub fn kinds(&self) -> Vec<&'static str> {
        uses::kinds().filter(|kind| self.can_use(kind)).collect()
    }
}
