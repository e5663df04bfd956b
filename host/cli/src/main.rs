//! The `fact` command: one file a verb, and no logic of its own. What a verb does, [`fact_core::Host`] does.
//!
//! Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 the tool or the question
//! failed, 2 wrong usage, 3 denied, 4 not found, 5 unavailable or out of time.

mod args;
mod context;
mod failure;
mod input;
mod logging;
mod progress;
mod screen;
mod stop;
mod times;
mod verbs;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::context::Context;
use crate::failure::Failure;

fn main() -> ExitCode {
    // Before anything else is started, and no verb for people: how a host compiles in a process of its own.
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|verb| verb == fact_core::COMPILE_VERB)
    {
        return fact_core::compile_child(arguments);
    }
    let (cli, format) = match args::parse() {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let context = Arc::new(Context::new(&cli.global, format));
    let result = logging::start(&context).and_then(|()| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(fact_core::worker_threads())
            .enable_all()
            .build()
            .map_err(|error| Failure::internal("no threads can be started", &error))?;
        let result = runtime.block_on(stop::until_signal(
            Arc::clone(&context),
            verbs::run(Arc::clone(&context), cli.verb),
        ));
        // Whatever still waits (for a line from a terminal, say) has nobody who waits for it.
        runtime.shutdown_timeout(Duration::from_millis(50));
        // Calls that this cancelled count too. What hangs in a thread may keep the host from being dropped, which would do it.
        if let Some(host) = context.opened() {
            host.save_usage();
        }
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => context.screen().failure(&failure),
    }
}
