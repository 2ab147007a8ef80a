// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/fellow_root/fellow_entry, a value of at most 16 bytes that can be written
 * and read. A longer write fails with ENOSPC and changes nothing.
 *
 * It shows: single_open() for a value, one record per read, WRITE lines in a
 * session of a seq file, and a write that fails.
 *
 * seqtrace reports: none.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "compat.h"

#define FELLOW_MAX 16

static DEFINE_MUTEX(fellow_lock);
static char fellow_value[FELLOW_MAX];
static size_t fellow_len;

static struct proc_dir_entry *dir;

static int fellow_show(struct seq_file *m, void *v)
{
	mutex_lock(&fellow_lock);
	seq_write(m, fellow_value, fellow_len);
	mutex_unlock(&fellow_lock);
	return 0;
}

static int fellow_open(struct inode *inode, struct file *file)
{
	return single_open(file, fellow_show, NULL);
}

static ssize_t fellow_write(struct file *file, const char __user *ubuf,
			    size_t len, loff_t *ppos)
{
	char new[FELLOW_MAX];

	if (len > sizeof(new))
		return -ENOSPC;
	if (copy_from_user(new, ubuf, len))
		return -EFAULT;

	mutex_lock(&fellow_lock);
	memcpy(fellow_value, new, len);
	fellow_len = len;
	mutex_unlock(&fellow_lock);
	return len;
}

static const struct proc_ops fellow_proc_ops = {
	.proc_open	= fellow_open,
	.proc_read	= seq_read,
	.proc_write	= fellow_write,
	.proc_lseek	= seq_lseek,
	.proc_release	= single_release,
};

static int __init fellow_init(void)
{
	dir = proc_mkdir("fellow_root", NULL);
	if (!dir)
		return -ENOMEM;
	if (!proc_create("fellow_entry", 0644, dir, &fellow_proc_ops)) {
		proc_remove(dir);
		return -ENOMEM;
	}
	return 0;
}

static void __exit fellow_exit(void)
{
	proc_remove(dir);
}

module_init(fellow_init);
module_exit(fellow_exit);

MODULE_DESCRIPTION("seqtrace: a 16-byte value with single_open()");
MODULE_AUTHOR("The seqtrace developers");
MODULE_LICENSE("GPL");
