//! Loads a component and calls one of its tools:
//!
//! ```console
//! cargo run -p fact-core --example embed -- adder.wasm adder_add '{"a": 1, "b": 2}'
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use anyhow::Context;
use fact_core::{Config, Host, InstallOptions, Source};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let file = args.next().context("usage: embed FILE TOOL [ARGUMENTS]")?;
    let tool = args.next().context("usage: embed FILE TOOL [ARGUMENTS]")?;
    let arguments = serde_json::from_str(&args.next().unwrap_or("{}".to_owned()))?;

    // Guests that spin never hold more threads than there are cores; the executor has twice as many.
    let executor = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(fact_core::worker_threads())
        .enable_all()
        .build()?;
    executor.block_on(async {
        let folder = tempfile::tempdir()?;
        let host = Host::open(Config::in_folder(folder.path()))?;
        // Nothing is granted, so whatever the component tries, it reaches nothing.
        host.registry()
            .install(Source::File(file.into()), InstallOptions::default())
            .await?;
        let answer = host.call_json(&tool, arguments).await;
        println!("{}", answer.text()?);
        eprintln!(
            "{} µs, {} bytes at most",
            answer.receipt.total.as_micros(),
            answer.receipt.peak_memory
        );
        Ok(())
    })
}
