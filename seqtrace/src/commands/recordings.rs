//! Recordings as files, and how their errors are told.

use std::{
    fs::File,
    io::{self, BufReader, IsTerminal, Read, Write},
    path::Path,
};

use crate::{
    exit::Refusal,
    recording::{ReadError, Reader},
};

/// Creates a recording; `-` is standard output.
pub(super) fn create(path: &Path) -> Result<Box<dyn Write>, Refusal> {
    if is_stdio(path) {
        let stdout = io::stdout();
        if stdout.is_terminal() {
            return Err(Refusal::usage(
                "a recording is not for a terminal",
                "name a file: -o FILE, or a reader: | seqtrace replay -",
            ));
        }
        return Ok(Box::new(stdout));
    }
    let file = File::create(path).map_err(|error| {
        Refusal::usage(
            format!("cannot write {}: {error}", path.display()),
            "name a file in a folder that exists and that you may write to",
        )
    })?;
    Ok(Box::new(file))
}

/// Opens a recording; `-` is standard input.
pub(super) fn open(path: &Path) -> Result<Reader<Box<dyn Read>>, Refusal> {
    let input: Box<dyn Read> = if is_stdio(path) {
        Box::new(io::stdin())
    } else {
        let file = File::open(path).map_err(|error| unreadable(path, &error.into()))?;
        Box::new(BufReader::new(file))
    };
    Reader::open(input).map_err(|error| unreadable(path, &error))
}

/// An error of a recording, and what to do about it.
pub(super) fn unreadable(path: &Path, error: &ReadError) -> Refusal {
    let remedy = match error {
        ReadError::Io(_) => "name a file that exists and that you may read",
        ReadError::Foreign => "make one with: seqtrace record TARGET -o FILE",
        ReadError::Headless => "nothing was recorded: record again",
        ReadError::TooNew(_) => "read it with that version of seqtrace",
        ReadError::Damaged(_) => {
            "what was shown before is right; the rest cannot be trusted: copy or record it again"
        }
    };
    Refusal::recording(format!("{} {error}", name(path)), remedy)
}

/// A recording's name in a message.
pub(super) fn name(path: &Path) -> String {
    if is_stdio(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// True for `-`.
pub(super) fn is_stdio(path: &Path) -> bool {
    path.as_os_str() == "-"
}
