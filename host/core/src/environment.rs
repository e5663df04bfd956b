//! Where settings come from: a file, and environment variables. Flags are a layer that the command line makes.

use std::io;
use std::path::{Path, PathBuf};

use fact_types::Limits;

use crate::config::{Config, ConfigError, ModelConfig, beside};

/// Settings from one place.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    /// What to call the place in a message.
    pub name: String,
    /// The settings.
    pub table: toml::Table,
}

/// The lists that a variable sets, their files separated by commas. Set and empty, it means that there are none.
const LISTS: [(&str, &str); 2] = [("FACT_POLICY", "policy"), ("FACT_TEMPLATES", "templates")];

/// The variables that are read: name and the setting's path. The name is `FACT_` and the path in capitals, joined by
/// underscores: `FACT_LIMITS_DEADLINE` is `limits.deadline`.
pub fn variables() -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    if let Some(toml::Value::Table(table)) = full() {
        leaves(&table, &mut Vec::new(), &mut found);
    }
    found
        .into_iter()
        .map(|path| (format!("FACT_{}", path.join("_").to_uppercase()), path))
        .collect()
}

fn leaves(table: &toml::Table, at: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    for (key, value) in table {
        at.push(key.clone());
        match value {
            // Maps by name are empty here, and can't be set by a variable.
            toml::Value::Table(inner) => leaves(inner, at, found),
            toml::Value::Array(_) => {}
            _ => found.push(at.clone()),
        }
        at.pop();
    }
}

impl Layer {
    /// A file. None: there is no such file.
    ///
    /// # Errors
    /// When it can't be read or is no TOML.
    pub fn file(path: &Path) -> Result<Option<Self>, ConfigError> {
        let name = path.display().to_string();
        let problem = |what: String| ConfigError {
            problems: vec![format!("{name}: {what}")],
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(problem(error.to_string())),
        };
        let mut table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| problem(error.to_string()))?;
        relative_paths(path, &mut table);
        Ok(Some(Layer { name, table }))
    }

    /// The environment variables among `vars` that are settings. Numbers and sizes are written as they are in the file.
    pub fn environment(vars: impl Iterator<Item = (String, String)>) -> Self {
        let known = variables();
        let mut layer = Layer {
            name: "environment".to_owned(),
            table: toml::Table::new(),
        };
        for (name, text) in vars {
            if let Some((_, list)) = LISTS.iter().find(|(variable, _)| *variable == name) {
                let files = text.split(',').map(str::trim).filter(|file| !file.is_empty());
                let files = files.map(toml::Value::from).collect();
                layer.table.insert((*list).to_owned(), toml::Value::Array(files));
            } else if let Some((_, path)) = known.iter().find(|(known, _)| *known == name) {
                layer.set(path, &text);
            }
        }
        layer
    }

    /// Sets a value by its path. Text becomes a number, or yes or no, where the setting is one.
    pub fn set(&mut self, path: &[impl AsRef<str>], text: &str) {
        let value = match default(path) {
            Some(toml::Value::Integer(_)) => text.parse().ok().map(toml::Value::Integer),
            Some(toml::Value::Boolean(_)) => text.parse().ok().map(toml::Value::Boolean),
            Some(toml::Value::Float(_)) => text.parse().ok().map(toml::Value::Float),
            _ => None,
        };
        // What is not what it should be is said to be wrong where settings are read.
        let value = value.unwrap_or_else(|| toml::Value::String(text.to_owned()));
        let Some((last, folders)) = path.split_last() else {
            return;
        };
        let mut table = &mut self.table;
        for folder in folders {
            let inner = table
                .entry(folder.as_ref().to_owned())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            match inner {
                toml::Value::Table(inner) => table = inner,
                _ => return,
            }
        }
        table.insert(last.as_ref().to_owned(), value);
    }
}

/// What the setting at a path is when nobody sets it: a number, say, rather than text such as a folder named `123`.
fn default(path: &[impl AsRef<str>]) -> Option<toml::Value> {
    let mut value = full();
    for key in path {
        value = value.and_then(|value| value.get(key.as_ref()).cloned());
    }
    value
}

