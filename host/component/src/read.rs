//! Reading a component's bytes once, from the first to the last.

use std::collections::{BTreeMap, BTreeSet};

use fact_types::Digest;
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::{Types, TypesRef};
use wasmparser::{Encoding, Parser, Payload, ValidPayload, Validator, WasmFeatures};

use crate::metadata::cut;
use crate::walk::{MAX_SECTIONS, frames};
use crate::{
    Docs, InspectError, Inspection, Interface, MANIFEST_SECTION, MAX_MANIFEST, Metadata, Section, Signature,
    docs, nesting,
};

/// Most levels of components and modules in each other. Composed components have three or four.
const MAX_DEPTH: usize = 32;

/// Most modules and components in one. The largest known, of Python, have some 100.
const MAX_PARTS: u32 = 1000;

/// Most imports, and most exports.
const MAX_NAMES: usize = 4096;

/// Most memory for the names of functions, in bytes. Many interfaces may share one large type, so this is not bounded by
/// the size of the file.
const MAX_NAME_BYTES: usize = 4 << 20;

/// Most custom sections that are told apart. The rest is summed up.
const MAX_KINDS: usize = 256;

/// Longest name of a custom section that is shown, in characters.
const MAX_SHOWN: usize = 64;

/// The interface that makes a component a plugin, up to the last part of its version.
const CONTRACT: &str = "fact:plugin/tools@0.1.";

/// The sections in which tools keep signatures.
const SIGNATURES: [&str; 2] = ["signature", "signature_delimiter"];

/// Says what a component is, from its bytes alone.
///
/// # Errors
/// When they are no component, or one that is malformed, cut off, or larger in some respect than any real one.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    let mut found = Found::default();
    for (name, data) in frames(bytes)?.into_iter().filter_map(|frame| frame.custom) {
        found.top_section(name, data)?;
    }
    let types = found.read(bytes)?;
    let (imports, imported_functions) = listed(&types, found.imports, TypesRef::component_item_for_import)?;
    let (exports, functions) = listed(&types, found.exports, TypesRef::component_item_for_export)?;
    Ok(Inspection {
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        is_contract: exports
            .iter()
            .any(|interface| interface.name.starts_with(CONTRACT)),
        imports,
        imported_functions,
        exports,
        functions,
        manifest: found.manifest,
        docs: found.docs.unwrap_or_default(),
        metadata: found.metadata,
        sections: found.sections.finish(),
        signature: if found.signatures.is_empty() {
            Signature::None
        } else {
            Signature::Sections(found.signatures.into_iter().collect())
        },
        modules: found.modules,
    })
}

/// What was found so far.
#[derive(Default)]
struct Found {
    imports: Vec<String>,
    exports: Vec<String>,
    manifest: Option<String>,
    docs: Option<Docs>,
    metadata: Metadata,
    sections: Sections,
    signatures: BTreeSet<String>,
    modules: u32,
}

impl Found {
    /// Takes a custom section of the top level.
    fn top_section(&mut self, name: &str, data: &[u8]) -> Result<(), InspectError> {
        match name {
            MANIFEST_SECTION => {
                if data.len() > MAX_MANIFEST {
                    return Err(InspectError::manifest(format!(
                        "it has {} bytes; at most {MAX_MANIFEST} are allowed",
                        data.len()
                    )));
                }
                let text = std::str::from_utf8(data).map_err(|_| InspectError::manifest("it is no UTF-8"))?;
                if self.manifest.replace(text.to_owned()).is_some() {
                    return Err(InspectError::manifest("it stands there twice"));
                }
            }
            docs::SECTION if self.docs.is_none() => self.docs = Some(Docs::decode(data)),
            _ if SIGNATURES.contains(&name) => {
                self.signatures.insert(name.to_owned());
            }
            _ => self.metadata.take(name, data),
        }
        Ok(())
    }

