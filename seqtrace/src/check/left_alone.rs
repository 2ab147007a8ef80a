//! Files that are not opened unless the user insists.

use std::{os::unix::ffi::OsStrExt, path::Path};

/// Files that opening or reading changes, or that only one may open at a time, by name.
const LEFT_ALONE: &[(&str, &str)] = &[
    ("kmsg", "a consuming stream"),
    ("trace_pipe", "a consuming stream"),
    ("trace_pipe_raw", "a consuming stream"),
    ("snapshot_raw", "a consuming stream"),
    ("event", "only one may open it at a time"),
];

/// Why a file of this name is left alone, if it is.
pub fn why(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.as_bytes();
    LEFT_ALONE.iter().find(|(left, _)| left.as_bytes() == name).map(|(_, why)| *why)
}
