//! Creates the files that seqtrace writes: data, reports, recordings and ready files.
//!
//! They hold kernel addresses and contents of files that other users may not read, so only their owner may read them: root,
//! or the user who called sudo, for a new file in a folder of theirs. And
//! seqtrace, as root, also writes to folders in which everyone may create files, such as /tmp: a file or a link of another
//! user may be there under the expected name. For such folders this module applies the rules of fs.protected_symlinks,
//! protected_hardlinks, protected_fifos and protected_regular (Documentation/admin-guide/sysctl/fs.rst), whatever the
//! values of these sysctls are.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, Metadata, Permissions},
    io,
    ops::ControlFlow,
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt, PermissionsExt, fchown},
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, openat, readlinkat, renameat},
    sys::{
        stat::{Mode, mkdirat},
        statfs::{PROC_SUPER_MAGIC, fstatfs},
    },
    unistd::{UnlinkatFlags, geteuid, unlinkat},
};

use crate::{
    exit::{Exit, UserError, shown},
    privileges,
};

/// Maximum number of symlinks to follow (`MAXSYMLINKS`, include/linux/namei.h).
const MAX_LINKS: u32 = 40;
/// Maximum number of names to try for a file that is not complete.
const MAX_TEMPORARY: u32 = 100;
/// Permissions of groups and others.
const OTHERS: u32 = 0o077;

/// Creates the file of an option such as `-o`, or empties it if it exists.
///
/// # Errors
/// The file cannot be written, or another user may have planted it.
pub(crate) fn create_output(path: &Path) -> Result<File, UserError> {
    create(path).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> UserError {
    Exit::Usage.error(
        format!("cannot write {}: {error}", shown(path)),
        "name a file in a folder that exists and that only you may write to: -o FILE",
    )
}

/// Creates a file that only its owner may read and write. Empties a file that exists, and withdraws the permissions of
/// groups and others. FIFOs and devices are opened as they are.
///
/// # Errors
/// The file cannot be written, or another user may have planted it.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut path = path.to_owned();
    for _ in 0..=MAX_LINKS {
        match open(&path)? {
            ControlFlow::Break(file) => return Ok(file),
            ControlFlow::Continue(target) => path = target,
        }
    }
    Err(Errno::ELOOP.into())
}

/// A file that replaces another one, or none, when it is complete. Until then it has another name in the same folder.
#[derive(Debug)]
pub(crate) struct Replacement {
    file: File,
    /// Folder, name until the file is complete, and name from then on. `None`: the file is a FIFO or a device, which is
    /// written as it is.
    names: Option<(Folder, OsString, OsString)>,
}

impl Replacement {
    /// Creates the file. It replaces the file at `path` in [`Self::commit`].
    ///
    /// # Errors
    /// The file cannot be written, or another user may have planted it.
    pub(crate) fn begin(path: &Path) -> Result<Self, UserError> {
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
                let file = |file| Self { file, names: None };
                Ok(folder.follow(name)?.map_break(file))
            }
            Some(metadata) if !metadata.is_file() => {
                let flags =
                    OFlag::O_WRONLY | OFlag::O_NOCTTY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                let file = folder.reuse(folder.open(name, flags)?)?;
                Ok(ControlFlow::Break(Self { file, names: None }))
            }
            existing => {
                if let Some(metadata) = existing {
                    folder.trusts(&metadata, geteuid().as_raw())?;
                }
                let (file, temporary) = folder.temporary()?;
                let names = Some((folder, temporary, name.to_owned()));
                Ok(ControlFlow::Break(Self { file, names }))
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
        if let Some((folder, temporary, name)) = &self.names {
            renameat(&folder.fd, temporary.as_os_str(), &folder.fd, name.as_os_str())?;
            self.names = None;
        }
        Ok(())
    }
}

