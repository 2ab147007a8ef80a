//! Progress of long work, as a bar on standard error. If that is no terminal, there is nothing.

use std::{fs::File, io::Read};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Size from which on the progress of reading a file is shown, bytes. Smaller recordings take less than a second.
const LONG: u64 = 4 << 20;

const FILES: &str = "[{bar:24}] {pos} of {len} files  {eta} left  {wide_msg}";
const READING: &str = "[{bar:24}] {percent}% of {total_bytes}  {eta} left";

/// A bar, which is removed when the work is done.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Creates progress that is never shown.
    pub(crate) fn none() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Shows the number of files that are done, the time that is left, and the name of the present file.
    pub(crate) fn of_files(count: usize) -> Self {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        Self::new(count, FILES)
    }

    /// Shows the share of a file that was read, and the time that is left, if the file is long.
    pub(crate) fn of_reading(file: &File) -> Self {
        match file.metadata() {
            Ok(metadata) if metadata.is_file() && metadata.len() >= LONG => {
                Self::new(metadata.len(), READING)
            }
            _ => Self::none(),
        }
    }

    fn new(length: u64, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        // Fails only for a template that is wrong.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(bar)
    }

    /// Returns a reader that advances the bar by the bytes that are read.
    pub(crate) fn reader(&self, file: File) -> impl Read + use<> {
        self.0.wrap_read(file)
    }

    /// Shows the name of the present file. `name`: fit for a terminal.
    pub(crate) fn begin(&self, name: String) {
        self.0.set_message(name);
        self.0.tick();
    }

    /// Counts the present file as done.
    pub(crate) fn advance(&self) {
        self.0.inc(1);
    }

    /// Removes the bar while `write` writes to the terminal.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_right_and_no_terminal_gets_nothing() {
        for progress in [Progress::of_files(3), Progress::new(10, "{percent}%")] {
            progress.begin("/proc/foo".to_owned());
            progress.advance();
            assert_eq!(progress.0.position(), 1);
            assert_eq!(progress.suspend(|| 7), 7);
        }
        for template in [FILES, READING] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
