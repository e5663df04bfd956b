//! What the host itself keeps: installed plugins and what they were granted.
//!
//! One SQLite file, `fact.db`, in write-ahead mode with full syncing: a change that was acknowledged is there after a power
//! cut, one that was not is not there at all. Several processes may use it at once.

mod drop_in;
mod grants;
mod migrate;
mod plugins;
#[cfg(test)]
mod tests;
mod text;
mod uses;
mod versions;

pub use drop_in::DropInRow;
pub use grants::{Added, NewGrant};
pub use migrate::Migration;
pub use plugins::PluginRow;
pub use text::Unreadable;
pub(crate) use text::{select, within};
pub use uses::GrantUse;
pub use versions::{VersionRow, VersionState};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why the store did not do something. Not for callers outside: it may name files.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or the file could not be made.
    #[error("can't create the data folder or the file in it")]
    Create(#[source] std::io::Error),
    /// The database was written by a later program.
    #[error(
        "the store has version {found} and this program knows versions up to {known}: use the newer program, or another data folder"
    )]
    TooNew {
        /// The version in the file.
        found: i64,
        /// The latest version that this program knows.
        known: i64,
    },
    /// A text is longer than the store keeps.
    #[error("{what} is longer than {most} bytes")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// Its bound.
        most: usize,
    },
    /// A grant is for a plugin that is not installed, or not for the plugin that it was given with.
    #[error("there is no plugin `{0}` for the grant")]
    NoPlugin(String),
    /// The database failed.
    #[error("can't {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// SQLite's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether the database engine had no memory. Its bound is the whole process's, so a plugin's statement that fills it takes
    /// everyone's share, for a moment.
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, StoreError::Database { source, .. } if out_of_memory(source.as_ref()))
    }

    /// Whether the file is no database, or a broken one.
    pub(crate) fn damaged(&self) -> bool {
        let StoreError::Database { source, .. } = self else {
            return false;
        };
        matches!(
            source
                .downcast_ref::<rusqlite::Error>()
                .and_then(rusqlite::Error::sqlite_error_code),
            Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt)
        )
    }
}

/// Says what was being done when SQLite failed.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Database {
            doing,
            source: source.into(),
        })
    }
}

/// What the registry is made of, read at one moment.
#[derive(Debug, Clone)]
pub struct Registered {
    /// As [`Store::revision`].
    pub revision: i64,
    /// As [`Store::plugins`].
    pub plugins: Vec<PluginRow>,
    /// As [`Store::versions`].
    pub versions: Vec<VersionRow>,
    /// As [`Store::all_grants`].
    pub grants: Vec<fact_types::Grant>,
}

/// The host's own database. All calls block for as long as the disk takes; they may be made from several threads.
#[derive(Debug)]
pub struct Store {
    main: Mutex<Connection>,
    /// Never writes, so that `data_version` on it moves for every commit, the host's own too.
    watcher: Mutex<Connection>,
    /// For how tools are used, which is not worth a long wait for others, and mostly none for the disk.
    relaxed: Mutex<Connection>,
}

