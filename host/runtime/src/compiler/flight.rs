//! Each component is compiled once, whoever waits for it, and so many at a time.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use fact_types::Digest;
use tokio::sync::watch;

use super::Refusal;
use crate::LoadError;

/// A component, and whether its code counts fuel.
type Key = (Digest, bool);

/// What a compilation came to.
type Outcome = Result<Arc<Vec<u8>>, Refusal>;

/// A component that is being compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compiling {
    /// Which.
    pub digest: Digest,
    /// Since when. None: it waits until others are done.
    pub since: Option<Instant>,
}

/// The compilations that are under way.
pub(super) struct Flights {
    flying: Mutex<HashMap<Key, Arc<Flight>>>,
    free: Mutex<usize>,
    freed: Condvar,
    shown: watch::Sender<Vec<Compiling>>,
}

#[derive(Default)]
struct Flight {
    landed: Mutex<Option<Landing>>,
    changed: Condvar,
}

#[derive(Clone)]
enum Landing {
    Done(Outcome),
    /// Whoever compiled did not get that far. The next one tries.
    Abandoned,
}

impl Flights {
    pub(super) fn new(most: usize) -> Self {
        Flights {
            flying: Mutex::default(),
            free: Mutex::new(most.max(1)),
            freed: Condvar::new(),
            shown: watch::Sender::new(Vec::new()),
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Vec<Compiling>> {
        self.shown.subscribe()
    }

    /// Does the work, or waits for whoever is at the same work. An outer error of the work is its own caller's alone.
    pub(super) fn join(
        &self,
        key: Key,
        work: impl FnOnce() -> Result<Outcome, LoadError>,
    ) -> Result<Arc<Vec<u8>>, LoadError> {
        loop {
            let flight = {
                let mut flying = lock(&self.flying);
                match flying.get(&key) {
                    Some(flight) => Arc::clone(flight),
                    None => {
                        flying.insert(key, Arc::default());
                        break;
                    }
                }
            };
            if let Landing::Done(outcome) = flight.wait() {
                return Ok(outcome?);
            }
        }
        let mut pilot = Pilot {
            flights: self,
            key,
            landing: Landing::Abandoned,
        };
        let outcome = work()?;
        pilot.landing = Landing::Done(outcome.clone());
        drop(pilot);
        Ok(outcome?)
    }

    /// Runs when there is a place for one more.
    pub(super) fn place<T>(&self, digest: Digest, run: impl FnOnce() -> T) -> T {
        let shown = Shown::new(self, digest);
        let mut free = lock(&self.free);
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        drop(free);
        let _place = Place(self);
        // Gone before the place is, so that what is shown never exceeds what is allowed.
        let _shown = shown;
        self.shown.send_modify(|all| {
            if let Some(own) = all
                .iter_mut()
                .find(|own| own.digest == digest && own.since.is_none())
            {
                own.since = Some(Instant::now());
            }
        });
        run()
    }
}

impl Flight {
    fn wait(&self) -> Landing {
        let mut landed = lock(&self.landed);
        loop {
            match &*landed {
                Some(landing) => return landing.clone(),
                None => landed = self.changed.wait(landed).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Whoever does the work; those who wait hear of it however it ends.
struct Pilot<'a> {
    flights: &'a Flights,
    key: Key,
    landing: Landing,
}

impl Drop for Pilot<'_> {
    fn drop(&mut self) {
        let flight = lock(&self.flights.flying).remove(&self.key);
        if let Some(flight) = flight {
            *lock(&flight.landed) = Some(self.landing.clone());
            flight.changed.notify_all();
        }
    }
}

struct Place<'a>(&'a Flights);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *lock(&self.0.free) += 1;
        self.0.freed.notify_one();
    }
}

/// An entry in what is shown.
struct Shown<'a> {
    flights: &'a Flights,
    digest: Digest,
}

impl<'a> Shown<'a> {
    fn new(flights: &'a Flights, digest: Digest) -> Self {
        flights
            .shown
            .send_modify(|all| all.push(Compiling { digest, since: None }));
        Shown { flights, digest }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.flights.shown.send_modify(|all| {
            if let Some(at) = all.iter().position(|own| own.digest == self.digest) {
                all.remove(at);
            }
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind these locks is whole at every moment, whoever panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn key(n: u8) -> Key {
        (Digest::of(&[n]), false)
    }

    /// Starts a leader that works until it is told to stop, and followers that wait for it; returns what each got, and how
    /// many worked.
    fn together(end: impl Fn() -> Result<Outcome, LoadError> + Sync) -> (Vec<bool>, usize) {
        let flights = Flights::new(2);
        let worked = AtomicUsize::new(0);
        let (go, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let got = thread::scope(|scope| {
            let task = || {
                let work = || {
                    worked.fetch_add(1, Ordering::SeqCst);
                    // The first waits for the word; later ones find that it was given.
                    let _ = lock(&wait).recv();
                    end()
                };
                flights.join(key(1), work).is_ok()
            };
            let tasks: Vec<_> = (0..5).map(|_| scope.spawn(task)).collect();
            let flying = || lock(&flights.flying).get(&key(1)).map_or(0, Arc::strong_count);
            // One reference is the map's, the others are those of the four who wait.
            while flying() < 5 {
                thread::sleep(Duration::from_millis(1));
            }
            drop(go);
            tasks.into_iter().map(|task| task.join().unwrap()).collect()
        });
        assert!(lock(&flights.flying).is_empty());
        (got, worked.into_inner())
    }

    #[test]
    fn who_asks_at_the_same_time_shares() {
        let code = || Ok(Ok(Arc::new(vec![1])));
        assert_eq!(together(code), (vec![true; 5], 1));
        let refused = || Ok(Err(Refusal::Memory(1)));
        assert_eq!(together(refused), (vec![false; 5], 1));
        // One that can't even read the component says nothing about the others.
        let unread = || Err(LoadError::NotWasm);
        assert_eq!(together(unread), (vec![false; 5], 5));
    }

    #[test]
    fn a_panic_keeps_nobody_waiting() {
        let flights = Flights::new(1);
        thread::scope(|scope| {
            let broken = scope.spawn(|| {
                flights.join(key(1), || {
                    flights.place(key(1).0, || std::panic::resume_unwind(Box::new(())))
                })
            });
            assert!(broken.join().is_err());
        });
        let code = flights.join(key(1), || flights.place(key(1).0, || Ok(Ok(Arc::new(vec![7])))));
        assert_eq!(*code.unwrap(), [7]);
        assert!(flights.watch().borrow().is_empty());
    }

    #[test]
    fn so_many_at_a_time() {
        let flights = Flights::new(2);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for n in 0..8 {
                let (flights, now, most) = (&flights, &now, &most);
                scope.spawn(move || {
                    flights.place(key(n).0, || {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        let shown = flights
                            .watch()
                            .borrow()
                            .iter()
                            .filter(|c| c.since.is_some())
                            .count();
                        assert!((1..=2).contains(&shown), "{shown}");
                        thread::sleep(Duration::from_millis(5));
                        now.fetch_sub(1, Ordering::SeqCst);
                    });
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
    }
}
