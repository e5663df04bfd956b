//! The README's commands do what it says, so that it can't grow old unnoticed.
//!
//! Every line of a `console` block is a command. Those of `fact` are run, in order, in one home; a comment that says `exit code
//! N` is believed, and anything else means 0. A `toml` block that begins with the name of a file is that file. Those of cargo are what the reader of this has done already.

use std::path::Path;

use crate::fact::{Home, Ran};

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    std::fs::read_to_string(path).unwrap()
}

/// The lines of all fenced blocks of a kind.
fn blocks(text: &str, kind: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(info) => inside = info == kind,
            None if inside && !line.trim().is_empty() => lines.push(line.to_owned()),
            None => {}
        }
    }
    lines
}

/// The `toml` blocks that begin with a file's name, and what is to stand in that file.
fn files(text: &str) -> Vec<(&str, &str)> {
    let blocks = text
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    blocks
        .filter_map(|block| {
            let name = block.lines().next()?.strip_prefix("# ")?;
            name.ends_with(".toml").then_some((name, block))
        })
        .collect()
}

/// The exit code that a line's comment speaks of.
fn expected(line: &str) -> i32 {
    let said = line
        .split_once(" # ")
        .and_then(|(_, comment)| comment.split_once("exit code "));
    said.map_or(0, |(_, rest)| {
        rest.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .unwrap()
    })
}

#[test]
fn each_command_does_what_is_said() {
    let text = readme();
    let home = Home::new();
    let files = files(&text);
    assert!(!files.is_empty(), "the README shows a policy file");
    for (name, text) in files {
        std::fs::write(home.path().join(name), text).unwrap();
    }
    let mut said = String::new();
    let mut ran_any = 0;
    for line in blocks(&text, "console") {
        if line.starts_with("cargo ") {
            continue;
        }
        assert!(
            line.starts_with("fact "),
            "a line of the README that this test does not know: {line}"
        );
        let ran = Ran::new(home.command("sh").args(["-c", &line]).output().unwrap());
        assert_eq!(ran.code, expected(&line), "{line}: {ran:?}");
        said.push_str(&ran.out);
        ran_any += 1;
    }
    assert!(ran_any >= 4, "the README shows {ran_any} commands");
    let total = "68500000000";
    assert!(
        text.contains(total) && said.contains(total),
        "the README's number is the program's"
    );
}

#[test]
fn cargo_commands_exist() {
    let xtask =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/src/main.rs"))
            .unwrap();
    for line in blocks(&readme(), "console") {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["cargo", "xtask", verb, ..] = words.as_slice() {
            assert!(
                xtask.contains(&format!("\"{verb}\"")),
                "`{line}`: xtask has no such command"
            );
        }
    }
}

/// The plugin of the README, built by its own manifest in a folder of its own, installed and called as it says there.
#[test]
fn the_plugin_builds_outside_of_this_repository() {
    let text = readme();
    let home = Home::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    let manifest: Vec<String> = blocks(&text, "toml");
    let start = manifest
        .iter()
        .position(|line| line == "[package]")
        .expect("the plugin's manifest");
    let manifest = manifest[start..].join("\n").replace(
        "\"fact/sdk/rust\"",
        &format!("{:?}", root.join("sdk/rust").display().to_string()),
    );
    std::fs::create_dir(home.path().join("src")).unwrap();
    std::fs::write(home.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::write(home.path().join("src/lib.rs"), blocks(&text, "rust").join("\n")).unwrap();
    // The versions of this repository, which are there already.
    std::fs::copy(root.join("Cargo.lock"), home.path().join("Cargo.lock")).unwrap();

    let commands = blocks(&text, "sh");
    assert!(commands.len() >= 3, "{commands:?}");
    for line in commands {
        let program = line.split_whitespace().next().unwrap();
        let mut command = home.command("sh");
        if program == "cargo" {
            Home::with_cargo(&mut command);
        }
        let ran = Ran::new(command.args(["-c", &line]).output().unwrap());
        assert_eq!(ran.code, expected(&line), "{line}: {ran:?}");
        if line.contains("adder_add") {
            assert_eq!(ran.out.trim(), "3.0", "{line}");
        }
    }
}
