//! What waits to be written.
//!
//! Callers never wait for the disk: they leave a change here, and a thread writes all of them together a moment later. The
//! latest change of a key stands for all before it, and whoever looks for a key looks here first, so this process sees its
//! own changes at once. A removal is never dropped: where it can't be written it stays here and hides the row.

use crate::Key;
use crate::entry::Record;
use std::collections::HashMap;
use std::sync::Arc;

/// Most bytes that wait. More would be memory that no bound counts; what comes then stays in memory only.
const BYTES_MAX: usize = 16 << 20;

/// Most changes that wait.
const CHANGES_MAX: usize = 8192;

/// Most uses that wait to be noted. What is more is not noted.
const USES_MAX: usize = 8192;

/// Most removals that wait. With more, everything is removed: that is sound, and bounded.
const REMOVALS_MAX: usize = 65_536;

/// What happens to a key.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Put {
        record: Arc<Record>,
        payload: Arc<[u8]>,
        /// The uses of a row that is there stay counted.
        keep_uses: bool,
    },
    Remove,
}

impl Change {
    fn bytes(&self) -> usize {
        match self {
            Change::Put { payload, .. } => payload.len().saturating_add(512),
            Change::Remove => 0,
        }
    }
}

/// What is known here of a key.
#[derive(Debug)]
pub(crate) enum Known {
    Put(Arc<Record>, Arc<[u8]>),
    Removed,
    /// The disk knows.
    Nothing,
}

/// Changes that are written together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Everything goes first.
    pub(crate) clear: bool,
    pub(crate) changes: HashMap<Key, Change>,
    /// How often a key was used more, and when last, in milliseconds since 1970.
    pub(crate) uses: HashMap<Key, (i64, i64)>,
    bytes: usize,
    removals: usize,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        !self.clear && self.changes.is_empty() && self.uses.is_empty()
    }

    /// Whether something waits that should not wait for long.
    pub(crate) fn is_urgent(&self) -> bool {
        self.clear || !self.changes.is_empty()
    }

    /// Whether it is time to write, however short the wait was.
    pub(crate) fn is_large(&self) -> bool {
        self.bytes > BYTES_MAX / 4 || self.changes.len() > CHANGES_MAX / 4
    }

    pub(crate) fn puts(&self) -> usize {
        self.changes.len() - self.removals
    }

    fn known(&self, key: &Key) -> Known {
        match self.changes.get(key) {
            Some(Change::Put { record, payload, .. }) => Known::Put(Arc::clone(record), Arc::clone(payload)),
            Some(Change::Remove) => Known::Removed,
            None if self.clear => Known::Removed,
            None => Known::Nothing,
        }
    }

    fn set(&mut self, key: Key, change: Change) {
        let removal = matches!(change, Change::Remove);
        self.bytes = self.bytes.saturating_add(change.bytes());
        self.removals += usize::from(removal);
        if let Some(old) = self.changes.insert(key, change) {
            self.bytes = self.bytes.saturating_sub(old.bytes());
            self.removals -= usize::from(matches!(old, Change::Remove));
        }
        if removal {
            self.uses.remove(&key);
        }
    }

    fn set_clear(&mut self) {
        *self = Batch {
            clear: true,
            ..Batch::default()
        };
    }
}

/// What waits, and what is being written.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Batch,
    writing: Arc<Batch>,
    /// Counts changes, so that one can wait until those so far are written.
    pub(crate) number: u64,
    /// Someone waits for the disk.
    pub(crate) hurry: bool,
    /// The cache is being closed.
    pub(crate) stopping: bool,
}

impl Queue {
    pub(crate) fn known(&self, key: &Key) -> Known {
        match self.waiting.known(key) {
            Known::Nothing => self.writing.known(key),
            known => known,
        }
    }

    /// Lets an entry be written, if there is room to wait.
    pub(crate) fn put(&mut self, key: Key, change: Change) -> bool {
        let full = self.waiting.changes.len() >= CHANGES_MAX
            || self.waiting.bytes.saturating_add(change.bytes()) > BYTES_MAX;
        if full && !self.waiting.changes.contains_key(&key) {
            return false;
        }
        self.number += 1;
        self.waiting.set(key, change);
        true
    }

    pub(crate) fn remove(&mut self, key: Key) {
        self.number += 1;
        if self.waiting.clear {
            // Everything goes anyway.
            self.waiting.set(key, Change::Remove);
            return;
        }
        if self.waiting.removals >= REMOVALS_MAX {
            tracing::warn!("too many removals wait for the cache's disk; everything on it is removed");
            return self.waiting.set_clear();
        }
        self.waiting.set(key, Change::Remove);
    }

