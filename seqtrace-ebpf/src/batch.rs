//! Pending callbacks: pairs of a next() and the show() after it are buffered in the session's slot and submitted
//! together, because reserving ring memory takes as many instructions (190) as the rest of a program.
//!
//! A session that owns no slot has no batch. Its callbacks are submitted at once ([`crate::iterate`]).

use aya_ebpf::bindings::pt_regs;
use seqtrace_common::slots::{PendingBatch, SessionState, Slot};
use seqtrace_common::wire::{Batch, Kind, PAIRS, Pair};

use crate::{
    arch,
    emit::{self, emit, emit_at},
    kernel::{self, BufferState},
    slots,
};

/// Longest time between the first and the last event of a batch, ns: the times of a pair have 32 bits.
const MAX_BATCH_SPAN_NS: u64 = u32::MAX as u64;

/// Buffers the return of `next()` until its show returns.
#[inline(never)]
pub(crate) fn buffer_next(regs: *const pt_regs, m: u64, session: u32, batch: &mut PendingBatch) {
    let time = kernel::now();
    if batch.pending_next != 0 {
        // The show after the previous next was missed.
        flush(session, batch);
    }
    let cpu = kernel::cpu();
    let mut after = time.wrapping_sub(batch.time);
    let mut at = batch.pairs;
    if at == 0 || after > MAX_BATCH_SPAN_NS || batch.cpu != cpu {
        if at != 0 {
            submit_pairs(session, batch);
        }
        batch.time = time;
        batch.cpu = cpu;
        after = 0;
        at = 0;
    }
    let pair = pair(batch, at);
    let buffer = kernel::read_buffer_state(m);
    pair.next = arch::returned(regs);
    pair.index = buffer.index;
    pair.next_after = after as u32;
    pair.next_count = buffer.count;
    pair.next_flags = buffer.flags;
    // SAFETY: a field of our own state. User space may read it at any time.
    unsafe { (&raw mut batch.pending_next).write_volatile(at + 1) };
}

/// Buffers the return of `show()` together with its next.
#[inline(never)]
pub(crate) fn buffer_show(regs: *const pt_regs, m: u64, session: u32, batch: &mut PendingBatch) {
    let ret = arch::returned(regs) as i32;
    buffer_pair(ret, kernel::read_buffer_state(m), session, batch);
}

/// Completes the pair of the pending next with its show. Emits them as separate events if they do not form a pair.
#[inline(always)]
pub(crate) fn buffer_pair(ret: i32, buffer: BufferState, session: u32, batch: &mut PendingBatch) {
    // 1-based; 0: no next is pending.
    let number = batch.pending_next;
    if number != 0 {
        let after = kernel::now().wrapping_sub(batch.time);
        let pair = pair(batch, number - 1);
        if after <= MAX_BATCH_SPAN_NS && batch.cpu == kernel::cpu() && pair.index == buffer.index {
            pair.show_after = after as u32;
            pair.count = buffer.count;
            pair.ret = ret;
            pair.flags = buffer.flags;
            batch.pending_next = 0;
            // SAFETY: a field of our own state. User space may read it at any time.
            unsafe { (&raw mut batch.pairs).write_volatile(number) };
            if number == PAIRS as u32 {
                submit_pairs(session, batch);
            }
            return;
        }
    }
    flush(session, batch);
    emit_show(session, ret, buffer);
}

/// Returns pair `at`, which is below [`PAIRS`]. The verifier only knows that it is below 8.
#[inline(always)]
fn pair<'a>(batch: &PendingBatch, at: u32) -> &'a mut Pair {
    const {
        assert!(PAIRS < 8 && 8 * size_of::<Pair>() < size_of::<Slot>() + size_of::<[Pair; PAIRS]>())
    };
    let at = kernel::opaque_mask!(u64::from(at), 7) as usize;
    // SAFETY: `at` is below PAIRS.
    unsafe { &mut *(&raw const batch.pair).cast::<Pair>().cast_mut().add(at) }
}

/// Submits all callbacks of a batch.
#[inline(always)]
pub(crate) fn flush(session: u32, batch: &mut PendingBatch) {
    if batch.pairs != 0 {
        submit_pairs(session, batch);
    }
    if batch.pending_next != 0 {
        submit_pending_next(session, batch);
    }
}

/// Flushes the session's pending batch, if the session owns a slot. No other task may be using the session.
#[inline(always)]
pub(crate) fn flush_session(id: u64, key: u32) {
    if let Some(batch) = slots::batch(id) {
        flush(key, batch);
    }
}

/// Flushes the batch of a pass of thread `tid` whose stop() was missed, when a read or lseek of that thread returns.
/// m->lock has been released by then: a batch of another thread is still being written, or was flushed by its own
/// stop().
#[inline(always)]
pub(crate) fn flush_own(id: u64, state: &mut SessionState, tid: u32) {
    // SAFETY: fields of our own state. pass_begin() writes them in the reverse order.
    let own = unsafe {
        (&raw const state.in_pass).read_volatile() != 0
            && (&raw const state.owner).read_volatile() == tid
    };
    if own {
        state.in_pass = 0;
        flush_session(id, state.key);
    }
}

/// A [`Batch`] followed by its pairs.
#[repr(C)]
struct BatchRecord {
    batch: Batch,
    pair: [Pair; PAIRS],
}

/// Submits the completed pairs. A pending next() without its show() stays buffered.
#[inline(never)]
fn submit_pairs(session: u32, batch: &mut PendingBatch) {
    let pairs = batch.pairs;
    let events = u64::from(pairs) * 2;
    let reserved = emit::reserve_for::<BatchRecord>(Kind::Batch, 0, events, kernel::now);
    if let Some((mut entry, head)) = reserved {
        let (pairs, cpu) = (pairs as u16, batch.cpu as u16);
        let header = Batch { head, session, pairs, cpu, time: batch.time };
        let record = entry.as_mut_ptr();
        // SAFETY: the ring's own memory, reserved for a BatchRecord.
        unsafe {
            (&raw mut (*record).batch).write(header);
            (&raw mut (*record).pair).write(batch.pair);
        }
        entry.submit(emit::NO_WAKEUP);
    }
    // SAFETY: a field of our own state. User space may read it at any time.
    unsafe { (&raw mut batch.pairs).write_volatile(0) };
}

/// Submits a pending next() on its own: its show() was missed, or cannot be paired with it. Completed pairs must have
/// been submitted before.
#[inline(never)]
fn submit_pending_next(session: u32, batch: &mut PendingBatch) {
    let number = batch.pending_next;
    if number == 0 {
        return;
    }
    batch.pending_next = 0;
    let pair = *pair(batch, number - 1);
    let time = batch.time.wrapping_add(u64::from(pair.next_after));
    let buffer = BufferState::of_next(&pair);
    // The event has the number of the current CPU, because it also has the loss counter of the current CPU.
    emit_at(Kind::Next, buffer.flags, || time, |head| buffer.callback(head, session, pair.next));
}

/// Emits the return of a show that is not part of a pair.
#[inline(always)]
pub(crate) fn emit_show(session: u32, ret: i32, buffer: BufferState) {
    let ret = i64::from(ret) as u64;
    emit(Kind::Show, buffer.flags, |head| buffer.callback(head, session, ret));
}
