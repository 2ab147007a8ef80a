//! The only reads of kernel memory. Nearly all use `bpf_probe_read_kernel`, which returns an error instead of faulting.
//! A failed read yields 0, which all callers treat as "absent". The fields that are read with each callback, from an
//! object whose type is certain, are read directly where the kernel allows that; a failed read yields 0 there, too.

use core::mem::MaybeUninit;

use aya_ebpf::{
    EbpfContext,
    bindings::bpf_pidns_info,
    helpers::generated::{
        bpf_get_current_comm, bpf_get_ns_current_pid_tgid, bpf_get_smp_processor_id,
        bpf_ktime_get_ns, bpf_probe_read_kernel as raw_read,
        bpf_probe_read_kernel_str as raw_read_str,
    },
    programs::ProbeContext,
};
use seqtrace_common::{
    config::{CAST, flag},
    wire::{COMM_BYTES, Callback, FLAG_FULL, Head, Pair, SeqState, Task},
};

use crate::config::{config, has};

/// Returns the value at `base + offset`, or zero if it cannot be read. There is no branch for the failure: the verifier
/// would explore both outcomes of each read.
#[inline(always)]
pub(crate) fn field<T: Copy>(base: u64, offset: u32) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // An offset may be negative: from an inode back to the struct that contains it.
    let source = base.wrapping_add(i64::from(offset as i32) as u64) as *const core::ffi::c_void;
    // SAFETY: the helper checks the source and always writes the target: zeroes if it fails
    // (bpf_probe_read_kernel_common(), kernel/trace/bpf_trace.c). All callers read integers.
    unsafe {
        raw_read(value.as_mut_ptr().cast(), size_of::<T>() as u32, source);
        value.assume_init()
    }
}

/// Reads `len` bytes from `source` to `target` and returns true on success. The verifier must know that `len` fits.
///
/// # Safety
/// `target` must be valid for `len` bytes.
#[inline(always)]
pub(crate) unsafe fn copy(target: *mut u8, len: u32, source: u64) -> bool {
    // SAFETY: the caller guarantees the target, the helper checks the source.
    unsafe { raw_read(target.cast(), len, source as *const core::ffi::c_void) == 0 }
}

/// Reads the number at `base + offset` to `target`.
///
/// # Safety
/// `target` must be valid for 8 bytes.
#[inline(always)]
unsafe fn copy_field(target: *mut u64, base: u64, offset: u32) {
    // SAFETY: the caller guarantees the target.
    unsafe { copy(target.cast(), 8, base.wrapping_add(u64::from(offset))) };
}

/// Reads a string of at most `len - 1` bytes and its NUL to `target`. Returns the length including the NUL, or a
/// negative errno.
///
/// # Safety
/// `target` must be valid for `len` bytes.
#[inline(always)]
pub(crate) unsafe fn copy_str(target: *mut u8, len: u32, source: u64) -> i64 {
    // SAFETY: the caller guarantees the target, the helper checks the source.
    unsafe { raw_read_str(target.cast(), len, source as *const core::ffi::c_void) }
}

/// Returns CLOCK_MONOTONIC in ns.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}

/// Adds to a counter atomically. `core` has no atomics for BPF's older instruction sets, but all of them have
/// `BPF_XADD`.
///
/// # Safety
/// `counter` must point into an element of a map.
#[inline(always)]
pub(crate) unsafe fn atomic_add(counter: *mut u64, more: u64) {
    // SAFETY: the caller guarantees the pointer; nothing else is accessed.
    unsafe {
        core::arch::asm!(
            "lock *(u64 *)({counter} + 0) += {more}",
            counter = in(reg) counter,
            more = in(reg) more,
        );
    }
}

/// Adds N to a number atomically.
///
/// # Safety
/// `number` must point into an element of a map.
#[inline(always)]
pub(crate) unsafe fn atomic_add_u32<const N: i32>(number: *mut u32) {
    // SAFETY: the caller guarantees the pointer; nothing else is accessed.
    unsafe {
        core::arch::asm!(
            "lock *(u32 *)({number} + 0) += {n}",
            number = in(reg) number,
            n = in(reg) i64::from(N),
        );
    }
}

/// Evaluates to `value & mask`, in a way that is opaque to the compiler: it cannot remove a mask that it knows to be
/// redundant and that the verifier needs. A macro, because the mask may depend on type parameters.
macro_rules! opaque_mask {
    ($value:expr, $mask:expr) => {{
        let mut value: u64 = $value;
        // SAFETY: only the register is changed.
        unsafe {
            core::arch::asm!(
                "{value} &= {mask}",
                value = inout(reg) value,
                mask = const $mask,
                options(pure, nomem, nostack),
            );
        }
        value
    }};
}
pub(crate) use opaque_mask;