    pub(crate) fn used(&mut self, key: Key, more: i64, last: i64) {
        if self.waiting.uses.len() < USES_MAX {
            let uses = self.waiting.uses.entry(key).or_default();
            *uses = (uses.0.saturating_add(more), uses.1.max(last));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.number += 1;
        self.waiting.set_clear();
    }

    pub(crate) fn waiting(&self) -> &Batch {
        &self.waiting
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.writing.is_empty()
    }

    /// Takes what waits, to write it. It is seen until [`written`](Self::written).
    pub(crate) fn take(&mut self) -> Arc<Batch> {
        self.writing = Arc::new(std::mem::take(&mut self.waiting));
        Arc::clone(&self.writing)
    }

    /// What was taken is on disk, or is not: then its removals wait again, behind what came meanwhile.
    pub(crate) fn written(&mut self, done: bool) {
        let batch = std::mem::take(&mut self.writing);
        if done || self.waiting.clear {
            return;
        }
        self.waiting.clear = batch.clear;
        for (key, change) in &batch.changes {
            // A result that was not written would have replaced what is there, which must not be seen any more either.
            if (matches!(change, Change::Remove) || !batch.clear) && !self.waiting.changes.contains_key(key) {
                self.waiting.set(*key, Change::Remove);
            }
        }
        if self.waiting.removals > REMOVALS_MAX {
            self.waiting.set_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{About, Kind, checksum};
    use jiff::Timestamp;

    fn key(n: usize) -> Key {
        Key::of("t", &[&n.to_le_bytes()])
    }

    fn put(n: usize, size: usize) -> Change {
        let about = About {
            kind: Kind::Tool,
            label: String::new(),
            principal: fact_types::Principal::local(),
            component: None,
            cost: Default::default(),
            tokens: 0,
            lifetime: None,
        };
        let record = Record {
            key: key(n),
            about: Arc::new(about),
            created: Timestamp::UNIX_EPOCH,
            expires: None,
            checksum: checksum(&[]),
        };
        Change::Put {
            record: Arc::new(record),
            payload: vec![0; size].into(),
            keep_uses: false,
        }
    }

    fn is_put(queue: &Queue, n: usize) -> Option<bool> {
        match queue.known(&key(n)) {
            Known::Put(..) => Some(true),
            Known::Removed => Some(false),
            Known::Nothing => None,
        }
    }

    #[test]
    fn the_latest_change_of_a_key_is_seen_until_it_is_written() {
        let mut queue = Queue::default();
        assert!(queue.put(key(1), put(1, 10)) && queue.put(key(2), put(2, 10)));
        queue.remove(key(2));
        assert_eq!(
            (is_put(&queue, 1), is_put(&queue, 2), is_put(&queue, 3)),
            (Some(true), Some(false), None)
        );
        let batch = queue.take();
        assert_eq!((batch.changes.len(), batch.puts()), (2, 1));
        queue.remove(key(1));
        assert_eq!((is_put(&queue, 1), is_put(&queue, 2)), (Some(false), Some(false)));
        queue.written(true);
        assert_eq!((is_put(&queue, 1), is_put(&queue, 2)), (Some(false), None));
    }

    #[test]
    fn what_could_not_be_written_hides_what_is_on_disk() {
        let mut queue = Queue::default();
        queue.put(key(1), put(1, 10));
        queue.remove(key(2));
        queue.remove(key(3));
        queue.take();
        queue.put(key(3), put(3, 10));
        queue.written(false);
        let seen: Vec<_> = (1..5).map(|n| is_put(&queue, n)).collect();
        assert_eq!(seen, [Some(false), Some(false), Some(true), None]);

        queue.clear();
        queue.put(key(4), put(4, 10));
        queue.take();
        queue.written(false);
        assert!(queue.waiting().clear);
        assert_eq!(
            (is_put(&queue, 4), is_put(&queue, 99)),
            (Some(false), Some(false))
        );
    }

    #[test]
    fn what_waits_is_bounded_and_removals_are_never_lost() {
        let mut queue = Queue::default();
        let taken = (0..100).filter(|n| queue.put(key(*n), put(*n, 1 << 20))).count();
        assert_eq!(taken, 15);
        assert!(queue.waiting().bytes <= BYTES_MAX && queue.waiting().is_large());
        for n in 0..REMOVALS_MAX + 10 {
            queue.remove(key(n));
            assert_eq!(is_put(&queue, n), Some(false));
        }
        assert!(queue.waiting().clear && queue.waiting().changes.len() < 20);
        (0..2 * USES_MAX).for_each(|n| queue.used(key(n), 1, 1));
        assert_eq!(queue.waiting().uses.len(), USES_MAX);
    }
}
