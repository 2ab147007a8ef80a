//! A file of the machine: four closures.

/// The output buffer of a `seq_file`, which show and stop use.
pub struct Out<'a> {
    pub buf: &'a mut Vec<u8>,
    pub size: usize,
}

impl Out<'_> {
    /// Writes text as `seq_puts()` does: all or nothing; on overflow it fills the buffer.
    pub fn put(&mut self, text: &str) {
        if self.buf.len() + text.len() < self.size {
            self.buf.extend_from_slice(text.as_bytes());
        } else {
            self.buf.resize(self.size, b'?');
        }
    }

    /// Returns true after an overflow, as `seq_has_overflowed()` does.
    pub fn overflowed(&self) -> bool {
        self.buf.len() == self.size
    }
}

type Start = Box<dyn FnMut(&mut i64) -> u64>;
type Next = Box<dyn FnMut(u64, &mut i64) -> u64>;
type Show = Box<dyn FnMut(u64, &mut Out<'_>) -> i32>;
type Stop = Box<dyn FnMut(u64, &mut Out<'_>)>;

/// The callbacks of a file.
pub struct File {
    pub start: Start,
    pub next: Next,
    pub show: Show,
    pub stop: Stop,
    pub private: Box<dyn Fn() -> u64>,
    /// Returns the text that start() prints for a position; empty for a correct file.
    pub start_output: Box<dyn Fn(i64) -> &'static str>,
}
