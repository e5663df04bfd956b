//! The disk level: sealed entries in a file that several processes share.

mod keyring;
mod queue;
mod sealed;
mod writer;

use crate::Key;
use crate::breaker::Breaker;
use crate::cache::Shared as SharedClock;
use crate::config::CacheConfig;
use crate::entry::{Record, Skip};
use crate::popular::{Asked, Counting, Popular};
use fact_store::{CacheBounds, CacheFile, CacheRow, CacheTotals, StoreError};
use keyring::{Keyring, Sort};
use queue::{Change, Known, Queue};
pub(crate) use sealed::{Bad, Opened};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// Longest that a lookup waits for the disk. A read takes a fraction of a millisecond; running the call is better than waiting
/// for a disk that hangs.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest that is waited for everything to be written: a batch of the largest size takes about a second.
const FLUSH: Duration = Duration::from_secs(10);

/// Most rows that are read at once.
const PAGE: u32 = 64;

/// Why the disk level can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] keyring::KeyringError),
    #[error("the cache's disk is left alone for a while, since it failed too often")]
    Stopped,
    #[error("the cache's disk does not answer")]
    Hangs,
    #[error("the cache's disk failed, and what waits for it was not written")]
    Unwritten,
    #[error("can't start the thread that writes the cache")]
    Thread(#[source] std::io::Error),
}

/// What the disk level counts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) written: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) invalid: AtomicU64,
}

/// What the writer and the callers share.
#[derive(Debug)]
struct Inner {
    file: CacheFile,
    ring: RwLock<Keyring>,
    queue: Mutex<Queue>,
    wake: Condvar,
    /// The number of changes that are dealt with, and whether the last writing worked.
    done: watch::Sender<(u64, bool)>,
    asked: Counting,
    breaker: Breaker,
    bounds: CacheBounds,
    clock: SharedClock,
    counts: Counts,
    /// How often all processes together have cleared the file, as far as this one knows.
    cleared: AtomicU64,
}

/// The position of the last of some rows, and the rows, each with what is in it.
type Page = (i64, Vec<(CacheRow, Result<Opened, Bad>)>);

/// The disk level.
#[derive(Debug)]
pub(crate) struct Disk {
    inner: Arc<Inner>,
    writer: Option<JoinHandle<()>>,
}

impl Disk {
    /// Opens the level in a folder. `on_clear` is called when another process removed everything.
    pub(crate) fn open(
        config: &CacheConfig,
        folder: &Path,
        clock: SharedClock,
        on_clear: impl Fn() + Send + 'static,
    ) -> Result<Self, DiskError> {
        let file = CacheFile::open(folder)?;
        let now = clock.0.now();
        let bound = |most: u64| i64::try_from(most).unwrap_or(i64::MAX);
        let bounds = CacheBounds {
            bytes: bound(config.disk.0),
            entries: config.disk_entries.into(),
            calls: bound(crate::popular::CALLS_MAX as u64),
        };
        let (ring, new) = file.alone(|| Keyring::open(folder, now))??;
        if new {
            // Nobody can open what older keys sealed.
            let clear = fact_store::CacheBatch {
                clear: true,
                ..Default::default()
            };
            file.apply(&clear, bounds, now.as_millisecond())?;
        }
        let cleared = file.totals()?.cleared.unsigned_abs();
        let inner = Arc::new(Inner {
            file,
            ring: RwLock::new(ring),
            queue: Mutex::default(),
            wake: Condvar::new(),
            done: watch::Sender::new((0, true)),
            asked: Counting::default(),
            breaker: Breaker::new(config.breaker.settings(), Arc::clone(&clock.0)),
            bounds,
            clock,
            counts: Counts::default(),
            cleared: AtomicU64::new(cleared),
        });
        let writer = {
            let inner = Arc::clone(&inner);
            std::thread::Builder::new()
                .name("fact-cache".to_owned())
                .spawn(move || writer::run(&inner, on_clear))
                .map_err(DiskError::Thread)?
        };
        Ok(Disk {
            inner,
            writer: Some(writer),
        })
    }

    pub(crate) fn breaker(&self) -> &Breaker {
        &self.inner.breaker
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.inner.counts
    }

    /// The entry with this key. What can't be opened is removed.
    pub(crate) async fn find(&self, key: &Key) -> Option<Opened> {
        match self.inner.queue().known(key) {
            Known::Put(record, payload) => {
                return Some(Opened {
                    record: Record::clone(&record),
                    payload: payload.to_vec(),
                });
            }
            Known::Removed => return None,
            Known::Nothing => {}
        }
        let place = self.inner.ring().place(Sort::Entry, key);
        let row = self
            .read("find", move |inner| inner.file.get(&place))
            .await
            .ok()??;
        match self.inner.open_entry(&row, Some(key)) {
            Ok(opened) => Some(opened),
            Err(bad) => {
                tracing::warn!(?bad, "an entry of the cache does not open and is removed");
                self.inner.counts.invalid.fetch_add(1, Ordering::Relaxed);
                self.remove(key);
                None
            }
        }
    }