/// Returns the number of the current CPU.
#[inline(always)]
pub(crate) fn cpu() -> u32 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_get_smp_processor_id() }
}

/// Returns thread group id and thread id of the current task.
#[inline(always)]
pub(crate) fn ids() -> (u32, u32) {
    let both = aya_ebpf::helpers::bpf_get_current_pid_tgid();
    ((both >> 32) as u32, both as u32)
}

/// Returns the current task's thread group id in the pid namespace of seqtrace; 0 if the task is in another one.
#[inline(always)]
pub(crate) fn own_pid() -> u32 {
    if config!(own_namespace.ino) == 0 {
        return ids().0;
    }
    let (dev, ino) = (config!(own_namespace.dev), config!(own_namespace.ino));
    let mut ids = bpf_pidns_info { pid: 0, tgid: 0 };
    let size = size_of::<bpf_pidns_info>() as u32;
    // SAFETY: `ids` has `size` bytes; the helper writes zeroes if it fails (kernel/bpf/helpers.c).
    unsafe { bpf_get_ns_current_pid_tgid(dev, ino, &raw mut ids, size) };
    ids.tgid
}

/// Returns the current task.
#[inline(always)]
pub(crate) fn task() -> Task {
    let (pid, tid) = ids();
    let uid = aya_ebpf::helpers::bpf_get_current_uid_gid() as u32;
    let mut comm = MaybeUninit::<[u8; COMM_BYTES]>::uninit();
    // SAFETY: the helper writes all bytes: zeroes if it fails (bpf_get_current_comm(), kernel/bpf/helpers.c).
    let comm = unsafe {
        bpf_get_current_comm(comm.as_mut_ptr().cast(), COMM_BYTES as u32);
        comm.assume_init()
    };
    Task { pid, tid, uid, pad: 0, comm }
}

/// Returns argument `n` of a function at its entry, counted from 0; 0 if it is not passed in a register.
#[inline(always)]
pub(crate) fn arg(ctx: &ProbeContext, n: usize) -> u64 {
    ctx.arg(n).unwrap_or(0)
}

/// Returns argument `n` of a function that is probed by a trampoline, counted from 0, as a number. The verifier knows
/// the type that `ctx.arg()` points to and does not allow arithmetic with it.
#[inline(always)]
pub(crate) fn number(ctx: &impl EbpfContext, n: u32) -> u64 {
    field(ctx.as_ptr() as u64, n * 8)
}

/// Returns the file offset of a read or write, to which its last argument points. Before 5.15 the verifier does not
/// allow a program to load an argument that is a pointer to a number, but it allows a read of the context's memory.
#[inline(always)]
pub(crate) fn position(ctx: &impl EbpfContext) -> i64 {
    const PPOS: u32 = 3;
    field(number(ctx, PPOS), 0)
}

/// Returns `file->private_data`: for a seq file its `struct seq_file *`.
#[inline(always)]
pub(crate) fn private_data(file: u64) -> u64 {
    field(file, config!(offsets.file_private_data))
}

/// Offsets of fields of `struct seq_file` if [`flag::SEQ_HEAD`] is set: constants for the compiler.
mod head {
    pub(super) const SIZE: u32 = 8;
    pub(super) const COUNT: u32 = 24;
    pub(super) const INDEX: u32 = 40;
}

/// Returns a pointer through which the fields of a seq_file can be read directly. `m` must be certain to be a seq_file.
/// `bpf_rdonly_cast()` costs no instruction, a read of 8 bytes through the pointer about 8; with a helper it is 60. A
/// read of a wrong address still yields zero (BPF_PROBE_MEM, kernel/bpf/verifier.c).
#[inline(always)]
fn cast(m: u64, seq_file: u32) -> *const u8 {
    let result: *const u8;
    // SAFETY: user space replaces the number by a call of the kernel's function, which only assigns a type to its
    // argument.
    #[cfg(target_arch = "bpf")]
    unsafe {
        core::arch::asm!(
            "call {cast}",
            cast = const CAST,
            inlateout("r1") m => _,
            inlateout("r2") u64::from(seq_file) => _,
            lateout("r0") result,
            lateout("r3") _,
            lateout("r4") _,
            lateout("r5") _,
        );
    }
    // Lints are checked with a build for the host.
    #[cfg(not(target_arch = "bpf"))]
    {
        let _ = (seq_file, CAST);
        result = m as *const u8;
    }
    result
}

