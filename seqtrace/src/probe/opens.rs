//! Kinds of files whose open function a module may provide, and the functions of the kernel that call it.
//!
//! An open that fails after `seq_open()` has succeeded is seen when they return. Each function adds to the time that it
//! takes to attach and to detach, so a trace of known files attaches only to those that open them.

use std::{io, os::unix::fs::FileTypeExt, path::Path};

use nix::sys::statfs::{DEBUGFS_MAGIC, PROC_SUPER_MAGIC, statfs};

use super::functions::{Frame, How, frame};

/// A kind of file whose open function a module may provide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    /// Files of procfs.
    Procfs,
    /// Files of debugfs.
    Debugfs,
    /// Character devices, misc devices among them.
    CharacterDevice,
}

impl Opens {
    /// All kinds.
    pub const ALL: &'static [Self] = &[Self::Procfs, Self::Debugfs, Self::CharacterDevice];

    /// Returns the kind of a file, `None` for a file whose open function belongs to the kernel.
    ///
    /// # Errors
    /// The file cannot be found.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        if std::fs::metadata(path)?.file_type().is_char_device() {
            return Ok(Some(Self::CharacterDevice));
        }
        Ok(match statfs(path)?.filesystem_type() {
            PROC_SUPER_MAGIC => Some(Self::Procfs),
            DEBUGFS_MAGIC => Some(Self::Debugfs),
            _ => None,
        })
    }

    /// Returns the functions that call the open function of such a file. No kernel has all of them.
    pub(super) fn frames(self) -> &'static [Frame] {
        match self {
            Self::Procfs => PROCFS,
            Self::Debugfs => DEBUGFS,
            Self::CharacterDevice => CHARACTER_DEVICE,
        }
    }
}

const PROCFS: &[Frame] = &[frame("proc_reg_open_failed", "proc_reg_open", How::Fexit, false)];
const DEBUGFS: &[Frame] = &[
    frame("full_proxy_open_failed", "full_proxy_open", How::Fexit, false),
    frame("full_proxy_open_regular_failed", "full_proxy_open_regular", How::Fexit, false),
    frame("open_proxy_open_failed", "open_proxy_open", How::Fexit, false),
];
const CHARACTER_DEVICE: &[Frame] = &[frame("chrdev_open_failed", "chrdev_open", How::Fexit, false)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_files() {
        let of = |path: &str| Opens::of(Path::new(path)).ok();
        assert_eq!(of("/proc/version"), Some(Some(Opens::Procfs)));
        assert_eq!(of("/dev/null"), Some(Some(Opens::CharacterDevice)));
        assert_eq!(of(env!("CARGO_MANIFEST_DIR")), Some(None));
        assert_eq!(of("/proc/no such file"), None);
    }
}
