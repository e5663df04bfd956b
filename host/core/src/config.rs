//! The configuration: defaults, a file, the environment, flags, each stronger than the one before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fact_cache::CacheConfig;
use fact_registry::{LimitPolicy, PluginLimits};
use fact_store::Sample;
use fact_types::{ByteSize, Capability, Limits, PluginName, Span};
use serde::{Deserialize, Serialize};

use crate::environment::Layer;

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where the host keeps what it knows.
    pub data_dir: PathBuf,
    /// A folder whose components are installed. None: `plugins` in the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_in: Option<PathBuf>,
    /// Files of rules that grant capabilities: see [`fact_policy::Policy`].
    pub policy: Vec<PathBuf>,
    /// What is logged, and how.
    pub log: LogConfig,
    /// How many calls run.
    pub runtime: RuntimeSection,
    /// What installing one plugin may use.
    pub install: InstallConfig,
    /// What one call may use.
    pub limits: Limits,
    /// How results are kept.
    pub cache: CacheConfig,
    /// Who answers questions that no template answers.
    pub model: ModelConfig,
    /// What is kept of conversations.
    pub conversation: ConversationConfig,
    /// Files of templates for questions, besides the built-in ones.
    pub templates: Vec<PathBuf>,
    /// How requests leave the host.
    pub http: HttpConfig,
    /// Databases that plugins can be granted, by name.
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// What differs for some plugins, by name.
    pub plugins: BTreeMap<PluginName, PluginLimits>,
    /// The program that compiles components, with its whole path: started with `compile-component` as its first argument,
    /// it hands the rest to [`compile_child`](crate::compile_child). None: this process compiles, and then neither time nor
    /// memory of that is limited. No setting: whoever builds the host knows.
    #[serde(skip)]
    pub compiler: Option<PathBuf>,
}

/// Who answers questions that no template answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelProvider {
    /// Nobody: whoever asks is told what can be asked.
    #[default]
    Templates,
    /// A model behind Anthropic's Messages API.
    Anthropic,
    /// A model behind chat completions as OpenAI has them, which many local servers speak.
    OpenAi,
}

/// The model, and what one question may cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// Who runs it.
    pub provider: ModelProvider,
    /// Its name, as the provider has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where its API is, instead of the provider's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// That may be an address that is not public.
    pub private: bool,
    /// The environment variable that holds the key. None: the provider's usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// Most tokens of one reply.
    pub max_output: u32,
    /// Most tokens of one question, requests and replies together.
    pub max_tokens: u64,
    /// Most replies of the model to one question.
    pub max_calls: u32,
    /// Most dollars for one question. None: no bound but that of the tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_dollars: Option<f64>,
    /// Longest time for one question.
    pub max_time: Span,
}

impl Default for ModelConfig {
    fn default() -> Self {
        ModelConfig {
            provider: ModelProvider::default(),
            name: None,
            base_url: None,
            private: false,
            api_key_env: None,
            max_output: 4096,
            // What a whole context of most models has.
            max_tokens: 200_000,
            // A call, a round or two of tools, and an answer; a model that is not done after seven goes in circles.
            max_calls: 7,
            max_dollars: None,
            max_time: Span::secs(120),
        }
    }
}

/// What is kept of conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConversationConfig {
    /// Turns of one conversation that are kept as they were. Older ones are summed up.
    pub turns: u32,
    /// Conversations of one principal. With more, the longest unused are deleted.
    pub most: u32,
    /// How long a conversation is kept after its last turn.
    pub lifetime: Span,
}

