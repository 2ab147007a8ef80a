//! Distinguishes successive loads of a module.

use std::{os::unix::fs::MetadataExt, path::Path};

/// Returns a number that is unique among the loads of a module: the inode number of its folder in /sys/module, which is
/// created anew at each load. `None` if the module is not loaded.
pub(super) fn of(module: &str) -> Option<u64> {
    let folder = Path::new("/sys/module").join(module);
    std::fs::metadata(folder).ok().map(|folder| folder.ino())
}