/// Reads the fields of the seq_file that the core works on: with one read where they are adjacent, because the helper
/// call dominates the cost of a short read. Both branches share one buffer: the BPF stack has 512 bytes.
#[inline(always)]
pub(crate) fn seq_state(m: u64) -> SeqState {
    let mut fields = MaybeUninit::<[u64; 6]>::uninit();
    let target = fields.as_mut_ptr().cast::<u64>();
    // SAFETY: an element of the buffer.
    let one = |index: usize, offset: u32| unsafe { copy_field(target.add(index), m, offset) };
    if has(flag::SEQ_HEAD) {
        // SAFETY: the buffer has 48 bytes.
        unsafe { copy(target.cast(), 48, m.wrapping_add(u64::from(head::SIZE))) };
    } else {
        one(0, config!(offsets.seq_file_size));
        one(1, config!(offsets.seq_file_from));
        one(2, config!(offsets.seq_file_count));
        // The fourth element is not used.
        one(3, config!(offsets.seq_file_index));
        one(4, config!(offsets.seq_file_index));
        one(5, config!(offsets.seq_file_read_pos));
    }
    // SAFETY: both branches have written all elements.
    let [size, from, count, _, index, read_pos] = unsafe { fields.assume_init() };
    SeqState { size, from, count, index: index as i64, read_pos: read_pos as i64 }
}

/// Re-reads the state of a seq_file, first read without `m->lock`, until two consecutive reads agree. Returns a time
/// between them, at which the state was valid. One read alone may mix several states, and a virtual machine may stop
/// between two instructions while other readers go on.
#[inline(never)]
pub(crate) fn read_consistent_state(m: u64, state: &mut SeqState) -> u64 {
    /// A reader in the middle of a pass changes the state all the time, but its pass is known.
    const TRIES: u32 = 3;
    for _ in 0..TRIES {
        let time = now();
        let again = seq_state(m);
        // SAFETY: a reference. A volatile read keeps the fields off the stack, which has 512 bytes; a comparison of the
        // whole struct would call memcmp(), which the programs do not have.
        let before = unsafe { (&raw const *state).read_volatile() };
        let changed = (again.size ^ before.size)
            | (again.from ^ before.from)
            | (again.count ^ before.count)
            | (again.index ^ before.index) as u64
            | (again.read_pos ^ before.read_pos) as u64;
        if changed == 0 {
            return time;
        }
        *state = again;
    }
    now()
}

/// State of the buffer, and the position: what a callback may have changed.
#[derive(Clone, Copy)]
pub(crate) struct BufferState {
    /// `m->count`. The core grows a buffer only below MAX_RW_COUNT (2 GiB), so 32 bits hold it.
    pub(crate) count: u32,
    /// [`FLAG_FULL`] if `m->count == m->size`, else 0.
    pub(crate) flags: u8,
    pub(crate) index: i64,
}

impl BufferState {
    /// Returns the state on the return of the next() of a pair.
    #[inline(always)]
    pub(crate) fn of_next(pair: &Pair) -> Self {
        Self { count: pair.next_count, flags: pair.next_flags, index: pair.index }
    }

    /// Creates the event of a callback that returned `ret` with this state. `flags` are part of `head`.
    #[inline(always)]
    pub(crate) fn callback(self, head: Head, session: u32, ret: u64) -> Callback {
        let Self { count, flags: _, index } = self;
        Callback { head, session, count, ret, index }
    }
}

/// Reads the state of the buffer. `m` must be certain to be a seq_file.
#[inline(always)]
pub(crate) fn read_buffer_state(m: u64) -> BufferState {
    let (size, count, index): (u64, u64, u64);
    // A type id: the kernel has bpf_rdonly_cast().
    let seq_file = config!(seq_file_type);
    if seq_file != 0 {
        let m = cast(m, seq_file);
        // SAFETY: as `cast` requires; the offsets are those of fields of this size.
        unsafe {
            size = m.add(head::SIZE as usize).cast::<u64>().read_volatile();
            count = m.add(head::COUNT as usize).cast::<u64>().read_volatile();
            index = m.add(head::INDEX as usize).cast::<u64>().read_volatile();
        }
    } else if has(flag::SEQ_HEAD) {
        [size, _, count, _, index] = field(m, head::SIZE);
    } else {
        size = field(m, config!(offsets.seq_file_size));
        count = field(m, config!(offsets.seq_file_count));
        index = field(m, config!(offsets.seq_file_index));
    }
    let flags = if count == size { FLAG_FULL } else { 0 };
    BufferState { count: count as u32, flags, index: index as i64 }
}
