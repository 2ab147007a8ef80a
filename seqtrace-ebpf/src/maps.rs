//! All maps and tables, and the types of their elements.

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, RingBuf},
};
use seqtrace_common::config::FilterKey;
use seqtrace_common::slots::{self, PendingBatch, SLOT_COUNT, SessionState, Slot};

use crate::table::ThreadSlot;

/// Number of open files that can be known at once, traced or not.
const SESSIONS: u32 = 32 * 1024;
/// Number of threads that can be in an overflow map, or in the map of calls in progress, at once.
pub(crate) const THREADS: u32 = 8 * 1024;

/// Values of [`SessionState::traversing`]: whether the passes are those of traverse().
pub(crate) struct Traversing;

impl Traversing {
    /// The passes are not those of traverse().
    pub(crate) const NO: u8 = 0;
    /// The passes are those of traverse(), until stop is called.
    pub(crate) const YES: u8 = 1;
    /// The last record did not fit: stop is called next, and then the traversal starts over.
    pub(crate) const AGAIN: u8 = 2;
}

/// The ring buffer with the events. User space sets its size.
#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(8 << 20, 0);

/// By CPU: number of events that were dropped because the ring was full. User space sets the size to the number of
/// CPUs.
#[map]
pub(crate) static LOST: Array<u64> = Array::with_max_entries(1, 0);

/// By [`Missed`]: number of incidents of this kind.
#[map]
pub(crate) static MISSED: Array<u64> = Array::with_max_entries(Missed::COUNT, 0);

/// The known open files: by `struct seq_file *`, or by `struct file *` for a plain procfs file.
#[map]
pub(crate) static SESSION: HashMap<u64, SessionState> = HashMap::with_max_entries(SESSIONS, 0);

/// The table of [`crate::slots`]. It is not declared as a map, so that its address is a constant.
#[unsafe(link_section = ".bss.slots")]
pub(crate) static mut SLOTS: [Slot; slots::SLOTS] = [const {
    Slot { id: 0, collisions: 0, pad: 0, state: SessionState::new(0), batch: PendingBatch::EMPTY }
}; slots::SLOTS];

/// By slot number of [`SLOTS`]: the owner's address.
#[map]
pub(crate) static SLOT_OWNERS: HashMap<u32, u64> = HashMap::with_max_entries(SLOT_COUNT as u32, 0);

/// One element: 1 if the probes on callbacks are for BPF iterators only, because the probes at the core's call sites
/// observe all other files; else 0.
#[map]
pub(crate) static ITERATORS_ONLY: Array<u32> = Array::with_max_entries(1, 0);

/// By session number: address of the seq_file or file. Contains all numbers in use, so that none is assigned twice.
#[map]
pub(crate) static KEYS: HashMap<u32, u64> = HashMap::with_max_entries(SESSIONS, 0);

/// By CPU: the counter from which the CPU derives session numbers.
#[map]
pub(crate) static NEXT_KEY: Array<u32> = Array::with_max_entries(1, 0);

/// The values that the filters accept.
#[map]
pub(crate) static FILTER: HashMap<FilterKey, u8> = HashMap::with_max_entries(1024, 0);

/// One element: the state of the heartbeat, [`seqtrace_common::config::heartbeat`].
#[map]
pub(crate) static HEARTBEAT: Array<u32> = Array::with_max_entries(1, 0);

/// Depth to which nested callbacks of one thread are followed.
pub(crate) const CALL_DEPTH: usize = 4;

/// The callbacks that a thread is inside of, outermost first. Only used by the backend `callbacks`.
#[repr(C)]
pub(crate) struct Calls {
    /// Number of valid elements in the arrays below.
    pub(crate) depth: u64,
    /// `struct seq_file *`, or 0 for a call that is not the core's own.
    pub(crate) m: [u64; CALL_DEPTH],
    /// Stack pointer on entry, a multiple of 8, plus the callback's number in the three lowest bits.
    pub(crate) sp: [u64; CALL_DEPTH],
    /// Makes the size of a slot a power of two.
    pub(crate) slot_pad: [u64; 5],
}

impl Calls {
    pub(crate) const NONE: Self =
        Self { depth: 0, m: [0; CALL_DEPTH], sp: [0; CALL_DEPTH], slot_pad: [0; 5] };
}

/// The table of [`crate::tasks`].
#[unsafe(link_section = ".bss.tasks")]
pub(crate) static mut TASK_SLOTS: [ThreadSlot<Calls>; SLOT_COUNT] =
    [const { ThreadSlot::free(Calls::NONE) }; SLOT_COUNT];

