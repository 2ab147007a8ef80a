// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/seqoops, a file with ten lines, one of whose callbacks dereferences NULL.
 *
 *	# insmod oops.ko callback=show at=5
 *	# echo 0 > /proc/sys/kernel/panic_on_oops
 *	# cat /dev/seqoops
 *	Segmentation fault
 *	# dmesg | grep RIP:
 *	RIP: 0010:oops_at+0x35/0x40 [oops]
 *
 * The kernel kills the reader inside its read(2): no further callback is called,
 * the read never returns, and the file is released when the task has exited.
 * Load it in a virtual machine only.
 *
 * It shows: a session that ends inside a pass.
 *
 * seqtrace reports: SQ404, the reader died in a callback.
 *
 * The file is a misc device, because a procfs file could never be removed again:
 * the dead reader stays inside its proc_reg_read_iter(), for which
 * remove_proc_entry() waits (proc_entry_rundown(), fs/proc/inode.c).
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "compat.h"

#define OOPS_RECORDS	10

static char *callback = "show";
module_param(callback, charp, 0644);
MODULE_PARM_DESC(callback, "callback that oopses: start, next, show (default) or stop; none");

static unsigned int at = 5;
module_param(at, uint, 0644);
MODULE_PARM_DESC(at, "position at which it oopses (default 5)");

static int *nothing;

static noinline void oops_at(const char *role, loff_t pos)
{
	if (pos == at && sysfs_streq(callback, role))
		WRITE_ONCE(*nothing, 1);
}

static void *oops_record(loff_t pos)
{
	return pos < OOPS_RECORDS ? (void *)(long)(pos + 2) : NULL;
}

static void *oops_start(struct seq_file *m, loff_t *pos)
{
	oops_at("start", *pos);
	return oops_record(*pos);
}

static void *oops_next(struct seq_file *m, void *v, loff_t *pos)
{
	oops_at("next", *pos);
	return oops_record(++*pos);
}

static void oops_stop(struct seq_file *m, void *v)
{
	oops_at("stop", m->index);
}

static int oops_show(struct seq_file *m, void *v)
{
	oops_at("show", m->index);
	seq_printf(m, "record %ld\n", (long)v - 2);
	return 0;
}

static const struct seq_operations oops_ops = {
	.start	= oops_start,
	.next	= oops_next,
	.stop	= oops_stop,
	.show	= oops_show,
};

static int oops_open(struct inode *inode, struct file *file)
{
	/* misc_open() stores the miscdevice there, and seq_open() wants NULL. */
	file->private_data = NULL;
	return seq_open(file, &oops_ops);
}

static const struct file_operations oops_fops = {
	.owner		= THIS_MODULE,
	.open		= oops_open,
	.read_iter	= seq_read_iter,
	.llseek		= seq_lseek,
	.release	= seq_release,
};

static struct miscdevice oops_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "seqoops",
	.fops	= &oops_fops,
};

module_misc_device(oops_device);

MODULE_DESCRIPTION("seqtrace: a callback that dereferences NULL");
MODULE_AUTHOR("The seqtrace developers");
MODULE_LICENSE("GPL");
