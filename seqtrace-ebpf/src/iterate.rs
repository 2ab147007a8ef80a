//! Callbacks, probed at the core's call sites, and the emission of their events for all backends.
//!
//! `seq_read_iter()` and `traverse()` call start, next, show and stop through the file's table. A kprobe on the
//! instruction after such a call finds the callback's return value in the register of return values, and the seq_file in
//! the callee-saved register where the compiler keeps it. User space finds the call sites and the registers in the
//! running kernel's code (`kernel::sites`). There is one program for each callback and register ([`crate::arch`]); only
//! those that a kernel needs are loaded.
//!
//! The returns of next() and show() are buffered if the session owns a slot ([`crate::batch`]); everything else is
//! submitted at once.

use aya_ebpf::bindings::pt_regs;
use seqtrace_common::slots::{PendingBatch, SessionState, Slot};
use seqtrace_common::wire::{
    FLAG_FULL, Kind, PREVIEW_BYTES, PassBegin, Preview, SeqState, Started,
};

use crate::{
    arch, batch,
    config::config,
    emit::{self, emit},
    kernel::{self, field},
    maps::{PassState, Traversing},
    session,
    table::{self, Lookup},
};

/// Emits the beginning of a pass: `start()` is about to be called.
#[inline(never)]
pub(crate) fn pass_begin(m: u64, state: &mut SessionState, batch: Option<&mut PendingBatch>) {
    if let Some(batch) = batch {
        batch::flush(state.key, batch);
    }
    let (_, tid) = kernel::ids();
    // In this order: a thread that returns from its read examines both without m->lock (batch::flush_own()) and must
    // not mistake this pass for its own. SAFETY: fields of our own state.
    unsafe {
        (&raw mut state.owner).write_volatile(tid);
        (&raw mut state.in_pass).write_volatile(1);
    }
    let session = state.key;
    let SeqState { size, from, count, index, .. } = kernel::seq_state(m);
    emit(Kind::PassBegin, 0, |head| PassBegin {
        head,
        session,
        tid,
        index,
        size: size as u32,
        count: count as u32,
        from: from as u32,
        pad: 0,
    });
}

/// Emits the return of `start()`.
#[inline(never)]
pub(crate) fn start_returned(regs: *const pt_regs, m: u64, state: &mut SessionState) {
    let ret = arch::returned(regs);
    let buffer = kernel::read_buffer_state(m);
    state.count = buffer.count;
    let session = state.key;
    let private = field(m, config!(offsets.seq_file_private));
    let (count, index) = (buffer.count, buffer.index);
    emit(Kind::Start, buffer.flags, |head| Started { head, session, count, ret, index, private });
}

/// Buffers the return of `next()`, or emits it if the session has no batch.
#[inline(always)]
pub(crate) fn next_returned(
    regs: *const pt_regs,
    m: u64,
    state: &mut SessionState,
    batch: Option<&mut PendingBatch>,
) {
    match batch {
        Some(batch) => batch::buffer_next(regs, m, state.key, batch),
        None => submit_next(regs, m, state),
    }
}

/// Buffers the return of `show()`, or emits it if the session has no batch.
#[inline(always)]
pub(crate) fn show_returned(
    regs: *const pt_regs,
    m: u64,
    state: &mut SessionState,
    batch: Option<&mut PendingBatch>,
) {
    match batch {
        Some(batch) => batch::buffer_show(regs, m, state.key, batch),
        None => submit_show(regs, m, state),
    }
}

/// Like [`show_returned`]; also returns the state of the pass, which decides what the core does next.
#[inline(never)]
pub(crate) fn show_of_pass_returned(
    regs: *const pt_regs,
    m: u64,
    state: &mut SessionState,
    batch: Option<&mut PendingBatch>,
) -> PassState {
    let ret = arch::returned(regs) as i32;
    let buffer = kernel::read_buffer_state(m);
    match batch {
        Some(batch) => batch::buffer_pair(ret, buffer, state.key, batch),
        None => submit_show(regs, m, state),
    }
    // The same condition as in seq_read_iter(), traverse() (fs/seq_file.c) and bpf_seq_read() (kernel/bpf/bpf_iter.c).
    let goes_on = ret > 0 || ret == 0 && buffer.flags & FLAG_FULL == 0;
    if goes_on { PassState::More } else { PassState::End }
}

/// Flushes the batch and emits the return of `stop()`.
#[inline(never)]
pub(crate) fn stop_returned(m: u64, state: &mut SessionState, batch: Option<&mut PendingBatch>) {
    if let Some(batch) = batch {
        batch::flush(state.key, batch);
    }
    if state.in_pass == 0 {
        return;
    }
    state.in_pass = 0;
    let again = state.traversing == Traversing::AGAIN;
    state.traversing = if again { Traversing::YES } else { Traversing::NO };
    let buffer = kernel::read_buffer_state(m);
    state.count = buffer.count;
    let session = state.key;
    emit(Kind::Stop, buffer.flags, |head| buffer.callback(head, session, 0));
}

