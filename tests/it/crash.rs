//! `kill -9` at random moments: the store opens every time, and nothing that was acknowledged is lost.
//!
//! The test starts itself again as a victim, which announces each change before it makes it and
//! acknowledges it afterwards, a line each on standard output. The test kills it at a random moment, reads what was said to
//! the end, and compares it with what is on disk. A change that was announced and not acknowledged may be there or not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fact_core::types::{Capability, Digest, PluginName, Terms};
use fact_core::{Host, InstallOptions, Source};
use fact_store::{DatabaseConfig, Databases, SqlLimits, Store, Value};
use fact_tests::guests;
use serde_json::json;

use crate::rig::{Rig, dice, folder, run};

/// Where the victim works, and what its names begin with.
const FOLDER: &str = "FACT_TEST_VICTIM_FOLDER";
const ROUND: &str = "FACT_TEST_VICTIM_ROUND";

/// How often, in all.
const ROUNDS: u64 = 200;

/// Longest time from a victim's start to its end. Short ones hit the opening of the store, the others what comes after.
const LIFE: Duration = Duration::from_millis(600);

/// Grants that a plugin can have without anything being there.
const GRANTS: [&str; 3] = ["clock:wall", "random:secure", "http:GET:https://example.com/*"];

#[test]
fn nothing_acknowledged_is_lost() {
    if let (Ok(data), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) {
        return victim(Path::new(&data), &round);
    }
    // Two at a time, each in a folder of its own: most of a round is waiting.
    let halves: Vec<_> = (0..2)
        .map(|half| std::thread::spawn(move || rounds(half, ROUNDS / 2)))
        .collect();
    let mut hit = BTreeMap::new();
    for half in halves {
        for (what, times) in half.join().unwrap() {
            *hit.entry(what).or_insert(0) += times;
        }
    }
    // The test is worth something only when victims died in the midst of things.
    for what in ["install", "grant", "call"] {
        assert!(
            hit.get(what).is_some_and(|times| *times > 0),
            "no victim died during {what}: {hit:?}"
        );
    }
}

/// Kills so many victims, and tells during what they died.
fn rounds(half: u64, rounds: u64) -> BTreeMap<String, u64> {
    let folder = folder();
    prepare(folder.path());
    let mut known = Known::default();
    let mut hit = BTreeMap::new();
    for round in 0..rounds {
        let life = LIFE.mul_f64(dice(half * rounds + round));
        let vars = [
            (FOLDER, folder.path().display().to_string()),
            (ROUND, round.to_string()),
        ];
        let said = kill_victim("crash::nothing_acknowledged_is_lost", &vars, life);
        if let Some(Line { what, .. }) = known.take(&said) {
            *hit.entry(what.name().to_owned()).or_insert(0) += 1;
        }
        known.check(folder.path());
        if known.plugins.len() > 30 {
            known.forget(folder.path());
        }
    }
    // Not only the store: a host opens, and calls what is there.
    run(async {
        let rig = Rig::open(folder.path(), |_| {});
        assert!(
            rig.host.registry().plugins().unwrap().len() > known.plugins.len(),
            "the sql connector is there too"
        );
        let answer = rig
            .answer(
                "sql_query",
                json!({ "statement": "SELECT COUNT(*) FROM benchmarks" }),
            )
            .await;
        assert!(answer["rows"][0][0].as_u64().unwrap() >= known.rows.len() as u64);
        rig.install_echo().await;
        rig.check_unharmed().await;
    });
    hit
}

/// A folder with the demo's database and the connector to write to it.
fn prepare(data: &Path) {
    fact_core::store::demo::seed(&data.join("finance.db")).unwrap();
    run(async {
        let rig = Rig::open(data, |_| {});
        rig.builtin(
            "sql",
            &["sql:write:finance/benchmarks", "sql:read:finance/benchmarks"],
        )
        .await;
        // What victims install is compiled already, but for those that they change.
        rig.install(guests::BAD_JSON_OUTPUT, &[]).await;
        rig.answer(
            "sql_query",
            json!({ "statement": "SELECT COUNT(*) FROM benchmarks" }),
        )
        .await;
    });
}

