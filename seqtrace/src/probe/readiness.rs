//! Waiting for the ring: the one place in user space that needs `unsafe`.
#![expect(unsafe_code, reason = "tokio asks for a promise about the descriptor's lifetime")]

use std::io;

use aya::maps::{MapData, RingBuf};
use tokio::io::{Interest, unix::AsyncFd};

/// The ring, to be awaited until the programs wake us.
///
/// # Errors
/// The descriptor cannot be polled.
pub(super) fn awaitable(ring: RingBuf<MapData>) -> io::Result<AsyncFd<RingBuf<MapData>>> {
    // SAFETY: a RingBuf owns its map's descriptor and neither closes nor replaces it while it lives;
    // its `as_raw_fd` always names that one.
    let registered = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) };
    registered.map_err(io::Error::from)
}
