//! What a call has used, and what stops it when that is too much.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use fact_types::{CallId, Code, Limits};
use wasmtime::ResourceLimiter;

/// The limit that a call ran into. Raised as a trap, so that the guest can't handle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    #[error("the deadline passed")]
    Deadline,
    #[error("more memory than the limit")]
    Memory,
    #[error("more table elements than the limit")]
    Tables,
    #[error("more calls to the host than the limit")]
    HostCalls,
    #[error("more log than the limit")]
    Log,
    #[error("a larger answer than the limit")]
    Output,
    #[error("it declares that it only reads, and tried to change something")]
    ReadOnly,
}

impl Exceeded {
    pub(crate) fn code(self) -> Code {
        match self {
            Exceeded::Deadline => Code::Deadline,
            Exceeded::Memory | Exceeded::Tables => Code::Memory,
            Exceeded::HostCalls => Code::CallLimit,
            Exceeded::Log => Code::LogLimit,
            Exceeded::Output => Code::OutputLimit,
            Exceeded::ReadOnly => Code::EffectViolation,
        }
    }
}

/// Counts memory over all memories of a component, and so for tables and instances.
pub(crate) struct Meter {
    memory_max: u64,
    memory: u64,
    peak: u64,
    tables_max: u64,
    tables: u64,
    instances_max: usize,
    host_calls_max: u64,
    host_calls: u64,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Meter {
            memory_max: limits.memory.0,
            memory: 0,
            peak: 0,
            tables_max: u64::from(limits.table_elements),
            tables: 0,
            instances_max: limits.instances as usize,
            host_calls_max: limits.host_calls,
            host_calls: 0,
        }
    }

    /// Counts a call from the guest to the host.
    pub(crate) fn host_call(&mut self) -> Result<(), Exceeded> {
        self.host_calls += 1;
        if self.host_calls > self.host_calls_max {
            Err(Exceeded::HostCalls)
        } else {
            Ok(())
        }
    }

    pub(crate) fn host_calls(&self) -> u64 {
        self.host_calls
    }

    /// The most memory that the component had, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.peak
    }
}

fn delta(current: usize, desired: usize) -> u64 {
    desired.saturating_sub(current) as u64
}

impl ResourceLimiter for Meter {
    // An error here is a trap. To refuse with `Ok(false)` would leave the report to the guest, most of which then die of
    // something that looks like their own bug.
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(delta(current, desired));
        if total > self.memory_max {
            return Err(Exceeded::Memory.into());
        }
        self.memory = total;
        self.peak = self.peak.max(total);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        tracing::debug!(%error, "a memory could not grow though its limit allows it");
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.tables.saturating_add(delta(current, desired));
        if total > self.tables_max {
            return Err(Exceeded::Tables.into());
        }
        self.tables = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        // Each instance has a table or none in all tool chains that are known; twice that leaves room.
        self.instances_max.saturating_mul(2)
    }

    fn memories(&self) -> usize {
        self.instances_max
    }
}

/// Where a call's log lines go: bounded, and under the call's id.
#[derive(Clone)]
pub(crate) struct LogSink(Arc<Mutex<Log>>);

struct Log {
    left: u64,
    /// What came without a line's end yet, for standard output and standard error.
    open: [Vec<u8>; 2],
    call: CallId,
    tail: Vec<u8>,
}

/// How much of the end of standard error is kept, for the log entry of a crash.
const TAIL: usize = 4096;

/// A line that is longer is cut into several.
const LINE: usize = 8192;

/// One of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out = 0,
    Err = 1,
}

impl LogSink {
    pub(crate) fn new(limits: &Limits, call: CallId) -> Self {
        LogSink(Arc::new(Mutex::new(Log {
            left: limits.log.0,
            open: [Vec::new(), Vec::new()],
            call,
            tail: Vec::new(),
        })))
    }

    /// Counts bytes towards the limit.
    pub(crate) fn charge(&self, bytes: usize) -> Result<(), Exceeded> {
        self.lock().charge(bytes)
    }

    /// Takes bytes that the guest wrote to a stream.
    pub(crate) fn write(&self, stream: Stream, bytes: &[u8]) -> Result<(), Exceeded> {
        let mut log = self.lock();
        log.charge(bytes.len())?;
        if stream == Stream::Err {
            log.tail.extend_from_slice(bytes);
            let over = log.tail.len().saturating_sub(TAIL);
            log.tail.drain(..over);
        }
        let call = log.call;
        let [out, err] = &mut log.open;
        let open = if stream == Stream::Out { out } else { err };
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            open.extend_from_slice(piece);
            if piece.ends_with(b"\n") || open.len() >= LINE {
                emit(call, stream, open);
                open.clear();
            }
        }
        Ok(())
    }

    /// Lets go of lines without an end, and returns the end of standard error.
    pub(crate) fn finish(&self) -> String {
        let mut log = self.lock();
        let call = log.call;
        let [out, err] = std::mem::take(&mut log.open);
        for (stream, open) in [(Stream::Out, out), (Stream::Err, err)] {
            if !open.is_empty() {
                emit(call, stream, &open);
            }
        }
        String::from_utf8_lossy(&std::mem::take(&mut log.tail)).into_owned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn charge(&mut self, bytes: usize) -> Result<(), Exceeded> {
        match self.left.checked_sub(bytes as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Exceeded::Log)
            }
        }
    }
}

fn emit(call: CallId, stream: Stream, line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end();
    match stream {
        Stream::Out => tracing::info!(target: "plugin", %call, stream = "stdout", "{}", line.escape_debug()),
        Stream::Err => tracing::info!(target: "plugin", %call, stream = "stderr", "{}", line.escape_debug()),
    }
}

/// The output that a call may still give.
pub(crate) struct OutputBudget(u64);

impl OutputBudget {
    pub(crate) fn new(limits: &Limits) -> Self {
        OutputBudget(limits.output.0)
    }

    /// Counts bytes towards the limit.
    pub(crate) fn charge(&mut self, bytes: usize) -> Result<(), Exceeded> {
        self.0 = self.0.checked_sub(bytes as u64).ok_or(Exceeded::Output)?;
        Ok(())
    }
}

/// When a call must be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline(pub(crate) Instant);

impl Deadline {
    pub(crate) fn passed(self) -> bool {
        Instant::now() >= self.0
    }
}
