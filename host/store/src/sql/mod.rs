//! The databases that plugins may reach.
//!
//! A statement comes from untrusted code, so nothing is decided by its looks. It is compiled on a connection that can only
//! read (or, for [`Databases::execute`], write), under an authorizer that asks the plugin's grants (`guard`), within
//! limits on size, time, rows and memory, and it is compiled afresh each time: a verdict is never kept for other grants.

mod connection;
mod error;
mod functions;
mod guard;
mod limits;
mod pool;
mod program;
mod run;
mod schema;
mod schema_names;
#[cfg(test)]
mod tests;
mod value;
mod watch;

pub use error::{SqlError, SqlErrorKind};
pub use limits::SqlLimits;
pub use value::{Changed, Column, DatabaseConfig, Plan, Rows, Sample, Table, TableColumn, Touched, Value};
pub use watch::DataStamp;
pub(crate) use watch::FileId;

use connection::{CancelOnDrop, Session, Stop};
use fact_types::capability::SqlGrant;
use guard::Mode;
use pool::Pool;
use run::Asked;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use watch::Watch;

/// The databases that the host's configuration names. Cheap to clone.
///
/// All calls but [`samples`](Databases::samples) and [`names`](Databases::names) need a tokio runtime with its timer.
/// A call whose future is dropped ends its statement at once.
#[derive(Clone)]
pub struct Databases {
    all: Arc<BTreeMap<String, Database>>,
    limits: Arc<SqlLimits>,
}

struct Database {
    samples: Vec<Sample>,
    readers: Pool,
    writer: Pool,
    watch: Watch,
}

impl std::fmt::Debug for Databases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Databases").field("names", &self.names()).finish()
    }
}

/// How long after its deadline a statement may take to notice before its caller hears of it anyway.
const GRACE: Duration = Duration::from_millis(100);

impl Databases {
    /// Nothing is opened until it is needed.
    pub fn new(databases: BTreeMap<String, DatabaseConfig>, limits: SqlLimits) -> Self {
        let limits = Arc::new(limits);
        let all = databases
            .into_iter()
            .map(|(name, config)| {
                let pool = |mode, size| Pool::new(config.path.clone(), mode, size, Arc::clone(&limits));
                let database = Database {
                    readers: pool(Mode::Read, limits.readers_max.max(1)),
                    writer: pool(Mode::Write, 1),
                    samples: config.samples.clone(),
                    watch: Watch::new(config.path.clone(), Arc::clone(&limits)),
                };
                (name, database)
            })
            .collect();
        Databases {
            all: Arc::new(all),
            limits,
        }
    }

    /// The names of all databases, in order.
    pub fn names(&self) -> Vec<String> {
        self.all.keys().cloned().collect()
    }

    /// The names of the databases of which the grants allow something, in order.
    pub fn granted(&self, grants: &[SqlGrant]) -> Vec<String> {
        self.all
            .keys()
            .filter(|name| grants.iter().any(|grant| grant.names_database(name)))
            .cloned()
            .collect()
    }

    /// Runs one statement that reads.
    ///
    /// At most `max_rows` rows come back, and never more than [`SqlLimits::rows_max`]. Parameters are given by name,
    /// without the `:`, `@` or `$` they have in the statement.
    ///
    /// # Errors
    /// `NotFound` when no grant names the database or there is none; `InvalidInput` when the statement does not parse, is
    /// not exactly one, names what is not there, or its parameters and the values given differ; `Denied` when it reads or
    /// does what is not granted; `Unavailable` when it needs more time or memory than it may, or the database is busy.
    pub async fn query(
        &self,
        grants: &Arc<[SqlGrant]>,
        database: &str,
        statement: &str,
        parameters: Vec<(String, Value)>,
        max_rows: Option<u32>,
        deadline: Instant,
    ) -> Result<Rows, SqlError> {
        let (asked, limits) = (
            asked(grants, database, statement, parameters),
            Arc::clone(&self.limits),
        );
        let rows_max = max_rows.unwrap_or(u32::MAX);
        let pool = &self.find(grants, database)?.readers;
        self.run(pool, deadline, move |session| {
            run::query(session, &asked, &limits, rows_max)
        })
        .await
    }

