//! How many connections may be open at once, in all and to one host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Host and port, in canonical form.
type Key = (String, u16);
type Hosts = Arc<Mutex<HashMap<Key, Arc<Semaphore>>>>;

#[derive(Debug, Clone)]
pub(crate) struct Slots {
    all: Arc<Semaphore>,
    hosts: Hosts,
    per_host: usize,
}

/// A connection's right to exist. Dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct Slot {
    _all: OwnedSemaphorePermit,
    _host: HostSlot,
}

#[derive(Debug)]
struct HostSlot {
    hosts: Hosts,
    key: Key,
    semaphore: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(crate) fn new(all: usize, per_host: usize) -> Self {
        Slots {
            all: Arc::new(Semaphore::new(all)),
            hosts: Arc::default(),
            per_host,
        }
    }

    /// Waits for a free connection. The caller bounds the time. `None` only when the semaphores are closed, which nobody
    /// does.
    ///
    /// The host's own bound comes first, so that those who wait for a busy host take nothing from the others.
    pub(crate) async fn acquire(&self, host: String, port: u16) -> Option<Slot> {
        let mut host = self.enter((host, port));
        let semaphore = Arc::clone(host.semaphore.as_ref()?);
        host.permit = Some(semaphore.acquire_owned().await.ok()?);
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Slot {
            _all: all,
            _host: host,
        })
    }

    fn enter(&self, key: Key) -> HostSlot {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let semaphore = hosts
            .entry(key.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(self.per_host)));
        HostSlot {
            hosts: Arc::clone(&self.hosts),
            key,
            semaphore: Some(Arc::clone(semaphore)),
            permit: None,
        }
    }
}

impl Drop for HostSlot {
    /// Forgets the host with its last user, so that the table is as large as the number of requests under way.
    fn drop(&mut self) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        self.permit = None;
        self.semaphore = None;
        // New users come only through the lock that is held here, so the count can't grow after it was read.
        if hosts.get(&self.key).is_some_and(|s| Arc::strong_count(s) == 1) {
            hosts.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hosts_are_forgotten_with_their_last_user() {
        let slots = Slots::new(4, 1);
        let first = slots.acquire("a".to_owned(), 80).await.unwrap();
        let other = slots.acquire("a".to_owned(), 81).await.unwrap();
        let mut waiting = Box::pin(slots.acquire("a".to_owned(), 80));
        assert!(futures_pending(&mut waiting).await);
        assert_eq!(slots.hosts.lock().unwrap().len(), 2);
        drop(first);
        let second = waiting.await.unwrap();
        drop(other);
        assert_eq!(slots.hosts.lock().unwrap().len(), 1);
        drop(second);
        assert!(slots.hosts.lock().unwrap().is_empty());
        assert_eq!(slots.all.available_permits(), 4);
    }

    async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        tokio::time::timeout(std::time::Duration::from_millis(20), future)
            .await
            .is_err()
    }
}
