//! Where rendered bytes go: standard output or a file for data, standard error for the rest.

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::Path,
};

use crate::{exit::Refusal, render::Output};

/// The two places.
#[derive(Debug)]
pub struct Writer {
    data: Data,
    /// Something was written.
    begun: bool,
    /// Nobody reads the data any more.
    closed: bool,
}

#[derive(Debug)]
enum Data {
    Stdout,
    File(File),
    /// There is none; whether standard output is somebody else's.
    None {
        stdout_is_free: bool,
    },
}

impl Writer {
    /// Writes what is all there is to say to standard output; that nobody reads on is no error.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn print(data: Vec<u8>) -> anyhow::Result<()> {
        let mut output = Output { data, status: Vec::new() };
        Self::open(None)?.write(&mut output)?;
        Ok(())
    }

    /// Opens the file, or takes standard output.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn open(file: Option<&Path>) -> Result<Self, Refusal> {
        let data = match file {
            None => Data::Stdout,
            Some(path) => Data::File(File::create(path).map_err(|error| {
                Refusal::usage(
                    format!("cannot write {}: {error}", path.display()),
                    "name a file in a folder that exists and that you may write to: -o FILE",
                )
            })?),
        };
        Ok(Self { data, begun: false, closed: false })
    }

    /// For what has no data, only status. `stdout_is_free` says that others may write to standard
    /// output.
    pub fn nowhere(stdout_is_free: bool) -> Self {
        Self { data: Data::None { stdout_is_free }, begun: false, closed: false }
    }

    /// True if data goes to a terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self.data, Data::Stdout) && io::stdout().is_terminal()
    }

    /// True if others may write to standard output: our data does not go there.
    pub fn leaves_stdout(&self) -> bool {
        matches!(self.data, Data::File(_) | Data::None { stdout_is_free: true })
    }

    /// Writes what there is and clears it. False when the reader of the data is gone (`| head`).
    ///
    /// # Errors
    /// The data cannot be written: a full disk, say. What goes to standard error is only an attempt.
    pub fn write(&mut self, output: &mut Output) -> io::Result<bool> {
        // What is said first, the header, comes before the first data; what is said last behind the last.
        if !self.begun {
            self.begun = !output.data.is_empty();
            Self::say(output);
        }
        if !output.data.is_empty() && !self.closed {
            let result = match &mut self.data {
                Data::Stdout => {
                    let mut stdout = io::stdout().lock();
                    stdout.write_all(&output.data).and_then(|()| stdout.flush())
                }
                Data::File(file) => file.write_all(&output.data),
                Data::None { .. } => Ok(()),
            };
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
                Err(error) => return Err(error),
            }
        }
        output.data.clear();
        Self::say(output);
        Ok(!self.closed)
    }

    fn say(output: &mut Output) {
        if !output.status.is_empty() {
            let _unwritten = io::stderr().write_all(&output.status);
            output.status.clear();
        }
    }
}
