//! The templates that there are: those that came with the program, and the user's.

use crate::check::{self, Checked};
use crate::data::Rows;
use crate::file::{self, Problem, Problems};
use crate::rank::Rank;
use crate::render::{self, Reply};
use crate::resolution::Filled;
use crate::template::{Kind, Origin, Shape, Template};
use crate::words::{Known, stem, stems};
use fact_types::Digest;
use serde::Serialize;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The built-in templates, over the demo database.
const BUILTIN: [(&str, &str); 5] = [
    ("kinds.toml", include_str!("builtin/kinds.toml")),
    ("figures.toml", include_str!("builtin/figures.toml")),
    ("comparisons.toml", include_str!("builtin/comparisons.toml")),
    ("lists.toml", include_str!("builtin/lists.toml")),
    ("companies.toml", include_str!("builtin/companies.toml")),
];

/// Most files, bytes of a file, and templates in all. Each question is held against every phrasing.
const FILES_MAX: usize = 100;
const FILE_MAX: usize = 256 << 10;
const TEMPLATES_MAX: usize = 500;

/// Words that are never a slip of another, nor the name of something that is not in the data: they change what is asked,
/// and no template knows them.
const WEIGHTY: &str = "average mean median quarter quarterly year yearly annual annually month monthly week day half \
    not no never none nor without except excluding exclude excluded minus plus times percent euro pound yen if unless \
    per each every only than over under above below between before after since until during why when where who whose \
    forecast forecasted predict predicted prediction projected projection expected estimate estimated guess will \
    should might next future target budget planned gross net operating adjusted ebitda cash debt tax dividend price \
    share stock last previous prior this today now yesterday tomorrow ago our my your his her their its least most \
    more less fewer many ratio rate stddev variance standard deviation competitor rival any anything \
    everything everyone some something first second third other another swap instead employee delete drop update insert ignore pretend system prompt \
    instruction table column database sql select union or xor and";

/// The templates that there are.
#[derive(Debug)]
pub struct Templates {
    pub(crate) all: Vec<Template>,
    /// Every kind of parameter, once.
    pub(crate) kinds: Vec<Arc<Kind>>,
    pub(crate) known: Known,
    pub(crate) rank: Rank,
    notices: Vec<String>,
}

/// Files of templates that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    /// Everything that is wrong in them.
    pub problems: Vec<Problem>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            let line = if at == 0 { "" } else { "\n" };
            write!(f, "{line}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// A template in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What it answers.
    pub description: String,
    /// The database that it asks.
    pub database: String,
    /// A question that it answers.
    pub example: String,
    /// Where it is from.
    pub origin: Origin,
}

static BASE: LazyLock<(Checked, Vec<Problem>)> = LazyLock::new(|| {
    let mut base = Checked::default();
    let mut all = Vec::new();
    let mut wrong = Vec::new();
    for (name, text) in BUILTIN {
        let mut problems = Problems {
            file: name,
            text,
            list: Vec::new(),
        };
        let raw = file::read(&mut problems);
        let mut checked = check::file(&mut problems, raw, &base, &Origin::Builtin);
        all.append(&mut checked.templates);
        wrong.append(&mut problems.list);
        base = checked;
    }
    base.templates = all;
    (base, wrong)
});

