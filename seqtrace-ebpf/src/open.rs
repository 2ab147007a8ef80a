//! A session begins: seq_open(), and the wrappers that have it inside or around it.

use core::mem::MaybeUninit;

use aya_ebpf::{
    EbpfContext, helpers::generated::bpf_get_stack, macros::fexit, programs::FExitContext,
};
use aya_log_ebpf::{debug, warn};
use seqtrace_common::{
    config::{NAME_BYTES, flag},
    wire::{Kind, Open, PATH_BYTES, PATH_DEPTH, open_flag, via},
};

use crate::{
    config::{config, has},
    emit,
    kernel::{self, field},
    session,
};

/// Longest name of a directory level (NAME_MAX + 1).
const NAME_ROOM: usize = 256;

/// An [`Open`] with its path behind it. The last name may begin at the last of [`PATH_BYTES`].
#[repr(C)]
struct OpenRecord {
    open: Open,
    path: [u8; PATH_BYTES + NAME_ROOM],
}

/// What begins a session, before it has a number.
pub(crate) struct Opening {
    pub(crate) file: u64,
    /// 0 for a plain file.
    pub(crate) m: u64,
    pub(crate) ret: i32,
    /// Bits of [`open_flag`].
    pub(crate) flags: u8,
    /// The wrapper that is known already, one of [`via`]; 0 for none.
    pub(crate) via: u32,
}

/// Decides whether a session is traced, remembers it and tells of it. Its number, if it is traced.
#[inline(always)]
pub(crate) fn begin(ctx: &impl EbpfContext, opening: &Opening) -> Option<u32> {
    let Opening { file, m, ret, mut flags, via } = *opening;
    let id = if flags & open_flag::PLAIN == 0 { m } else { file };
    let own = session::own();
    if own {
        if ret == 0 {
            session::add(id, 0)?;
        }
        if !has(flag::SHOW_OWN) {
            return None;
        }
        flags |= open_flag::OWN;
    }
    let task = kernel::task();
    if !own && !session::accepts_task(&task) {
        debug!(ctx, "not traced, the filter excludes pid {} tid {}", task.pid, task.tid);
        exclude(id, ret);
        return None;
    }

    let dentry: u64 = field(file, config!(offsets.file_dentry));
    if !own && has(flag::FILTER_NAME) {
        let mut name = MaybeUninit::<[u8; NAME_BYTES]>::uninit();
        let name: *mut u8 = name.as_mut_ptr().cast();
        let source = field(dentry, config!(offsets.dentry_name));
        // SAFETY: the target is as long as is said, and a name with its NUL is there then: the helper writes zeroes if
        // it fails.
        let accepted = unsafe {
            kernel::copy_str(name, NAME_BYTES as u32, source);
            session::accepts_name(name)
        };
        if !accepted {
            debug!(ctx, "not traced, no target has the name of the file, seq_file {:x}", m);
            exclude(id, ret);
            return None;
        }
    }

    let mut key = 0;
    if ret == 0 && !own {
        let Some(new) = session::begin(id) else {
            warn!(ctx, "too many open files: seq_file {:x} is not traced", m);
            return None;
        };
        key = new;
        debug!(ctx, "session {} begins: seq_file {:x} flags {}", key, m, flags);
    }

    let Some((mut entry, mut head)) = emit::reserve::<OpenRecord>(Kind::Open, flags) else {
        warn!(ctx, "the ring is full: the open of session {} is lost", key);
        return None;
    };
    let record = entry.as_mut_ptr();
    // SAFETY: the ring's own memory, reserved for an OpenRecord.
    let path = unsafe { (&raw mut (*record).path).cast::<u8>() };
    let told = flags & (open_flag::PLAIN | open_flag::ADOPTED) == 0;
    // The stack's own room is short; the path is written over it below.
    // SAFETY: the path has room for FRAMES addresses.
    let via = if told { unsafe { wrapper(ctx, path.cast(), via) } } else { 0 };
    // Kept in the ring's memory: of what is there the verifier knows nothing, and so goes through what follows once,
    // not once for each wrapper.
    // SAFETY: the ring's own memory, reserved for an OpenRecord.
    let kept = unsafe { &raw mut (*record).open.via };
    // SAFETY: as above.
    unsafe { kept.write_volatile(via) };
    let (path_len, cut) = path_of(dentry, path);
    if cut {
        head.flags |= open_flag::PATH_CUT;
    }
    let inode: u64 = field(file, config!(offsets.file_f_inode));
    let sb: u64 = field(inode, config!(offsets.inode_i_sb));
    let Table { op, start, stop, next, show, private, size } =
        if flags & open_flag::PLAIN != 0 { handlers(inode) } else { table(m) };
    let open = Open {
        head,
        session: key,
        ret,
        task,
        file,
        m,
        op,
        start,
        stop,
        next,
        show,
        private,
        ino: field(inode, config!(offsets.inode_i_ino)),
        dev: field(sb, config!(offsets.super_block_s_dev)),
        mode: field(file, config!(offsets.file_f_mode)),
        magic: field::<u64>(sb, config!(offsets.super_block_s_magic)) as u32,
        path_len,
        size,
        inner: inner(inode, show),
        // SAFETY: it was written.
        via: unsafe { kept.read_volatile() },
        pad: 0,
    };
    // SAFETY: the ring's own memory, reserved for an OpenRecord.
    unsafe { (&raw mut (*record).open).write(open) };
    entry.submit(emit::NO_WAKEUP);
    (key != 0).then_some(key)
}

