//! Plain components as a whole: what becomes a tool, what a call comes to, what is refused.

use fact_egress::{Egress, EgressConfig};
use fact_store::{Databases, KvStore, SqlLimits};
use fact_types::{Access, ByteSize, CallId, Capability, Code, Content, Digest, Limits, Outcome, ToolSpec};
use serde_json::{Value, json};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

use crate::nobody::Nobody;
use crate::{CallInput, CallReport, Compiled, Grants, LoadError, Runtime, RuntimeConfig, Services};

mod calls;
mod imports;
mod schemas;

fn runtime() -> Runtime {
    let services = Services {
        egress: Egress::new(EgressConfig::default()).unwrap(),
        databases: Databases::new(Default::default(), SqlLimits::default()),
        // Nothing here has a grant to it, so the folder is never made.
        values: KvStore::new(std::path::Path::new("none")),
        peers: Nobody::new(),
        facts: Nobody::new(),
    };
    let config = RuntimeConfig {
        slots: 4,
        ..RuntimeConfig::default()
    };
    Runtime::new(config, services).unwrap()
}

/// A component with the types of a world and no work in it.
fn of_wit(text: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve
        .push_source("world.wit", text)
        .unwrap_or_else(|error| panic!("{error:?}"));
    let world = resolve.select_world(&[package], Some("w")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

/// A component written out.
fn of_text(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn load(runtime: &Runtime, bytes: Vec<u8>) -> Compiled {
    runtime
        .load(Digest::of(&bytes), &Limits::default(), || Ok(bytes))
        .unwrap()
}

fn tools(bytes: Vec<u8>) -> Result<Vec<ToolSpec>, LoadError> {
    let runtime = runtime();
    let compiled = load(&runtime, bytes);
    assert!(!compiled.is_contract());
    let linked = runtime.link(&compiled, Grants::default(), &Limits::default());
    let tools = runtime.plain_tools(&compiled, &|_, _| None, 31);
    // What has tools can be linked, and what has none can't.
    let linked = linked.map(drop);
    assert_eq!(tools.is_ok(), linked.is_ok(), "{tools:?} {linked:?}");
    tools
}

fn names(tools: &[ToolSpec]) -> Vec<&str> {
    tools.iter().map(|tool| tool.name.as_str()).collect()
}

/// Calls a function once, with grants.
fn call_with(
    bytes: Vec<u8>,
    grants: &[&str],
    limits: &Limits,
    export: &str,
    arguments: &Value,
) -> CallReport {
    let runtime = runtime();
    let compiled = load(&runtime, bytes);
    let grants: Vec<Capability> = grants.iter().map(|grant| grant.parse().unwrap()).collect();
    let linked = runtime.link(&compiled, Grants::new(&grants), limits).unwrap();
    let arguments = arguments.to_string();
    let input = CallInput {
        id: CallId::new(),
        plugin: &"plain".parse().unwrap(),
        within: None,
        tool: "any",
        export: Some(export),
        arguments: &arguments,
        resume: None,
        grants: None,
        principal: &fact_types::Principal::local(),
        reads_only: false,
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(runtime.call(&linked, limits, input, std::future::pending()))
}

fn call(bytes: Vec<u8>, export: &str, arguments: &Value) -> CallReport {
    call_with(bytes, &[], &Limits::default(), export, arguments)
}

fn structured(report: CallReport) -> Option<Value> {
    match report.result {
        Ok(Outcome::Complete(output)) => output.structured,
        other => panic!("{other:?}"),
    }
}

fn code(report: &CallReport) -> Option<Code> {
    report.result.as_ref().err().map(|failure| failure.code)
}
