//! The parent's side: starts a child, feeds it, watches it, and believes nothing but a whole answer.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::child::Task;
use super::frame::{self, Answer, Broken};
use super::{CompileLimits, Refusal, threads, words};

/// How much of what a child complains about is kept, in bytes.
const COMPLAINT: u64 = 4096;

/// How long a child that says no more may take to end.
const LAST_MOMENTS: Duration = Duration::from_secs(2);

/// What a program says that has no memory left: the language's allocator before it ends it, the child, and the system when
/// it gives neither memory nor threads.
const NO_MEMORY: [&str; 4] = [
    "memory allocation of",
    "out of memory",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
];

/// One compilation.
pub(super) struct Job<'a> {
    pub(super) program: &'a Path,
    pub(super) arguments: &'a [OsString],
    pub(super) limits: &'a CompileLimits,
    pub(super) fuel: bool,
    /// The fingerprint of the engine that will run the code.
    pub(super) engine: u64,
}

impl Job<'_> {
    pub(super) fn run(&self, component: &[u8]) -> Result<Vec<u8>, Refusal> {
        let deadline = Instant::now() + self.limits.time;
        let mut child = self.start().map(Running).map_err(|error| {
            tracing::error!(%error, program = %self.program.display(), "the compiler can't be started");
            Refusal::NoCompiler(error.kind().to_string())
        })?;
        let pipes = (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take());
        let (Some(stdin), Some(mut stdout), Some(mut stderr)) = pipes else {
            return Err(Refusal::NoCompiler("it has no pipes".to_owned()));
        };
        thread::scope(|scope| {
            // Dropped before the threads are waited for, so that none of them waits for a child that goes on.
            let mut child = child;
            // The pipe stays open until the child has ended, which would take its end for ours.
            scope.spawn(|| feed(&stdin, component));
            let complaint = scope.spawn(move || complaint(&mut stderr));
            let (answered, answer) = channel();
            let engine = self.engine;
            scope.spawn(move || answered.send(frame::read(&mut stdout, engine)));
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = match answer.recv_timeout(left) {
                Ok(answer) => answer,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    child.end();
                    return Err(Refusal::Time(self.limits.time));
                }
            };
            // With a whole answer it does not matter how the child ends; else that may say why there is none.
            let status = match &answer {
                Ok(_) => child.end(),
                Err(_) => child.wait(deadline.min(Instant::now() + LAST_MOMENTS)),
            };
            let complaint = complaint.join().unwrap_or_default();
            match answer {
                Ok(Answer::Code(code)) => Ok(code),
                Ok(Answer::Invalid(why)) => Err(Refusal::Invalid(words(&why))),
                Ok(Answer::Memory) => Err(Refusal::Memory(self.limits.memory)),
                Err(broken) => Err(self.diagnose(&broken, status, &complaint)),
            }
        })
    }

    fn start(&self) -> io::Result<Child> {
        let task = Task {
            fuel: self.fuel,
            cpu: self.limits.cpu.as_secs().max(1),
            memory: self.limits.memory,
        };
        Command::new(self.program)
            .args(self.arguments)
            .args(task.arguments())
            .env_clear()
            .env("RAYON_NUM_THREADS", threads().to_string())
            // Each arena reserves address space, of which there is a bounded amount.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C on a terminal is the host's to answer.
            .process_group(0)
            .spawn()
    }

    /// Why there is no answer.
    fn diagnose(&self, broken: &Broken, status: Option<ExitStatus>, complaint: &str) -> Refusal {
        let complaint = words(complaint.trim());
        let signal = status.and_then(|status| status.signal());
        tracing::warn!(?broken, ?status, complaint, "the compiler gave no answer");
        if signal == Some(Signal::XCPU.as_raw()) {
            return Refusal::Time(self.limits.time);
        }
        if NO_MEMORY.iter().any(|words| complaint.contains(words)) {
            return Refusal::Memory(self.limits.memory);
        }
        Refusal::Crashed(match (broken, signal, status.and_then(|status| status.code())) {
            // How it ended when nobody listened any more says nothing.
            (Broken::Foreign, ..) => "it is another version than the host".to_owned(),
            (Broken::Damaged, ..) => "its answer is damaged".to_owned(),
            (Broken::Nothing | Broken::Cut, Some(signal), _) => format!("signal {signal} ended it"),
            (Broken::Nothing | Broken::Cut, _, Some(code)) => {
                format!("it ended with code {code} before its answer was whole")
            }
            (Broken::Nothing | Broken::Cut, None, None) => "it stopped answering".to_owned(),
        })
    }
}

/// Sends the component. A child that ends early reads no further, which its answer tells better.
fn feed(mut stdin: &ChildStdin, component: &[u8]) {
    let sent = stdin
        .write_all(&(component.len() as u64).to_le_bytes())
        .and_then(|()| stdin.write_all(component));
    if let Err(error) = sent {
        tracing::debug!(%error, "the compiler did not take the whole component");
    }
}

/// The beginning of what a child complains about. The rest is read too, so that it never waits for a reader.
fn complaint(stderr: &mut dyn Read) -> String {
    let mut bytes = Vec::new();
    let read = stderr
        .take(COMPLAINT)
        .read_to_end(&mut bytes)
        .and_then(|_| io::copy(stderr, &mut io::sink()));
    if let Err(error) = read {
        tracing::debug!(%error, "what the compiler complains about can't be read");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A child that ends when this is dropped, and leaves nothing behind.
struct Running(Child);

impl Running {
    /// Waits for it to end by itself. None: it did not.
    fn wait(&mut self, until: Instant) -> Option<ExitStatus> {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
                Ok(None) | Err(_) => {
                    self.end();
                    return None;
                }
            }
        }
    }

    /// Ends it, unless it has ended, with whatever it may have started.
    fn end(&mut self) -> Option<ExitStatus> {
        // A child that was waited for has an answer at once, and its number may be someone else's.
        if let Ok(Some(status)) = self.0.try_wait() {
            return Some(status);
        }
        if kill_process_group(Pid::from_child(&self.0), Signal::KILL).is_err() {
            // Without a group of its own.
            let _ = self.0.kill();
        }
        self.0.wait().ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
