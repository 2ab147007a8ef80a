//! The only reads of kernel memory. Nearly every read is a `bpf_probe_read_kernel`, which fails instead
//! of faulting; a failed read yields 0, which every caller treats as "not there". What is read with every
//! callback, from an object whose type is known for certain, is read directly where the kernel lets us: the same
//! holds for that.

use core::mem::MaybeUninit;

use aya_ebpf::{
    EbpfContext,
    bindings::{bpf_pidns_info, pt_regs},
    helpers::generated::{
        bpf_get_current_comm, bpf_get_ns_current_pid_tgid, bpf_get_smp_processor_id,
        bpf_ktime_get_ns, bpf_probe_read_kernel as raw_read,
        bpf_probe_read_kernel_str as raw_read_str,
    },
    programs::ProbeContext,
};
use seqtrace_common::{
    config::{CAST, flag},
    wire::{COMM_BYTES, FLAG_FULL, SeqState, Task},
};

use crate::config::{config, has};

/// The value at `base + offset`, or zero if it cannot be read. Without a branch for the failure: the
/// verifier would follow both ways of every read.
#[inline(always)]
pub(crate) fn field<T: Copy>(base: u64, offset: u32) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // An offset may be negative: from an inode back to what contains it.
    let source = base.wrapping_add(i64::from(offset as i32) as u64) as *const core::ffi::c_void;
    // SAFETY: the helper checks the source and always writes the target: zeroes if it fails
    // (bpf_probe_read_kernel_common(), kernel/trace/bpf_trace.c). All callers read integers.
    unsafe {
        raw_read(value.as_mut_ptr().cast(), size_of::<T>() as u32, source);
        value.assume_init()
    }
}

/// Reads `len` bytes from `source` to `target`; `len` must be known to the verifier to fit.
///
/// # Safety
/// `target` must be valid for `len` bytes.
#[inline(always)]
pub(crate) unsafe fn copy(target: *mut u8, len: u32, source: u64) -> bool {
    // SAFETY: the caller vouches for the target, the helper checks the source.
    unsafe { raw_read(target.cast(), len, source as *const core::ffi::c_void) == 0 }
}

/// Reads the number at `base + offset` to where it is wanted.
///
/// # Safety
/// `target` must be valid for it.
#[inline(always)]
unsafe fn copy_field(target: *mut u64, base: u64, offset: u32) {
    // SAFETY: the caller vouches for the target.
    unsafe { copy(target.cast(), 8, base.wrapping_add(u64::from(offset))) };
}

/// Reads a string of at most `len - 1` bytes and its NUL to `target`. The length with the NUL, or
/// a negative number.
///
/// # Safety
/// `target` must be valid for `len` bytes.
#[inline(always)]
pub(crate) unsafe fn copy_str(target: *mut u8, len: u32, source: u64) -> i64 {
    // SAFETY: the caller vouches for the target, the helper checks the source.
    unsafe { raw_read_str(target.cast(), len, source as *const core::ffi::c_void) }
}

/// CLOCK_MONOTONIC, ns.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}

/// Adds to a counter in a map, whoever else does so at the same time. `core` has no atomics for
/// BPF's older instruction sets, though all of them can add: `BPF_XADD`.
///
/// # Safety
/// `counter` must point into a map's element.
#[inline(always)]
pub(crate) unsafe fn count(counter: *mut u64, more: u64) {
    // SAFETY: the caller vouches for the pointer; nothing else is touched.
    unsafe {
        core::arch::asm!(
            "lock *(u64 *)({counter} + 0) += {more}",
            counter = in(reg) counter,
            more = in(reg) more,
        );
    }
}

/// Adds N to a number in a map, whoever else does so at the same time.
///
/// # Safety
/// `number` must point into a map's element.
#[inline(always)]
pub(crate) unsafe fn add<const N: i32>(number: *mut u32) {
    // SAFETY: the caller vouches for the pointer; nothing else is touched.
    unsafe {
        core::arch::asm!(
            "lock *(u32 *)({number} + 0) += {n}",
            number = in(reg) number,
            n = in(reg) i64::from(N),
        );
    }
}

