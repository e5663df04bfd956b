//! `fact call --batch`: many calls in one host.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use clap::Args;
use fact_core::{Answer, Host};
use fact_types::{Code, Error, Freshness, ToolCall, ToolId};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::context::Context;
use crate::failure::{Failure, exit_code};
use crate::input::unreadable;

/// Longest line. The host takes 4 MiB of arguments; this leaves room for how they are written.
const MAX_LINE: u64 = 8 << 20;

/// Most calls at the same time: as many as the host has slots, by default.
const MAX_JOBS: i64 = 256;

#[derive(Debug, Args)]
pub(crate) struct Batch {
    /// Many calls: a file, or `-` for standard input, with {"tool": ..., "arguments": {...}} a line. Prints an answer a
    /// line, in the same order. The exit code is the highest of all the calls' codes.
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["tool", "pairs", "json"])]
    batch: Option<String>,
    /// Most calls of a batch at the same time.
    #[arg(long, value_name = "N", default_value_t = 8, requires = "batch", value_parser = clap::value_parser!(u16).range(1..=MAX_JOBS))]
    jobs: u16,
}

/// A line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    tool: ToolId,
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// What becomes of a line.
enum Job {
    Call(JoinHandle<Answer>),
    Refused(Error),
}

impl Batch {
    pub(super) async fn run(self, context: &Context, freshness: Freshness) -> Result<(), Failure> {
        let Some(name) = self.batch else {
            return Err(Failure::new(Code::InvalidInput, "Name a tool, or a batch."));
        };
        let host = context.host().await?;
        let (jobs, mut worst) = (usize::from(self.jobs), 0);
        let mut lines = lines(&name, jobs)?;
        let mut running: VecDeque<Job> = VecDeque::with_capacity(jobs);
        let mut number = 0_u64;
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                answer = first(&mut running), if !running.is_empty() => {
                    running.pop_front();
                    worst = worst.max(tell(context, answer)?);
                }
                line = lines.recv(), if open && running.len() < jobs => match line {
                    Some(line) => {
                        number += 1;
                        running.extend(job(&host, number, line, freshness));
                    }
                    None => open = false,
                },
                else => break,
            }
        }
        if worst == 0 {
            Ok(())
        } else {
            Err(Failure::Told(worst))
        }
    }
}

/// Waits for the answer of the first job, which stays where it is: a line that comes first may interrupt this.
async fn first(running: &mut VecDeque<Job>) -> Result<Answer, Error> {
    match running.front_mut() {
        Some(Job::Call(handle)) => handle.await.map_err(|error| {
            tracing::error!(%error, "a call of the batch ended in an unexpected way");
            Error::internal()
        }),
        Some(Job::Refused(error)) => Err(error.clone()),
        None => std::future::pending().await,
    }
}

/// Starts the call that a line asks for. An empty line asks for nothing.
fn job(host: &Arc<Host>, number: u64, line: Result<String, Error>, freshness: Freshness) -> Option<Job> {
    let line = match line {
        Ok(line) if line.trim().is_empty() => return None,
        Ok(line) => line,
        Err(error) => return Some(Job::Refused(error)),
    };
    match serde_json::from_str::<Line>(&line) {
        Ok(Line { tool, arguments }) => {
            let host = Arc::clone(host);
            Some(Job::Call(tokio::spawn(async move {
                let call = ToolCall {
                    freshness,
                    ..ToolCall::new(tool, arguments)
                };
                host.call(call).await
            })))
        }
        Err(error) => {
            let message = format!(
                "Line {number} is no call: {error}. A call is {{\"tool\": ..., \"arguments\": {{...}}}}."
            );
            Some(Job::Refused(Error::new(Code::InvalidInput, message)))
        }
    }
}

/// Prints an answer, and gives the exit code that fits it.
fn tell(context: &Context, answer: Result<Answer, Error>) -> Result<u8, Failure> {
    let screen = context.screen();
    match answer {
        Ok(answer) => screen.json_line(&answer).map(|()| exit_code(&answer)),
        Err(error) => screen
            .json_line(&json!({ "error": error }))
            .map(|()| error.category().exit_code()),
    }
}

/// Reads lines on a thread of its own, no further ahead than there are jobs.
fn lines(name: &str, ahead: usize) -> Result<mpsc::Receiver<Result<String, Error>>, Failure> {
    let file = match name {
        "-" => None,
        name => Some(File::open(name).map_err(|error| unreadable(name, &error))?),
    };
    let (send, receive) = mpsc::channel(ahead);
    let name = name.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut from: Box<dyn BufRead> = match file {
            Some(file) => Box::new(BufReader::new(file)),
            None => Box::new(io::stdin().lock()),
        };
        while let Some(line) = line(&mut from, &name) {
            // A line that can't be read is the last one.
            let last = line.is_err();
            if send.blocking_send(line).is_err() || last {
                break;
            }
        }
    });
    Ok(receive)
}

/// The next line. None: there are no more.
fn line(from: &mut dyn BufRead, name: &str) -> Option<Result<String, Error>> {
    let mut bytes = Vec::new();
    match from.take(MAX_LINE + 1).read_until(b'\n', &mut bytes) {
        Ok(0) => None,
        Ok(_) if bytes.len() as u64 > MAX_LINE => Some(Err(Error::new(
            Code::InvalidInput,
            format!("A line has more than {MAX_LINE} bytes; the rest was not read."),
        ))),
        Ok(_) => Some(String::from_utf8(bytes).map_err(|_| {
            Error::new(
                Code::InvalidInput,
                "A line is not UTF-8 text; the rest was not read.",
            )
        })),
        Err(error) => Some(Err(Error::new(
            Code::Unavailable,
            format!("`{name}` can't be read: {}.", error.kind()),
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded() {
        let mut from: &[u8] = b"one\n\ntwo";
        let read: Vec<_> = std::iter::from_fn(|| line(&mut from, "x"))
            .map(Result::unwrap)
            .collect();
        assert_eq!(read, ["one\n", "\n", "two"]);
        let long = vec![b'a'; MAX_LINE as usize + 1];
        assert!(line(&mut long.as_slice(), "x").unwrap().is_err());
        let mut bad: &[u8] = b"\xff\n";
        assert!(line(&mut bad, "x").unwrap().is_err());
    }

    #[test]
    fn a_line_names_a_tool() {
        for (text, good) in [
            (r#"{"tool": "a_b", "arguments": {"x": 1}}"#, true),
            (r#"{"tool": "a_b"}"#, true),
            (r#"{"tool": "a_b", "arguments": [1]}"#, false),
            (r#"{"tool": "A B"}"#, false),
            (r#"{"tool": "a_b", "argument": {}}"#, false),
            ("[]", false),
        ] {
            assert_eq!(serde_json::from_str::<Line>(text).is_ok(), good, "{text}");
        }
    }
}
