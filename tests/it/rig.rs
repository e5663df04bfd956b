//! A host in a folder of its own, for one test.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fact_core::types::{Access, Code, Resource, Terms};
use fact_core::{Answer, Config, Host, InstallOptions, Source};
use fact_tests::{Guest, guests};
use serde_json::{Value, json};

/// How long a test waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on an executor as a door would have it.
pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(fact_core::worker_threads())
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

/// A host and its folder.
pub(crate) struct Rig {
    pub(crate) host: Arc<Host>,
    data: PathBuf,
    // Deleted when the test is over; None where someone else does that.
    _folder: Option<tempfile::TempDir>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Rig::with(|_| {})
    }

    /// A host whose settings differ from the defaults.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = folder();
        share_compiled(folder.path());
        let mut rig = Rig::open(folder.path(), change);
        rig._folder = Some(folder);
        rig
    }

    /// A host with the demo's database.
    pub(crate) fn with_finance(change: impl FnOnce(&mut Config)) -> Self {
        let folder = folder();
        share_compiled(folder.path());
        fact_core::store::demo::seed(&folder.path().join("finance.db")).unwrap();
        let mut rig = Rig::open(folder.path(), change);
        rig._folder = Some(folder);
        rig
    }

    /// A host in a folder that is there already.
    pub(crate) fn open(data: &Path, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::in_folder(data);
        config.cache.enabled = std::env::var_os("TEST_CACHE_EVERYWHERE").is_some();
        change(&mut config);
        let host = Arc::new(Host::open(config).unwrap());
        Rig {
            host,
            data: data.to_owned(),
            _folder: None,
        }
    }

    /// A host with the demo's database that keeps results. The other hosts run every call, which is what most tests are about.
    pub(crate) fn caching() -> Self {
        Rig::with_finance(|config| config.cache.enabled = true)
    }

    /// As [`Rig::second`], keeping results.
    pub(crate) fn second_caching(&self) -> Self {
        Rig::open(&self.data, |config| config.cache.enabled = true)
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// A second host on the same folder, as another process would have.
    pub(crate) fn second(&self) -> Self {
        Rig::open(&self.data, |_| {})
    }

    /// Installs a guest with grants.
    pub(crate) async fn install(&self, guest: Guest, grants: &[&str]) {
        let label = format!("test:{}", guest.name);
        self.install_bytes(label, guest.bytes, grants).await.unwrap();
    }

    /// Installs a connector with grants.
    pub(crate) async fn builtin(&self, name: &str, grants: &[&str]) {
        let builtin = fact_bundle::builtin(name).unwrap();
        self.install_bytes(format!("builtin:{name}"), builtin.bytes, grants)
            .await
            .unwrap();
    }

    /// Installs what may well be refused.
    pub(crate) async fn install_bytes(
        &self,
        label: String,
        bytes: &[u8],
        grants: &[&str],
    ) -> Result<(), fact_core::types::Error> {
        let options = InstallOptions {
            name: None,
            grants: grants
                .iter()
                .map(|grant| (grant.parse().unwrap(), Terms::default()))
                .collect(),
            by: "test".to_owned(),
        };
        let source = Source::Bytes {
            label,
            bytes: bytes.to_vec(),
        };
        self.host.registry().install(source, options).await.map(drop)
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.host.call_json(tool, arguments).await
    }

    /// Calls a tool that must answer.
    pub(crate) async fn answer(&self, tool: &str, arguments: Value) -> Value {
        let answer = self.call(tool, arguments.clone()).await;
        answer
            .json()
            .unwrap_or_else(|error| panic!("{tool} {arguments}: {}: {error}", error.code))
    }

    /// Calls a tool that must fail, and checks that nothing of the host shows in how it does.
    pub(crate) async fn refusal(&self, tool: &str, arguments: Value) -> fact_core::types::Error {
        let answer = self.call(tool, arguments.clone()).await;
        let error = match answer.output() {
            Err(error) => error,
            Ok(output) => panic!("{tool} {arguments}: it answered {output:?}"),
        };
        let shown = format!("{} {:?}", error.message, error.details);
        let folder = self.data.display().to_string();
        for word in [
            folder.as_str(),
            "wasm backtrace",
            "RUST_BACKTRACE",
            "internals-of-the-plugin",
        ] {
            assert!(
                !shown.contains(word),
                "{tool} {arguments}: the error tells `{word}`: {shown}"
            );
        }
        assert!(
            shown.len() < 10_000,
            "{tool} {arguments}: the error has {} bytes",
            shown.len()
        );
        error
    }

    /// Installs the guest that does what it says, to see whether the host still works.
    pub(crate) async fn install_echo(&self) {
        self.install(guests::ECHO, &[]).await;
    }

    /// Checks that the host answers, and that nothing runs on.
    pub(crate) async fn check_unharmed(&self) {
        self.until("the calls are over", || self.host.running() == 0)
            .await;
        let echoed = self.answer("echo_run", json!({ "text": "still here" })).await;
        assert_eq!(echoed, json!({ "text": "still here" }));
    }

    /// Waits for something that other threads do and nobody announces.
    pub(crate) async fn until(&self, what: &str, done: impl Fn() -> bool) {
        let started = Instant::now();
        while !done() {
            assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// An answer's code, or `None` when it is no failure.
pub(crate) fn code(answer: &Answer) -> Option<Code> {
    answer.output().err().map(|error| error.code)
}

/// Whether the host saw the call do this.
pub(crate) fn saw(answer: &Answer, access: Access, matches: impl Fn(&Resource) -> bool) -> bool {
    answer
        .receipt
        .effects
        .iter()
        .any(|effect| effect.access == access && matches(&effect.resource))
}

/// A number from 0 to 1 that differs from round to round.
pub(crate) fn dice(seed: u64) -> f64 {
    use std::hash::BuildHasher;
    let hash = std::hash::RandomState::new().hash_one(seed);
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("fact-test-").tempdir().unwrap()
}

/// Lets all tests share what was compiled once: each one is a process of its own, and a component takes a second. The files
/// are named by their content and replaced whole, so that sharing is safe.
pub(crate) fn share_compiled(data: &Path) {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    std::fs::create_dir_all(&shared).unwrap();
    std::os::unix::fs::symlink(shared, data.join("compiled")).unwrap();
}