/// `value & MASK`, which the compiler may not optimise away even where it knows better: the verifier
/// does not see everything that the compiler sees.
#[inline(always)]
pub(crate) fn masked<const MASK: i32>(mut value: u64) -> u64 {
    // SAFETY: only the register is changed.
    unsafe {
        core::arch::asm!(
            "{value} &= {mask}",
            value = inout(reg) value,
            mask = const MASK,
            options(pure, nomem, nostack),
        );
    }
    value
}

/// The CPU that runs this.
#[inline(always)]
pub(crate) fn cpu() -> u32 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_get_smp_processor_id() }
}

/// Thread group id and thread id of the current task.
#[inline(always)]
pub(crate) fn ids() -> (u32, u32) {
    let both = aya_ebpf::helpers::bpf_get_current_pid_tgid();
    ((both >> 32) as u32, both as u32)
}

/// The current task's thread group id in seqtrace's own pid namespace; 0 if it is in another one.
#[inline(always)]
pub(crate) fn own_pid() -> u32 {
    if config!(own_namespace.ino) == 0 {
        return ids().0;
    }
    let (dev, ino) = (config!(own_namespace.dev), config!(own_namespace.ino));
    let mut ids = bpf_pidns_info { pid: 0, tgid: 0 };
    let size = size_of::<bpf_pidns_info>() as u32;
    // SAFETY: `ids` is as large as said; the helper writes zeroes if it fails (kernel/bpf/helpers.c).
    unsafe { bpf_get_ns_current_pid_tgid(dev, ino, &raw mut ids, size) };
    ids.tgid
}

/// The current task.
#[inline(always)]
pub(crate) fn task() -> Task {
    let (pid, tid) = ids();
    let uid = aya_ebpf::helpers::bpf_get_current_uid_gid() as u32;
    let mut comm = MaybeUninit::<[u8; COMM_BYTES]>::uninit();
    // SAFETY: the helper writes all of it: zeroes if it fails (bpf_get_current_comm(), kernel/bpf/helpers.c).
    let comm = unsafe {
        bpf_get_current_comm(comm.as_mut_ptr().cast(), COMM_BYTES as u32);
        comm.assume_init()
    };
    Task { pid, tid, uid, pad: 0, comm }
}

/// What a function has just returned.
#[inline(always)]
pub(crate) fn returned(regs: *const pt_regs) -> u64 {
    #[cfg(bpf_target_arch = "x86_64")]
    // SAFETY: the context of a probe.
    unsafe {
        (*regs).rax
    }
    #[cfg(bpf_target_arch = "aarch64")]
    // SAFETY: the context of a probe.
    unsafe {
        (*regs).regs[0]
    }
}

/// An argument of a function at its entry, from 0; 0 if there is no register for it.
#[inline(always)]
pub(crate) fn arg(ctx: &ProbeContext, n: usize) -> u64 {
    ctx.arg(n).unwrap_or(0)
}

/// An argument of a function behind a trampoline, from 0, as a mere number: the verifier knows what `ctx.arg()` points
/// to, and lets nobody calculate with it.
#[inline(always)]
pub(crate) fn number(ctx: &impl EbpfContext, n: u32) -> u64 {
    field(ctx.as_ptr() as u64, n * 8)
}

/// What the last argument of a read or write points to: the file offset. Before 5.15 the verifier lets
/// nobody take an argument that is a pointer to a number, but anybody may read where it lies.
#[inline(always)]
pub(crate) fn position(ctx: &impl EbpfContext) -> i64 {
    const PPOS: u32 = 3;
    field(number(ctx, PPOS), 0)
}

/// `file->private_data`, for a seq file its `struct seq_file *`.
#[inline(always)]
pub(crate) fn private_data(file: u64) -> u64 {
    field(file, config!(offsets.file_private_data))
}

