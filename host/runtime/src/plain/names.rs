//! The names of tools.
//!
//! `INTERFACE_FUNCTION` for a function of an interface, `FUNCTION` for one of the world. Two packages may have an interface of
//! the same name, and names may be longer than callers can write: these get an alias, which depends on the component's exports
//! alone, so that it is the same on every host and at every start.

use std::collections::{BTreeMap, BTreeSet};

use super::exports::Function;

/// Digits of the hash in an alias: two of a thousand paths share them once in ten thousand components.
const DIGITS: usize = 8;

/// A name for each function, in their order: all different, each of 1 to `max` characters that callers can write.
pub(crate) fn assign(functions: &[Function], max: usize) -> Vec<String> {
    let paths: Vec<Path<'_>> = functions
        .iter()
        .map(|function| Path {
            interface: function.interface.as_deref(),
            function: &function.name,
            whole: &function.path,
        })
        .collect();
    name(&paths, max)
}

/// Where a function stands.
struct Path<'a> {
    interface: Option<&'a str>,
    function: &'a str,
    whole: &'a str,
}

impl Path<'_> {
    /// The name that it gets when nothing is in the way.
    fn plain(&self) -> String {
        match self.interface {
            Some(interface) => format!("{}_{}", last_part(interface), self.function),
            None => self.function.to_owned(),
        }
    }

    /// The name with the package in front.
    fn with_package(&self) -> String {
        match self.interface.and_then(package) {
            Some(package) => format!("{package}-{}", self.plain()),
            None => self.plain(),
        }
    }

    /// The name with a hash behind, cut to fit.
    fn with_hash(&self, max: usize, digits: usize) -> String {
        let hash = blake3::hash(self.whole.as_bytes()).to_hex();
        let hash = hash.get(..digits.min(max)).unwrap_or(&hash);
        let room = max.saturating_sub(digits + 1);
        let front: String = self
            .plain()
            .chars()
            .filter(|c| is_allowed(*c))
            .take(room)
            .collect();
        match front.trim_end_matches(['-', '_']) {
            "" => hash.to_owned(),
            front => format!("{front}_{hash}"),
        }
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// `local:calc/ops@1.0.0`: `ops`.
fn last_part(interface: &str) -> &str {
    let bare = interface.split('@').next().unwrap_or(interface);
    bare.rsplit('/').next().unwrap_or(bare)
}

/// `local:calc/ops@1.0.0`: `calc`.
fn package(interface: &str) -> Option<&str> {
    let (package, _) = interface.split_once('/')?;
    package.rsplit(':').next()
}

fn name(paths: &[Path<'_>], max: usize) -> Vec<String> {
    let fits = |name: &String| (1..=max).contains(&name.len()) && name.chars().all(is_allowed);
    let plain: Vec<String> = paths.iter().map(Path::plain).collect();
    let packaged: Vec<String> = paths.iter().map(Path::with_package).collect();
    let once = count(plain.iter());
    // A longer name is taken only where nobody has it in either form.
    let mut either = count(packaged.iter());
    for name in once.keys() {
        *either.entry(name).or_default() += 1;
    }

    let mut taken = BTreeSet::new();
    let mut names: Vec<Option<String>> = Vec::with_capacity(paths.len());
    for (plain, packaged) in plain.iter().zip(&packaged) {
        let free =
            |name: &&String, counts: &BTreeMap<&String, usize>| counts.get(*name) == Some(&1) && fits(name);
        let name = Some(plain)
            .filter(|name| free(name, &once))
            .or_else(|| Some(packaged).filter(|name| free(name, &either)));
        taken.extend(name.cloned());
        names.push(name.cloned());
    }
    names
        .into_iter()
        .zip(paths)
        .map(|(name, path)| {
            name.unwrap_or_else(|| {
                let alias = (DIGITS..=64)
                    .map(|digits| path.with_hash(max, digits))
                    .find(|alias| !taken.contains(alias))
                    .unwrap_or_default();
                taken.insert(alias.clone());
                alias
            })
        })
        .collect()
}

fn count<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<&'a String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(paths: &[&str], max: usize) -> Vec<String> {
        let paths: Vec<Path<'_>> = paths
            .iter()
            .map(|whole| {
                let (interface, function) = match whole.split_once('#') {
                    Some((interface, function)) => (Some(interface), function),
                    None => (None, *whole),
                };
                Path {
                    interface,
                    function,
                    whole,
                }
            })
            .collect();
        let names = name(&paths, max);
        let different: BTreeSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
        for name in &names {
            assert!((1..=max).contains(&name.len()), "{name}");
            name.parse::<fact_types::ToolName>().unwrap();
        }
        names
    }

    #[test]
    fn a_name_is_the_interface_and_the_function() {
        assert_eq!(
            named(&["local:calc/ops@1.0.0#add", "ops#sub", "run", "a:b/c-d#e-f"], 31),
            ["ops_add", "ops_sub", "run", "c-d_e-f"]
        );
    }

    #[test]
    fn clashes_show_the_package_or_a_hash() {
        assert_eq!(
            named(
                &[
                    "local:calc/ops@1.0.0#add",
                    "local:more/ops#add",
                    "local:more/ops#sub"
                ],
                31
            ),
            ["calc-ops_add", "more-ops_add", "ops_sub"]
        );
        let versions = ["local:calc/ops@1.0.0#add", "local:calc/ops@2.0.0#add"];
        let names = named(&versions, 31);
        assert!(names.iter().all(|name| name.starts_with("ops_add_")), "{names:?}");
        // The order of the exports is not part of it.
        let mut back = named(&[versions[1], versions[0]], 31);
        back.reverse();
        assert_eq!(names, back);
    }

    #[test]
    fn a_package_does_not_take_the_name_of_another_interface() {
        let names = named(&["x:calc/ops#add", "x:more/ops#add", "y:z/calc-ops#add"], 31);
        assert_eq!(names[2], "calc-ops_add");
    }

    #[test]
    fn long_names_are_cut() {
        let long = "a".repeat(80);
        let paths = [format!("x:y/z#{long}b"), format!("x:y/z#{long}c"), long.clone()];
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        for max in [9, 10, 31, 64] {
            named(&paths, max);
        }
    }
}
