//! The file, and connections to it.

use super::words::{KvError, KvErrorKind};
use super::{Bound, VERSION};
use crate::sql::FileId;
use crate::store::{Doing, StoreError, connect, create};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long SQLite itself waits for a lock before the deadline is looked at again.
const LOCK_WAIT: Duration = Duration::from_millis(20);
/// How long to wait before SQLite is asked again that had no lock, or no memory: its bound is the whole process's, so a
/// plugin's statement that fills it takes the values' share too, for the moment until that statement is ended.
const AGAIN: Duration = Duration::from_millis(5);
/// How long after its deadline an act may take to notice before its caller hears of it anyway.
const GRACE: Duration = Duration::from_millis(100);
/// Longest time for one act. Each takes milliseconds; one that waits longer waits for somebody who is stuck.
const ACT_MAX: Duration = Duration::from_secs(10);

/// Where the file lies.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    pub(super) fn new(folder: &Path) -> Self {
        Place {
            folder: folder.to_owned(),
        }
    }

    fn path(&self) -> std::io::Result<PathBuf> {
        // A relative path could begin with `file:` and would be taken for a URI.
        Ok(std::path::absolute(&self.folder)?.join(super::KvStore::FILE))
    }
}

/// A connection, and the file that lay at the path just before it was opened.
struct Open {
    conn: Connection,
    file: Option<FileId>,
}

impl Open {
    /// Opens the file, and makes it where there is none.
    fn new(place: &Place) -> Result<Self, StoreError> {
        create(&place.folder, super::KvStore::FILE).map_err(StoreError::Create)?;
        let path = place.path().map_err(StoreError::Create)?;
        let file = FileId::of(&path);
        let mut conn = connect(&path)?;
        begin(&mut conn)?;
        const DOING: &str = "open the stored values";
        conn.busy_timeout(LOCK_WAIT).doing(DOING)?;
        // Else the log keeps the size that it had after the largest transaction.
        conn.pragma_update_and_check(None, "journal_size_limit", 16 << 20, |_| Ok(()))
            .doing(DOING)?;
        Ok(Open { conn, file })
    }
}

/// Makes the tables, unless they are there. Another process may be doing the same.
fn begin(conn: &mut Connection) -> Result<(), StoreError> {
    const DOING: &str = "make the tables of stored values";
    let version = |conn: &Connection| {
        conn.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
            .doing(DOING)
    };
    if version(conn)? == VERSION {
        return Ok(());
    }
    let transaction = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .doing(DOING)?;
    let found = version(&transaction)?;
    if found > VERSION {
        return Err(StoreError::TooNew {
            found,
            known: VERSION,
        });
    }
    if found < VERSION {
        transaction
            .execute_batch(include_str!("schema.sql"))
            .doing(DOING)?;
        transaction
            .pragma_update(None, "user_version", VERSION)
            .doing(DOING)?;
    }
    transaction.commit().doing(DOING)
}

/// A bounded number of connections, opened when they are first needed. Whoever waits longest gets the next.
pub(super) struct Lane {
    place: Arc<Place>,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Open>>>,
}

impl Lane {
    pub(super) fn new(place: &Arc<Place>, size: usize) -> Self {
        Lane {
            place: Arc::clone(place),
            permits: Arc::new(Semaphore::new(size)),
            idle: Arc::default(),
        }
    }

    /// Runs `job` where it may block, and again while others hold a lock that it needs. One whose caller went away before it
    /// began is not begun.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        mut job: impl FnMut(&mut Connection) -> Result<T, Bound> + Send + 'static,
    ) -> Result<T, KvError> {
        let latest = Instant::now().checked_add(ACT_MAX).unwrap_or(deadline);
        let deadline = deadline.min(latest);
        let permit = tokio::time::timeout_at(deadline.into(), Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| KvError::busy())?
            .map_err(|_| KvError::busy())?;
        let (place, idle) = (Arc::clone(&self.place), Arc::clone(&self.idle));
        let caller = Arc::new(());
        let waits = Arc::downgrade(&caller);
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            if waits.strong_count() == 0 {
                return Err(KvError::busy());
            }
            let mut open = taken(&place, &idle)?;
            let result = patient(deadline, || job(&mut open.conn));
            if open.conn.is_autocommit() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(open);
            }
            result
        });
        // The disk can't be interrupted. The caller does not wait for it: the connection comes back by itself.
        let patience = deadline.checked_add(GRACE).unwrap_or(deadline);
        let result = tokio::time::timeout_at(patience.into(), task).await;
        drop(caller);
        match result {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(internal()),
            Err(_) => Err(KvError::busy()),
        }
    }
}

