//! Entry points of procfs (fs/proc/inode.c): files without a seq_file, and writes to any file.

use aya_ebpf::{
    EbpfContext,
    macros::{fexit, kprobe, kretprobe},
    programs::{FExitContext, ProbeContext, RetProbeContext},
};
use seqtrace_common::slots::SessionState;
use seqtrace_common::wire::{Io, Kind, open_flag, via};

use crate::{
    arch,
    config::config,
    emit::emit,
    frames::{self, Function},
    kernel::{self, field},
    open::{self, Opening},
    release, session,
};

/// Handles the return of `int proc_reg_open(struct inode *inode, struct file *file)`. The session of a seq file has
/// begun in it, in seq_open().
#[fexit(function = "proc_reg_open")]
pub(crate) fn proc_reg_open(ctx: FExitContext) -> u32 {
    opened(&ctx, kernel::number(&ctx, 1), ctx.arg(2))
}

/// Stores the arguments for [`proc_reg_open_kretprobe`].
#[kprobe]
pub(crate) fn proc_reg_open_keep(ctx: ProbeContext) -> u32 {
    frames::enter(Function::ProcRegOpen, ctx.regs, [kernel::arg(&ctx, 1), 0, 0]);
    0
}

/// Twin of [`proc_reg_open`] for kernels without trampolines.
#[kretprobe]
pub(crate) fn proc_reg_open_kretprobe(ctx: RetProbeContext) -> u32 {
    match frames::leave(Function::ProcRegOpen, ctx.regs) {
        Some([file, ..]) => opened(&ctx, file, arch::returned(ctx.regs) as i32),
        None => 0,
    }
}

/// Begins the session of a plain procfs file.
#[inline(always)]
fn opened(ctx: &impl EbpfContext, file: u64, ret: i32) -> u32 {
    let m = kernel::private_data(file);
    let belongs_to: u64 = field(m, config!(offsets.seq_file_file));
    if ret == 0 && belongs_to != file {
        let flags = open_flag::PLAIN;
        open::begin(ctx, &Opening { file, m: 0, ret, flags, via: 0, resolve_wrapper: false });
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

/// Stores the arguments for [`proc_reg_read_kretprobe`].
#[kprobe]
pub(crate) fn proc_reg_read_keep(ctx: ProbeContext) -> u32 {
    let file = kernel::arg(&ctx, 0);
    if session::traced(file).is_some() {
        let kept = [file, kernel::arg(&ctx, 2), kernel::arg(&ctx, 3)];
        frames::enter(Function::ProcRegRead, ctx.regs, kept);
    }
    0
}

/// Twin of [`proc_reg_read`] for kernels without trampolines.
#[kretprobe]
pub(crate) fn proc_reg_read_kretprobe(ctx: RetProbeContext) -> u32 {
    if let Some([file, want, ppos]) = frames::leave(Function::ProcRegRead, ctx.regs)
        && let Some(state) = session::traced(file)
    {
        let ret = arch::returned(ctx.regs) as i64;
        io(Kind::PlainRead, state.key, field(ppos, 0), want, ret);
    }
    0
}

/// Handles the return of `ssize_t proc_reg_read_iter(struct kiocb *iocb, struct iov_iter *iter)`.
#[fexit(function = "proc_reg_read_iter")]
pub(crate) fn proc_reg_read_iter(ctx: FExitContext) -> u32 {
    let iocb: u64 = ctx.arg(0);
    read_iter_returned(iocb, || (ctx.arg(1), ctx.arg(2)));
    0
}

/// Stores the arguments for [`proc_reg_read_iter_kretprobe`].
#[kprobe]
pub(crate) fn proc_reg_read_iter_keep(ctx: ProbeContext) -> u32 {
    let iocb = kernel::arg(&ctx, 0);
    let file: u64 = field(iocb, config!(offsets.kiocb_ki_filp));
    if session::traced(file).is_some() {
        frames::enter(Function::ProcRegReadIter, ctx.regs, [iocb, kernel::arg(&ctx, 1), 0]);
    }
    0
}

/// Twin of [`proc_reg_read_iter`] for kernels without trampolines.
#[kretprobe]
pub(crate) fn proc_reg_read_iter_kretprobe(ctx: RetProbeContext) -> u32 {
    if let Some([iocb, iter, _]) = frames::leave(Function::ProcRegReadIter, ctx.regs) {
        read_iter_returned(iocb, || (iter, arch::returned(ctx.regs) as i64));
    }
    0
}

/// Emits a read by proc_reg_read_iter(), if the file is traced. `rest` returns the `struct iov_iter *` and the value
/// returned.
#[inline(always)]
fn read_iter_returned(iocb: u64, rest: impl Fn() -> (u64, i64)) {
    if let Some(state) = session::traced(field(iocb, config!(offsets.kiocb_ki_filp))) {
        let ret: i64 = rest().1;
        let left: u64 = field(rest().0, config!(offsets.iov_iter_count));
        let done = if ret > 0 { ret as u64 } else { 0 };
        let pos = field(iocb, config!(offsets.kiocb_ki_pos));
        io(Kind::PlainRead, state.key, pos, left.wrapping_add(done), ret);
    }
}

/// Returns the session of a file that is written to, a seq file or not, if it is traced.
#[inline(always)]
fn written(file: u64) -> Option<&'static mut SessionState> {
    match session::traced(file) {
        Some(state) => Some(state),
        None => session::traced(kernel::private_data(file)),
    }
}

/// Handles the return of `ssize_t proc_reg_write(struct file *, const char __user *, size_t, loff_t *)`.
#[fexit(function = "proc_reg_write")]
pub(crate) fn proc_reg_write(ctx: FExitContext) -> u32 {
    if let Some(state) = written(kernel::number(&ctx, 0)) {
        io(Kind::Write, state.key, kernel::position(&ctx), ctx.arg(2), ctx.arg(4));
    }
    0
}

/// Stores the arguments for [`proc_reg_write_kretprobe`].
#[kprobe]
pub(crate) fn proc_reg_write_keep(ctx: ProbeContext) -> u32 {
    let file = kernel::arg(&ctx, 0);
    if written(file).is_some() {
        let kept = [file, kernel::arg(&ctx, 2), kernel::arg(&ctx, 3)];
        frames::enter(Function::ProcRegWrite, ctx.regs, kept);
    }
    0
}

/// Twin of [`proc_reg_write`] for kernels without trampolines.
#[kretprobe]
pub(crate) fn proc_reg_write_kretprobe(ctx: RetProbeContext) -> u32 {
    if let Some([file, want, ppos]) = frames::leave(Function::ProcRegWrite, ctx.regs)
        && let Some(state) = written(file)
    {
        let ret = arch::returned(ctx.regs) as i64;
        io(Kind::Write, state.key, field(ppos, 0), want, ret);
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
