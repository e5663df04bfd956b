//! Policy files.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::Path;

use fact_types::{Grant, Origin};
use jiff::Timestamp;
use serde::Serialize;
use toml::de::{DeTable, DeValue};

use crate::place::Lines;
use crate::rule::{Reader, Rule, Wrong, shown};
use crate::selector::PluginFacts;

/// Rules, from any number of files. The default has none, and gives nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
}

/// Something that is wrong in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// All that is wrong in policy files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy is wrong:{}", .problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>())]
pub struct PolicyError {
    /// Each problem with its place, in the order of files and lines.
    pub problems: Vec<Problem>,
}

/// Why a policy can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file that can't be read.
    #[error("the policy file `{path}` can't be read: {}", why(.source))]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Files that were read and are wrong.
    #[error(transparent)]
    Wrong(#[from] PolicyError),
}

/// What is wrong with a file in words that name neither numbers nor functions of the system.
fn why(error: &std::io::Error) -> String {
    match error.get_ref() {
        Some(own) => own.to_string(),
        None => error.kind().to_string(),
    }
}

impl Policy {
    /// Largest file in bytes: far more than people write, and little to read at a start.
    pub const MAX_FILE: usize = 1 << 20;
    /// Most rules, of all files together: each is held against each plugin.
    pub const MAX_RULES: usize = 1000;

    /// Reads rules from a text. `label` is what messages and grants call it.
    ///
    /// # Errors
    /// Everything that is wrong, with lines.
    pub fn parse(text: &str, label: &str) -> Result<Self, PolicyError> {
        Policy::parse_since(text, label, Timestamp::now())
    }

    /// As [`parse`](Self::parse), of a text that is there since a moment: grants say that they were made then.
    ///
    /// # Errors
    /// Everything that is wrong, with lines.
    pub fn parse_since(text: &str, label: &str, since: Timestamp) -> Result<Self, PolicyError> {
        let mut wrong = Vec::new();
        let rules = read(text, label, since, &mut wrong);
        Policy::settle(rules, told(label, wrong))
    }

    /// Reads files, in this order.
    ///
    /// # Errors
    /// The first file that can't be read; otherwise everything that is wrong in any of them.
    pub fn load(files: &[impl AsRef<Path>]) -> Result<Self, LoadError> {
        let (mut rules, mut problems) = (Vec::new(), Vec::new());
        for file in files {
            let path = file.as_ref();
            let label = path.display().to_string();
            let (text, since) = contents(path).map_err(|source| LoadError::File {
                path: label.clone(),
                source,
            })?;
            let mut wrong = Vec::new();
            match String::from_utf8(text) {
                Ok(text) => rules.extend(read(&text, &label, since, &mut wrong)),
                Err(_) => wrong.push((1, "the file is not UTF-8".to_owned())),
            }
            problems.extend(told(&label, wrong));
        }
        Ok(Policy::settle(rules, problems)?)
    }

    /// Checks what can be seen of all rules together only.
    fn settle(rules: Vec<Rule>, mut problems: Vec<Problem>) -> Result<Self, PolicyError> {
        let mut first: BTreeMap<&str, &Rule> = BTreeMap::new();
        for rule in &rules {
            if let Some(other) = first.get(rule.name.as_str()) {
                problems.push(Problem {
                    file: rule.file.clone(),
                    line: rule.line,
                    message: format!(
                        "the rule `{}` is there already, in {}:{}",
                        rule.name, other.file, other.line
                    ),
                });
            } else {
                first.insert(&rule.name, rule);
            }
        }
        if rules.len() > Self::MAX_RULES
            && let Some(rule) = rules.get(Self::MAX_RULES)
        {
            problems.push(Problem {
                file: rule.file.clone(),
                line: rule.line,
                message: format!("there are more than {} rules", Self::MAX_RULES),
            });
        }
        match problems.is_empty() {
            true => Ok(Policy { rules }),
            false => Err(PolicyError { problems }),
        }
    }

    /// The rules, in the order of files and lines.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What the rules give a plugin, those whose time is over included: their terms say so. No use is counted yet.
    pub fn grants_for(&self, plugin: &PluginFacts) -> Vec<Grant> {
        let selected = self.rules.iter().filter(|rule| rule.selector.selects(plugin));
        selected
            .flat_map(|rule| {
                rule.allow.iter().map(|capability| Grant {
                    origin: Origin::Policy {
                        rule: rule.name.clone(),
                    },
                    plugin: plugin.name.clone(),
                    capability: capability.clone(),
                    terms: rule.terms.clone(),
                    used: 0,
                    granted_by: format!("policy {}", rule.file),
                    granted_at: rule.since,
                    reason: rule.reason.clone(),
                })
            })
            .collect()
    }
}

fn told(label: &str, mut wrong: Vec<Wrong>) -> Vec<Problem> {
    wrong.sort_by_key(|(line, _)| *line);
    let problem = |(line, message)| Problem {
        file: label.to_owned(),
        line,
        message,
    };
    wrong.into_iter().map(problem).collect()
}

/// A file's bytes, one more than may be at the most, and since when they are there.
fn contents(path: &Path) -> std::io::Result<(Vec<u8>, Timestamp)> {
    // Before it is opened: opening a pipe would wait for its other end.
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "it is no file; name a file of rules",
        ));
    }
    let since = about
        .modified()
        .ok()
        .and_then(|time| Timestamp::try_from(time).ok());
    let mut text = Vec::new();
    std::fs::File::open(path)?
        .take(Policy::MAX_FILE as u64 + 1)
        .read_to_end(&mut text)?;
    Ok((text, since.unwrap_or(Timestamp::UNIX_EPOCH)))
}

fn read(text: &str, file: &str, since: Timestamp, wrong: &mut Vec<Wrong>) -> Vec<Rule> {
    if text.len() > Policy::MAX_FILE {
        wrong.push((1, format!("the file is larger than {} bytes", Policy::MAX_FILE)));
        return Vec::new();
    }
    let lines = Lines::of(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What follows a mistake in the syntax can't be trusted.
        wrong.extend(errors.iter().take(20).map(|error| {
            let line = error.span().map_or(1, |span| lines.line(&span));
            (line, error.message().replace('\n', " "))
        }));
        return Vec::new();
    }
    let mut rules = Vec::new();
    for (key, value) in document.get_ref().iter() {
        let name: &str = key.get_ref();
        if name != "rule" {
            let line = lines.line(&key.span());
            wrong.push((
                line,
                format!("there is no key `{}`; a policy is made of [[rule]]", shown(name)),
            ));
            continue;
        }
        let DeValue::Array(list) = value.get_ref() else {
            wrong.push((
                lines.line(&value.span()),
                "rules are written [[rule]], with two brackets".to_owned(),
            ));
            continue;
        };
        if list.len() > Policy::MAX_RULES {
            wrong.push((
                1,
                format!(
                    "there are {} rules; at most {} are allowed",
                    list.len(),
                    Policy::MAX_RULES
                ),
            ));
            continue;
        }
        let mut reader = Reader {
            lines: &lines,
            file,
            since,
            wrong,
        };
        for entry in list.iter() {
            match entry.get_ref() {
                DeValue::Table(table) => rules.extend(reader.read(&entry.span(), table)),
                _ => reader
                    .wrong
                    .push((lines.line(&entry.span()), "a rule is a table".to_owned())),
            }
        }
    }
    rules
}