/// The default settings, with the optional ones present, so that every setting is found.
fn full() -> Option<toml::Value> {
    let limits = Limits {
        fuel: Some(1),
        ..Limits::default()
    };
    let config = Config {
        limits,
        drop_in: Some(PathBuf::new()),
        model: ModelConfig {
            name: Some(String::new()),
            base_url: Some(String::new()),
            api_key_env: Some(String::new()),
            max_dollars: Some(1.0),
            ..ModelConfig::default()
        },
        ..Config::default()
    };
    toml::Value::try_from(config).ok()
}

/// Paths in a file are relative to the file.
fn relative_paths(file: &Path, table: &mut toml::Table) {
    for name in ["data_dir", "drop_in"] {
        if let Some(path) = table.get_mut(name) {
            beside(file, path);
        }
    }
    if let Some(toml::Value::Table(databases)) = table.get_mut("databases") {
        for (_, database) in databases.iter_mut() {
            if let Some(path) = database.get_mut("path") {
                beside(file, path);
            }
        }
    }
    for (_, list) in LISTS {
        if let Some(toml::Value::Array(files)) = table.get_mut(list) {
            for path in files {
                beside(file, path);
            }
        }
    }
    if let Some(toml::Value::Array(files)) = table
        .get_mut("http")
        .and_then(|http| http.get_mut("root_certificates"))
    {
        for path in files {
            beside(file, path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fact_types::{ByteSize, Span};

    fn layer(name: &str, text: &str) -> Layer {
        Layer {
            name: name.to_owned(),
            table: text.parse().unwrap(),
        }
    }

    #[test]
    fn later_layers_are_stronger() {
        let file = layer("fact.toml", "[limits]\ndeadline = \"5s\"\nmemory = \"64MiB\"");
        let vars = [
            ("FACT_LIMITS_DEADLINE", "2s"),
            ("FACT_LIMITS_HOST_CALLS", "7"),
            ("FACT_DATA_DIR", "123"),
            ("FACT_OTHER", "x"),
        ];
        let environment = Layer::environment(vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let config = Config::load(&[file, environment]).unwrap();
        assert_eq!(config.limits.deadline, Span::secs(2));
        assert_eq!(config.limits.memory, ByteSize::mib(64));
        assert_eq!(config.limits.host_calls, 7);
        assert_eq!(config.data_dir, std::path::Path::new("123"));
    }

    #[test]
    fn policy_files_are_named_in_each_way() {
        let of = |layers: &[Layer]| Config::load(layers).unwrap().policy;
        assert_eq!(of(&[]), [""; 0].map(PathBuf::from));
        let folder = std::env::temp_dir().join(format!("fact-layers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("fact.toml");
        std::fs::write(&path, "policy = [\"a.toml\", \"/srv/b.toml\"]").unwrap();
        let file = Layer::file(&path).unwrap().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            of(std::slice::from_ref(&file)),
            [folder.join("a.toml"), "/srv/b.toml".into()]
        );
        for (text, expected) in [("x.toml, y.toml", &["x.toml", "y.toml"][..]), ("", &[])] {
            let variable = ("FACT_POLICY".to_owned(), text.to_owned());
            let environment = Layer::environment(std::iter::once(variable));
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(of(&[file.clone(), environment]), expected, "{text}");
        }
        assert!(Config::load(&[layer("file", "policy = \"a.toml\"")]).is_err());
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_places() {
        let file = layer(
            "fact.toml",
            "colour = 1\n[limits]\ndead_line = \"5s\"\nmemory = \"9TB\"\n[runtime]\nslots = 0",
        );
        let wrong_type = layer("environment", "[limits]\ndeadline = true");
        let error = Config::load(&[file, wrong_type]).unwrap_err().to_string();
        for word in ["colour", "environment"] {
            assert!(error.contains(word), "{error}");
        }
        let file = layer(
            "fact.toml",
            "[limits]\ndead_line = \"5s\"\nhost_calls = 0\n[runtime]\nslots = 0",
        );
        let error = Config::load(&[file]).unwrap_err().to_string();
        for word in ["limits.dead_line", "host_calls", "runtime.slots"] {
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn each_simple_setting_has_a_variable() {
        let names: Vec<String> = variables().into_iter().map(|(name, _)| name).collect();
        for name in [
            "FACT_DATA_DIR",
            "FACT_LOG_LEVEL",
            "FACT_LIMITS_FUEL",
            "FACT_HTTP_MAX_RESPONSE_BODY",
        ] {
            assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
        }
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
    }
}
