//! Creates the files that seqtrace writes: data, reports, recordings and ready files.
//!
//! They hold kernel addresses and contents of files that other users may not read, so only their owner may read them: root,
//! or the user who called sudo, for a new file in a folder of theirs. And
//! seqtrace, as root, also writes to folders in which everyone may create files, such as /tmp: a file or a link of another
//! user may be there under the expected name. For such folders this module applies the rules of fs.protected_symlinks,
//! protected_hardlinks, protected_fifos and protected_regular (Documentation/admin-guide/sysctl/fs.rst), whatever the
//! values of these sysctls are.

use std::{
    ffi::OsStr,
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
    fcntl::{OFlag, openat, readlinkat},
    sys::{
        stat::Mode,
        statfs::{PROC_SUPER_MAGIC, fstatfs},
    },
    unistd::geteuid,
};

use crate::{
    exit::{Exit, UserError, shown},
    privileges,
};

/// Maximum number of symlinks to follow (`MAXSYMLINKS`, include/linux/namei.h).
pub(super) const MAX_LINKS: u32 = 40;
/// Permissions of groups and others.
const OTHERS: u32 = 0o077;

/// Creates the file of an option such as `-o`, or empties it if it exists.
///
/// # Errors
/// The file cannot be written, or another user may have planted it.
pub(crate) fn create_output(path: &Path) -> Result<File, UserError> {
    create(path).map_err(|error| cannot_write(path, &error))
}

pub(super) fn cannot_write(path: &Path, error: &io::Error) -> UserError {
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
pub(super) struct Folder {
    path: PathBuf,
    pub(super) fd: OwnedFd,
    owner: u32,
    /// True if several users may create files here and only their owners may rename and remove them.
    shared: bool,
}

impl Folder {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
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

    pub(super) fn open(&self, name: &OsStr, flags: OFlag) -> nix::Result<File> {
        openat(&self.fd, name, flags, Mode::S_IRUSR | Mode::S_IWUSR).map(File::from)
    }

    /// Gives a new file to the user who called sudo, if the folder is theirs.
    pub(super) fn give(&self, file: File) -> File {
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
    pub(super) fn trusts(&self, file: &Metadata, user: u32) -> io::Result<()> {
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
    pub(super) fn reuse(&self, file: File) -> io::Result<File> {
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
    pub(super) fn follow(&self, name: &OsStr) -> io::Result<ControlFlow<File, PathBuf>> {
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
pub(super) mod tests {
    use std::{
        fs,
        os::unix::fs::{chown, lchown, symlink},
    };

    use super::*;

    /// Creates an empty folder for a test.
    pub(crate) fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("seqtrace-{name}-{}", std::process::id()));
        let _fresh = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub(crate) fn mode(path: &Path) -> u32 {
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
