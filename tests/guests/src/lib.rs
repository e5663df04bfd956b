//! What the guests of the tests have in common. The guests themselves stand in `guests/`, a file each, and become a
//! component each. A new one is declared in `Cargo.toml`, and needs a test of its name in `tests/it/hostile.rs`: the build
//! fails without.

pub mod files;
mod http;

pub use http::{Answer, Get, Response, exchange, get};

/// A manifest for guests that do without the SDK's: tools that take no arguments.
pub fn manifest(name: &str, tools: &[&str]) -> String {
    let tool = |name: &&str| {
        fact_sdk::serde_json::json!({
            "name": name,
            "description": "",
            "input_schema": { "type": "object", "additionalProperties": false },
        })
    };
    fact_sdk::serde_json::json!({
        "name": name,
        "version": "0.1.0",
        "tools": tools.iter().map(tool).collect::<Vec<_>>(),
    })
    .to_string()
}

/// Makes a component of a type that implements the contract by itself.
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
    fact_sdk::bindings::__export!($plugin with_types_in fact_sdk::bindings);
        };

        // Outside a component nobody asks, and the compiler should not wonder.
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> String = <$plugin as Guest>::describe;
    };
}
