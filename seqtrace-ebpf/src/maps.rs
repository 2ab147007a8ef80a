//! The maps, all of them.

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, LruHashMap, RingBuf},
};
use seqtrace_common::config::FilterKey;

/// Open sessions at most, traced or not.
const SESSIONS: u32 = 32 * 1024;
/// Threads inside of traced callbacks at once, at most.
const TASKS: u32 = 8 * 1024;

/// What the programs know of an open file.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct SessionState {
    /// The session's number on the wire; 0 for a file that is not to be traced.
    pub(crate) key: u32,
    /// `m->count` as last seen: where the bytes of the next record begin. Only kept for previews.
    pub(crate) count: u32,
    /// 1 from the call of start to the return of stop. gcc lets the overflow path of traverse(),
    /// which has called stop elsewhere, run through the instruction behind another call of stop: the
    /// second hit is no second stop.
    pub(crate) passing: u32,
    /// The passes are traverse()'s, which empties the buffer behind each record without calling
    /// anything. One of [`Traversing`]. Only kept for previews.
    pub(crate) traversing: u32,
    /// 1 once it has been read through bpf_seq_read().
    pub(crate) iterator: u32,
    pub(crate) pad: u32,
}

/// Whether passes are those of traverse().
pub(crate) struct Traversing;

impl Traversing {
    /// They are not.
    pub(crate) const NO: u32 = 0;
    /// They are, until stop is called.
    pub(crate) const YES: u32 = 1;
    /// The last record did not fit: stop will be called, and the traversal begins again.
    pub(crate) const AGAIN: u32 = 2;
}

/// The events. User space sets the size.
#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(8 << 20, 0);

/// How many events each CPU had to drop. User space sets the size to the number of CPUs.
#[map]
pub(crate) static LOST: Array<u64> = Array::with_max_entries(1, 0);

/// How often something else was missed, by [`Missed`].
#[map]
pub(crate) static MISSED: Array<u64> = Array::with_max_entries(Missed::COUNT, 0);

/// Open files by `struct seq_file *`, plain procfs files by `struct file *`.
#[map]
pub(crate) static SESSION: HashMap<u64, SessionState> = HashMap::with_max_entries(SESSIONS, 0);

/// Its one element is 1 if probes on callbacks are there for BPF iterators only, because the core's own
/// call sites tell of all other files.
#[map]
pub(crate) static ITERATORS_ONLY: Array<u32> = Array::with_max_entries(1, 0);

/// The session numbers in use, so that none is given twice.
#[map]
pub(crate) static KEYS: HashMap<u32, u64> = HashMap::with_max_entries(SESSIONS, 0);

/// What each CPU's next session number is made of.
#[map]
pub(crate) static NEXT_KEY: Array<u32> = Array::with_max_entries(1, 0);

/// What is allowed where a filter is on.
#[map]
pub(crate) static FILTER: HashMap<FilterKey, u8> = HashMap::with_max_entries(1024, 0);

/// Deepest nesting of traced callbacks in one task that is followed.
pub(crate) const CALL_DEPTH: usize = 4;

/// Callbacks that a task is inside of, outermost first; used by the `callbacks` backend only.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Calls {
    /// How many of the others hold something.
    pub(crate) depth: u64,
    /// `struct seq_file *`, or 0 for a call that is not the core's own.
    pub(crate) m: [u64; CALL_DEPTH],
    /// Stack pointer on entry, a multiple of 8, and which callback it is in the bits below.
    pub(crate) sp: [u64; CALL_DEPTH],
}

/// By thread id. An element stays when its thread has left the callback: to make and remove one costs more
/// than all the rest. Those of threads that called longest ago make room.
#[map]
pub(crate) static CALLS: LruHashMap<u32, Calls> = LruHashMap::with_max_entries(TASKS, 0);

/// What can be missed without an event being lost. The order is known to user space
/// (`probe::loader`).
#[derive(Clone, Copy)]
pub(crate) enum Missed {
    /// The map of sessions is full: a file is not traced.
    Session = 0,
    /// There is no room for a thread, or it nests too deeply: a callback is not seen.
    Call = 1,
    /// The kernel had no room to note where a callback returns to (`maxactive` of kretprobes): its
    /// return is not seen.
    Return = 2,
}

impl Missed {
    pub(crate) const COUNT: u32 = 3;

    #[inline(always)]
    pub(crate) fn count(self) {
        if let Some(counter) = MISSED.get_ptr_mut(self as u32) {
            // SAFETY: the map's own element.
            unsafe { crate::kernel::count(counter) };
        }
    }
}
