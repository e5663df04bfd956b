//! Why bytes are no component that the host can use.

/// Longest message of the parser that is passed on. It may repeat names out of the file.
const MAX_WHY: usize = 300;

/// Why a file was refused. Each is a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// There are no bytes.
    #[error("The file is empty; build or download it again.")]
    Empty,
    /// It begins with something else.
    #[error(
        "The file is no WebAssembly: it does not begin with the four bytes that every .wasm file begins with."
    )]
    NotWasm,
    /// It is WebAssembly written as text.
    #[error(
        "The file is WebAssembly as text; turn it into a binary first, with `wasm-tools parse FILE -o FILE.wasm`."
    )]
    Text,
    /// It is a module without the component around it.
    #[error(
        "The file is a core module, not a component. Build it with `cargo build --release --target wasm32-wasip2`, or make a \
         component of it with `wasm-tools component new FILE -o COMPONENT.wasm`."
    )]
    CoreModule,
    /// It is of a version that nobody here knows.
    #[error("The file is of version {0} of WebAssembly's binary format, which this host does not know.")]
    Version(u32),
    /// It breaks off.
    #[error("The file ends in the middle, after {size} bytes; download or copy it again.")]
    Truncated {
        /// How many bytes there are.
        size: u64,
    },
    /// It uses what the parser does not know, or breaks the rules of the format.
    #[error(
        "The file is no valid component: {why} (at byte {offset}). Build it again, or ask its author for another."
    )]
    Malformed {
        /// The parser's words, bounded.
        why: String,
        /// Where in the file.
        offset: u64,
    },
    /// Components in components in components.
    #[error("The file is nested more than {0} levels deep, which no compiler does; it can't be used.")]
    TooDeep(usize),
    /// More of something than any real component has.
    #[error("The file has more than {most} {what}; it can't be used.")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// Most that are allowed.
        most: usize,
    },
    /// The section with the manifest can't be read or written.
    #[error("The section `{section}` is wrong: {why}. Build the component again with `fact plugin build`.", section = crate::MANIFEST_SECTION)]
    Manifest {
        /// What is wrong.
        why: String,
    },
}

impl From<wasmparser::Error> for InspectError {
    fn from(error: wasmparser::Error) -> Self {
        InspectError::malformed(error.message(), error.offset())
    }
}

impl InspectError {
    pub(crate) fn malformed(why: &str, offset: usize) -> Self {
        let mut words: String = why
            .chars()
            .take(MAX_WHY)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if why.chars().nth(MAX_WHY).is_some() {
            words.push('…');
        }
        InspectError::Malformed {
            why: words,
            offset: offset as u64,
        }
    }

    pub(crate) fn manifest(why: impl Into<String>) -> Self {
        InspectError::Manifest { why: why.into() }
    }
}
