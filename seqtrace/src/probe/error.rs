//! What can go wrong at the boundary, and in which words it is told.

use aya::{maps::MapError, programs::ProgramError};
use thiserror::Error;

use crate::exit::UserError;

/// Why tracing could not be set up.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The kernel refused the programs or a map.
    #[error("cannot load the eBPF programs: {0}")]
    Load(String),
    /// The kernel's BTF could not be read.
    #[error("cannot read the kernel's BTF: {0}")]
    Btf(String),
    /// The kernel refused a probe.
    #[error("cannot attach to {target}: {reason}")]
    Attach {
        /// The function or address.
        target: String,
        /// Why.
        reason: String,
    },
    /// The programs lack something that this version of user space expects.
    #[error("the eBPF object has no {0}: it does not belong to this version")]
    Missing(&'static str),
    /// The log of the programs could not be opened.
    #[error("cannot read the programs' log: {0}")]
    Log(#[from] aya_log::Error),
    /// A map could not be read or written.
    #[error("map {map}: {source}")]
    Map {
        /// Its name.
        map: &'static str,
        /// Why.
        source: MapError,
    },
}

impl From<ProbeError> for UserError {
    fn from(error: ProbeError) -> Self {
        Self::environment(error.to_string(), "`seqtrace doctor` tells what this machine lacks")
    }
}

/// Lines of an error that are shown from its beginning and its end: the verifier's log has thousands.
const ERROR_LINES: (usize, usize) = (2, 8);

/// An error and what caused it, shortened in the middle.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let text = causes(error);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let (head, tail) = ERROR_LINES;
    if lines.len() <= head + tail + 1 {
        return lines.join("\n");
    }
    let cut = lines.len() - head - tail;
    let (first, last) = (&lines[..head], &lines[lines.len() - tail..]);
    format!(
        "{}\n  … {cut} lines of the kernel's log left out …\n{}",
        first.join("\n"),
        last.join("\n")
    )
}

/// An error and what caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

/// Why the kernel refuses a kprobe on a callback, in words.
pub(super) fn why(error: &ProgramError) -> String {
    let errno = match error {
        ProgramError::SyscallError(error) => error.io_error.raw_os_error(),
        _ => None,
    };
    match errno {
        // check_kprobe_address_safe() and ftrace's own functions (kernel/kprobes.c, 6.12).
        Some(22) => "the kernel does not allow probes there (notrace or blacklisted)".to_owned(),
        Some(2) => "there is no code at that address (module unloaded?)".to_owned(),
        _ => chain(error),
    }
}
