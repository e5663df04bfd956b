//! The connector to the web: `request`, `health`, `parse_json` and `extract_links`.
//!
//! It speaks plain `wasi:http`, as any component may. The host sees every request, a redirect's too, and decides about each one; no
//! check in here stands for one of the host's.

mod client;
mod health;
mod json;
mod links;
mod message;
mod request;
mod transport;
#[cfg(target_family = "wasm")]
mod wasi;

fact_sdk::plugin!(
    request::request, health::health, json::parse_json, links::extract_links;
    name = "http",
    capabilities = [
        "http:*:https://*" => "to make the requests you ask for; name the servers, and the methods, to allow no more than those"
    ]
);
