//! The programs of seqtrace. They submit what they observe to one ring buffer, as events of `seqtrace_common::wire`,
//! and leave nearly all conclusions to user space.
//!
//! Each phase of a session has a file: [`open`] and [`openers`]; [`read`]; the callbacks in [`iterate`] (probed at the
//! core's call sites), [`passes`] or [`callbacks`] (probed at the functions themselves); [`release`] and
//! [`failed_open`]. [`plain`] is for procfs files without a seq_file. They share [`maps`], [`emit`], [`kernel`] (the
//! only reads of kernel memory), [`session`] (the known files), [`batch`] (the pending callbacks) and [`config`]. State
//! is found through [`table`]: sessions in [`slots`], the passes that a thread is inside of in [`pass_stack`], its
//! callbacks in [`tasks`]. [`arch`] has all that depends on the kernel's architecture.
//!
//! Functions are probed by trampolines (fentry, fexit), which cost least, and instructions within the core by kprobes.
//! Where the kernel has no trampolines on functions, they are probed by kprobes and kretprobes ([`frames`]).
//! Both are slow to detach, for different reasons (`probe::functions` in user space), so as few as possible are used.
//!
//! The order of attaching makes the beginning of a trace exact: the programs ignore unknown files, except for the two
//! that begin a session (`seq_open` and the entry of `seq_read_iter`), and user space attaches those two last.
#![no_std]
#![no_main]
// Inline assembly for BPF is not stable yet; the module `kernel` needs an instruction of it here and there.
#![feature(asm_experimental_arch)]

mod arch;
mod batch;
mod callbacks;
mod config;
mod emit;
mod failed_open;
mod frames;
mod iterate;
mod kernel;
mod maps;
mod open;
mod openers;
mod pass_stack;
mod passes;
mod plain;
mod read;
mod release;
mod session;
mod slots;
mod table;
mod tasks;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// License of the programs. The kernel offers most helpers to GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
