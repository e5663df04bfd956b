//! The contract with plugins, as Rust.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated"
)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "fact:plugin/plugin",
    imports: { default: async | trappable },
    exports: { default: async },
    require_store_data_send: true,
});
