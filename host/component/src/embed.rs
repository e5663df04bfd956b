//! Writing custom sections of text into a component.

use wasm_encoder::{CustomSection, Section};

use crate::walk::{HEADER, frames};
use crate::{InspectError, MANIFEST_SECTION, MAX_MANIFEST};

/// The component with the manifest as its last section, in place of one that was there. All other bytes stay.
///
/// # Errors
/// When the bytes are no component, or the manifest is larger than [`MAX_MANIFEST`].
pub fn embed_manifest(bytes: &[u8], manifest_json: &str) -> Result<Vec<u8>, InspectError> {
    if manifest_json.len() > MAX_MANIFEST {
        return Err(InspectError::manifest(format!(
            "the manifest has {} bytes; at most {MAX_MANIFEST} are allowed",
            manifest_json.len()
        )));
    }
    embed_texts(bytes, &[(MANIFEST_SECTION, manifest_json)])
}

/// The component with custom sections of text at its end, each in place of those of its name. All other bytes stay. The
/// names that [`Metadata`](crate::Metadata) reads are `version`, `description`, `licenses`, `authors`, `source`, `revision`
/// and `homepage`.
///
/// # Errors
/// When the bytes are no component.
pub fn embed_texts(bytes: &[u8], sections: &[(&str, &str)]) -> Result<Vec<u8>, InspectError> {
    let frames = frames(bytes)?;
    let added: usize = sections
        .iter()
        .map(|(name, text)| name.len() + text.len() + 16)
        .sum();
    let mut out = Vec::with_capacity(bytes.len() + added);
    out.extend_from_slice(bytes.get(..HEADER).unwrap_or_default());
    for frame in frames {
        let replaced = |(own, _): (&str, &[u8])| sections.iter().any(|(name, _)| *name == own);
        if !frame.custom.is_some_and(replaced) {
            out.extend_from_slice(bytes.get(frame.range).unwrap_or_default());
        }
    }
    for (name, text) in sections {
        CustomSection {
            name: (*name).into(),
            data: text.as_bytes().into(),
        }
        .append_to(&mut out);
    }
    Ok(out)
}
