//! Creates the guest's root file system: a cpio archive in the format "newc", which the kernel unpacks into memory
//! (Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! The archive is not compressed, because an emulated machine copies faster than it unpacks.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use walkdir::WalkDir;

use crate::arch::Arch;
use crate::{cross, sh};

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// Writer of an archive.
#[derive(Default)]
pub(crate) struct Initramfs {
    bytes: Vec<u8>,
    /// Inode number of the last entry; 0: no entry yet.
    inode: u32,
    directories: BTreeSet<PathBuf>,
}

impl Initramfs {
    /// Creates an archive with the files of every guest: busybox, users, mount points and `/init`.
    pub(crate) fn base(arch: &Arch) -> Result<Self> {
        let mut archive = Self::default();
        let own = ["/bin/busybox", "/usr/bin/busybox"]
            .into_iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
            .context("no busybox (package busybox-static)")?;
        // Debian configures busybox equally for all architectures, so that of this machine lists the applets.
        let applets = sh::output(Command::new(&own).arg("--list-full"))?;
        let busybox = if arch.is_foreign() { cross::busybox(arch)? } else { own };
        archive.file("bin/busybox", &fs::read(busybox)?, 0o755);
        for applet in applets.lines().filter(|applet| !applet.ends_with("bin/busybox")) {
            archive.link(applet, "/bin/busybox");
        }
        let mounts = ["proc", "sys", "dev", "tmp", "run", "root", "home/user", "modules", "add"];
        for dir in mounts.into_iter().chain(["lib/ports", "var", "mnt", "usr/lib"]) {
            archive.directory(Path::new(dir));
        }
        archive.link("var/run", "/run");
        // The kernel opens it before /init has mounted anything (console_on_rootfs(), init/main.c).
        archive.entry("dev/console", CHARACTER_DEVICE | 0o600, &[], (5, 1));
        archive.file("init", include_bytes!("../guest/init"), 0o755);
        archive.file(
            "etc/passwd",
            b"root:x:0:0:root:/root:/bin/sh\n\
              user:x:1000:1000:an unprivileged user:/home/user:/bin/sh\n\
              nobody:x:65534:65534:nobody:/:/bin/false\n",
            0o644,
        );
        archive.file("etc/group", b"root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n", 0o644);
        archive.file("etc/shells", b"/bin/sh\n", 0o644);
        archive.file("etc/hosts", b"127.0.0.1 localhost guest\n", 0o644);
        Ok(archive)
    }

    /// Adds a file and the directories that contain it. `name` has no leading slash.
    pub(crate) fn file(&mut self, name: impl AsRef<Path>, bytes: &[u8], mode: u32) {
        self.entry(name, FILE | mode, bytes, (0, 0));
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, name: impl AsRef<Path>, to: impl AsRef<Path>) {
        self.entry(name, LINK | 0o777, to.as_ref().as_os_str().as_bytes(), (0, 0));
    }

    /// Adds the file or directory tree `from` as `name`.
    pub(crate) fn tree(&mut self, name: &Path, from: &Path) -> Result<()> {
        for entry in WalkDir::new(from).follow_root_links(false) {
            let entry = entry?;
            let path = entry.path();
            let cannot = || format!("cannot read {}", path.display());
            let name: PathBuf = name.iter().chain(path.strip_prefix(from)?).collect();
            if entry.path_is_symlink() {
                self.link(name, fs::read_link(path).with_context(cannot)?);
            } else if entry.file_type().is_dir() {
                self.directory(&name);
            } else if entry.file_type().is_file() {
                let mode = entry.metadata()?.permissions().mode() & 0o7777;
                self.file(name, &fs::read(path).with_context(cannot)?, mode);
            }
        }
        Ok(())
    }

    /// Ends the archive and returns its bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[], (0, 0));
        self.bytes
    }

    fn directory(&mut self, name: &Path) {
        if name.as_os_str().is_empty() || !self.directories.insert(name.to_path_buf()) {
            return;
        }
        let mode = if name.starts_with("root") { 0o700 } else { 0o755 };
        self.entry(name, DIRECTORY | mode, &[], (0, 0));
    }

    fn entry(&mut self, name: impl AsRef<Path>, mode: u32, content: &[u8], device: (u32, u32)) {
        let name = name.as_ref();
        if let Some(parent) = name.parent() {
            self.directory(parent);
        }
        self.inode += 1;
        let owner = if name.starts_with("home/user") { 1000 } else { 0 };
        let links = if mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
        let name = name.as_os_str().as_bytes();
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let name_size = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
        self.bytes.extend(b"070701");
        let fields = [
            self.inode, mode, owner, owner, links, 0, size, 0, 0, device.0, device.1, name_size, 0,
        ];
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name);
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_is_readable_by_cpio_rules() {
        let mut archive = Initramfs::default();
        archive.file("a/b/c", b"hello", 0o640);
        archive.link("a/d", "/a/b/c");
        let bytes = archive.finish();

        let mut names = Vec::new();
        let mut at = 0;
        loop {
            assert_eq!(&bytes[at..at + 6], b"070701");
            let field = |n: usize| {
                let hex = std::str::from_utf8(&bytes[at + 6 + n * 8..at + 14 + n * 8]).unwrap();
                usize::from_str_radix(hex, 16).unwrap()
            };
            let (mode, size, name_size) = (field(1), field(6), field(11));
            let name = &bytes[at + 110..at + 110 + name_size - 1];
            let content = (at + 110 + name_size).next_multiple_of(4);
            let text = String::from_utf8_lossy(&bytes[content..content + size]).into_owned();
            at = (content + size).next_multiple_of(4);
            if name == b"TRAILER!!!" {
                break;
            }
            names.push((String::from_utf8_lossy(name).into_owned(), mode, text));
        }
        let expected = [
            ("a", 0o040_755, ""),
            ("a/b", 0o040_755, ""),
            ("a/b/c", 0o100_640, "hello"),
            ("a/d", 0o120_777, "/a/b/c"),
        ];
        let expected = expected.map(|(name, mode, text)| (name.to_owned(), mode, text.to_owned()));
        assert_eq!(names, expected);
    }
}
