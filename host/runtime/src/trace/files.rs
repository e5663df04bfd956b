//! Files and folders: what a component saw of them, and whether it would see the same now.
//!
//! What it saw is kept exactly: digests of the very bytes that went to it, of the lists, of the metadata. Before a path is
//! first used, the host looks at what lies there. While the same file lies there with the same times, nothing was changed,
//! and nothing need be read again; that holds only for a file whose last change was over, by the file system's own clock, when
//! the host looked, since two changes within one tick of that clock look like one. For all others the bytes themselves are
//! compared.
//!
//! Folders and links can be swapped between the host's look and the component's, and back afterwards, without a trace in what
//! lies below them. So whatever the component saw must be of the very thing that the host looked at, or nothing is kept.
//!
//! A program that keeps a file mapped and writes to it there may change it without the system noting a time. That is not
//! seen.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::digest::{Answer, Digester};

/// Most separate pieces that are kept of one file. Whoever jumps about more than this is not worth proving again.
const PIECES_MAX: usize = 64;

/// Most bytes of one file that are read again to prove that it is the same. Reading more would take as long as the call.
const PROOF_MAX: u64 = 256 << 20;

/// Most entries of a folder that are listed again.
pub(crate) const ENTRIES_MAX: usize = 100_000;

/// A path below a granted folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct At {
    /// The granted folder.
    pub(crate) folder: PathBuf,
    /// From there on.
    pub(crate) path: PathBuf,
    /// A link at its end is followed.
    pub(crate) follow: bool,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}", self.folder.join(&self.path).display())
    }
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Shape {
    Nothing,
    Thing(Kind, Access),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    Other,
}

/// Who may do what with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    mode: u32,
    user: u32,
    group: u32,
}

/// Which file it is, and when it was last changed. Times in nanoseconds since 1970, which reach to the year 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: i64,
    changed: i64,
}

/// What the host found when it looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Look {
    pub(crate) shape: Shape,
    identity: Option<Identity>,
    /// Any later change would show in the identity.
    settled: bool,
    /// What a component is told that looks at it.
    #[serde(skip)]
    metadata: Option<Answer>,
    /// Where it leads, if it is a link that is not followed.
    #[serde(skip)]
    target: Option<Answer>,
}

/// A piece of a file that went to the component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    offset: u64,
    length: u64,
    digest: [u8; 32],
}

/// What a component saw at one path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FileRead {
    pub(crate) at: At,
    look: Look,
    /// Whether it found something there.
    found: Option<bool>,
    pieces: Vec<Piece>,
    /// It saw that nothing lies from there on.
    end: Option<u64>,
    metadata: Option<Answer>,
    /// It can tell this file from another with the same contents.
    identity_seen: bool,
    list: Option<Answer>,
    target: Option<Answer>,
}

impl FileRead {
    pub(super) fn bytes(&self) -> usize {
        self.at.folder.as_os_str().len()
            + self.at.path.as_os_str().len()
            + self.pieces.len() * size_of::<Piece>()
    }
}

impl fmt::Display for FileRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)?;
        match (self.look.shape, self.list, self.pieces.is_empty()) {
            (Shape::Nothing, ..) => f.write_str(" (not there)"),
            (_, Some(_), _) => f.write_str(" (its list)"),
            (_, None, false) => f.write_str(" (its contents)"),
            (_, None, true) => f.write_str(" (what it is)"),
        }
    }
}

/// What a component sees at one path while its call runs.
pub(crate) struct Watch {
    look: Look,
    found: Option<bool>,
    pieces: Vec<(u64, u64, blake3::Hasher)>,
    end: Option<u64>,
    metadata: Option<Answer>,
    identity_seen: bool,
    list: Option<Answer>,
    target: Option<Answer>,
}

/// It saw two different things, or another thing than the host, or more than is kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unkept;

