// SPDX-License-Identifier: GPL-2.0
/*
 * open() fails after seq_open_private(), and frees its allocations before it
 * returns the error.
 *
 * Looks like: open_fails.
 * seqtrace reports: none; check refuses a file that cannot be opened.
 */

#include "seqbugs.h"

struct ok_open_fails {
	int passes;
};

static void *ok_open_fails_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *ok_open_fails_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_open_fails_stop(struct seq_file *m, void *v)
{
}

static int ok_open_fails_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_open_fails_ops = {
	.start	= ok_open_fails_start,
	.next	= ok_open_fails_next,
	.stop	= ok_open_fails_stop,
	.show	= ok_open_fails_show,
};

static int ok_open_fails_open(struct file *file, const struct seq_operations *ops)
{
	int ret = seq_open_private(file, ops, sizeof(struct ok_open_fails));

	if (ret)
		return ret;
	seq_release_private(file_inode(file), file);
	return -EINVAL;
}

const struct seqbugs_file seqbugs_ok_open_fails = {
	.ops		= &ok_open_fails_ops,
	.open		= ok_open_fails_open,
	.release	= seq_release_private,
};
