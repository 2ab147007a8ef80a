//! Getting an event into the ring, or counting that it did not fit.

use aya_ebpf::maps::ring_buf::RingBufEntry;
use seqtrace_common::wire::{Head, Kind, SeqState};

use crate::{
    kernel,
    maps::{EVENTS, LOST},
};

/// `BPF_RB_NO_WAKEUP` (include/uapi/linux/bpf.h): nobody waits for the ring, a thread of user space's empties it
/// on a timer.
pub(crate) const NO_WAKEUP: u64 = 1;

/// Room for an event in the ring with its head, or `None` after counting the loss.
#[inline(always)]
pub(crate) fn reserve<T: 'static>(kind: Kind, flags: u8) -> Option<(RingBufEntry<T>, Head)> {
    reserve_for(kind, flags, 1, kernel::now)
}

/// The same for what tells of several events at once, all of which are lost if there is no room; `time` says when
/// it happened, if there is.
#[inline(always)]
pub(crate) fn reserve_for<T: 'static>(
    kind: Kind,
    flags: u8,
    events: u64,
    time: impl FnOnce() -> u64,
) -> Option<(RingBufEntry<T>, Head)> {
    let cpu = kernel::cpu();
    let lost = LOST.get_ptr_mut(cpu);
    let Some(entry) = EVENTS.reserve::<T>(0) else {
        if let Some(lost) = lost {
            // SAFETY: the map's own element.
            unsafe { kernel::count(lost, events) };
        }
        return None;
    };
    let lost = match lost {
        // SAFETY: the map's own element.
        Some(lost) => unsafe { *lost as u32 },
        None => 0,
    };
    Some((entry, Head { time: time(), lost, cpu: cpu as u16, kind: kind as u8, flags }))
}

/// Writes one event; `make` completes it behind its head.
#[inline(always)]
pub(crate) fn emit<T: 'static>(kind: Kind, flags: u8, make: impl FnOnce(Head) -> T) {
    emit_at(kind, flags, kernel::now, make);
}

/// The same of what happened before.
#[inline(always)]
pub(crate) fn emit_at<T: 'static>(
    kind: Kind,
    flags: u8,
    time: impl FnOnce() -> u64,
    make: impl FnOnce(Head) -> T,
) {
    if let Some((mut entry, head)) = reserve_for::<T>(kind, flags, 1, time) {
        entry.write(make(head));
        entry.submit(NO_WAKEUP);
    }
}

/// Writes one event with what is seen of the seq_file `m` without `m->lock`; `parts` says where its time and that
/// are. `make` reads it first; the time is one at which it was so.
#[inline(always)]
pub(crate) fn emit_unlocked<T: 'static>(
    kind: Kind,
    flags: u8,
    m: u64,
    make: impl FnOnce(Head) -> T,
    parts: impl FnOnce(&mut T) -> (&mut u64, &mut SeqState),
) {
    if let Some((mut entry, head)) = reserve_for::<T>(kind, flags, 1, || 0) {
        let (time, state) = parts(entry.write(make(head)));
        *time = kernel::settle(m, state);
        entry.submit(NO_WAKEUP);
    }
}
