//! The functions that open a seq file: seq_open(), and its wrappers, which call it or have it inlined.

use core::mem::MaybeUninit;

use aya_ebpf::{
    EbpfContext,
    helpers::generated::bpf_get_stack,
    macros::{fexit, kprobe, kretprobe},
    programs::{FExitContext, ProbeContext, RetProbeContext},
};
use seqtrace_common::wire::via;

use crate::{
    arch,
    config::config,
    frames::{self, Function},
    kernel,
    open::{Opening, begin},
};

/// Handles the return of an open function of seq_file with the value `ret`.
#[inline(always)]
fn opened(ctx: &impl EbpfContext, file: u64, ret: i32, via: u32, resolve_wrapper: bool) -> u32 {
    let m = if ret == 0 { kernel::private_data(file) } else { 0 };
    begin(ctx, &Opening { file, m, ret, flags: 0, via, resolve_wrapper });
    0
}

/// Stores the file and the wrapper of seq_open() at the entry of an open function. The kretprobe cannot determine the
/// wrapper: it has replaced the address in it. `via`: the wrapper if the stack shows none.
#[inline(always)]
fn keep(ctx: &ProbeContext, function: Function, via: u8) -> u32 {
    let mut frames = MaybeUninit::<[u64; FRAMES]>::uninit();
    // The function has no frame yet. On arm64 the stack does not show the address to which it returns.
    let caller = wrapper_at(arch::return_address(ctx.regs), u32::from(via));
    // SAFETY: memory for FRAMES addresses.
    let via = unsafe { wrapper(ctx, frames.as_mut_ptr().cast(), caller) };
    frames::enter(function, ctx.regs, [kernel::arg(ctx, 0), u64::from(via), 0]);
    0
}

/// Handles the return of an open function whose arguments were stored. `result` converts the value returned to 0 or a
/// negative errno.
#[inline(always)]
fn kept(ctx: &RetProbeContext, function: Function, result: impl FnOnce(u64) -> i32) -> u32 {
    match frames::leave(function, ctx.regs) {
        Some([file, via, _]) => {
            opened(ctx, file, result(arch::returned(ctx.regs)), via as u32, false)
        }
        None => 0,
    }
}

/// Returns the errno of a function that returns an int.
#[inline(always)]
fn of_int(returned: u64) -> i32 {
    returned as i32
}

/// Returns the errno of a function that returns the private data, or NULL if memory is short.
#[inline(always)]
fn of_private(private: u64) -> i32 {
    const ENOMEM: i32 = 12;
    if private != 0 { 0 } else { -ENOMEM }
}

/// Defines a program for the return of an open function, and its twins ([`crate::frames`]). `argument`: number of the
/// value returned behind the arguments; `via`: the wrapper that the function is, 0 for seq_open().
macro_rules! opener {
    (
        $function:literal, $name:ident, $keep:ident, $twin:ident, $id:expr,
        $via:expr, $argument:literal, $result:ident
    ) => {
        #[fexit(function = $function)]
        pub(crate) fn $name(ctx: FExitContext) -> u32 {
            opened(&ctx, ctx.arg(0), $result(ctx.arg($argument)), u32::from($via), true)
        }

        #[kprobe]
        pub(crate) fn $keep(ctx: ProbeContext) -> u32 {
            keep(&ctx, $id, $via)
        }

        #[kretprobe]
        pub(crate) fn $twin(ctx: RetProbeContext) -> u32 {
            kept(&ctx, $id, $result)
        }
    };
}

opener!(
    "seq_open",
    seq_open,
    seq_open_keep,
    seq_open_kretprobe,
    Function::SeqOpen,
    0_u8,
    2,
    of_int
);

// The following programs are attached only where the compiler has inlined seq_open() into the wrapper, so that its
// return cannot be probed.

opener!(
    "single_open",
    single_open_exit,
    single_open_exit_keep,
    single_open_exit_kretprobe,
    Function::SingleOpen,
    via::SINGLE_OPEN,
    3,
    of_int
);
opener!(
    "single_open_size",
    single_open_size_exit,
    single_open_size_exit_keep,
    single_open_size_exit_kretprobe,
    Function::SingleOpenSize,
    via::SINGLE_OPEN_SIZE,
    4,
    of_int
);
opener!(
    "seq_open_private",
    seq_open_private_exit,
    seq_open_private_exit_keep,
    seq_open_private_exit_kretprobe,
    Function::SeqOpenPrivate,
    via::SEQ_OPEN_PRIVATE,
    3,
    of_int
);
opener!(
    "__seq_open_private",
    seq_open_private_raw_exit,
    seq_open_private_raw_exit_keep,
    seq_open_private_raw_exit_kretprobe,
    Function::SeqOpenPrivateRaw,
    via::SEQ_OPEN_PRIVATE_RAW,
    3,
    of_private
);

/// Number of stack frames that are examined: the program, its trampoline, seq_open(), its wrapper, the wrapper of that,
/// and a few spare ones. Each adds a dozen verifier states, which delays the start of a trace.
pub(crate) const FRAMES: usize = 8;

/// Returns the outermost wrapper of seq_open() on the stack, one of [`via`]; `which` if there is none.
/// single_open_size() calls single_open(), and seq_open_private() calls __seq_open_private() (fs/seq_file.c). Opens are
/// rare: this costs less than a probe on each wrapper.
///
/// # Safety
/// `frames` must be valid for `FRAMES` addresses.
#[inline(always)]
pub(crate) unsafe fn wrapper(ctx: &impl EbpfContext, frames: *mut u64, mut which: u32) -> u32 {
    // SAFETY: the caller guarantees the memory.
    let bytes = unsafe { bpf_get_stack(ctx.as_ptr(), frames.cast(), (FRAMES * 8) as u32, 0) };
    for at in 0..FRAMES {
        if (at * 8) as i64 >= bytes {
            break;
        }
        // SAFETY: below FRAMES.
        let address = unsafe { *frames.add(at) };
        which = wrapper_at(address, which);
    }
    which
}

/// Returns the wrapper of seq_open() that has this address, one of [`via`]; `which` if none has.
#[inline(always)]
fn wrapper_at(address: u64, mut which: u32) -> u32 {
    for (text, name) in [
        (config!(callers.single_open), via::SINGLE_OPEN),
        (config!(callers.single_open_size), via::SINGLE_OPEN_SIZE),
        (config!(callers.seq_open_private_raw), via::SEQ_OPEN_PRIVATE_RAW),
        (config!(callers.seq_open_private), via::SEQ_OPEN_PRIVATE),
    ] {
        if text.contains(address) {
            which = u32::from(name);
        }
    }
    which
}
