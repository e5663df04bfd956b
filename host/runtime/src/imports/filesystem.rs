//! `wasi:filesystem`: the granted folders, and a note of everything that is done in them.
//!
//! The engine's own implementation resolves paths below a folder's handle, so that neither `..` nor a link nor an absolute
//! path leads out, whenever it is swapped in. This file decides what the handles are, adds the rule that a folder granted
//! for writing alone can't be read, refuses symbolic links (a link that a guest leaves behind is a trap for the next
//! program that walks by), and tells the witness.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use fact_types::Resource;
use fact_types::capability::FsGrant;
use wasmtime::component::{HasData, Resource as Handle};
use wasmtime_wasi::filesystem::WasiFilesystemCtxView;
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Descriptor, DescriptorFlags, ErrorCode, HostDescriptor, HostDirectoryEntryStream, OpenFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::state::State;
use crate::witness::Witness;

/// Largest file that a guest can make at a stroke. Growing one byte by byte takes time, which is bounded too.
const FILE_MAX: u64 = 1 << 30;

/// Where a guest's handle points.
#[derive(Debug, Clone)]
struct Place {
    /// The path as the guest sees it, the granted folder in front.
    path: PathBuf,
    /// Contents may be read.
    read: bool,
    /// What can't be read may still be moved: no folder that can be read lies inside.
    moves: bool,
}

/// The granted folders of a call, and the handles that its guest holds.
#[derive(Debug, Default)]
pub(crate) struct Preopens {
    folders: Vec<(String, bool, bool)>,
    handles: HashMap<u32, Place>,
}

impl Preopens {
    /// Opens the granted folders. One that is not there, or is not what it was when it was granted, does not exist for the
    /// guest.
    pub(crate) fn open(grants: &[FsGrant], wasi: &mut WasiCtxBuilder) -> Self {
        let mut wanted: Vec<(&Path, bool, bool)> = Vec::new();
        for grant in grants {
            match wanted.iter_mut().find(|(folder, ..)| *folder == grant.folder()) {
                Some((_, read, write)) => {
                    *read |= grant.rights.read;
                    *write |= grant.rights.write;
                }
                None => wanted.push((grant.folder(), grant.rights.read, grant.rights.write)),
            }
        }
        let mut preopens = Preopens::default();
        for (folder, read, write) in wanted.clone() {
            let perms = if write {
                FsPerms::ReadWrite
            } else {
                FsPerms::ReadOnly
            };
            let Some(name) = folder.to_str().filter(|_| folder.is_absolute()) else {
                tracing::warn!(folder = %folder.display(), "a granted folder is not absolute; it is left out");
                continue;
            };
            match preopen(folder, name, perms, wasi) {
                Ok(()) => {
                    let inside = |(other, read, _): &(&Path, bool, bool)| *read && other.starts_with(folder);
                    let moves = read || !wanted.iter().any(inside);
                    preopens.folders.push((name.to_owned(), read, moves));
                }
                Err(error) => {
                    tracing::warn!(folder = name, %error, "a granted folder can't be opened; it is left out")
                }
            }
        }
        preopens
    }
}

/// Opens a folder by a path in which nothing is a link: someone who may write next to the folder could have put one there
/// since it was granted.
#[cfg(target_os = "linux")]
fn preopen(folder: &Path, name: &str, perms: FsPerms, wasi: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    use std::os::fd::AsRawFd;

    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
    let opened = openat2(
        CWD,
        folder,
        flags,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    )
    .map_err(|errno| wasmtime::Error::from(std::io::Error::from(errno)))?;
    // The engine opens folders by path only; this one names the very folder that is open.
    wasi.preopened_dir(format!("/proc/self/fd/{}", opened.as_raw_fd()), name, perms)?;
    Ok(())
}

/// Elsewhere: the path must be its own canonical form.
#[cfg(not(target_os = "linux"))]
fn preopen(folder: &Path, name: &str, perms: FsPerms, wasi: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
    if folder.canonicalize()? != folder {
        return Err(wasmtime::Error::msg("a part of its path became a link"));
    }
    wasi.preopened_dir(folder, name, perms)?;
    Ok(())
}

pub(crate) struct HasFiles;

impl HasData for HasFiles {
    type Data<'a> = Files<'a>;
}

pub(crate) struct Files<'a> {
    wasi: WasiFilesystemCtxView<'a>,
    preopens: &'a mut Preopens,
    witness: &'a Witness,
}