/// Remembers that a file is not traced, so that its reads do not ask again.
#[inline(always)]
fn exclude(id: u64, ret: i32) {
    if ret == 0 {
        let _ = session::add(id, 0);
    }
}

/// An open file's table of functions, as an [`Open`] has it.
struct Table {
    op: u64,
    start: u64,
    stop: u64,
    next: u64,
    show: u64,
    private: u64,
    size: u64,
}

/// The callbacks of a seq file. What there is not reads as zero.
#[inline(always)]
fn table(m: u64) -> Table {
    let op: u64 = field(m, config!(offsets.seq_file_op));
    Table {
        op,
        start: field(op, config!(offsets.seq_operations_start)),
        stop: field(op, config!(offsets.seq_operations_stop)),
        next: field(op, config!(offsets.seq_operations_next)),
        show: field(op, config!(offsets.seq_operations_show)),
        private: field(m, config!(offsets.seq_file_private)),
        size: field(m, config!(offsets.seq_file_size)),
    }
}

/// What a show that is a wrapper calls in the end: of a control group's file `cftype->seq_show`
/// (cgroup_seqfile_show(), kernel/cgroup/cgroup.c), of a sysfs file the attribute's show behind
/// `sysfs_ops->show` (sysfs_kf_seq_show(), fs/sysfs/file.c).
#[inline(always)]
fn inner(inode: u64, show: u64) -> u64 {
    if show == 0 || show != config!(wrappers.kernfs_seq_show) {
        return 0;
    }
    let node: u64 = field(inode, config!(offsets.inode_i_private));
    let ops: u64 = field(node, config!(offsets.kernfs_node_ops));
    let called: u64 = field(ops, config!(offsets.kernfs_ops_seq_show));
    let own: u64 = field(node, config!(offsets.kernfs_node_priv));
    let found = if called == config!(wrappers.cgroup_seqfile_show) {
        field(own, config!(offsets.cftype_seq_show))
    } else if called == config!(wrappers.sysfs_kf_seq_show) {
        field(own, config!(offsets.device_attribute_show))
    } else {
        0
    };
    if found != 0 { found } else { called }
}

/// The handlers of a plain procfs file: `PDE(inode)->proc_ops` (fs/proc/internal.h).
#[inline(always)]
fn handlers(inode: u64) -> Table {
    let pde: u64 = field(inode, config!(offsets.proc_inode_pde_from_inode));
    let op: u64 = field(pde, config!(offsets.proc_dir_entry_proc_ops));
    let mut start: u64 = field(op, config!(offsets.proc_ops_proc_read));
    if start == 0 {
        start = field(op, config!(offsets.proc_ops_proc_read_iter));
    }
    let stop = field(op, config!(offsets.proc_ops_proc_write));
    Table { op, start, stop, next: 0, show: 0, private: 0, size: 0 }
}

