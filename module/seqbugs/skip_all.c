// SPDX-License-Identifier: GPL-2.0
/*
 * show() returns the number of bytes that it printed. The core treats every
 * positive number as SEQ_SKIP and discards all records.
 *
 *   # cat skip_all                   nothing
 *
 * Looks like: ok_skip, which means to skip.
 * seqtrace reports: SQ302.
 * The fix: show() returns 0.
 */

#include "seqbugs.h"

static void *skip_all_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *skip_all_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void skip_all_stop(struct seq_file *m, void *v)
{
}

static int skip_all_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;
	size_t before = m->count;

	seqbugs_print(m, rec->id);
	return m->count - before;	/* the bug: 0 */
}

static const struct seq_operations skip_all_ops = {
	.start	= skip_all_start,
	.next	= skip_all_next,
	.stop	= skip_all_stop,
	.show	= skip_all_show,
};

static int skip_all_fixed_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations skip_all_fixed_ops = {
	.start	= skip_all_start,
	.next	= skip_all_next,
	.stop	= skip_all_stop,
	.show	= skip_all_fixed_show,
};

static const struct seqbugs_file skip_all_fixed = { .ops = &skip_all_fixed_ops };

const struct seqbugs_file seqbugs_skip_all = {
	.ops	= &skip_all_ops,
	.fixed	= &skip_all_fixed,
};