impl Files<'_> {
    pub(crate) fn of(state: &mut State) -> Files<'_> {
        let (wasi, preopens, witness) = state.wasi_parts();
        Files {
            wasi: WasiFilesystemCtxView {
                ctx: wasi.ctx.filesystem(),
                table: wasi.table,
            },
            preopens,
            witness,
        }
    }

    fn place(&self, fd: &Handle<Descriptor>) -> Place {
        // A handle that this file did not hand out does not exist; the engine says so when it is used.
        self.preopens.handles.get(&fd.rep()).cloned().unwrap_or(Place {
            path: PathBuf::new(),
            read: false,
            moves: false,
        })
    }

    fn at(&self, fd: &Handle<Descriptor>, path: &str) -> Place {
        let place = self.place(fd);
        Place {
            path: place.path.join(path.trim_start_matches('/')),
            ..place
        }
    }

    /// Refuses to read the contents of what was granted for writing alone.
    fn readable(&self, place: &Place) -> FsResult<()> {
        if place.read {
            return Ok(());
        }
        self.witness.denied(resource(place));
        Err(ErrorCode::NotPermitted.into())
    }

    /// Notes an act by its result.
    fn note<T>(&self, write: bool, place: &Place, result: FsResult<T>) -> FsResult<T> {
        let refused = result
            .as_ref()
            .err()
            .and_then(FsError::downcast_ref)
            .is_some_and(|code| {
                matches!(
                    code,
                    ErrorCode::NotPermitted | ErrorCode::Access | ErrorCode::ReadOnly
                )
            });
        match (refused, write) {
            (true, _) => self.witness.denied(resource(place)),
            (false, true) => self.witness.wrote(resource(place)),
            // What is not there was looked for: the answer depends on its absence.
            (false, false) => self.witness.read(resource(place)),
        }
        result
    }
}

fn resource(place: &Place) -> Resource {
    Resource::File {
        path: place.path.to_string_lossy().into_owned(),
    }
}

impl preopens::Host for Files<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Handle<Descriptor>, String)>> {
        let folders = preopens::Host::get_directories(&mut self.wasi)?;
        for (handle, name) in &folders {
            let granted = self.preopens.folders.iter().find(|(folder, ..)| folder == name);
            let (read, moves) = granted.map_or((false, false), |(_, read, moves)| (*read, *moves));
            self.preopens.handles.insert(
                handle.rep(),
                Place {
                    path: PathBuf::from(name),
                    read,
                    moves,
                },
            );
        }
        Ok(folders)
    }
}

impl types::Host for Files<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        types::Host::convert_error_code(&mut self.wasi, error)
    }

    fn filesystem_error_code(
        &mut self,
        error: Handle<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        types::Host::filesystem_error_code(&mut self.wasi, error)
    }
}

