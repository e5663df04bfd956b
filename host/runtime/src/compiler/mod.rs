//! Who compiles: this process, or a child of it that has limits of its own.
//!
//! A compiler's time and memory depend on what it is given, and there are small components that take minutes or all memory.
//! Nothing in a process can stop its own compiler, so a host compiles in a child. The child limits itself before it reads a
//! byte, has no environment and no open files, and ends with its parent. What it writes is used as this process's own
//! compiler's work would be: who can take over the child through a fault in the compiler could have taken over the host.

mod child;
mod flight;
mod frame;
mod parent;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use fact_types::{ByteSize, Digest, Span};
use tokio::sync::watch;
use wasmtime::Engine;

use crate::LoadError;
pub use child::compile_child;
pub use flight::Compiling;
use flight::Flights;

/// Most threads of one compilation. More gain little, and each costs memory.
const MAX_THREADS: usize = 8;

/// Longest account of what is wrong with a component, in characters. It may quote the component.
const MAX_WORDS: usize = 600;

/// Who compiles components.
#[derive(Debug, Clone, Default)]
pub enum Compiler {
    /// This process, without limits: for components that are trusted.
    #[default]
    InProcess,
    /// A child process.
    Child {
        /// The program, with its whole path. It hands its arguments after `arguments` to [`compile_child`].
        program: PathBuf,
        /// What stands before the arguments of [`compile_child`].
        arguments: Vec<OsString>,
        /// What one compilation may use.
        limits: CompileLimits,
    },
}

/// What one compilation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Time on the clock.
    pub time: Duration,
    /// Time on all processors together, in whole seconds.
    pub cpu: Duration,
    /// Memory, in bytes: data and address space alike.
    pub memory: u64,
}

impl CompileLimits {
    /// Limits with as much processor time as the threads of a compilation can use.
    pub fn new(time: Duration, memory: u64) -> Self {
        let threads = u32::try_from(threads()).unwrap_or(1);
        CompileLimits {
            time,
            cpu: time.saturating_mul(threads),
            memory,
        }
    }
}

impl Default for CompileLimits {
    fn default() -> Self {
        CompileLimits::new(Duration::from_secs(60), 2 << 30)
    }
}

/// Why there is no code. Everyone who waits for the same compilation learns of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    Invalid(String),
    Time(Duration),
    Memory(u64),
    Crashed(String),
    NoCompiler(String),
}

impl From<Refusal> for LoadError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(why) => LoadError::Invalid(why),
            Refusal::Time(limit) => LoadError::CompileTime(Span(limit)),
            Refusal::Memory(limit) => LoadError::CompileMemory(ByteSize(limit)),
            Refusal::Crashed(how) => LoadError::Crashed(how),
            Refusal::NoCompiler(why) => LoadError::NoCompiler(why),
        }
    }
}

/// The compilations of a runtime: so many at the same time, and each component once.
pub(crate) struct Compilations {
    compiler: Compiler,
    flights: Flights,
}

impl Compilations {
    pub(crate) fn new(compiler: Compiler) -> Self {
        Compilations {
            compiler,
            flights: Flights::new(cores()),
        }
    }

    /// What is compiled at the moment.
    pub(crate) fn watch(&self) -> watch::Receiver<Vec<Compiling>> {
        self.flights.watch()
    }

    /// The code of a component. When it is being compiled already, this waits for that; else it asks `bytes` for the
    /// component, which are checked already, and hands the code to `keep`.
    pub(crate) fn compile(
        &self,
        digest: Digest,
        engine: &Engine,
        fuel: bool,
        bytes: impl FnOnce() -> Result<Source, LoadError>,
        keep: impl FnOnce(&[u8]),
    ) -> Result<Arc<Vec<u8>>, LoadError> {
        self.flights.join((digest, fuel), || {
            let bytes = match bytes()? {
                Source::Component(bytes) => bytes,
                Source::Code(code) => return Ok(Ok(Arc::new(code))),
            };
            let code = self.flights.place(digest, || match &self.compiler {
                Compiler::InProcess => precompile(engine, &bytes).map_err(|error| match error {
                    // Nobody set a limit; this is all that the machine has.
                    Failed::Memory => Refusal::Crashed("there is no memory left".to_owned()),
                    Failed::Invalid(why) => Refusal::Invalid(why),
                }),
                Compiler::Child {
                    program,
                    arguments,
                    limits,
                } => parent::Job {
                    program,
                    arguments,
                    limits,
                    fuel,
                    engine: frame::fingerprint(engine),
                }
                .run(&bytes),
            });
            Ok(code.map(|code| {
                keep(&code);
                Arc::new(code)
            }))
        })
    }
}

/// What a component is made ready from.
pub(crate) enum Source {
    /// Its bytes.
    Component(Vec<u8>),
    /// Code that someone else has made in the meantime.
    Code(Vec<u8>),
}

/// Why the engine made no code.
enum Failed {
    Memory,
    Invalid(String),
}

fn precompile(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, Failed> {
    engine.precompile_component(bytes).map_err(|error| {
        if error.is::<wasmtime::error::OutOfMemory>() {
            Failed::Memory
        } else {
            Failed::Invalid(words(&format!("{error:#}")))
        }
    })
}

/// What may quote a component, fit for a sentence: bounded, and without characters that do things on a terminal.
pub(crate) fn words(text: &str) -> String {
    let mut words = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == MAX_WORDS {
            words.push('…');
            break;
        }
        match c {
            '\n' => words.push_str("; "),
            '\'' | '"' | '\\' => words.push(c),
            c => words.extend(c.escape_debug()),
        }
    }
    words
}

fn cores() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Threads of one compilation.
fn threads() -> usize {
    cores().min(MAX_THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_bounded_and_plain() {
        for (text, fit) in [
            ("a `b`'s \"c\"", "a `b`'s \"c\""),
            ("a\u{1b}[31m", "a\\u{1b}[31m"),
            ("a\nb", "a; b"),
            ("a\u{202e}b", "a\\u{202e}b"),
        ] {
            assert_eq!(words(text), fit, "{text:?}");
        }
        assert_eq!(words(&"x".repeat(MAX_WORDS)).chars().count(), MAX_WORDS);
        assert_eq!(words(&"x".repeat(10_000)).chars().count(), MAX_WORDS + 1);
    }
}
