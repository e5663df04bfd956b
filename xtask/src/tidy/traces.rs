//! Traces of the machine that a file was written on: its paths and its package mirrors are wrong everywhere else.
//!
//! What to look for is learned from the machine at hand, so that this file holds none of it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Text;
use crate::command::stdout_of;
use crate::workspace::Workspace;

/// Settings files of package managers, below the home folder and absolute.
const HOME_SETTINGS: [&str; 5] = [
    ".cargo/config.toml",
    ".cargo/config",
    ".npmrc",
    ".config/pip/pip.conf",
    ".pip/pip.conf",
];
const SETTINGS: [&str; 2] = ["/etc/pip.conf", "/etc/npmrc"];

/// Variables that name a package server.
const VARIABLES: [&str; 6] = [
    "PIP_INDEX_URL",
    "UV_INDEX_URL",
    "npm_config_registry",
    "GOPROXY",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_UPDATE_ROOT",
];

/// Lock files name the server that each package came from; that is what they are for.
const LOCK_FILES: [&str; 4] = ["Cargo.lock", "package-lock.json", "uv.lock", "pnpm-lock.yaml"];

/// What gives a machine away.
pub(super) struct Traces {
    paths: Vec<String>,
    hosts: Vec<String>,
}

pub(super) fn of_this_machine(workspace: &Workspace) -> Traces {
    let home = env::var_os("HOME").map(PathBuf::from);
    let under_home = |variable: &str, name: &str| {
        env::var_os(variable)
            .map(PathBuf::from)
            .or_else(|| home.as_ref().map(|home| home.join(name)))
    };
    let mut folders = vec![workspace.root.clone()];
    folders.extend(workspace.root.parent().map(Path::to_owned));
    folders.extend(under_home("CARGO_HOME", ".cargo"));
    folders.extend(under_home("RUSTUP_HOME", ".rustup"));

    let mut settings: Vec<String> = VARIABLES.iter().filter_map(|name| env::var(name).ok()).collect();
    let files = HOME_SETTINGS
        .iter()
        .filter_map(|name| Some(home.as_ref()?.join(name)));
    settings.extend(
        files
            .chain(SETTINGS.iter().map(PathBuf::from))
            .filter_map(|path| fs::read_to_string(path).ok()),
    );
    let mut apt = Command::new("apt-get");
    apt.args(["--no-release-info", "indextargets", "--format", "$(REPO_URI)"]);
    settings.extend(stdout_of(&mut apt).ok());

    let mut hosts: Vec<String> = settings.iter().flat_map(|text| hosts(text)).collect();
    hosts.sort();
    hosts.dedup();
    Traces {
        paths: folders.iter().filter_map(|folder| telling(folder)).collect(),
        hosts,
    }
}

/// The folder as it would stand in a file, where it is a place of this machine: `/home` and `/tmp` are everywhere.
fn telling(folder: &Path) -> Option<String> {
    const EVERYWHERE: [&str; 10] = [
        "home", "root", "tmp", "var", "usr", "srv", "opt", "mnt", "src", "Users",
    ];
    let text = folder.to_str()?;
    let mut parts = text.split('/').filter(|part| !part.is_empty());
    let first = parts.next()?;
    (parts.next().is_some() || !EVERYWHERE.contains(&first)).then(|| text.trim_end_matches('/').to_owned())
}

/// The host names of the addresses in a text, without those of the machine itself.
fn hosts(text: &str) -> Vec<String> {
    let addresses = text.split("://").skip(1);
    addresses
        .filter_map(|rest| {
            let authority = rest
                .split(|c: char| c == '/' || c.is_whitespace() || "\"',|".contains(c))
                .next()?;
            let host = authority.rsplit('@').next()?.split(':').next()?;
            (host.contains('.') && !host.starts_with("127.")).then(|| host.to_owned())
        })
        .collect()
}

pub(super) fn left_behind(texts: &[Text], traces: &Traces) -> Vec<String> {
    let mut findings = Vec::new();
    for text in texts {
        let lock = LOCK_FILES
            .iter()
            .any(|name| text.path == *name || text.path.ends_with(&format!("/{name}")));
        for (number, line) in (1..).zip(text.content.lines()) {
            let path = traces.paths.iter().find(|path| names_path(line, path));
            let host = traces
                .hosts
                .iter()
                .find(|host| !lock && line.contains(host.as_str()));
            if path.is_some() {
                findings.push(format!("{}:{number}: names a path of this machine", text.path));
            }
            if host.is_some() {
                findings.push(format!(
                    "{}:{number}: names this machine's package server",
                    text.path
                ));
            }
        }
    }
    findings
}

/// Whether the line holds the folder or something below it, and not a longer name or the tail of another path.
fn names_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line
            .get(at + folder.len()..)
            .and_then(|after| after.chars().next());
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "_-.~*}".contains(c));
        !word(before) && !word(after)
    })
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    #[test]
    fn places_that_every_machine_has_are_no_trace() {
        let check = |folder: &str, want: Option<&str>| {
            assert_eq!(telling(Path::new(folder)).as_deref(), want, "{folder}");
        };
        check("/", None);
        check("/tmp", None);
        check("/home", None);
        check("/checkouts", Some("/checkouts"));
        check("/home/ann/fact", Some("/home/ann/fact"));
    }

    #[test]
    fn hosts_of_settings() {
        let check = |settings: &str, want: &[&str]| assert_eq!(hosts(settings), want, "{settings}");
        check("http://mirror.example/debian/\n", &["mirror.example"]);
        check(
            "index = \"sparse+https://user:word@crates.example:443/index/\"",
            &["crates.example"],
        );
        check("https://a.example,direct", &["a.example"]);
        check("http://localhost:8080 http://127.0.0.1/x", &[]);
        check("off", &[]);
    }

    #[test]
    fn traces_in_files() {
        let traces = Traces {
            paths: vec!["/checkouts/fact".to_owned(), "/checkouts".to_owned()],
            hosts: vec!["mirror.example".to_owned()],
        };
        let check = |path: &str, line: &str, want: usize| {
            let found = left_behind(&[text(path, format!("first\n{line}\n"))], &traces);
            assert_eq!(found.len(), want, "{path}: {line}: {found:?}");
            assert!(
                found
                    .iter()
                    .all(|finding| finding.starts_with(&format!("{path}:2: "))),
                "{found:?}"
            );
        };
        check("a.md", "see /checkouts/fact/README.md", 1);
        check("a.md", "cd /checkouts", 1);
        check("a.md", "`/checkouts/other`", 1);
        check("a.md", "the data/checkouts/ folder", 0);
        check("a.md", "/checkouts2/x", 0);
        check("a.sh", "curl http://mirror.example/debian", 1);
        check("package-lock.json", "http://mirror.example/x", 0);
        check("sdk/js/package-lock.json", "http://mirror.example/x", 0);
        check("sdk/js/package-lock.json", "/checkouts/fact/x", 1);
        check("a.md", "nothing", 0);
    }
}
