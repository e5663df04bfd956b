//! What verbs work with: settings from all their places, and the host, opened when it is first needed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use fact_core::{Config, Host, Layer};
use fact_types::{Code, Error};

use crate::args::Global;
use crate::failure::Failure;
use crate::screen::{Format, Screen};

/// One run of the command.
pub(crate) struct Context {
    screen: Screen,
    /// The file that the user names.
    named_file: Option<PathBuf>,
    flags: Layer,
    host: OnceLock<Arc<Host>>,
    leaving: AtomicBool,
}

impl Context {
    pub(crate) fn new(global: &Global, format: Format) -> Self {
        Context {
            screen: Screen::new(format, global.quiet),
            named_file: global.config.clone(),
            flags: flags(global),
            host: OnceLock::new(),
            leaving: AtomicBool::new(false),
        }
    }

    /// From here on, a signal is how the person leaves, and no failure.
    pub(crate) fn left_by_signal(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether a signal is no failure.
    pub(crate) fn is_left_by_signal(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    pub(crate) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// The configuration file: the one that is named, or the one in the user's configuration folder.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.named_file.clone().or_else(Config::default_file)
    }

    /// The data folder, when a flag or a variable names it.
    pub(crate) fn named_data_dir(&self) -> Option<String> {
        [&self.flags, &environment()]
            .into_iter()
            .find_map(|layer| layer.table.get("data_dir")?.as_str().map(str::to_owned))
    }

    /// Where settings come from, the weakest first. A file that the user names must be there.
    pub(crate) fn layers(&self) -> Result<Vec<Layer>, Failure> {
        let mut layers = Vec::new();
        if let Some(file) = self.file() {
            match Layer::file(&file)? {
                Some(layer) => layers.push(layer),
                None if self.named_file.is_some() => return Err(no_file(&file)),
                None => {}
            }
        }
        layers.push(environment());
        layers.push(self.flags.clone());
        Ok(layers)
    }

    /// The settings.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        Ok(Config::load(&self.layers()?)?)
    }

    /// The host. Opening it makes what is not there yet.
    pub(crate) async fn host(&self) -> Result<Arc<Host>, Failure> {
        if let Some(host) = self.host.get() {
            return Ok(Arc::clone(host));
        }
        let host = self.open(self.config()?).await?;
        // What was put into the folder since the last time is there for this verb already.
        // A folder that can't be looked at is no reason not to do what was asked.
        match host.registry().look_at_drop_in(&host.drop_in_folder()).await {
            Ok(events) => {
                for event in events {
                    self.screen
                        .note(format!("drop-in folder: {}", crate::verbs::drop_in_event(&event)));
                }
            }
            Err(error) => self.screen.note(error.message),
        }
        Ok(host)
    }

    /// Opens a host with settings of a verb's own.
    pub(crate) async fn open(&self, mut config: Config) -> Result<Arc<Host>, Failure> {
        config.compiler = program();
        let opened = tokio::task::spawn_blocking(move || Host::open(config)).await;
        let host = Arc::new(opened.map_err(|error| Failure::internal("opening the host failed", &error))??);
        Ok(Arc::clone(self.host.get_or_init(|| host)))
    }

    /// The program that compiles components for the hosts of this process.
    pub(crate) fn compiler(&self) -> Option<PathBuf> {
        program()
    }

    /// The host, if a verb has opened it.
    pub(crate) fn opened(&self) -> Option<Arc<Host>> {
        self.host.get().cloned()
    }
}

/// This program, which is started again to compile. A file of the same name may be another version by now, so where the
/// system has a name for the very file that runs, that is it.
fn program() -> Option<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() {
        return Some(running);
    }
    std::env::current_exe().ok()
}

/// What the environment sets. A variable that is no text is no setting.
fn environment() -> Layer {
    let text = |(k, v): (OsString, OsString)| Some((k.into_string().ok()?, v.into_string().ok()?));
    Layer::environment(std::env::vars_os().filter_map(text))
}

/// Flags as the strongest layer.
fn flags(global: &Global) -> Layer {
    let mut table = toml::Table::new();
    if let Some(folder) = &global.data_dir {
        table.insert("data_dir".to_owned(), folder.display().to_string().into());
    }
    if !global.policy.is_empty() {
        let files = global.policy.iter().map(|file| file.display().to_string().into());
        table.insert("policy".to_owned(), toml::Value::Array(files.collect()));
    }
    if let Some(level) = &global.log_level {
        let log = toml::Table::from_iter([("level".to_owned(), toml::Value::from(level.clone()))]);
        table.insert("log".to_owned(), log.into());
    }
    Layer {
        name: "flags".to_owned(),
        table,
    }
}

fn no_file(file: &Path) -> Failure {
    Failure::from(Error::new(
        Code::NotFound,
        format!("There is no configuration file `{}`.", file.display()),
    ))
    .hint("`fact init --config FILE` makes one.")
}