/// Tries again while SQLite has no memory. Its bound is the whole process's, so a plugin's statement that fills it takes the
/// store's share too, for the moment until that statement is ended.
pub(crate) fn patient<T>(mut attempt: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let patience = Instant::now() + BUSY;
    loop {
        match attempt() {
            Err(StoreError::Database { source, .. })
                if out_of_memory(source.as_ref()) && Instant::now() < patience =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

fn out_of_memory(error: &(dyn std::error::Error + 'static)) -> bool {
    error
        .downcast_ref::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code)
        .is_some_and(|code| code == rusqlite::ErrorCode::OutOfMemory)
}

fn revision(conn: &Connection) -> Result<i64, StoreError> {
    const DOING: &str = "look for changes";
    let mut ask = conn
        .prepare_cached("SELECT n FROM registry_revision")
        .doing(DOING)?;
    ask.query_row([], |row| row.get(0)).doing(DOING)
}

/// How long a change waits for another process. Changes take milliseconds.
const BUSY: Duration = Duration::from_secs(10);

/// How long counts wait for another process before they are left for the next time. A host that stops has a second or two.
const BUSY_RELAXED: Duration = Duration::from_millis(500);

impl Store {
    /// The name of the file in the data folder.
    pub const FILE: &'static str = "fact.db";

    /// Opens the store in a data folder, and creates both when they are missing: the folder for its owner only.
    ///
    /// # Errors
    /// When the folder can't be made or used, or the store was written by a later program.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        create(data_dir, Self::FILE).map_err(StoreError::Create)?;
        let path = std::path::absolute(data_dir)
            .map_err(StoreError::Create)?
            .join(Self::FILE);
        let mut main = connect(&path)?;
        migrate::run(&mut main)?;
        let (watcher, relaxed) = (connect(&path)?, connect(&path)?);
        relaxed.busy_timeout(BUSY_RELAXED).doing("open the store")?;
        Ok(Store {
            main: Mutex::new(main),
            watcher: Mutex::new(watcher),
            relaxed: Mutex::new(relaxed),
        })
    }

    /// A number that differs after any change by anyone, this process or another; it does not tell how many. Takes
    /// microseconds. Numbers of different [`Store`]s can't be compared.
    ///
    /// # Errors
    /// When the file can't be read any more.
    pub fn change_counter(&self) -> Result<i64, StoreError> {
        patient(|| {
            let watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
            let mut ask = watcher
                .prepare_cached("PRAGMA data_version")
                .doing("look for changes")?;
            ask.query_row([], |row| row.get(0)).doing("look for changes")
        })
    }

    /// SQLite's own check of the file and of references in it: a line a problem, none when it is whole. Reads everything.
    ///
    /// # Errors
    /// When the check itself can't be made.
    pub fn integrity_check(&self) -> Result<Vec<String>, StoreError> {
        const DOING: &str = "check the store";
        let conn = self.main();
        let mut check = conn.prepare("PRAGMA integrity_check").doing(DOING)?;
        let lines = check.query_map([], |row| row.get::<_, String>(0)).doing(DOING)?;
        let mut problems = lines.collect::<Result<Vec<_>, _>>().doing(DOING)?;
        problems.retain(|line| line != "ok");
        let mut references = conn.prepare("PRAGMA foreign_key_check").doing(DOING)?;
        let rows = references
            .query_map([], |row| {
                let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
                Ok(format!(
                    "a row of {table} refers to a row of {parent} that is not there"
                ))
            })
            .doing(DOING)?;
        for row in rows {
            problems.push(row.doing(DOING)?);
        }
        Ok(problems)
    }

    /// The migrations that made the store what it is, in order.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn migrations(&self) -> Result<Vec<Migration>, StoreError> {
        migrate::applied(&self.main())
    }

    /// A number that differs after any change of plugins, versions and grants, and stays the same when only their use is
    /// counted. Unlike [`Store::change_counter`], it reads the file.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn revision(&self) -> Result<i64, StoreError> {
        patient(|| revision(&self.main()))
    }

    /// All plugins, versions and grants as they are at one moment: a plugin is never seen with what was granted to another
    /// one of its name.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn registered(&self) -> Result<Registered, StoreError> {
        patient(|| {
            const DOING: &str = "read the plugins";
            let conn = self.main();
            // Read by one transaction; it changes nothing, so it needs no end.
            let reading = conn.unchecked_transaction().doing(DOING)?;
            Ok(Registered {
                revision: revision(&reading)?,
                plugins: plugins::all(&reading)?,
                versions: versions::all(&reading)?,
                grants: grants::all(&reading)?,
            })
        })
    }

    /// The rows that are left out because they don't parse.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn unreadable(&self) -> Result<Vec<Unreadable>, StoreError> {
        let conn = self.main();
        let plugins = text::select(&conn, plugins::PLUGIN_COLUMNS, &[], plugins::plugin_row)?;
        let grants = text::select(&conn, grants::GRANT_COLUMNS, &[], grants::grant_row)?;
        let versions = text::select(&conn, versions::VERSION_COLUMNS, &[], versions::version_row)?;
        let plugins = plugins.into_iter().filter_map(Result::err);
        Ok(plugins
            .chain(grants.into_iter().filter_map(Result::err))
            .chain(versions.into_iter().filter_map(Result::err))
            .collect())
    }

    /// Makes a change in one transaction: all of it, or nothing when `change` fails.
    pub(crate) fn change<T>(
        &self,
        doing: &'static str,
        change: impl Fn(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        patient(|| {
            let mut conn = self.main();
            let transaction = conn
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .doing(doing)?;
            let made = change(&transaction)?;
            transaction.commit().doing(doing)?;
            Ok(made)
        })
    }

    pub(crate) fn relaxed(&self) -> MutexGuard<'_, Connection> {
        self.relaxed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn main(&self) -> MutexGuard<'_, Connection> {
        self.main.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a folder, with those that it is in, for nobody but its owner: the data folder holds grants and what plugins keep.
#[cfg(unix)]
pub(crate) fn make_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(not(unix))]
pub(crate) fn make_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

#[cfg(unix)]
pub(crate) fn create(data_dir: &Path, file: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    make_folder(data_dir)?;
    // SQLite gives the files beside it the mode of this one.
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(data_dir.join(file))
        .map(|_| ())
}

#[cfg(not(unix))]
pub(crate) fn create(data_dir: &Path, _file: &str) -> std::io::Result<()> {
    make_folder(data_dir)
}

pub(crate) fn connect(path: &Path) -> Result<Connection, StoreError> {
    const DOING: &str = "open the store";
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).doing(DOING)?;
    conn.busy_timeout(BUSY).doing(DOING)?;
    // The change to write-ahead mode needs the file alone, and SQLite does not wait for it.
    let patience = Instant::now() + BUSY;
    loop {
        match conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && Instant::now() < patience =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => {
                result.doing(DOING)?;
                break;
            }
        }
    }
    conn.pragma_update(None, "synchronous", "FULL").doing(DOING)?;
    conn.pragma_update(None, "foreign_keys", true).doing(DOING)?;
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    ] {
        conn.set_db_config(setting, on).doing(DOING)?;
    }
    Ok(conn)
}
