//! Ctrl-C and SIGTERM: calls that run end with `cancelled`, and the program ends within two seconds.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fact_types::Code;

use crate::context::Context;
use crate::failure::Failure;

/// What calls that are nearly done still get.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the verb gets to tell of its cancelled calls.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs a verb until it is done or a signal ends it.
pub(crate) async fn until_signal(
    context: Arc<Context>,
    verb: impl Future<Output = Result<(), Failure>> + Send + 'static,
) -> Result<(), Failure> {
    // A task of its own: what blocks in it must not keep the signal from being heard.
    let mut verb = tokio::spawn(verb);
    let stopping = async {
        signal().await;
        if let Some(host) = context.opened() {
            host.stop(PATIENCE).await;
            tokio::time::sleep(LAST_WORDS).await;
        }
    };
    let result = tokio::select! {
        result = &mut verb => result,
        () = stopping => return match context.is_left_by_signal() {
            true => Ok(()),
            false => Err(Failure::new(Code::Cancelled, "Stopped before it was done.")),
        },
    };
    result.unwrap_or_else(|error| Err(Failure::internal("a verb ended in an unexpected way", &error)))
}

/// Waits for the signal to stop.
#[cfg(unix)]
pub(crate) async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind| match signal(kind) {
        Ok(mut stream) => {
            stream.recv().await;
        }
        // Then the system's own way of ending a program holds.
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
    }
}

/// Waits for the signal to stop.
#[cfg(not(unix))]
pub(crate) async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