/// Emits the return of `next()` at once.
#[inline(never)]
fn submit_next(regs: *const pt_regs, m: u64, state: &mut SessionState) {
    let ret = arch::returned(regs);
    let buffer = kernel::read_buffer_state(m);
    let session = state.key;
    state.count = if state.traversing == Traversing::NO { buffer.count } else { 0 };
    emit(Kind::Next, buffer.flags, |head| buffer.callback(head, session, ret));
}

/// Emits the return of `show()` at once, and the preview of its record.
#[inline(never)]
fn submit_show(regs: *const pt_regs, m: u64, state: &mut SessionState) {
    let ret = arch::returned(regs) as i32;
    let buffer = kernel::read_buffer_state(m);
    batch::emit_show(state.key, ret, buffer);
    if config!(preview) > 0 {
        preview(m, state, buffer.count);
        state.count = buffer.count;
        if state.traversing != Traversing::NO && buffer.flags & FLAG_FULL != 0 {
            state.traversing = Traversing::AGAIN;
        }
    }
}

/// A [`Preview`] followed by its bytes.
#[repr(C)]
struct PreviewRecord {
    preview: Preview,
    bytes: [u8; PREVIEW_BYTES],
}

/// Emits the first bytes of the record that show() has just rendered. `count` is `m->count` on its return.
#[inline(always)]
fn preview(m: u64, state: &SessionState, count: u32) {
    let written = count.wrapping_sub(state.count);
    if count <= state.count {
        return;
    }
    let wanted = config!(preview);
    let mut len = if written < wanted { written } else { wanted };
    if len > PREVIEW_BYTES as u32 {
        len = PREVIEW_BYTES as u32;
    }
    let buf: u64 = field(m, config!(offsets.seq_file_buf));
    let from: u64 = field(m, config!(offsets.seq_file_from));
    if let Some((mut entry, head)) = emit::reserve::<PreviewRecord>(Kind::Preview, 0) {
        let record = entry.as_mut_ptr();
        // A pass of seq_read_iter() writes from `buf` on. A traversal that stopped inside a record leaves a nonzero
        // `from`, which is 0 again when start() is called.
        let source = buf.wrapping_add(from).wrapping_add(u64::from(state.count));
        // SAFETY: the ring's own memory, reserved for a PreviewRecord; `len` is at most PREVIEW_BYTES.
        unsafe {
            if !kernel::copy((&raw mut (*record).bytes).cast(), len, source) {
                len = 0;
            }
            (&raw mut (*record).preview).write(Preview { head, session: state.key, len });
        }
        entry.submit(emit::NO_WAKEUP);
    }
}

/// Handles a hit at one of the core's call sites: calls `handle` if the file `m` is traced. Fast path: a hit for an
/// untraced file ends within a dozen instructions, without a call and without register spills.
#[inline(always)]
pub(crate) fn hit(regs: *const pt_regs, m: u64, handle: impl Handler) {
    match table::find::<Slot>(m) {
        Lookup::Owned(slot) => {
            // SAFETY: an element of the table, and the core holds m->lock.
            let (state, batch) = unsafe { (&mut (*slot).state, &mut (*slot).batch) };
            handle(regs, m, state, Some(batch));
        }
        Lookup::Overflow => hit_without_slot(regs, m, handle),
        Lookup::Absent => {}
    }
}

/// Like [`hit`], for a file that owns no slot.
#[inline(never)]
fn hit_without_slot(regs: *const pt_regs, m: u64, handle: impl Handler) {
    if let Some(state) = session::lookup_overflow(m) {
        handle(regs, m, state, None);
    }
}

/// A function that handles a call or return of a callback.
pub(crate) trait Handler:
    Fn(*const pt_regs, u64, &mut SessionState, Option<&mut PendingBatch>)
{
}

impl<T: Fn(*const pt_regs, u64, &mut SessionState, Option<&mut PendingBatch>)> Handler for T {}

/// Handles the call of `start()`.
#[inline(always)]
pub(crate) fn on_start_call(
    _: *const pt_regs,
    m: u64,
    state: &mut SessionState,
    batch: Option<&mut PendingBatch>,
) {
    pass_begin(m, state, batch);
}

/// Handles the return of `start()`.
#[inline(always)]
pub(crate) fn on_start_return(
    regs: *const pt_regs,
    m: u64,
    state: &mut SessionState,
    _: Option<&mut PendingBatch>,
) {
    start_returned(regs, m, state);
}

/// Handles the return of `stop()`.
#[inline(always)]
pub(crate) fn on_stop_return(
    _: *const pt_regs,
    m: u64,
    state: &mut SessionState,
    batch: Option<&mut PendingBatch>,
) {
    stop_returned(m, state, batch);
}

/// Defines programs at the core's call sites that have the same handler: the name of each, and the field of `pt_regs` with
/// the register that holds `m`.
macro_rules! sites {
    ($handler:ident: $($name:ident [$($register:tt)+]),+) => {
        $(
            #[aya_ebpf::macros::kprobe]
            pub(crate) fn $name(ctx: aya_ebpf::programs::ProbeContext) -> u32 {
                let regs: *const aya_ebpf::bindings::pt_regs = ctx.regs;
                // SAFETY: the context of a probe.
                $crate::iterate::hit(regs, unsafe { (*regs).$($register)+ }, $handler);
                0
            }
        )+
    };
}
pub(crate) use sites;
