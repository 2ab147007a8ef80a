//! Kinds of files whose open function a module may provide, and the functions of the kernel that call it.
//!
//! Probes on the returns of these functions record opens that fail after `seq_open()` has succeeded. Each function adds
//! to the time of attaching and detaching, so a trace of known files attaches only to the functions that open them.

use std::{io, os::unix::fs::FileTypeExt, path::Path};

use nix::sys::statfs::{DEBUGFS_MAGIC, PROC_SUPER_MAGIC, statfs};

use super::functions::{AttachType, ProbeSpec, probe_spec};
use crate::event::Open;

/// A kind of file whose open function a module may provide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opens {
    Procfs,
    Debugfs,
    /// Character devices, including misc devices.
    CharacterDevice,
}

impl Opens {
    pub(crate) const ALL: &'static [Self] = &[Self::Procfs, Self::Debugfs, Self::CharacterDevice];

    /// Returns the kind of a file, `None` for a file whose open function belongs to the kernel.
    ///
    /// # Errors
    /// The file cannot be found.
    pub(crate) fn of(path: &Path) -> io::Result<Option<Self>> {
        if std::fs::metadata(path)?.file_type().is_char_device() {
            return Ok(Some(Self::CharacterDevice));
        }
        Ok(match statfs(path)?.filesystem_type() {
            PROC_SUPER_MAGIC => Some(Self::Procfs),
            DEBUGFS_MAGIC => Some(Self::Debugfs),
            _ => None,
        })
    }

    /// Returns the probes on the functions that call the open function of a file of this kind. No kernel has all of
    /// these functions.
    pub(super) fn probes(self) -> &'static [ProbeSpec] {
        match self {
            Self::Procfs => PROCFS,
            Self::Debugfs => DEBUGFS,
            Self::CharacterDevice => CHARACTER_DEVICE,
        }
    }
}

const PROCFS: &[ProbeSpec] =
    &[probe_spec("proc_reg_open_failed", "proc_reg_open", AttachType::Fexit, false)];
const DEBUGFS: &[ProbeSpec] = &[
    probe_spec("full_proxy_open_failed", "full_proxy_open", AttachType::Fexit, false),
    probe_spec(
        "full_proxy_open_regular_failed",
        "full_proxy_open_regular",
        AttachType::Fexit,
        false,
    ),
    probe_spec("open_proxy_open_failed", "open_proxy_open", AttachType::Fexit, false),
];
const CHARACTER_DEVICE: &[ProbeSpec] =
    &[probe_spec("chrdev_open_failed", "chrdev_open", AttachType::Fexit, false)];

/// Returns true if bpf_seq_read() may read the file: an iterator's descriptor (bpf_iter_new_fd(),
/// kernel/bpf/bpf_iter.c), or a file of bpffs, where iterators are pinned.
pub(super) fn is_iterator(open: &Open) -> bool {
    // `BPF_FS_MAGIC` and `ANON_INODE_FS_MAGIC` (include/uapi/linux/magic.h).
    const BPF_FS: u32 = 0xcafe_4a11;
    const ANON_INODE_FS: u32 = 0x0904_1934;
    match open.magic {
        BPF_FS => true,
        ANON_INODE_FS => open.components.last().is_some_and(|name| name.ends_with(b"bpf_iter")),
        _ => false,
    }
}

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
