//! Places: how many calls run at the same time, who waits for one, and who must not.
//!
//! A guest that calls a tool keeps its own place until that call is done. If guests waited for one another's places without a
//! rule, all could wait until their deadlines. The rule: a call within a call waits only while some other call goes on that
//! does not wait itself. The last one is told that the host is busy, so it goes on, ends, and gives its place to one of those
//! who wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{AcquireError, OwnedSemaphorePermit};

use crate::Runtime;
use crate::call::Failure;
use crate::link::Linked;
use crate::meter::Deadline;

/// What a running call occupies.
pub(crate) struct Place {
    _own: OwnedSemaphorePermit,
    _slot: OwnedSemaphorePermit,
    /// Only calls that may have to wait count towards the queue.
    _queue: Option<OwnedSemaphorePermit>,
    /// Of a call that nobody's guest made: with those below it, it is one that goes on.
    _going: Option<Going>,
}

/// How many calls, each with those below it, have a place and wait for no other one.
#[derive(Clone, Default)]
pub(crate) struct Movers(Arc<AtomicUsize>);

/// One that goes on, until this is dropped.
struct Going(Movers);

/// One that waits for a place, until this is dropped.
struct Waiting(Movers);

impl Movers {
    fn begin(&self) -> Going {
        self.0.fetch_add(1, Ordering::AcqRel);
        Going(self.clone())
    }

    /// None: nobody else goes on.
    fn wait(&self) -> Option<Waiting> {
        let others = |going: usize| going.checked_sub(1).filter(|others| *others > 0);
        let waits = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, others);
        waits.is_ok().then(|| Waiting(self.clone()))
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::AcqRel);
    }
}

impl Runtime {
    /// A place for a call: one of the plugin's own, then one of the host's. Waiting counts towards the deadline.
    pub(crate) async fn place(&self, plugin: &Linked, deadline: Deadline) -> Result<Place, Failure> {
        let queue = Arc::clone(&self.queue)
            .try_acquire_owned()
            .map_err(|_| Failure::busy())?;
        let wait = async {
            let own = Arc::clone(&plugin.places).acquire_owned().await?;
            let slot = Arc::clone(&self.slots).acquire_owned().await?;
            Ok::<_, AcquireError>((own, slot))
        };
        match tokio::time::timeout_at(deadline.0.into(), wait).await {
            Ok(Ok((own, slot))) => Ok(Place {
                _own: own,
                _slot: slot,
                _queue: Some(queue),
                _going: Some(self.movers.begin()),
            }),
            _ => Err(Failure::busy()),
        }
    }

    /// A place for a call that a guest made. It waits for one of the host's where someone goes on who will leave one, as long
    /// as the call above it may take. It waits for none of the plugin's own: those above it may have them all.
    pub(crate) async fn place_within(&self, plugin: &Linked, deadline: Deadline) -> Result<Place, Failure> {
        let own = Arc::clone(&plugin.places)
            .try_acquire_owned()
            .map_err(|_| Failure::busy())?;
        let slot = match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => {
                let _waiting = self.movers.wait().ok_or_else(Failure::busy)?;
                let slot = Arc::clone(&self.slots).acquire_owned();
                match tokio::time::timeout_at(deadline.0.into(), slot).await {
                    Ok(Ok(slot)) => slot,
                    _ => return Err(Failure::busy()),
                }
            }
        };
        Ok(Place {
            _own: own,
            _slot: slot,
            _queue: None,
            _going: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_goes_on_never_waits() {
        let movers = Movers::default();
        assert!(movers.wait().is_none(), "nobody goes on");
        let (one, two) = (movers.begin(), movers.begin());
        let first = movers.wait();
        assert!(first.is_some() && movers.wait().is_none());
        // Whoever has waited goes on again.
        drop(first);
        let again = movers.wait();
        assert!(again.is_some());
        drop(again);
        drop(one);
        assert!(movers.wait().is_none());
        drop(two);
        assert_eq!(movers.0.load(Ordering::Acquire), 0);
    }
}