impl Default for ConversationConfig {
    fn default() -> Self {
        ConversationConfig {
            turns: 10,
            most: 1000,
            lifetime: Span::secs(30 * 24 * 3600),
        }
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`, or filters such as `warn,plugin=info`.
    pub level: String,
    /// For people or for machines.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// A line for a reader.
    Text,
    /// A JSON object a line.
    Json,
}

/// How many calls run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuntimeSection {
    /// Most calls at the same time.
    pub slots: u32,
    /// Most calls that wait for a slot.
    pub queue: u32,
}

/// What installing one plugin may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstallConfig {
    /// Largest component.
    pub component_size: ByteSize,
    /// Longest time to compile it.
    pub compile_time: Span,
    /// Most memory to compile it.
    pub compile_memory: ByteSize,
}

/// How requests leave the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpConfig {
    /// Time for a connection to stand.
    pub connect_timeout: Span,
    /// Largest body of a request.
    pub max_request_body: ByteSize,
    /// Largest body of a response.
    pub max_response_body: ByteSize,
    /// PEM files with certificates of authorities to trust besides the public ones.
    pub root_certificates: Vec<PathBuf>,
}

/// A database that plugins can be granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseConfig {
    /// The SQLite file.
    pub path: PathBuf,
    /// Questions that it can answer, for people and models.
    #[serde(default)]
    pub samples: Vec<Sample>,
}

impl Default for Config {
    fn default() -> Self {
        let folders = directories::ProjectDirs::from("", "", "fact");
        Config {
            data_dir: folders
                .as_ref()
                .map_or_else(|| PathBuf::from("fact-data"), |f| f.data_dir().to_path_buf()),
            drop_in: None,
            policy: Vec::new(),
            log: LogConfig::default(),
            runtime: RuntimeSection::default(),
            install: InstallConfig::default(),
            limits: Limits::default(),
            cache: CacheConfig::default(),
            model: ModelConfig::default(),
            conversation: ConversationConfig::default(),
            templates: Vec::new(),
            http: HttpConfig::default(),
            databases: BTreeMap::new(),
            plugins: BTreeMap::new(),
            compiler: None,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig {
            level: "warn".to_owned(),
            format: LogFormat::Text,
        }
    }
}

impl Default for RuntimeSection {
    fn default() -> Self {
        let runtime = fact_runtime::RuntimeConfig::default();
        RuntimeSection {
            slots: runtime.slots,
            queue: runtime.queue,
        }
    }
}

impl Default for InstallConfig {
    fn default() -> Self {
        let limits = fact_runtime::CompileLimits::default();
        InstallConfig {
            component_size: ByteSize(fact_runtime::MAX_COMPONENT as u64),
            compile_time: Span(limits.time),
            compile_memory: ByteSize(limits.memory),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            connect_timeout: Span::secs(10),
            max_request_body: ByteSize::mib(10),
            max_response_body: ByteSize::mib(10),
            root_certificates: Vec::new(),
        }
    }
}

/// What is wrong with the configuration, all of it.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is wrong:{}", .problems.iter().map(|p| format!("\n  {p}")).collect::<String>())]
pub struct ConfigError {
    /// A sentence for each problem, with the key and where it was set.
    pub problems: Vec<String>,
}

impl Config {
    /// The default settings, with everything kept in one folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Config {
            data_dir: folder.into(),
            ..Config::default()
        }
    }

    /// The folder whose components are installed.
    pub fn drop_in_folder(&self) -> PathBuf {
        self.drop_in
            .clone()
            .unwrap_or_else(|| self.data_dir.join("plugins"))
    }

    /// Where the demo finance database is, once it is seeded. From then on plugins can be granted it as `finance`.
    pub fn demo_database(&self) -> PathBuf {
        self.data_dir.join("finance.db")
    }

    /// Where the file is looked for when nobody says.
    pub fn default_file() -> Option<PathBuf> {
        directories::ProjectDirs::from("", "", "fact").map(|folders| folders.config_dir().join("fact.toml"))
    }

    /// Merges layers over the defaults, the later ones stronger, and checks the result.
    ///
    /// # Errors
    /// Every unknown key, every value that does not parse, every one that is out of range.
    pub fn load(layers: &[Layer]) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut merged = toml::Table::new();
        for layer in layers {
            // Each layer is read by itself first, so that a problem is told with its place.
            if let Err(error) = read(&layer.table, &mut |key| {
                problems.push(format!("{}: there is no setting `{key}`", layer.name));
            }) {
                problems.push(format!("{}: {error}", layer.name));
                continue;
            }
            merge(&mut merged, &layer.table);
        }
        let config = match read(&merged, &mut |_| {}) {
            Ok(config) => config,
            Err(error) => {
                problems.push(error);
                return Err(ConfigError { problems });
            }
        };
        problems.extend(config.out_of_range());
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError { problems })
        }
    }

    /// Every value that makes no sense.
    fn out_of_range(&self) -> Vec<String> {
        let policy = LimitPolicy {
            all: self.limits.clone(),
            plugins: self.plugins.clone(),
        };
        let mut wrong: Vec<String> = policy
            .check()
            .into_iter()
            .map(|(place, error)| format!("{place}: {error}"))
            .collect();
        for name in self.databases.keys() {
            // The grant's own rule for a name, so that every database can be granted.
            if format!("sql:read:{name}").parse::<Capability>().is_err() || name.contains(['*', '/']) {
                wrong.push(format!(
                    "databases.{name}: a database's name is made of letters, digits, `_`, `-` and `.`"
                ));
            }
        }
        let mut within = |key: &str, value: u64, least: u64, most: u64| {
            if value < least || value > most {
                wrong.push(format!("{key} is {value}; it must be from {least} to {most}"));
            }
        };
        within("runtime.slots", self.runtime.slots.into(), 1, 4096);
        within("runtime.queue", self.runtime.queue.into(), 0, 1_000_000);
        within(
            "install.component_size",
            self.install.component_size.0,
            1,
            fact_runtime::MAX_COMPONENT as u64,
        );
        within(
            "install.compile_time (ms)",
            millis(self.install.compile_time),
            1000,
            3_600_000,
        );
        // With less not even an empty component compiles; with more the limit is none.
        within(
            "install.compile_memory",
            self.install.compile_memory.0,
            256 << 20,
            1 << 40,
        );
        within(
            "http.connect_timeout (ms)",
            millis(self.http.connect_timeout),
            1,
            600_000,
        );
        within("http.max_request_body", self.http.max_request_body.0, 0, 1 << 30);
        within(
            "http.max_response_body",
            self.http.max_response_body.0,
            0,
            1 << 30,
        );
        within("model.max_output", self.model.max_output.into(), 1, 128_000);
        within("model.max_tokens", self.model.max_tokens, 1000, 100_000_000);
        within("model.max_calls", self.model.max_calls.into(), 1, 7);
        within(
            "model.max_time (ms)",
            millis(self.model.max_time),
            1000,
            3_600_000,
        );
        // All of them go to a model with each question, so there are no more than it can be told.
        within("conversation.turns", self.conversation.turns.into(), 1, 50);
        within("conversation.most", self.conversation.most.into(), 1, 100_000);
        within(
            "conversation.lifetime (ms)",
            millis(self.conversation.lifetime),
            1000,
            // Ten years.
            315_360_000_000,
        );
        wrong.extend(self.cache.problems());
        wrong
    }
}

fn millis(span: Span) -> u64 {
    u64::try_from(span.0.as_millis()).unwrap_or(u64::MAX)
}

/// Reads a table, telling of keys that nothing reads.
fn read(table: &toml::Table, unknown: &mut dyn FnMut(String)) -> Result<Config, String> {
    let value = toml::Value::Table(table.clone());
    serde_ignored::deserialize(value, |path| unknown(path.to_string()))
        .map_err(|error| error.to_string().trim().to_owned())
}

/// Lays one table over another, key by key.
fn merge(base: &mut toml::Table, over: &toml::Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => merge(base, over),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// A path of a file, taken from the folder of the file that names it.
pub(crate) fn beside(file: &Path, path: &mut toml::Value) {
    if let toml::Value::String(text) = path
        && let Some(folder) = file.parent()
    {
        let joined = folder.join(&*text);
        *text = joined.display().to_string();
    }
}