    /// Goes through everything, checks that it fits together, and gives the types of the whole.
    fn read(&mut self, bytes: &[u8]) -> Result<Types, InspectError> {
        // What the engine does not support it refuses itself, and can say so better.
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        let (mut depth, mut parts, mut sections) = (0usize, 0u32, 0usize);
        let mut whole = None;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            match &payload {
                Payload::Version { encoding, .. } => {
                    depth += 1;
                    parts += 1;
                    self.modules += u32::from(*encoding == Encoding::Module);
                }
                Payload::End(_) => depth -= 1,
                Payload::CodeSectionStart { size, .. } => self.sections.add("code", u64::from(*size)),
                Payload::DataSection(section) => self.sections.add("data", section.range().len() as u64),
                Payload::CustomSection(section) => {
                    self.sections.add(section.name(), section.data().len() as u64);
                    if section.name() == "producers" {
                        self.metadata.take_producers(section.data());
                    }
                }
                Payload::ComponentTypeSection(section) => {
                    let range = section.range();
                    nesting::check(bytes.get(range.clone()).unwrap_or_default(), range.start)?;
                }
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section.clone() {
                        push(&mut self.imports, import?.name.name, "imports")?;
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section.clone() {
                        push(&mut self.exports, export?.name.name, "exports")?;
                    }
                }
                _ => {}
            }
            if !matches!(payload, Payload::CodeSectionEntry(_)) {
                sections += 1;
            }
            if depth > MAX_DEPTH {
                return Err(InspectError::TooDeep(MAX_DEPTH));
            }
            if parts > MAX_PARTS {
                return Err(too_many("modules and components", MAX_PARTS as usize));
            }
            if sections > 2 * MAX_SECTIONS {
                return Err(too_many("sections", 2 * MAX_SECTIONS));
            }
            if let ValidPayload::End(types) = validator.payload(&payload)? {
                whole = Some(types);
            }
        }
        whole.ok_or(InspectError::Truncated {
            size: bytes.len() as u64,
        })
    }
}

fn too_many(what: &'static str, most: usize) -> InspectError {
    InspectError::TooMany { what, most }
}

fn push(to: &mut Vec<String>, name: &str, what: &'static str) -> Result<(), InspectError> {
    if to.len() >= MAX_NAMES {
        return Err(too_many(what, MAX_NAMES));
    }
    to.push(name.to_owned());
    Ok(())
}

type Look<'a> = fn(&TypesRef<'a>, &str) -> Option<&'a wasmparser::component_types::ComponentItem>;

/// Interfaces with their functions, and functions outside of them. Types, modules and the like are left out.
fn listed<'a>(
    types: &'a Types,
    names: Vec<String>,
    look: Look<'a>,
) -> Result<(Vec<Interface>, Vec<String>), InspectError> {
    let types = types.as_ref();
    let (mut interfaces, mut functions) = (Vec::new(), Vec::new());
    let mut room = MAX_NAME_BYTES;
    for name in names {
        match look(&types, &name).map(|item| item.ty) {
            Some(ComponentEntityType::Func(_)) => functions.push(name),
            Some(ComponentEntityType::Instance(id)) => {
                let mut inside = Vec::new();
                for (name, item) in types.get(id).into_iter().flat_map(|instance| &instance.exports) {
                    if let ComponentEntityType::Func(_) = item.ty {
                        // The text, and about what keeping it costs.
                        room = room
                            .checked_sub(name.len() + 32)
                            .ok_or_else(|| too_many("bytes of names of functions", MAX_NAME_BYTES))?;
                        inside.push(name.clone());
                    }
                }
                interfaces.push(Interface {
                    name,
                    functions: inside,
                });
            }
            _ => {}
        }
    }
    Ok((interfaces, functions))
}

/// Sizes by name.
#[derive(Default)]
struct Sections {
    by_name: BTreeMap<String, u64>,
    other: u64,
}

impl Sections {
    fn add(&mut self, name: &str, size: u64) {
        let name = cut(name, MAX_SHOWN);
        if let Some(sum) = self.by_name.get_mut(&name) {
            *sum += size;
        } else if self.by_name.len() < MAX_KINDS {
            self.by_name.insert(name, size);
        } else {
            self.other += size;
        }
    }

    fn finish(self) -> Vec<Section> {
        let mut sections: Vec<Section> = self
            .by_name
            .into_iter()
            .map(|(name, size)| Section { name, size })
            .collect();
        if self.other > 0 {
            sections.push(Section {
                name: "others".to_owned(),
                size: self.other,
            });
        }
        sections.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
        sections
    }
}
