// SPDX-License-Identifier: GPL-2.0
/*
 * open() fails after seq_open(), and returns its error without releasing anything:
 * the kernel calls no release for an open that failed, so the seq_file is leaked.
 *
 *   # cat open_fails                 Invalid argument
 *
 * Looks like: ok_open_fails, which releases it first.
 * seqtrace reports: SQ403.
 * The fix: seq_release() before the error is returned.
 */

#include "seqbugs.h"

static void *open_fails_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *open_fails_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void open_fails_stop(struct seq_file *m, void *v)
{
}

static int open_fails_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations open_fails_ops = {
	.start	= open_fails_start,
	.next	= open_fails_next,
	.stop	= open_fails_stop,
	.show	= open_fails_show,
};

static int open_fails_open(struct file *file, const struct seq_operations *ops)
{
	int ret = seq_open(file, ops);

	if (ret)
		return ret;
	return -EINVAL;		/* the bug: seq_release() */
}

static int open_fails_fixed_open(struct file *file, const struct seq_operations *ops)
{
	int ret = seq_open(file, ops);

	if (ret)
		return ret;
	seq_release(file_inode(file), file);
	return -EINVAL;
}

static const struct seqbugs_file open_fails_fixed = {
	.ops		= &open_fails_ops,
	.open		= open_fails_fixed_open,
	.release	= seq_release,
};

const struct seqbugs_file seqbugs_open_fails = {
	.ops		= &open_fails_ops,
	.open		= open_fails_open,
	.release	= seq_release,
	.fixed		= &open_fails_fixed,
};
