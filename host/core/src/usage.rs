//! How tools are used: every call of a tool that exists is counted in memory, and a thread brings the counts to the store.
//!
//! A process that is killed loses at most what it counted in its last second (and half of one more while another process
//! writes the store); a power cut, what was counted in the last minute. A process that ends loses nothing.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fact_store::{Durability, Store, ToolUsage, Usage};
use fact_types::{Code, Error, Outcome, ToolId};

use crate::Host;

/// How long counts stay in memory only.
const EVERY: Duration = Duration::from_secs(1);

/// How long counts are in the store without having reached the disk for sure.
const DISK_EVERY: Duration = Duration::from_secs(60);

/// Brings counts to the store while it lives, and the last ones when it ends.
pub(crate) struct Counting {
    usage: Arc<Usage>,
    store: Arc<Store>,
    /// Never sent to: the thread ends when it is dropped.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Counting {
    pub(crate) fn start(store: &Arc<Store>) -> std::io::Result<Self> {
        let usage = Arc::new(Usage::default());
        let (stop, stopped) = mpsc::channel::<()>();
        let (shared, into) = (Arc::clone(&usage), Arc::clone(store));
        // A thread of its own: it waits for the disk, and there may be no executor.
        let thread = std::thread::Builder::new()
            .name("fact-usage".to_owned())
            .spawn(move || {
                let mut on_disk = Instant::now();
                while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                    let durability = match on_disk.elapsed() >= DISK_EVERY {
                        true => Durability::Machine,
                        false => Durability::Process,
                    };
                    if save(&into, &shared, durability) && durability == Durability::Machine {
                        on_disk = Instant::now();
                    }
                }
            })?;
        Ok(Counting {
            usage,
            store: Arc::clone(store),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Brings what was counted to the store now. It blocks for as long as the disk takes.
    pub(crate) fn save(&self, durability: Durability) {
        save(&self.store, &self.usage, durability);
    }

    /// Begins to count a call.
    pub(crate) fn call<'a>(&'a self, tool: &'a ToolId) -> Counted<'a> {
        Counted {
            usage: &self.usage,
            tool,
            started: Instant::now(),
            exists: false,
            end: Some(Code::Cancelled),
        }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that stores how tools are used has failed");
        }
        self.save(Durability::Machine);
    }
}

/// Whether it went well.
fn save(store: &Store, usage: &Usage, durability: Durability) -> bool {
    let stored = store.add_usage(usage, durability);
    if let Err(error) = &stored {
        // They are kept, and tried again.
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "how tools are used can't be stored"
        );
    }
    stored.is_ok()
}

/// A call that is being counted. It is when this is dropped, whichever way the call ends; one that nobody waited for is
/// cancelled.
pub(crate) struct Counted<'a> {
    usage: &'a Usage,
    tool: &'a ToolId,
    started: Instant,
    exists: bool,
    end: Option<Code>,
}

impl Counted<'_> {
    /// The tool exists. Calls of others are not counted: anyone could fill the store with names.
    pub(crate) fn exists(&mut self) {
        self.exists = true;
    }

    /// The call is done.
    pub(crate) fn end(&mut self, result: &Result<Outcome, Error>) {
        self.end = match result {
            Ok(Outcome::Complete(output)) if output.is_error => Some(Code::ToolFailed),
            Ok(_) => None,
            Err(error) => Some(error.code),
        };
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if self.exists {
            self.usage.note(self.tool, self.end, self.started.elapsed());
        }
    }
}

impl Host {
    /// How tools were used, by name, all calls up to now included: those of other processes up to a second ago. All tools that
    /// were ever called, or one; nothing for a tool that never was.
    ///
    /// # Errors
    /// When the store can't be used.
    pub fn usage(&self, only: Option<&ToolId>) -> Result<Vec<ToolUsage>, Error> {
        self.counting().save(Durability::Process);
        self.stored_usage(only)
    }

    /// The same, without the calls of the last second.
    pub(crate) fn stored_usage(&self, only: Option<&ToolId>) -> Result<Vec<ToolUsage>, Error> {
        self.store().usage(only).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
            Error::new(
                Code::Unavailable,
                "The host's database can't be used at the moment; `fact doctor` may say why.",
            )
        })
    }

    /// Brings what was counted to the store and the disk. This happens when the host is dropped too; who ends a process without
    /// dropping its host does it here. It blocks for as long as the disk takes, but not long for other processes.
    pub fn save_usage(&self) {
        self.counting().save(Durability::Machine);
    }
}
