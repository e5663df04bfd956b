//! `fact init`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use fact_core::Config;
use fact_types::Code;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::clean;

/// What stands above each part of the file.
const ABOUT: &[(&str, &str)] = &[
    (
        "",
        "data_dir: where plugins, grants and the demo database are kept. policy: files of rules that grant capabilities. \
         templates: files of questions that are answered without a model, besides the built-in ones. Paths \
         are relative to this file.",
    ),
    (
        "log",
        "off, error, warn, info, debug, trace, or filters such as \"warn,plugin=info\". The format is text or json.",
    ),
    (
        "runtime",
        "How many calls run at the same time, and how many wait. More are told to come back.",
    ),
    (
        "install",
        "What installing one plugin may use: its size, and the time and memory of the process that compiles it.",
    ),
    (
        "limits",
        "What one call may use. [plugins.NAME.limits] and [plugins.NAME.tools.TOOL] change it for some.",
    ),
    (
        "conversation",
        "What is kept of conversations: turns as they were (older ones are summed up), conversations, and for how long.",
    ),
    (
        "cache",
        "How results are kept, until what they were read from changes: in memory, and sealed on disk. warm_every: how often the \
         most asked calls are made ahead while a command that stays open runs.",
    ),
    (
        "model",
        "The model that answers questions which no template answers, and what one question may cost. Further settings: name, \
         base_url, api_key_env, max_dollars.",
    ),
    (
        "http",
        "How requests leave the host. root_certificates: PEM files of authorities to trust besides the public ones.",
    ),
];

const EXAMPLES: &str = r#"
# Databases that plugins can be granted, as sql:read:NAME.
# [databases.sales]
# path = "sales.db"
# samples = [{ question = "How many orders?", statement = "SELECT COUNT(*) FROM orders" }]

# Other limits for one plugin, and for one of its tools.
# [plugins.sql.limits]
# deadline = "5s"
# [plugins.sql.tools.query]
# memory = "64MiB"
"#;

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let screen = context.screen();
    let Some(file) = context.file() else {
        return Err(
            Failure::new(Code::Config, "This account has no configuration folder.")
                .hint("Say where the file goes: fact init --config FILE"),
        );
    };
    let new_file = write_new(&file, &template(context.named_data_dir().as_deref())?).map_err(|error| {
        Failure::new(
            Code::Unavailable,
            format!("`{}` can't be written: {}.", file.display(), error.kind()),
        )
    })?;
    // Opening makes the folder, and shows that it can be used.
    let data = context.config()?.data_dir;
    let new_data = !data.exists();
    context.host().await?;
    if screen.json_wanted() {
        return screen.json(&json!({
            "config": { "path": file, "created": new_file },
            "data_dir": { "path": data, "created": new_data },
        }));
    }
    let state = |new| if new { "made" } else { "there already" };
    screen.line(clean(&format!(
        "configuration  {} ({})\ndata folder    {} ({})",
        file.display(),
        state(new_file),
        data.display(),
        state(new_data)
    )))?;
    if !new_file && context.named_data_dir().is_some() && !says(&file, &data) {
        screen.note(
            "\nThe configuration that is there names another data folder, or none: what names this one (--data-dir or \
             FACT_DATA_DIR) must be there each time, or stand in the file as `data_dir`.",
        );
    }
    screen.note(
        "\nNext:\n  fact db seed                                               make the demo finance database\n  \
         fact plugin install builtin:sql --grant sql:read:finance   install a plugin that may read it\n  \
         fact call sql_query statement='SELECT name FROM companies'",
    );
    Ok(())
}

/// Whether a configuration file by itself leads to a data folder.
fn says(file: &Path, data: &Path) -> bool {
    let layer = fact_core::Layer::file(file).ok().flatten();
    layer.is_some_and(|layer| {
        Config::load(&[layer])
            .is_ok_and(|config| std::path::absolute(config.data_dir).ok() == std::path::absolute(data).ok())
    })
}

/// Writes a file, unless there is one.
fn write_new(path: &Path, text: &str) -> io::Result<bool> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    match File::create_new(path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// A file with every setting in it, each as a comment with its default. The data folder is set when the user names one, so
/// that the next command finds it.
fn template(data_dir: Option<&str>) -> Result<String, Failure> {
    let defaults = toml::Table::try_from(Config::default())
        .map_err(|error| Failure::new(Code::Config, format!("The defaults can't be written: {error}.")))?;
    let mut text = String::from("# The settings of FACT. What is commented out is the default.\n");
    for (section, about) in ABOUT {
        text.push_str(&format!("\n# {about}\n"));
        if section.is_empty() {
            text.push_str(&match data_dir {
                Some(folder) => format!("data_dir = {}\n", toml::Value::from(absolute(folder))),
                None => defaults
                    .get("data_dir")
                    .map(|value| format!("# data_dir = {value}\n"))
                    .unwrap_or_default(),
            });
            text.push_str("# policy = []\n# templates = []\n");
            continue;
        }
        text.push_str(&format!("# [{section}]\n"));
        for (key, value) in defaults
            .get(*section)
            .and_then(toml::Value::as_table)
            .into_iter()
            .flatten()
        {
            text.push_str(&format!(
                "# {key} = {value}{}\n",
                super::config::range(section, key)
            ));
        }
    }
    text.push_str(EXAMPLES);
    Ok(text)
}

fn absolute(folder: &str) -> String {
    std::path::absolute(folder).map_or_else(|_| folder.to_owned(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fact_core::Layer;

    /// The file as it is once every comment that is a setting is one.
    fn uncommented(text: &str) -> String {
        let setting = |line: &&str| {
            line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
        };
        text.lines()
            .map(|line| line.strip_prefix("# ").unwrap_or(line))
            .filter(setting)
            .map(|line| format!("{line}\n"))
            .collect()
    }

    #[test]
    fn the_file_changes_nothing_as_it_is_made() {
        let table = template(None).unwrap().parse().unwrap();
        assert_eq!(
            Config::load(&[Layer {
                name: "file".to_owned(),
                table
            }])
            .unwrap(),
            Config::default()
        );
    }

    #[test]
    fn every_setting_is_there_with_its_default() {
        let all = uncommented(&template(None).unwrap());
        let table: toml::Table = all.parse().unwrap_or_else(|error| panic!("{error}\n{all}"));
        let mut config = Config::load(&[Layer {
            name: "file".to_owned(),
            table,
        }])
        .unwrap();
        assert_eq!((config.databases.len(), config.plugins.len()), (1, 1));
        (config.databases, config.plugins) = Default::default();
        assert_eq!(config, Config::default());
        for (key, value) in toml::Table::try_from(Config::default()).unwrap() {
            let named = ABOUT.iter().any(|(section, _)| *section == key)
                || ["data_dir", "policy", "templates"].contains(&key.as_str());
            assert!(
                named || value.as_table().is_some_and(toml::Table::is_empty),
                "{key} is in no part of the file"
            );
        }
    }

    #[test]
    fn a_named_data_folder_is_kept() {
        let table: toml::Table = template(Some("/srv/fact \"data\"")).unwrap().parse().unwrap();
        assert_eq!(table["data_dir"].as_str(), Some("/srv/fact \"data\""));
    }

    #[test]
    fn a_file_that_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/fact.toml");
        assert!(write_new(&path, "first").unwrap());
        assert!(!write_new(&path, "second").unwrap());
        assert_eq!(fs::read_to_string(path).unwrap(), "first");
    }
}
