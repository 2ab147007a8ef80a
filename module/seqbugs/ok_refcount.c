// SPDX-License-Identifier: GPL-2.0
/*
 * The text of each record has the number of its users, which includes open
 * descriptors: with two descriptors open, a reader sees other numbers than with
 * one.
 *
 * Looks like: shared_cursor. There, two readers disturb each other; here, they are
 * counted.
 * seqtrace reports: none.
 *
 * In the kernel: the reference counts of debugfs gfs2/NAME/glocks.
 */

#include <linux/atomic.h>

#include "seqbugs.h"

static atomic_t ok_refcount_users;

static void *ok_refcount_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *ok_refcount_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_refcount_stop(struct seq_file *m, void *v)
{
}

static int ok_refcount_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seq_printf(m, "record %03d users %8d\n", rec->id, atomic_read(&ok_refcount_users));
	return 0;
}

static const struct seq_operations ok_refcount_ops = {
	.start	= ok_refcount_start,
	.next	= ok_refcount_next,
	.stop	= ok_refcount_stop,
	.show	= ok_refcount_show,
};

static int ok_refcount_open(struct file *file, const struct seq_operations *ops)
{
	int ret = seq_open(file, ops);

	if (!ret)
		atomic_inc(&ok_refcount_users);
	return ret;
}

static int ok_refcount_release(struct inode *inode, struct file *file)
{
	atomic_dec(&ok_refcount_users);
	return seq_release(inode, file);
}

const struct seqbugs_file seqbugs_ok_refcount = {
	.ops		= &ok_refcount_ops,
	.open		= ok_refcount_open,
	.release	= ok_refcount_release,
};
