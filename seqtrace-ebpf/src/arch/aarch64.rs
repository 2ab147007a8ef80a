//! Registers, frames and programs of 64-bit Arm, little-endian.

use aya_ebpf::bindings::pt_regs;

use crate::{
    config::config,
    iterate::{
        next_returned, on_start_call, on_start_return, on_stop_return, show_returned, sites,
    },
    kernel::field,
};

/// Returns the stack pointer.
#[inline(always)]
pub(crate) fn stack_pointer(regs: *const pt_regs) -> u64 {
    // SAFETY: the context of a probe.
    unsafe { (*regs).sp }
}

/// Returns the value that a function has just returned.
#[inline(always)]
pub(crate) fn returned(regs: *const pt_regs) -> u64 {
    // SAFETY: the context of a probe.
    unsafe { (*regs).regs[0] }
}

/// Returns the address to which a function returns, at its entry.
#[inline(always)]
pub(crate) fn return_address(regs: *const pt_regs) -> u64 {
    const LINK: usize = 30;
    // SAFETY: the context of a probe.
    unsafe { (*regs).regs[LINK] }
}

/// Returns the address to which seq_read_iter() returns, from the context of a fentry program on it; `None` if it is
/// unknown. A fexit program must be attached to the function, too.
///
/// A trampoline stores its context, the arguments, at the bottom of its frame. Above them are the return value (present
/// because of the fexit program), x19, x20, padding if the frame needs it, and two pairs of a frame pointer and an
/// address: the address in seq_read_iter() to which the trampoline returns, and the address to which seq_read_iter()
/// returns (prepare_trampoline(), arch/arm64/net/bpf_jit_comp.c, 6.12). The addresses are not signed.
#[inline(always)]
pub(crate) fn caller(context: u64) -> Option<u64> {
    const FIRST_ADDRESS: u32 = 6 * 8;
    let [without_padding, with_padding, first, second]: [u64; 4] = field(context, FIRST_ADDRESS);
    let traced = config!(callers.seq_read_iter);
    if traced.contains(without_padding) {
        Some(first)
    } else if traced.contains(with_padding) {
        Some(second)
    } else {
        None
    }
}

// On the instruction `blr` that calls start: `m` is the first argument.
sites! { on_start_call: core_start_call [regs[0]] }

// After the core's calls: one program for each callee-saved register, which may hold `m`.
sites! {
    on_start_return: core_start_x19 [regs[19]], core_start_x20 [regs[20]],
    core_start_x21 [regs[21]], core_start_x22 [regs[22]], core_start_x23 [regs[23]],
    core_start_x24 [regs[24]], core_start_x25 [regs[25]], core_start_x26 [regs[26]],
    core_start_x27 [regs[27]], core_start_x28 [regs[28]]
}
sites! {
    next_returned: core_next_x19 [regs[19]], core_next_x20 [regs[20]], core_next_x21 [regs[21]],
    core_next_x22 [regs[22]], core_next_x23 [regs[23]], core_next_x24 [regs[24]],
    core_next_x25 [regs[25]], core_next_x26 [regs[26]], core_next_x27 [regs[27]],
    core_next_x28 [regs[28]]
}
sites! {
    show_returned: core_show_x19 [regs[19]], core_show_x20 [regs[20]], core_show_x21 [regs[21]],
    core_show_x22 [regs[22]], core_show_x23 [regs[23]], core_show_x24 [regs[24]],
    core_show_x25 [regs[25]], core_show_x26 [regs[26]], core_show_x27 [regs[27]],
    core_show_x28 [regs[28]]
}
sites! {
    on_stop_return: core_stop_x19 [regs[19]], core_stop_x20 [regs[20]], core_stop_x21 [regs[21]],
    core_stop_x22 [regs[22]], core_stop_x23 [regs[23]], core_stop_x24 [regs[24]],
    core_stop_x25 [regs[25]], core_stop_x26 [regs[26]], core_stop_x27 [regs[27]],
    core_stop_x28 [regs[28]]
}
