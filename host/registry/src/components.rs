//! The bytes of installed components, under their digests.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use fact_types::Digest;

/// The folder of components.
#[derive(Clone)]
pub(crate) struct Components {
    folder: PathBuf,
}

/// While this is held, no other process adds or removes components.
pub(crate) struct Exclusive(#[allow(dead_code, reason = "closing the file releases the lock")] File);

impl Components {
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Components { folder })
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }

    /// Waits until no other process installs or removes.
    pub(crate) fn lock(&self) -> io::Result<Exclusive> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.join(".lock"))?;
        file.lock()?;
        Ok(Exclusive(file))
    }

    /// Keeps a component, on disk for good when this returns.
    pub(crate) fn put(&self, _: &Exclusive, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(digest);
        if fs::read(&path).is_ok_and(|there| Digest::of(&there) == digest) {
            return Ok(());
        }
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        // The name is durable when the folder is.
        File::open(&self.folder)?.sync_all()
    }

    pub(crate) fn get(&self, digest: Digest) -> io::Result<Vec<u8>> {
        fs::read(self.path(digest))
    }

    pub(crate) fn remove(&self, _: &Exclusive, digest: Digest) -> io::Result<()> {
        match fs::remove_file(self.path(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