/// An idle connection, or a new one. Connections to a file that another one took the place of would go on telling what was
/// in it.
fn taken(place: &Place, idle: &Mutex<Vec<Open>>) -> Result<Open, KvError> {
    let file = place.path().ok().and_then(|path| FileId::of(&path));
    let found = {
        let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|open| open.file == file);
        idle.pop()
    };
    match found {
        Some(open) => Ok(open),
        None => Open::new(place).map_err(|error| {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "the file of stored values can't be opened");
            KvError::new(KvErrorKind::Unavailable, "the stored values can't be opened")
        }),
    }
}

/// Tries again while another connection holds the lock, or SQLite has no memory.
fn patient<T>(deadline: Instant, mut attempt: impl FnMut() -> Result<T, Bound>) -> Result<T, KvError> {
    use rusqlite::ErrorCode as C;
    loop {
        let error = match attempt() {
            Ok(done) => return Ok(done),
            Err(Bound::Refused(error)) => return Err(error),
            Err(Bound::Database(error)) => error,
        };
        match error.sqlite_error_code() {
            Some(C::DatabaseBusy | C::DatabaseLocked | C::OutOfMemory) => {
                if Instant::now() >= deadline {
                    return Err(KvError::busy());
                }
                std::thread::sleep(AGAIN);
            }
            code => {
                tracing::error!(%error, "the file of stored values can't be used");
                return Err(match code {
                    Some(C::DiskFull) => KvError::new(KvErrorKind::Unavailable, "the disk is full"),
                    _ => internal(),
                });
            }
        }
    }
}

fn internal() -> KvError {
    KvError::new(KvErrorKind::Internal, "the stored values can't be used")
}

/// A state of the file. The same stamp twice: nobody committed anything in between. It says nothing to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvStamp {
    /// Which watching connection said it.
    watch: u64,
    /// SQLite's own count of others' commits, as that connection sees it.
    version: i64,
}

/// A connection that never writes, and so hears of everybody's commits.
pub(super) struct Watch {
    place: Arc<Place>,
    open: Mutex<Option<(Open, u64)>>,
}

impl Watch {
    pub(super) fn new(place: &Arc<Place>) -> Self {
        Watch {
            place: Arc::clone(place),
            open: Mutex::new(None),
        }
    }

    /// The state of the file now, in microseconds. None: it can't be told, because there is no file, or somebody keeps it to
    /// himself.
    pub(super) fn stamp(&self) -> Option<KvStamp> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let path = self.place.path().ok()?;
        // Before the connection is opened: where the file is exchanged in between, the next look finds another one.
        let file = Some(FileId::of(&path)?);
        let mut held = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|(open, _)| open.file != file) {
            *held = None;
        }
        let (open, watch) = match &mut *held {
            Some(held) => held,
            none => {
                let conn = watching(&path).ok()?;
                none.insert((Open { conn, file }, NUMBER.fetch_add(1, Ordering::Relaxed)))
            }
        };
        let mut ask = open.conn.prepare_cached("PRAGMA data_version").ok()?;
        let version = ask.query_row([], |row| row.get(0)).ok()?;
        Some(KvStamp {
            watch: *watch,
            version,
        })
    }
}

/// Whoever asks for the state does not wait for a writer: asking the question itself does.
fn watching(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(Duration::ZERO)?;
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    ] {
        conn.set_db_config(setting, on)?;
    }
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}
