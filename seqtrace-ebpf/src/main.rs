//! seqtrace's programs: what they see they write into one ring buffer as `seqtrace_common::wire`
//! events; what they conclude is next to nothing. Everything else is user space's work.
//!
//! One file a phase of a session's life: [`open`], [`read`], [`iterate`] (the callbacks, seen from
//! the core's own call sites) or [`callbacks`] (seen at the functions themselves), [`release`] or [`failed_open`]; and
//! [`plain`] for procfs files without a seq_file. They share [`maps`], [`emit`], [`kernel`] (the
//! only reads of kernel memory), [`session`] (which files are traced), [`slots`] (where a callback finds its
//! session), [`tasks`] (which callbacks a task is in) and [`config`].
//!
//! What comes with each read or file is seen through trampolines (fentry, fexit), which cost least; the
//! places inside of the core through kprobes, which can be anywhere. Both are slow to detach, in ways
//! of their own (`probe::functions` in user space), so there are no more of either than needed.
//!
//! The order of attaching makes the start of a trace exact: every program but the two that begin a
//! session (`seq_open` and the entry of `seq_read_iter`) ignores files it has never heard of, and
//! user space attaches those two last.
#![no_std]
#![no_main]
// Inline assembly for BPF is not stable yet; `kernel::count` needs one instruction of it.
#![feature(asm_experimental_arch)]

mod callbacks;
mod config;
mod emit;
mod failed_open;
mod iterate;
mod kernel;
mod maps;
mod open;
mod passes;
mod plain;
mod read;
mod release;
mod session;
mod slots;
mod tasks;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel only lends its helpers to GPL-compatible programs.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
