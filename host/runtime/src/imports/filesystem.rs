//! `wasi:filesystem`: the granted folders, and a note of everything that is done in them.
//!
//! The engine's own implementation resolves paths below a folder's handle, so that neither `..` nor a link nor an absolute
//! path leads out, whenever it is swapped in. This file decides what the handles are, adds the rule that a folder granted
//! for writing alone can't be read, refuses symbolic links (a link that a guest leaves behind is a trap for the next
//! program that walks by), and tells the witness.

mod folders;
mod seen;

use std::collections::{HashMap, VecDeque};
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

pub(crate) use folders::there;
use folders::{preopen, wanted};
use seen::{READ_MAX, Watched, kind, saw_piece, told};

use crate::state::State;
use crate::trace::Read;
use crate::trace::digest::{self, Answer};
use crate::trace::files::{self, At, ENTRIES_MAX, Kind};
use crate::witness::Witness;

/// Largest file that a guest can make at a stroke. Growing one byte by byte takes time, which is bounded too.
const FILE_MAX: u64 = 1 << 30;

/// Where a guest's handle points.
#[derive(Debug, Clone)]
struct Place {
    /// The path as the guest sees it: the granted folder, and from there on.
    at: At,
    /// Contents may be read.
    read: bool,
    /// What can't be read may still be moved: no folder that can be read lies inside.
    moves: bool,
    /// It may be changed.
    write: bool,
}

/// A granted folder, as the guest knows it.
#[derive(Debug)]
struct Folder {
    name: String,
    read: bool,
    write: bool,
    moves: bool,
}

/// The granted folders of a call, and the handles that its guest holds.
#[derive(Debug)]
pub(crate) struct Preopens {
    folders: Vec<Folder>,
    is_any_granted: bool,
    /// Which of the granted ones there are.
    there: Answer,
    handles: HashMap<u32, Place>,
    /// What is left of the lists that the guest reads, by handle.
    lists: HashMap<u32, VecDeque<types::DirectoryEntry>>,
}

impl Preopens {
    /// Opens the granted folders. One that is not there, or is not what it was when it was granted, does not exist for the
    /// guest.
    pub(crate) fn open(grants: &[FsGrant], wasi: &mut WasiCtxBuilder) -> Self {
        let wanted = wanted(grants);
        let mut there = Vec::with_capacity(wanted.len());
        let mut preopens = Preopens {
            folders: Vec::with_capacity(wanted.len()),
            is_any_granted: !wanted.is_empty(),
            there: files::folders(std::iter::empty()),
            handles: HashMap::new(),
            lists: HashMap::new(),
        };
        for (folder, read, write) in wanted.clone() {
            let perms = if write {
                FsPerms::ReadWrite
            } else {
                FsPerms::ReadOnly
            };
            let Some(name) = folder.to_str().filter(|_| folder.is_absolute()) else {
                tracing::warn!(folder = %folder.display(), "a granted folder is not absolute; it is left out");
                there.push((folder, false));
                continue;
            };
            let opened = preopen(folder, name, perms, wasi);
            there.push((folder, opened.is_ok()));
            match opened {
                Ok(()) => {
                    let inside = |(other, read, _): &(&Path, bool, bool)| *read && other.starts_with(folder);
                    let moves = read || !wanted.iter().any(inside);
                    preopens.folders.push(Folder {
                        name: name.to_owned(),
                        read,
                        write,
                        moves,
                    });
                }
                Err(error) => {
                    tracing::warn!(folder = name, %error, "a granted folder can't be opened; it is left out")
                }
            }
        }
        preopens.there = files::folders(there.into_iter());
        preopens
    }
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
            at: At {
                folder: PathBuf::new(),
                path: PathBuf::new(),
                follow: true,
            },
            read: false,
            moves: false,
            write: false,
        })
    }

    /// Where a path leads from a handle; `follow` says whether a link at its end is followed.
    fn at(&self, fd: &Handle<Descriptor>, path: &str, follow: bool) -> Place {
        let place = self.place(fd);
        Place {
            at: At {
                path: place.at.path.join(path.trim_start_matches('/')),
                folder: place.at.folder,
                follow,
            },
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

    /// Refuses to change anything for a tool that says that it only reads. What can't be changed anyway, the engine refuses.
    fn writable(&self, place: &Place) -> FsResult<()> {
        if !place.write || self.witness.may_write(&resource(place)) {
            return Ok(());
        }
        Err(ErrorCode::NotPermitted.into())
    }

    /// Notes a change, or that it was refused.
    fn wrote<T>(&self, place: &Place, result: FsResult<T>) -> FsResult<T> {
        match code(&result) {
            Some(code) if is_refusal(code) => self.witness.denied(resource(place)),
            _ => self.witness.wrote(resource(place)),
        }
        result
    }

    /// Notes a look at a path that the host looked at before, and keeps whether something was there.
    fn looked<T>(&self, place: &Place, result: FsResult<T>) -> FsResult<T> {
        match code(&result) {
            Some(code) if is_refusal(code) => self.witness.denied(resource(place)),
            // What is not there was looked for: the answer depends on its absence.
            None | Some(ErrorCode::NoEntry) => {
                self.witness.touched(resource(place));
                self.witness.file(&place.at, |watch| watch.found(result.is_ok()));
            }
            // These follow from what it is and from what was asked.
            Some(code @ (ErrorCode::IsDirectory | ErrorCode::NotDirectory | ErrorCode::Invalid)) => {
                self.witness.touched(resource(place));
                self.witness.file(&place.at, |watch| match code {
                    ErrorCode::IsDirectory => watch.is_folder(),
                    ErrorCode::NotDirectory => watch.is_no(Kind::Folder),
                    // Where a link leads is asked of a link.
                    _ => watch.is_no(Kind::Link),
                });
            }
            Some(_) => self.witness.read(resource(place)),
        }
        result
    }
}

/// The failure that the guest will hear of.
fn code<T>(result: &FsResult<T>) -> Option<ErrorCode> {
    let error = result.as_ref().err()?;
    // What is no code ends the call.
    Some(error.downcast_ref().copied().unwrap_or(ErrorCode::Io))
}

fn is_refusal(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotPermitted | ErrorCode::Access | ErrorCode::ReadOnly
    )
}

