//! What may be depended on: the rules of `deny.toml` on licences, banned crates and sources, checked without
//! cargo-deny, so that every `cargo xtask test` checks them and CI has no minutes to spend on building it. Advisories
//! need a database from the network and are left to `cargo deny check`.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use spdx::{Expression, ParseMode};
use toml::{Table, Value};

use crate::command::{cargo, stdout_of};
use crate::workspace::Workspace;

/// What `deny.toml` says, as far as it is checked here.
#[derive(Debug, Default, PartialEq)]
struct Rules {
    /// Licences that any crate may have, by SPDX name, with ` WITH ` and an exception where one is meant.
    licences: Vec<String>,
    /// Crate and licence: fine for that crate alone.
    exceptions: Vec<(String, String)>,
    banned: Vec<String>,
    registries: Vec<String>,
}

/// A crate that is compiled into something.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    /// As its author wrote it; empty where there is none.
    licence: String,
}

pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let read = |name: &str| -> Result<Table> {
        let text = fs::read_to_string(workspace.root.join(name)).with_context(|| format!("read {name}"))?;
        text.parse().with_context(|| format!("parse {name}"))
    };
    let rules = Rules::parse(&read("deny.toml")?).context("deny.toml lacks a rule that is checked here")?;
    // Of the crates in Cargo.lock, only those that some feature in use brings in.
    let tree = stdout_of(cargo(workspace).args([
        "tree",
        "--workspace",
        "--locked",
        "--target=all",
        "--edges=normal,build,dev",
        "--prefix=none",
        "--format={p}|{l}",
    ]))?;
    let crates = crates(&tree);
    let mut findings: Vec<String> = crates.iter().flat_map(|found| rules.broken_by(found)).collect();
    findings.extend(rules.foreign_sources(&read("Cargo.lock")?));
    Ok(findings)
}

/// The crates in what `cargo tree` prints, a line `name v1.2.3 (...)|licence (*)` each.
fn crates(tree: &str) -> BTreeSet<Crate> {
    tree.lines()
        .filter_map(|line| {
            let (package, licence) = line.split_once('|')?;
            let mut words = package.split(' ');
            Some(Crate {
                name: words.next()?.to_owned(),
                version: words.next()?.trim_start_matches('v').to_owned(),
                licence: licence.trim_end_matches("(*)").trim().to_owned(),
            })
        })
        .collect()
}

impl Rules {
    fn parse(deny: &Table) -> Option<Self> {
        let texts = |list: &Value| -> Option<Vec<String>> {
            list.as_array()?
                .iter()
                .map(|item| Some(item.as_str()?.to_owned()))
                .collect()
        };
        let licenses = deny.get("licenses")?;
        let mut exceptions = Vec::new();
        for exception in licenses.get("exceptions")?.as_array()? {
            let name = exception.get("crate")?.as_str()?;
            exceptions.extend(
                texts(exception.get("allow")?)?
                    .into_iter()
                    .map(|licence| (name.to_owned(), licence)),
            );
        }
        let banned = deny.get("bans")?.get("deny")?.as_array()?;
        Some(Self {
            licences: texts(licenses.get("allow")?)?,
            exceptions,
            banned: banned
                .iter()
                .map(|entry| Some(entry.get("crate")?.as_str()?.to_owned()))
                .collect::<Option<_>>()?,
            registries: texts(deny.get("sources")?.get("allow-registry")?)?,
        })
    }

    fn broken_by(&self, found: &Crate) -> Vec<String> {
        let Crate {
            name,
            version,
            licence,
        } = found;
        let mut findings = Vec::new();
        if self.banned.contains(name) {
            findings.push(format!(
                "{name} {version}: banned by deny.toml, which says why; see `cargo tree -i {name}`"
            ));
        }
        if !self.licensed(found) {
            findings.push(format!(
                "{name} {version}: its licence, {licence:?}, is not among those that deny.toml allows"
            ));
        }
        findings
    }

