//! Reads and seeks of a seq file: seq_read(), seq_read_iter(), seq_lseek().

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext,
    macros::{fentry, fexit, kprobe, kretprobe},
    programs::{FEntryContext, FExitContext, ProbeContext, RetProbeContext},
};
use seqtrace_common::wire::{
    FLAG_VIA_BPF, FLAG_VIA_OTHER, FLAG_VIA_SEQ_READ, Kind, LseekEnter, LseekExit, ReadEnter,
    ReadExit, open_flag,
};

use crate::{
    arch, batch,
    config::config,
    emit::emit_unlocked,
    frames::{self, Function},
    kernel::{self, field},
    maps::Traversing,
    open::{self, Opening},
    pass_stack, session, tasks,
};

/// Returns the open file of a `struct kiocb *` and its seq_file.
#[inline(always)]
fn seq_file_of(iocb: u64) -> (u64, u64) {
    let file: u64 = field(iocb, config!(offsets.kiocb_ki_filp));
    (file, kernel::private_data(file))
}

/// Returns the flag of [`ReadEnter`] that states whether seq_read() called seq_read_iter(), which returns to the address
/// `caller`; 0 if that is unknown.
#[inline(always)]
fn via_seq_read(caller: Option<u64>) -> u8 {
    let seq_read = config!(callers.seq_read);
    match caller {
        Some(caller) if seq_read.len != 0 => {
            if seq_read.contains(caller) {
                FLAG_VIA_SEQ_READ
            } else {
                FLAG_VIA_OTHER
            }
        }
        _ => 0,
    }
}

/// Handles the entry of `ssize_t seq_read_iter(struct kiocb *iocb, struct iov_iter *iter)`. Begins the session of a
/// file that was open before seqtrace attached.
#[fentry(function = "seq_read_iter")]
pub(crate) fn seq_read_iter_enter(ctx: FEntryContext) -> u32 {
    let caller = || arch::caller(ctx.as_ptr() as u64);
    read_entered(ctx.as_ptr(), ctx.arg(0), ctx.arg(1), caller);
    0
}

/// Twin of [`seq_read_iter_enter`]. It is attached after the kretprobe, and so runs before the kretprobe replaces the
/// address to return to (add_new_kprobe(), kernel/kprobes.c).
#[kprobe]
pub(crate) fn seq_read_iter_enter_kprobe(ctx: ProbeContext) -> u32 {
    let (iocb, iter) = (kernel::arg(&ctx, 0), kernel::arg(&ctx, 1));
    let caller = || Some(arch::return_address(ctx.regs));
    if let Some(m) = read_entered(ctx.as_ptr(), iocb, iter, caller) {
        frames::enter(Function::SeqReadIter, ctx.regs, [m, 0, 0]);
    }
    0
}

/// Handles the entry of seq_read_iter(). `caller` returns the address to which it returns. Returns the seq_file, if it is
/// traced.
#[inline(always)]
fn read_entered(
    ctx: *mut c_void,
    iocb: u64,
    iter: u64,
    caller: impl FnOnce() -> Option<u64>,
) -> Option<u64> {
    let (file, m) = seq_file_of(iocb);
    let key = match session::traced(m) {
        Some(state) => state.key,
        None if session::known(m) => return None,
        None => match adopt(ctx, file, m) {
            0 => return None,
            key => key,
        },
    };
    let flags = via_seq_read(caller());
    let pos: i64 = field(iocb, config!(offsets.kiocb_ki_pos));
    if let Some(state) = session::traced(m) {
        let read_pos: i64 = field(m, config!(offsets.seq_file_read_pos));
        let moved = pos != 0 && pos != read_pos;
        state.traversing = if moved { Traversing::YES } else { Traversing::NO };
    }
    entered(m, key, flags, pos, field(iter, config!(offsets.iov_iter_count)));
    Some(m)
}

