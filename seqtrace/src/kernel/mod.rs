//! What seqtrace knows of the kernel it runs on, read from /proc and /sys: no probe, no aya.
//!
//! Each file has a pure part (bytes in, values out), tested anywhere, and a thin edge that reads.

pub mod btf;
pub mod doctor;
pub mod facts;
pub mod kallsyms;
pub mod mounts;
pub mod openers;
pub mod preflight;
pub mod sites;
pub mod symbols;
pub mod text;

/// The running kernel's release, as `uname -r` prints it; `?` where /proc does not tell.
pub fn release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "?".into(), |release| release.trim_end().to_owned())
}
