//! Folders: `fs:read:./data`.

use std::fmt;
use std::path::{Component, Path};

use super::{Risk, names::read_write, needed::straightened, rights};

/// What may be done in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FsRights {
    /// Files may be read and folders listed.
    pub read: bool,
    /// Files and folders may be made, changed and deleted.
    pub write: bool,
    write_first: bool,
}

/// A folder with everything in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FsGrant {
    /// What may be done there.
    pub rights: FsRights,
    folder: String,
}

impl FsGrant {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let (first, folder) = rest.split_once(':').ok_or("it is written fs:read:FOLDER")?;
        let rights = rights(first, &["read", "write"])?;
        if folder.is_empty() {
            return Err("the folder is missing".to_owned());
        }
        if folder.contains('*') {
            return Err("a folder is granted with everything in it; `*` has no meaning here".to_owned());
        }
        if Path::new(folder)
            .components()
            .any(|part| part == Component::ParentDir)
        {
            return Err("a folder is named without `..`".to_owned());
        }
        Ok(FsGrant {
            rights: FsRights {
                read: rights.contains(&"read"),
                write: rights.contains(&"write"),
                write_first: rights.first() == Some(&"write"),
            },
            folder: folder.to_owned(),
        })
    }

    /// The folder as it was written. Only an absolute one can be opened: whoever grants a relative one must say relative
    /// to what, with [`FsGrant::at`].
    pub fn folder(&self) -> &Path {
        Path::new(&self.folder)
    }

    /// The same grant for another spelling of the folder.
    ///
    /// # Errors
    /// When the folder is not text, or holds characters that a capability can't.
    pub fn at(&self, folder: &Path) -> Result<Self, super::CapabilityError> {
        let text = format!("fs:{}:{}", self.rights, folder.display());
        let error = |why: &str| super::CapabilityError::new(&text, why);
        if folder.to_str().is_none() {
            return Err(error("the folder's name is not UTF-8"));
        }
        match text.parse()? {
            super::Capability::Fs(grant) => Ok(grant),
            _ => Err(error("it is no folder")),
        }
    }

    /// Whether everything that `wanted` allows is allowed by this grant too. By the folders' names alone: where a link
    /// leads can't be seen from here, so that grants are compared after their folders were looked up.
    pub fn covers(&self, wanted: &FsGrant) -> bool {
        (self.rights.read || !wanted.rights.read)
            && (self.rights.write || !wanted.rights.write)
            && begins_with(wanted.folder(), self.folder())
    }

    /// Whether a path lies in the folder. An effect that happened has the folder in front, whatever comes after; one that
    /// was refused may lead out.
    pub(super) fn holds(&self, path: &str, refused: bool) -> bool {
        let straight = straightened(path).is_some_and(|path| begins_with(&path, self.folder()));
        straight || (!refused && begins_with(Path::new(path), self.folder()))
    }

    /// The grant in pieces of one right.
    pub(super) fn pieces(&self) -> Vec<FsGrant> {
        let piece = |read: bool| FsGrant {
            rights: FsRights {
                read,
                write: !read,
                write_first: !read,
            },
            folder: self.folder.clone(),
        };
        let rights = [(self.rights.read, true), (self.rights.write, false)];
        rights
            .into_iter()
            .filter(|(held, _)| *held)
            .map(|(_, read)| piece(read))
            .collect()
    }

    pub(super) fn in_words(&self) -> String {
        let verb = match (self.rights.read, self.rights.write) {
            (true, true) => "read, change and delete",
            (false, true) => "create, change and delete",
            _ => "read",
        };
        format!("{verb} the files in {}", self.folder)
    }

    pub(super) fn risk(&self) -> Risk {
        let broad = self
            .folder()
            .components()
            .filter(|c| matches!(c, Component::Normal(_)))
            .count()
            == 0
            && self.folder().is_absolute();
        match self.rights.write {
            _ if broad => Risk::High,
            true => Risk::Medium,
            false => Risk::Low,
        }
    }
}

/// Whether a path begins with a folder, part by part. A relative and an absolute one can't be compared.
fn begins_with(path: &Path, folder: &Path) -> bool {
    fn parts(path: &Path) -> impl Iterator<Item = Component<'_>> {
        path.components().filter(|part| *part != Component::CurDir)
    }
    let mut rest = parts(path);
    path.is_absolute() == folder.is_absolute() && parts(folder).all(|part| rest.next() == Some(part))
}

impl fmt::Display for FsRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(read_write(self.read, self.write, self.write_first))
    }
}

impl fmt::Display for FsGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.rights, self.folder)
    }
}
