//! Splits a guest's output, which arrives in pieces of any length, into lines.

use std::fs::File;
use std::io::{self, Write};

/// Writer that calls a function with each complete line.
///
/// Lines have no newline and no control character other than tabs, so a terminal can show them.
pub(crate) struct LineWriter<F> {
    /// Beginning of a line whose newline has not arrived yet.
    partial: Vec<u8>,
    on_line: F,
    /// File that gets all bytes as they arrive.
    log: Option<File>,
}

impl<F: FnMut(&str)> LineWriter<F> {
    pub(crate) fn new(on_line: F) -> Self {
        Self { partial: Vec::new(), on_line, log: None }
    }

    pub(crate) fn with_log(self, log: File) -> Self {
        Self { log: Some(log), ..self }
    }
}

impl<F: FnMut(&str)> Write for LineWriter<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(log) = &mut self.log {
            log.write_all(bytes)?;
        }
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        self.partial.extend(pieces.next().unwrap_or_default());
        for piece in pieces {
            let line = String::from_utf8_lossy(&self.partial);
            let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
            (self.on_line)(&line);
            self.partial.clear();
            self.partial.extend(piece);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_to_lines() {
        let mut lines = Vec::new();
        let mut writer = LineWriter::new(|line: &str| lines.push(line.to_owned()));
        for piece in ["on", "e\n\ntw\x1bo\t", "\r\n", "rest"] {
            writer.write_all(piece.as_bytes()).unwrap();
        }
        assert_eq!(lines, ["one", "", "two\t"]);
    }
}
