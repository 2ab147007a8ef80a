//! Files that are opened with `--force` only.

use std::{os::unix::ffi::OsStrExt, path::Path};

/// File names, each with the reason: opening or reading the file changes it, or only one process may open it.
const DENYLIST: &[(&str, &str)] = &[
    ("kmsg", "a consuming stream"),
    ("trace_pipe", "a consuming stream"),
    ("trace_pipe_raw", "a consuming stream"),
    ("snapshot_raw", "a consuming stream"),
    ("event", "only one process may open it at a time"),
];

/// Returns the reason why a file of this name must not be opened; `None` if it may be opened.
pub(crate) fn reason(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.as_bytes();
    DENYLIST.iter().find(|(denied, _)| denied.as_bytes() == name).map(|(_, reason)| *reason)
}
