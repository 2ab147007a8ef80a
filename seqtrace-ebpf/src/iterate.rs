//! The callbacks, seen where the core calls them.
//!
//! `seq_read_iter()` and `traverse()` call start, next, show and stop through the file's table. A
//! kprobe on the instruction behind such a call sees what the callback returned in rax and the
//! seq_file in the callee-saved register that the compiler keeps it in; user space finds the places
//! and the registers in the running kernel's text (`kernel::sites`). One program for each callback
//! and register; only those that a kernel needs are loaded.
//!
//! The functions here also write the events of [`crate::callbacks`], so that both backends agree.

use aya_ebpf::{bindings::pt_regs, macros::kprobe, programs::ProbeContext};
use seqtrace_common::slots::{SessionState, Slot, Staged};
use seqtrace_common::wire::{
    Batch, Callback, FLAG_FULL, Kind, PAIRS, PREVIEW_BYTES, Pair, PassBegin, Preview, SeqState,
    Started,
};

use crate::{
    config::config,
    emit::{self, emit, emit_at},
    kernel::{self, Filled, field},
    maps::{Last, Traversing},
    session, slots,
};

/// A place for what waits to be told, if the session has one.
pub(crate) type Place<'a> = Option<&'a mut Staged>;

/// `start()` is about to be called.
#[inline(never)]
pub(crate) fn pass_begin(m: u64, state: &mut SessionState, place: Place<'_>) {
    if let Some(staged) = place {
        tell_staged(state.key, staged);
    }
    let (_, tid) = kernel::ids();
    // In this order: a thread that returns from its read looks at both without m->lock (slots::tell_own()), and must not
    // take this pass for its own.
    // SAFETY: fields of ours.
    unsafe {
        (&raw mut state.owner).write_volatile(tid);
        (&raw mut state.passing).write_volatile(1);
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

/// `start()` returned.
#[inline(never)]
pub(crate) fn start_returned(regs: *const pt_regs, m: u64, state: &mut SessionState) {
    let ret = kernel::returned(regs);
    let Filled { count, flags, index } = kernel::filled(m);
    state.count = count;
    let session = state.key;
    let private = field(m, config!(offsets.seq_file_private));
    emit(Kind::Start, flags, |head| Started { head, session, count, ret, index, private });
}

/// `next()` returned.
#[inline(always)]
pub(crate) fn next_returned(
    regs: *const pt_regs,
    m: u64,
    state: &mut SessionState,
    place: Place<'_>,
) {
    match place {
        Some(staged) => stage_next(regs, m, state.key, staged),
        None => next_alone(regs, m, state),
    }
}

/// `show()` returned.
#[inline(always)]
pub(crate) fn show_returned(
    regs: *const pt_regs,
    m: u64,
    state: &mut SessionState,
    place: Place<'_>,
) {
    match place {
        Some(staged) => stage_show(regs, m, state.key, staged),
        None => show_alone(regs, m, state),
    }
}

/// `show()` returned, and what the core does next is asked, too.
#[inline(never)]
pub(crate) fn show_of_pass_returned(
    regs: *const pt_regs,
    m: u64,
    state: &mut SessionState,
    place: Place<'_>,
) -> Last {
    let ret = kernel::returned(regs) as i32;
    let filled = kernel::filled(m);
    match place {
        Some(staged) => stage(ret, filled, state.key, staged),
        None => show_alone(regs, m, state),
    }
    // As seq_read_iter(), traverse() (fs/seq_file.c) and bpf_seq_read() (kernel/bpf/bpf_iter.c).
    let goes_on = ret > 0 || ret == 0 && filled.flags & FLAG_FULL == 0;
    if goes_on { Last::More } else { Last::End }
}

/// `stop()` returned.
#[inline(never)]
pub(crate) fn stop_returned(m: u64, state: &mut SessionState, place: Place<'_>) {
    if let Some(staged) = place {
        tell_staged(state.key, staged);
    }
    if state.passing == 0 {
        return;
    }
    state.passing = 0;
    let again = state.traversing == Traversing::AGAIN;
    state.traversing = if again { Traversing::YES } else { Traversing::NO };
    let Filled { count, flags, index } = kernel::filled(m);
    state.count = count;
    let session = state.key;
    emit(Kind::Stop, flags, |head| Callback { head, session, count, ret: 0, index });
}

/// `next()` returned: it waits for its show.
#[inline(never)]
fn stage_next(regs: *const pt_regs, m: u64, session: u32, staged: &mut Staged) {
    let time = kernel::now();
    if staged.open != 0 {
        // Its show is not seen.
        tell_staged(session, staged);
    }
    let cpu = kernel::cpu();
    let mut after = time.wrapping_sub(staged.time);
    let mut at = staged.pairs;
    if at == 0 || after > LONGEST || staged.cpu != cpu {
        if at != 0 {
            tell_pairs(session, staged);
        }
        staged.time = time;
        staged.cpu = cpu;
        after = 0;
        at = 0;
    }
    let pair = pair(staged, at);
    let Filled { count, flags, index } = kernel::filled(m);
    pair.next = kernel::returned(regs);
    pair.index = index;
    pair.next_after = after as u32;
    pair.next_count = count;
    pair.next_flags = flags;
    // SAFETY: a field of ours. User space may look at any time.
    unsafe { (&raw mut staged.open).write_volatile(at + 1) };
}

/// `show()` returned: with its next it waits for more of their kind.
#[inline(never)]
fn stage_show(regs: *const pt_regs, m: u64, session: u32, staged: &mut Staged) {
    let ret = kernel::returned(regs) as i32;
    stage(ret, kernel::filled(m), session, staged);
}

#[inline(always)]
fn stage(ret: i32, filled: Filled, session: u32, staged: &mut Staged) {
    let Filled { count, flags, index } = filled;
    // From 1.
    let number = staged.open;
    if number != 0 {
        let after = kernel::now().wrapping_sub(staged.time);
        let pair = pair(staged, number - 1);
        if after <= LONGEST && staged.cpu == kernel::cpu() && pair.index == index {
            pair.show_after = after as u32;
            pair.count = count;
            pair.ret = ret;
            pair.flags = flags;
            staged.open = 0;
            // SAFETY: a field of ours. User space may look at any time.
            unsafe { (&raw mut staged.pairs).write_volatile(number) };
            if number == PAIRS as u32 {
                tell_pairs(session, staged);
            }
            return;
        }
    }
    tell_staged(session, staged);
    show(session, ret, filled);
}

/// One of the pairs, of which there are never more than [`PAIRS`].
#[inline(always)]
fn pair<'a>(staged: &Staged, at: u32) -> &'a mut Pair {
    const {
        assert!(PAIRS < 8 && 8 * size_of::<Pair>() < size_of::<Slot>() + size_of::<[Pair; PAIRS]>())
    };
    let at = kernel::masked::<7>(u64::from(at)) as usize;
    // SAFETY: it is below PAIRS.
    unsafe { &mut *(&raw const staged.pair).cast::<Pair>().cast_mut().add(at) }
}

/// ns from the first of the records that wait; beyond, no more wait.
const LONGEST: u64 = u32::MAX as u64;

/// Tells what waits, if anything does.
#[inline(always)]
pub(crate) fn tell_staged(session: u32, staged: &mut Staged) {
    if staged.pairs != 0 {
        tell_pairs(session, staged);
    }
    if staged.open != 0 {
        tell_open(session, staged);
    }
}

/// A [`Batch`] with its pairs behind it.
#[repr(C)]
struct BatchRecord {
    batch: Batch,
    pair: [Pair; PAIRS],
}

/// Tells the records that wait. What follows is a next without its show, if there is one: it waits on.
#[inline(never)]
fn tell_pairs(session: u32, staged: &mut Staged) {
    let pairs = staged.pairs;
    let events = u64::from(pairs) * 2;
    let room = emit::reserve_for::<BatchRecord>(Kind::Batch, 0, events, kernel::now);
    if let Some((mut entry, head)) = room {
        let (pairs, cpu) = (pairs as u16, staged.cpu as u16);
        let batch = Batch { head, session, pairs, cpu, time: staged.time };
        let record = entry.as_mut_ptr();
        // SAFETY: the ring's own memory, reserved for a BatchRecord.
        unsafe {
            (&raw mut (*record).batch).write(batch);
            (&raw mut (*record).pair).write(staged.pair);
        }
        entry.submit(emit::NO_WAKEUP);
    }
    // SAFETY: a field of ours. User space may look at any time.
    unsafe { (&raw mut staged.pairs).write_volatile(0) };
}

/// Tells of a next behind which no show comes, or none that could be told with it. Records before it have been told.
#[inline(never)]
fn tell_open(session: u32, staged: &mut Staged) {
    let number = staged.open;
    if number == 0 {
        return;
    }
    staged.open = 0;
    let Pair { next, index, next_after, next_count, next_flags, .. } = *pair(staged, number - 1);
    let time = staged.time.wrapping_add(u64::from(next_after));
    // Told as of this CPU: it is this one's count of losses that the event carries.
    emit_at(
        Kind::Next,
        next_flags,
        || time,
        |head| Callback { head, session, count: next_count, ret: next, index },
    );
}

/// `next()` returned: told at once.
#[inline(never)]
fn next_alone(regs: *const pt_regs, m: u64, state: &mut SessionState) {
    let ret = kernel::returned(regs);
    let Filled { count, flags, index } = kernel::filled(m);
    let session = state.key;
    state.count = if state.traversing == Traversing::NO { count } else { 0 };
    emit(Kind::Next, flags, |head| Callback { head, session, count, ret, index });
}

/// `show()` returned: told at once.
#[inline(never)]
fn show_alone(regs: *const pt_regs, m: u64, state: &mut SessionState) {
    let ret = kernel::returned(regs) as i32;
    let filled = kernel::filled(m);
    show(state.key, ret, filled);
    if config!(preview) > 0 {
        preview(m, state, filled.count);
        state.count = filled.count;
        if state.traversing != Traversing::NO && filled.flags & FLAG_FULL != 0 {
            state.traversing = Traversing::AGAIN;
        }
    }
}

/// Tells of a show by itself.
#[inline(always)]
fn show(session: u32, ret: i32, filled: Filled) {
    let Filled { count, flags, index } = filled;
    let ret = i64::from(ret) as u64;
    emit(Kind::Show, flags, |head| Callback { head, session, count, ret, index });
}

/// An [`Preview`] with its bytes behind it.
#[repr(C)]
struct PreviewRecord {
    preview: Preview,
    bytes: [u8; PREVIEW_BYTES],
}

/// The first bytes of what show() has just written.
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
        // The bytes of a main pass begin at buf; a traversal that stopped inside a record leaves
        // `from` behind, which start() has seen reset to 0.
        let source = buf.wrapping_add(from).wrapping_add(u64::from(state.count));
        // SAFETY: the ring's own memory, reserved for a PreviewRecord; `len` is at most its room.
        unsafe {
            if !kernel::copy((&raw mut (*record).bytes).cast(), len, source) {
                len = 0;
            }
            (&raw mut (*record).preview).write(Preview { head, session: state.key, len });
        }
        entry.submit(emit::NO_WAKEUP);
    }
}

