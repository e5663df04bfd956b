//! `fact doctor`: looks at everything that a call needs, and says what to do about what is wrong.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use fact_core::cache::State as BreakerState;
use fact_core::store::demo;
use fact_core::{Config, Host, InstallOptions, Source};
use fact_types::Capability;
use serde::Serialize;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::progress::Spinner;
use crate::screen::{Screen, clean, counted, one_line};

/// How it stands with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: String,
    state: State,
    detail: String,
}

/// What was found so far.
#[derive(Default)]
struct Findings(Vec<Check>);

impl Findings {
    fn add(&mut self, name: impl Into<String>, state: State, detail: impl Into<String>) {
        self.0.push(Check {
            name: name.into(),
            state,
            detail: detail.into(),
        });
    }
}

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let mut found = Findings::default();
    if let Some(config) = configuration(context, &mut found) {
        engine(context, &mut found).await;
        if data_folder(&config.data_dir, &mut found) {
            // Opening closes it.
            let keys_were_open = keys_are_open(&config);
            match context.open(config.clone()).await {
                Ok(host) => {
                    store(&host, &mut found);
                    databases(&config, &host, &mut found);
                    plugins(&host, &mut found).await;
                    grants(&host, &mut found);
                    cache(&config, &host, keys_were_open, &mut found);
                    compiled(&config.data_dir, &mut found);
                }
                Err(failure) => {
                    let detail = format!("{} `--log-level info` says more.", told(&failure));
                    found.add("host", State::Fail, detail);
                }
            }
        }
    }
    tell(context.screen(), &found.0)
}

fn tell(screen: &Screen, checks: &[Check]) -> Result<(), Failure> {
    let worst = checks.iter().map(|check| check.state).max().unwrap_or(State::Ok);
    if screen.json_wanted() {
        screen.json(&json!({ "state": worst, "checks": checks }))?;
    } else {
        for check in checks {
            let word = match check.state {
                State::Ok => screen.paint("32", "ok  "),
                State::Warn => screen.paint("33", "warn"),
                State::Fail => screen.paint("1;31", "fail"),
            };
            screen.line(format!(
                "{word}  {:<14} {}",
                one_line(&check.name),
                clean(&check.detail)
            ))?;
        }
    }
    if worst == State::Fail {
        Err(Failure::Told(1))
    } else {
        Ok(())
    }
}

fn told(failure: &Failure) -> String {
    match failure {
        Failure::Error { error, .. } => error.message.clone(),
        Failure::Told(_) | Failure::PipeClosed => String::new(),
    }
}

fn configuration(context: &Context, found: &mut Findings) -> Option<Config> {
    match context.config() {
        Ok(config) => {
            let detail = match context.file().filter(|file| file.exists()) {
                Some(file) => file.display().to_string(),
                None => "no file, the defaults hold".to_owned(),
            };
            found.add("configuration", State::Ok, detail);
            Some(config)
        }
        Err(failure) => {
            found.add("configuration", State::Fail, told(&failure));
            None
        }
    }
}

/// Compiles, links and runs a real component in a folder that goes away again.
async fn engine(context: &Context, found: &mut Findings) {
    let _spinner = Spinner::start(context.screen(), "trying the engine".to_owned());
    let (state, detail) = match try_engine().await {
        Ok(detail) => (State::Ok, detail),
        Err(why) => (State::Fail, why),
    };
    found.add("engine", state, detail);
}

/// SHA-256 of "abc", from FIPS 180-2.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

async fn try_engine() -> Result<String, String> {
    let folder = tempfile::tempdir()
        .map_err(|error| format!("no folder for a trial can be made: {}", error.kind()))?;
    let util = fact_bundle::builtin("util").ok_or("this program was built without its plugins")?;
    let config = Config::in_folder(folder.path());
    let opened = tokio::task::spawn_blocking(move || Host::open(config)).await;
    let host = match opened {
        Ok(Ok(host)) => host,
        Ok(Err(error)) => return Err(told(&error.into())),
        Err(_) => return Err("the engine ended in an unexpected way".to_owned()),
    };
    let source = Source::Bytes {
        label: "builtin:util".to_owned(),
        bytes: util.bytes.to_vec(),
    };
    let started = Instant::now();
    host.registry()
        .install(source, InstallOptions::default())
        .await
        .map_err(|error| error.message)?;
    let compiled = started.elapsed();
    let answer = host.call_json("util_hash", json!({ "text": "abc" })).await;
    let document = answer.json().map_err(|error| error.message)?;
    if document.get("hex").and_then(serde_json::Value::as_str) != Some(ABC) {
        return Err("a component computes something wrong".to_owned());
    }
    Ok(format!(
        "components (WASI 0.2) compile and run here: {:.1} s to install one, {:.1} ms to call it",
        compiled.as_secs_f64(),
        answer.receipt.total.as_secs_f64() * 1e3
    ))
}