impl Templates {
    /// The same for the same templates: answers of two sets may stand for each other only where this is equal.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(format!("{:?}", self.all).as_bytes())
    }

    /// The templates that came with the program.
    pub fn builtin() -> Self {
        Templates::of(BASE.0.templates.clone(), Vec::new())
    }

    /// The built-in templates and those of files, each given with its name and its text. Where names are the same, a file's
    /// template takes the place of the built-in one; [`notices`](Templates::notices) says so.
    ///
    /// # Errors
    /// With everything that is wrong in any of the files.
    pub fn with_files<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Result<Self, LoadError> {
        let mut all = BASE.0.templates.clone();
        let mut wrong = Vec::new();
        let mut notices = Vec::new();
        for (at, (name, text)) in files.into_iter().enumerate() {
            let mut problems = Problems {
                file: name,
                text,
                list: Vec::new(),
            };
            if at >= FILES_MAX {
                problems.add(
                    0,
                    format!("there are more than {FILES_MAX} files of templates; this one was not read"),
                );
            } else if text.len() > FILE_MAX {
                problems.add(
                    0,
                    format!("the file has {} bytes, and may have {FILE_MAX}", text.len()),
                );
            } else {
                let origin = Origin::File {
                    file: name.to_owned(),
                    replaces_builtin: false,
                };
                let raw = file::read(&mut problems);
                let checked = check::file(&mut problems, raw, &BASE.0, &origin);
                for template in checked.templates {
                    add(&mut all, template, name, &mut problems, &mut notices);
                }
            }
            if all.len() > TEMPLATES_MAX {
                problems.add(
                    0,
                    format!("there are more than {TEMPLATES_MAX} templates with those of this file"),
                );
            }
            wrong.append(&mut problems.list);
            if at >= FILES_MAX {
                break;
            }
        }
        if wrong.is_empty() {
            Ok(Templates::of(all, notices))
        } else {
            Err(LoadError { problems: wrong })
        }
    }

    fn of(all: Vec<Template>, notices: Vec<String>) -> Self {
        let mut kinds: Vec<Arc<Kind>> = Vec::new();
        let mut known = Known::new();
        known.extend(WEIGHTY.split_whitespace().flat_map(stems));
        for template in &all {
            for parameter in &template.parameters {
                if kinds.contains(&parameter.kind) {
                    continue;
                }
                known.extend(stems(&parameter.kind.label));
                known.extend(stems(&parameter.kind.plural));
                if let Shape::Choice(values) = &parameter.kind.shape {
                    let names = values
                        .iter()
                        .flat_map(|(value, others)| std::iter::once(value).chain(others));
                    known.extend(names.flat_map(|name| stems(name)));
                }
                kinds.push(Arc::clone(&parameter.kind));
            }
            for phrasing in &template.phrasings {
                known.extend(phrasing.words.iter().chain(&phrasing.optional).cloned());
            }
            let dialect = &template.dialect;
            known.extend(dialect.neutral.iter().cloned());
            known.extend(dialect.same.keys().cloned());
            known.extend(dialect.same.values().flatten().flatten().map(|word| stem(word)));
        }
        Templates {
            rank: Rank::of(&all),
            all,
            kinds,
            known,
            notices,
        }
    }

    /// All templates, in the order in which they were read.
    pub fn list(&self) -> Vec<Listed> {
        let listed = |template: &Template| Listed {
            name: template.name.clone(),
            description: template.description.clone(),
            database: template.database.clone(),
            example: template.example(),
            origin: template.origin.clone(),
        };
        self.all.iter().map(listed).collect()
    }

    /// A template.
    pub fn get(&self, name: &str) -> Option<&Template> {
        self.all.iter().find(|template| template.name == name)
    }

    /// What whoever wrote files of templates should know: sentences.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Writes the answer from the rows that a filled statement gave.
    pub fn render(&self, filled: &Filled, rows: &Rows) -> Reply {
        render::reply(self.get(&filled.template), filled, rows)
    }
}

/// Adds a template of a file; the built-in one of the same name goes.
fn add(
    all: &mut Vec<Template>,
    mut template: Template,
    file: &str,
    problems: &mut Problems<'_>,
    notices: &mut Vec<String>,
) {
    let same = all.iter_mut().find(|other| other.name == template.name);
    match same {
        None => all.push(template),
        Some(other) if other.origin == Origin::Builtin => {
            notices.push(format!(
                "`{}` of {file} takes the place of the built-in template.",
                template.name
            ));
            template.origin = Origin::File {
                file: file.to_owned(),
                replaces_builtin: true,
            };
            *other = template;
        }
        // Two of one file were noted when the file was checked.
        Some(other) => {
            if let Origin::File { file: first, .. } = &other.origin
                && first != file
            {
                problems.add(
                    0,
                    format!(
                        "`{}` is in {first} too: give one of them another name",
                        template.name
                    ),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_templates_are_sound() {
        assert_eq!(BASE.1, []);
        let templates = Templates::builtin();
        for template in &templates.all {
            assert!(!template.examples.is_empty(), "{} has no example", template.name);
        }
    }
}
