//! `fact config`.

use clap::Subcommand;
use fact_core::{Config as Settings, Layer};
use fact_types::Code;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::clean;

const SHOW: &str = "\
Settings come from the configuration file, then from environment variables (FACT_LIMITS_DEADLINE is limits.deadline),
then from flags; the later ones are stronger. What is printed is a configuration file.";

/// Settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print every setting, and where it is set.
    #[command(after_help = SHOW)]
    Show,
    /// Say what is wrong with the settings, all of it.
    Check,
}

/// A setting with its place.
#[derive(Debug, PartialEq)]
struct Setting {
    /// As TOML writes it.
    key: String,
    value: toml::Value,
    origin: String,
}

impl Config {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Config::Show => show(context),
            Config::Check => check(context),
        }
    }
}

fn show(context: &Context) -> Result<(), Failure> {
    let layers = context.layers()?;
    let settings = settings(&Settings::load(&layers)?, &layers)?;
    let screen = context.screen();
    if screen.json_wanted() {
        let list: Vec<_> = settings
            .iter()
            .map(|setting| json!({ "key": setting.key, "value": setting.value, "origin": setting.origin }))
            .collect();
        return screen.json(&json!({ "settings": list }));
    }
    let lines: Vec<String> = settings
        .iter()
        .map(|setting| format!("{} = {}", setting.key, setting.value).replace('\n', " "))
        .collect();
    // Short enough that a few long values do not push every remark aside.
    let width = lines
        .iter()
        .map(|line| line.chars().count())
        .filter(|width| *width <= 60)
        .max()
        .unwrap_or_default();
    let text: String = lines
        .iter()
        .zip(&settings)
        .map(|(line, setting)| {
            let range = setting
                .key
                .rsplit_once('.')
                .map(|(section, key)| range(section, key));
            format!(
                "{line:<width$}  # {}{}\n",
                setting.origin,
                range.unwrap_or_default().replace("  # ", "; ")
            )
        })
        .collect();
    screen.line(clean(&text))
}

/// What a setting may be, as a comment behind it, where that is known.
pub(super) fn range(section: &str, key: &str) -> String {
    let name = match section.strip_prefix("cache") {
        Some("") => key.to_owned(),
        Some(inner) => format!("{}.{key}", inner.trim_start_matches('.')),
        None => return String::new(),
    };
    fact_core::cache::CacheConfig::RANGES
        .iter()
        .find(|(own, _)| *own == name)
        .map_or_else(String::new, |(_, range)| format!("  # {range}"))
}

fn check(context: &Context) -> Result<(), Failure> {
    let layers = context.layers()?;
    let settings = Settings::load(&layers)?;
    fact_core::policy::Policy::load(&settings.policy)?;
    let file = context
        .file()
        .filter(|file| file.exists())
        .map(|file| file.display().to_string());
    let screen = context.screen();
    if screen.json_wanted() {
        return screen.json(&json!({ "ok": true, "file": file }));
    }
    match file {
        Some(file) => screen.line(format!("The configuration is fine: {}", clean(&file))),
        None => screen.line(
            "The configuration is fine: there is no file, so the defaults hold. `fact init` makes one.",
        ),
    }
}

/// All settings, each with the strongest layer that sets it.
fn settings(config: &Settings, layers: &[Layer]) -> Result<Vec<Setting>, Failure> {
    let table = toml::Table::try_from(config)
        .map_err(|error| Failure::new(Code::Config, format!("The settings can't be written: {error}.")))?;
    let mut found = Vec::new();
    walk(&table, &mut Vec::new(), layers, &mut found);
    Ok(found)
}

fn walk<'a>(table: &'a toml::Table, at: &mut Vec<&'a str>, layers: &[Layer], found: &mut Vec<Setting>) {
    for (key, value) in table {
        at.push(key);
        match value {
            toml::Value::Table(inner) => walk(inner, at, layers, found),
            value => found.push(Setting {
                key: at.iter().map(|part| bare(part)).collect::<Vec<_>>().join("."),
                value: value.clone(),
                origin: origin(at, layers),
            }),
        }
        at.pop();
    }
}

/// A key as TOML writes it.
fn bare(key: &str) -> String {
    if !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    {
        key.to_owned()
    } else {
        toml::Value::from(key).to_string()
    }
}

fn origin(at: &[&str], layers: &[Layer]) -> String {
    let sets = |layer: &&Layer| {
        let mut inner = at.iter();
        let first = inner.next().and_then(|key| layer.table.get(*key));
        inner
            .fold(first, |value, key| value.and_then(|value| value.get(*key)))
            .is_some()
    };
    layers
        .iter()
        .rev()
        .find(sets)
        .map_or_else(|| "default".to_owned(), |layer| layer.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_has_its_place() {
        let layer = |name: &str, text: &str| Layer {
            name: name.to_owned(),
            table: text.parse().unwrap(),
        };
        let layers = [
            layer(
                "file",
                "[limits]\ndeadline = \"5s\"\nmemory = \"64MiB\"\n[databases.\"a.b\"]\npath = \"x.db\"",
            ),
            layer("environment", "[limits]\ndeadline = \"2s\""),
        ];
        let settings = settings(&Settings::load(&layers).unwrap(), &layers).unwrap();
        for (key, value, origin) in [
            ("limits.deadline", "\"2s\"", "environment"),
            ("limits.memory", "\"64MiB\"", "file"),
            ("limits.instances", "64", "default"),
            ("databases.\"a.b\".path", "\"x.db\"", "file"),
        ] {
            let setting = settings
                .iter()
                .find(|setting| setting.key == key)
                .unwrap_or_else(|| panic!("{key}"));
            assert_eq!(
                (setting.value.to_string().as_str(), setting.origin.as_str()),
                (value, origin),
                "{key}"
            );
        }
    }
}
