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

use aya_ebpf::{macros::fexit, programs::FExitContext};

use crate::{
    config::config,
    kernel::{self, field},
    release,
};

/// Handles the return of an open function with the arguments `(struct inode *inode, struct file *file)`.
#[inline(always)]
fn returned(ctx: &FExitContext) -> u32 {
    let ret: i32 = ctx.arg(2);
    if ret < 0 {
        let file = kernel::number(ctx, 1);
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

/// Handles the return of `int proc_reg_open(struct inode *inode, struct file *file)` (fs/proc/inode.c).
#[fexit(function = "proc_reg_open")]
pub(crate) fn proc_reg_open_failed(ctx: FExitContext) -> u32 {
    returned(&ctx)
}

/// Handles the return of `int full_proxy_open(struct inode *inode, struct file *filp)` (fs/debugfs/file.c of 5.10, 6.1
/// and 6.12).
#[fexit(function = "full_proxy_open")]
pub(crate) fn full_proxy_open_failed(ctx: FExitContext) -> u32 {
    returned(&ctx)
}

/// Handles the return of `int full_proxy_open_regular(struct inode *inode, struct file *filp)` (fs/debugfs/file.c of
/// 7.2).
#[fexit(function = "full_proxy_open_regular")]
pub(crate) fn full_proxy_open_regular_failed(ctx: FExitContext) -> u32 {
    returned(&ctx)
}

/// Handles the return of `int open_proxy_open(struct inode *inode, struct file *filp)` (fs/debugfs/file.c).
#[fexit(function = "open_proxy_open")]
pub(crate) fn open_proxy_open_failed(ctx: FExitContext) -> u32 {
    returned(&ctx)
}

/// Handles the return of `int chrdev_open(struct inode *inode, struct file *filp)` (fs/char_dev.c).
#[fexit(function = "chrdev_open")]
pub(crate) fn chrdev_open_failed(ctx: FExitContext) -> u32 {
    returned(&ctx)
}