    /// Lets an entry be written.
    pub(crate) fn put(&self, record: Arc<Record>, payload: Vec<u8>, keep_uses: bool) -> Result<(), Skip> {
        if !self.inner.breaker.is_permitted() {
            // What is there is older than this, and must not be found.
            self.remove(&record.key);
            return Err(Skip::Breaker);
        }
        let key = record.key;
        let change = Change::Put {
            record,
            payload: payload.into(),
            keep_uses,
        };
        if self.inner.queued(|queue| queue.put(key, change)) {
            Ok(())
        } else {
            self.remove(&key);
            Err(Skip::Busy)
        }
    }

    pub(crate) fn remove(&self, key: &Key) {
        self.inner.queued(|queue| queue.remove(*key));
    }

    /// Notes uses of an entry, some time later.
    pub(crate) fn used(&self, key: &Key, more: u32) {
        let now = self.inner.clock.0.now().as_millisecond();
        self.inner.queue().used(*key, more.into(), now);
    }

    /// Removes everything.
    pub(crate) fn clear(&self) {
        self.inner.asked.clear();
        self.inner.queued(Queue::clear);
    }

    /// Counts a call.
    pub(crate) fn asked(&self, call: Asked) {
        self.inner.asked.note(call, self.inner.clock.0.now());
    }

    /// The calls that were asked at least so often, by all processes.
    pub(crate) async fn popular(&self, least: u64, limit: usize) -> Result<Vec<Popular>, DiskError> {
        self.flush().await?;
        let least = i64::try_from(least).unwrap_or(i64::MAX);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let rows = self
            .read("list calls", move |inner| inner.file.calls(least, limit))
            .await?;
        self.inner.know_keys(rows.iter().map(|row| row.key_id));
        let ring = self.inner.ring();
        let popular = rows.iter().filter_map(|row| {
            Some(Popular {
                call: sealed::open_call(&ring, row)?,
                count: row.count.unsigned_abs(),
                last: jiff::Timestamp::from_millisecond(row.last).ok()?,
            })
        });
        Ok(popular.collect())
    }

    /// Waits until everything so far is on disk.
    pub(crate) async fn flush(&self) -> Result<(), DiskError> {
        let mut done = self.inner.done.subscribe();
        let number = {
            let mut queue = self.inner.queue();
            if queue.is_idle() && self.inner.asked.is_empty() {
                return Ok(());
            }
            // One more, so that what is only counted is written too.
            queue.number += 1;
            queue.hurry = true;
            queue.number
        };
        self.inner.wake.notify_all();
        let landed = tokio::time::timeout(FLUSH, done.wait_for(|(written, _)| *written >= number)).await;
        match landed.map(|landed| landed.map(|landed| landed.1)) {
            Ok(Ok(true)) => Ok(()),
            Ok(_) => Err(DiskError::Unwritten),
            Err(_) => Err(DiskError::Hangs),
        }
    }

    pub(crate) async fn totals(&self) -> Result<CacheTotals, DiskError> {
        self.read("measure", |inner| inner.file.totals()).await
    }

    /// Goes through all rows as they are on disk, in the order in which they were first stored.
    pub(crate) async fn walk(
        &self,
        mut each: impl FnMut(&CacheRow, Result<Opened, Bad>),
    ) -> Result<(), DiskError> {
        let mut after = 0;
        while let Some((last, rows)) = self.page(after).await? {
            after = last;
            for (row, opened) in rows {
                each(&row, opened);
            }
        }
        Ok(())
    }

    /// The rows that come after a position, a bounded number of them, and the position of the last. None: there are no more.
    pub(crate) async fn page(&self, after: i64) -> Result<Option<Page>, DiskError> {
        let rows = self
            .read("list", move |inner| {
                let rows = inner.file.page(after, PAGE)?;
                // Opening them takes a while too.
                let opened = rows.into_iter().map(|(place, row)| {
                    let opened = inner.open_entry(&row, None);
                    (place, (row, opened))
                });
                Ok(opened.collect::<Vec<_>>())
            })
            .await?;
        let last = rows.last().map(|(place, _)| *place);
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        Ok(last.map(|last| (last, rows)))
    }

    /// Removes rows that belong to no key.
    pub(crate) async fn remove_rows(&self, remove: Vec<fact_store::RowId>) -> Result<(), DiskError> {
        let batch = fact_store::CacheBatch {
            remove,
            ..Default::default()
        };
        self.read("remove", move |inner| {
            let now = inner.clock.0.now().as_millisecond();
            inner.file.apply(&batch, inner.bounds, now)
        })
        .await
        .map(drop)
    }