/// Where `struct seq_file` has its fields if [`flag::SEQ_HEAD`] is set: numbers that the compiler knows.
mod head {
    pub(super) const SIZE: u32 = 8;
    pub(super) const COUNT: u32 = 24;
    pub(super) const INDEX: u32 = 40;
}

/// A pointer through which the fields of a seq_file can be read as if they were ours; `m` must be one, not
/// only be taken for one. `bpf_rdonly_cast()` costs nothing, a read of 8 bytes through it some 8 instructions; by
/// a helper it is 60. A wrong address still reads as zero (BPF_PROBE_MEM, kernel/bpf/verifier.c).
#[inline(always)]
fn cast(m: u64, seq_file: u32) -> *const u8 {
    let result: *const u8;
    // SAFETY: in place of the number stands a call of the kernel's function, which only names the type of what
    // it is given.
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
    // Lints are checked as for a program of this machine.
    #[cfg(not(target_arch = "bpf"))]
    {
        let _ = (seq_file, CAST);
        result = m as *const u8;
    }
    result
}

/// The fields of the seq_file that the core works on. All in one read, where they lie together: of a short
/// read most is the call. Both ways read to the same place: the stack is short.
#[inline(always)]
pub(crate) fn seq_state(m: u64) -> SeqState {
    let mut fields = MaybeUninit::<[u64; 6]>::uninit();
    let target = fields.as_mut_ptr().cast::<u64>();
    // SAFETY: the field's own place.
    let one = |place: usize, offset: u32| unsafe { copy_field(target.add(place), m, offset) };
    if has(flag::SEQ_HEAD) {
        // SAFETY: as long as all of them.
        unsafe { copy(target.cast(), 48, m.wrapping_add(u64::from(head::SIZE))) };
    } else {
        one(0, config!(offsets.seq_file_size));
        one(1, config!(offsets.seq_file_from));
        one(2, config!(offsets.seq_file_count));
        // Nobody looks at the fourth.
        one(3, config!(offsets.seq_file_index));
        one(4, config!(offsets.seq_file_index));
        one(5, config!(offsets.seq_file_read_pos));
    }
    // SAFETY: either way all of them were written.
    let [size, from, count, _, index, read_pos] = unsafe { fields.assume_init() };
    SeqState { size, from, count, index: index as i64, read_pos: read_pos as i64 }
}

/// Looks again at what was seen of a seq_file without `m->lock`, until it is the same twice: a time in between is when
/// it was so. What is read may be of several moments, and between two instructions of ours a virtual machine may have
/// stood still while other readers went on.
#[inline(never)]
pub(crate) fn settle(m: u64, state: &mut SeqState) -> u64 {
    /// Who is in the middle of a pass changes it all the time, but is known to be there.
    const TRIES: u32 = 3;
    for _ in 0..TRIES {
        let time = now();
        let again = seq_state(m);
        // SAFETY: what the caller lent. Were it read once for all, it would have to be kept on the stack, which is
        // short; compared as a whole, it would be by a function that there is not.
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

/// What a callback may have changed.
#[derive(Clone, Copy)]
pub(crate) struct Filled {
    /// `m->count`. The core grows a buffer only below MAX_RW_COUNT (2 GiB), so 32 bits hold it.
    pub(crate) count: u32,
    /// `FLAG_FULL` if nothing more fits.
    pub(crate) flags: u8,
    /// `m->index`
    pub(crate) index: i64,
}

/// What a callback may have changed, as it is now. `m` must be a seq_file.
#[inline(always)]
pub(crate) fn filled(m: u64) -> Filled {
    let (size, count, index): (u64, u64, u64);
    // A number of a type: the kernel has the function.
    let seq_file = config!(seq_file_type);
    if seq_file != 0 {
        let m = cast(m, seq_file);
        // SAFETY: see `cast`; the offsets are those of fields of this size.
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
    Filled { count: count as u32, flags, index: index as i64 }
}
