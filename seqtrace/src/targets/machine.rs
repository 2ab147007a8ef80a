//! Links and mounts of this machine: the path that sessions of a named file have.

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
    links::{self, Tree, Way},
    problem::Problem,
};
use crate::kernel::mounts::Mounts;

/// PROC_ROOT_INO (include/linux/proc_ns.h).
const PROC_ROOT: u64 = 1;

/// The file system as this process sees it. Links are remembered: a glob asks for the same ones often.
#[derive(Debug, Default)]
pub(super) struct Machine {
    links: RefCell<HashMap<Vec<u8>, Option<Vec<u8>>>>,
    mounts: RefCell<Mounts>,
}

impl Tree for Machine {
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
    /// Path that the sessions of the file at an absolute path have. A file that does not exist has
    /// the path that it would have.
    ///
    /// # Errors
    /// The path leads each process elsewhere, or to nothing that has a path here.
    pub(super) fn real(&self, path: &[u8]) -> Result<Vec<u8>, Problem> {
        self.resolve(path, |path| std::fs::metadata(path_buf(path)))
    }

    /// The same of a folder. `/.` enters a mount that is made only then
    /// (`/sys/kernel/debug/tracing`: follow_automount(), fs/namei.c).
    ///
    /// # Errors
    /// As of [`real`](Self::real).
    pub(super) fn real_folder(&self, path: &[u8]) -> Result<Vec<u8>, Problem> {
        self.resolve(path, |path| std::fs::metadata(path_buf(&[path, b"/."].concat())))
    }

    /// Real path of a file that a glob matches; `None` behind a magic link.
    pub(super) fn matched(&self, path: &[u8]) -> Option<Vec<u8>> {
        match links::follow(path, self) {
            Way::Real(_) => self.real(path).ok(),
            Way::Magic { .. } | Way::Own(_) | Way::Nameless { .. } | Way::Loop => None,
        }
    }

    fn resolve(
        &self,
        path: &[u8],
        metadata: impl Fn(&[u8]) -> io::Result<Metadata>,
    ) -> Result<Vec<u8>, Problem> {
        let (real, link) = match links::follow(path, self) {
            Way::Real(real) => (real, None),
            Way::Magic { path, link } => (path, Some(link)),
            Way::Own(link) => {
                let here = self.link(&link).unwrap_or_default();
                return Err(Problem::Own { link, here });
            }
            Way::Nameless { link, text } => return Err(Problem::Elsewhere { link, text }),
            Way::Loop => return Err(Problem::Loop),
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
        Ok(self.home(&real, &there, metadata).unwrap_or(real))
    }

    /// The text of a magic link is a path of another mount namespace, or of a file that is gone.
    fn elsewhere(&self, link: Vec<u8>) -> Problem {
        let text = self.link(&link).unwrap_or_default();
        Problem::Elsewhere { link, text }
    }

    /// Path of a file where its file system belongs: it may be mounted at several places, and sessions
    /// are known by one of them.
    fn home(
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
        let home = mounts.canonical(path, device).filter(|home| home != path)?;
        ask(&home).is_ok_and(|there| same(&there, metadata)).then_some(home)
    }
}

/// Whether two paths lead to one file.
fn same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

pub(super) fn path_buf(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

pub(super) fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}
