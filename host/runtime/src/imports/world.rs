//! The WASI world of one call: everything denied, standing still and silent, except what was granted.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fact_types::Resource;
use rand::{Rng, SeedableRng, TryRng};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx};

use crate::Services;
use crate::grants::Grants;
use crate::imports::filesystem::Preopens;
use crate::imports::sockets;
use crate::meter::{LogSink, Stream};
use crate::witness::Witness;

/// Where ungranted clocks stand: the first instant of 2025, late enough for certificates and libraries that refuse 1970.
const STANDSTILL: Duration = Duration::from_secs(1_735_689_600);

/// The seed of ungranted randomness.
const SEED: [u8; 32] = *b"fact: no grant, no randomness...";

/// Most random bytes at once; a guest that wants more asks again.
const RANDOM_MAX: u64 = 1 << 20;

pub(crate) fn build(
    services: &Arc<Services>,
    grants: &Grants,
    log: &LogSink,
    witness: &Witness,
) -> wasmtime::Result<(WasiCtx, Preopens)> {
    let mut wasi = WasiCtx::builder();
    wasi.stdout(Pipe {
        log: log.clone(),
        stream: Stream::Out,
    });
    wasi.stderr(Pipe {
        log: log.clone(),
        stream: Stream::Err,
    });
    wasi.max_random_size(RANDOM_MAX);
    wasi.wall_clock(Wall {
        real: grants.clock_wall,
        witness: witness.clone(),
    });
    wasi.monotonic_clock(Monotonic {
        start: grants.clock_monotonic.then(std::time::Instant::now),
        witness: witness.clone(),
    });
    let mut seed = SEED;
    if grants.random {
        getrandom::fill(&mut seed).map_err(|error| wasmtime::Error::msg(error.to_string()))?;
    }
    let mut dice = Dice {
        generator: rand::rngs::ChaCha20Rng::from_seed(seed),
        witness: grants.random.then(|| witness.clone()),
    };
    let insecure = Dice {
        generator: rand::rngs::ChaCha20Rng::from_seed(seed),
        witness: dice.witness.clone(),
    };
    wasi.insecure_random_seed(if grants.random {
        u128::from(dice.next_u64())
    } else {
        0
    });
    wasi.secure_random(dice);
    wasi.insecure_random(insecure);
    let preopens = Preopens::open(&grants.fs, &mut wasi);
    sockets::allow(&mut wasi, grants, witness, services);
    Ok((wasi.build(), preopens))
}

struct Wall {
    real: bool,
    witness: Witness,
}

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(if self.real { 1 } else { 1_000_000_000 })
    }

    fn now(&self) -> Duration {
        if !self.real {
            return STANDSTILL;
        }
        self.witness.read(Resource::Clock {
            name: "wall".to_owned(),
        });
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(STANDSTILL)
    }
}

struct Monotonic {
    /// None: the clock stands still.
    start: Option<std::time::Instant>,
    witness: Witness,
}

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        let Some(start) = self.start else { return 0 };
        self.witness.read(Resource::Clock {
            name: "monotonic".to_owned(),
        });
        u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Random numbers, fresh ones or always the same ones.
struct Dice {
    generator: rand::rngs::ChaCha20Rng,
    /// Present where the numbers are fresh, and so worth noting.
    witness: Option<Witness>,
}

impl Dice {
    fn note(&self) {
        if let Some(witness) = &self.witness {
            witness.read(Resource::Random);
        }
    }
}

impl TryRng for Dice {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.note();
        self.generator.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.note();
        self.generator.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.note();
        self.generator.try_fill_bytes(bytes)
    }
}

/// Standard output and standard error: log lines of the call.
struct Pipe {
    log: LogSink,
    stream: Stream,
}

/// How much a guest may write at once.
const PIPE_ROOM: usize = 64 << 10;

impl IsTerminal for Pipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Pipe {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this form, which this host does not link.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(PipeEnd {
            log: self.log.clone(),
            stream: self.stream,
        })
    }
}

struct PipeEnd {
    log: LogSink,
    stream: Stream,
}

impl OutputStream for PipeEnd {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.log
            .write(self.stream, &bytes)
            .map_err(|exceeded| StreamError::Trap(exceeded.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PIPE_ROOM)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for PipeEnd {
    async fn ready(&mut self) {}
}
