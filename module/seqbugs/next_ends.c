// SPDX-License-Identifier: GPL-2.0
/*
 * next() advances *pos and always returns NULL; start() finds the record at that
 * position. Each read gets one record, and a reader that reads to the end gets all
 * of them. lseek() and pread() walk with next() and come no further than one
 * record.
 *
 *   # cat next_ends                          right
 *   # dd if=next_ends bs=100 skip=1 count=1  record 1, instead of 3 to 7
 *
 * Looks like: ok_grows, which really has another record by then; eof_stuck after
 * an incomplete repair.
 * seqtrace reports: SQ106, next().
 * The fix: next() returns the record at the position that it sets.
 */

#include "seqbugs.h"

#define NEXT_ENDS_RECORDS 40

static struct seqbugs_rec *next_ends_rec(loff_t nr)
{
	return nr < NEXT_ENDS_RECORDS ? seqbugs_rec(nr) : NULL;
}

static void *next_ends_start(struct seq_file *m, loff_t *pos)
{
	return next_ends_rec(*pos);
}

static void *next_ends_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return NULL;		/* the bug: the record there */
}

static void next_ends_stop(struct seq_file *m, void *v)
{
}

static int next_ends_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations next_ends_ops = {
	.start	= next_ends_start,
	.next	= next_ends_next,
	.stop	= next_ends_stop,
	.show	= next_ends_show,
};

static void *next_ends_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	return next_ends_rec(++*pos);
}

static const struct seq_operations next_ends_fixed_ops = {
	.start	= next_ends_start,
	.next	= next_ends_fixed_next,
	.stop	= next_ends_stop,
	.show	= next_ends_show,
};

static const struct seqbugs_file next_ends_fixed = { .ops = &next_ends_fixed_ops };

const struct seqbugs_file seqbugs_next_ends = {
	.ops	= &next_ends_ops,
	.fixed	= &next_ends_fixed,
};
