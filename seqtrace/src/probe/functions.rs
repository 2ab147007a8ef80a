//! Which programs go to which functions of the kernel, whatever the backend.
//!
//! Nearly all of them through trampolines. They are cheapest to run, and they are detached beside the
//! kprobes that the backends set, not behind them: a function with a trampoline costs a grace period of RCU
//! tasks, some 0.1 s (ftrace_shutdown(), kernel/trace/ftrace.c), a kprobe with a program one of RCU tasks
//! trace and two of RCU, 0.04 s, one kprobe after the other (perf_event_detach_bpf_prog() since 6.12 and in
//! 6.1's updates, perf_trace_event_unreg()). Of either kind there should be as few as can be.

use super::opens::Opens;

/// How a program gets to a kernel function.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// A kprobe on the entry.
    Kprobe,
    /// A trampoline on the entry.
    Fentry,
    /// A trampoline on the return, with the arguments.
    Fexit,
}

/// A program on a kernel function.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    /// The program's name in the object.
    pub(super) program: &'static str,
    /// The kernel's function.
    pub(super) function: &'static str,
    /// How it gets there.
    pub(super) how: How,
    /// Without it nothing works; the others cost only what they tell.
    pub(super) required: bool,
}

pub(super) const fn frame(
    program: &'static str,
    function: &'static str,
    how: How,
    required: bool,
) -> Frame {
    Frame { program, function, how, required }
}

/// Functions that get a trampoline. The kernel knows them by their number in its BTF.
pub(super) fn trampolines() -> Vec<&'static str> {
    let opens = Opens::ALL.iter().flat_map(|kind| kind.frames());
    [FOLLOW, FOLLOW_PLAIN, ITERATOR, BEGIN, OPENERS, BEGIN_PLAIN]
        .concat()
        .iter()
        .chain(opens)
        .filter(|frame| !matches!(frame.how, How::Kprobe))
        .map(|frame| frame.function)
        .collect()
}

/// What follows a session, in the order of attaching.
pub(super) const FOLLOW: &[Frame] = &[
    frame("seq_release", "seq_release", How::Fentry, true),
    frame("single_release", "single_release", How::Fentry, true),
    frame("seq_release_private", "seq_release_private", How::Fentry, true),
    frame("seq_read_iter_exit", "seq_read_iter", How::Fexit, true),
    frame("seq_lseek_enter", "seq_lseek", How::Fentry, true),
    frame("seq_lseek_exit", "seq_lseek", How::Fexit, true),
    frame("proc_reg_write", "proc_reg_write", How::Fexit, false),
];

/// What follows a plain procfs file.
pub(super) const FOLLOW_PLAIN: &[Frame] = &[
    frame("proc_reg_release", "proc_reg_release", How::Kprobe, true),
    frame("proc_reg_read", "proc_reg_read", How::Fexit, true),
    frame("proc_reg_read_iter", "proc_reg_read_iter", How::Fexit, false),
];

/// What follows a BPF iterator: reads that do not come through seq_read_iter().
pub(super) const ITERATOR: &[Frame] = &[
    frame("bpf_seq_read_exit", "bpf_seq_read", How::Fexit, false),
    frame("bpf_seq_read_enter", "bpf_seq_read", How::Fentry, false),
];

/// What begins a session. The entry of a read begins one for a file that is open already.
pub(super) const BEGIN: &[Frame] = &[
    frame("seq_read_iter_enter", "seq_read_iter", How::Fentry, true),
    frame("seq_open", "seq_open", How::Fexit, true),
];
/// What begins a session where there is no call of seq_open(): see [`crate::kernel::openers`].
pub(super) const OPENERS: &[Frame] = &[
    frame("single_open_exit", "single_open", How::Fexit, true),
    frame("single_open_size_exit", "single_open_size", How::Fexit, true),
    frame("seq_open_private_exit", "seq_open_private", How::Fexit, true),
    frame("seq_open_private_raw_exit", "__seq_open_private", How::Fexit, true),
];
pub(super) const BEGIN_PLAIN: &[Frame] =
    &[frame("proc_reg_open", "proc_reg_open", How::Fexit, true)];
