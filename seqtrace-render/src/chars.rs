//! A few characters in an array, so that they can be copied without a call of memcpy().

/// The first `length` of `N` bytes. The others have any value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chars<const N: usize> {
    pub(super) bytes: [u8; N],
    pub(super) length: usize,
}

impl<const N: usize> Chars<N> {
    /// Takes the characters of `text`, which has at most `N` bytes.
    pub(super) const fn new(text: &str) -> Self {
        let (text, mut bytes) = (text.as_bytes(), [0; N]);
        bytes.split_at_mut(text.len()).0.copy_from_slice(text);
        Self { bytes, length: text.len() }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
