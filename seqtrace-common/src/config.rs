//! Configuration that user space passes to the programs: field offsets and switches before they are loaded
//! ([`Config`], a read-only global), filters through a map ([`FilterKey`]).

use crate::plain_data;

plain_data! {
    /// Offsets of fields of the kernel's structs, in bytes, from the running kernel's BTF. The member `a_b` has the
    /// offset of the field `b` in `struct a`, unless documented otherwise. A group of optional members is 0 if the BTF
    /// lacks one of their fields.
    pub struct Offsets [156] {
        pub seq_file_buf: u32,
        pub seq_file_size: u32,
        pub seq_file_from: u32,
        pub seq_file_count: u32,
        pub seq_file_index: u32,
        pub seq_file_read_pos: u32,
        pub seq_file_op: u32,
        pub seq_file_file: u32,
        pub seq_file_private: u32,
        pub seq_operations_start: u32,
        pub seq_operations_stop: u32,
        pub seq_operations_next: u32,
        pub seq_operations_show: u32,
        pub file_private_data: u32,
        pub file_f_inode: u32,
        /// Offset of `f_path.dentry` in `struct file`.
        pub file_dentry: u32,
        pub file_f_mode: u32,
        pub kiocb_ki_filp: u32,
        pub kiocb_ki_pos: u32,
        pub iov_iter_count: u32,
        pub dentry_d_parent: u32,
        /// Offset of `d_name.name` in `struct dentry`. `d_name` may be in an unnamed union.
        pub dentry_name: u32,
        pub inode_i_ino: u32,
        pub inode_i_sb: u32,
        pub super_block_s_dev: u32,
        pub super_block_s_magic: u32,
        /// Offset of `proc_inode.pde` minus that of `proc_inode.vfs_inode`: a negative number in two's complement.
        pub proc_inode_pde_from_inode: u32,
        pub proc_dir_entry_proc_ops: u32,
        pub proc_ops_proc_read: u32,
        pub proc_ops_proc_read_iter: u32,
        pub proc_ops_proc_write: u32,
        /// Offset of `f_count` in `struct file`, or of `f_ref` since 6.13.
        pub file_references: u32,
        /// Value of [`Self::file_references`] while one reference is left: 1 for `f_count`, which counts from 1; 0 for
        /// `f_ref`, which counts from 0 and is negative after the last put (include/linux/file_ref.h).
        pub file_one_reference: u32,
        /// Offset of `inode.i_private`: for a kernfs file its `struct kernfs_node` (kernfs_init_inode(),
        /// fs/kernfs/inode.c).
        pub inode_i_private: u32,
        /// Offset of `attr.ops` in `struct kernfs_node`.
        pub kernfs_node_ops: u32,
        pub kernfs_node_priv: u32,
        pub kernfs_ops_seq_show: u32,
        /// Offset of `cftype.seq_show`; 0 in kernels without control groups.
        pub cftype_seq_show: u32,
        /// Offset of `device_attribute.show`: all kinds of sysfs attributes begin with a `struct attribute`, which show
        /// follows.
        pub device_attribute_show: u32,
    }
}

impl Offsets {
    /// Returns true if the offsets for plain procfs files are known.
    pub const fn has_plain_files(&self) -> bool {
        self.proc_dir_entry_proc_ops != 0
    }

    /// Returns true if the offsets of kernfs are known.
    pub const fn has_kernfs(&self) -> bool {
        self.kernfs_ops_seq_show != 0
    }

    /// Returns true if [`flag::SEQ_HEAD`] can be set.
    pub const fn has_seq_head(&self) -> bool {
        self.seq_file_buf == 0
            && self.seq_file_size == 8
            && self.seq_file_from == 16
            && self.seq_file_count == 24
            && self.seq_file_index == 40
            && self.seq_file_read_pos == 48
    }
}

/// Number of a BPF helper that does not exist. The compiled programs call it. Before they are loaded, user space
/// replaces each such call by a call of the kernel function `bpf_rdonly_cast()` (kernel/bpf/helpers.c, since 6.2), or
/// by an instruction without effect, because aya does not link kernel functions.
pub const CAST: i32 = 0x7e5e_97ca;

/// Size of the pages that the program `read_page` reads, in bytes: that of the kernel's pages, or a part of it.
pub const PAGE_BYTES: usize = 4096;

/// States of the heartbeat, for which user space opens, reads and closes a file to see whether the probes fire.
pub mod heartbeat {
    /// None is in progress.
    pub const NONE: u32 = 0;
    /// User space reads the file.
    pub const ON: u32 = 1;
    /// The ring had no space for one of its events, or the programs had no memory for its session. Neither is counted:
    /// a heartbeat is no part of the trace.
    pub const LOST: u32 = 2;

    /// Bit that is set in the number of each heartbeat's session, and in that of no other session.
    pub const SESSION: u32 = 1 << 31;
}

