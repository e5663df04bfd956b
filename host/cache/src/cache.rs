//! The cache itself: both levels as one.

use crate::Key;
use crate::breaker::{BreakerMetrics, State};
use crate::clock::{Clock, later};
use crate::config::CacheConfig;
use crate::disk::Disk;
use crate::entry::{About, Found, Level, Payload, Record, Skip, Stored, Why, checksum};
use crate::flight::{Flight, Flights};
use crate::memory::{ENTRY_MAX, Looked, Memory, MemoryUse, Resident, Shadow, Strategy};
use crate::metrics::{Lookup, Metrics, Traffic, add};
use crate::popular::{Asked, Counting, Popular};
use fact_types::{Principal, ToolId};
use jiff::Timestamp;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The cache. Cheap to share behind an [`Arc`]; all of it may be used from any thread. Whoever drops it last waits a moment,
/// until what was stored is on disk; [`flush`](Self::flush) does that without holding up a thread.
#[derive(Debug)]
pub struct Cache<P> {
    config: CacheConfig,
    clock: Shared,
    pub(crate) memory: Arc<Memory<P>>,
    /// Without one: why.
    pub(crate) disk: Result<Disk, NoDisk>,
    /// Counts calls where there is no disk level to do so.
    asked: Counting,
    flights: Flights,
    metrics: Metrics,
    pub(crate) changes: Changes,
}

/// Counts changes, so that what was read from the disk before one is not brought into memory after it: whoever changes a key
/// does so on the disk's side, counts, and then does so in memory; whoever brings one up notes the count, reads, and keeps it
/// only if the count has not moved, which is asked under the lock of the memory. Keys share counts, so now and then an entry
/// is not brought up without need.
#[derive(Debug)]
pub(crate) struct Changes([AtomicU64; 64]);

impl Changes {
    fn of(&self, key: &Key) -> &AtomicU64 {
        let [first, ..] = &self.0;
        // Not the digits that choose the shard.
        self.0.get((key.spread() >> 8) % self.0.len()).unwrap_or(first)
    }
    pub(crate) fn count(&self, key: &Key) {
        self.of(key).fetch_add(1, Ordering::SeqCst);
    }
    fn count_all(&self) {
        for count in &self.0 {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
    pub(crate) fn so_far(&self, key: &Key) -> u64 {
        self.of(key).load(Ordering::SeqCst)
    }
    /// All counts as they are now.
    pub(crate) fn now(&self) -> Self {
        let now = |count: &AtomicU64| AtomicU64::new(count.load(Ordering::SeqCst));
        Changes(self.0.each_ref().map(now))
    }
}

/// Why there is no disk level.
#[derive(Debug, Clone)]
pub(crate) struct NoDisk {
    why: Skip,
    problem: Option<String>,
}

/// A clock that many have.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<dyn Clock>);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// Everything that the cache counts.
#[derive(Debug, Clone, Serialize)]
pub struct CacheMetrics {
    /// What it did for its callers since it was opened.
    pub traffic: Traffic,
    /// How full the memory level is.
    pub memory: MemoryUse,
    /// Entries that went from memory to make room, since it was opened.
    pub evicted: u64,
    /// Entries that went from memory since their time was over.
    pub expired: u64,
    /// The strategy that orders the memory level now.
    pub strategy: Strategy,
    /// How the strategies would have done lately, where that is followed.
    pub shadows: Option<Vec<Shadow>>,
    /// How often another strategy took over.
    pub switches: u64,
    /// Calls that run now, each for all who wait for it.
    pub flights: usize,
    /// The disk level, where there is one.
    pub disk: Option<DiskMetrics>,
    /// Why there is none although there should be.
    pub disk_problem: Option<String>,
}

/// What the disk level counts, since it was opened.
#[derive(Debug, Clone, Serialize)]
pub struct DiskMetrics {
    /// Entries that were written.
    pub written: u64,
    /// Entries that could not be written: they were in memory only.
    pub lost: u64,
    /// Entries that went to make room.
    pub evicted: u64,
    /// Entries that went since their time was over.
    pub expired: u64,
    /// Rows that did not open, or were another entry's.
    pub invalid: u64,
    /// Keys that open something.
    pub keys: usize,
    /// Whether the disk is asked at all.
    pub breaker: BreakerMetrics,
}

/// How full the disk level is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DiskUse {
    /// Entries.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The bound of the bytes.
    pub bytes_max: u64,
    /// The bound of the entries.
    pub entries_max: u64,
    /// Calls whose number is counted.
    pub calls: u64,
}

/// The disk did not do something. What it failed at is in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cache's disk level can't do this now: {0}")]
pub struct DiskProblem(String);

impl From<crate::disk::DiskError> for DiskProblem {
    fn from(error: crate::disk::DiskError) -> Self {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "the cache's disk failed"
        );
        DiskProblem(error.to_string())
    }
}

