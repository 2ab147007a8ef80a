//! Tables in the programs' own memory. State is found in them without a map lookup, which costs 100 instructions: the
//! number of an owner (the address of a seq_file, or a thread id) determines its slot. [`crate::slots`] has the table
//! of sessions, [`crate::tasks`] that of callbacks, [`crate::pass_stack`] that of passes.
//!
//! Two owners may hash to the same slot. The first one gets it. The state of the other is in an overflow map. The slot
//! counts such collisions: if there are none, the map is not searched.

use aya_ebpf::maps::HashMap;
use seqtrace_common::slots::SLOT_COUNT;

use crate::kernel;

/// The first fields of each slot.
#[repr(C)]
pub(crate) struct SlotHead {
    /// Number of the owner; 0 if the slot is free.
    owner: u64,
    /// Number of other owners with state that hash to this slot.
    collisions: u32,
    pad: u32,
}

/// A type of slots. Each type has one table.
///
/// # Safety
/// The type is `repr(C)` and begins with a [`SlotHead`]. The table has [`SLOT_COUNT`] slots.
pub(crate) unsafe trait TableSlot: Sized + 'static {
    /// Number of low bits that are equal in all owners.
    const EQUAL_BITS: u32;

    /// Returns the first slot.
    fn table() -> *mut Self;

    /// Returns the map of the owners by slot number.
    fn owners() -> &'static HashMap<u32, u64>;
}

/// Result of a search for an owner.
pub(crate) enum Lookup<S> {
    /// The owner has its slot.
    Owned(*mut S),
    /// The owner has no slot, but may have state in the overflow map.
    Overflow,
    /// The owner has no state.
    Absent,
}

/// Returns the slot of an owner, whether or not it has that slot.
#[inline(always)]
pub(crate) fn slot_of<S: TableSlot>(owner: u64) -> *mut S {
    const { assert!(size_of::<S>().is_power_of_two() && SLOT_COUNT.is_power_of_two()) };
    let shift = const { size_of::<S>().trailing_zeros() - S::EQUAL_BITS };
    // The same as `index::<S>(owner) * size_of::<S>()`, in fewer instructions.
    let offset = kernel::opaque_mask!(owner << shift, ((SLOT_COUNT - 1) * size_of::<S>()) as i32);
    // SAFETY: the offset is that of an element.
    unsafe { S::table().cast::<u8>().add(offset as usize).cast() }
}

/// Returns the number of an owner's slot.
#[inline(always)]
fn index<S: TableSlot>(owner: u64) -> u32 {
    (owner >> S::EQUAL_BITS) as u32 & (SLOT_COUNT as u32 - 1)
}

/// Searches for an owner.
#[inline(always)]
pub(crate) fn find<S: TableSlot>(owner: u64) -> Lookup<S> {
    let slot = slot_of::<S>(owner);
    let head = slot.cast::<SlotHead>();
    // SAFETY: an element of the table.
    unsafe {
        if (*head).owner == owner {
            Lookup::Owned(slot)
        } else if (*head).collisions != 0 {
            Lookup::Overflow
        } else {
            Lookup::Absent
        }
    }
}

/// Assigns an owner its slot, if the slot is free, and calls `fill` before the slot can be found.
#[inline(always)]
pub(crate) fn claim<S: TableSlot>(owner: u64, fill: impl FnOnce(*mut S)) -> Option<*mut S> {
    const NO_EXIST: u64 = 1;
    // Two owners may claim the same slot at once. BPF ISA v1 and v2 have no cmpxchg, so a BPF_NOEXIST map insert
    // decides between them.
    S::owners().insert(index::<S>(owner), owner, NO_EXIST).ok()?;
    let slot = slot_of::<S>(owner);
    fill(slot);
    // SAFETY: an element of the table, which this owner has now.
    unsafe { (&raw mut (*slot.cast::<SlotHead>()).owner).write_volatile(owner) };
    Some(slot)
}

/// Frees a slot. Its owner must be the only one that uses it.
#[inline(always)]
pub(crate) fn free<S: TableSlot>(slot: *mut S, owner: u64) {
    // SAFETY: an element of the table.
    unsafe { (&raw mut (*slot.cast::<SlotHead>()).owner).write_volatile(0) };
    let _ = S::owners().remove(index::<S>(owner));
}

