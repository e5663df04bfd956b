//! What `wit-bindgen` makes of the contract in `wit/`. Nothing outside this crate needs it, but the code that
//! [`plugin!`](crate::plugin) puts into a plugin does.
#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "plugin",
    pub_export_macro: true,
    export_macro_name: "__export",
    default_bindings_module: "::fact_sdk::bindings",
    runtime_path: "::fact_sdk::__private::wit_bindgen::rt",
});
