//! From a component's bytes to code, and code that outlives the process.
//!
//! Compiled code is native code: whoever can change it runs in the host. So a file of it is used only when it carries a
//! keyed hash made by this host (the key lies beside it, readable by its owner only), and what is hashed is what is used.
//! A file is never changed in place, only replaced. Deleting the folder is always safe.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fact_types::{ByteSize, Digest, Limits, Span};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compiler::{Source, words};
use crate::engine::{Kind, SLOT_MEMORY, SLOT_TABLE};
use crate::{Runtime, SetupError};

/// Largest component. The largest known guest, Python with its standard library, is 18 MiB.
pub const MAX_COMPONENT: usize = 128 << 20;

/// Why a component can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are no WebAssembly.
    #[error("this is no WebAssembly: the file does not begin with `\\0asm`")]
    NotWasm,
    /// The bytes are a core module.
    #[error(
        "this is a core WebAssembly module, not a component; build it for wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// The component is too large.
    #[error(
        "the component has {size} bytes; at most {most} are allowed (`install.component_size`). Build it for release, and \
         strip what is there for debugging"
    )]
    TooLarge {
        /// Its size.
        size: usize,
        /// What is allowed.
        most: usize,
    },
    /// Compiling takes longer than it may.
    #[error(
        "compiling it takes longer than {0}; if you trust it, allow more with the setting `install.compile_time`"
    )]
    CompileTime(Span),
    /// Compiling takes more memory than it may.
    #[error(
        "compiling it needs more than {0} of memory; if you trust it, allow more with the setting `install.compile_memory`"
    )]
    CompileMemory(ByteSize),
    /// The compiler ended without an answer.
    #[error("the compiler failed on it ({0}); try again, and when that fails too, build the component anew")]
    Crashed(String),
    /// The compiler's process can't be started.
    #[error("the compiler can't be started ({0}); the host's log says more")]
    NoCompiler(String),
    /// The bytes do not compile.
    #[error("the component is broken or uses a feature that this host lacks: {0}")]
    Invalid(String),
    /// It does not fit the contract.
    #[error("the component does not fit the plugin contract: {0}")]
    Contract(String),
    /// The bytes can't be read.
    #[error("the component can't be read")]
    Read(#[source] io::Error),
    /// The engine can't be made.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// A component, compiled.
#[derive(Clone)]
pub struct Compiled {
    pub(crate) component: Component,
    pub(crate) kind: Kind,
    pub(crate) digest: Digest,
}

impl Compiled {
    /// The digest of the component's bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl Runtime {
    /// Makes a component ready: maps code that was compiled before, else calls `bytes` and compiles. This takes from
    /// microseconds to many seconds; call it where blocking is fine.
    ///
    /// `limits` are the widest that calls of the component will have. They choose between pooled slots and memory on demand.
    ///
    /// # Errors
    /// When the bytes can't be had, differ from the digest, or are no component.
    pub fn load(
        &self,
        digest: Digest,
        limits: &Limits,
        bytes: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> Result<Compiled, LoadError> {
        let fits = limits.memory.bytes() <= SLOT_MEMORY && limits.table_elements as usize <= SLOT_TABLE;
        let kind = Kind {
            pooled: fits,
            fuel: limits.fuel.is_some(),
        };
        let engine = self.engines.get(kind)?;
        let cached = || self.compiled.as_ref().and_then(|cache| cache.get(digest, engine));
        let code = match cached() {
            Some(code) => Arc::new(code),
            None => {
                let source = || {
                    // Someone may have been done with it just now.
                    if let Some(code) = cached() {
                        return Ok(Source::Code(code));
                    }
                    let bytes = bytes().map_err(LoadError::Read)?;
                    self.check(&bytes)?;
                    if Digest::of(&bytes) != digest {
                        return Err(LoadError::Read(io::Error::other(
                            "its bytes are not those that were installed",
                        )));
                    }
                    Ok(Source::Component(bytes))
                };
                let keep = |code: &[u8]| {
                    if let Some(cache) = &self.compiled {
                        cache.put(digest, engine, code);
                    }
                };
                self.compilations
                    .compile(digest, engine, kind.fuel, source, keep)?
            }
        };
        match deserialize(engine, &code) {
            Ok(component) => Ok(Compiled {
                component,
                kind,
                digest,
            }),
            // The pool refuses what is larger than a slot in some respect; on demand there is no slot.
            Err(refused) if kind.pooled => {
                let kind = Kind {
                    pooled: false,
                    ..kind
                };
                tracing::debug!(%digest, %refused, "the component outgrows a pooled slot");
                let component = deserialize(self.engines.get(kind)?, &code)
                    .map_err(|error| LoadError::Invalid(words(&format!("{error:#}"))))?;
                Ok(Compiled {
                    component,
                    kind,
                    digest,
                })
            }
            Err(error) => Err(LoadError::Invalid(words(&format!("{error:#}")))),
        }
    }
}

impl Runtime {
    /// Deletes the compiled code of a component that nobody uses any more.
    pub fn forget(&self, digest: Digest) {
        if let Some(cache) = &self.compiled {
            cache.remove(digest);
        }
    }

    /// Says what kind of file it is before anything expensive is done with it.
    fn check(&self, bytes: &[u8]) -> Result<(), LoadError> {
        if bytes.len() > self.max_component {
            return Err(LoadError::TooLarge {
                size: bytes.len(),
                most: self.max_component,
            });
        }
        match (bytes.get(..4), bytes.get(4..8)) {
            (Some(b"\0asm"), Some([1, 0, 0, 0])) => Err(LoadError::CoreModule),
            (Some(b"\0asm"), _) => Ok(()),
            _ => Err(LoadError::NotWasm),
        }
    }
}

#[allow(unsafe_code, reason = "the engine trusts the bytes, and so may we: see below")]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` comes from this process's own compiler, from a child that is the same compiler, or from a file whose keyed hash was checked over these very
    // bytes in memory.
    unsafe { Component::deserialize(engine, code) }
}

/// The folder of compiled code.
pub(crate) struct CodeCache {
    folder: PathBuf,
    key: [u8; 32],
}

impl CodeCache {
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        create_private(&folder)?;
        let key = key(&folder)?;
        Ok(CodeCache { folder, key })
    }

    fn path(&self, digest: Digest, engine: &Engine) -> PathBuf {
        // The engine's own fingerprint: version, target, settings. It is a check that the engine makes again when it
        // loads, so a collision costs a compilation and nothing else.
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder
            .join(format!("{digest}-{:016x}.code", hasher.finish()))
    }

    /// The keyed hash stands before the code; it covers the file's name, so that files can't be swapped.
    fn seal(&self, path: &Path, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        hasher.update(b"\0");
        hasher.update(code);
        hasher.finalize()
    }

    fn get(&self, digest: Digest, engine: &Engine) -> Option<Vec<u8>> {
        let path = self.path(digest, engine);
        let mut file = fs::read(&path).ok()?;
        if file.len() < blake3::OUT_LEN {
            return None;
        }
        let code = file.split_off(blake3::OUT_LEN);
        let seal: [u8; blake3::OUT_LEN] = file.try_into().ok()?;
        // The comparison of two `Hash` values takes the same time wherever they differ.
        if self.seal(&path, &code) == blake3::Hash::from_bytes(seal) {
            return Some(code);
        }
        tracing::warn!(%digest, "compiled code was changed by someone else; it is compiled anew");
        None
    }

    fn remove(&self, digest: Digest) {
        let own = digest.to_string();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&own)
                && let Err(error) = fs::remove_file(entry.path())
            {
                tracing::debug!(%digest, %error, "compiled code can't be deleted");
            }
        }
    }

    /// Keeps code. A failure costs the next start a compilation, so it is a warning and no error.
    fn put(&self, digest: Digest, engine: &Engine, code: &[u8]) {
        let path = self.path(digest, engine);
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(self.seal(&path, code).as_bytes())?;
            file.write_all(code)?;
            file.persist(&path)?;
            Ok(())
        };
        if let Err(error) = write() {
            tracing::warn!(%digest, %error, "compiled code can't be kept");
        }
    }
}

/// The host's key for its own code, made at the first start. Two processes that start at once agree on one.
fn key(folder: &Path) -> io::Result<[u8; 32]> {
    let path = folder.join("key");
    loop {
        match fs::read(&path) {
            Ok(bytes) => match <[u8; 32]>::try_from(bytes) {
                Ok(key) => return Ok(key),
                Err(_) => fs::remove_file(&path)?,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut key = [0u8; 32];
                getrandom::fill(&mut key).map_err(io::Error::other)?;
                let mut file = tempfile::NamedTempFile::new_in(folder)?;
                file.write_all(&key)?;
                file.as_file().sync_all()?;
                match file.persist_noclobber(&path) {
                    Ok(_) => {}
                    Err(other) if other.error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(other) => return Err(other.error),
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Makes a folder that only its owner can enter.
fn create_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}