impl Watch {
    pub(crate) fn new(look: Look) -> Self {
        Watch {
            look,
            found: None,
            pieces: Vec::new(),
            end: None,
            metadata: None,
            identity_seen: false,
            list: None,
            target: None,
        }
    }

    /// It found something there, or nothing.
    pub(crate) fn found(&mut self, found: bool) -> Result<(), Unkept> {
        if found != (self.look.shape != Shape::Nothing) {
            // It came or went since the host looked.
            return Err(Unkept);
        }
        once(&mut self.found, found)
    }

    /// It opened this.
    pub(crate) fn opened(&mut self, file: &std::fs::File) -> Result<(), Unkept> {
        match is_file(&self.look, file) {
            true => Ok(()),
            false => Err(Unkept),
        }
    }

    /// It was told what this is not.
    pub(crate) fn is_no(&mut self, kind: Kind) -> Result<(), Unkept> {
        match self.look.shape {
            Shape::Thing(found, _) if found != kind => Ok(()),
            _ => Err(Unkept),
        }
    }

    /// It was told that this is a folder.
    pub(crate) fn is_folder(&mut self) -> Result<(), Unkept> {
        match self.look.shape {
            Shape::Thing(Kind::Folder, _) => Ok(()),
            _ => Err(Unkept),
        }
    }

    /// It got these bytes from there.
    pub(crate) fn piece(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Unkept> {
        if bytes.is_empty() {
            return Ok(());
        }
        let length = bytes.len() as u64;
        let following =
            |(from, len, _): &&mut (u64, u64, blake3::Hasher)| from.saturating_add(*len) == offset;
        if let Some((_, len, hasher)) = self.pieces.iter_mut().find(following) {
            hasher.update(bytes);
            *len += length;
            return Ok(());
        }
        if self.pieces.len() >= PIECES_MAX {
            return Err(Unkept);
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(bytes);
        self.pieces.push((offset, length, hasher));
        Ok(())
    }

    /// It learnt that nothing lies from there on.
    pub(crate) fn end(&mut self, at: u64) {
        self.end = Some(self.end.map_or(at, |end| end.min(at)));
    }

    pub(crate) fn metadata(&mut self, answer: Answer) -> Result<(), Unkept> {
        if self.look.metadata != Some(answer) {
            return Err(Unkept);
        }
        once(&mut self.metadata, answer)
    }

    /// It can tell the file from others, by this hash where it got one.
    pub(crate) fn identity(&mut self, hash: Option<u64>) -> Result<(), Unkept> {
        if hash.is_some() && hash != hash_of(&self.look) {
            return Err(Unkept);
        }
        self.identity_seen = true;
        Ok(())
    }

    pub(crate) fn list(&mut self, answer: Answer) -> Result<(), Unkept> {
        once(&mut self.list, answer)
    }

    pub(crate) fn target(&mut self, answer: Answer) -> Result<(), Unkept> {
        if self.look.target != Some(answer) {
            return Err(Unkept);
        }
        once(&mut self.target, answer)
    }

    pub(crate) fn finish(self, at: At) -> FileRead {
        FileRead {
            at,
            look: self.look,
            found: self.found,
            pieces: self
                .pieces
                .into_iter()
                .map(|(offset, length, hasher)| Piece {
                    offset,
                    length,
                    digest: *hasher.finalize().as_bytes(),
                })
                .collect(),
            end: self.end,
            metadata: self.metadata,
            identity_seen: self.identity_seen,
            list: self.list,
            target: self.target,
        }
    }
}

/// Keeps what was seen; seeing something else later can't be asked for again.
fn once<T: PartialEq>(place: &mut Option<T>, seen: T) -> Result<(), Unkept> {
    match place {
        Some(before) if *before != seen => Err(Unkept),
        _ => {
            *place = Some(seen);
            Ok(())
        }
    }
}

/// Metadata as a component gets it. Times as seconds and nanoseconds.
pub(crate) struct Metadata {
    pub(crate) kind: Kind,
    pub(crate) links: u64,
    pub(crate) size: u64,
    pub(crate) modified: Option<(u64, u32)>,
    pub(crate) created: Option<(u64, u32)>,
}

impl Metadata {
    pub(crate) fn answer(&self) -> Answer {
        let mut digester = Digester::new("metadata");
        digester
            .number(self.kind as u64)
            .number(self.links)
            .number(self.size);
        for time in [self.modified, self.created] {
            match time {
                Some((seconds, nanoseconds)) => digester.number(seconds).number(u64::from(nanoseconds)),
                None => digester.text("none"),
            };
        }
        digester.answer()
    }
}

/// The digest of a folder's list, which is in order.
pub(crate) fn list<'a>(entries: impl Iterator<Item = (&'a str, Kind)>) -> Answer {
    let mut digester = Digester::new("list");
    for (name, kind) in entries {
        digester.text(name).number(kind as u64);
    }
    digester.answer()
}