/// Writes the names from a dentry up to its filesystem's root; the bytes written, and whether some
/// are missing. Whatever is asked in the loop ends it: the verifier goes through each level once, not through all that
/// may have been so on the levels before.
#[inline(always)]
fn path_of(mut dentry: u64, path: *mut u8) -> (u32, bool) {
    let parent_of = |dentry: u64| field::<u64>(dentry, config!(offsets.dentry_d_parent));
    let mut parent = parent_of(dentry);
    if parent == 0 {
        return (0, false);
    }
    let mut len: usize = 0;
    for _ in 0..PATH_DEPTH {
        let name = field(dentry, config!(offsets.dentry_name));
        // Known to be below PATH_BYTES, but before 6.4 the verifier forgets that when the compiler
        // keeps `len` on the stack.
        let at: usize = kernel::masked::<{ PATH_BYTES as i32 - 1 }>(len as u64) as usize;
        // SAFETY: `at` is below PATH_BYTES and the buffer goes on for NAME_ROOM bytes behind it.
        let copied = unsafe { kernel::copy_str(path.add(at), NAME_ROOM as u32, name) };
        if copied <= 0 || copied > NAME_ROOM as i64 {
            break;
        }
        len += copied as usize;
        // A file without directories is its own root: an anonymous inode.
        if parent == dentry {
            return (len as u32, false);
        }
        dentry = parent;
        parent = parent_of(dentry);
        // Another root has no name that counts.
        if parent == dentry || parent == 0 {
            return (len as u32, false);
        }
        if len >= PATH_BYTES {
            break;
        }
    }
    (len as u32, true)
}

/// `int seq_open(struct file *file, const struct seq_operations *op)` returned.
#[fexit(function = "seq_open")]
pub(crate) fn seq_open(ctx: FExitContext) -> u32 {
    opened(&ctx, ctx.arg(0), ctx.arg(2), 0)
}

/// A session of a seq file begins, or failed to.
#[inline(always)]
fn opened(ctx: &FExitContext, file: u64, ret: i32, via: u8) -> u32 {
    let m = if ret == 0 { kernel::private_data(file) } else { 0 };
    begin(ctx, &Opening { file, m, ret, flags: 0, via: u32::from(via) });
    0
}

// What follows is attached only where the compiler has put seq_open() into its wrapper: nobody saw it
// return.

/// `single_open()` returned.
#[fexit(function = "single_open")]
pub(crate) fn single_open_exit(ctx: FExitContext) -> u32 {
    opened(&ctx, ctx.arg(0), ctx.arg(3), via::SINGLE_OPEN)
}

/// `single_open_size()` returned.
#[fexit(function = "single_open_size")]
pub(crate) fn single_open_size_exit(ctx: FExitContext) -> u32 {
    opened(&ctx, ctx.arg(0), ctx.arg(4), via::SINGLE_OPEN_SIZE)
}

/// `seq_open_private()` returned.
#[fexit(function = "seq_open_private")]
pub(crate) fn seq_open_private_exit(ctx: FExitContext) -> u32 {
    opened(&ctx, ctx.arg(0), ctx.arg(3), via::SEQ_OPEN_PRIVATE)
}

/// `__seq_open_private()` returned: the private data, or NULL for want of memory.
#[fexit(function = "__seq_open_private")]
pub(crate) fn seq_open_private_raw_exit(ctx: FExitContext) -> u32 {
    const ENOMEM: i32 = 12;
    let private: u64 = ctx.arg(3);
    let ret = if private != 0 { 0 } else { -ENOMEM };
    opened(&ctx, ctx.arg(0), ret, via::SEQ_OPEN_PRIVATE_RAW)
}

/// Frames of the stack that are looked at: the program, its trampoline, seq_open(), its wrapper and that one's, and
/// some to spare. The verifier goes through each in a dozen ways, and who starts a trace waits for it.
const FRAMES: usize = 8;

/// The outermost wrapper of seq_open() that is on the stack, one of [`via`], or `which`. single_open_size() calls
/// single_open(), and seq_open_private() calls __seq_open_private(): fs/seq_file.c. An open is rare, and
/// this costs less than a probe on each wrapper.
///
/// # Safety
/// `frames` must be valid for `FRAMES` addresses.
#[inline(always)]
unsafe fn wrapper(ctx: &impl EbpfContext, frames: *mut u64, mut which: u32) -> u32 {
    // SAFETY: the caller vouches for the room.
    let bytes = unsafe { bpf_get_stack(ctx.as_ptr(), frames.cast(), (FRAMES * 8) as u32, 0) };
    for at in 0..FRAMES {
        if (at * 8) as i64 >= bytes {
            break;
        }
        // SAFETY: below FRAMES.
        let address = unsafe { *frames.add(at) };
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
    }
    which
}

const _: () = assert!(PATH_BYTES.is_power_of_two());
const _: () = assert!(FRAMES * 8 <= PATH_BYTES);
const _: () = assert!(
    core::mem::size_of::<OpenRecord>() == core::mem::size_of::<Open>() + PATH_BYTES + NAME_ROOM
);