/// Adds N to the number of collisions of an owner's slot.
#[inline(always)]
pub(crate) fn add_collisions<S: TableSlot, const N: i32>(owner: u64) {
    let slot = slot_of::<S>(owner).cast::<SlotHead>();
    // SAFETY: an element of the table.
    unsafe { kernel::atomic_add_u32::<N>(&raw mut (*slot).collisions) };
}

/// State of a thread. A thread has at most one value of the type, and no other thread accesses it.
pub(crate) trait PerThread: Sized + 'static {
    /// Initial value for the overflow map. It is a constant, because the compiler would clear a value on the stack byte
    /// by byte.
    const INITIAL: &'static Self;

    /// Returns the first slot.
    fn table() -> *mut ThreadSlot<Self>;

    /// Returns the map of the owners by slot number.
    fn owners() -> &'static HashMap<u32, u64>;

    /// Returns the overflow map, by thread id.
    fn overflow() -> &'static HashMap<u64, Self>;
}

/// A slot that is owned by a thread.
#[repr(C)]
pub(crate) struct ThreadSlot<T> {
    head: SlotHead,
    state: T,
}

impl<T> ThreadSlot<T> {
    /// Returns a free slot.
    pub(crate) const fn free(state: T) -> Self {
        Self { head: SlotHead { owner: 0, collisions: 0, pad: 0 }, state }
    }
}

// SAFETY: `repr(C)`, and begins with a `SlotHead`.
unsafe impl<T: PerThread> TableSlot for ThreadSlot<T> {
    const EQUAL_BITS: u32 = 0;

    #[inline(always)]
    fn table() -> *mut Self {
        T::table()
    }

    #[inline(always)]
    fn owners() -> &'static HashMap<u32, u64> {
        T::owners()
    }
}

/// Returns the state of a thread; `None` if it has none.
#[inline(always)]
pub(crate) fn current<T: PerThread>(tid: u32) -> Option<&'static mut T> {
    match find::<ThreadSlot<T>>(u64::from(tid)) {
        // SAFETY: an element of the table; no other thread accesses it.
        Lookup::Owned(slot) => Some(unsafe { &mut (*slot).state }),
        Lookup::Overflow => lookup_overflow(tid),
        Lookup::Absent => None,
    }
}

/// Returns the state of a thread that has no slot.
#[inline(never)]
fn lookup_overflow<T: PerThread>(tid: u32) -> Option<&'static mut T> {
    // SAFETY: an element of the map; no other thread accesses it.
    T::overflow().get_ptr_mut(u64::from(tid)).map(|state| unsafe { &mut *state })
}

/// Adds state for a thread that has none: in its slot, if that is free, else in the overflow map. The caller must set
/// the state, which may have any value. Returns `None` if the overflow map is full.
#[inline(always)]
pub(crate) fn add<T: PerThread>(tid: u32) -> Option<&'static mut T> {
    match claim::<ThreadSlot<T>>(u64::from(tid), |_| ()) {
        // SAFETY: an element of the table, which this thread owns now.
        Some(slot) => Some(unsafe { &mut (*slot).state }),
        None => add_overflow(tid),
    }
}

/// Like [`add`], in the overflow map.
#[inline(never)]
pub(crate) fn add_overflow<T: PerThread>(tid: u32) -> Option<&'static mut T> {
    T::overflow().insert(u64::from(tid), T::INITIAL, 0).ok()?;
    add_collisions::<ThreadSlot<T>, 1>(u64::from(tid));
    lookup_overflow(tid)
}

/// Frees the slot of a thread, if the thread has it and its state is `unused`.
#[inline(always)]
pub(crate) fn free_slot<T: PerThread>(tid: u32, unused: impl FnOnce(&T) -> bool) {
    if let Lookup::Owned(slot) = find::<ThreadSlot<T>>(u64::from(tid)) {
        // SAFETY: an element of the table; no other thread accesses it.
        if unused(unsafe { &(*slot).state }) {
            free(slot, u64::from(tid));
        }
    }
}

/// Removes the state of a thread from the overflow map, if it is there.
#[inline(always)]
pub(crate) fn remove_overflow<T: PerThread>(tid: u32) {
    let owner = u64::from(tid);
    if matches!(find::<ThreadSlot<T>>(owner), Lookup::Overflow)
        && T::overflow().remove(owner).is_ok()
    {
        add_collisions::<ThreadSlot<T>, -1>(owner);
    }
}