    /// Seals with a new key from now on.
    pub(crate) async fn rotate(&self) -> Result<(), DiskError> {
        self.flush().await?;
        self.read("change the key", |inner| {
            let now = inner.clock.0.now();
            inner.file.alone(|| inner.ring_mut().rotate(now))
        })
        .await??;
        Ok(())
    }

    /// Seals anew what older keys sealed, and removes those keys. Returns how many rows that were.
    pub(crate) async fn reseal(&self) -> Result<u64, DiskError> {
        self.flush().await?;
        let mut count = 0;
        loop {
            let some = self.read("seal anew", |inner| Ok(inner.reseal_some())).await??;
            if some == 0 {
                break;
            }
            count += some;
        }
        self.read("remove old keys", |inner| {
            inner.file.alone(|| inner.ring_mut().prune())
        })
        .await??;
        Ok(count)
    }

    /// Keys that open something.
    pub(crate) fn keys(&self) -> usize {
        self.inner.ring().len()
    }

    /// Asks the disk something, off the executor's threads, unless it is left alone.
    async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        ask: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, DiskError> {
        self.inner.breaker.pass().map_err(|_| DiskError::Stopped)?;
        let inner = Arc::clone(&self.inner);
        let asked = tokio::task::spawn_blocking(move || ask(&inner));
        let breaker = &self.inner.breaker;
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(Ok(answer))) => {
                breaker.succeeded();
                Ok(answer)
            }
            Ok(Ok(Err(error))) => {
                // A plugin's statement that takes all memory of the database engine is no fault of the disk.
                if !error.is_out_of_memory() {
                    breaker.failed(operation, &error.to_string());
                }
                tracing::warn!(
                    operation,
                    error = &error as &dyn std::error::Error,
                    "the cache's disk failed"
                );
                Err(error.into())
            }
            Ok(Err(_)) | Err(_) => {
                breaker.failed(operation, "it does not answer");
                Err(DiskError::Hangs)
            }
        }
    }
}

impl Drop for Disk {
    /// Writes what waits: an orderly exit loses nothing.
    fn drop(&mut self) {
        self.inner.queue().stopping = true;
        self.inner.wake.notify_all();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::warn!("the thread that writes the cache had ended");
        }
    }
}

impl Inner {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) -> RwLockReadGuard<'_, Keyring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring_mut(&self) -> std::sync::RwLockWriteGuard<'_, Keyring> {
        self.ring.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues something, and wakes the writer if it has something new to wait for: not for each of many changes.
    fn queued<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queue = self.queue();
        let before = (queue.waiting().is_urgent(), queue.waiting().is_large());
        let changed = change(&mut queue);
        if before != (queue.waiting().is_urgent(), queue.waiting().is_large()) {
            self.wake.notify_all();
        }
        changed
    }

    /// Reads the keys again if one of these is not known: another process may have made it.
    fn know_keys(&self, mut ids: impl Iterator<Item = i64>) {
        let unknown = {
            let ring = self.ring();
            ids.find(|id| ring.is_worth_a_look(*id))
        };
        if let Some(id) = unknown {
            self.ring_mut().reload_for(id);
        }
    }

    fn open_entry(&self, row: &CacheRow, key: Option<&Key>) -> Result<Opened, Bad> {
        self.know_keys(std::iter::once(row.key_id));
        sealed::open_entry(&self.ring(), row, key)
    }

    /// Seals some rows anew that older keys sealed, and says how many.
    fn reseal_some(&self) -> Result<u64, DiskError> {
        self.ring_mut().reload();
        let ring = self.ring();
        let (entries, calls) = self.file.sealed_by_others(ring.current(), PAGE)?;
        let count = (entries.len() + calls.len()) as u64;
        let (mut good, mut good_calls) = (Vec::new(), Vec::new());
        let mut batch = fact_store::CacheBatch::default();
        for row in entries {
            match sealed::open_entry(&ring, &row, None) {
                Ok(opened) => {
                    let new = sealed::seal_entry(&ring, &opened.record, &opened.payload)?;
                    good.push((new, row.key_id));
                }
                Err(_) => batch.remove.push(row.id),
            }
        }
        for row in calls {
            match sealed::open_call(&ring, &row) {
                Some(call) => {
                    good_calls.push((sealed::seal_call(&ring, &call, row.count, row.last)?, row.key_id))
                }
                None => batch.remove_calls.push(row.id),
            }
        }
        self.file.reseal(&good, &good_calls)?;
        if !batch.remove.is_empty() || !batch.remove_calls.is_empty() {
            let now = self.clock.0.now().as_millisecond();
            self.file.apply(&batch, self.bounds, now)?;
        }
        Ok(count)
    }
}