/// Starts a victim, lets it live for a while, kills it, and returns what it said.
pub(crate) fn kill_victim(test: &str, vars: &[(&str, String)], life: Duration) -> String {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .envs(vars.iter().cloned())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while started.elapsed() < life {
        if let Some(status) = victim.try_wait().unwrap() {
            let output = victim.wait_with_output().unwrap();
            panic!("the victim ended by itself, {status}: {output:?}");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    victim.kill().unwrap();
    // Its pipes hold what it said; what it says is far less than they can hold.
    String::from_utf8(victim.wait_with_output().unwrap().stdout).unwrap()
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Install(String, Digest),
    Grant(String, String),
    Revoke(String, String),
    Remove(String),
    Call(String),
}

impl What {
    fn name(&self) -> &'static str {
        match self {
            What::Install(..) => "install",
            What::Grant(..) => "grant",
            What::Revoke(..) => "revoke",
            What::Remove(_) => "remove",
            What::Call(_) => "call",
        }
    }
}

/// A line of a victim.
#[derive(Debug, Clone)]
struct Line {
    done: bool,
    what: What,
}

impl Line {
    fn say(done: bool, what: &What) {
        let words = match what {
            What::Install(plugin, digest) => format!("install {plugin} {digest}"),
            What::Grant(plugin, capability) => format!("grant {plugin} {capability}"),
            What::Revoke(plugin, capability) => format!("revoke {plugin} {capability}"),
            What::Remove(plugin) => format!("remove {plugin}"),
            What::Call(row) => format!("call {row}"),
        };
        // One write, so that a line is there whole or not at all.
        let line = format!("{} {words}\n", if done { "DONE" } else { "TRY" });
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        std::io::stdout().flush().unwrap();
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let done = match words.next()? {
            "DONE" => true,
            "TRY" => false,
            _ => return None,
        };
        let kind = words.next()?;
        let first = words.next()?.to_owned();
        let what = match (kind, words.next()) {
            ("install", Some(digest)) => What::Install(first, digest.parse().ok()?),
            ("grant", Some(capability)) => What::Grant(first, capability.to_owned()),
            ("revoke", Some(capability)) => What::Revoke(first, capability.to_owned()),
            ("remove", None) => What::Remove(first),
            ("call", None) => What::Call(first),
            _ => return None,
        };
        Some(Line { done, what })
    }
}

/// What must be on disk.
#[derive(Default)]
struct Known {
    plugins: BTreeMap<String, (Digest, BTreeSet<String>)>,
    rows: BTreeSet<String>,
    /// The change that was announced and not acknowledged.
    open: Option<What>,
}

impl Known {
    /// Takes a victim's words, and returns what it was about when it died.
    fn take(&mut self, said: &str) -> Option<Line> {
        self.open = None;
        let mut last = None;
        // A last line without its end was cut off by the kill: it was never said.
        let whole = said.rfind('\n').map_or("", |end| &said[..end]);
        for line in whole.lines().filter_map(Line::read) {
            if line.done {
                self.settle(&line.what);
            }
            self.open = (!line.done).then(|| line.what.clone());
            last = (!line.done).then_some(line);
        }
        last
    }

    fn settle(&mut self, what: &What) {
        match what.clone() {
            What::Install(plugin, digest) => {
                self.plugins.insert(plugin, (digest, BTreeSet::new()));
            }
            What::Grant(plugin, capability) => {
                self.plugins.get_mut(&plugin).unwrap().1.insert(capability);
            }
            What::Revoke(plugin, capability) => {
                self.plugins.get_mut(&plugin).unwrap().1.remove(&capability);
            }
            What::Remove(plugin) => {
                self.plugins.remove(&plugin);
            }
            What::Call(row) => {
                self.rows.insert(row);
            }
        }
    }

    /// Compares with the disk, and takes over what came of the open change.
    fn check(&mut self, data: &Path) {
        let store = Store::open(data).unwrap();
        assert_eq!(store.integrity_check().unwrap(), [""; 0]);
        let mut there: BTreeMap<String, (Digest, BTreeSet<String>)> = BTreeMap::new();
        for row in store.plugins().unwrap() {
            // A plugin that is installed has its bytes.
            let bytes = std::fs::read(data.join(format!("components/{}.wasm", row.digest))).unwrap();
            assert_eq!(Digest::of(&bytes), row.digest, "{}", row.name);
            there.insert(row.name.to_string(), (row.digest, BTreeSet::new()));
        }
        for grant in store.all_grants().unwrap() {
            there
                .get_mut(grant.plugin.as_str())
                .unwrap()
                .1
                .insert(grant.capability.to_string());
        }
        there.retain(|name, _| name.starts_with("victim-"));
        let rows = rows(data);
        if self.plugins != there || self.rows != rows {
            let open = self.open.take().unwrap_or_else(|| {
                panic!(
                    "something is lost or came from nowhere: {:?} {:?}, and on disk {there:?} {rows:?}",
                    self.plugins, self.rows
                )
            });
            // Half of a change is no change: with all of it, the two must be equal.
            self.settle(&open);
            assert_eq!(self.plugins, there, "after {open:?}");
            assert_eq!(self.rows, rows, "after {open:?}");
        }
    }

    /// Removes all victims' plugins, so that rounds stay short.
    fn forget(&mut self, data: &Path) {
        let store = Store::open(data).unwrap();
        for name in std::mem::take(&mut self.plugins).into_keys() {
            assert!(store.remove_plugin(&name.parse().unwrap()).unwrap());
        }
    }
}

/// The rows that victims' calls wrote.
fn rows(data: &Path) -> BTreeSet<String> {
    let config = DatabaseConfig {
        path: data.join("finance.db"),
        samples: Vec::new(),
    };
    let databases = Databases::new(
        BTreeMap::from([("finance".to_owned(), config)]),
        SqlLimits::default(),
    );
    let Ok(Capability::Sql(grant)) = "sql:read:finance/benchmarks".parse() else {
        panic!("no grant")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let statement = "SELECT test_name FROM benchmarks WHERE test_name LIKE 'victim-%'";
    let grants = Arc::from([grant]);
    let found = runtime
        .block_on(databases.query(&grants, "finance", statement, Vec::new(), None, deadline))
        .unwrap();
    found
        .rows
        .into_iter()
        .map(|row| match row.into_iter().next() {
            Some(Value::Text(name)) => name,
            other => panic!("a name is {other:?}"),
        })
        .collect()
}

/// Makes changes until it is killed.
fn victim(data: &Path, round: &str) {
    run(async {
        let rig = Rig::open(data, |_| {});
        let mut before: Option<String> = None;
        for n in 0.. {
            let plugin = format!("victim-{round}-{n}");
            // Every third has bytes of its own, which must be stored and compiled.
            let bytes = if n % 3 == 0 {
                with_section(guests::BAD_JSON_OUTPUT.bytes, &plugin)
            } else {
                guests::BAD_JSON_OUTPUT.bytes.to_vec()
            };
            change(What::Install(plugin.clone(), Digest::of(&bytes)), || {
                install(&rig.host, &plugin, bytes)
            })
            .await;
            for capability in GRANTS {
                change(What::Grant(plugin.clone(), capability.to_owned()), || async {
                    rig.host
                        .registry()
                        .grant(
                            &name(&plugin),
                            &capability.parse().unwrap(),
                            &Terms::default(),
                            "victim",
                            None,
                        )
                        .unwrap();
                })
                .await;
            }
            change(What::Revoke(plugin.clone(), GRANTS[1].to_owned()), || async {
                rig.host
                    .registry()
                    .revoke(&name(&plugin), &GRANTS[1].parse().unwrap(), &Terms::default())
                    .unwrap();
            })
            .await;
            for call in 0..5 {
                let row = format!("{plugin}-{call}");
                change(What::Call(row.clone()), || insert(&rig, &row)).await;
            }
            if let Some(before) = before.replace(plugin) {
                change(What::Remove(before.clone()), || async {
                    rig.host
                        .registry()
                        .remove(&name(&before), Duration::ZERO)
                        .await
                        .unwrap();
                })
                .await;
            }
        }
    });
}

fn name(plugin: &str) -> PluginName {
    plugin.parse().unwrap()
}

async fn change<F: Future<Output = ()>>(what: What, act: impl FnOnce() -> F) {
    Line::say(false, &what);
    act().await;
    Line::say(true, &what);
}

async fn install(host: &Host, plugin: &str, bytes: Vec<u8>) {
    let source = Source::Bytes {
        label: "victim".to_owned(),
        bytes,
    };
    let options = InstallOptions {
        name: Some(name(plugin)),
        grants: Vec::new(),
        by: "victim".to_owned(),
    };
    host.registry().install(source, options).await.unwrap();
}

async fn insert(rig: &Rig, row: &str) {
    let statement = "INSERT INTO benchmarks (test_name, test_date, duration_seconds, total_queries, cache_hit_rate, \
                     avg_response_time_ms, success_rate) VALUES (:name, '2025-01-01', 0, 0, 0.0, 0.0, 0.0)";
    let answer = rig
        .answer(
            "sql_execute",
            json!({ "statement": statement, "parameters": { "name": row } }),
        )
        .await;
    assert_eq!(answer["rows_changed"], 1);
}

/// The same component with a few bytes more, which nothing reads.
pub(crate) fn with_section(component: &[u8], text: &str) -> Vec<u8> {
    let mut bytes = component.to_vec();
    let length = |n: usize| u8::try_from(n).ok().filter(|n| *n < 128).unwrap();
    bytes.extend([0, length(text.len() + 2), 1, b'n']);
    bytes.extend(text.as_bytes());
    bytes
}