    /// Runs one statement that writes, in a transaction of its own. All of it happens, or nothing.
    ///
    /// Inserting and deleting need a write grant on the whole table, updating one on the columns; reading in it (`WHERE`)
    /// needs read grants, and so does checking a foreign key. What triggers and foreign keys write is asked of the grants
    /// too.
    ///
    /// # Errors
    /// As for [`query`](Databases::query); a statement that only reads, or has RETURNING, is `InvalidInput`, and so is a
    /// constraint that does not hold.
    pub async fn execute(
        &self,
        grants: &Arc<[SqlGrant]>,
        database: &str,
        statement: &str,
        parameters: Vec<(String, Value)>,
        deadline: Instant,
    ) -> Result<Changed, SqlError> {
        let (asked, limits) = (
            asked(grants, database, statement, parameters),
            Arc::clone(&self.limits),
        );
        let pool = &self.find(grants, database)?.writer;
        self.run(pool, deadline, move |session| {
            run::execute(session, &asked, &limits)
        })
        .await
    }

    /// How the database would run a statement. It is checked as by [`query`](Databases::query), and not run.
    ///
    /// # Errors
    /// As for [`query`](Databases::query).
    pub async fn explain(
        &self,
        grants: &Arc<[SqlGrant]>,
        database: &str,
        statement: &str,
        parameters: Vec<(String, Value)>,
        deadline: Instant,
    ) -> Result<Plan, SqlError> {
        let (asked, limits) = (
            asked(grants, database, statement, parameters),
            Arc::clone(&self.limits),
        );
        let pool = &self.find(grants, database)?.readers;
        self.run(pool, deadline, move |session| {
            run::explain(session, &asked, &limits)
        })
        .await
    }

    /// The tables, views and columns that may be read, in order of name.
    ///
    /// # Errors
    /// `NotFound` and `Unavailable` as for [`query`](Databases::query).
    pub async fn schema(
        &self,
        grants: &Arc<[SqlGrant]>,
        database: &str,
        deadline: Instant,
    ) -> Result<Vec<Table>, SqlError> {
        let (grants, name) = (Arc::clone(grants), database.to_owned());
        let pool = &self.find(&grants, database)?.readers;
        self.run(pool, deadline, move |session| {
            schema::list(session, &grants, &name)
        })
        .await
    }

    /// The sample questions of a database.
    ///
    /// # Errors
    /// `NotFound` as for [`query`](Databases::query).
    pub fn samples(&self, grants: &[SqlGrant], database: &str) -> Result<Vec<Sample>, SqlError> {
        Ok(self.find(grants, database)?.samples.clone())
    }

    /// The state of a database: while it stays the same, every statement that reads has the same answer. Takes microseconds,
    /// and asks nobody's grants, since it tells nothing of the contents.
    ///
    /// None: it can't be told at the moment.
    pub fn stamp(&self, database: &str) -> Option<DataStamp> {
        self.all.get(database)?.watch.stamp()
    }

    /// A database that is not granted is no different from one that is not there.
    fn find(&self, grants: &[SqlGrant], name: &str) -> Result<&Database, SqlError> {
        let granted = grants.iter().any(|grant| grant.names_database(name));
        self.all
            .get(name)
            .filter(|_| granted)
            .ok_or_else(|| SqlError::new(SqlErrorKind::NotFound, "no database of that name is granted"))
    }

    /// Runs `job` on a connection of the pool, on a thread where it may block.
    async fn run<T: Send + 'static>(
        &self,
        pool: &Pool,
        deadline: Instant,
        job: impl FnOnce(&mut Session) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, SqlError> {
        let now = Instant::now();
        let latest = now
            .checked_add(self.limits.statement_time_max)
            .unwrap_or(deadline);
        let deadline = deadline.min(latest);
        let stop = Stop::at(deadline);
        let _cancel = CancelOnDrop(Arc::clone(&stop));
        let wait = tokio::time::timeout_at(deadline.into(), pool.take());
        let mut lease = wait.await.map_err(|_| SqlError::busy())??;
        let task = tokio::task::spawn_blocking(move || {
            stop.check()?;
            lease.with(|session| session.transaction(&stop, job))
        });
        // Some single steps of SQLite can't be interrupted. The caller does not wait for those: the connection comes back
        // by itself when they end.
        let patience = deadline.checked_add(GRACE).unwrap_or(deadline);
        match tokio::time::timeout_at(patience.into(), task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(SqlError::new(
                SqlErrorKind::Internal,
                "the statement ended in an unexpected way",
            )),
            Err(_) => Err(SqlError::stopped()),
        }
    }
}

fn asked(
    grants: &Arc<[SqlGrant]>,
    database: &str,
    statement: &str,
    parameters: Vec<(String, Value)>,
) -> Asked {
    Asked {
        grants: Arc::clone(grants),
        database: database.to_owned(),
        statement: statement.to_owned(),
        parameters,
    }
}