impl<P: Payload> Cache<P> {
    /// Opens the cache; with a folder, it has a disk level there, in `cache.db` and `cache.keys`. The configuration should have
    /// no [`problems`](CacheConfig::problems). Where the disk can't be used there is only the memory level, and
    /// [`metrics`](Self::metrics) say why. Blocks for as long as opening a database takes.
    pub fn open(config: &CacheConfig, folder: Option<&Path>, clock: Arc<dyn Clock>) -> Self {
        let clock = Shared(clock);
        let bytes = if config.enabled { config.memory.bytes() } else { 0 };
        let memory = Arc::new(Memory::new(bytes, config.strategy));
        let off = NoDisk {
            why: Skip::Off,
            problem: None,
        };
        let disk = match folder.filter(|_| config.enabled && config.disk.0 > 0) {
            None => Err(off),
            Some(folder) => {
                let known = Arc::clone(&memory);
                let on_clear = move || {
                    known.clear();
                };
                Disk::open(config, folder, clock.clone(), on_clear).map_err(|error| {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "results are kept in memory only, since the cache's disk can't be used"
                    );
                    NoDisk {
                        why: Skip::Unusable,
                        problem: Some(error.to_string()),
                    }
                })
            }
        };
        Cache {
            config: config.clone(),
            clock,
            memory,
            disk,
            asked: Counting::default(),
            flights: Flights::default(),
            metrics: Metrics::default(),
            changes: Changes([const { AtomicU64::new(0) }; 64]),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.0.now()
    }

    /// The entry with this key: as it was stored, and with time left. Whether it is still true is for the caller to say, who
    /// then [`record`](Self::record)s how the lookup ended.
    pub async fn find(&self, key: &Key) -> Option<Found<P>> {
        if !self.config.enabled {
            return None;
        }
        let seen = self.changes.so_far(key);
        match self.memory.look(key, self.now()) {
            Looked::Hit { entry, note } => {
                if let (Some(more), Ok(disk)) = (note, &self.disk) {
                    disk.used(key, more);
                }
                Some(entry.record.found(&entry.payload, Level::Memory, seen))
            }
            Looked::Over => {
                self.remove_seen(key, seen);
                None
            }
            Looked::Miss => self.find_on_disk(key, seen).await,
        }
    }

    /// As [`find`](Self::find), but without a trace: nothing is counted as used, and nothing moves to another level.
    pub async fn probe(&self, key: &Key) -> Option<Found<P>> {
        let (now, seen) = (self.now(), self.changes.so_far(key));
        if let Some(entry) = self.memory.peek(key) {
            let over = entry.record.is_over(now);
            return (!over).then(|| entry.record.found(&entry.payload, Level::Memory, seen));
        }
        let opened = self.disk.as_ref().ok()?.find(key).await?;
        let payload = P::decode(&opened.payload).filter(|_| !opened.record.is_over(now))?;
        Some(opened.record.found(&Arc::new(payload), Level::Disk, seen))
    }

    async fn find_on_disk(&self, key: &Key, seen: u64) -> Option<Found<P>> {
        let disk = self.disk.as_ref().ok()?;
        let opened = disk.find(key).await?;
        let now = self.now();
        if opened.record.is_over(now) {
            self.remove_seen(key, seen);
            return None;
        }
        let Some(payload) = P::decode(&opened.payload) else {
            self.forget_seen(key, seen, Why::Invalid);
            return None;
        };
        disk.used(key, 1);
        let weight = Memory::<P>::weight(&opened.record, payload.weight());
        let entry = Resident {
            payload: Arc::new(payload),
            record: Arc::new(opened.record),
            noted: now.as_millisecond(),
            unnoted: 0,
        };
        let found = entry.record.found(&entry.payload, Level::Disk, seen);
        self.memory
            .bring_up(key, entry, weight, now, || self.changes.so_far(key) == seen);
        Some(found)
    }

    /// Keeps a result. Only what came out of a call as it is belongs here.
    pub fn store(&self, key: &Key, payload: P, about: About) -> Stored {
        let stored = self.try_store(key, payload, about);
        match stored {
            Stored::Both => {}
            // A level that nobody wants skips nothing.
            Stored::MemoryOnly(Skip::Off) | Stored::DiskOnly(Skip::Off) => {}
            Stored::MemoryOnly(why) | Stored::DiskOnly(why) | Stored::Skipped(why) => {
                self.metrics.skipped(why)
            }
        }
        if !matches!(stored, Stored::Skipped(_)) {
            add(&self.metrics.stores, 1);
        }
        stored
    }