impl HostDescriptor for Files<'_> {
    async fn open_at(
        &mut self,
        fd: Handle<Descriptor>,
        path_flags: types::PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Handle<Descriptor>> {
        let place = self.at(&fd, &path);
        let creates = open.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::EXCLUSIVE);
        let write = creates || flags.intersects(DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY);
        // A folder must be opened to reach what is in it; listing it is refused when it is tried.
        if flags.contains(DescriptorFlags::READ) && !open.contains(OpenFlags::DIRECTORY) {
            self.readable(&place)?;
        }
        self.plain(&fd, path_flags, &path, &place).await?;
        let opened = HostDescriptor::open_at(&mut self.wasi, fd, path_flags, path, open, flags).await;
        let opened = self.note(write, &place, opened)?;
        self.preopens.handles.insert(opened.rep(), place);
        Ok(opened)
    }

    async fn read(&mut self, fd: Handle<Descriptor>, len: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        let place = self.place(&fd);
        self.readable(&place)?;
        let result = HostDescriptor::read(&mut self.wasi, fd, len, offset).await;
        self.note(false, &place, result)
    }

    fn read_via_stream(&mut self, fd: Handle<Descriptor>, offset: u64) -> FsResult<Handle<DynInputStream>> {
        let place = self.place(&fd);
        self.readable(&place)?;
        let result = HostDescriptor::read_via_stream(&mut self.wasi, fd, offset);
        self.note(false, &place, result)
    }

    async fn read_directory(
        &mut self,
        fd: Handle<Descriptor>,
    ) -> FsResult<Handle<types::DirectoryEntryStream>> {
        let place = self.place(&fd);
        self.readable(&place)?;
        let result = HostDescriptor::read_directory(&mut self.wasi, fd).await;
        self.note(false, &place, result)
    }

    async fn write(&mut self, fd: Handle<Descriptor>, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        let place = self.place(&fd);
        self.sized(&place, offset.saturating_add(bytes.len() as u64))?;
        let result = HostDescriptor::write(&mut self.wasi, fd, bytes, offset).await;
        self.note(true, &place, result)
    }

    fn write_via_stream(&mut self, fd: Handle<Descriptor>, offset: u64) -> FsResult<Handle<DynOutputStream>> {
        let place = self.place(&fd);
        self.sized(&place, offset)?;
        let result = HostDescriptor::write_via_stream(&mut self.wasi, fd, offset);
        self.note(true, &place, result)
    }

    fn append_via_stream(&mut self, fd: Handle<Descriptor>) -> FsResult<Handle<DynOutputStream>> {
        let place = self.place(&fd);
        let result = HostDescriptor::append_via_stream(&mut self.wasi, fd);
        self.note(true, &place, result)
    }

    async fn set_size(&mut self, fd: Handle<Descriptor>, size: u64) -> FsResult<()> {
        let place = self.place(&fd);
        self.sized(&place, size)?;
        let result = HostDescriptor::set_size(&mut self.wasi, fd, size).await;
        self.note(true, &place, result)
    }

    async fn set_times(
        &mut self,
        fd: Handle<Descriptor>,
        access: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        let place = self.place(&fd);
        let result = HostDescriptor::set_times(&mut self.wasi, fd, access, modified).await;
        self.note(true, &place, result)
    }

    async fn set_times_at(
        &mut self,
        fd: Handle<Descriptor>,
        path_flags: types::PathFlags,
        path: String,
        access: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        let place = self.at(&fd, &path);
        let result =
            HostDescriptor::set_times_at(&mut self.wasi, fd, path_flags, path, access, modified).await;
        self.note(true, &place, result)
    }

    async fn create_directory_at(&mut self, fd: Handle<Descriptor>, path: String) -> FsResult<()> {
        let place = self.at(&fd, &path);
        let result = HostDescriptor::create_directory_at(&mut self.wasi, fd, path).await;
        self.note(true, &place, result)
    }

    async fn remove_directory_at(&mut self, fd: Handle<Descriptor>, path: String) -> FsResult<()> {
        let place = self.at(&fd, &path);
        let result = HostDescriptor::remove_directory_at(&mut self.wasi, fd, path).await;
        self.note(true, &place, result)
    }

    async fn unlink_file_at(&mut self, fd: Handle<Descriptor>, path: String) -> FsResult<()> {
        let place = self.at(&fd, &path);
        let result = HostDescriptor::unlink_file_at(&mut self.wasi, fd, path).await;
        self.note(true, &place, result)
    }

    async fn rename_at(
        &mut self,
        fd: Handle<Descriptor>,
        path: String,
        new_fd: Handle<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (from, to) = (self.at(&fd, &path), self.at(&new_fd, &new_path));
        self.no_way_round(&from, &to)?;
        let result = HostDescriptor::rename_at(&mut self.wasi, fd, path, new_fd, new_path).await;
        let result = self.note(true, &from, result);
        self.note(true, &to, result)
    }

    async fn link_at(
        &mut self,
        fd: Handle<Descriptor>,
        path_flags: types::PathFlags,
        path: String,
        new_fd: Handle<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (from, to) = (self.at(&fd, &path), self.at(&new_fd, &new_path));
        self.no_way_round(&from, &to)?;
        let result = HostDescriptor::link_at(&mut self.wasi, fd, path_flags, path, new_fd, new_path).await;
        let result = self.note(true, &from, result);
        self.note(true, &to, result)
    }

    async fn symlink_at(&mut self, fd: Handle<Descriptor>, _target: String, path: String) -> FsResult<()> {
        self.witness.denied(resource(&self.at(&fd, &path)));
        Err(ErrorCode::NotPermitted.into())
    }

    async fn readlink_at(&mut self, fd: Handle<Descriptor>, path: String) -> FsResult<String> {
        let place = self.at(&fd, &path);
        self.readable(&place)?;
        let result = HostDescriptor::readlink_at(&mut self.wasi, fd, path).await;
        self.note(false, &place, result)
    }

    async fn stat(&mut self, fd: Handle<Descriptor>) -> FsResult<types::DescriptorStat> {
        let place = self.place(&fd);
        let result = HostDescriptor::stat(&mut self.wasi, fd).await;
        self.note(false, &place, result)
    }

    async fn stat_at(
        &mut self,
        fd: Handle<Descriptor>,
        path_flags: types::PathFlags,
        path: String,
    ) -> FsResult<types::DescriptorStat> {
        let place = self.at(&fd, &path);
        let result = HostDescriptor::stat_at(&mut self.wasi, fd, path_flags, path).await;
        self.note(false, &place, result)
    }

    async fn metadata_hash(&mut self, fd: Handle<Descriptor>) -> FsResult<types::MetadataHashValue> {
        let place = self.place(&fd);
        let result = HostDescriptor::metadata_hash(&mut self.wasi, fd).await;
        self.note(false, &place, result)
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Handle<Descriptor>,
        path_flags: types::PathFlags,
        path: String,
    ) -> FsResult<types::MetadataHashValue> {
        let place = self.at(&fd, &path);
        let result = HostDescriptor::metadata_hash_at(&mut self.wasi, fd, path_flags, path).await;
        self.note(false, &place, result)
    }

    // What follows tells nothing that the handle did not tell when it was opened, and changes nothing.

    async fn advise(
        &mut self,
        fd: Handle<Descriptor>,
        offset: u64,
        len: u64,
        advice: types::Advice,
    ) -> FsResult<()> {
        HostDescriptor::advise(&mut self.wasi, fd, offset, len, advice).await
    }

    async fn sync_data(&mut self, fd: Handle<Descriptor>) -> FsResult<()> {
        HostDescriptor::sync_data(&mut self.wasi, fd).await
    }

    async fn sync(&mut self, fd: Handle<Descriptor>) -> FsResult<()> {
        HostDescriptor::sync(&mut self.wasi, fd).await
    }

    async fn get_flags(&mut self, fd: Handle<Descriptor>) -> FsResult<DescriptorFlags> {
        let read = self.place(&fd).read;
        let mut flags = HostDescriptor::get_flags(&mut self.wasi, fd).await?;
        // The engine knows no folder that can only be written.
        if !read {
            flags &= !DescriptorFlags::READ;
        }
        Ok(flags)
    }

    async fn get_type(&mut self, fd: Handle<Descriptor>) -> FsResult<types::DescriptorType> {
        HostDescriptor::get_type(&mut self.wasi, fd).await
    }

    async fn is_same_object(
        &mut self,
        a: Handle<Descriptor>,
        b: Handle<Descriptor>,
    ) -> wasmtime::Result<bool> {
        HostDescriptor::is_same_object(&mut self.wasi, a, b).await
    }

    fn drop(&mut self, fd: Handle<Descriptor>) -> wasmtime::Result<()> {
        self.preopens.handles.remove(&fd.rep());
        HostDescriptor::drop(&mut self.wasi, fd)
    }
}

