//! Text that is most often what it was the last time.

use super::{Text, read};

/// What is often the same several times in a row, and its text. Making it once takes as long as
/// copying it ten times. Of the columns that it fills nothing is known: it is ASCII, or these are set.
pub(in super::super) struct Memo<K, const N: usize> {
    of: Option<K>,
    text: [u8; N],
    length: usize,
}

impl<K, const N: usize> Default for Memo<K, N> {
    fn default() -> Self {
        Self { of: None, text: [0; N], length: 0 }
    }
}

impl<K: Copy + PartialEq, const N: usize> Memo<K, N> {
    /// Writes it, by `make` if it is another than the last time, or its text is longer than `N`.
    #[inline]
    pub(in super::super) fn put(
        &mut self,
        text: &mut Text<'_>,
        of: K,
        make: impl FnOnce(&mut Text<'_>),
    ) {
        if self.of == Some(of) {
            text.put_some(&self.text, self.length);
        } else {
            let start = text.end;
            make(text);
            // All of it and whatever is behind.
            self.text = read(text.bytes, start);
            self.length = text.end - start;
            self.of = (self.length <= N).then_some(of);
        }
    }
}