/// The hash by which the engine tells a component which file it is. Were it another one, nothing would be kept.
fn hash_of(look: &Look) -> Option<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let identity = look.identity?;
    let mut hasher = DefaultHasher::new();
    (identity.device, identity.inode).hash(&mut hasher);
    Some(hasher.finish())
}

/// The digest of which granted folders there are.
pub(crate) fn folders<'a>(all: impl Iterator<Item = (&'a Path, bool)>) -> Answer {
    let mut digester = Digester::new("folders");
    for (folder, there) in all {
        digester.bytes(folder.as_os_str().as_encoded_bytes()).flag(there);
    }
    digester.answer()
}

use system::is_file;
pub(crate) use system::look;

#[cfg(not(target_os = "linux"))]
mod system {
    //! Elsewhere the host can't look below a folder without being led out of it, so nothing is kept.

    use super::{At, FileRead, Look};

    pub(crate) fn look(_: &At) -> Option<Look> {
        None
    }

    pub(super) fn is_file(_: &Look, _: &std::fs::File) -> bool {
        false
    }

    impl FileRead {
        pub(crate) fn is_settled(&self) -> bool {
            false
        }

        pub(crate) fn ask_again(&self) -> Result<FileRead, String> {
            Err(format!("{} can't be asked again on this system", self.at))
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io::ErrorKind;
    use std::os::unix::fs::{FileExt, MetadataExt};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, openat2};

    use super::*;

    /// How long after a change a file's times are trusted to show the next one. Linux stamps with the time of its last timer
    /// tick, a hundredth of a second at the most.
    const TICK: Duration = Duration::from_millis(100);

    /// The same where the file system keeps whole seconds, or two of them.
    const COARSE_TICK: Duration = Duration::from_secs(5);

    /// What lies at a path, found as the component's own calls find it: below the granted folder, and by no way out of it.
    /// None: that can't be told.
    pub(crate) fn look(at: &At) -> Option<Look> {
        let now = SystemTime::now();
        match open(at, OFlags::PATH) {
            Ok(file) => look_at(&file, now),
            Err(error) if error.kind() == ErrorKind::NotFound => Some(Look {
                shape: Shape::Nothing,
                identity: None,
                settled: true,
                metadata: None,
                target: None,
            }),
            Err(_) => None,
        }
    }

    fn look_at(file: &File, now: SystemTime) -> Option<Look> {
        let found = file.metadata().ok()?;
        let identity = identity(&found);
        let target = match found.is_symlink() {
            true => {
                let target = rustix::fs::readlinkat(file, "", Vec::new()).ok()?;
                Some(super::super::digest::text("link", Some(target.to_str().ok()?)))
            }
            false => None,
        };
        Some(Look {
            shape: Shape::Thing(
                kind(&found),
                Access {
                    mode: found.mode(),
                    user: found.uid(),
                    group: found.gid(),
                },
            ),
            settled: settled(&identity, now),
            identity: Some(identity),
            metadata: Some(metadata(&found).answer()),
            target,
        })
    }

