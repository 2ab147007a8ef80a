// SPDX-License-Identifier: GPL-2.0
/*
 * single_open() with single_release(). The one record is all three hundred
 * lines, twice the size of the first buffer.
 *
 * Looks like: a record shown twice; single_leak.
 * seqtrace says: none.
 */

#include "seqbugs.h"

static int ok_single_show(struct seq_file *m, void *v)
{
	int id;

	for (id = 0; id < SEQBUGS_RECORDS; id++)
		seqbugs_print(m, id);
	return 0;
}

static int ok_single_open(struct inode *inode, struct file *file)
{
	return single_open(file, ok_single_show, NULL);
}

static const struct proc_ops ok_single_proc_ops = {
	.proc_open	= ok_single_open,
	.proc_read_iter	= seq_read_iter,
	.proc_lseek	= seq_lseek,
	.proc_release	= single_release,
};

const struct seqbugs_file seqbugs_ok_single = { .proc_ops = &ok_single_proc_ops };