    fn try_store(&self, key: &Key, payload: P, about: About) -> Stored {
        if !self.config.enabled {
            return Stored::Skipped(Skip::Off);
        }
        let now = self.now();
        let lifetime = about
            .lifetime
            .map(|lifetime| lifetime.min(self.config.max_lifetime.0));
        if lifetime.is_some_and(|lifetime| lifetime.is_zero()) {
            // What was there is not what the last call gave.
            self.remove(key);
            return Stored::Skipped(Skip::NoTime);
        }
        let encoded = payload.encode();
        let record = Record {
            key: *key,
            about: Arc::new(About { lifetime, ..about }.bounded()),
            created: now,
            expires: lifetime.map(|lifetime| later(now, lifetime)),
            checksum: checksum(&encoded),
        };
        self.keep(key, payload, encoded, record, None)
    }

    /// Puts the same result, proven anew, in the place of the one that was found: its age and its uses go on. Does nothing where
    /// something was stored or removed meanwhile.
    pub fn refresh(&self, key: &Key, found: &Found<P>, payload: P) {
        let encoded = payload.encode();
        let record = Record {
            key: *key,
            about: Arc::clone(&found.about),
            created: found.created,
            expires: found.expires,
            checksum: checksum(&encoded),
        };
        if self.changes.so_far(key) == found.seen {
            let uses = self.memory.uses(key).unwrap_or(1);
            self.keep(key, payload, encoded, record, Some(uses));
        }
    }

    /// Keeps an entry on both levels, or makes sure that a level that does not take it holds no older one.
    fn keep(&self, key: &Key, payload: P, encoded: Vec<u8>, record: Record, uses: Option<u32>) -> Stored {
        let now = self.now();
        let weight = Memory::<P>::weight(&record, payload.weight());
        let record = Arc::new(record);
        let entry = Resident {
            payload: Arc::new(payload),
            record: Arc::clone(&record),
            noted: now.as_millisecond(),
            unnoted: 0,
        };
        let on_disk = match &self.disk {
            Err(no) => Err(no.why),
            Ok(disk) if encoded.len() > self.disk_entry_max() => {
                disk.remove(key);
                Err(Skip::TooLarge)
            }
            Ok(disk) => disk.put(record, encoded, uses.is_some()),
        };
        self.changes.count(key);
        let in_memory = if self.config.memory.0 == 0 {
            Err(Skip::Off)
        } else if self.memory.keep(key, entry, weight, uses, now) {
            Ok(())
        } else {
            self.memory.remove(key);
            Err(Skip::TooLarge)
        };
        match (in_memory, on_disk) {
            (Ok(()), Ok(())) => Stored::Both,
            (Ok(()), Err(why)) => Stored::MemoryOnly(why),
            (Err(why), Ok(())) => Stored::DiskOnly(why),
            // The memory's reason says more about the result itself.
            (Err(why), Err(_)) => Stored::Skipped(why),
        }
    }

    fn disk_entry_max(&self) -> usize {
        (self.config.disk.bytes() / 8).min(ENTRY_MAX)
    }

    /// Removes the entry that was found from every level, unless something was stored or removed meanwhile: of many who find
    /// an entry stale at the same time, the slower ones would remove what the first has stored since.
    pub fn forget_found(&self, key: &Key, found: &Found<P>, why: Why) {
        self.forget_seen(key, found.seen, why);
    }

    pub(crate) fn forget_seen(&self, key: &Key, seen: u64, why: Why) -> bool {
        let current = self.changes.so_far(key) == seen;
        if current {
            self.forget(key, why);
        }
        current
    }

    /// Removes an entry from every level, whatever it is.
    pub fn forget(&self, key: &Key, why: Why) {
        match why {
            Why::Stale => add(&self.metrics.forgotten_stale, 1),
            Why::Invalid => add(&self.metrics.forgotten_invalid, 1),
            Why::Asked => {}
        }
        self.remove(key);
    }

    /// Removes an entry if nothing was stored or removed since.
    fn remove_seen(&self, key: &Key, seen: u64) {
        if self.changes.so_far(key) == seen {
            self.remove(key);
        }
    }

    fn remove(&self, key: &Key) {
        if let Ok(disk) = &self.disk {
            disk.remove(key);
        }
        self.changes.count(key);
        self.memory.remove(key);
    }

    /// Removes everything from both levels, for all processes that share the disk level, and returns once that is so.
    ///
    /// # Errors
    /// When it can't be removed from the disk now; then this process finds nothing there, and it goes as soon as it can.
    pub async fn clear(&self) -> Result<(), DiskProblem> {
        if let Ok(disk) = &self.disk {
            disk.clear();
        }
        self.changes.count_all();
        self.memory.clear();
        self.asked.clear();
        self.flush().await
    }

