//! A folder with a plugin's source in it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use fact_types::{Code, Error};

/// Largest manifest of a project that is read. People write these by hand.
const MAX_FILE: u64 = 1 << 20;

/// A language that projects can be made and built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust, with `fact-sdk`.
    Rust,
}

impl Language {
    /// Every language there is.
    pub const ALL: &[Language] = &[Language::Rust];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Language::Rust => "rust",
        }
    }
}

impl FromStr for Language {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Language::ALL.iter().find(|language| language.as_str() == text);
        found
            .copied()
            .ok_or_else(|| not_yet(&format!("`{}`", text.escape_debug())))
    }
}

/// A refusal of a language, with those there are.
fn not_yet(what: &str) -> Error {
    let names: Vec<&str> = Language::ALL.iter().map(|language| language.as_str()).collect();
    Error::new(
        Code::InvalidInput,
        format!(
            "There is no support for {what} yet; there is: {}. A component built with that language's own tools can be \
             installed and tested all the same.",
            names.join(", ")
        ),
    )
}

/// A project that can be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is written in.
    pub language: Language,
    /// What its own manifest calls it.
    pub package: String,
    /// What its own manifest says besides, as the custom sections that it becomes: a name and a text.
    pub(crate) said: Vec<(&'static str, String)>,
}

/// Files that tell of a language, for refusals.
const OTHERS: &[(&str, &str)] = &[
    ("package.json", "JavaScript"),
    ("pyproject.toml", "Python"),
    ("go.mod", "Go"),
    ("CMakeLists.txt", "C and C++"),
    ("build.zig", "Zig"),
];

impl Project {
    /// Finds out what is in a folder.
    ///
    /// # Errors
    /// `not-found` when there is no such folder or no project in it; `invalid-input` when it is one that makes no component.
    pub fn find(folder: &Path) -> Result<Self, Error> {
        let shown = folder.display();
        let folder = folder.canonicalize().map_err(|error| {
            Error::new(
                Code::NotFound,
                format!("There is no folder `{shown}`: {}.", error.kind()),
            )
        })?;
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            if let Some((_, language)) = OTHERS.iter().find(|(file, _)| folder.join(file).is_file()) {
                return Err(not_yet(language));
            }
            return Err(Error::new(
                Code::NotFound,
                format!(
                    "There is no project in `{shown}`: it has no Cargo.toml. `fact plugin new NAME` makes one."
                ),
            ));
        }
        let wrong = |why: &str| Error::new(Code::InvalidInput, format!("`{}` {why}", manifest.display()));
        let mut text = String::new();
        File::open(&manifest)
            .and_then(|file| file.take(MAX_FILE).read_to_string(&mut text))
            .map_err(|error| wrong(&format!("can't be read: {}.", error.kind())))?;
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| wrong(&format!("is no TOML: {}.", error.message())))?;
        let package = table
            .get("package")
            .and_then(toml::Value::as_table)
            .ok_or_else(|| wrong("has no [package]; name the folder of the plugin's own crate."))?;
        let name = package
            .get("name")
            .and_then(toml::Value::as_str)
            .ok_or_else(|| wrong("gives its package no name."))?;
        if !makes_component(&table) {
            return Err(wrong(
                "makes no component: add `[lib]` with `crate-type = [\"cdylib\"]`.",
            ));
        }
        Ok(Project {
            language: Language::Rust,
            package: name.to_owned(),
            said: said(package),
            folder,
        })
    }
}

/// Whether the library is of the kind that becomes a component.
fn makes_component(table: &toml::Table) -> bool {
    table
        .get("lib")
        .and_then(|lib| lib.get("crate-type").or_else(|| lib.get("crate_type")))
        .and_then(toml::Value::as_array)
        .is_some_and(|kinds| kinds.iter().any(|kind| kind.as_str() == Some("cdylib")))
}

/// What a package says about where it comes from. What a workspace says for it is left out.
fn said(package: &toml::Table) -> Vec<(&'static str, String)> {
    let mut said = Vec::new();
    for (key, section) in [("repository", "source"), ("homepage", "homepage")] {
        if let Some(text) = package.get(key).and_then(toml::Value::as_str) {
            said.push((section, text.to_owned()));
        }
    }
    if let Some(authors) = package.get("authors").and_then(toml::Value::as_array) {
        let names: Vec<&str> = authors.iter().filter_map(toml::Value::as_str).collect();
        if !names.is_empty() {
            said.push(("authors", names.join(", ")));
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_known_by_their_manifests() {
        let good = "[package]\nname = \"p\"\nauthors = [\"Ann\", \"Bo\"]\nrepository = \"https://example.com\"\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]";
        // A file, what is in it, and words of the refusal; none: it is a project.
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("Cargo.toml", good, None),
            ("Cargo.toml", "[workspace]", Some("no [package]")),
            ("Cargo.toml", "[package]\nversion = \"1\"", Some("no name")),
            ("Cargo.toml", "[package]\nname = \"p\"", Some("crate-type")),
            (
                "Cargo.toml",
                "[package]\nname = \"p\"\n[lib]\ncrate-type = [\"rlib\"]",
                Some("crate-type"),
            ),
            ("Cargo.toml", "[package", Some("no TOML")),
            ("package.json", "{}", Some("JavaScript")),
            ("readme.txt", "", Some("plugin new")),
        ];
        for (file, text, refusal) in cases {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(file), text).unwrap();
            match (Project::find(folder.path()), refusal) {
                (Ok(project), None) => {
                    assert_eq!(project.package, "p");
                    assert_eq!(
                        project.said,
                        [
                            ("source", "https://example.com".to_owned()),
                            ("authors", "Ann, Bo".to_owned())
                        ]
                    );
                }
                (Err(error), Some(words)) => assert!(error.message.contains(words), "{}", error.message),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
        assert_eq!(
            Project::find("/no/such/folder".as_ref()).unwrap_err().code,
            Code::NotFound
        );
    }

    #[test]
    fn languages_are_named() {
        assert_eq!("rust".parse::<Language>(), Ok(Language::Rust));
        let error = "cobol".parse::<Language>().unwrap_err();
        assert!(error.message.contains("`cobol`") && error.message.contains("there is: rust"));
    }
}