    fn licensed(&self, found: &Crate) -> bool {
        // Older crates separate licences with a slash.
        let Ok(expression) = Expression::parse_mode(&found.licence, ParseMode::LAX) else {
            return false;
        };
        expression.evaluate(|wanted| {
            let wanted = wanted.to_string();
            self.licences.contains(&wanted)
                || self
                    .exceptions
                    .iter()
                    .any(|(name, licence)| *name == found.name && *licence == wanted)
        })
    }

    fn foreign_sources(&self, lock: &Table) -> Vec<String> {
        let packages = lock
            .get("package")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let foreign = packages.iter().filter_map(|package| {
            let source = package.get("source")?.as_str()?;
            let known = self
                .registries
                .iter()
                .any(|registry| source.strip_prefix("registry+") == Some(registry));
            let name = package.get("name")?.as_str()?;
            (!known).then(|| format!("{name}: comes from {source}, which deny.toml does not allow"))
        });
        foreign.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-3-Clause"]
        exceptions = [{ crate = "roots", allow = ["CDLA-Permissive-2.0"] }]
        [bans]
        deny = [{ crate = "openssl-sys", reason = "..." }]
        [sources]
        allow-registry = ["https://registry.example/index"]
    "#;

    fn rules() -> Rules {
        Rules::parse(&DENY.parse().unwrap()).unwrap()
    }

    fn check_crate(name: &str, licence: &str, want: usize) {
        let found = Crate {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.to_owned(),
        };
        let broken = rules().broken_by(&found);
        assert_eq!(broken.len(), want, "{name} {licence}: {broken:?}");
    }

    #[test]
    fn licences() {
        check_crate("a", "MIT", 0);
        check_crate("a", "MIT OR GPL-3.0-only", 0);
        check_crate("a", "Unlicense/MIT", 0);
        check_crate("a", "(MIT OR Zlib) AND BSD-3-Clause", 0);
        check_crate("a", "Apache-2.0 WITH LLVM-exception", 0);
        check_crate("a", "MIT AND GPL-3.0-only", 1);
        check_crate("a", "GPL-3.0-only", 1);
        check_crate("a", "MIT WITH Classpath-exception-2.0", 1);
        check_crate("a", "", 1);
        check_crate("a", "see the file", 1);
    }

    #[test]
    fn exceptions_are_for_one_crate() {
        check_crate("roots", "CDLA-Permissive-2.0", 0);
        check_crate("other", "CDLA-Permissive-2.0", 1);
    }

    #[test]
    fn bans() {
        check_crate("openssl-sys", "MIT", 1);
        check_crate("openssl-probe", "MIT", 0);
    }

    #[test]
    fn sources() {
        let check = |source: &str, want: usize| {
            let lock = format!("[[package]]\nname = \"a\"\n{source}\n").parse().unwrap();
            assert_eq!(rules().foreign_sources(&lock).len(), want, "{source}");
        };
        check("", 0);
        check("source = \"registry+https://registry.example/index\"", 0);
        check("source = \"registry+https://registry.example/other\"", 1);
        check("source = \"git+https://registry.example/index\"", 1);
    }

    #[test]
    fn a_tree_names_each_crate_once() {
        let tree = "a v1.0.0 (/x/a)|Apache-2.0\nb v0.2.1|MIT/Apache-2.0\nc v3.0.0 (proc-macro)|\n\nb v0.2.1|MIT/Apache-2.0 (*)\n";
        let found: Vec<String> = crates(tree)
            .iter()
            .map(|found| format!("{} {} {}", found.name, found.version, found.licence))
            .collect();
        assert_eq!(
            found,
            ["a 1.0.0 Apache-2.0", "b 0.2.1 MIT/Apache-2.0", "c 3.0.0 "]
        );
    }

    #[test]
    fn rules_that_are_missing_are_noticed() {
        for part in ["allow = [\"MIT\"", "exceptions", "deny =", "allow-registry"] {
            let text = DENY.replace(part, &format!("no-{part}"));
            assert_eq!(Rules::parse(&text.parse().unwrap()), None, "without {part}");
        }
    }
}
