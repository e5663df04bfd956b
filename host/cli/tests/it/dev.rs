//! `fact plugin dev`: what is saved is what answers.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::fact::{Home, Ran};

/// How long to wait for a build on a machine that is busy with others.
const PATIENCE: Duration = Duration::from_secs(300);

/// The lines that a program writes, as they come.
fn lines(out: impl Read + Send + 'static) -> Receiver<String> {
    let (to, from) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                break;
            }
        }
    });
    from
}

/// A program that ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_is_saved_is_what_answers() {
    let home = Home::new();
    let root = Home::repository();
    let sdk = root.join("sdk/rust").display().to_string();
    home.ok(&["plugin", "new", "hello", "--sdk", &sdk]);
    let project = home.path().join("hello");
    // The versions of this repository, which are there already.
    std::fs::copy(root.join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let source = project.join("src/lib.rs");
    let first = std::fs::read_to_string(&source).unwrap();

    let mut command = home.command(env!("CARGO_BIN_EXE_fact"));
    Home::with_cargo(&mut command);
    let child = command
        .args(["plugin", "dev", "hello", "--output", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let out = lines(running.0.stdout.take().unwrap());
    let complaints = lines(running.0.stderr.take().unwrap());
    let next = || -> Value {
        let line = out
            .recv_timeout(PATIENCE)
            .expect("a line for each build that works");
        serde_json::from_str(&line).unwrap()
    };
    let greet = || home.ok(&["call", "hello_greet", "name=Ann"]).out;

    let built = next();
    assert_eq!(built["first"], true, "{built}");
    assert!(greet().contains("Hello, Ann!"));

    // A new answer, and a tool more, which anybody else would have to approve.
    let second = first
        .replace("Hello, {}!", "Good day, {}!")
        .replace("plugin!(greet);\n", "/// Does nothing.\n#[tool]\nfn rest(_: Greet) -> Result<(), ToolError> {\n    Ok(())\n}\n\nplugin!(greet, rest);\n");
    assert_ne!(first, second);
    std::fs::write(&source, &second).unwrap();
    let reloaded = next();
    assert_eq!(reloaded["first"], false, "{reloaded}");
    assert_ne!(reloaded["digest"], built["digest"]);
    assert_eq!(
        reloaded["widened"].as_array().map(Vec::len),
        Some(1),
        "{reloaded}"
    );
    assert_eq!(
        reloaded["tools"],
        serde_json::json!(["hello_greet", "hello_rest"])
    );
    assert!(greet().contains("Good day, Ann!"));

    // What does not compile changes nothing, and the next save mends it.
    std::fs::write(&source, "no rust").unwrap();
    while !complaints
        .recv_timeout(PATIENCE)
        .expect("a complaint about a build that fails")
        .contains("does not compile")
    {}
    assert!(greet().contains("Good day, Ann!"));
    std::fs::write(&source, second.replace("Good day", "Good night")).unwrap();
    next();
    assert!(greet().contains("Good night, Ann!"));

    let sent = home
        .command("kill")
        .args(["-INT", &running.0.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    let status = running.0.wait().unwrap();
    assert_eq!(status.code(), Some(0), "stopping is how it ends");
}

#[test]
fn a_folder_without_a_project_is_told() {
    let home = Home::new();
    let ran: Ran = home.fact(&["plugin", "dev", "."]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("plugin new"), "{ran:?}");
}
