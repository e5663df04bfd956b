//! A bounded number of connections to one file, opened when they are first needed.

use super::connection::Session;
use super::guard::Mode;
use super::watch::FileId;
use super::{SqlError, SqlErrorKind, SqlLimits};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(super) struct Pool {
    permits: Arc<Semaphore>,
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    mode: Mode,
    limits: Arc<SqlLimits>,
    idle: Mutex<Vec<Session>>,
}

/// The right to use one connection. Whoever waits longest gets the next.
pub(super) struct Lease {
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(path: PathBuf, mode: Mode, size: usize, limits: Arc<SqlLimits>) -> Self {
        Pool {
            permits: Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS))),
            shared: Arc::new(Shared {
                path,
                mode,
                limits,
                idle: Mutex::new(Vec::new()),
            }),
        }
    }

    /// Waits until one of the connections is free.
    pub(super) async fn take(&self) -> Result<Lease, SqlError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        Ok(Lease {
            shared: Arc::clone(&self.shared),
            _permit: permit.map_err(|_| SqlError::new(SqlErrorKind::Internal, "the pool is closed"))?,
        })
    }
}

#[cfg(test)]
impl Pool {
    /// Connections that nobody uses.
    pub(super) fn free(&self) -> usize {
        self.permits.available_permits()
    }
}

impl Lease {
    /// Runs `job` on an idle connection or a new one; blocks. The connection is kept unless it was left in a bad state.
    pub(super) fn with<T>(
        &mut self,
        job: impl FnOnce(&mut Session) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let shared = &self.shared;
        let idle = || shared.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Connections to a file that another one took the place of would go on telling what was in it.
        let file = FileId::of(&shared.path);
        let taken = {
            let mut idle = idle();
            idle.retain(|session| session.file == file);
            idle.pop()
        };
        let mut session = match taken {
            Some(session) => session,
            None => Session::open(&shared.path, shared.mode, &shared.limits)?,
        };
        let result = job(&mut session);
        if session.is_healthy() {
            idle().push(session);
        }
        result
    }
}
