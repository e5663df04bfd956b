//! `fact plugin inspect`: what a component is, from its bytes alone. Nothing of it is run.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use fact_component::{Inspection, Interface, Signature};
use fact_core::types::Manifest;
use fact_types::Code;
use serde_json::json;

use super::about;
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{clip, counted, one_line};

/// Largest file that is read: several times the largest component that can be installed.
const MAX_FILE: u64 = 1 << 30;

/// Most sections that people are shown.
const SECTIONS: usize = 8;

const EXAMPLES: &str = "\
Examples:
  fact plugin inspect adder.wasm
  fact plugin inspect adder.wasm --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Inspect {
    /// A component (.wasm).
    file: PathBuf,
}

impl Inspect {
    pub(in crate::verbs) fn run(self, context: &Context) -> Result<(), Failure> {
        let bytes = read(&self.file)?;
        let found = fact_component::inspect(&bytes)
            .map_err(|error| Failure::new(Code::BadComponent, one_line(&error.to_string())))?;
        let read = found
            .manifest
            .as_deref()
            .map(fact_core::read_manifest)
            .transpose();
        let (manifest, warnings) = match read {
            Ok(read) => read.map_or((None, Vec::new()), |(manifest, warnings)| {
                (Some(Ok(manifest)), warnings)
            }),
            Err(error) => (Some(Err(error)), Vec::new()),
        };
        let screen = context.screen();
        if screen.json_wanted() {
            let problem = manifest.as_ref().and_then(|manifest| manifest.as_ref().err());
            let problem = problem.map(|error| error.message.clone());
            let manifest = manifest.and_then(Result::ok);
            let mut document = serde_json::to_value(&found)
                .map_err(|error| Failure::internal("an inspection is no JSON", &error))?;
            if let Some(map) = document.as_object_mut() {
                map.insert("file".to_owned(), json!(self.file));
                map.insert("could_use".to_owned(), json!(found.kinds()));
                map.insert(
                    "asks_for".to_owned(),
                    manifest.as_ref().map(about::requests_json).into(),
                );
                map.insert("manifest".to_owned(), json!(manifest));
                map.insert("problem".to_owned(), json!(problem));
                map.insert("warnings".to_owned(), json!(warnings));
            }
            return screen.json(&document);
        }
        let mut text = facts(&self.file.display().to_string(), &found);
        match &manifest {
            Some(Ok(manifest)) => text.push_str(&claims(manifest)),
            Some(Err(error)) => text.push_str(&format!(
                "\n{} It will not be installed.\n",
                one_line(&clip(&error.message, 400))
            )),
            None if found.is_contract => text.push_str(
                "\nNo manifest section: `fact plugin build` writes one; without it, install asks the component once.\n",
            ),
            None => text.push_str("\nNo plugin contract: install makes a tool of each function that it can.\n"),
        }
        for warning in &warnings {
            text.push_str(&format!("\nwarning: {}\n", one_line(warning)));
        }
        text.push_str(&interfaces(
            "\nImports",
            &found.imports,
            &found.imported_functions,
        ));
        text.push_str(&interfaces("\nExports", &found.exports, &found.functions));
        text.push_str("\nBytes\n");
        for section in found.sections.iter().take(SECTIONS) {
            text.push_str(&format!(
                "  {:>9}  {}\n",
                about::size(section.size),
                one_line(&section.name)
            ));
        }
        screen.line(text)
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::new(Code::NotFound, format!("There is no file `{shown}`.")),
        kind => Failure::new(Code::Unavailable, format!("`{shown}` can't be read: {kind}.")),
    };
    // Looked at before it is opened: opening a pipe waits for someone to write.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Failure::new(
            Code::InvalidInput,
            format!("`{shown}` is no regular file; name the component's .wasm file."),
        ));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes))
        .map_err(failed)?;
    Ok(bytes)
}

/// What is so, whatever the component says.
fn facts(file: &str, found: &Inspection) -> String {
    let mut text = format!("{}\n", one_line(file));
    let mut line = |label: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("  {label:<11}{value}\n"));
        }
    };
    let kind = if found.is_contract {
        "FACT plugin"
    } else {
        "component without the plugin contract"
    };
    line(
        "kind",
        format!("{kind}, {}", counted(found.modules as usize, "core module")),
    );
    line(
        "size",
        format!("{} ({} bytes)", about::size(found.size), found.size),
    );
    line("digest", format!("sha256:{}", found.digest));
    line("could use", about::could_use(found));
    line(
        "signature",
        match &found.signature {
            Signature::None => "not signed".to_owned(),
            Signature::Sections(names) => format!("in {}, not checked", one_line(&names.join(", "))),
        },
    );
    let said = &found.metadata;
    for (label, value) in [
        ("name", &said.name),
        ("version", &said.version),
        ("about", &said.description),
        ("licence", &said.licenses),
        ("authors", &said.authors),
        ("source", &said.source),
        ("revision", &said.revision),
        ("homepage", &said.homepage),
    ] {
        line(label, one_line(&clip(value.as_deref().unwrap_or_default(), 200)));
    }
    let made: Vec<String> = said
        .producers
        .iter()
        .map(|producer| {
            format!("{} {}", producer.name, producer.version)
                .trim()
                .to_owned()
        })
        .collect();
    line("made with", one_line(&made.join(", ")));
    text
}

/// What the manifest claims.
fn claims(manifest: &Manifest) -> String {
    let mut text = format!(
        "\nIt says that it is {} {}, with the tools\n{}",
        one_line(&manifest.name),
        one_line(&manifest.version),
        about::tools(manifest)
    );
    let requests = about::requests(manifest);
    if requests.is_empty() {
        text.push_str("\nIt asks for nothing.\n");
    } else {
        text.push_str("\nIt asks for\n");
        for request in requests {
            text.push_str(&format!("  {request}\n"));
        }
    }
    text
}

fn interfaces(title: &str, interfaces: &[Interface], functions: &[String]) -> String {
    let mut text = format!("{title}\n");
    if interfaces.is_empty() && functions.is_empty() {
        text.push_str("  nothing\n");
    }
    for interface in interfaces {
        text.push_str(&format!("  {}\n", one_line(&interface.name)));
    }
    for function in functions {
        text.push_str(&format!("  {} (a function)\n", one_line(function)));
    }
    text
}