fn resource(place: &Place) -> Resource {
    Resource::File {
        path: place
            .at
            .folder
            .join(&place.at.path)
            .to_string_lossy()
            .into_owned(),
    }
}

impl preopens::Host for Files<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Handle<Descriptor>, String)>> {
        let folders = preopens::Host::get_directories(&mut self.wasi)?;
        // Where nothing is granted, nothing is learnt.
        if self.preopens.is_any_granted {
            self.witness.keep(Read::Folders {
                answer: self.preopens.there,
            });
        }
        for (handle, name) in &folders {
            let granted = self.preopens.folders.iter().find(|folder| folder.name == *name);
            let is = |right: fn(&Folder) -> bool| granted.is_some_and(right);
            self.preopens.handles.insert(
                handle.rep(),
                Place {
                    at: At {
                        folder: PathBuf::from(name),
                        path: PathBuf::new(),
                        follow: true,
                    },
                    read: is(|folder| folder.read),
                    write: is(|folder| folder.write),
                    moves: is(|folder| folder.moves),
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
        let place = self.at(&fd, &path, path_flags.contains(types::PathFlags::SYMLINK_FOLLOW));
        let creates = open.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::EXCLUSIVE);
        let write = creates || flags.intersects(DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY);
        // A folder must be opened to reach what is in it; listing it is refused when it is tried.
        if flags.contains(DescriptorFlags::READ) && !open.contains(OpenFlags::DIRECTORY) {
            self.readable(&place)?;
        }
        if write {
            self.writable(&place)?;
        } else {
            self.witness.look(&place.at);
        }
        self.plain(&fd, path_flags, &path, &place).await?;
        let opened = HostDescriptor::open_at(&mut self.wasi, fd, path_flags, path, open, flags).await;
        let opened = match write {
            true => self.wrote(&place, opened)?,
            false => {
                let opened = self.looked(&place, opened)?;
                let file = match self.wasi.table.get(&opened)? {
                    Descriptor::File(file) => &file.file,
                    Descriptor::Dir(folder) => &folder.dir,
                };
                self.witness.file(&place.at, |watch| watch.opened(file));
                opened
            }
        };
        self.preopens.handles.insert(opened.rep(), place);
        Ok(opened)
    }

    async fn read(&mut self, fd: Handle<Descriptor>, len: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        let place = self.place(&fd);
        self.readable(&place)?;
        let result = HostDescriptor::read(&mut self.wasi, fd, len, offset).await;
        if let Ok((bytes, end)) = &result {
            let short = *end || (bytes.len() as u64) < len.min(READ_MAX);
            saw_piece(self.witness, &place.at, offset, bytes, short);
        }
        self.looked(&place, result)
    }

    fn read_via_stream(&mut self, fd: Handle<Descriptor>, offset: u64) -> FsResult<Handle<DynInputStream>> {
        let place = self.place(&fd);
        self.readable(&place)?;
        let result = HostDescriptor::read_via_stream(&mut self.wasi, fd, offset);
        let stream = self.looked(&place, result)?;
        let inner = self.wasi.table.delete(stream)?;
        let watched: DynInputStream = Box::new(Watched {
            inner,
            witness: self.witness.clone(),
            place,
            position: offset,
        });
        Ok(self.wasi.table.push(watched)?)
    }

    async fn read_directory(
        &mut self,
        fd: Handle<Descriptor>,
    ) -> FsResult<Handle<types::DirectoryEntryStream>> {
        let place = self.place(&fd);
        self.readable(&place)?;
        let result = HostDescriptor::read_directory(&mut self.wasi, fd).await;
        let stream = self.looked(&place, result)?;
        // In an order that does not depend on the file system, so that the same entries are the same list.
        let mut entries = Vec::new();
        loop {
            let next = Handle::new_borrow(stream.rep());
            match HostDirectoryEntryStream::read_directory_entry(&mut self.wasi, next).await {
                Ok(Some(_)) if entries.len() >= ENTRIES_MAX => {
                    self.witness.denied(resource(&place));
                    return Err(ErrorCode::InsufficientMemory.into());
                }
                Ok(Some(entry)) => entries.push(entry),
                Ok(None) => break,
                Err(error) => return self.looked(&place, Err(error)),
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let list = files::list(
            entries
                .iter()
                .map(|entry| (entry.name.as_str(), kind(entry.type_))),
        );
        self.witness.file(&place.at, |watch| watch.list(list));
        self.preopens.lists.insert(stream.rep(), entries.into());
        Ok(stream)
    }

    async fn write(&mut self, fd: Handle<Descriptor>, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        let place = self.place(&fd);
        self.sized(&place, offset.saturating_add(bytes.len() as u64))?;
        self.writable(&place)?;
        let result = HostDescriptor::write(&mut self.wasi, fd, bytes, offset).await;
        self.wrote(&place, result)
    }

    fn write_via_stream(&mut self, fd: Handle<Descriptor>, offset: u64) -> FsResult<Handle<DynOutputStream>> {
        let place = self.place(&fd);
        self.sized(&place, offset)?;
        self.writable(&place)?;
        let result = HostDescriptor::write_via_stream(&mut self.wasi, fd, offset);
        self.wrote(&place, result)
    }

    fn append_via_stream(&mut self, fd: Handle<Descriptor>) -> FsResult<Handle<DynOutputStream>> {
        let place = self.place(&fd);
        self.writable(&place)?;
        let result = HostDescriptor::append_via_stream(&mut self.wasi, fd);
        self.wrote(&place, result)
    }

    async fn set_size(&mut self, fd: Handle<Descriptor>, size: u64) -> FsResult<()> {
        let place = self.place(&fd);
        self.sized(&place, size)?;
        self.writable(&place)?;
        let result = HostDescriptor::set_size(&mut self.wasi, fd, size).await;
        self.wrote(&place, result)
    }

    async fn set_times(
        &mut self,
        fd: Handle<Descriptor>,
        access: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        let place = self.place(&fd);
        self.writable(&place)?;
        let result = HostDescriptor::set_times(&mut self.wasi, fd, access, modified).await;
        self.wrote(&place, result)
    }

    async fn set_times_at(
        &mut self,
        fd: Handle<Descriptor>,
        path_flags: types::PathFlags,
        path: String,
        access: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        let place = self.at(&fd, &path, path_flags.contains(types::PathFlags::SYMLINK_FOLLOW));
        self.writable(&place)?;
        let result =
            HostDescriptor::set_times_at(&mut self.wasi, fd, path_flags, path, access, modified).await;
        self.wrote(&place, result)
    }

    async fn create_directory_at(&mut self, fd: Handle<Descriptor>, path: String) -> FsResult<()> {
        let place = self.at(&fd, &path, false);
        self.writable(&place)?;
        let result = HostDescriptor::create_directory_at(&mut self.wasi, fd, path).await;
        self.wrote(&place, result)
    }

    async fn remove_directory_at(&mut self, fd: Handle<Descriptor>, path: String) -> FsResult<()> {
        let place = self.at(&fd, &path, false);
        self.writable(&place)?;
        let result = HostDescriptor::remove_directory_at(&mut self.wasi, fd, path).await;
        self.wrote(&place, result)
    }

    async fn unlink_file_at(&mut self, fd: Handle<Descriptor>, path: String) -> FsResult<()> {
        let place = self.at(&fd, &path, false);
        self.writable(&place)?;
        let result = HostDescriptor::unlink_file_at(&mut self.wasi, fd, path).await;
        self.wrote(&place, result)
    }

    async fn rename_at(
        &mut self,
        fd: Handle<Descriptor>,
        path: String,
        new_fd: Handle<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (from, to) = (self.at(&fd, &path, false), self.at(&new_fd, &new_path, false));
        self.no_way_round(&from, &to)?;
        self.writable(&from)?;
        let result = HostDescriptor::rename_at(&mut self.wasi, fd, path, new_fd, new_path).await;
        let result = self.wrote(&from, result);
        self.wrote(&to, result)
    }

    async fn link_at(
        &mut self,
        fd: Handle<Descriptor>,
        path_flags: types::PathFlags,
        path: String,
        new_fd: Handle<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (from, to) = (self.at(&fd, &path, false), self.at(&new_fd, &new_path, false));
        self.no_way_round(&from, &to)?;
        self.writable(&from)?;
        let result = HostDescriptor::link_at(&mut self.wasi, fd, path_flags, path, new_fd, new_path).await;
        let result = self.wrote(&from, result);
        self.wrote(&to, result)
    }

    async fn symlink_at(&mut self, fd: Handle<Descriptor>, _target: String, path: String) -> FsResult<()> {
        self.witness.denied(resource(&self.at(&fd, &path, false)));
        Err(ErrorCode::NotPermitted.into())
    }

    async fn readlink_at(&mut self, fd: Handle<Descriptor>, path: String) -> FsResult<String> {
        let place = self.at(&fd, &path, false);
        self.readable(&place)?;
        self.witness.look(&place.at);
        let result = HostDescriptor::readlink_at(&mut self.wasi, fd, path).await;
        if let Ok(target) = &result {
            let answer = digest::text("link", Some(target));
            self.witness.file(&place.at, |watch| watch.target(answer));
        }
        self.looked(&place, result)
    }

    async fn stat(&mut self, fd: Handle<Descriptor>) -> FsResult<types::DescriptorStat> {
        let place = self.place(&fd);
        let result = HostDescriptor::stat(&mut self.wasi, fd).await;
        let result = result.map(|found| told(found, self.witness, &place.at));
        self.looked(&place, result)
    }

    async fn stat_at(
        &mut self,
        fd: Handle<Descriptor>,
        path_flags: types::PathFlags,
        path: String,
    ) -> FsResult<types::DescriptorStat> {
        let place = self.at(&fd, &path, path_flags.contains(types::PathFlags::SYMLINK_FOLLOW));
        self.witness.look(&place.at);
        let result = HostDescriptor::stat_at(&mut self.wasi, fd, path_flags, path).await;
        let result = result.map(|found| told(found, self.witness, &place.at));
        self.looked(&place, result)
    }

    async fn metadata_hash(&mut self, fd: Handle<Descriptor>) -> FsResult<types::MetadataHashValue> {
        let place = self.place(&fd);
        let result = HostDescriptor::metadata_hash(&mut self.wasi, fd).await;
        if let Ok(hash) = &result {
            self.witness
                .file(&place.at, |watch| watch.identity(Some(hash.lower)));
        }
        self.looked(&place, result)
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Handle<Descriptor>,
        path_flags: types::PathFlags,
        path: String,
    ) -> FsResult<types::MetadataHashValue> {
        let place = self.at(&fd, &path, path_flags.contains(types::PathFlags::SYMLINK_FOLLOW));
        self.witness.look(&place.at);
        let result = HostDescriptor::metadata_hash_at(&mut self.wasi, fd, path_flags, path).await;
        if let Ok(hash) = &result {
            self.witness
                .file(&place.at, |watch| watch.identity(Some(hash.lower)));
        }
        self.looked(&place, result)
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
        for place in [self.place(&a), self.place(&b)] {
            self.witness.file(&place.at, |watch| watch.identity(None));
        }
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
        // Its entries were all read when it was opened.
        let list = self.preopens.lists.get_mut(&stream.rep());
        Ok(list.and_then(VecDeque::pop_front))
    }

    fn drop(&mut self, stream: Handle<types::DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.preopens.lists.remove(&stream.rep());
        HostDirectoryEntryStream::drop(&mut self.wasi, stream)
    }
}
