//! Another program that writes the databases: a process of its own, with its own locks, asked over a pipe.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::json;

const PROGRAM: &str = r#"
import json, sqlite3, sys
held = {}
def connect(path):
    c = sqlite3.connect(path, isolation_level=None, timeout=0, cached_statements=0)
    c.execute("PRAGMA synchronous=OFF")
    return c
for line in sys.stdin:
    ask = json.loads(line)
    try:
        if ask.get("close"):
            for c in held.values():
                if c.in_transaction: c.execute("ROLLBACK")
                c.close()
            held = {}
        elif ask["hold"]:
            c = held.get(ask["path"])
            if c is None: c = held[ask["path"]] = connect(ask["path"])
            c.execute(ask["statement"]).fetchall()
        else:
            c = connect(ask["path"])
            try: c.executescript(ask["statement"])
            finally: c.close()
        print("", flush=True)
    except Exception as error:
        print(str(error).replace("\n", " ") or "failed", flush=True)
"#;

pub(super) struct Outside {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Outside {
    pub(super) fn start() -> Self {
        let mut process = Command::new("python3")
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (asks, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Outside {
            process,
            asks,
            answers: BufReader::new(answers),
        }
    }

    /// Runs statements on a new connection; `hold`: one statement, on a connection that stays open with its transaction. A
    /// failure is told: others may hold a lock.
    pub(super) fn run(&mut self, path: &Path, hold: bool, statement: &str) -> Result<(), String> {
        self.ask(&json!({ "path": path, "hold": hold, "statement": statement }))
    }

    /// Ends all transactions and closes all connections.
    pub(super) fn close(&mut self) {
        self.ask(&json!({ "close": true })).unwrap();
    }

    fn ask(&mut self, ask: &serde_json::Value) -> Result<(), String> {
        writeln!(self.asks, "{ask}").unwrap();
        let mut line = String::new();
        assert!(
            self.answers.read_line(&mut line).unwrap() > 0,
            "the other program ended"
        );
        match line.trim() {
            "" => Ok(()),
            why => Err(why.to_owned()),
        }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
