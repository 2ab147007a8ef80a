//! The end of a session: the release functions and failed opens. A release function is probed on its entry, because it
//! frees the seq_file. All three are probed: the compiler inlines seq_release() into the other two.

use aya_ebpf::{
    macros::{fentry, kprobe},
    programs::{FEntryContext, ProbeContext},
};
use seqtrace_common::wire::{FLAG_REMOVED, Kind, OpenFailed, Release, via};

use crate::{
    batch,
    config::config,
    emit::emit,
    frames::{self, Function},
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

/// Like [`seq`], where the returns of reads and lseeks are probed by kretprobes.
#[inline(always)]
fn seq_without_trampolines(ctx: &ProbeContext, which: u8) -> u32 {
    let file = kernel::arg(ctx, 1);
    let m = kernel::private_data(file);
    if session::traced(m).is_some() {
        frames::released(Function::SeqReadIter, m);
        frames::released(Function::SeqLseek, m);
    }
    seq(file, which)
}

/// Defines a program for the entry of a release function with the arguments `(struct inode *inode, struct file *file)`,
/// and its twin.
macro_rules! release {
    ($function:literal, $name:ident, $twin:ident, $which:expr) => {
        #[fentry(function = $function)]
        pub(crate) fn $name(ctx: FEntryContext) -> u32 {
            seq(ctx.arg(1), $which)
        }

        #[kprobe]
        pub(crate) fn $twin(ctx: ProbeContext) -> u32 {
            seq_without_trampolines(&ctx, $which)
        }
    };
}

release!("seq_release", seq_release, seq_release_kprobe, via::SEQ_RELEASE);
release!("single_release", single_release, single_release_kprobe, via::SINGLE_RELEASE);
release!(
    "seq_release_private",
    seq_release_private,
    seq_release_private_kprobe,
    via::SEQ_RELEASE_PRIVATE
);
