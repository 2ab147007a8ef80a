//! Submission of events to the ring, and the count of events that were lost because the ring was full.

use aya_ebpf::maps::ring_buf::RingBufEntry;
use seqtrace_common::wire::{Head, Kind, SeqState};

use crate::{
    kernel,
    maps::{EVENTS, LOST},
    session,
};

/// `BPF_RB_NO_WAKEUP` (include/uapi/linux/bpf.h): no thread waits for the ring. User space empties it on a
/// timer.
pub(crate) const NO_WAKEUP: u64 = 1;

/// Reserves ring memory for an event and creates its head. Returns `None` and counts a lost event if the ring is full.
#[inline(always)]
pub(crate) fn reserve<T: 'static>(kind: Kind, flags: u8) -> Option<(RingBufEntry<T>, Head)> {
    reserve_for(kind, flags, 1, kernel::now)
}

/// Like [`reserve`], for a record that carries `events` events: on failure all of them are counted as lost, unless
/// seqtrace itself caused them. `time` returns the time for the head and is evaluated only on success.
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
        if session::lose_own() {
            return None;
        }
        if let Some(lost) = lost {
            // SAFETY: an element of the map.
            unsafe { kernel::atomic_add(lost, events) };
        }
        return None;
    };
    let lost = match lost {
        // SAFETY: an element of the map.
        Some(lost) => unsafe { *lost as u32 },
        None => 0,
    };
    Some((entry, Head { time: time(), lost, cpu: cpu as u16, kind: kind as u8, flags }))
}

/// Submits one event with the present time. `make` returns the event with its head.
#[inline(always)]
pub(crate) fn emit<T: 'static>(kind: Kind, flags: u8, make: impl FnOnce(Head) -> T) {
    emit_at(kind, flags, kernel::now, make);
}

/// Like [`emit`], with the time that `time` returns.
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

/// Submits one event that contains the state of the seq_file `m`, read without `m->lock`. `make` returns the event with
/// a state read once; `parts` returns its time and its state, which are replaced by a consistent state and a time at
/// which it was valid.
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
        *time = kernel::read_consistent_state(m, state);
        entry.submit(NO_WAKEUP);
    }
}
