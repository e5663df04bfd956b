//! What a guest sees of files, kept as it goes to it.

use wasmtime_wasi::p2::bindings::filesystem::types;
use wasmtime_wasi::p2::{DynInputStream, InputStream, Pollable, StreamError, StreamResult};

use super::{Place, resource};
use crate::trace::files::{self, At, Kind};
use crate::witness::Witness;

/// Most bytes that the engine hands out at one read, whatever was asked for.
pub(super) const READ_MAX: u64 = 64 << 10;

/// Metadata for a guest, without the time of the last access: it tells of others who read the file, and changes with no
/// change of the file.
pub(super) fn told(found: types::DescriptorStat, witness: &Witness, at: &At) -> types::DescriptorStat {
    let time = |time: Option<types::Datetime>| time.map(|time| (time.seconds, time.nanoseconds));
    let answer = files::Metadata {
        kind: kind(found.type_),
        links: found.link_count,
        size: found.size,
        modified: time(found.data_modification_timestamp),
        created: time(found.status_change_timestamp),
    }
    .answer();
    witness.file(at, |watch| watch.metadata(answer));
    types::DescriptorStat {
        data_access_timestamp: None,
        ..found
    }
}

pub(super) fn kind(found: types::DescriptorType) -> Kind {
    use types::DescriptorType::{Directory, RegularFile, SymbolicLink};
    match found {
        RegularFile => Kind::File,
        Directory => Kind::Folder,
        SymbolicLink => Kind::Link,
        _ => Kind::Other,
    }
}

/// Keeps a piece of a file that goes to the guest; `short`: it is less than was asked for, so the file ends there.
pub(super) fn saw_piece(witness: &Witness, at: &At, offset: u64, bytes: &[u8], short: bool) {
    witness.file(at, |watch| {
        if short {
            watch.end(offset.saturating_add(bytes.len() as u64));
        }
        watch.piece(offset, bytes)
    });
}

/// A file that is read from one place on, every byte of it seen by the witness.
pub(super) struct Watched {
    pub(super) inner: DynInputStream,
    pub(super) witness: Witness,
    pub(super) place: Place,
    pub(super) position: u64,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Watched {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for Watched {
    fn read(&mut self, size: usize) -> StreamResult<bytes::Bytes> {
        let result = self.inner.read(size);
        match &result {
            // Nothing is there yet.
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => {
                let short = (bytes.len() as u64) < (size as u64).min(READ_MAX);
                saw_piece(&self.witness, &self.place.at, self.position, bytes, short);
                self.position = self.position.saturating_add(bytes.len() as u64);
            }
            Err(StreamError::Closed) => {
                saw_piece(&self.witness, &self.place.at, self.position, &[], true);
            }
            Err(_) => self.witness.read(resource(&self.place)),
        }
        result
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}
