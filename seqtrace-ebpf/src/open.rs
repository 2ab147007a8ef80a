//! The beginning of a session: whether it is traced, its number, and the event of its open.

use core::mem::MaybeUninit;

use aya_ebpf::EbpfContext;
use aya_log_ebpf::{debug, warn};
use seqtrace_common::{
    config::{NAME_BYTES, flag, heartbeat},
    wire::{Head, Kind, Open, PATH_BYTES, PATH_DEPTH, Task, open_flag},
};

use crate::{
    config::{config, has},
    emit,
    kernel::{self, field},
    maps::Missed,
    openers::{self, wrapper},
    session,
};

/// Longest name of a directory level in bytes, with its NUL (NAME_MAX + 1).
const LEVEL_BYTES: usize = 256;

/// An [`Open`] followed by its path. The last name may begin at the last of [`PATH_BYTES`].
#[repr(C)]
struct OpenRecord {
    open: Open,
    path: [u8; PATH_BYTES + LEVEL_BYTES],
}

/// An open, before its session has a number.
pub(crate) struct Opening {
    pub(crate) file: u64,
    /// `struct seq_file *`; 0 for a plain file.
    pub(crate) m: u64,
    /// 0 or a negative errno.
    pub(crate) ret: i32,
    /// Bits of the module [`open_flag`].
    pub(crate) flags: u8,
    /// The wrapper of seq_open(), one of [`via`], if it is already known; else 0.
    pub(crate) via: u32,
    /// True if the stack shows the wrapper of seq_open() now.
    pub(crate) resolve_wrapper: bool,
}

/// Decides whether a session is traced, adds its file to the known ones and emits the open. Returns the session's
/// number if it is traced. Files that seqtrace itself opens are not traced, except heartbeats: the events of their
/// sessions show user space that the probes fire.
#[inline(always)]
pub(crate) fn begin(ctx: &impl EbpfContext, opening: &Opening) -> Option<u32> {
    let Opening { file, m, ret, mut flags, .. } = *opening;
    let id = if flags & open_flag::PLAIN == 0 { m } else { file };
    let own = session::own();
    let beats = own && session::in_heartbeat();
    if own {
        if ret == 0 && !beats {
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
    if !own && !accepts_name(dentry) {
        debug!(ctx, "not traced, no target has the name of the file, seq_file {:x}", m);
        exclude(id, ret);
        return None;
    }

    let mut key = 0;
    if ret == 0 && (!own || beats) {
        let mark = if beats { heartbeat::SESSION } else { 0 };
        if let Some(new) = session::begin(id, mark) {
            key = new;
        } else {
            Missed::Session.count();
            warn!(ctx, "too many open files: seq_file {:x} is not traced", m);
            return None;
        }
        debug!(ctx, "session {} begins: seq_file {:x} flags {}", key, m, flags);
    }

    let Some((mut entry, head)) = emit::reserve::<OpenRecord>(Kind::Open, flags) else {
        warn!(ctx, "the ring is full: the open of session {} is lost", key);
        return None;
    };
    // SAFETY: the ring's own memory, reserved for an OpenRecord.
    unsafe { fill(entry.as_mut_ptr(), ctx, head, opening, key, task, dentry) };
    entry.submit(emit::NO_WAKEUP);
    (key != 0).then_some(key)
}

/// Returns true if the filters accept files of this name.
#[inline(always)]
fn accepts_name(dentry: u64) -> bool {
    if !has(flag::FILTER_NAME) {
        return true;
    }
    let mut name = MaybeUninit::<[u8; NAME_BYTES]>::uninit();
    let name: *mut u8 = name.as_mut_ptr().cast();
    let source = field(dentry, config!(offsets.dentry_name));
    // SAFETY: the target has NAME_BYTES. Afterwards it holds a name with its NUL: the helper writes zeroes if it fails.
    unsafe {
        kernel::copy_str(name, NAME_BYTES as u32, source);
        session::accepts_name(name)
    }
}

/// Fills an event with the open of the session `session`.
///
/// # Safety
/// `record` must be ring memory reserved for an [`OpenRecord`].
#[inline(always)]
unsafe fn fill(
    record: *mut OpenRecord,
    ctx: &impl EbpfContext,
    mut head: Head,
    opening: &Opening,
    session: u32,
    task: Task,
    dentry: u64,
) {
    let Opening { file, m, ret, flags, via, resolve_wrapper } = *opening;
    // SAFETY: the caller guarantees the memory.
    let path = unsafe { (&raw mut (*record).path).cast::<u8>() };
    // The stack addresses are stored in the memory of the path, which is written later: the BPF stack has 512 bytes.
    // SAFETY: the memory of the path holds FRAMES addresses.
    let via = if resolve_wrapper { unsafe { wrapper(ctx, path.cast(), via) } } else { via };
    // Spilled to ring memory so that the verifier forgets its value and does not explore the rest once for each
    // wrapper.
    // SAFETY: the caller guarantees the memory.
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
        session,
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
        // SAFETY: written above.
        via: unsafe { kept.read_volatile() },
        pad: 0,
    };
    // SAFETY: the caller guarantees the memory.
    unsafe { (&raw mut (*record).open).write(open) };
}

/// Adds a file to the known ones as untraced, so that the filters are not applied again when it is read.
#[inline(always)]
fn exclude(id: u64, ret: i32) {
    if ret == 0 {
        let _ = session::add(id, 0);
    }
}

/// The table of functions of an open file, as in [`Open`].
struct Table {
    op: u64,
    start: u64,
    stop: u64,
    next: u64,
    show: u64,
    private: u64,
    size: u64,
}

/// Returns the callbacks of a seq file; 0 for each that it does not have.
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

/// Returns the address of the function that the show of kernfs finally calls; 0 if `show` is not that of kernfs. For a
/// file of a control group it is `cftype->seq_show` (cgroup_seqfile_show(), kernel/cgroup/cgroup.c), for a sysfs file
/// the show of the attribute, which `sysfs_ops->show` calls (sysfs_kf_seq_show(), fs/sysfs/file.c).
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

/// Returns the handlers of a plain procfs file, from `PDE(inode)->proc_ops` (fs/proc/internal.h).
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

/// Writes the names from a dentry up to the root of its file system. Returns the number of bytes written, and true if
/// names are missing. Each condition in the loop breaks out of it, so that the states of the verifier do not multiply
/// from level to level.
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
        // `len` is below PATH_BYTES, but before 6.4 the verifier loses that bound when the compiler spills `len`.
        let at: usize = kernel::opaque_mask!(len as u64, PATH_BYTES as i32 - 1) as usize;
        // SAFETY: `at` is below PATH_BYTES, and the buffer has LEVEL_BYTES bytes more.
        let copied = unsafe { kernel::copy_str(path.add(at), LEVEL_BYTES as u32, name) };
        if copied <= 0 || copied > LEVEL_BYTES as i64 {
            break;
        }
        len += copied as usize;
        // The dentry of an anonymous inode has no parent directories: it is its own root.
        if parent == dentry {
            return (len as u32, false);
        }
        dentry = parent;
        parent = parent_of(dentry);
        // The name of any other root is not part of the path.
        if parent == dentry || parent == 0 {
            return (len as u32, false);
        }
        if len >= PATH_BYTES {
            break;
        }
    }
    (len as u32, true)
}

const _: () = assert!(PATH_BYTES.is_power_of_two());
const _: () = assert!(openers::FRAMES * 8 <= PATH_BYTES);
const _: () = assert!(
    core::mem::size_of::<OpenRecord>() == core::mem::size_of::<Open>() + PATH_BYTES + LEVEL_BYTES
);
