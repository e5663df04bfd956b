//! The child's side: limits itself, reads a component, writes code.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use wasmtime::Engine;

use super::frame::{self, Answer};
use super::{Failed, precompile};
use crate::MAX_COMPONENT;
use crate::engine::{Kind, config};

/// How much nicer than its parent it is: calls go first.
const NICE: i32 = 5;

/// How the child ends when there is no answer. With an answer it ends with success.
const USAGE: u8 = 2;
/// The limits can't be set.
const NO_LIMITS: u8 = 10;
/// The parent did not send a component.
const NO_COMPONENT: u8 = 11;
/// The engine can't be made.
const NO_ENGINE: u8 = 12;
/// The answer can't be written.
const NO_LISTENER: u8 = 13;
/// The parent went away.
const ORPHANED: i32 = 14;

/// What the child is told.
pub(super) struct Task {
    pub(super) fuel: bool,
    /// In seconds.
    pub(super) cpu: u64,
    /// In bytes.
    pub(super) memory: u64,
}

impl Task {
    pub(super) fn arguments(&self) -> [String; 3] {
        let kind = if self.fuel { "fuel" } else { "plain" };
        [kind.to_owned(), self.cpu.to_string(), self.memory.to_string()]
    }

    fn parse(arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let words: Vec<String> = arguments
            .take(4)
            .map(|word| word.into_string().ok())
            .collect::<Option<_>>()?;
        let [kind, cpu, memory] = words.as_slice() else {
            return None;
        };
        let fuel = match kind.as_str() {
            "plain" => false,
            "fuel" => true,
            _ => return None,
        };
        Some(Task {
            fuel,
            cpu: cpu.parse().ok()?,
            memory: memory.parse().ok()?,
        })
    }
}

/// Compiles the component on standard input, as a [`Compiler::Child`](super::Compiler) does, and ends.
///
/// `arguments` are what stands after the arguments that the parent was configured with. Call this before anything else is
/// started: it limits the whole process.
pub fn compile_child(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let failed = |code: u8, why: &str| {
        // Nobody is left to be told when this fails.
        let _ = writeln!(io::stderr(), "{why}");
        ExitCode::from(code)
    };
    let Some(task) = Task::parse(arguments) else {
        return failed(
            USAGE,
            "this is how a host starts its compiler; it is of no use otherwise",
        );
    };
    if let Err(error) = confine(&task) {
        return failed(NO_LIMITS, &format!("the limits can't be set: {error}"));
    }
    let bytes = match component() {
        Ok(bytes) => bytes,
        Err(error) => return failed(NO_COMPONENT, &format!("there is no component: {error}")),
    };
    if let Err(error) = end_with_parent() {
        return failed(NO_LIMITS, &format!("the parent can't be watched: {error}"));
    }
    // Code for pooled slots and for memory on demand is the same; a pool would take terabytes of address space.
    let kind = Kind {
        pooled: false,
        fuel: task.fuel,
    };
    let engine = match Engine::new(&config(kind, 1)) {
        Ok(engine) => engine,
        Err(error) => return failed(NO_ENGINE, &format!("the engine can't start: {error:#}")),
    };
    let answer = match precompile(&engine, &bytes) {
        Ok(code) => Answer::Code(code),
        Err(Failed::Memory) => Answer::Memory,
        Err(Failed::Invalid(why)) => Answer::Invalid(why),
    };
    match frame::write(&mut io::stdout().lock(), frame::fingerprint(&engine), &answer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(NO_LISTENER, &format!("the answer can't be written: {error}")),
    }
}

/// Takes away what a compiler does not need, for good.
fn confine(task: &Task) -> io::Result<()> {
    for (resource, most) in [
        (Resource::Cpu, task.cpu),
        (Resource::As, task.memory),
        (Resource::Data, task.memory),
        // No files at all, beyond the three that are open, and nothing of the component in a core dump.
        (Resource::Nofile, 3),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ] {
        // Only the system's administrator may raise what is lower already.
        let within = |most: u64| getrlimit(resource).maximum.map_or(most, |now| now.min(most));
        // The signal of the lower limit for time tells what it is for; that of the upper one could be anyone's.
        let grace = u64::from(resource == Resource::Cpu);
        let limit = Rlimit {
            current: Some(within(most)),
            maximum: Some(within(most.saturating_add(grace))),
        };
        setrlimit(resource, limit)?;
    }
    // Not being nice is no reason not to work.
    let _ = nice(NICE);
    Ok(())
}

/// The component: eight bytes with its length, then so many bytes. The parent keeps the pipe open.
fn component() -> io::Result<Vec<u8>> {
    let mut input = io::stdin().lock();
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_COMPONENT as u64 {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::new();
    // At once, since growing takes twice the room.
    bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
    input.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Ends this process when the pipe from the parent closes: then the parent is gone, however it went.
fn end_with_parent() -> io::Result<()> {
    std::thread::Builder::new()
        .name("fact-parent".to_owned())
        .stack_size(128 << 10)
        .spawn(|| {
            // Nothing is ever sent, so whatever this returns with, the parent has ended.
            let _ = io::stdin().lock().read(&mut [0]);
            std::process::exit(ORPHANED);
        })
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_back() {
        let task = Task {
            fuel: true,
            cpu: 61,
            memory: 1 << 30,
        };
        let back = Task::parse(task.arguments().into_iter().map(OsString::from)).unwrap();
        assert_eq!((back.fuel, back.cpu, back.memory), (true, 61, 1 << 30));
        for bad in [
            &[][..],
            &["plain"],
            &["plain", "1", "2", "3"],
            &["other", "1", "2"],
            &["plain", "-1", "2"],
            &["plain", "1", "all"],
        ] {
            assert!(Task::parse(bad.iter().map(OsString::from)).is_none(), "{bad:?}");
        }
    }

    /// The child has no pool, and its code must fit the parent's.
    #[test]
    fn code_for_a_pool_is_code_on_demand() {
        for fuel in [false, true] {
            let [pooled, demand] = [true, false].map(|pooled| {
                let engine = Engine::new(&config(Kind { pooled, fuel }, 8)).unwrap();
                frame::fingerprint(&engine)
            });
            assert_eq!(pooled, demand, "fuel: {fuel}");
        }
    }
}
