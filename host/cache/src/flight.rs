//! One flight for each key: of equal misses at the same time, one runs and the others wait.
//!
//! moka's single flight was no choice: its followers poll the leader's future, and stand still when nobody polls the leader.
//! Here a leader is a guard. When it is dropped, done or not, cancelled or panicking, the followers wake, and each looks for
//! itself what there is now.

use crate::Key;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

type Flying = Mutex<HashMap<Key, watch::Receiver<()>>>;

/// The flights that are under way.
#[derive(Debug, Default)]
pub(crate) struct Flights(Arc<Flying>);

/// Whether to run or to wait.
#[derive(Debug)]
pub enum Flight {
    /// Nobody runs this: run it, and drop the guard when the result is stored.
    Lead(Lead),
    /// Someone runs it: wait, then look again.
    Follow(Follow),
}

/// The right to run a call alone, until it is dropped.
#[derive(Debug)]
pub struct Lead {
    key: Key,
    flying: Arc<Flying>,
    /// Followers hear that it is gone.
    _landed: watch::Sender<()>,
}

/// A place among those who wait.
#[derive(Debug)]
pub struct Follow(watch::Receiver<()>);

impl Flights {
    pub(crate) fn join(&self, key: &Key) -> Flight {
        let mut flying = held(&self.0);
        if let Some(landing) = flying.get(key) {
            return Flight::Follow(Follow(landing.clone()));
        }
        let (sender, receiver) = watch::channel(());
        flying.insert(*key, receiver);
        Flight::Lead(Lead {
            key: *key,
            flying: Arc::clone(&self.0),
            _landed: sender,
        })
    }

    pub(crate) fn count(&self) -> usize {
        held(&self.0).len()
    }
}

impl Follow {
    /// Waits until the leader is gone. What it did is not known then: look again.
    pub async fn landed(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // First the flight is over, then the followers wake: each finds the result or may lead.
        held(&self.flying).remove(&self.key);
    }
}

fn held(flying: &Flying) -> MutexGuard<'_, HashMap<Key, watch::Receiver<()>>> {
    flying.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    /// What a caller does: look, lead or follow, look again.
    async fn call(flights: &Flights, key: Key, result: &Mutex<Option<u32>>, runs: &AtomicUsize) -> u32 {
        loop {
            if let Some(found) = *result.lock().unwrap() {
                return found;
            }
            match flights.join(&key) {
                Flight::Follow(follow) => follow.landed().await,
                Flight::Lead(_lead) => {
                    // Someone may have landed between the look and the flight.
                    if result.lock().unwrap().is_some() {
                        continue;
                    }
                    runs.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    *result.lock().unwrap() = Some(42);
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_a_thousand_one_runs() {
        let key = Key::of("t", &[]);
        let shared = Arc::new((Flights::default(), Mutex::new(None), AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { call(&shared.0, key, &shared.1, &shared.2).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), 42);
        }
        assert_eq!(shared.2.load(Ordering::SeqCst), 1);
        assert_eq!(shared.0.count(), 0);
    }

    #[tokio::test]
    async fn a_leader_that_is_dropped_or_panics_frees_the_followers() {
        let flights = Arc::new(Flights::default());
        let key = Key::of("t", &[]);
        for panics in [false, true] {
            let Flight::Lead(lead) = flights.join(&key) else {
                panic!("nobody flies")
            };
            let follow = |flights: &Flights| match flights.join(&key) {
                Flight::Follow(follow) => follow,
                Flight::Lead(_) => panic!("one leads already"),
            };
            let (one, two) = (follow(&flights), follow(&flights));
            let leader = tokio::spawn(async move {
                let _lead = lead;
                assert!(!panics, "the leader's own fault");
                std::future::pending::<()>().await;
            });
            tokio::task::yield_now().await;
            leader.abort();
            one.landed().await;
            two.landed().await;
            assert!(matches!(flights.join(&key), Flight::Lead(_)));
        }
    }

    #[tokio::test]
    async fn flights_of_other_keys_do_not_wait() {
        let flights = Flights::default();
        let _one = flights.join(&Key::of("t", &[b"1"]));
        assert!(matches!(flights.join(&Key::of("t", &[b"2"])), Flight::Lead(_)));
    }

    #[tokio::test]
    async fn a_follower_of_a_leader_that_nobody_polls_can_be_cancelled() {
        let flights = Flights::default();
        let key = Key::of("t", &[]);
        let lead = flights.join(&key);
        let Flight::Follow(follow) = flights.join(&key) else {
            panic!("one leads")
        };
        let waited = tokio::time::timeout(Duration::from_millis(10), follow.landed()).await;
        assert!(waited.is_err() && flights.count() == 1);
        drop(lead);
        assert_eq!(flights.count(), 0);
    }
}