/// By slot number of [`TASK_SLOTS`]: the owner's thread id.
#[map]
pub(crate) static TASK_SLOT_OWNERS: HashMap<u32, u64> =
    HashMap::with_max_entries(SLOT_COUNT as u32, 0);

/// By thread id: the callbacks of threads that own no slot.
#[map]
pub(crate) static CALLS: HashMap<u64, Calls> = HashMap::with_max_entries(THREADS, 0);

/// State of a pass: the last observed event of its callbacks.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum PassState {
    /// start or show returned a value that ends the pass: stop is called next.
    End = 0,
    /// start was entered and has not returned.
    Begun = 1,
    /// start returned a record: show is called next.
    Found = 2,
    /// next returned: show is called next, or stop.
    Next = 3,
    /// show returned, and the core goes on: next is called.
    More = 4,
    /// stop was entered and has not returned.
    Stopping = 5,
}

/// A pass that a thread is inside of ([`crate::pass_stack`]). `start`, `next` and `show` are those of `m->op`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Pass {
    /// `struct seq_file *`; 0 for none.
    pub(crate) m: u64,
    /// Stack pointer on entry of start.
    pub(crate) sp: u64,
    /// Stack pointer after the return of start; 0 before that.
    pub(crate) return_sp: u64,
    pub(crate) start: u64,
    pub(crate) next: u64,
    pub(crate) show: u64,
    pub(crate) state: PassState,
    /// Value of [`PROBES`] when the pass began.
    pub(crate) attached: u32,
}

impl Pass {
    pub(crate) const NONE: Self = Self {
        m: 0,
        sp: 0,
        return_sp: 0,
        start: 0,
        next: 0,
        show: 0,
        state: PassState::End,
        attached: 0,
    };
}

/// The passes that a thread is inside of; `depth` is their number.
#[repr(C)]
pub(crate) struct Passes {
    pub(crate) depth: u32,
    pub(crate) pad: u32,
    /// The innermost pass; unused at depth 0.
    pub(crate) now: Pass,
    /// The passes around the innermost, outermost first.
    pub(crate) outer: [Pass; 3],
    /// Makes the size of a slot a power of two.
    pub(crate) slot_pad: u64,
}

impl Passes {
    pub(crate) const NONE: Self =
        Self { depth: 0, pad: 0, now: Pass::NONE, outer: [Pass::NONE; 3], slot_pad: 0 };
}

/// The table of [`crate::pass_stack`].
#[unsafe(link_section = ".bss.passes")]
pub(crate) static mut PASS_SLOTS: [ThreadSlot<Passes>; SLOT_COUNT] =
    [const { ThreadSlot::free(Passes::NONE) }; SLOT_COUNT];

/// Number of passes in progress that are not tracked because a map is full or they nest too deeply.
#[unsafe(link_section = ".bss.untracked")]
pub(crate) static mut UNTRACKED_PASSES: u32 = 0;

/// By slot number of [`PASS_SLOTS`]: the owner's thread id.
#[map]
pub(crate) static PASS_SLOT_OWNERS: HashMap<u32, u64> =
    HashMap::with_max_entries(SLOT_COUNT as u32, 0);

/// By thread id: the passes of threads that own no slot.
#[map]
pub(crate) static PASS_OVERFLOW: HashMap<u64, Passes> = HashMap::with_max_entries(THREADS, 0);

/// By address: the functions that have the probes of [`crate::passes`], numbered in the order of attaching.
#[map]
pub(crate) static PROBED: HashMap<u64, u32> = HashMap::with_max_entries(16 * 1024, 0);

/// One element: the number of elements of [`PROBED`].
#[map]
pub(crate) static PROBES: Array<u32> = Array::with_max_entries(1, 0);

/// Kinds of incidents in which something is missed although no event is lost. The values are the indexes of [`MISSED`].
#[derive(Clone, Copy)]
pub(crate) enum Missed {
    /// A file is not traced: a map of sessions is full.
    Session = 0,
    /// A callback is not observed: a map of tasks is full, or the task's callbacks nest too deeply.
    Call = 1,
    /// The return of a callback, or of a function without a trampoline, is not observed: the kernel had no free instance
    /// of the kretprobe (`maxactive`).
    Return = 2,
}

impl Missed {
    pub(crate) const COUNT: u32 = 3;

    /// Counts the incident, unless the current task is one of seqtrace itself.
    #[inline(always)]
    pub(crate) fn count(self) {
        if crate::session::lose_own() {
            return;
        }
        if let Some(counter) = MISSED.get_ptr_mut(self as u32) {
            // SAFETY: an element of the map.
            unsafe { crate::kernel::atomic_add(counter, 1) };
        }
    }
}
