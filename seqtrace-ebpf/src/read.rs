//! Reads and seeks of a seq file: seq_read(), seq_read_iter(), seq_lseek().

use aya_ebpf::{
    EbpfContext,
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};
use seqtrace_common::wire::{
    FLAG_VIA_BPF, FLAG_VIA_OTHER, FLAG_VIA_SEQ_READ, Kind, LseekEnter, LseekExit, ReadEnter,
    ReadExit, open_flag,
};

use crate::{
    config::config,
    emit::{Wake, emit},
    kernel::{self, field},
    maps::Traversing,
    open::{self, Opening},
    session,
};

/// The open file of a `struct kiocb *` and its seq_file.
#[inline(always)]
fn seq_file_of(iocb: u64) -> (u64, u64) {
    let file: u64 = field(iocb, config!(offsets.kiocb_ki_filp));
    (file, kernel::private_data(file))
}

/// Whether it was seq_read() that called seq_read_iter().
///
/// A trampoline keeps its context, the arguments, at the bottom of its frame. Behind them are the value
/// returned (there is one, because a fexit program is attached before this), the frame pointer, the
/// address in seq_read_iter() that the trampoline returns to, and the one that seq_read_iter() returns to
/// (arch_prepare_bpf_trampoline(), arch/x86/net/bpf_jit_comp.c). A kernel that jumps to its trampolines
/// instead of calling them (since 6.19) has no address in seq_read_iter() there.
#[inline(always)]
fn via_seq_read(ctx: &FEntryContext) -> u8 {
    const ARGUMENTS: u32 = 2 * 8;
    let [_, _, third, fourth]: [u64; 4] = field(ctx.as_ptr() as u64, ARGUMENTS);
    let seq_read = config!(callers.seq_read);
    if seq_read.len == 0 {
        return 0;
    }
    let called = config!(callers.seq_read_iter).contains(third);
    let caller = if called { fourth } else { third };
    if seq_read.contains(caller) { FLAG_VIA_SEQ_READ } else { FLAG_VIA_OTHER }
}

/// `ssize_t seq_read_iter(struct kiocb *iocb, struct iov_iter *iter)` was entered. A file that was
/// open before seqtrace attached begins its session here.
#[fentry(function = "seq_read_iter")]
pub(crate) fn seq_read_iter_enter(ctx: FEntryContext) -> u32 {
    let iocb: u64 = ctx.arg(0);
    let iter: u64 = ctx.arg(1);
    let (file, m) = seq_file_of(iocb);
    let key = match session::traced(m) {
        Some(state) => state.key,
        None if session::known(m) => return 0,
        None => {
            match open::begin(&ctx, &Opening { file, m, ret: 0, flags: open_flag::ADOPTED, via: 0 })
            {
                Some(key) => key,
                None => return 0,
            }
        }
    };
    let flags = via_seq_read(&ctx);
    let pos: i64 = field(iocb, config!(offsets.kiocb_ki_pos));
    if let Some(state) = session::traced(m) {
        let read_pos: i64 = field(m, config!(offsets.seq_file_read_pos));
        let moved = pos != 0 && pos != read_pos;
        state.traversing = if moved { Traversing::YES } else { Traversing::NO };
    }
    emit(Kind::ReadEnter, flags, Wake::Later, |head| ReadEnter {
        head,
        session: key,
        pad: 0,
        task: kernel::task(),
        pos,
        want: field(iter, config!(offsets.iov_iter_count)),
        state: kernel::seq_state(m),
    });
    0
}

/// `ssize_t seq_read_iter(struct kiocb *iocb, struct iov_iter *iter)` returned.
#[fexit(function = "seq_read_iter")]
pub(crate) fn seq_read_iter_exit(ctx: FExitContext) -> u32 {
    let (_, m) = seq_file_of(ctx.arg(0));
    if let Some(state) = session::traced(m) {
        let session = state.key;
        state.traversing = Traversing::NO;
        emit(Kind::ReadExit, 0, Wake::Later, |head| ReadExit {
            head,
            session,
            tid: kernel::ids().1,
            ret: ctx.arg(2),
            state: kernel::seq_state(m),
        });
    }
    0
}

/// `ssize_t bpf_seq_read(struct file *file, char __user *buf, size_t size, loff_t *ppos)` was entered.
#[fentry(function = "bpf_seq_read")]
pub(crate) fn bpf_seq_read_enter(ctx: FEntryContext) -> u32 {
    let file: u64 = ctx.arg(0);
    let m = kernel::private_data(file);
    if session::traced(m).is_none() && !session::known(m) {
        open::begin(&ctx, &Opening { file, m, ret: 0, flags: open_flag::ADOPTED, via: 0 });
    }
    if let Some(state) = session::traced(m) {
        state.iterator = 1;
        let session = state.key;
        emit(Kind::ReadEnter, FLAG_VIA_BPF, Wake::Later, |head| ReadEnter {
            head,
            session,
            pad: 0,
            task: kernel::task(),
            pos: kernel::position(&ctx),
            want: ctx.arg(2),
            state: kernel::seq_state(m),
        });
    }
    0
}

/// `ssize_t bpf_seq_read(struct file *file, char __user *buf, size_t size, loff_t *ppos)` returned.
#[fexit(function = "bpf_seq_read")]
pub(crate) fn bpf_seq_read_exit(ctx: FExitContext) -> u32 {
    let m = kernel::private_data(ctx.arg(0));
    if let Some(state) = session::traced(m) {
        let session = state.key;
        emit(Kind::ReadExit, 0, Wake::Later, |head| ReadExit {
            head,
            session,
            tid: kernel::ids().1,
            ret: ctx.arg(4),
            state: kernel::seq_state(m),
        });
    }
    0
}

/// `loff_t seq_lseek(struct file *file, loff_t offset, int whence)` was entered.
#[fentry(function = "seq_lseek")]
pub(crate) fn seq_lseek_enter(ctx: FEntryContext) -> u32 {
    let m = kernel::private_data(ctx.arg(0));
    if let Some(state) = session::traced(m) {
        let session = state.key;
        // It calls nothing but traverse().
        state.traversing = Traversing::YES;
        emit(Kind::LseekEnter, 0, Wake::Later, |head| LseekEnter {
            head,
            session,
            tid: kernel::ids().1,
            offset: ctx.arg(1),
            whence: ctx.arg(2),
            pad: 0,
            state: kernel::seq_state(m),
        });
    }
    0
}

/// `loff_t seq_lseek(struct file *file, loff_t offset, int whence)` returned.
#[fexit(function = "seq_lseek")]
pub(crate) fn seq_lseek_exit(ctx: FExitContext) -> u32 {
    let m = kernel::private_data(ctx.arg(0));
    if let Some(state) = session::traced(m) {
        let session = state.key;
        state.traversing = Traversing::NO;
        emit(Kind::LseekExit, 0, Wake::Later, |head| LseekExit {
            head,
            session,
            tid: kernel::ids().1,
            ret: ctx.arg(3),
            state: kernel::seq_state(m),
        });
    }
    0
}