    /// Whether an open file is what was looked at.
    pub(super) fn is_file(look: &Look, file: &File) -> bool {
        let Ok(found) = file.metadata() else { return false };
        look.identity
            .is_some_and(|seen| (seen.device, seen.inode) == (found.dev(), found.ino()))
    }

    /// What lies at a path, if it can be told at a stroke and is found as [`open`] would find it: without a link on the way.
    fn open_plainly(at: &At) -> Option<std::io::Result<File>> {
        let plain = at.path.components().all(|part| {
            matches!(
                part,
                std::path::Component::Normal(_) | std::path::Component::CurDir
            )
        });
        let follow = if at.follow {
            OFlags::empty()
        } else {
            OFlags::NOFOLLOW
        };
        let opened = openat2(
            CWD,
            at.folder.join(&at.path),
            OFlags::PATH | OFlags::CLOEXEC | follow,
            Mode::empty(),
            ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
        );
        match opened {
            _ if !plain => None,
            Err(rustix::io::Errno::LOOP) => None,
            opened => Some(opened.map(File::from).map_err(std::io::Error::from)),
        }
    }

    fn settled(identity: &Identity, now: SystemTime) -> bool {
        let now = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        // A file system that keeps whole milliseconds or seconds shows zeros where others show noise.
        let fine = identity.changed % 1_000_000 != 0;
        let tick = if fine { TICK } else { COARSE_TICK };
        let tick = i64::try_from(tick.as_nanos()).unwrap_or(i64::MAX);
        now.saturating_sub(identity.changed) > tick
    }

    fn identity(metadata: &std::fs::Metadata) -> Identity {
        let time = |seconds: i64, nanoseconds: i64| {
            seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
        };
        let changed = time(metadata.ctime(), metadata.ctime_nsec());
        #[cfg(feature = "sabotage")]
        let changed = crate::sabotage::changed(changed);
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            changed,
        }
    }

    fn kind(metadata: &std::fs::Metadata) -> Kind {
        let kind = metadata.file_type();
        if kind.is_file() {
            Kind::File
        } else if kind.is_dir() {
            Kind::Folder
        } else if kind.is_symlink() {
            Kind::Link
        } else {
            Kind::Other
        }
    }

