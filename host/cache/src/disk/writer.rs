//! The thread that writes.

use super::queue::{Batch, Change};
use super::{DiskError, Inner, sealed};
use fact_store::CacheBatch;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long changes are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(50);

/// How often uses and asked calls are written: nobody waits for them.
const LAZY: Duration = Duration::from_secs(5);

/// How often it is looked whether another process removed everything.
const LOOK: Duration = Duration::from_secs(1);

pub(super) fn run(inner: &Inner, on_clear: impl Fn()) {
    let mut wrote = Instant::now();
    let mut pause = GATHER;
    loop {
        let gathered = gather(inner, wrote, pause);
        if let Some(Gathered { number, stopping }) = gathered {
            let worked = write(inner);
            if let Err(error) = &worked {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "the cache was not written"
                );
            }
            // A disk that fails is not asked all the time.
            pause = if worked.is_ok() { GATHER } else { LOOK };
            wrote = Instant::now();
            inner.done.send_replace((number, worked.is_ok()));
            if stopping {
                return;
            }
        }
        look(inner, &on_clear);
    }
}

struct Gathered {
    number: u64,
    stopping: bool,
}

/// Waits until there is something to write, and some more for others to come. None: a while is over.
fn gather(inner: &Inner, wrote: Instant, pause: Duration) -> Option<Gathered> {
    let mut queue = inner.queue();
    let begun = Instant::now();
    let mut since = None;
    loop {
        let lazy = !inner.asked.is_empty() || !queue.waiting().is_empty();
        let urgent = queue.waiting().is_urgent();
        if urgent && since.is_none() {
            since = Some(Instant::now());
        }
        let waited = since.map_or(Duration::ZERO, |since: Instant| since.elapsed());
        let due = urgent && (waited >= pause || (pause == GATHER && queue.waiting().is_large()));
        if queue.stopping || queue.hurry || due || (lazy && wrote.elapsed() >= LAZY) {
            queue.hurry = false;
            return Some(Gathered {
                number: queue.number,
                stopping: queue.stopping,
            });
        }
        if !urgent && begun.elapsed() >= LOOK {
            return None;
        }
        let wait = if urgent {
            pause.saturating_sub(waited)
        } else {
            LOOK
        };
        queue = inner
            .wake
            .wait_timeout(queue, wait.max(Duration::from_millis(1)))
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

/// Writes what waits.
fn write(inner: &Inner) -> Result<(), DiskError> {
    if inner.queue().waiting().is_empty() && inner.asked.is_empty() {
        return Ok(());
    }
    let batch = inner.queue().take();
    let asked = inner.asked.take();
    let written = inner
        .breaker
        .pass()
        .map_err(|_| DiskError::Stopped)
        .and_then(|()| {
            let rows = rows(inner, &batch, asked)?;
            let now = inner.clock.0.now().as_millisecond();
            let trimmed = inner.file.apply(&rows, inner.bounds, now);
            match &trimmed {
                Ok(_) => inner.breaker.succeeded(),
                Err(error) if error.is_out_of_memory() => {}
                Err(error) => inner.breaker.failed("write", &error.to_string()),
            }
            Ok(trimmed?)
        });
    inner.queue().written(written.is_ok());
    let puts = batch.puts() as u64;
    let counts = &inner.counts;
    match written {
        Ok(trimmed) => {
            // This process knows already.
            inner.cleared.fetch_add(batch.clear.into(), Ordering::Relaxed);
            counts.written.fetch_add(puts, Ordering::Relaxed);
            counts.evicted.fetch_add(trimmed.evicted, Ordering::Relaxed);
            counts.expired.fetch_add(trimmed.expired, Ordering::Relaxed);
            Ok(())
        }
        Err(error) => {
            counts.lost.fetch_add(puts, Ordering::Relaxed);
            Err(error)
        }
    }
}

/// Seals a batch.
fn rows(
    inner: &Inner,
    batch: &Batch,
    asked: Vec<(crate::popular::Asked, u64, jiff::Timestamp)>,
) -> Result<CacheBatch, DiskError> {
    if inner.ring().is_outdated() {
        // Another process changed the key: what is sealed with an old one can't be opened for long.
        inner.ring_mut().reload();
    }
    let ring = inner.ring();
    let place = |key| ring.place(super::Sort::Entry, key);
    let mut rows = CacheBatch {
        clear: batch.clear,
        ..CacheBatch::default()
    };
    for (key, change) in &batch.changes {
        match change {
            Change::Put {
                record,
                payload,
                keep_uses,
            } => rows
                .put
                .push((sealed::seal_entry(&ring, record, payload)?, *keep_uses)),
            Change::Remove => rows.remove.push(place(key)),
        }
    }
    for (key, (more, last)) in &batch.uses {
        rows.used.push((place(key), *more, *last));
    }
    for (call, count, last) in asked {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        rows.calls
            .push(sealed::seal_call(&ring, &call, count, last.as_millisecond())?);
    }
    Ok(rows)
}

/// Looks whether another process removed everything.
fn look(inner: &Inner, on_clear: &impl Fn()) {
    let Ok(totals) = inner.file.totals() else {
        return;
    };
    let now = totals.cleared.unsigned_abs();
    if inner.cleared.swap(now, Ordering::Relaxed) != now {
        on_clear();
    }
}
