//! Runs on disk, so that one that broke off can be resumed: a file each in the folder `flows` of the data folder, for nobody
//! but its owner.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use fact_core::Trace;
use fact_types::{CallId, Code, Digest, Error, Principal};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Most runs that are kept. The oldest go first.
const RUNS_MAX: usize = 100;

/// Largest file of a run: a hundred steps of some hundred KiB.
const FILE_MAX: u64 = 64 << 20;

/// The name of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(CallId);

impl RunId {
    pub(crate) fn new() -> Self {
        RunId(CallId::new())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = fact_types::NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(RunId)
    }
}

/// A run, as far as it came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    pub(crate) flow: Digest,
    pub(crate) principal: Principal,
    pub(crate) sets: Map<String, Value>,
    pub(crate) finished: BTreeMap<String, Finished>,
}

/// A tool's step that is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Finished {
    /// The arguments that it was called with: with others it is another call.
    pub(crate) arguments: Map<String, Value>,
    pub(crate) result: Value,
    pub(crate) trace: Trace,
    /// It changed something, so it must not be done twice.
    pub(crate) wrote: bool,
    pub(crate) at: Timestamp,
}

/// The folder of runs.
#[derive(Debug, Clone)]
pub struct Runs(PathBuf);

impl Runs {
    /// Those of a data folder.
    pub fn in_folder(data_dir: &Path) -> Self {
        Runs(data_dir.join("flows"))
    }

    fn path(&self, id: RunId) -> PathBuf {
        self.0.join(format!("{id}.json"))
    }

    /// A run of a principal.
    ///
    /// # Errors
    /// `not-found` where there is none, or it is another principal's; `unavailable` where it can't be read.
    pub fn load(&self, id: RunId, principal: &Principal) -> Result<Run, Error> {
        let none = || Error::new(Code::NotFound, format!("There is no run `{id}` to resume."));
        let path = self.path(id);
        let cant = |_| Error::new(Code::Unavailable, format!("The run `{id}` can't be read."));
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(none()),
            Ok(found) if found.len() <= FILE_MAX => {}
            _ => return Err(cant(())),
        }
        let bytes = fs::read(path).map_err(|_| cant(()))?;
        let run: Run = serde_json::from_slice(&bytes).map_err(|_| cant(()))?;
        match run.principal == *principal {
            true => Ok(run),
            false => Err(none()),
        }
    }

    /// Writes a run down: all of it, or nothing.
    pub(crate) fn save(&self, run: &Run) -> io::Result<()> {
        make_folder(&self.0)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        file.write_all(&serde_json::to_vec(run)?)?;
        file.as_file().sync_all()?;
        file.persist(self.path(run.id)).map_err(|error| error.error)?;
        self.trim()
    }

    /// Names begin with the time, so the first are the oldest.
    fn trim(&self) -> io::Result<()> {
        let mut all: Vec<PathBuf> = fs::read_dir(&self.0)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        all.sort();
        let above = all.len().saturating_sub(RUNS_MAX);
        for path in all.into_iter().take(above) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
