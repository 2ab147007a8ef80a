//! Converts the path of a named file to the path that its sessions have, by the links and mounts of this machine.

use std::{
    cell::RefCell,
    collections::HashMap,
    ffi::OsString,
    fs::Metadata,
    io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use nix::sys::{
    stat::{major, minor},
    statfs::{PROC_SUPER_MAGIC, statfs},
};

use super::{
    links::{self, FileSystem, Resolution},
    problem::Problem,
};
use crate::kernel::mounts::Mounts;

/// Inode number of the root of a procfs: PROC_ROOT_INO (include/linux/proc_ns.h).
const PROC_ROOT: u64 = 1;

/// The file system as this process sees it. Links are cached: a glob reads the same links often.
#[derive(Debug, Default)]
pub(super) struct Machine {
    links: RefCell<HashMap<Vec<u8>, Option<Vec<u8>>>>,
    mounts: RefCell<Mounts>,
}

impl FileSystem for Machine {
    fn link(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut links = self.links.borrow_mut();
        let read = || {
            let text = std::fs::read_link(path_buf(path)).ok()?;
            Some(text.into_os_string().into_vec())
        };
        links.entry(path.to_vec()).or_insert_with(read).clone()
    }

    fn is_proc(&self, folder: &[u8]) -> bool {
        let folder = path_buf(folder);
        statfs(&folder).is_ok_and(|fs| fs.filesystem_type() == PROC_SUPER_MAGIC)
            && std::fs::metadata(&folder).is_ok_and(|root| root.ino() == PROC_ROOT)
    }
}

impl Machine {
    /// Returns the path that sessions of the file at an absolute path have. The file need not exist.
    ///
    /// # Errors
    /// The path leads each process to another file, or to an object without a path here.
    pub(super) fn real(&self, path: &[u8]) -> Result<Vec<u8>, Problem> {
        self.resolve(path, |path| std::fs::metadata(path_buf(path)))
    }

    /// Returns the real path of a folder. `/.` triggers an automount (`/sys/kernel/debug/tracing`:
    /// follow_automount(), fs/namei.c).
    ///
    /// # Errors
    /// See [`real`](Self::real).
    pub(super) fn real_folder(&self, path: &[u8]) -> Result<Vec<u8>, Problem> {
        self.resolve(path, |path| std::fs::metadata(path_buf(&[path, b"/."].concat())))
    }

    /// Returns the real path of a file that a glob matches; `None` if the path contains a magic link.
    pub(super) fn matched(&self, path: &[u8]) -> Option<Vec<u8>> {
        match links::follow(path, self) {
            Resolution::Real(_) => self.real(path).ok(),
            _ => None,
        }
    }

    fn resolve(
        &self,
        path: &[u8],
        metadata: impl Fn(&[u8]) -> io::Result<Metadata>,
    ) -> Result<Vec<u8>, Problem> {
        let (real, link) = match links::follow(path, self) {
            Resolution::Real(real) => (real, None),
            Resolution::Magic { path, link } => (path, Some(link)),
            Resolution::Own(link) => {
                let here = self.link(&link).unwrap_or_default();
                return Err(Problem::Own { link, here });
            }
            Resolution::Nameless { link, text } => return Err(Problem::Elsewhere { link, text }),
            Resolution::Loop => return Err(Problem::Loop),
        };
        let Ok(there) = metadata(&real) else {
            return match link {
                Some(link) if metadata(path).is_ok() => Err(self.elsewhere(link)),
                _ => Ok(real),
            };
        };
        if let Some(link) = link
            && !metadata(path).is_ok_and(|named| same(&named, &there))
        {
            return Err(self.elsewhere(link));
        }
        Ok(self.canonical(&real, &there, metadata).unwrap_or(real))
    }

    /// Returns the problem of a magic link whose text is a path of another mount namespace, or of a deleted file.
    fn elsewhere(&self, link: Vec<u8>) -> Problem {
        let text = self.link(&link).unwrap_or_default();
        Problem::Elsewhere { link, text }
    }

    /// Returns the path of a file below the mount point that sessions use, if the file system is mounted
    /// several times. `None` if `path` is that path.
    fn canonical(
        &self,
        path: &[u8],
        metadata: &Metadata,
        ask: impl Fn(&[u8]) -> io::Result<Metadata>,
    ) -> Option<Vec<u8>> {
        let device = metadata.dev();
        let device = u32::try_from(major(device) << 20 | minor(device)).ok()?;
        let mut mounts = self.mounts.borrow_mut();
        if !mounts.knows(device) {
            *mounts = Mounts::of_this_process().ok()?;
        }
        let canonical = mounts.canonical(path, device).filter(|canonical| canonical != path)?;
        ask(&canonical).is_ok_and(|there| same(&there, metadata)).then_some(canonical)
    }
}

/// Returns true if `a` and `b` are the metadata of the same file.
fn same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

pub(super) fn path_buf(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

pub(super) fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}
