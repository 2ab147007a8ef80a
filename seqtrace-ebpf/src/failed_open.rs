//! Opens that fail after `seq_open()` has succeeded in them: the open function of a driver calls `seq_open()` (or a
//! wrapper of it), and then returns an error.
//!
//! A file whose open failed is never released: `do_dentry_open()` (fs/open.c) sets `FMODE_OPENED` only if `f_op->open`
//! returned 0, and `__fput()` (fs/file_table.c) calls `f_op->release` only if it is set. Unless the driver has called
//! `seq_release()` itself, the seq_file is leaked.
//!
//! The open function of a driver is unknown before its first call, but the function of the file system that calls it is
//! known. Only file systems in which a module can have its own open function are relevant. kernfs is not among them: it
//! calls `seq_open()` itself, and `seq_release()` on each of its error paths (`kernfs_fop_open()`, fs/kernfs/file.c).
//! An open that succeeds costs one comparison.

use aya_ebpf::{
    macros::{fexit, kprobe, kretprobe},
    programs::{FExitContext, ProbeContext, RetProbeContext},
};

use crate::{
    arch,
    config::config,
    frames::{self, Function},
    kernel::{self, field},
    release,
};

/// Handles the return of an open function with the value `ret`. `file` returns its `struct file *`.
#[inline(always)]
fn returned(ret: i32, file: impl FnOnce() -> u64) -> u32 {
    if ret < 0 {
        let file = file();
        let m = kernel::private_data(file);
        // A driver that has called seq_release() may leave private_data as it was. By now the memory may be the
        // seq_file of another open.
        let owner: u64 = field(m, config!(offsets.seq_file_file));
        if owner == file {
            release::open_failed(m, ret);
        }
    }
    0
}

/// Defines a program for the return of an open function with the arguments `(struct inode *inode, struct file *file)`,
/// and its twins ([`crate::frames`]).
macro_rules! open_failed {
    ($function:literal, $name:ident, $keep:ident, $twin:ident, $id:expr) => {
        #[fexit(function = $function)]
        pub(crate) fn $name(ctx: FExitContext) -> u32 {
            returned(ctx.arg(2), || kernel::number(&ctx, 1))
        }

        #[kprobe]
        pub(crate) fn $keep(ctx: ProbeContext) -> u32 {
            frames::enter($id, ctx.regs, [kernel::arg(&ctx, 1), 0, 0]);
            0
        }

        #[kretprobe]
        pub(crate) fn $twin(ctx: RetProbeContext) -> u32 {
            match frames::leave($id, ctx.regs) {
                Some([file, ..]) => returned(arch::returned(ctx.regs) as i32, || file),
                None => 0,
            }
        }
    };
}

// fs/proc/inode.c
open_failed!(
    "proc_reg_open",
    proc_reg_open_failed,
    proc_reg_open_failed_keep,
    proc_reg_open_failed_kretprobe,
    Function::ProcRegOpenFailed
);
// fs/debugfs/file.c of 5.10, 6.1 and 6.12
open_failed!(
    "full_proxy_open",
    full_proxy_open_failed,
    full_proxy_open_failed_keep,
    full_proxy_open_failed_kretprobe,
    Function::FullProxyOpenFailed
);
// fs/debugfs/file.c of 7.2
open_failed!(
    "full_proxy_open_regular",
    full_proxy_open_regular_failed,
    full_proxy_open_regular_failed_keep,
    full_proxy_open_regular_failed_kretprobe,
    Function::FullProxyOpenRegularFailed
);
// fs/debugfs/file.c
open_failed!(
    "open_proxy_open",
    open_proxy_open_failed,
    open_proxy_open_failed_keep,
    open_proxy_open_failed_kretprobe,
    Function::OpenProxyOpenFailed
);
// fs/char_dev.c
open_failed!(
    "chrdev_open",
    chrdev_open_failed,
    chrdev_open_failed_keep,
    chrdev_open_failed_kretprobe,
    Function::ChrdevOpenFailed
);
