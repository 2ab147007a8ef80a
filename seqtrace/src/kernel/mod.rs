//! Facts about the running kernel, read from /proc and /sys: no probe, no aya.
//!
//! Each file has a pure part (bytes in, values out), which any machine can test, and a thin edge that
//! reads.

pub mod btf;
#[cfg(feature = "source")]
mod debug_files;
#[cfg(not(feature = "source"))]
#[path = "no_debug_files.rs"]
mod debug_files;
pub(crate) mod doctor;
pub(crate) mod facts;
pub(crate) mod ftrace;
pub mod kallsyms;
pub(crate) mod kprobes;
pub(crate) mod lines;
pub(crate) mod machine;
pub mod mounts;
pub(crate) mod openers;
pub mod preflight;
pub mod sites;
pub(crate) mod switches;
pub(crate) mod symbols;
pub(crate) mod tables;
pub mod text;

/// Returns the running kernel's release, as `uname -r` prints it; `?` if /proc does not show it.
pub fn release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "?".into(), |release| release.trim_end().to_owned())
}
