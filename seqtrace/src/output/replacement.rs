//! Creates files that replace others only when they are complete, by the rules of [`super::file`].

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    ops::ControlFlow,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, AtFlags, OFlag, renameat},
    sys::stat::{Mode, mkdirat},
    unistd::{UnlinkatFlags, geteuid, linkat, unlinkat},
};

use super::file::{Folder, MAX_LINKS, cannot_write};
use crate::exit::{Exit, UserError};

/// Maximum number of names to try for a file that is not complete.
const MAX_TEMPORARY: u32 = 100;
/// Folder with a link to each open file of the process.
const FDS: &str = "/proc/self/fd";

/// A file that replaces another one, or none, when it is complete. Until then it has no name, so that nothing is left if
/// the process is killed, or another name in the same folder.
#[derive(Debug)]
pub(crate) struct Replacement {
    file: File,
    /// `None`: the file is a FIFO or a device, which is written as it is.
    names: Option<Names>,
    /// True if it replaces a file.
    pub(crate) replaces: bool,
}

/// Names of a file that is not complete.
#[derive(Debug)]
struct Names {
    folder: Folder,
    /// Name until the file is complete; `None`: it has none.
    temporary: Option<OsString>,
    name: OsString,
}

impl Replacement {
    /// Creates the file. It replaces the file at `path` in [`Self::commit`].
    ///
    /// # Errors
    /// The file cannot be written, or another user may have planted it.
    pub(crate) fn begin(path: &Path) -> Result<Self, UserError> {
        if path.as_os_str() == "-" {
            let hint = "name a file; ./- is one of that name";
            return Err(Exit::Usage.error("this output needs a file, not standard output", hint));
        }
        Self::new(path).map_err(|error| cannot_write(path, &error))
    }

    fn new(path: &Path) -> io::Result<Self> {
        let mut path = path.to_owned();
        for _ in 0..=MAX_LINKS {
            match Self::beside(&path)? {
                ControlFlow::Break(file) => return Ok(file),
                ControlFlow::Continue(target) => path = target,
            }
        }
        Err(Errno::ELOOP.into())
    }

    /// Creates the file if `path` is not a symlink; returns the target of one that is.
    fn beside(path: &Path) -> io::Result<ControlFlow<Self, PathBuf>> {
        let folder = Folder::of(path)?;
        let name = path.file_name().unwrap_or_else(|| OsStr::new("."));
        let existing = folder.open(name, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC);
        let metadata = match existing {
            Err(Errno::ENOENT) => None,
            existing => Some(existing?.metadata()?),
        };
        match metadata {
            Some(metadata) if metadata.is_symlink() => {
                let file = |file| Self { file, names: None, replaces: false };
                Ok(folder.follow(name)?.map_break(file))
            }
            Some(metadata) if !metadata.is_file() => {
                let flags =
                    OFlag::O_WRONLY | OFlag::O_NOCTTY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                let file = folder.reuse(folder.open(name, flags)?)?;
                Ok(ControlFlow::Break(Self { file, names: None, replaces: false }))
            }
            existing => {
                let replaces = existing.is_some();
                if let Some(metadata) = existing {
                    folder.trusts(&metadata, geteuid().as_raw())?;
                }
                let (file, temporary) = folder.temporary()?;
                let names = Some(Names { folder, temporary, name: name.to_owned() });
                Ok(ControlFlow::Break(Self { file, names, replaces }))
            }
        }
    }

    /// Returns the file to write to.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Gives the complete file its name.
    ///
    /// # Errors
    /// The file cannot be renamed.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        if let Some(Names { folder, temporary, name }) = &mut self.names {
            let temporary = match temporary {
                Some(temporary) => temporary,
                None => temporary.insert(folder.link(&self.file)?),
            };
            renameat(&folder.fd, temporary.as_os_str(), &folder.fd, name.as_os_str())?;
            self.names = None;
        }
        Ok(())
    }
}

