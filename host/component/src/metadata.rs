//! What a component's well-known custom sections say about where it comes from. Claims, all of them.

use serde::Serialize;
use wasmparser::{BinaryReader, ComponentName, ComponentNameSectionReader, ProducersSectionReader};

/// Longest value that is kept, in characters; more is cut off. People read these.
const MAX_TEXT: usize = 4096;

/// Longest name of a producer, in characters.
const MAX_PRODUCER: usize = 100;

/// Largest section of producers that is read, and most producers that are kept of a component.
const MAX_PRODUCERS: (usize, usize) = (64 << 10, 64);

/// Where a component comes from, in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// An SPDX expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licenses: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authors: Option<String>,
    /// Where its source is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Which revision of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Where more is to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// Languages and tools that it was made with, of it and of the modules in it.
    pub producers: Vec<Producer>,
}

/// A language or a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Producer {
    /// `language`, `processed-by` or `sdk`.
    pub role: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Metadata {
    /// Takes what a custom section at the top level says. What is malformed is passed over.
    pub(crate) fn take(&mut self, name: &str, data: &[u8]) {
        let place = match name {
            "component-name" => {
                if let Some(name) = component_name(data) {
                    self.name = Some(name);
                }
                return;
            }
            "version" => &mut self.version,
            "description" => &mut self.description,
            "licenses" => &mut self.licenses,
            "authors" => &mut self.authors,
            "source" => &mut self.source,
            "revision" => &mut self.revision,
            "homepage" => &mut self.homepage,
            _ => return,
        };
        if let Some(text) = std::str::from_utf8(data).ok().filter(|text| !text.is_empty()) {
            *place = Some(cut(text, MAX_TEXT));
        }
    }

    /// Takes a section of producers, wherever it stands.
    pub(crate) fn take_producers(&mut self, data: &[u8]) {
        let (size, most) = MAX_PRODUCERS;
        if data.len() > size {
            return;
        }
        let Ok(fields) = ProducersSectionReader::new(BinaryReader::new(data, 0)) else {
            return;
        };
        for field in fields {
            let Ok(field) = field else { return };
            for value in field.values {
                let Ok(value) = value else { return };
                let producer = Producer {
                    role: cut(field.name, MAX_PRODUCER),
                    name: cut(value.name, MAX_PRODUCER),
                    version: cut(value.version, MAX_PRODUCER),
                };
                if self.producers.len() < most && !self.producers.contains(&producer) {
                    self.producers.push(producer);
                }
            }
        }
    }
}

fn component_name(data: &[u8]) -> Option<String> {
    // The name comes first, where there is one.
    match ComponentNameSectionReader::new(BinaryReader::new(data, 0)).next() {
        Some(Ok(ComponentName::Component { name, .. })) => Some(cut(name, MAX_TEXT)),
        _ => None,
    }
}

/// The first characters of a text.
pub(crate) fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
