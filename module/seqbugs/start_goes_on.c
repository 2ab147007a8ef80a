// SPDX-License-Identifier: GPL-2.0
/*
 * start() does the work of next(): it ignores *pos, goes on from the record that
 * it returned last, and next() ends the pass and does not change *pos. Each read
 * gets one record, and a reader that reads to the end gets all of them.
 *
 *   # cat start_goes_on                          right
 *   # dd if=start_goes_on bs=100 skip=1 count=1  record 1, instead of 3 to 7
 *
 * Looks like: next_ends, whose start() is right.
 * seqtrace reports: SQ102, next(), as the first of two; check: SQ204, start(), as
 * the second.
 * The fix: next() advances *pos and returns the record there, and start() derives
 * it from *pos.
 *
 * In the kernel: debugfs o2dlm/DOMAIN/locking_state (lockres_seq_start() and
 * lockres_seq_next(), fs/ocfs2/dlm/dlmdebug.c).
 */

#include "seqbugs.h"

#define START_GOES_ON_RECORDS 40

struct start_goes_on {
	int done;	/* number of records returned */
};

static struct seqbugs_rec *start_goes_on_rec(loff_t nr)
{
	return nr < START_GOES_ON_RECORDS ? seqbugs_rec(nr) : NULL;
}

static void *start_goes_on_start(struct seq_file *m, loff_t *pos)
{
	struct start_goes_on *it = m->private;

	return start_goes_on_rec(it->done++);	/* the bug: *pos */
}

static void *start_goes_on_next(struct seq_file *m, void *v, loff_t *pos)
{
	return NULL;		/* the bug: ++*pos, and the record there */
}

static void start_goes_on_stop(struct seq_file *m, void *v)
{
}

static int start_goes_on_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations start_goes_on_ops = {
	.start	= start_goes_on_start,
	.next	= start_goes_on_next,
	.stop	= start_goes_on_stop,
	.show	= start_goes_on_show,
};

static int start_goes_on_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct start_goes_on));
}

static void *start_goes_on_fixed_start(struct seq_file *m, loff_t *pos)
{
	return start_goes_on_rec(*pos);
}

static void *start_goes_on_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	return start_goes_on_rec(++*pos);
}

static const struct seq_operations start_goes_on_fixed_ops = {
	.start	= start_goes_on_fixed_start,
	.next	= start_goes_on_fixed_next,
	.stop	= start_goes_on_stop,
	.show	= start_goes_on_show,
};

static const struct seqbugs_file start_goes_on_fixed = {
	.ops		= &start_goes_on_fixed_ops,
	.open		= start_goes_on_open,
	.release	= seq_release_private,
};

const struct seqbugs_file seqbugs_start_goes_on = {
	.ops		= &start_goes_on_ops,
	.open		= start_goes_on_open,
	.release	= seq_release_private,
	.fixed		= &start_goes_on_fixed,
};
