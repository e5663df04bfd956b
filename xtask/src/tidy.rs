//! Checks of this project's own house rules: seconds, and nothing is compiled.
//!
//! Each check gives its findings as sentences that say what to do; all of them are shown, not only the first.

mod dependencies;
mod files;
mod manifests;
mod traces;

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::stdout_of;
use crate::workspace::Workspace;

/// Runs every check and prints what it finds. True if that is nothing.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let tracked = git_files(workspace, &["--cached", "--others", "--exclude-standard"])?;
    let ignored = git_files(workspace, &["--others", "--ignored", "--exclude-standard"])?;
    let texts = read(workspace, &tracked);

    let mut findings = files::long(&texts);
    findings.extend(files::hidden(&ignored));
    findings.extend(manifests::owners(&workspace.packages));
    for package in &workspace.packages {
        let manifest = workspace.root.join(&package.folder).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).with_context(|| format!("read {}", manifest.display()))?;
        findings.extend(manifests::lints(package, &text));
    }
    findings.extend(traces::left_behind(&texts, &traces::of_this_machine(workspace)));
    findings.extend(dependencies::check(workspace)?);

    for finding in &findings {
        eprintln!("  {finding}");
    }
    Ok(findings.is_empty())
}

/// A text file of the checkout.
struct Text {
    /// Relative to the root.
    path: String,
    content: String,
}

fn git_files(workspace: &Workspace, options: &[&str]) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z"])
        .args(options)
        .current_dir(&workspace.root);
    let listed = stdout_of(&mut git).context("the tidy checks need git and a checkout")?;
    Ok(listed
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect())
}

/// What is no UTF-8 is no text, and what is listed but gone was deleted in the work tree.
fn read(workspace: &Workspace, paths: &[String]) -> Vec<Text> {
    let read = |path: &String| {
        let content = fs::read_to_string(workspace.root.join(path)).ok()?;
        Some(Text {
            path: path.clone(),
            content,
        })
    };
    paths.iter().filter_map(read).collect()
}

#[cfg(test)]
fn text(path: &str, content: impl Into<String>) -> Text {
    Text {
        path: path.to_owned(),
        content: content.into(),
    }
}