impl Files<'_> {
    /// Refuses to open what is neither file nor folder: opening a pipe or a device can block a thread for good, or act.
    async fn plain(
        &mut self,
        fd: &Handle<Descriptor>,
        path_flags: types::PathFlags,
        path: &str,
        place: &Place,
    ) -> FsResult<()> {
        use types::DescriptorType::{Directory, RegularFile, SymbolicLink};
        let fd = Handle::new_borrow(fd.rep());
        // What can't be looked at, opening will tell about.
        let Ok(found) = HostDescriptor::stat_at(&mut self.wasi, fd, path_flags, path.to_owned()).await else {
            return Ok(());
        };
        if matches!(found.type_, RegularFile | Directory | SymbolicLink) {
            return Ok(());
        }
        self.witness.denied(resource(place));
        Err(ErrorCode::NotPermitted.into())
    }

    /// Refuses to make a file larger than the bound, by its length or by writing far behind its end.
    fn sized(&self, place: &Place, end: u64) -> FsResult<()> {
        if end <= FILE_MAX {
            return Ok(());
        }
        self.witness.denied(resource(place));
        Err(ErrorCode::FileTooLarge.into())
    }

    /// Refuses to move or link what can't be read to where it could be.
    fn no_way_round(&self, from: &Place, to: &Place) -> FsResult<()> {
        if from.read || (from.moves && !to.read) {
            return Ok(());
        }
        self.readable(from)
    }
}

impl HostDirectoryEntryStream for Files<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Handle<types::DirectoryEntryStream>,
    ) -> FsResult<Option<types::DirectoryEntry>> {
        HostDirectoryEntryStream::read_directory_entry(&mut self.wasi, stream).await
    }

    fn drop(&mut self, stream: Handle<types::DirectoryEntryStream>) -> wasmtime::Result<()> {
        HostDirectoryEntryStream::drop(&mut self.wasi, stream)
    }
}
