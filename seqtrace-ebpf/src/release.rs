//! The end of a session: the release functions and failed opens. A release function is probed on its entry, because it
//! frees the seq_file. All three are probed: the compiler inlines seq_release() into the other two.

use aya_ebpf::{macros::fentry, programs::FEntryContext};
use seqtrace_common::wire::{FLAG_REMOVED, Kind, OpenFailed, Release, via};

use crate::{
    batch,
    config::config,
    emit::emit,
    kernel::{self, field},
    maps::SESSION,
    session,
};

/// Emits the release of a file, if it is traced, and removes the file. `which` is one of [`via`].
#[inline(always)]
pub(crate) fn end(id: u64, file: u64, which: u8, private: u64) {
    let Some(state) = SESSION.get_ptr(id) else { return };
    // SAFETY: an element of the map; no other task uses a file that is being released.
    let key = unsafe { (*state).key };
    if key != 0 {
        batch::flush_session(id, key);
        let (_, tid) = kernel::ids();
        let references: i64 = field(file, config!(offsets.file_references));
        let one = i64::from(config!(offsets.file_one_reference));
        let removed = if references >= one { FLAG_REMOVED } else { 0 };
        emit(Kind::Release, which | removed, |head| Release { head, session: key, tid, private });
    }
    session::remove(id, key);
}

/// Ends the session of a seq_file whose open returned the error `ret`. Removes the file also if it is known and not
/// traced.
#[inline(always)]
pub(crate) fn open_failed(m: u64, ret: i32) {
    let Some(state) = SESSION.get_ptr(m) else { return };
    // SAFETY: an element of the map; the task that opens is the only user of the file.
    let session = unsafe { (*state).key };
    if session != 0 {
        let (_, tid) = kernel::ids();
        emit(Kind::OpenFailed, 0, |head| OpenFailed { head, session, tid, ret, pad: 0 });
    }
    session::remove(m, session);
}

/// Ends the session of a seq file.
#[inline(always)]
fn seq(file: u64, which: u8) -> u32 {
    let m = kernel::private_data(file);
    end(m, file, which, field(m, config!(offsets.seq_file_private)));
    0
}

/// Handles the entry of `int seq_release(struct inode *inode, struct file *file)`.
#[fentry(function = "seq_release")]
pub(crate) fn seq_release(ctx: FEntryContext) -> u32 {
    seq(ctx.arg(1), via::SEQ_RELEASE)
}

/// Handles the entry of `int single_release(struct inode *inode, struct file *file)`.
#[fentry(function = "single_release")]
pub(crate) fn single_release(ctx: FEntryContext) -> u32 {
    seq(ctx.arg(1), via::SINGLE_RELEASE)
}

/// Handles the entry of `int seq_release_private(struct inode *inode, struct file *file)`.
#[fentry(function = "seq_release_private")]
pub(crate) fn seq_release_private(ctx: FEntryContext) -> u32 {
    seq(ctx.arg(1), via::SEQ_RELEASE_PRIVATE)
}
