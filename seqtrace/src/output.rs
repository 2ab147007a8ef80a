//! Writes rendered output: data to standard output or a file, status to standard error.

pub(crate) mod background;
pub(crate) mod file;
pub(crate) mod progress;
#[cfg(any(feature = "export", feature = "html"))]
pub(crate) mod replacement;

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    path::Path,
};

use anyhow::Context;

use self::background::{Background, Stream};
use crate::{
    cli::values::Width,
    exit::UserError,
    render::{Output, Size},
};

/// Indices of the streams that the thread of a [`Writer`] writes to.
const DATA: usize = 0;
const STATUS: usize = 1;

/// Writes data to its destination and status to standard error.
#[derive(Debug)]
pub struct Writer {
    data_sink: DataSink,
    /// True if data was written.
    begun: bool,
    /// True if the reader of the data has closed the pipe.
    closed: bool,
    /// Width of the data in columns. `None`: lines have any length.
    width: Option<u16>,
    /// True if `width` is that of the terminal, which may change.
    follows_terminal: bool,
    /// The thread that writes; `None` if [`Self::write`] does it.
    background: Option<Background>,
}

/// Destinations of a trace, each with a thread that writes.
pub(crate) struct Destinations {
    pub(crate) writer: Writer,
    /// `None` if the trace is not recorded.
    pub(crate) recording: Option<Background>,
}

impl Destinations {
    /// Starts the threads. `recording`: stream of the recording, if there is one.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(crate) fn start(writer: Writer, recording: Option<Stream>) -> io::Result<Self> {
        let recording = recording.map(|stream| Background::start(vec![stream])).transpose()?;
        Ok(Self { writer: writer.in_background()?, recording })
    }

    fn all(&self) -> impl Iterator<Item = &Background> {
        self.writer.background.iter().chain(&self.recording)
    }

    /// Returns true if no event should be fetched until bytes were written.
    pub(crate) fn are_full(&self) -> bool {
        self.all().any(Background::is_full)
    }

    /// Completes when no destination is full.
    pub(crate) async fn space(&self) {
        for background in self.all() {
            background.space().await;
        }
    }

    /// Blocks while a destination is full. `blocked` is called if a reader takes nothing for a second.
    pub(crate) fn wait_for_space(&self, blocked: &dyn Fn()) {
        self.all().for_each(|background| background.wait_for_space(blocked));
    }

    /// Blocks until everything is written, or nothing was for a second.
    pub(crate) fn settle(&self) {
        self.all().for_each(Background::settle);
    }

    /// Blocks until everything is written. `blocked` is called if a reader takes nothing for a second.
    ///
    /// # Errors
    /// The data or the recording cannot be written.
    pub(crate) fn finish(&self, blocked: &dyn Fn()) -> anyhow::Result<()> {
        // The recording first: it is complete even if the user does not wait for the reader of the data.
        let recorded = self.recording.as_ref().map(|recording| recording.finish(blocked));
        let written = self.writer.background.as_ref().map(|data| data.finish(blocked));
        recorded.transpose().context("cannot write the recording")?;
        written.transpose().context("cannot write the output")?;
        Ok(())
    }
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

    /// Creates the file; `None` or `-`: standard output.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self, UserError> {
        let data_sink = match file.filter(|path| path.as_os_str() != "-") {
            None => DataSink::Stdout,
            Some(path) => DataSink::File(file::create_output(path)?),
        };
        Ok(Self::new(data_sink))
    }

    /// Creates a writer that drops all data and writes only status. `stdout_is_free`: the traced command may write to
    /// standard output.
    pub(crate) fn status_only(stdout_is_free: bool) -> Self {
        Self::new(DataSink::None { stdout_is_free })
    }

    fn new(data_sink: DataSink) -> Self {
        Self {
            data_sink,
            begun: false,
            closed: false,
            width: None,
            follows_terminal: false,
            background: None,
        }
    }

    /// Sets the width of the data. `None`: that of the terminal, if there is one.
    pub(crate) fn with_width(mut self, wanted: Option<Width>) -> Self {
        self.follows_terminal = wanted.is_none() && self.is_terminal();
        self.width = match wanted {
            Some(Width::Columns(columns)) => Some(columns),
            None if self.follows_terminal => terminal(io::stdout()).map(|size| size.columns),
            Some(Width::None) | None => None,
        };
        self
    }

    /// Returns the width of the data in columns; `None`: lines have any length.
    pub(crate) fn width(&self) -> Option<u16> {
        self.width
    }

    /// Returns the size of the terminal to which the data is written. `None`: it is unknown, or there is no terminal.
    pub(crate) fn terminal(&self) -> Option<Size> {
        self.is_terminal().then(|| terminal(io::stdout())).flatten()
    }

    /// Returns the size of the terminal if its width has changed since the last call.
    ///
    /// Called before each batch of lines. It asks the kernel, one ioctl(2), so that no handler of SIGWINCH is needed.
    pub(crate) fn changed_size(&mut self) -> Option<Size> {
        if !self.follows_terminal {
            return None;
        }
        let size = terminal(io::stdout())?;
        let before = self.width.replace(size.columns);
        (before != Some(size.columns)).then_some(size)
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

    /// Lets a thread write from now on, so that no reader blocks [`Self::write`].
    ///
    /// # Errors
    /// The thread cannot be started.
    fn in_background(mut self) -> io::Result<Self> {
        let data: Stream = match &self.data_sink {
            DataSink::Stdout => Box::new(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
            DataSink::File(file) => Box::new(file.try_clone()?),
            DataSink::None { .. } => Box::new(io::sink()),
        };
        self.background = Some(Background::start(vec![data, Box::new(io::stderr())])?);
        Ok(self)
    }

    /// Writes the output and clears it. Returns false if the reader of the data has closed the pipe
    /// (`| head`).
    ///
    /// # Errors
    /// The data cannot be written (disk full). Errors of standard error are ignored. A thread reports them later.
    pub(crate) fn write(&mut self, output: &mut Output) -> io::Result<bool> {
        // The header comes before the first data, all later status after the data.
        if !self.begun {
            self.begun = !output.data.is_empty();
            self.write_status(output);
        }
        if let Some(background) = &self.background {
            background.push(DATA, &mut output.data);
            self.closed = !background.is_open()?;
        } else if !output.data.is_empty() && !self.closed {
            match self.write_data(&output.data) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
                Err(error) => return Err(error),
            }
        }
        output.data.clear();
        self.write_status(output);
        Ok(!self.closed)
    }

    fn write_data(&mut self, data: &[u8]) -> io::Result<()> {
        match &mut self.data_sink {
            DataSink::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(data).and_then(|()| stdout.flush())
            }
            DataSink::File(file) => file.write_all(data),
            DataSink::None { .. } => Ok(()),
        }
    }

    fn write_status(&self, output: &mut Output) {
        if let Some(background) = &self.background {
            background.push(STATUS, &mut output.status);
        } else if !output.status.is_empty() {
            let _unwritten = io::stderr().write_all(&output.status);
            output.status.clear();
        }
    }
}

/// Returns the size of a terminal; `None`: it is unknown, or the descriptor is no terminal.
pub(crate) fn terminal(stream: impl AsFd) -> Option<Size> {
    let (columns, rows) = terminal_size::terminal_size_of(stream)?;
    Some(Size { columns: columns.0, rows: rows.0 })
}

impl Drop for Writer {
    /// Lets the thread write what it can: after an error the process ends.
    fn drop(&mut self) {
        if let Some(background) = &self.background {
            background.settle();
        }
    }
}