impl Drop for Replacement {
    /// Removes a file that is not complete.
    fn drop(&mut self) {
        if let Some((folder, temporary, _)) = &self.names {
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

/// Opens a file that is not a symlink; returns the target of one that is.
fn open(path: &Path) -> io::Result<ControlFlow<File, PathBuf>> {
    let folder = Folder::of(path)?;
    let name = path.file_name().unwrap_or_else(|| OsStr::new("."));
    let flags = OFlag::O_WRONLY | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    match folder.open(name, flags | OFlag::O_CREAT | OFlag::O_EXCL) {
        Err(Errno::EEXIST) => {}
        new => return Ok(ControlFlow::Break(folder.give(new?))),
    }
    match folder.open(name, flags | OFlag::O_NOFOLLOW) {
        Err(Errno::ELOOP) => folder.follow(name),
        existing => folder.reuse(existing?).map(ControlFlow::Break),
    }
}

/// The folder of an output. It is opened once, so that all is done in the folder that was examined.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    fd: OwnedFd,
    owner: u32,
    /// True if several users may create files here and only their owners may rename and remove them.
    shared: bool,
}

impl Folder {
    fn of(path: &Path) -> io::Result<Self> {
        let path = match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => path,
        };
        let folder = File::from(nix::fcntl::open(
            path,
            OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?);
        let metadata = folder.metadata()?;
        let mode = metadata.mode();
        let shared = mode & nix::libc::S_ISVTX != 0 && mode & 0o022 != 0;
        Ok(Self { path: path.to_owned(), fd: folder.into(), owner: metadata.uid(), shared })
    }

    fn open(&self, name: &OsStr, flags: OFlag) -> nix::Result<File> {
        openat(&self.fd, name, flags, Mode::S_IRUSR | Mode::S_IWUSR).map(File::from)
    }

    /// Creates a file under a name that no program looks for.
    fn temporary(&self) -> io::Result<(File, OsString)> {
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        for number in 0..MAX_TEMPORARY {
            let name = OsString::from(format!(".seqtrace-{}-{number}.part", std::process::id()));
            match self.open(&name, flags) {
                Err(Errno::EEXIST) => {}
                file => return Ok((self.give(file?), name)),
            }
        }
        Err(Errno::EEXIST.into())
    }

    /// Gives a new file to the user who called sudo, if the folder is theirs.
    fn give(&self, file: File) -> File {
        if let Ok(Some((user, group))) = privileges::invoker()
            && user.as_raw() == self.owner
        {
            // Some file systems have no owners.
            let _unchanged = fchown(&file, Some(user.as_raw()), Some(group.as_raw()));
        }
        file
    }

    /// Returns an error if a file or a symlink here may have been planted: in a shared folder its owner must be this user
    /// or the owner of the folder (may_follow_link(), may_create_in_sticky(), fs/namei.c).
    fn trusts(&self, file: &Metadata, user: u32) -> io::Result<()> {
        let planted = if !self.shared {
            return Ok(());
        } else if file.uid() != user && file.uid() != self.owner {
            "it belongs to another user, in a folder that everyone may write to"
        } else if file.is_file() && file.nlink() > 1 {
            "it has other names, in a folder that everyone may write to"
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::PermissionDenied, planted))
    }

    /// Empties a file that exists.
    fn reuse(&self, file: File) -> io::Result<File> {
        let metadata = file.metadata()?;
        self.trusts(&metadata, geteuid().as_raw())?;
        if metadata.is_file() {
            if metadata.mode() & OTHERS != 0 {
                // Only the owner may do this, and some file systems have no permissions.
                let _unchanged =
                    file.set_permissions(Permissions::from_mode(metadata.mode() & !OTHERS));
            }
            file.set_len(0)?;
        }
        Ok(file)
    }

    /// Returns the target of a symlink in this folder. Links of /proc, to which /dev/stdout leads, stand for an open file,
    /// not for a path: the kernel follows them.
    fn follow(&self, name: &OsStr) -> io::Result<ControlFlow<File, PathBuf>> {
        if fstatfs(&self.fd)?.filesystem_type() == PROC_SUPER_MAGIC {
            let flags = OFlag::O_WRONLY | OFlag::O_TRUNC | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            return Ok(ControlFlow::Break(self.open(name, flags)?));
        }
        let link = self.open(name, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)?;
        self.trusts(&link.metadata()?, geteuid().as_raw())?;
        // Reads the link that was examined, not one that has replaced it.
        Ok(ControlFlow::Continue(self.path.join(readlinkat(&link, "")?)))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::Write,
        os::unix::fs::{chown, lchown, symlink},
    };

    use super::*;

    /// Creates an empty folder for a test.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("seqtrace-{name}-{}", std::process::id()));
        let _fresh = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o777
    }

