//! Arguments of the functions that threads are inside of, for kernels without trampolines on functions: arm64 before
//! 6.4. A kretprobe has no access to the arguments, so the kprobe on the entry stores them.
//!
//! Each program that follows a function with a trampoline has twins, with the same name and a suffix: `_kprobe` for an
//! entry; `_kretprobe` for a return, and `_keep` for the kprobe that stores the arguments, unless the twin for the entry
//! of the same function does that. User space attaches a trampoline first, and the twins if the kernel refuses it.
//!
//! The stack pointer matches a return to its entry. A return is missed if the kernel had no free instance of the
//! kretprobe. It is counted at the next call of the same function in the thread, or at the release of the file.

use aya_ebpf::{bindings::pt_regs, macros::map, maps::HashMap};

use crate::{
    arch::stack_pointer,
    kernel,
    maps::{Missed, THREADS},
};

/// Depth to which nested calls of one function in one thread are followed.
const DEPTH: usize = 4;

/// A function whose arguments are stored. Two programs with the same function have two values.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Function {
    SeqReadIter,
    SeqLseek,
    BpfSeqRead,
    SeqOpen,
    SingleOpen,
    SingleOpenSize,
    SeqOpenPrivate,
    SeqOpenPrivateRaw,
    ProcRegOpen,
    ProcRegRead,
    ProcRegReadIter,
    ProcRegWrite,
    ProcRegOpenFailed,
    FullProxyOpenFailed,
    FullProxyOpenRegularFailed,
    OpenProxyOpenFailed,
    ChrdevOpenFailed,
}

/// Numbers that a program stores at the entry of a function.
pub(crate) type Kept = [u64; 3];

/// A call in progress.
#[repr(C)]
#[derive(Clone, Copy)]
struct Frame {
    /// Stack pointer on entry.
    sp: u64,
    kept: Kept,
}

/// The calls of one function that a thread is inside of, outermost first.
#[repr(C)]
struct Frames {
    /// Number of valid elements in `frame`.
    depth: u64,
    frame: [Frame; DEPTH],
}

/// By function and thread id: the calls in progress.
#[map]
static FRAMES: HashMap<u64, Frames> = HashMap::with_max_entries(THREADS, 0);

static NONE: Frames = Frames { depth: 0, frame: [Frame { sp: 0, kept: [0; 3] }; DEPTH] };

/// Returns the key of the current thread's calls of a function.
#[inline(always)]
fn key(function: Function) -> u64 {
    u64::from(function as u32) << 32 | u64::from(kernel::ids().1)
}

/// Stores numbers until the function, which was entered with these registers, returns.
#[inline(always)]
pub(crate) fn enter(function: Function, regs: *const pt_regs, kept: Kept) {
    let [first, second, third] = kept;
    push(key(function), stack_pointer(regs), first, second, third);
}

/// Adds a call, and removes those that ended unobserved.
#[inline(never)]
fn push(key: u64, sp: u64, first: u64, second: u64, third: u64) {
    if FRAMES.get_ptr(key).is_none() && FRAMES.insert(key, &NONE, 0).is_err() {
        Missed::Call.count();
        return;
    }
    let Some(frames) = FRAMES.get_ptr_mut(key) else { return };
    // SAFETY: an element of the map; no other thread accesses it.
    let frames = unsafe { &mut *frames };
    for _ in 0..DEPTH {
        let depth = frames.depth as usize;
        // The stack grows down: a call that is not above this one has returned.
        if depth == 0 || frames.frame[(depth - 1) & (DEPTH - 1)].sp > sp {
            break;
        }
        Missed::Return.count();
        frames.depth -= 1;
    }
    let depth = frames.depth as usize;
    if depth >= DEPTH {
        Missed::Call.count();
        return;
    }
    frames.frame[depth & (DEPTH - 1)] = Frame { sp, kept: [first, second, third] };
    frames.depth += 1;
}

/// Returns the numbers that were stored at the entry of the function that has just returned with these registers;
/// `None` if none were.
#[inline(always)]
pub(crate) fn leave(function: Function, regs: *const pt_regs) -> Option<Kept> {
    let (key, sp) = (key(function), stack_pointer(regs));
    let frames = FRAMES.get_ptr_mut(key)?;
    // SAFETY: an element of the map; no other thread accesses it.
    let frames = unsafe { &mut *frames };
    let mut kept = None;
    for _ in 0..DEPTH {
        let depth = frames.depth as usize;
        if depth == 0 {
            break;
        }
        let frame = &frames.frame[(depth - 1) & (DEPTH - 1)];
        // The entry of this call was not observed: the innermost call around it is still in progress.
        if frame.sp > sp {
            break;
        }
        frames.depth -= 1;
        if same_frame(sp, frame.sp) {
            kept = Some(frame.kept);
            break;
        }
        Missed::Return.count();
    }
    if frames.depth == 0 {
        let _ = FRAMES.remove(key);
    }
    kept
}

/// Counts a missed return of the current thread from a call of `function` for the seq_file `m`, which is being released.
#[inline(always)]
pub(crate) fn released(function: Function, m: u64) {
    let key = key(function);
    let Some(frames) = FRAMES.get_ptr(key) else { return };
    // SAFETY: an element of the map; no other thread accesses it.
    let Frames { depth, frame: [frame, ..] } = unsafe { &*frames };
    if *depth != 0 && frame.kept[0] == m {
        Missed::Return.count();
        let _ = FRAMES.remove(key);
    }
}

/// Returns true if a function that was entered with stack pointer `sp` has returned to `return_sp`: on x86-64 that is 8
/// more, because the call has pushed the address to return to; on arm64 it is equal.
#[inline(always)]
pub(crate) fn same_frame(return_sp: u64, sp: u64) -> bool {
    return_sp.wrapping_sub(sp) <= 16
}
