//! The maps, all of them.

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, RingBuf},
};
use seqtrace_common::config::FilterKey;
use seqtrace_common::slots::{self, SLOT_COUNT, SessionState, Slot, Staged};

/// Open sessions at most, traced or not.
const SESSIONS: u32 = 32 * 1024;
/// Calls of traced callbacks under way at once, at most.
const TASKS: u32 = 8 * 1024;

/// Whether passes are those of traverse().
pub(crate) struct Traversing;

impl Traversing {
    /// They are not.
    pub(crate) const NO: u8 = 0;
    /// They are, until stop is called.
    pub(crate) const YES: u8 = 1;
    /// The last record did not fit: stop will be called, and the traversal begins again.
    pub(crate) const AGAIN: u8 = 2;
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

/// See [`crate::slots`]. Not a map by its declaration, so that its address is a constant.
#[unsafe(link_section = ".bss.slots")]
pub(crate) static mut SLOTS: [Slot; slots::SLOTS] = [const {
    Slot { id: 0, others: 0, pad: 0, state: SessionState::new(0), staged: Staged::NONE }
}; slots::SLOTS];

/// By number of a slot: who was first to want it.
#[map]
pub(crate) static CLAIMS: HashMap<u32, u64> = HashMap::with_max_entries(SLOT_COUNT as u32, 0);

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
pub(crate) struct Calls {
    /// How many of the others hold something.
    pub(crate) depth: u64,
    /// `struct seq_file *`, or 0 for a call that is not the core's own.
    pub(crate) m: [u64; CALL_DEPTH],
    /// Stack pointer on entry, a multiple of 8, and which callback it is in the bits below.
    pub(crate) sp: [u64; CALL_DEPTH],
}

impl Calls {
    pub(crate) const NONE: Self = Self { depth: 0, m: [0; CALL_DEPTH], sp: [0; CALL_DEPTH] };
}

/// A place of [`crate::tasks`]; as long as two lines of the cache.
#[repr(C)]
pub(crate) struct TaskSlot {
    /// Whose it is, a thread id; 0 for nobody's.
    pub(crate) tid: u32,
    /// Spelled-out padding, zero.
    pub(crate) pad: u32,
    pub(crate) calls: Calls,
    /// Spelled-out padding, zero.
    pub(crate) pad2: [u64; 6],
}

/// Places for tasks inside of reads, a power of two.
pub(crate) const TASK_SLOTS: usize = 1024;

/// See [`crate::tasks`].
#[unsafe(link_section = ".bss.tasks")]
pub(crate) static mut TASKS_INSIDE: [TaskSlot; TASK_SLOTS] =
    [const { TaskSlot { tid: 0, pad: 0, calls: Calls::NONE, pad2: [0; 6] } }; TASK_SLOTS];

/// By number of a place of [`crate::tasks`]: who was first to want it.
#[map]
pub(crate) static TASK_CLAIMS: HashMap<u32, u32> = HashMap::with_max_entries(TASK_SLOTS as u32, 0);

/// By thread id: the calls of tasks whose place is another's.
#[map]
pub(crate) static CALLS: HashMap<u32, Calls> = HashMap::with_max_entries(TASKS, 0);

/// What was seen last of a pass.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Last {
    /// start or show returned what ends the pass: stop is called.
    End = 0,
    /// start was entered.
    Begun = 1,
    /// start returned a record: show is called next.
    Found = 2,
    /// next returned: show is called next, or stop.
    Next = 3,
    /// show returned, and the core goes on: next is called.
    More = 4,
    /// stop was entered.
    Stopping = 5,
}

/// A pass that a task is inside of: see [`crate::passes`].
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Pass {
    /// `struct seq_file *`; 0 for none.
    pub(crate) m: u64,
    /// The stack pointer when start was entered.
    pub(crate) sp: u64,
    /// The stack pointer when start had returned; 0 before.
    pub(crate) back: u64,
    /// `m->op->start`
    pub(crate) start: u64,
    /// `m->op->next`
    pub(crate) next: u64,
    /// `m->op->show`
    pub(crate) show: u64,
    pub(crate) last: Last,
    /// [`PROBES`] when it began.
    pub(crate) attached: u32,
}

impl Pass {
    pub(crate) const NONE: Self =
        Self { m: 0, sp: 0, back: 0, start: 0, next: 0, show: 0, last: Last::End, attached: 0 };
}

/// Passes that a task is inside of: a callback may read another file.
#[repr(C)]
pub(crate) struct Passes {
    /// How many.
    pub(crate) depth: u32,
    /// Spelled-out padding, zero.
    pub(crate) pad: u32,
    /// The innermost.
    pub(crate) now: Pass,
    /// Those around it, outermost first.
    pub(crate) outer: [Pass; 3],
}

/// A place for the passes of a task; as long as four lines of the cache.
#[repr(C)]
pub(crate) struct PassPlace {
    /// Whose it is, a thread id; 0 for nobody's.
    pub(crate) tid: u32,
    /// How many others should be here too.
    pub(crate) others: u32,
    pub(crate) passes: Passes,
    /// Spelled-out padding, zero.
    pub(crate) pad: [u64; 2],
}

/// See [`crate::passes`].
#[unsafe(link_section = ".bss.passes")]
pub(crate) static mut PASS_PLACES: [PassPlace; TASK_SLOTS] = [const {
    let passes = Passes { depth: 0, pad: 0, now: Pass::NONE, outer: [Pass::NONE; 3] };
    PassPlace { tid: 0, others: 0, passes, pad: [0; 2] }
}; TASK_SLOTS];

/// Passes under way that there was no room for.
#[unsafe(link_section = ".bss.roomless")]
pub(crate) static mut ROOMLESS: u32 = 0;

/// By number of a place of [`crate::passes`]: who was first to want it.
#[map]
pub(crate) static PASS_CLAIMS: HashMap<u32, u32> = HashMap::with_max_entries(TASK_SLOTS as u32, 0);

/// By thread id: the passes of tasks whose place is another's.
#[map]
pub(crate) static PASSES_ELSEWHERE: HashMap<u32, Passes> = HashMap::with_max_entries(TASKS, 0);

/// By address: the functions that have the probes of [`crate::passes`], numbered as they got them.
#[map]
pub(crate) static PROBED: HashMap<u64, u32> = HashMap::with_max_entries(16 * 1024, 0);

/// Its one element is how many of them there are.
#[map]
pub(crate) static PROBES: Array<u32> = Array::with_max_entries(1, 0);

/// What can be missed without an event being lost. The order is known to user space
/// (`probe::loader`).
#[derive(Clone, Copy)]
pub(crate) enum Missed {
    /// The map of sessions is full: a file is not traced.
    Session = 0,
    /// The map of calls is full or a task nests too deeply: a callback is not seen.
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
            unsafe { crate::kernel::count(counter, 1) };
        }
    }
}