/// Begins the session of a file that was open before seqtrace attached. Returns its number, or 0 if it is not traced.
/// Separate function so that its stack frame is not added to the caller's (the limit is 512 bytes).
#[inline(never)]
fn adopt(ctx: *mut c_void, file: u64, m: u64) -> u32 {
    let flags = open_flag::ADOPTED;
    let opening = Opening { file, m, ret: 0, flags, via: 0, resolve_wrapper: false };
    open::begin(&FEntryContext::new(ctx), &opening).unwrap_or(0)
}

/// Emits the entry of a read of `want` bytes at `pos`. Separate function for the same reason as [`adopt`].
#[inline(never)]
fn entered(m: u64, session: u32, flags: u8, pos: i64, want: u64) {
    let make = |head| {
        let (task, state) = (kernel::task(), kernel::seq_state(m));
        ReadEnter { head, session, pad: 0, task, pos, want, state }
    };
    emit_unlocked(Kind::ReadEnter, flags, m, make, |event| {
        (&mut event.head.time, &mut event.state)
    });
}

/// Emits the return of a read.
#[inline(always)]
fn returned(m: u64, ret: i64) {
    if let Some(state) = session::traced(m) {
        let session = state.key;
        let (_, tid) = kernel::ids();
        pass_stack::leave(tid, m, state);
        batch::flush_own(m, state, tid);
        state.traversing = Traversing::NO;
        tasks::release_slot(tid);
        let make = |head| ReadExit { head, session, tid, ret, state: kernel::seq_state(m) };
        emit_unlocked(Kind::ReadExit, 0, m, make, |event| (&mut event.head.time, &mut event.state));
    }
}

/// Handles the return of `ssize_t seq_read_iter(struct kiocb *iocb, struct iov_iter *iter)`.
#[fexit(function = "seq_read_iter")]
pub(crate) fn seq_read_iter_exit(ctx: FExitContext) -> u32 {
    let (_, m) = seq_file_of(ctx.arg(0));
    returned(m, ctx.arg(2));
    0
}

/// Twin of [`seq_read_iter_exit`] for kernels without trampolines.
#[kretprobe]
pub(crate) fn seq_read_iter_exit_kretprobe(ctx: RetProbeContext) -> u32 {
    if let Some([m, ..]) = frames::leave(Function::SeqReadIter, ctx.regs) {
        returned(m, arch::returned(ctx.regs) as i64);
    }
    0
}

/// Handles the entry of `ssize_t bpf_seq_read(struct file *file, char __user *buf, size_t size, loff_t *ppos)`.
#[fentry(function = "bpf_seq_read")]
pub(crate) fn bpf_seq_read_enter(ctx: FEntryContext) -> u32 {
    iterator_entered(ctx.as_ptr(), ctx.arg(0), || kernel::position(&ctx), ctx.arg(2));
    0
}

/// Twin of [`bpf_seq_read_enter`] for kernels without trampolines.
#[kprobe]
pub(crate) fn bpf_seq_read_enter_kprobe(ctx: ProbeContext) -> u32 {
    let pos = || field(kernel::arg(&ctx, 3), 0);
    let (file, want) = (kernel::arg(&ctx, 0), kernel::arg(&ctx, 2));
    if let Some(m) = iterator_entered(ctx.as_ptr(), file, pos, want) {
        frames::enter(Function::BpfSeqRead, ctx.regs, [m, 0, 0]);
    }
    0
}

/// Handles the entry of bpf_seq_read(). `pos` returns the file offset. Returns the seq_file, if it is traced.
#[inline(always)]
fn iterator_entered(
    ctx: *mut c_void,
    file: u64,
    pos: impl FnOnce() -> i64,
    want: u64,
) -> Option<u64> {
    let m = kernel::private_data(file);
    if !session::known(m) {
        adopt(ctx, file, m);
    }
    let state = session::traced(m)?;
    state.iterator = 1;
    entered(m, state.key, FLAG_VIA_BPF, pos(), want);
    Some(m)
}

