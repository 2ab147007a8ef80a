//! Writes rendered output: data to standard output or a file, status to standard error.

pub(crate) mod file;

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::Path,
};

use crate::{exit::UserError, render::Output};

/// Writes data to its destination and status to standard error.
#[derive(Debug)]
pub struct Writer {
    data_sink: DataSink,
    /// True if data was written.
    begun: bool,
    /// True if the reader of the data has closed the pipe.
    closed: bool,
}

/// Destination of the data.
#[derive(Debug)]
enum DataSink {
    Stdout,
    File(File),
    /// All data is dropped.
    None {
        /// True if the traced command may write to standard output.
        stdout_is_free: bool,
    },
}

impl Writer {
    /// Writes `data` to standard output. A closed pipe is not an error.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn print(data: Vec<u8>) -> anyhow::Result<()> {
        let mut output = Output { data, status: Vec::new() };
        Self::open(None)?.write(&mut output)?;
        Ok(())
    }

    /// Creates the file; `None`: standard output.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self, UserError> {
        let data_sink = match file {
            None => DataSink::Stdout,
            Some(path) => DataSink::File(file::create_output(path)?),
        };
        Ok(Self { data_sink, begun: false, closed: false })
    }

    /// Creates a writer that drops all data and writes only status. `stdout_is_free`: the traced command may write to
    /// standard output.
    pub(crate) fn status_only(stdout_is_free: bool) -> Self {
        Self { data_sink: DataSink::None { stdout_is_free }, begun: false, closed: false }
    }

    /// Returns true if the data is written to a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self.data_sink, DataSink::Stdout) && io::stdout().is_terminal()
    }

    /// Returns true if the traced command may write to standard output, because the data is not written
    /// there.
    pub(crate) fn leaves_stdout(&self) -> bool {
        matches!(self.data_sink, DataSink::File(_) | DataSink::None { stdout_is_free: true })
    }

    /// Writes the output and clears it. Returns false if the reader of the data has closed the pipe
    /// (`| head`).
    ///
    /// # Errors
    /// The data cannot be written (disk full). Errors of standard error are ignored.
    pub(crate) fn write(&mut self, output: &mut Output) -> io::Result<bool> {
        // The header comes before the first data, all later status after the data.
        if !self.begun {
            self.begun = !output.data.is_empty();
            Self::write_status(output);
        }
        if !output.data.is_empty() && !self.closed {
            let result = match &mut self.data_sink {
                DataSink::Stdout => {
                    let mut stdout = io::stdout().lock();
                    stdout.write_all(&output.data).and_then(|()| stdout.flush())
                }
                DataSink::File(file) => file.write_all(&output.data),
                DataSink::None { .. } => Ok(()),
            };
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
                Err(error) => return Err(error),
            }
        }
        output.data.clear();
        Self::write_status(output);
        Ok(!self.closed)
    }

    fn write_status(output: &mut Output) {
        if !output.status.is_empty() {
            let _unwritten = io::stderr().write_all(&output.status);
            output.status.clear();
        }
    }
}