/// Bits of the field [`Config::flags`].
pub mod flag {
    /// Opens by seqtrace itself are emitted, marked with [`open_flag::OWN`](crate::wire::open_flag::OWN); their
    /// sessions are not traced.
    pub const SHOW_OWN: u32 = 1;
    /// Only opens whose pid is in the filter map are traced.
    pub const FILTER_PID: u32 = 4;
    /// Only opens whose tid is in the filter map are traced.
    pub const FILTER_TID: u32 = 8;
    /// Only opens whose uid is in the filter map are traced.
    pub const FILTER_UID: u32 = 16;
    /// Only opens are traced whose task has a comm with a hash in the filter map.
    pub const FILTER_COMM: u32 = 32;
    /// Only files are traced whose name (last component of the path) has a hash in the filter map.
    pub const FILTER_NAME: u32 = 64;
    /// Files opened by seqtrace itself are traced like any other.
    pub const TRACE_OWN: u32 = 128;
    /// `struct seq_file` begins with the fields buf, size, from, count, pad_until, index and read_pos of 8 bytes each,
    /// so that one read fetches all of them.
    pub const SEQ_HEAD: u32 = 256;
}

plain_data! {
    /// The programs' read-only configuration, set before load.
    pub struct Config [312] {
        pub offsets: Offsets,
        /// Bits of the module [`flag`].
        pub flags: u32,
        /// seqtrace's own thread group id, in its own namespace.
        pub own_pid: u32,
        /// Maximum size of a preview in bytes, at most [`crate::wire::PREVIEW_BYTES`]; 0: no previews are emitted.
        pub preview: u32,
        /// Type id of `struct seq_file` in the kernel's BTF, for reads of its fields without a helper; 0 if the kernel
        /// has no function for [`CAST`], or if [`flag::SEQ_HEAD`] is not set.
        pub seq_file_type: u32,
        pub pad: u32,
        /// seqtrace's own pid namespace; zeroes for the initial one.
        pub own_namespace: Namespace,
        /// Functions that the core calls instead of a file's own show.
        pub wrappers: Wrappers,
        /// Functions that are recognised by a return address within them.
        pub callers: Callers,
    }
}

plain_data! {
    /// Address range of the code of a function; all zero if the kernel has no such function.
    pub struct Text [16] {
        /// Address of the first byte.
        pub begin: u64,
        /// Number of bytes up to the next symbol.
        pub len: u64,
    }
}

impl Text {
    pub const NONE: Self = Self { begin: 0, len: 0 };

    /// Returns true if the address is within the code of the function.
    #[inline(always)]
    pub const fn contains(&self, address: u64) -> bool {
        address.wrapping_sub(self.begin) < self.len
    }
}

plain_data! {
    /// Functions that the programs recognise by a return address on the stack. Probes on these functions would cost
    /// more, in particular when they are detached.
    pub struct Callers [96] {
        pub seq_read_iter: Text,
        pub seq_read: Text,
        pub single_open: Text,
        pub single_open_size: Text,
        /// `__seq_open_private()`, which is also the inner function of `seq_open_private()`.
        pub seq_open_private_raw: Text,
        pub seq_open_private: Text,
    }
}

plain_data! {
    /// A namespace, as stat(2) of its file in /proc/PID/ns identifies it.
    pub struct Namespace [16] {
        pub dev: u64,
        pub ino: u64,
    }
}

plain_data! {
    /// Addresses of functions of kernfs and of its users; 0 if the kernel has no such function.
    pub struct Wrappers [24] {
        /// `kernfs_seq_show()`: `op->show` of all kernfs files.
        pub kernfs_seq_show: u64,
        /// `cgroup_seqfile_show()`: `kernfs_ops->seq_show` of control group files.
        pub cgroup_seqfile_show: u64,
        /// `sysfs_kf_seq_show()`: `kernfs_ops->seq_show` of sysfs files.
        pub sysfs_kf_seq_show: u64,
    }
}

plain_data! {
    /// Key of the map `FILTER`, which holds the values that the filters accept.
    pub struct FilterKey [16] {
        /// One of the bits `FILTER_…` of [`flag`].
        pub what: u32,
        pub pad: u32,
        /// The pid, tid or uid, or the [`Fnv`] hash of the comm or the name.
        pub value: u64,
    }
}

/// Number of bytes of a name that are hashed for [`flag::FILTER_NAME`]; the rest of a longer name is ignored.
pub const NAME_BYTES: usize = 64;

/// A 64-bit FNV-1a hash. The programs and user space share this code, so that both compute the same values.
#[derive(Clone, Copy, Debug)]
pub struct Fnv(u64);

impl Fnv {
    /// Returns the hash of an empty string.
    pub const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Returns the hash of the bytes so far followed by `byte`.
    #[must_use]
    pub const fn push(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0100_0000_01b3))
    }

    /// Returns the hash of a string as the programs compute it: up to a NUL, at most [`NAME_BYTES`] bytes.
    pub fn of(text: &[u8]) -> u64 {
        text.iter()
            .take(NAME_BYTES)
            .take_while(|&&byte| byte != 0)
            .fold(Self::new(), |hash, &byte| hash.push(byte))
            .finish()
    }

    pub const fn finish(self) -> u64 {
        self.0
    }
}

impl Default for Fnv {
    fn default() -> Self {
        Self::new()
    }
}
