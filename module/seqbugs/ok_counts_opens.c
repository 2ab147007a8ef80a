// SPDX-License-Identifier: GPL-2.0
/*
 * The text of the first record has the number of opens of the file so far.
 *
 * Looks like: counting_show, counting_start.
 * seqtrace reports: none.
 */

#include <linux/atomic.h>

#include "seqbugs.h"

static atomic_t ok_counts_opens_count;

static void *ok_counts_opens_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *ok_counts_opens_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_counts_opens_stop(struct seq_file *m, void *v)
{
}

static int ok_counts_opens_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (rec->id == 0)
		seq_printf(m, "opened %09u times\n", atomic_read(&ok_counts_opens_count));
	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_counts_opens_ops = {
	.start	= ok_counts_opens_start,
	.next	= ok_counts_opens_next,
	.stop	= ok_counts_opens_stop,
	.show	= ok_counts_opens_show,
};

static int ok_counts_opens_open(struct file *file, const struct seq_operations *ops)
{
	atomic_inc(&ok_counts_opens_count);
	return seq_open(file, ops);
}

const struct seqbugs_file seqbugs_ok_counts_opens = {
	.ops		= &ok_counts_opens_ops,
	.open		= ok_counts_opens_open,
	.release	= seq_release,
};
