//! The sections of a component's top level, by their frames alone.

use std::ops::Range;

use wasmparser::BinaryReader;

use crate::InspectError;

/// What every file of the format begins with.
const MAGIC: &[u8] = b"\0asm";

/// Magic, version, layer.
pub(crate) const HEADER: usize = 8;

/// Most sections at the top level. The largest known components, of Python, have some 200.
pub(crate) const MAX_SECTIONS: usize = 100_000;

/// The number of a custom section.
const CUSTOM: u8 = 0;

/// A section of the top level.
pub(crate) struct Frame<'a> {
    /// Its place in the file, with its head.
    pub(crate) range: Range<usize>,
    /// The name and the content, of a custom section.
    pub(crate) custom: Option<(&'a str, &'a [u8])>,
}

/// Cuts a component into its sections, or says why it is none. Every byte after the header is part of exactly one.
pub(crate) fn frames(bytes: &[u8]) -> Result<Vec<Frame<'_>>, InspectError> {
    header(bytes)?;
    let truncated = |_| InspectError::Truncated {
        size: bytes.len() as u64,
    };
    let mut reader = BinaryReader::new(bytes, 0);
    reader.read_bytes(HEADER).map_err(truncated)?;
    let mut frames = Vec::new();
    while !reader.eof() {
        if frames.len() >= MAX_SECTIONS {
            return Err(InspectError::TooMany {
                what: "sections",
                most: MAX_SECTIONS,
            });
        }
        let start = reader.original_position();
        let id = reader.read_u8().map_err(truncated)?;
        let at = reader.original_position();
        let size = reader.read_var_u32().map_err(|error| {
            // A size of too many digits is wrong; one that the end cuts off is not.
            if bytes.len() - at < 5 {
                truncated(error)
            } else {
                error.into()
            }
        })?;
        let content_at = reader.original_position();
        let content = reader.read_bytes(size as usize).map_err(truncated)?;
        let custom = if id == CUSTOM {
            let mut inner = BinaryReader::new(content, content_at);
            let name = inner.read_string()?;
            let rest = inner.read_bytes(inner.bytes_remaining())?;
            Some((name, rest))
        } else {
            None
        };
        frames.push(Frame {
            range: start..reader.original_position(),
            custom,
        });
    }
    Ok(frames)
}

/// Looks at the first bytes.
fn header(bytes: &[u8]) -> Result<(), InspectError> {
    if bytes.is_empty() {
        return Err(InspectError::Empty);
    }
    let head = bytes.get(..HEADER.min(bytes.len())).unwrap_or_default();
    if !head.starts_with(MAGIC) && !MAGIC.starts_with(head) {
        let text = bytes.trim_ascii_start();
        return Err(
            if text.starts_with(b"(component") || text.starts_with(b"(module") {
                InspectError::Text
            } else {
                InspectError::NotWasm
            },
        );
    }
    match head {
        [_, _, _, _, 0x0d, 0, 1, 0] => Ok(()),
        [_, _, _, _, 1, 0, 0, 0] => Err(InspectError::CoreModule),
        [_, _, _, _, a, b, c, d] => Err(InspectError::Version(u32::from_le_bytes([*a, *b, *c, *d]))),
        _ => Err(InspectError::Truncated {
            size: bytes.len() as u64,
        }),
    }
}
