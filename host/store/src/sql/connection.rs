//! A connection that trusts neither the statement nor the schema, and the stop that ends what runs on it.

use super::guard::Mode;
use super::schema_names::NamesCache;
use super::watch::FileId;
use super::{SqlError, SqlLimits, functions, limits};
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthContext, Authorization};
use rusqlite::{Connection, InterruptHandle, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the deadline is looked at: every so many instructions of SQLite's machine, some tens of microseconds.
const INSTRUCTIONS_BETWEEN_LOOKS: i32 = 2_000;
/// How long SQLite itself waits for a lock before the stop is looked at again.
const LOCK_WAIT: Duration = Duration::from_millis(20);

/// Ends a statement at its deadline, or when its caller went away.
pub(super) struct Stop {
    deadline: Instant,
    cancelled: AtomicBool,
    running: Mutex<Option<InterruptHandle>>,
}

impl Stop {
    pub(super) fn at(deadline: Instant) -> Arc<Self> {
        Arc::new(Stop {
            deadline,
            cancelled: AtomicBool::new(false),
            running: Mutex::new(None),
        })
    }

    pub(super) fn is_due(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    pub(super) fn check(&self) -> Result<(), SqlError> {
        if self.is_due() {
            Err(SqlError::stopped())
        } else {
            Ok(())
        }
    }

    /// Ends the statement now, or before it starts.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = running.as_ref() {
            handle.interrupt();
        }
    }

    /// After this no interrupt of this stop reaches a connection: the next statement on it is someone else's.
    fn set_running(&self, handle: Option<InterruptHandle>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = handle;
    }
}

/// Cancels when dropped, as the future of a cancelled call is.
pub(super) struct CancelOnDrop(pub(super) Arc<Stop>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A connection with its memory of the schema's names.
pub(super) struct Session {
    pub(super) conn: Connection,
    path: PathBuf,
    pub(super) names: NamesCache,
    pub(super) mode: Mode,
    /// The file that lay at the path just before it was opened.
    pub(super) file: Option<FileId>,
}

impl Session {
    pub(super) fn open(path: &Path, mode: Mode, limits: &SqlLimits) -> Result<Self, SqlError> {
        // Not created when missing. A relative path could begin with `file:` and would be taken for a URI.
        let path = std::path::absolute(path).map_err(|_| cannot_open())?;
        let file = FileId::of(&path);
        let access = match mode {
            Mode::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Mode::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let open = || -> rusqlite::Result<Connection> {
            let conn = Connection::open_with_flags(&path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            harden(&conn, mode, limits)?;
            Ok(conn)
        };
        let conn = open().map_err(|error| {
            tracing::error!(%error, path = %path.display(), "can't open a database");
            cannot_open()
        })?;
        Ok(Session {
            conn,
            path,
            names: NamesCache::default(),
            mode,
            file,
        })
    }

    /// Runs `job` in a transaction of its own that ends with it, and so that `stop` can end it.
    ///
    /// Writing, the transaction is committed when the job succeeds. In every other case it is rolled back.
    pub(super) fn transaction<T>(
        &mut self,
        stop: &Arc<Stop>,
        job: impl FnOnce(&mut Session) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        stop.set_running(Some(self.conn.get_interrupt_handle()));
        let watched = Arc::clone(stop);
        let armed = self
            .conn
            .progress_handler(INSTRUCTIONS_BETWEEN_LOOKS, Some(move || watched.is_due()));
        let result = armed
            .map_err(SqlError::from)
            .and_then(|()| self.begin(stop))
            .and_then(|()| job(self));
        self.unguard();
        let result = match (result, self.mode) {
            (Ok(value), Mode::Write) => waiting(stop, || self.conn.execute_batch("COMMIT")).map(|()| value),
            (result, _) => result,
        };
        stop.set_running(None);
        let disarmed = self.conn.progress_handler(0, None::<fn() -> bool>);
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        disarmed?;
        result
    }

    /// Whether the connection can serve the next statement.
    pub(super) fn is_healthy(&self) -> bool {
        self.conn.is_autocommit() && !self.conn.is_busy()
    }

    /// Takes the authorizer away, for the host's own statements.
    pub(super) fn unguard(&mut self) {
        let none = None::<fn(AuthContext<'_>) -> Authorization>;
        if let Err(error) = self.conn.authorizer(none) {
            tracing::error!(%error, "can't take an authorizer away");
        }
    }

    /// The transaction holds a lock from here on, so that no later step has to wait, and the schema stays what it is.
    fn begin(&mut self, stop: &Stop) -> Result<(), SqlError> {
        match self.mode {
            Mode::Read => {
                self.conn.execute_batch("BEGIN")?;
                waiting(stop, || match self.names.get(&self.conn) {
                    Err(error) if is_left_behind(&error) => {
                        recover(&self.path)?;
                        self.names.get(&self.conn).map(|_| ())
                    }
                    found => found.map(|_| ()),
                })
            }
            Mode::Write => waiting(stop, || self.conn.execute_batch("BEGIN IMMEDIATE")),
        }
    }
}

/// Repeats `act` while another connection holds the lock.
fn waiting(stop: &Stop, mut act: impl FnMut() -> rusqlite::Result<()>) -> Result<(), SqlError> {
    loop {
        match act() {
            Err(error) if is_busy(&error) => {
                if stop.is_due() {
                    return Err(SqlError::busy());
                }
            }
            result => return Ok(result?),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode as C;
    matches!(
        error.sqlite_error_code(),
        Some(C::DatabaseBusy | C::DatabaseLocked)
    )
}

/// Whether a writer died in the midst of a transaction: what it left behind must be undone, which takes the right to write.
fn is_left_behind(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi;
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        code,
        Some(ffi::SQLITE_READONLY_ROLLBACK | ffi::SQLITE_READONLY_RECOVERY)
    )
}

/// Has SQLite undo what a dead writer left behind, as it does when anyone who may write looks at the database.
fn recover(path: &Path) -> rusqlite::Result<()> {
    tracing::info!(path = %path.display(), "undoing an unfinished transaction");
    let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, access)?;
    conn.busy_timeout(LOCK_WAIT)?;
    conn.query_row("PRAGMA schema_version", [], |_| Ok(()))
}

fn cannot_open() -> SqlError {
    SqlError::unavailable("the database can't be opened")
}

fn harden(conn: &Connection, mode: Mode, limits: &SqlLimits) -> rusqlite::Result<()> {
    conn.busy_timeout(LOCK_WAIT)?;
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
        (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
        // A name in double quotes that fits no column is a mistake, and not a text.
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    ] {
        conn.set_db_config(setting, on)?;
    }
    // Sorts and temporary tables stay in memory, where the heap limit counts them, and off the disk.
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    let heap = i64::try_from(limits.heap_bytes_max).unwrap_or(i64::MAX);
    conn.pragma_update_and_check(None, "hard_heap_limit", heap, |_| Ok(()))?;
    match mode {
        Mode::Read => conn.pragma_update(None, "query_only", true)?,
        Mode::Write => {
            let page: i64 = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
            let most = i64::try_from(limits.database_bytes_max).unwrap_or(i64::MAX);
            let pages = (most / page.max(1)).clamp(1, i64::from(u32::MAX - 1));
            conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
            conn.pragma_update(None, "synchronous", "FULL")?;
        }
    }
    functions::bound(conn)?;
    limits::apply(conn, limits)
}
