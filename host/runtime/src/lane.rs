//! The slow lane: what keeps spinning guests out of everyone's way.
//!
//! A guest that has used the processor for longer than a tick goes on only with one of as many permits as there are
//! cores, one tick at a time, in turn with the others that do. So however many guests spin, a new call finds a short queue:
//! it is never behind more than a handful of ticks.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The permits.
#[derive(Clone)]
pub(crate) struct Lane {
    permits: Arc<Semaphore>,
}

/// The permit that one call holds, if it does.
#[derive(Clone, Default)]
pub(crate) struct Held(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Lane {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Lane {
            permits: Arc::new(Semaphore::new(cores)),
        }
    }

    /// Waits for this call's turn.
    pub(crate) async fn turn(self, held: Held) {
        // The executor gets its word first, so that what became ready meanwhile runs before the next turn.
        tokio::task::yield_now().await;
        // Fails only when the semaphore is closed, which nobody does.
        if let Ok(permit) = self.permits.acquire_owned().await {
            held.put(Some(permit));
        }
    }
}

impl Held {
    /// Gives the permit back.
    pub(crate) fn release(&self) {
        self.put(None);
    }

    fn put(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }
}
