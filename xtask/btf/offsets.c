// SPDX-License-Identifier: GPL-2.0
/* The types whose fields seqtrace reads, for BTF made from a kernel's headers. It is compiled, and never loaded. */
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/fs.h>
#include <linux/uio.h>
#include <linux/dcache.h>
#include <linux/proc_fs.h>
#include <linux/kernfs.h>
#include <linux/cgroup-defs.h>
#include <linux/device.h>
#include <linux/kprobes.h>

struct seqtrace_types {
	struct seq_file seq_file;
	struct seq_operations seq_operations;
	struct file file;
	struct kiocb kiocb;
	struct iov_iter iov_iter;
	struct dentry dentry;
	struct inode inode;
	struct super_block super_block;
	struct proc_ops proc_ops;
	struct kernfs_node kernfs_node;
	struct kernfs_ops kernfs_ops;
	struct device_attribute device_attribute;
#ifdef CONFIG_CGROUPS
	struct cftype cftype;
#endif
#ifdef CONFIG_KPROBES
	struct kprobe kprobe;
#endif
#ifdef CONFIG_OPTPROBES
	struct optimized_kprobe optimized_kprobe;
#endif
} *seqtrace_types;

MODULE_LICENSE("GPL");