impl Drop for Replacement {
    /// Removes a file that is not complete.
    fn drop(&mut self) {
        if let Some(Names { folder, temporary: Some(temporary), name: _ }) = &self.names {
            let _left = unlinkat(&folder.fd, temporary.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

/// Creates a folder that only its owner may read, and the folders above it. A folder that exists stays as it is.
///
/// # Errors
/// A folder cannot be created.
pub(crate) fn create_folder(path: &Path) -> Result<(), UserError> {
    make_folder(path).map_err(|error| cannot_write(path, &error))
}

fn make_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    make_folder(path.parent().unwrap_or_else(|| Path::new("")))?;
    let folder = Folder::of(path)?;
    let name = path.file_name().ok_or(Errno::EINVAL)?;
    mkdirat(&folder.fd, name, Mode::S_IRWXU)?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    folder.give(folder.open(name, flags)?);
    Ok(())
}

impl Folder {
    /// Creates a file without a name, or, where the file system cannot, under a name that no program looks for.
    fn temporary(&self) -> io::Result<(File, Option<OsString>)> {
        let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        // Without /proc it could not be linked.
        if Path::new(FDS).is_dir()
            && let Ok(file) = self.open(OsStr::new("."), flags | OFlag::O_TMPFILE)
        {
            return Ok((self.give(file), None));
        }
        let flags = flags | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
        let (file, name) = with_unused_name(|name| self.open(name, flags))?;
        Ok((self.give(file), Some(name)))
    }

    /// Gives a file without a name a name that no program looks for.
    fn link(&self, file: &File) -> io::Result<OsString> {
        let path = format!("{FDS}/{}", file.as_raw_fd());
        let follow = AtFlags::AT_SYMLINK_FOLLOW;
        let link = |name: &OsStr| linkat(AT_FDCWD, path.as_str(), &self.fd, name, follow);
        Ok(with_unused_name(link)?.1)
    }
}

/// Calls `create` with names until one is unused.
fn with_unused_name<T>(create: impl Fn(&OsStr) -> Result<T, Errno>) -> io::Result<(T, OsString)> {
    for number in 0..MAX_TEMPORARY {
        let name = OsString::from(format!(".seqtrace-{}-{number}.part", std::process::id()));
        match create(&name) {
            Err(Errno::EEXIST) => {}
            created => return Ok((created?, name)),
        }
    }
    Err(Errno::EEXIST.into())
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write, os::unix::fs::symlink};

    use super::*;
    use crate::output::file::tests::{folder, mode};

    #[test]
    fn a_file_without_a_name_gets_an_unused_one() {
        let folder = folder("unnamed");
        let home = Folder::of(&folder.join("file")).unwrap();
        let flags = OFlag::O_WRONLY | OFlag::O_TMPFILE | OFlag::O_CLOEXEC;
        let Ok(file) = home.open(OsStr::new("."), flags) else { return };
        fs::write(folder.join(format!(".seqtrace-{}-0.part", std::process::id())), "").unwrap();
        let name = home.link(&file).unwrap();
        assert!(name.to_str().unwrap().ends_with("-1.part"), "{name:?}");
        assert!(folder.join(name).is_file());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_is_replaced_when_the_new_one_is_complete() {
        let folder = folder("replace");
        let [file, link] = ["file", "link"].map(|name| folder.join(name));
        fs::write(&file, "old").unwrap();
        symlink("file", &link).unwrap();
        let names = || fs::read_dir(&folder).unwrap().count();
        let half = Replacement::begin(&link).unwrap();
        half.file().write_all(b"ne").unwrap();
        // The half has a name only where the file system has no unnamed files.
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert_eq!(names(), if half.names.as_ref().unwrap().temporary.is_some() { 3 } else { 2 });
        drop(half);
        assert_eq!((fs::read(&file).unwrap(), names()), (b"old".to_vec(), 2));
        let whole = Replacement::begin(&link).unwrap();
        whole.file().write_all(b"new").unwrap();
        whole.commit().unwrap();
        assert_eq!((fs::read(&file).unwrap(), names(), mode(&file)), (b"new".to_vec(), 2, 0o600));
        assert!(link.is_symlink());
        Replacement::begin(Path::new("/dev/null")).unwrap().commit().unwrap();
        Replacement::begin(&folder).unwrap_err();
        let deep = folder.join("a/b");
        create_folder(&deep).unwrap();
        create_folder(&deep).unwrap();
        assert_eq!(mode(&deep), 0o700);
        create_folder(&file.join("c")).unwrap_err();
        fs::remove_dir_all(&folder).unwrap();
    }
}
