//! Components written by hand: small, quick to compile, and made while a test runs.

use std::path::PathBuf;
use std::sync::OnceLock;

use fact_core::types::{Digest, Error, PluginName};
use fact_core::{Source, Update};
use serde_json::{Value, json};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

use crate::rig::Rig;

/// A component that says what it is, of definitions and the instructions of its tools, which leave the address of an answer.
/// All memory from 4096 on is zero, and an answer of zeros is an empty one.
pub(crate) fn forge(manifest: &str, definitions: &str, instructions: &str) -> Vec<u8> {
    let says = format!(
        r#"(data (memory $main) (i32.const 1024) "{}")
           (data (memory $main) (i32.const 512) "\00\04\00\00{}")"#,
        manifest.replace('"', "\\22"),
        little_endian(manifest.len()),
    );
    assert!(manifest.len() < 3000, "what stands behind it begins at 4096");
    encode(&format!("{definitions} {says}"), "(i32.const 512)", instructions)
}

/// A component of definitions and what its two functions do.
fn encode(definitions: &str, describe: &str, call: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            {definitions}
            (memory $main (export "memory") 2)
            (global $top (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $top (i32.add (global.get $top) (i32.and (i32.add (local.get 3) (i32.const 15)) (i32.const -16))))
                (i32.sub (global.get $top) (i32.and (i32.add (local.get 3) (i32.const 15)) (i32.const -16))))
            (func (export "fact:plugin/tools@0.1.0#describe") (result i32) {describe})
            (func (export "fact:plugin/tools@0.1.0#call")
                (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
                {call}))"#
    );
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let (resolve, world) = contract();
    embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

/// The contract, read once.
fn contract() -> &'static (Resolve, WorldId) {
    static CONTRACT: OnceLock<(Resolve, WorldId)> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let mut resolve = Resolve::default();
        let (package, _) = resolve
            .push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit"))
            .unwrap();
        let world = resolve
            .select_world(&[package], Some("plugin-with-wasi"))
            .unwrap();
        (resolve, world)
    })
}

/// A number of 32 bits, as a WebAssembly text writes its bytes.
fn little_endian(number: usize) -> String {
    u32::try_from(number)
        .unwrap()
        .to_le_bytes()
        .map(|byte| format!("\\{byte:02x}"))
        .concat()
}

/// An import that a version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Import {
    /// `wasi:random/random`, which `random:secure` grants.
    Random,
    /// `wasi:clocks/wall-clock`, which `clock:wall` grants.
    Clock,
}

impl Import {
    fn definition(self) -> &'static str {
        match self {
            Import::Random => {
                r#"(import "wasi:random/random@0.2.12" "get-random-u64" (func $random (result i64)))"#
            }
            Import::Clock => r#"(import "wasi:clocks/wall-clock@0.2.12" "now" (func $now (param i32)))"#,
        }
    }
}

/// A version of a plugin. Its manifest stands in its section; its own `describe` traps, so that whoever runs it is found out.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    manifest: Value,
    says: String,
    imports: Vec<Import>,
}

impl Version {
    /// A version of the plugin `name` with one tool, `say`.
    pub(crate) fn new(name: &str, says: &str) -> Self {
        let manifest = json!({
            "name": name,
            "version": "1.0.0",
            "description": "Says a word",
            "license": "MIT",
            "tools": [tool("say", "Answers with one word, always the same")],
        });
        Version {
            manifest,
            says: says.to_owned(),
            imports: Vec::new(),
        }
    }

    /// The same, which answers with another word.
    pub(crate) fn saying(&self, says: &str) -> Self {
        Version {
            says: says.to_owned(),
            ..self.clone()
        }
    }

    /// The same, with another manifest.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut Value)) -> Self {
        let mut new = self.clone();
        edit(&mut new.manifest);
        new
    }

    /// The same, with an import.
    pub(crate) fn importing(&self, import: Import) -> Self {
        let mut new = self.clone();
        new.imports.push(import);
        new
    }

    /// What it answers.
    pub(crate) fn word(&self) -> &str {
        &self.says
    }

    /// The component.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        fact_component::embed_manifest(&self.silent(), &self.manifest.to_string()).unwrap()
    }

    /// The component without its section.
    pub(crate) fn silent(&self) -> Vec<u8> {
        let word = json!(self.says).to_string();
        let definitions: Vec<&str> = self.imports.iter().map(|import| import.definition()).collect();
        let definitions = format!(
            r#"{} (data (memory $main) (i32.const 5000) "{}")"#,
            definitions.concat(),
            word.replace('"', "\\22")
        );
        // The structured part of the answer: it is there, and is so many bytes from there on.
        let answer = format!(
            "(i32.store (i32.const 4112) (i32.const 1)) (i32.store (i32.const 4116) (i32.const 5000)) \
             (i32.store (i32.const 4120) (i32.const {})) (i32.const 4096)",
            word.len()
        );
        // What is imported and never called is left out by the encoder.
        let calls: Vec<&str> = self
            .imports
            .iter()
            .map(|import| match import {
                Import::Random => "(if (i32.const 0) (then (drop (call $random))))",
                Import::Clock => "(if (i32.const 0) (then (call $now (i32.const 6000))))",
            })
            .collect();
        encode(
            &definitions,
            "(unreachable)",
            &format!("{} {answer}", calls.concat()),
        )
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.bytes())
    }

    /// The version as something to install.
    pub(crate) fn source(&self) -> Source {
        Source::Bytes {
            label: "test:forged".to_owned(),
            bytes: self.bytes(),
        }
    }
}

/// A tool in a manifest.
pub(crate) fn tool(name: &str, description: &str) -> Value {
    json!({ "name": name, "description": description, "input_schema": { "type": "object" } })
}

pub(crate) fn name(name: &str) -> PluginName {
    name.parse().unwrap()
}

impl Rig {
    /// Installs a version, which must do.
    pub(crate) async fn install_version(&self, version: &Version, grants: &[&str]) {
        self.install_bytes("test:forged".to_owned(), &version.bytes(), grants)
            .await
            .unwrap();
    }

    /// Where the bytes of a component are kept.
    pub(crate) fn component(&self, digest: Digest) -> PathBuf {
        self.data().join(format!("components/{digest}.wasm"))
    }

    pub(crate) fn component_is_there(&self, digest: Digest) -> bool {
        self.component(digest).exists()
    }

    /// Gives a plugin a version.
    pub(crate) async fn update(&self, plugin: &str, version: &Version) -> Result<Update, Error> {
        self.host
            .registry()
            .update(&name(plugin), version.source(), false)
            .await
    }
}