    fn open(at: &At, flags: OFlags) -> std::io::Result<File> {
        let folder = openat2(
            CWD,
            &at.folder,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
        )?;
        let path = if at.path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &at.path
        };
        let follow = if at.follow {
            OFlags::empty()
        } else {
            OFlags::NOFOLLOW
        };
        let opened = openat2(
            &folder,
            path,
            flags | follow | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
        )?;
        Ok(File::from(opened))
    }

    impl FileRead {
        /// Whether the same file lies there, unchanged since the component saw it.
        pub(crate) fn is_settled(&self) -> bool {
            if !self.look.settled {
                return false;
            }
            let opened = open_plainly(&self.at).unwrap_or_else(|| open(&self.at, OFlags::PATH));
            match (opened, &self.look.identity) {
                (Ok(file), Some(before)) => file
                    .metadata()
                    .is_ok_and(|metadata| identity(&metadata) == *before),
                (Err(error), None) => error.kind() == ErrorKind::NotFound,
                _ => false,
            }
        }

        /// Looks and reads again. The same to the last bit: the read as it is proven now.
        pub(crate) fn ask_again(&self) -> Result<FileRead, String> {
            let Some(look) = look(&self.at) else {
                return Err(format!("{} can't be looked at", self.at));
            };
            if look.shape != self.look.shape {
                return Err(format!("{} is another thing now", self.at));
            }
            if self.identity_seen && !same_file(&look, &self.look) {
                return Err(format!("{} is another file now", self.at));
            }
            if look.shape != Shape::Nothing {
                self.compare(&look)?;
            }
            Ok(FileRead { look, ..self.clone() })
        }

        fn compare(&self, look: &Look) -> Result<(), String> {
            let differs = || format!("{} has changed", self.at);
            if self.metadata.is_some() && look.metadata != self.metadata {
                return Err(differs());
            }
            if let (Some(end), Some(identity)) = (self.end, look.identity)
                && identity.size > end
            {
                return Err(differs());
            }
            if self.target.is_some() && look.target != self.target {
                return Err(differs());
            }
            if let Some(answer) = self.list {
                let folder = self.reopen(look, OFlags::RDONLY | OFlags::DIRECTORY)?;
                if entries(&folder).map_err(|_| differs())? != Some(answer) {
                    return Err(differs());
                }
            }
            if !self.pieces.is_empty() {
                self.compare_pieces(look)?;
            }
            Ok(())
        }

        /// Opens what was looked at: it may be gone already, and something else be there.
        fn reopen(&self, look: &Look, flags: OFlags) -> Result<File, String> {
            let file = open(&self.at, flags).map_err(|_| format!("{} can't be read again", self.at))?;
            match is_file(look, &file) {
                true => Ok(file),
                false => Err(format!("{} is another file now", self.at)),
            }
        }

        fn compare_pieces(&self, look: &Look) -> Result<(), String> {
            let total: u64 = self.pieces.iter().map(|piece| piece.length).sum();
            if total > PROOF_MAX {
                return Err(format!("{} is too large to be read again", self.at));
            }
            let failed = |_| format!("{} can't be read again", self.at);
            // What became a pipe meanwhile must not block.
            let file = self.reopen(look, OFlags::RDONLY | OFlags::NONBLOCK)?;
            let mut buffer = vec![0; 64 << 10];
            for piece in &self.pieces {
                let mut hasher = blake3::Hasher::new();
                let mut done = 0;
                while done < piece.length {
                    let want = usize::try_from(piece.length - done).unwrap_or(usize::MAX);
                    let room = buffer.len().min(want);
                    let into = buffer.get_mut(..room).unwrap_or_default();
                    let got = file.read_at(into, piece.offset + done).map_err(failed)?;
                    if got == 0 {
                        return Err(format!("{} has changed", self.at));
                    }
                    hasher.update(into.get(..got).unwrap_or_default());
                    done += got as u64;
                }
                if *hasher.finalize().as_bytes() != piece.digest {
                    return Err(format!("{} has changed", self.at));
                }
            }
            Ok(())
        }
    }

    fn same_file(a: &Look, b: &Look) -> bool {
        match (a.identity, b.identity) {
            (Some(a), Some(b)) => (a.device, a.inode) == (b.device, b.inode),
            (None, None) => true,
            _ => false,
        }
    }

    /// Metadata as the engine gives it to a component.
    fn metadata(found: &std::fs::Metadata) -> Metadata {
        let time = |time: std::io::Result<SystemTime>| {
            let since = time.ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some((since.as_secs(), since.subsec_nanos()))
        };
        Metadata {
            kind: kind(found),
            links: found.nlink(),
            size: found.len(),
            modified: time(found.modified()),
            created: time(found.created()),
        }
    }

    /// The digest of a folder's list. None: it has a name that is no text, which no component gets to see, or too many.
    fn entries(folder: &File) -> std::io::Result<Option<Answer>> {
        let mut all = Vec::new();
        for entry in rustix::fs::Dir::read_from(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else {
                return Ok(None);
            };
            if name == "." || name == ".." {
                continue;
            }
            if all.len() >= ENTRIES_MAX {
                return Ok(None);
            }
            let found = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            let kind = match rustix::fs::FileType::from_raw_mode(found.st_mode) {
                rustix::fs::FileType::RegularFile => Kind::File,
                rustix::fs::FileType::Directory => Kind::Folder,
                rustix::fs::FileType::Symlink => Kind::Link,
                _ => Kind::Other,
            };
            all.push((name.to_owned(), kind));
        }
        all.sort();
        Ok(Some(list(all.iter().map(|(name, kind)| (name.as_str(), *kind)))))
    }
}
