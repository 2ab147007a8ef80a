//! The fields whose offsets the programs need.

use super::{Btf, BtfError, Offsets};
use crate::kernel::{ftrace::FtraceOffsets, kprobes::KprobeOffsets};

impl Btf {
    /// Returns the offsets of all fields that the programs read. The offset of a field that it can do without, and that the BTF lacks, is 0.
    ///
    /// # Errors
    /// The first struct or field that this kernel lacks and that all traces need.
    pub fn offsets(&self) -> Result<Offsets, BtfError> {
        let of = |structure, field| self.offset(structure, field);
        let (file_references, file_one_reference) = match of("file", "f_count") {
            Ok(offset) => (offset, 1),
            Err(_) => (of("file", "f_ref")?, 0),
        };
        let [pde_from_inode, proc_dir_entry_ops, proc_read, proc_read_iter, proc_write] =
            self.plain_files().unwrap_or_default();
        let [kernfs_node_ops, kernfs_node_priv, kernfs_ops_seq_show, device_attribute_show] =
            self.kernfs().unwrap_or_default();
        Ok(Offsets {
            seq_file_buf: of("seq_file", "buf")?,
            seq_file_size: of("seq_file", "size")?,
            seq_file_from: of("seq_file", "from")?,
            seq_file_count: of("seq_file", "count")?,
            seq_file_index: of("seq_file", "index")?,
            seq_file_read_pos: of("seq_file", "read_pos")?,
            seq_file_op: of("seq_file", "op")?,
            seq_file_file: of("seq_file", "file")?,
            seq_file_private: of("seq_file", "private")?,
            seq_operations_start: of("seq_operations", "start")?,
            seq_operations_stop: of("seq_operations", "stop")?,
            seq_operations_next: of("seq_operations", "next")?,
            seq_operations_show: of("seq_operations", "show")?,
            file_private_data: of("file", "private_data")?,
            file_f_inode: of("file", "f_inode")?,
            file_dentry: of("file", "f_path.dentry")?,
            file_f_mode: of("file", "f_mode")?,
            kiocb_ki_filp: of("kiocb", "ki_filp")?,
            kiocb_ki_pos: of("kiocb", "ki_pos")?,
            iov_iter_count: of("iov_iter", "count")?,
            dentry_d_parent: of("dentry", "d_parent")?,
            dentry_name: of("dentry", "d_name.name")?,
            inode_i_ino: of("inode", "i_ino")?,
            inode_i_sb: of("inode", "i_sb")?,
            super_block_s_dev: of("super_block", "s_dev")?,
            super_block_s_magic: of("super_block", "s_magic")?,
            proc_inode_pde_from_inode: pde_from_inode,
            proc_dir_entry_proc_ops: proc_dir_entry_ops,
            proc_ops_proc_read: proc_read,
            proc_ops_proc_read_iter: proc_read_iter,
            proc_ops_proc_write: proc_write,
            file_references,
            file_one_reference,
            inode_i_private: of("inode", "i_private")?,
            kernfs_node_ops,
            kernfs_node_priv,
            kernfs_ops_seq_show,
            // Not needed by a kernel without control groups.
            cftype_seq_show: of("cftype", "seq_show").unwrap_or(0),
            device_attribute_show,
        })
    }

    /// Returns the offsets that traces of plain procfs files need. A kernel's headers lack two of the structs
    /// (fs/proc/internal.h).
    fn plain_files(&self) -> Result<[u32; 5], BtfError> {
        let of = |structure, field| self.offset(structure, field);
        Ok([
            of("proc_inode", "pde")?.wrapping_sub(of("proc_inode", "vfs_inode")?),
            of("proc_dir_entry", "proc_ops")?,
            of("proc_ops", "proc_read")?,
            of("proc_ops", "proc_read_iter")?,
            of("proc_ops", "proc_write")?,
        ])
    }

    /// Returns the offsets by which the function behind the show of kernfs is found.
    fn kernfs(&self) -> Result<[u32; 4], BtfError> {
        Ok([
            self.offset("kernfs_node", "attr.ops")?,
            self.offset("kernfs_node", "priv")?,
            self.offset("kernfs_ops", "seq_show")?,
            self.offset("device_attribute", "show")?,
        ])
    }

    /// Returns a line for each part of a trace that is missing because this BTF lacks its fields.
    pub(in crate::kernel) fn gaps(&self) -> Vec<String> {
        let plain =
            self.plain_files().err().map(|lacks| (lacks, "plain procfs files are not traced"));
        let kernfs = self.kernfs().err();
        let kernfs = kernfs.map(|lacks| (lacks, "functions behind those of kernfs have no names"));
        let gaps = plain.into_iter().chain(kernfs);
        gaps.map(|(lacks, effect)| format!("{lacks}: {effect}")).collect()
    }

    /// Returns the offsets by which the records of ftrace are found.
    ///
    /// # Errors
    /// The kernel has no dynamic ftrace.
    pub(in crate::kernel) fn ftrace(&self) -> Result<FtraceOffsets, BtfError> {
        Ok(FtraceOffsets {
            next: self.offset("ftrace_page", "next")?,
            records: self.offset("ftrace_page", "records")?,
            index: self.offset("ftrace_page", "index")?,
            ip: self.offset("dyn_ftrace", "ip")?,
            flags: self.offset("dyn_ftrace", "flags")?,
            arch_bytes: if self.offset("dyn_arch_ftrace", "mod").is_ok() { 8 } else { 0 },
        })
    }

    /// Returns the offsets by which the kernel's kprobes are found.
    ///
    /// # Errors
    /// The kernel has no kprobes.
    pub(in crate::kernel) fn kprobes(&self) -> Result<KprobeOffsets, BtfError> {
        let of = |field| self.offset("kprobe", field);
        Ok(KprobeOffsets {
            hlist: of("hlist")?,
            addr: of("addr")?,
            opcode: of("opcode")?,
            flags: of("flags")?,
            copied: self.offset("optimized_kprobe", "optinsn.copied_insn").ok(),
        })
    }
}