    /// Waits until everything that was stored and removed is on disk.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub async fn flush(&self) -> Result<(), DiskProblem> {
        match &self.disk {
            Ok(disk) => Ok(disk.flush().await?),
            Err(_) => Ok(()),
        }
    }

    /// Counts a call of a caller, so that it may be made ahead one day. Calls that only warm the cache are not for here.
    pub fn asked(&self, principal: &Principal, tool: &ToolId, canonical_arguments: String) {
        if !self.config.enabled {
            return;
        }
        let call = Asked::new(principal, tool, canonical_arguments);
        match &self.disk {
            Ok(disk) => disk.asked(call),
            Err(_) => self.asked.note(call, self.now()),
        }
    }

    /// The calls that were asked at least so often, the most asked first; by all processes that share the disk level.
    ///
    /// # Errors
    /// When the disk can't be read.
    pub async fn popular(&self, least: u64, limit: usize) -> Result<Vec<Popular>, DiskProblem> {
        match &self.disk {
            Ok(disk) => Ok(disk.popular(least, limit).await?),
            Err(_) => Ok(self.asked.popular(least, limit)),
        }
    }

    /// Seals what is on disk with a new key from now on. Older keys open what they sealed until
    /// [`reseal`](Self::reseal).
    ///
    /// # Errors
    /// When the disk can't be used, or there are too many keys that were never resealed.
    pub async fn rotate(&self) -> Result<(), DiskProblem> {
        match &self.disk {
            Ok(disk) => Ok(disk.rotate().await?),
            Err(_) => Ok(()),
        }
    }

    /// Seals what older keys sealed with the current one, and removes those keys. Returns how many rows that were.
    ///
    /// # Errors
    /// When the disk can't be used.
    pub async fn reseal(&self) -> Result<u64, DiskProblem> {
        match &self.disk {
            Ok(disk) => Ok(disk.reseal().await?),
            Err(_) => Ok(0),
        }
    }

    /// Keeps the breaker of the disk level in a state; none: lets it go on by itself, as if nothing had happened.
    pub fn force_breaker(&self, state: Option<State>) {
        if let Ok(disk) = &self.disk {
            disk.breaker().force(state);
        }
    }

    /// Takes part in the flight for a key: of equal misses at the same time, one runs. Whoever leads should look once more
    /// before running, since another may have landed a moment ago.
    pub fn flight(&self, key: &Key) -> Flight {
        self.flights.join(key)
    }

    /// Says how a lookup ended.
    pub fn record(&self, lookup: Lookup) {
        self.metrics.record(lookup);
    }

    /// Everything that is counted.
    pub fn metrics(&self) -> CacheMetrics {
        let (shadows, switches) = self.memory.shadows().unzip();
        CacheMetrics {
            traffic: self.metrics.traffic(),
            memory: self.memory.usage(),
            evicted: self.memory.evicted.load(Ordering::Relaxed),
            expired: self.memory.expired.load(Ordering::Relaxed),
            strategy: self.memory.strategy(),
            shadows,
            switches: switches.unwrap_or_default(),
            flights: self.flights.count(),
            disk: self.disk.as_ref().ok().map(|disk| {
                let counts = disk.counts();
                let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
                DiskMetrics {
                    written: get(&counts.written),
                    lost: get(&counts.lost),
                    evicted: get(&counts.evicted),
                    expired: get(&counts.expired),
                    invalid: get(&counts.invalid),
                    keys: disk.keys(),
                    breaker: disk.breaker().metrics(),
                }
            }),
            disk_problem: self.disk.as_ref().err().and_then(|no| no.problem.clone()),
        }
    }

    /// How full the disk level is; none where there is none.
    ///
    /// # Errors
    /// When the disk can't be read.
    pub async fn disk_use(&self) -> Result<Option<DiskUse>, DiskProblem> {
        let Ok(disk) = &self.disk else {
            return Ok(None);
        };
        let totals = disk.totals().await?;
        Ok(Some(DiskUse {
            entries: totals.entries.unsigned_abs(),
            bytes: totals.bytes.unsigned_abs(),
            bytes_max: self.config.disk.0,
            entries_max: self.config.disk_entries.into(),
            calls: totals.calls.unsigned_abs(),
        }))
    }

    /// Longest lifetime that a failure may have.
    pub fn max_negative_lifetime(&self) -> std::time::Duration {
        self.config.max_negative_lifetime.0
    }

    /// Largest entry of the memory level, in bytes.
    pub fn entry_max(&self) -> usize {
        self.memory.usage().entry_max
    }
}
