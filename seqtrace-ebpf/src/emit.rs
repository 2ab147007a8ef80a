//! Getting an event into the ring, or counting that it did not fit.

use aya_ebpf::maps::ring_buf::RingBufEntry;
use seqtrace_common::wire::{Head, Kind};

use crate::{
    kernel,
    maps::{EVENTS, LOST},
};

/// Whether user space is to be woken for an event. Callbacks come by the million and are collected
/// on user space's own timer; what begins or ends something is shown at once.
#[derive(Clone, Copy)]
pub(crate) enum Wake {
    /// Let the next wake-up or timer find it: `BPF_RB_NO_WAKEUP`.
    Later = 1,
    /// Wake if the reader sleeps.
    Now = 0,
}

/// Room for an event in the ring with its head, or `None` after counting the loss.
#[inline(always)]
pub(crate) fn reserve<T: 'static>(kind: Kind, flags: u8) -> Option<(RingBufEntry<T>, Head)> {
    let cpu = kernel::cpu();
    let lost = LOST.get_ptr_mut(cpu);
    let Some(entry) = EVENTS.reserve::<T>(0) else {
        if let Some(lost) = lost {
            // SAFETY: the map's own element.
            unsafe { kernel::count(lost) };
        }
        return None;
    };
    let lost = match lost {
        // SAFETY: the map's own element.
        Some(lost) => unsafe { *lost as u32 },
        None => 0,
    };
    Some((entry, Head { time: kernel::now(), lost, cpu: cpu as u16, kind: kind as u8, flags }))
}

/// Writes one event; `make` completes it behind its head.
#[inline(always)]
pub(crate) fn emit<T: 'static>(kind: Kind, flags: u8, wake: Wake, make: impl FnOnce(Head) -> T) {
    if let Some((mut entry, head)) = reserve::<T>(kind, flags) {
        entry.write(make(head));
        entry.submit(wake as u64);
    }
}
