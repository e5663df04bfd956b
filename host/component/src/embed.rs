//! Writing the manifest into a component.

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
    let frames = frames(bytes)?;
    let mut out = Vec::with_capacity(bytes.len() + manifest_json.len() + 64);
    out.extend_from_slice(bytes.get(..HEADER).unwrap_or_default());
    for frame in frames {
        if frame.custom.is_none_or(|(name, _)| name != MANIFEST_SECTION) {
            out.extend_from_slice(bytes.get(frame.range).unwrap_or_default());
        }
    }
    CustomSection {
        name: MANIFEST_SECTION.into(),
        data: manifest_json.as_bytes().into(),
    }
    .append_to(&mut out);
    Ok(out)
}