/// Handles the return of `ssize_t bpf_seq_read(struct file *file, char __user *buf, size_t size, loff_t *ppos)`.
#[fexit(function = "bpf_seq_read")]
pub(crate) fn bpf_seq_read_exit(ctx: FExitContext) -> u32 {
    returned(kernel::private_data(ctx.arg(0)), ctx.arg(4));
    0
}

/// Twin of [`bpf_seq_read_exit`] for kernels without trampolines.
#[kretprobe]
pub(crate) fn bpf_seq_read_exit_kretprobe(ctx: RetProbeContext) -> u32 {
    if let Some([m, ..]) = frames::leave(Function::BpfSeqRead, ctx.regs) {
        returned(m, arch::returned(ctx.regs) as i64);
    }
    0
}

/// Handles the entry of `loff_t seq_lseek(struct file *file, loff_t offset, int whence)`.
#[fentry(function = "seq_lseek")]
pub(crate) fn seq_lseek_enter(ctx: FEntryContext) -> u32 {
    lseek_entered(kernel::private_data(ctx.arg(0)), || (ctx.arg(1), ctx.arg(2)));
    0
}

/// Twin of [`seq_lseek_enter`] for kernels without trampolines.
#[kprobe]
pub(crate) fn seq_lseek_enter_kprobe(ctx: ProbeContext) -> u32 {
    let m = kernel::private_data(kernel::arg(&ctx, 0));
    let arguments = || (kernel::arg(&ctx, 1) as i64, kernel::arg(&ctx, 2) as u32);
    if lseek_entered(m, arguments) {
        frames::enter(Function::SeqLseek, ctx.regs, [m, 0, 0]);
    }
    0
}

/// Emits the entry of seq_lseek(), if the file is traced. `arguments` returns the offset and whence. Returns true if the
/// file is traced.
#[inline(always)]
fn lseek_entered(m: u64, arguments: impl Fn() -> (i64, u32)) -> bool {
    let Some(state) = session::traced(m) else { return false };
    let session = state.key;
    // seq_lseek() calls no callbacks but in traverse().
    state.traversing = Traversing::YES;
    let make = |head| LseekEnter {
        head,
        session,
        tid: kernel::ids().1,
        offset: arguments().0,
        whence: arguments().1,
        pad: 0,
        state: kernel::seq_state(m),
    };
    emit_unlocked(Kind::LseekEnter, 0, m, make, |event| (&mut event.head.time, &mut event.state));
    true
}

/// Handles the return of `loff_t seq_lseek(struct file *file, loff_t offset, int whence)`.
#[fexit(function = "seq_lseek")]
pub(crate) fn seq_lseek_exit(ctx: FExitContext) -> u32 {
    lseek_returned(kernel::private_data(ctx.arg(0)), || ctx.arg(3));
    0
}

/// Twin of [`seq_lseek_exit`] for kernels without trampolines.
#[kretprobe]
pub(crate) fn seq_lseek_exit_kretprobe(ctx: RetProbeContext) -> u32 {
    if let Some([m, ..]) = frames::leave(Function::SeqLseek, ctx.regs) {
        lseek_returned(m, || arch::returned(ctx.regs) as i64);
    }
    0
}

/// Emits the return of seq_lseek(), if the file is traced. `result` returns the value returned.
#[inline(always)]
fn lseek_returned(m: u64, result: impl FnOnce() -> i64) {
    if let Some(state) = session::traced(m) {
        let session = state.key;
        let (_, tid) = kernel::ids();
        pass_stack::leave(tid, m, state);
        batch::flush_own(m, state, tid);
        state.traversing = Traversing::NO;
        tasks::release_slot(tid);
        let ret = result();
        let make = |head| LseekExit { head, session, tid, ret, state: kernel::seq_state(m) };
        emit_unlocked(Kind::LseekExit, 0, m, make, |event| {
            (&mut event.head.time, &mut event.state)
        });
    }
}