/// The programs at the core's call sites: NAME, the register that holds `m`, and what it tells. Of a file that is not
/// traced it must be told fast: nothing is called, no register saved.
macro_rules! sites {
    ($($name:ident: $reg:ident, |$m:ident, $regs:ident, $state:ident, $place:ident| $tell:expr;)+) => {
        $(
            #[kprobe]
            pub(crate) fn $name(ctx: ProbeContext) -> u32 {
                #[inline(never)]
                fn elsewhere($regs: *const pt_regs, $m: u64) {
                    if let Some($state) = session::elsewhere($m) {
                        let $place: Place<'_> = None;
                        let _ = ($regs, &$place);
                        $tell;
                    }
                }
                let $regs: *const pt_regs = ctx.regs;
                // SAFETY: the context is the probe's own.
                let $m = unsafe { (*$regs).$reg };
                let slot = slots::of($m);
                // SAFETY: an element of the table, and the core holds m->lock.
                unsafe {
                    if (*slot).id == $m {
                        let $state = &mut (*slot).state;
                        let $place = Some(&mut (*slot).staged);
                        let _ = ($regs, &$place);
                        $tell;
                    } else if (*slot).others != 0 {
                        elsewhere($regs, $m);
                    }
                }
                0
            }
        )+
    };
}

