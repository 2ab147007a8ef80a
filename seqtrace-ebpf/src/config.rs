//! The configuration, which user space writes before the programs are loaded.

use seqtrace_common::config::{Callers, Config, Namespace, Offsets, Text, Wrappers};

/// The configuration. It is in `.rodata`, which is frozen before the verifier runs: the verifier knows all values and
/// skips the branches that they disable.
#[unsafe(no_mangle)]
pub(crate) static CONFIG: Config = Config {
    offsets: Offsets {
        seq_file_buf: 0,
        seq_file_size: 0,
        seq_file_from: 0,
        seq_file_count: 0,
        seq_file_index: 0,
        seq_file_read_pos: 0,
        seq_file_op: 0,
        seq_file_file: 0,
        seq_file_private: 0,
        seq_operations_start: 0,
        seq_operations_stop: 0,
        seq_operations_next: 0,
        seq_operations_show: 0,
        file_private_data: 0,
        file_f_inode: 0,
        file_dentry: 0,
        file_f_mode: 0,
        kiocb_ki_filp: 0,
        kiocb_ki_pos: 0,
        iov_iter_count: 0,
        dentry_d_parent: 0,
        dentry_name: 0,
        inode_i_ino: 0,
        inode_i_sb: 0,
        super_block_s_dev: 0,
        super_block_s_magic: 0,
        proc_inode_pde_from_inode: 0,
        proc_dir_entry_proc_ops: 0,
        proc_ops_proc_read: 0,
        proc_ops_proc_read_iter: 0,
        proc_ops_proc_write: 0,
        file_references: 0,
        file_one_reference: 0,
        inode_i_private: 0,
        kernfs_node_ops: 0,
        kernfs_node_priv: 0,
        kernfs_ops_seq_show: 0,
        cftype_seq_show: 0,
        device_attribute_show: 0,
    },
    flags: 0,
    own_pid: 0,
    preview: 0,
    seq_file_type: 0,
    pad: 0,
    own_namespace: Namespace { dev: 0, ino: 0 },
    wrappers: Wrappers { kernfs_seq_show: 0, cgroup_seqfile_show: 0, sysfs_kf_seq_show: 0 },
    callers: Callers {
        seq_read_iter: Text::NONE,
        seq_read: Text::NONE,
        single_open: Text::NONE,
        single_open_size: Text::NONE,
        seq_open_private_raw: Text::NONE,
        seq_open_private: Text::NONE,
    },
};

/// Reads a field of [`CONFIG`] at run time; the compiler would replace a plain read by the zero above.
macro_rules! config {
    ($($field:tt)+) => {
        // SAFETY: a reference to a static is always readable.
        unsafe { core::ptr::read_volatile(&raw const $crate::config::CONFIG.$($field)+) }
    };
}
pub(crate) use config;

/// Returns true if one of these bits of `seqtrace_common::config::flag` is set.
#[inline(always)]
pub(crate) fn has(flag: u32) -> bool {
    config!(flags) & flag != 0
}
