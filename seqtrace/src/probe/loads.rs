//! Which load of a module is in the kernel now.

use std::{os::unix::fs::MetadataExt, path::Path};

/// A number that no other load of this module has: its folder in /sys/module is made anew each time. `None`
/// for a module that is not there.
pub(super) fn of(module: &str) -> Option<u64> {
    let folder = Path::new("/sys/module").join(module);
    std::fs::metadata(folder).ok().map(|folder| folder.ino())
}
