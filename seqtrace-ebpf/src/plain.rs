//! Entry points of procfs (fs/proc/inode.c): files without a seq_file, and writes to any file.

use aya_ebpf::{
    macros::{fexit, kprobe},
    programs::{FExitContext, ProbeContext},
};
use seqtrace_common::wire::{Io, Kind, open_flag, via};

use crate::{
    config::config,
    emit::emit,
    kernel::{self, field},
    open::{self, Opening},
    release, session,
};

/// Handles the return of `int proc_reg_open(struct inode *inode, struct file *file)`. The session of a seq file has
/// begun in it, in seq_open().
#[fexit(function = "proc_reg_open")]
pub(crate) fn proc_reg_open(ctx: FExitContext) -> u32 {
    let file = kernel::number(&ctx, 1);
    let ret: i32 = ctx.arg(2);
    let m = kernel::private_data(file);
    let belongs_to: u64 = field(m, config!(offsets.seq_file_file));
    if ret == 0 && belongs_to != file {
        open::begin(&ctx, &Opening { file, m: 0, ret, flags: open_flag::PLAIN, via: 0 });
    }
    0
}

/// Emits a read or write.
#[inline(always)]
fn io(kind: Kind, session: u32, pos: i64, want: u64, ret: i64) {
    emit(kind, 0, |head| Io { head, session, pad: 0, task: kernel::task(), pos, want, ret });
}

/// Handles the return of `ssize_t proc_reg_read(struct file *, char __user *, size_t, loff_t *)`.
#[fexit(function = "proc_reg_read")]
pub(crate) fn proc_reg_read(ctx: FExitContext) -> u32 {
    if let Some(state) = session::traced(kernel::number(&ctx, 0)) {
        io(Kind::PlainRead, state.key, kernel::position(&ctx), ctx.arg(2), ctx.arg(4));
    }
    0
}

/// Handles the return of `ssize_t proc_reg_read_iter(struct kiocb *iocb, struct iov_iter *iter)`.
#[fexit(function = "proc_reg_read_iter")]
pub(crate) fn proc_reg_read_iter(ctx: FExitContext) -> u32 {
    let iocb: u64 = ctx.arg(0);
    if let Some(state) = session::traced(field(iocb, config!(offsets.kiocb_ki_filp))) {
        let ret: i64 = ctx.arg(2);
        let left: u64 = field(ctx.arg(1), config!(offsets.iov_iter_count));
        let done = if ret > 0 { ret as u64 } else { 0 };
        let pos = field(iocb, config!(offsets.kiocb_ki_pos));
        io(Kind::PlainRead, state.key, pos, left.wrapping_add(done), ret);
    }
    0
}

/// Handles the return of `ssize_t proc_reg_write(struct file *, const char __user *, size_t, loff_t *)`.
#[fexit(function = "proc_reg_write")]
pub(crate) fn proc_reg_write(ctx: FExitContext) -> u32 {
    let file = kernel::number(&ctx, 0);
    let state = match session::traced(file) {
        Some(state) => Some(state),
        None => session::traced(kernel::private_data(file)),
    };
    if let Some(state) = state {
        io(Kind::Write, state.key, kernel::position(&ctx), ctx.arg(2), ctx.arg(4));
    }
    0
}

/// Handles the entry of `int proc_reg_release(struct inode *inode, struct file *file)`. The session of a seq file ends
/// in its own release function.
#[kprobe]
pub(crate) fn proc_reg_release(ctx: ProbeContext) -> u32 {
    let file = kernel::arg(&ctx, 1);
    release::end(file, file, via::PROC_REG_RELEASE, 0);
    0
}
