//! Whether anyone changed a database: the host, another process, or whoever put another file in its place.

use super::SqlLimits;
use super::connection::Session;
use super::guard::Mode;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A state of a database. The same stamp twice: nobody committed anything in between. It says nothing to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataStamp {
    /// Which watching connection said it.
    watch: u64,
    /// SQLite's own count of others' commits, as that connection sees it.
    version: i64,
}

/// Which file lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// None: there is none, or the system does not tell.
    #[cfg(unix)]
    pub(crate) fn of(path: &std::path::Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(path).ok()?;
        Some(FileId {
            device: found.dev(),
            inode: found.ino(),
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn of(_: &std::path::Path) -> Option<Self> {
        None
    }
}

/// A connection that never writes, and so hears of everybody's commits.
pub(super) struct Watch {
    path: PathBuf,
    limits: Arc<SqlLimits>,
    open: Mutex<Option<Open>>,
}

struct Open {
    session: Session,
    file: FileId,
    number: u64,
}

impl Watch {
    pub(super) fn new(path: PathBuf, limits: Arc<SqlLimits>) -> Self {
        Watch {
            path,
            limits,
            open: Mutex::new(None),
        }
    }

    /// The state of the database now, in microseconds. None: it can't be told, because a writer keeps the file to itself, or
    /// there is none.
    pub(super) fn stamp(&self) -> Option<DataStamp> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        // Before the connection is opened, and once more after.
        let file = FileId::of(&self.path)?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_some_and(|open| open.file != file) {
            *open = None;
        }
        let watch = match &mut *open {
            Some(watch) => watch,
            none => {
                let session = Session::open(&self.path, Mode::Read, &self.limits).ok()?;
                // Whoever asks does not wait for a writer: asking the question itself does.
                session.conn.busy_timeout(Duration::ZERO).ok()?;
                if FileId::of(&self.path) != Some(file) {
                    // The connection may be to either.
                    return None;
                }
                none.insert(Open {
                    session,
                    file,
                    number: NUMBER.fetch_add(1, Ordering::Relaxed),
                })
            }
        };
        let mut ask = watch.session.conn.prepare_cached("PRAGMA data_version").ok()?;
        let version = ask.query_row([], |row| row.get(0)).ok()?;
        #[cfg(feature = "sabotage")]
        let version = crate::sabotage::version(version);
        Some(DataStamp {
            watch: watch.number,
            version,
        })
    }
}