    #[test]
    fn only_the_owner_may_read_an_output() {
        let folder = folder("mode");
        let [new, old, link] = ["new", "old", "link"].map(|name| folder.join(name));
        create(&new).unwrap();
        assert_eq!(mode(&new), 0o600);
        fs::write(&old, "an older trace").unwrap();
        fs::set_permissions(&old, Permissions::from_mode(0o644)).unwrap();
        symlink("old", &link).unwrap();
        create(&link).unwrap();
        assert_eq!((mode(&old), old.metadata().unwrap().len()), (0o600, 0));
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
        assert_eq!((fs::read(&file).unwrap(), names()), (b"old".to_vec(), 3));
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

    #[test]
    fn links_lead_to_outputs_as_ever() {
        let folder = folder("links");
        let [dangling, circle] = ["dangling", "circle"].map(|name| folder.join(name));
        symlink("target", &dangling).unwrap();
        symlink("circle", &circle).unwrap();
        create(&dangling).unwrap();
        assert_eq!(mode(&folder.join("target")), 0o600);
        assert_eq!(create(&circle).unwrap_err().raw_os_error(), Some(Errno::ELOOP as i32));
        assert!(create(&folder).is_err());
        assert!(create(&folder.join("none/file")).is_err());
        create(Path::new("/dev/null")).unwrap();
        // Leads to a link of /proc, whose text is not a path.
        let (_reader, writer) = io::pipe().unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&writer);
        let pipe = folder.join("pipe");
        symlink(format!("/proc/self/fd/{fd}"), &pipe).unwrap();
        create(&pipe).unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn planted_files_are_refused() {
        let folder = folder("planted");
        let file = folder.join("file");
        fs::write(&file, "").unwrap();
        let (here, file) = (folder.metadata().unwrap(), file.metadata().unwrap());
        let user = here.uid();
        let shared = |owner| Folder { owner, shared: true, ..Folder::of(&folder).unwrap() };
        shared(user + 1).trusts(&file, user).unwrap();
        shared(user).trusts(&file, user + 1).unwrap();
        shared(user + 1).trusts(&file, user + 2).unwrap_err();
        let private = Folder { shared: false, ..shared(user + 1) };
        private.trusts(&file, user + 2).unwrap();
        fs::hard_link(folder.join("file"), folder.join("other")).unwrap();
        shared(user).trusts(&folder.join("file").metadata().unwrap(), user).unwrap_err();
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn root_follows_no_planted_link() {
        if !geteuid().is_root() {
            return;
        }
        let folder = folder("sticky");
        let [secret, link] = ["secret", "link"].map(|name| folder.join(name));
        let shared = folder.join("shared");
        fs::create_dir(&shared).unwrap();
        fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
        fs::write(&secret, "secret").unwrap();
        let planted = shared.join("planted");
        symlink(&secret, &planted).unwrap();
        lchown(&planted, Some(1000), None).unwrap();
        // A link to a link.
        symlink(&planted, &link).unwrap();
        for path in [&planted, &link] {
            assert_eq!(create(path).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        }
        let own = shared.join("own");
        fs::write(&own, "content").unwrap();
        create(&own).unwrap();
        chown(&own, Some(1000), None).unwrap();
        assert_eq!(create(&own).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
        fs::remove_dir_all(&folder).unwrap();
    }
}