/// Whether there is a folder to look into. `doctor` makes none.
fn data_folder(folder: &Path, found: &mut Findings) -> bool {
    const NAME: &str = "data folder";
    let shown = folder.display();
    match folder.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            found.add(
                NAME,
                State::Warn,
                format!("{shown} is not there yet; `fact init` makes it"),
            );
            false
        }
        Err(error) => {
            found.add(
                NAME,
                State::Fail,
                format!("{shown} can't be used: {}", error.kind()),
            );
            false
        }
        Ok(about) if !about.is_dir() => {
            found.add(NAME, State::Fail, format!("{shown} is no folder"));
            false
        }
        Ok(about) => {
            if let Err(error) = tempfile::tempfile_in(folder) {
                found.add(
                    NAME,
                    State::Fail,
                    format!("{shown} can't be written: {}", error.kind()),
                );
                return false;
            }
            if open_to_others(&about) {
                let advice = format!("{shown} is open to other users; chmod 700 closes it");
                found.add(NAME, State::Warn, advice);
            } else {
                found.add(NAME, State::Ok, shown.to_string());
            }
            true
        }
    }
}

#[cfg(unix)]
fn open_to_others(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

fn store(host: &Host, found: &mut Findings) {
    match host.store().integrity_check() {
        Ok(problems) if problems.is_empty() => found.add("store", State::Ok, "the database is whole"),
        Ok(problems) => {
            let count = counted(problems.len(), "problem");
            let first = problems.first().map(String::as_str).unwrap_or_default();
            found.add(
                "store",
                State::Fail,
                format!("{count} in the database, the first: {first}"),
            );
        }
        Err(error) => found.add(
            "store",
            State::Fail,
            format!("the database can't be checked: {error}"),
        ),
    }
    match host.store().migrations() {
        Ok(made) => {
            let latest = made
                .last()
                .map_or_else(String::new, |last| format!(", the latest: {}", last.name));
            found.add("migrations", State::Ok, format!("{} made{latest}", made.len()));
        }
        Err(error) => found.add("migrations", State::Fail, format!("can't be read: {error}")),
    }
    match host.store().unreadable() {
        Ok(rows) => {
            for row in rows {
                let detail = format!(
                    "{}, of {}: {}. It counts for nothing.",
                    row.plugin, row.table, row.why
                );
                found.add("stored row", State::Warn, detail);
            }
        }
        Err(error) => found.add("stored rows", State::Fail, format!("can't be read: {error}")),
    }
}

fn databases(config: &Config, host: &Host, found: &mut Findings) {
    let own = config.databases.contains_key("finance");
    for name in host.databases().names() {
        let label = format!("db {name}");
        match config.databases.get(&name) {
            Some(database) if !database.path.is_file() => {
                found.add(
                    label,
                    State::Fail,
                    format!("there is no file {}", database.path.display()),
                );
            }
            Some(database) => found.add(label, State::Ok, database.path.display().to_string()),
            None if own => {}
            None => match demo::check(&config.demo_database()) {
                Ok(checked) => {
                    let rows: i64 = checked.tables.iter().map(|(_, rows)| rows).sum();
                    found.add(
                        label,
                        State::Ok,
                        format!("the demo: {} tables, {rows} rows", checked.tables.len()),
                    );
                }
                Err(error) => found.add(label, State::Fail, format!("{error}; `fact db seed` may mend it")),
            },
        }
    }
}

async fn plugins(host: &Arc<Host>, found: &mut Findings) {
    let plugins = match host.registry().plugins() {
        Ok(plugins) => plugins,
        Err(error) => return found.add("plugins", State::Fail, error.message),
    };
    // What the store has and the registry could not read.
    for row in host.store().plugins().unwrap_or_default() {
        if !plugins.iter().any(|plugin| plugin.row.name == row.name) {
            let detail = format!(
                "it can't be used any more; `fact plugin remove {0}`, then install it again",
                row.name
            );
            found.add(row.name.to_string(), State::Fail, detail);
        }
    }
    if plugins.is_empty() {
        found.add(
            "plugins",
            State::Warn,
            "none is installed; `fact plugin install builtin:sql` installs one",
        );
    }
    for plugin in plugins {
        let name = plugin.row.name.to_string();
        match host.registry().linked(&plugin).await {
            Ok(_) => {
                let state = if plugin.row.enabled { "" } else { ", disabled" };
                let (tools, grants) = (
                    counted(plugin.tools.len(), "tool"),
                    counted(plugin.grants.len(), "grant"),
                );
                found.add(name, State::Ok, format!("loads: {tools}, {grants}{state}"));
            }
            Err(error) => found.add(name, State::Fail, error.message),
        }
    }
}

/// Grants of what is not there: harmless, and surely not what was meant.
fn grants(host: &Host, found: &mut Findings) {
    let known = host.databases().names();
    for plugin in host.registry().plugins().unwrap_or_default() {
        for grant in &plugin.grants {
            let missing = match &grant.capability {
                Capability::Fs(fs) if !fs.folder().is_dir() => "there is no such folder",
                Capability::Sql(sql) if !known.iter().any(|name| sql.names_database(name)) => {
                    "there is no such database"
                }
                _ => continue,
            };
            found.add(
                "grant",
                State::Warn,
                format!("{} of {}: {missing}", grant.capability, plugin.row.name),
            );
        }
    }
}

/// What is kept of results. Whatever is wrong with it, calls are answered: they run.
fn cache(config: &Config, host: &Host, keys_were_open: bool, found: &mut Findings) {
    const NAME: &str = "cache";
    if !config.cache.enabled {
        return found.add(NAME, State::Ok, "switched off: every call runs");
    }
    let metrics = host.cache().metrics();
    match (&metrics.disk, &metrics.disk_problem) {
        (_, Some(problem)) => found.add(
            NAME,
            State::Warn,
            format!(
                "results are kept in memory only: {problem}. `cache.db` and `cache.keys` in the data folder can be deleted"
            ),
        ),
        (None, None) => found.add(NAME, State::Ok, "in memory only, as the configuration says"),
        (Some(disk), None) => match disk.breaker.state {
            BreakerState::Closed => found.add(NAME, State::Ok, "the disk takes results, sealed"),
            BreakerState::Open | BreakerState::HalfOpen => {
                let last = disk
                    .breaker
                    .last_failures
                    .last()
                    .map_or_else(String::new, |last| format!(": {}", last.message));
                found.add(NAME, State::Warn, format!("the disk failed and is left alone for a while{last}"));
            }
        },
    }
    let keys = config.data_dir.join(KEYS);
    if keys_are_open(config) {
        let detail = format!(
            "{} is open to other users, who can read what is kept; `chmod 600` closes it",
            keys.display()
        );
        found.add(NAME, State::Fail, detail);
    } else if keys_were_open {
        let detail = format!(
            "{} was open to other users until now. Whoever copied it can read what was kept until then: `fact cache clear`, \
             and delete it",
            keys.display()
        );
        found.add(NAME, State::Warn, detail);
    }
}

/// The file of the keys that seal what is on disk.
const KEYS: &str = "cache.keys";

/// Whether others can read it.
fn keys_are_open(config: &Config) -> bool {
    config
        .data_dir
        .join(KEYS)
        .metadata()
        .is_ok_and(|about| open_to_others(&about))
}

fn compiled(data: &Path, found: &mut Findings) {
    let files = std::fs::read_dir(data.join("compiled"))
        .into_iter()
        .flatten()
        .flatten();
    let sizes: Vec<u64> = files
        .filter_map(|file| file.metadata().ok())
        .filter(|a| a.is_file())
        .map(|a| a.len())
        .collect();
    let mib = sizes.iter().sum::<u64>() as f64 / f64::from(1 << 20);
    found.add(
        "compiled code",
        State::Ok,
        format!("{}, {mib:.1} MiB; safe to delete", counted(sizes.len(), "file")),
    );
}