/// The programs behind the core's calls: one for each register that may hold `m`.
macro_rules! return_sites {
    ($($kind:ident: $($name:ident $reg:ident),+;)+) => { $($(return_sites!(@$kind $name $reg);)+)+ };
    (@Start $name:ident $reg:ident) => { sites! { $name: $reg, |m, regs, state, place| start_returned(regs, m, state); } };
    (@Next $name:ident $reg:ident) => { sites! { $name: $reg, |m, regs, state, place| next_returned(regs, m, state, place); } };
    (@Show $name:ident $reg:ident) => { sites! { $name: $reg, |m, regs, state, place| show_returned(regs, m, state, place); } };
    (@Stop $name:ident $reg:ident) => { sites! { $name: $reg, |m, regs, state, place| stop_returned(m, state, place); } };
}

// `call op->start`: `m` is its first argument.
sites! { core_start_call: rdi, |m, regs, state, place| pass_begin(m, state, place); }

return_sites! {
    Start: core_start_rbx rbx, core_start_rbp rbp, core_start_r12 r12, core_start_r13 r13, core_start_r14 r14,
        core_start_r15 r15;
    Next: core_next_rbx rbx, core_next_rbp rbp, core_next_r12 r12, core_next_r13 r13, core_next_r14 r14,
        core_next_r15 r15;
    Show: core_show_rbx rbx, core_show_rbp rbp, core_show_r12 r12, core_show_r13 r13, core_show_r14 r14,
        core_show_r15 r15;
    Stop: core_stop_rbx rbx, core_stop_rbp rbp, core_stop_r12 r12, core_stop_r13 r13, core_stop_r14 r14,
        core_stop_r15 r15;
}
