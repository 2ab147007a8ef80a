// SPDX-License-Identifier: GPL-2.0
/*
 * next() moves back: *pos is a number that each record has, and record 200 has a
 * number that another record uses already. next() walks the list and does not
 * notice; start() searches for the number and finds the other record first.
 *
 *   # cat back                              right, if no read resumes there
 *   # dd if=back bs=27 count=1000           197 198 199 197 198 199 ... no end
 *
 * seqtrace reports: SQ103, and SQ201 for a reader that resumes there.
 * The fix: the position is the record's index, in next() and in start().
 */

#include "seqbugs.h"

#define BACK_AT	200
#define BACK_BY	3

static loff_t back_number(const struct seqbugs_rec *rec)
{
	return rec->id < BACK_AT ? rec->id : rec->id - BACK_BY;
}

static void *back_start(struct seq_file *m, loff_t *pos)
{
	loff_t nr = *pos < BACK_AT ? *pos : *pos + BACK_BY;

	return seqbugs_rec(nr);
}

static void *back_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct seqbugs_rec *next = seqbugs_rec_after(v);

	if (next)
		*pos = back_number(next);	/* the bug: not a position */
	else
		++*pos;
	return next;
}

static void back_stop(struct seq_file *m, void *v)
{
}

static int back_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations back_ops = {
	.start	= back_start,
	.next	= back_next,
	.stop	= back_stop,
	.show	= back_show,
};

static void *back_fixed_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *back_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static const struct seq_operations back_fixed_ops = {
	.start	= back_fixed_start,
	.next	= back_fixed_next,
	.stop	= back_stop,
	.show	= back_show,
};

static const struct seqbugs_file back_fixed = { .ops = &back_fixed_ops };

const struct seqbugs_file seqbugs_back = {
	.ops	= &back_ops,
	.fixed	= &back_fixed,
};
