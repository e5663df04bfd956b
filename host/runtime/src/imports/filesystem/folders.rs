//! Which of the granted folders there are, and how they are opened.

use std::path::Path;

use fact_types::capability::FsGrant;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::trace::digest::Answer;
use crate::trace::files;

/// The granted folders, each once, and whether they may be read and written.
pub(super) fn wanted(grants: &[FsGrant]) -> Vec<(&Path, bool, bool)> {
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
    wanted
}

/// Which of the granted folders there are now, as a call that begins would find them.
pub(crate) fn there(grants: &[FsGrant]) -> Answer {
    let all = wanted(grants).into_iter().map(|(folder, ..)| {
        let named = folder.is_absolute() && folder.to_str().is_some();
        (folder, named && is_there(folder))
    });
    files::folders(all)
}

/// Opens a folder by a path in which nothing is a link: someone who may write next to the folder could have put one there
/// since it was granted.
#[cfg(target_os = "linux")]
pub(super) fn preopen(
    folder: &Path,
    name: &str,
    perms: FsPerms,
    wasi: &mut WasiCtxBuilder,
) -> wasmtime::Result<()> {
    use std::os::fd::AsRawFd;

    let opened = open_folder(folder).map_err(wasmtime::Error::from)?;
    // The engine opens folders by path only; this one names the very folder that is open.
    wasi.preopened_dir(format!("/proc/self/fd/{}", opened.as_raw_fd()), name, perms)?;
    Ok(())
}

#[cfg(target_os = "linux")]
fn open_folder(folder: &Path) -> std::io::Result<std::os::fd::OwnedFd> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(CWD, folder, flags, Mode::empty(), resolve)?)
}

#[cfg(target_os = "linux")]
fn is_there(folder: &Path) -> bool {
    open_folder(folder).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn is_there(folder: &Path) -> bool {
    folder.is_dir() && folder.canonicalize().is_ok_and(|canonical| canonical == folder)
}

/// Elsewhere: the path must be its own canonical form.
#[cfg(not(target_os = "linux"))]
pub(super) fn preopen(
    folder: &Path,
    name: &str,
    perms: FsPerms,
    wasi: &mut WasiCtxBuilder,
) -> wasmtime::Result<()> {
    if folder.canonicalize()? != folder {
        return Err(wasmtime::Error::msg("a part of its path became a link"));
    }
    wasi.preopened_dir(folder, name, perms)?;
    Ok(())
}
