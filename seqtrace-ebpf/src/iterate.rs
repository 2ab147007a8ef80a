//! The callbacks, seen where the core calls them.
//!
//! `seq_read_iter()` and `traverse()` call start, next, show and stop through the file's table. A
//! kprobe on the instruction behind such a call sees what the callback returned in rax and the
//! seq_file in the callee-saved register that the compiler keeps it in; user space finds the places
//! and the registers in the running kernel's text (`kernel::sites`). One program for each callback
//! and register; only those that a kernel needs are loaded.
//!
//! The functions here also write the events of [`crate::callbacks`], so that both backends agree.

use aya_ebpf::{macros::kprobe, programs::ProbeContext};
use seqtrace_common::wire::{
    Callback, FLAG_FULL, Kind, PREVIEW_BYTES, PassBegin, Preview, Started,
};

use crate::{
    config::config,
    emit::{self, emit},
    kernel::{self, field},
    maps::{SessionState, Traversing},
    session,
};

/// `start()` is about to be called.
#[inline(always)]
pub(crate) fn pass_begin(m: u64) {
    if let Some(state) = session::traced(m) {
        state.passing = 1;
        let session = state.key;
        emit(Kind::PassBegin, 0, |head| PassBegin {
            head,
            session,
            tid: kernel::ids().1,
            index: field(m, config!(offsets.seq_file_index)),
            size: field::<u64>(m, config!(offsets.seq_file_size)) as u32,
            count: field::<u64>(m, config!(offsets.seq_file_count)) as u32,
            from: field::<u64>(m, config!(offsets.seq_file_from)) as u32,
            pad: 0,
        });
    }
}

/// `m->count`, and [`FLAG_FULL`] if nothing more fits. The core grows a buffer only below
/// MAX_RW_COUNT (2 GiB), so 32 bits hold both.
#[inline(always)]
fn fill(m: u64) -> (u32, u8) {
    let count: u64 = field(m, config!(offsets.seq_file_count));
    let size: u64 = field(m, config!(offsets.seq_file_size));
    (count as u32, if count == size { FLAG_FULL } else { 0 })
}

/// `start()` returned.
#[inline(always)]
pub(crate) fn started(m: u64, ret: u64) {
    if let Some(state) = session::traced(m) {
        let (count, flags) = fill(m);
        state.count = count;
        let session = state.key;
        emit(Kind::Start, flags, |head| Started {
            head,
            session,
            count,
            ret,
            index: field(m, config!(offsets.seq_file_index)),
            private: field(m, config!(offsets.seq_file_private)),
        });
    }
}

/// `next()`, `show()` or `stop()` returned.
#[inline(always)]
pub(crate) fn returned(kind: Kind, m: u64, ret: u64) {
    if let Some(state) = session::traced(m) {
        if matches!(kind, Kind::Stop) {
            if state.passing == 0 {
                return;
            }
            state.passing = 0;
            let again = state.traversing == Traversing::AGAIN;
            state.traversing = if again { Traversing::YES } else { Traversing::NO };
        }
        let (count, flags) = fill(m);
        let session = state.key;
        emit(kind, flags, |head| Callback {
            head,
            session,
            count,
            ret,
            index: field(m, config!(offsets.seq_file_index)),
        });
        if matches!(kind, Kind::Show) && config!(preview) > 0 {
            preview(m, state, count);
        }
        state.count = count;
        if state.traversing != Traversing::NO {
            match kind {
                Kind::Next => state.count = 0,
                Kind::Show if flags & FLAG_FULL != 0 => state.traversing = Traversing::AGAIN,
                _ => {}
            }
        }
    }
}

/// An [`Preview`] with its bytes behind it.
#[repr(C)]
struct PreviewRecord {
    preview: Preview,
    bytes: [u8; PREVIEW_BYTES],
}

/// The first bytes of what show() has just written.
#[inline(always)]
fn preview(m: u64, state: &SessionState, count: u32) {
    let written = count.wrapping_sub(state.count);
    if count <= state.count {
        return;
    }
    let wanted = config!(preview);
    let mut len = if written < wanted { written } else { wanted };
    if len > PREVIEW_BYTES as u32 {
        len = PREVIEW_BYTES as u32;
    }
    let buf: u64 = field(m, config!(offsets.seq_file_buf));
    let from: u64 = field(m, config!(offsets.seq_file_from));
    if let Some((mut entry, head)) = emit::reserve::<PreviewRecord>(Kind::Preview, 0) {
        let record = entry.as_mut_ptr();
        // The bytes of a main pass begin at buf; a traversal that stopped inside a record leaves
        // `from` behind, which start() has seen reset to 0.
        let source = buf.wrapping_add(from).wrapping_add(u64::from(state.count));
        // SAFETY: the ring's own memory, reserved for a PreviewRecord; `len` is at most its room.
        unsafe {
            if !kernel::copy((&raw mut (*record).bytes).cast(), len, source) {
                len = 0;
            }
            (&raw mut (*record).preview).write(Preview { head, session: state.key, len });
        }
        entry.submit(emit::NO_WAKEUP);
    }
}

/// `call op->start` in the core; `m` is its first argument.
#[kprobe]
pub(crate) fn core_start_call(ctx: ProbeContext) -> u32 {
    // SAFETY: the context is the probe's own.
    pass_begin(unsafe { (*ctx.regs).rdi });
    0
}

/// The programs on the return sites: NAME, what it reports, the register that holds `m`.
macro_rules! return_sites {
    ($($name:ident: $kind:ident $reg:ident,)+) => {
        $(
            #[doc = concat!("Behind a call of ", stringify!($kind), " with m in ", stringify!($reg), ".")]
            #[kprobe]
            pub(crate) fn $name(ctx: ProbeContext) -> u32 {
                // SAFETY: the context is the probe's own.
                let (m, ret) = unsafe { ((*ctx.regs).$reg, (*ctx.regs).rax) };
                return_sites!(@report $kind m ret);
                0
            }
        )+
    };
    (@report Start $m:ident $ret:ident) => { started($m, $ret) };
    // show() returns an int: the upper half of rax is not its.
    (@report Show $m:ident $ret:ident) => { returned(Kind::Show, $m, $ret as i32 as i64 as u64) };
    (@report Next $m:ident $ret:ident) => { returned(Kind::Next, $m, $ret) };
    (@report Stop $m:ident $ret:ident) => {{ let _ = $ret; returned(Kind::Stop, $m, 0) }};
}

return_sites! {
    core_start_rbx: Start rbx,
    core_start_rbp: Start rbp,
    core_start_r12: Start r12,
    core_start_r13: Start r13,
    core_start_r14: Start r14,
    core_start_r15: Start r15,
    core_next_rbx: Next rbx,
    core_next_rbp: Next rbp,
    core_next_r12: Next r12,
    core_next_r13: Next r13,
    core_next_r14: Next r14,
    core_next_r15: Next r15,
    core_show_rbx: Show rbx,
    core_show_rbp: Show rbp,
    core_show_r12: Show r12,
    core_show_r13: Show r13,
    core_show_r14: Show r14,
    core_show_r15: Show r15,
    core_stop_rbx: Stop rbx,
    core_stop_rbp: Stop rbp,
    core_stop_r12: Stop r12,
    core_stop_r13: Stop r13,
    core_stop_r14: Stop r14,
    core_stop_r15: Stop r15,
}
