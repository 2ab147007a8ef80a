//! Registers, frames and programs of x86-64.

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
    unsafe { (*regs).rsp }
}

/// Returns the value that a function has just returned.
#[inline(always)]
pub(crate) fn returned(regs: *const pt_regs) -> u64 {
    // SAFETY: the context of a probe.
    unsafe { (*regs).rax }
}

/// Returns the address to which a function returns, at its entry.
#[inline(always)]
pub(crate) fn return_address(regs: *const pt_regs) -> u64 {
    field(stack_pointer(regs), 0)
}

/// Returns the address to which seq_read_iter() returns, from the context of a fentry program on it; `None` if it is
/// unknown. A fexit program must be attached to the function, too.
///
/// A trampoline stores its context, the arguments, at the bottom of its frame. Above them are the return value (present
/// because of the fexit program), the frame pointer, the address in seq_read_iter() to which the trampoline returns, and
/// the address to which seq_read_iter() returns (arch_prepare_bpf_trampoline(), arch/x86/net/bpf_jit_comp.c). A kernel
/// that jumps to its trampolines instead of calling them (since 6.19) has no address in seq_read_iter() there.
#[inline(always)]
pub(crate) fn caller(context: u64) -> Option<u64> {
    const ARGUMENTS: u32 = 2 * 8;
    let [_, _, third, fourth]: [u64; 4] = field(context, ARGUMENTS);
    let called = config!(callers.seq_read_iter).contains(third);
    Some(if called { fourth } else { third })
}

// On the instruction `call op->start`: `m` is the first argument.
sites! { on_start_call: core_start_call [rdi] }

// After the core's calls: one program for each callee-saved register, which may hold `m`.
sites! {
    on_start_return: core_start_rbx [rbx], core_start_rbp [rbp], core_start_r12 [r12],
    core_start_r13 [r13], core_start_r14 [r14], core_start_r15 [r15]
}
sites! {
    next_returned: core_next_rbx [rbx], core_next_rbp [rbp], core_next_r12 [r12],
    core_next_r13 [r13], core_next_r14 [r14], core_next_r15 [r15]
}
sites! {
    show_returned: core_show_rbx [rbx], core_show_rbp [rbp], core_show_r12 [r12],
    core_show_r13 [r13], core_show_r14 [r14], core_show_r15 [r15]
}
sites! {
    on_stop_return: core_stop_rbx [rbx], core_stop_rbp [rbp], core_stop_r12 [r12],
    core_stop_r13 [r13], core_stop_r14 [r14], core_stop_r15 [r15]
}
